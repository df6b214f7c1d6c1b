"""Writing down what handling a delivery led to."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from sqlalchemy import Connection, update

from bridge.domain.posts import PostKind, PostTarget, PostUpsert, RemotePart
from bridge.domain.runs import RunOptions, RunRequest, TemplateChoice, Verb
from bridge.domain.work import (
    Allowance,
    AuditEntry,
    BranchSeen,
    LinkRuns,
    PullRequestSeen,
    Supersede,
    Verdict,
    Work,
)
from bridge.store import hints
from bridge.store.codecs import PARTS, POST_TARGET, RUN_REQUEST, VERDICT
from bridge.store.database import Database
from bridge.store.queries.told import touch_reports
from bridge.store.queries.work import apply_work, share_key
from bridge.store.schema import (
    audit,
    branch_head,
    organization,
    post,
    pull_request,
    repository,
    run,
    run_link,
)
from tests.bridge.store.rows import (
    HEAD,
    OLD_HEAD,
    PULL_REQUEST,
    REPOSITORY,
    a_pull_request,
    a_push,
    a_request,
    rows_of,
)

NOW = 1_700_000_000_000
LATER = NOW + 60_000

A_REPORT = PostUpsert(
    kind=PostKind.REPORT,
    target=PostTarget(repository=REPOSITORY, number=3),
    report=PULL_REQUEST.key,
)
A_REPLY = PostUpsert(
    kind=PostKind.REPLY,
    target=PostTarget(repository=REPOSITORY, number=3, comment_id="9"),
    report=PULL_REQUEST.key,
    content="Not available yet.",
)


async def apply(database: Database, work: Work, now: int = NOW) -> list[str]:
    return list(await database.write(apply_work, work, now))


async def links(database: Database) -> set[tuple[str, str]]:
    return {(row["run_id"], row["report"]) for row in await rows_of(database, run_link)}


async def set_runs(database: Database, **values: object) -> None:
    await database.write(_set_runs, values)


def _set_runs(connection: Connection, values: Mapping[str, object]) -> None:
    connection.execute(update(run).values(values))


class TestRuns:
    async def test_a_request_becomes_an_intent_that_is_due(self, database: Database) -> None:
        woken = database.subscribe(hints.RUN)
        (run_id,) = await apply(database, Work(runs=[a_request()]))

        (row,) = await rows_of(database, run)
        assert RUN_REQUEST.load(row["request"]) == a_request()
        assert {name: row[name] for name in ("id", "phase", "state", "due_at", "job_id")} == {
            "id": run_id,
            "phase": "planned",
            "state": "queued",
            "due_at": NOW,
            "job_id": None,
        }
        assert await links(database) == {(run_id, report) for report in a_request().reports}
        (followed,) = await rows_of(database, organization)
        assert (followed["id"], followed["name"]) == ("o-1", "acme")
        assert woken.is_set()

    async def test_the_same_trigger_makes_one_run_however_often(self, database: Database) -> None:
        first = await apply(database, Work(runs=[a_request(), a_request()]))
        await set_runs(database, phase="finished", state="succeeded")
        other = replace(a_request(), reports=("commit:code:7:elsewhere",))

        assert len(first) == 1
        assert await apply(database, Work(runs=[other]), LATER) == []

        assert (first[0], "commit:code:7:elsewhere") in await links(database)
        assert len(await rows_of(database, run)) == 1

    async def test_two_hundred_workspaces_are_two_hundred_runs_in_order(
        self, database: Database
    ) -> None:
        requests = [a_request(f"w-{at}") for at in range(200)]
        created = await apply(database, Work(runs=requests))
        stored = {row["id"]: row["workspace_id"] for row in await rows_of(database, run)}
        assert [stored[run_id] for run_id in created] == [r.workspace.id for r in requests]

    async def test_a_push_of_the_planned_commit_shares_the_run(self, database: Database) -> None:
        (run_id,) = await apply(database, Work(runs=[a_request()]))

        assert await apply(database, Work(runs=[a_push(reports=("commit:x",))])) == []

        (row,) = await rows_of(database, run)
        assert row["shared"] == 1
        assert (run_id, "commit:x") in await links(database)

    async def test_a_finished_run_is_not_shared(self, database: Database) -> None:
        await apply(database, Work(runs=[a_request()]))
        await set_runs(database, phase="finished", state="succeeded")
        assert len(await apply(database, Work(runs=[a_push()]))) == 1

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(a_push("database"), id="workspace"),
            pytest.param(a_push(commit_id=OLD_HEAD), id="commit"),
            pytest.param(a_push(tag="v1"), id="tag"),
            pytest.param(a_push(options=RunOptions(refresh=False)), id="options"),
            pytest.param(a_push(template=TemplateChoice(reference="x", id="t-2")), id="template"),
            pytest.param(a_push(template=TemplateChoice(reference="b", tcl="flow:")), id="inline"),
            pytest.param(a_push(template=TemplateChoice(reference="unknown")), id="unresolved"),
            pytest.param(a_push(verb=Verb.APPLY), id="apply"),
        ],
    )
    async def test_whatever_differs_has_a_run_of_its_own(
        self, database: Database, other: RunRequest
    ) -> None:
        await apply(database, Work(runs=[a_request()]))
        assert len(await apply(database, Work(runs=[other]))) == 1

    @pytest.mark.parametrize("verb", [Verb.APPLY, Verb.DESTROY])
    def test_what_changes_infrastructure_on_command_is_never_shared(self, verb: Verb) -> None:
        assert share_key(a_request(verb=verb)) is None

    def test_equal_inline_templates_are_shared_by_their_text(self) -> None:
        inline = TemplateChoice(reference="built-in", tcl="flow:\n")
        named = replace(inline, name="Built-in plan")
        assert share_key(a_request(template=inline)) == share_key(a_push(template=named))

    async def test_pushes_of_a_commit_are_linked_whichever_came_first(
        self, database: Database
    ) -> None:
        push = a_push(commit_id=OLD_HEAD, reports=("commit:x",))
        (pushed,) = await apply(database, Work(runs=[push]))
        await apply(database, Work(runs=[a_request("other", commit_id=OLD_HEAD)]))

        await apply(database, Work(links=[LinkRuns(pull_request=PULL_REQUEST, commit=OLD_HEAD)]))

        assert (pushed, PULL_REQUEST.key) in await links(database)


class TestSuperseding:
    OLDER = Supersede(pull_request=PULL_REQUEST, keep_head="c" * 40, reason="a newer head")
    CLOSED = Supersede(pull_request=PULL_REQUEST, keep_head=None, reason="closed")

    async def test_a_plan_that_was_not_sent_ends(self, database: Database) -> None:
        await apply(database, Work(runs=[a_request()]))
        await set_runs(database, owner="one", lease_until=NOW + 1, fence=4)

        await apply(database, Work(supersedes=[self.OLDER]), LATER)

        (row,) = await rows_of(database, run)
        assert (row["phase"], row["state"], row["reason"]) == (
            "finished",
            "superseded",
            "a newer head",
        )
        assert (row["superseded_by"], row["finished_at"], row["due_at"]) == ("c" * 40, LATER, None)
        assert (row["owner"], row["fence"]) == (None, 5), "its worker must not send it any more"

    @pytest.mark.parametrize(
        ("phase", "status", "cancelled"),
        [
            ("posting", "", 1),
            ("unknown", "", 1),
            ("created", "pending", 1),
            ("created", "queue", 1),
            ("created", "running", 0),
            ("created", "waitingApproval", 0),
            ("collecting", "completed", 0),
        ],
    )
    async def test_a_job_is_cancelled_while_it_does_not_run(
        self, database: Database, phase: str, status: str, cancelled: int
    ) -> None:
        await apply(database, Work(runs=[a_request()]))
        await set_runs(database, phase=phase, job_status=status, due_at=None)

        await apply(database, Work(supersedes=[self.CLOSED]), LATER)

        (row,) = await rows_of(database, run)
        assert (row["phase"], row["superseded_by"]) == (phase, "closed")
        assert row["cancel_requested"] == cancelled
        assert row["due_at"] == (LATER if cancelled else None)

    @pytest.mark.parametrize(
        "kept",
        [
            pytest.param(a_request(commit_id="c" * 40), id="current head"),
            pytest.param(a_request(applies=True), id="applies"),
            pytest.param(a_request(pull_request=4), id="other pull request"),
            pytest.param(a_push(), id="push"),
        ],
    )
    async def test_what_still_matters_is_kept(self, database: Database, kept: RunRequest) -> None:
        await apply(database, Work(runs=[kept]))
        await apply(database, Work(supersedes=[self.OLDER]), LATER)
        (row,) = await rows_of(database, run)
        assert (row["phase"], row["superseded_by"]) == ("planned", "")

    async def test_only_chosen_workspaces_are_superseded(self, database: Database) -> None:
        await apply(database, Work(runs=[a_request("network"), a_request("database")]))
        chosen = replace(self.CLOSED, workspaces=frozenset({"w-network"}))
        await apply(database, Work(supersedes=[chosen]))
        assert {row["workspace_id"]: row["phase"] for row in await rows_of(database, run)} == {
            "w-network": "finished",
            "w-database": "planned",
        }

    @pytest.mark.parametrize("phase", ["finished", "created"])
    async def test_what_was_planned_for_another_base_is_not_shown_any_more(
        self, database: Database, phase: str
    ) -> None:
        await apply(database, Work(runs=[a_request("network"), a_request("database")]))
        await set_runs(database, phase=phase, state="failed", job_status="running", due_at=None)
        left = replace(self.CLOSED, workspaces=frozenset({"w-network"}))
        await apply(database, Work(supersedes=[left]), LATER)

        rows = {row["workspace_id"]: row for row in await rows_of(database, run)}
        assert {name: row["superseded_by"] for name, row in rows.items()} == {
            "w-network": "retargeted",
            "w-database": "",
        }
        assert {row["phase"] for row in rows.values()} == {phase}
        assert {row["cancel_requested"] for row in rows.values()} == {0}
        shown = [key for key, report in await links(database) if report == PULL_REQUEST.key]
        assert shown == [rows["w-database"]["id"]]

    async def test_back_at_its_base_it_is_planned_anew(self, database: Database) -> None:
        await apply(database, Work(runs=[a_request()]))
        await set_runs(database, phase="finished", state="succeeded", due_at=None)
        left = replace(self.CLOSED, workspaces=frozenset({"w-network"}))
        await apply(database, Work(supersedes=[left]))
        assert len(await apply(database, Work(runs=[a_request()]), LATER)) == 1

    async def test_what_another_pull_request_counts_on_is_hidden_in_this_one_only(
        self, database: Database
    ) -> None:
        other = a_request(
            trigger="other", pull_request=4, reports=("pr:code:7:4", a_request().reports[1])
        )
        await apply(database, Work(runs=[a_request()]))
        await apply(database, Work(runs=[other]))
        left = replace(self.CLOSED, workspaces=frozenset({"w-network"}))
        await apply(database, Work(supersedes=[left]))
        (row,) = await rows_of(database, run)
        assert (row["phase"], row["superseded_by"]) == ("planned", "")
        assert sorted(report for _, report in await links(database)) == sorted(other.reports)

    async def test_a_run_that_a_push_counts_on_is_kept(self, database: Database) -> None:
        await apply(database, Work(runs=[a_request()]))
        await apply(database, Work(runs=[a_push()]))
        await apply(database, Work(supersedes=[self.CLOSED]))
        assert [row["phase"] for row in await rows_of(database, run)] == ["planned"]

    async def test_the_same_head_may_come_back(self, database: Database) -> None:
        """Closed and reopened: the trigger is the same, and its run is gone."""
        await apply(database, Work(runs=[a_request()]))
        await apply(database, Work(supersedes=[self.CLOSED]))

        assert len(await apply(database, Work(runs=[a_request()]), LATER)) == 1

        states = {(row["phase"], row["created_at"]) for row in await rows_of(database, run)}
        assert states == {("finished", NOW), ("planned", LATER)}

    async def test_its_report_is_rewritten(self, database: Database) -> None:
        await apply(database, Work(runs=[a_request()], posts=[A_REPORT]))
        await database.write(_sent)
        await apply(database, Work(supersedes=[self.CLOSED]), LATER)
        (row,) = await rows_of(database, post)
        assert (row["revision"], row["due_at"]) == (2, LATER)


class TestPosts:
    async def test_a_post_is_made_due(self, database: Database) -> None:
        woken = database.subscribe(hints.POST)
        await apply(database, Work(posts=[A_REPLY]))
        (row,) = await rows_of(database, post)
        assert POST_TARGET.load(row["target"]) == A_REPLY.target
        assert {name: row[name] for name in ("key", "kind", "report", "content")} == {
            "key": "reply:code:7:3:9:",
            "kind": "reply",
            "report": PULL_REQUEST.key,
            "content": "Not available yet.",
        }
        assert (row["revision"], row["sent_revision"], row["due_at"]) == (1, 0, NOW)
        assert woken.is_set()

    async def test_rewriting_leaves_the_lease_alone(self, database: Database) -> None:
        await apply(database, Work(posts=[A_REPORT]))
        await database.write(_hold_post)

        await apply(database, Work(posts=[A_REPORT]), LATER)

        (row,) = await rows_of(database, post)
        assert (row["revision"], row["due_at"]) == (2, NOW)
        assert (row["owner"], row["fence"], row["lease_until"]) == ("one", 7, LATER)

    async def test_a_dead_post_comes_back_when_it_is_asked_for(self, database: Database) -> None:
        await apply(database, Work(posts=[A_REPORT]))
        await database.write(_sent, {"dead": 1, "failures": 8})
        await apply(database, Work(posts=[A_REPORT]), LATER)
        (row,) = await rows_of(database, post)
        assert (row["dead"], row["failures"], row["due_at"]) == (0, 0, LATER)

    async def test_what_somebody_changed_is_sent_again(self, database: Database) -> None:
        await apply(database, Work(posts=[A_REPORT]))
        await database.write(_sent, {"parts": PARTS.dump((RemotePart(id="5", hash="abc"),))})
        await apply(database, Work(posts=[replace(A_REPORT, resend=True)]))
        (row,) = await rows_of(database, post)
        assert PARTS.load(row["parts"]) == (RemotePart(id="5", hash=""),)

    async def test_changed_runs_make_their_composed_posts_due(self, database: Database) -> None:
        elsewhere = replace(
            A_REPORT, target=PostTarget(repository=REPOSITORY, number=4), report="pr:code:7:4"
        )
        await apply(database, Work(posts=[A_REPORT, A_REPLY, elsewhere]))
        await database.write(_sent)

        await database.write(touch_reports, [PULL_REQUEST.key, "pr:unknown"], LATER)

        assert {row["key"]: row["due_at"] for row in await rows_of(database, post)} == {
            "report:code:7:3": LATER,
            "report:code:7:4": None,
            "reply:code:7:3:9:": None,
        }


class TestWhatWasSeen:
    async def test_the_newest_look_is_kept_and_the_verdict_until_a_new_one(
        self, database: Database
    ) -> None:
        verdict = Verdict(head_sha=HEAD, kind="planning", text="", workspaces=2)
        seen = PullRequestSeen(pull_request=a_pull_request(), verdict=verdict)
        await apply(database, Work(pull_requests=[seen]))
        newer = PullRequestSeen(pull_request=a_pull_request(draft=True, title="Draft"))
        await apply(database, Work(pull_requests=[newer]), LATER)

        (row,) = await rows_of(database, pull_request)
        assert (row["id"], row["draft"], row["title"]) == (PULL_REQUEST.key, 1, "Draft")
        assert VERDICT.load(row["verdict"]) == verdict

    async def test_an_allowance_is_for_one_commit(self, database: Database) -> None:
        seen = PullRequestSeen(pull_request=a_pull_request())
        allowance = Allowance(pull_request=PULL_REQUEST, head_sha=HEAD, actor="ada")
        await apply(database, Work(pull_requests=[seen], allowances=[allowance]))
        await apply(database, Work(pull_requests=[seen]))
        (row,) = await rows_of(database, pull_request)
        assert row["allowed_head"] == HEAD

    @pytest.mark.parametrize("changes", [{"base_branch": "production"}, {"head_sha": OLD_HEAD}])
    async def test_an_allowance_ends_with_the_base_and_the_head_it_was_given_at(
        self, database: Database, changes: dict[str, str]
    ) -> None:
        seen = PullRequestSeen(pull_request=a_pull_request())
        allowance = Allowance(pull_request=PULL_REQUEST, head_sha=HEAD, actor="ada")
        await apply(database, Work(pull_requests=[seen], allowances=[allowance]))
        elsewhere = PullRequestSeen(pull_request=replace(a_pull_request(), **changes))  # type: ignore[arg-type]  # named by each case
        await apply(database, Work(pull_requests=[elsewhere]))
        await apply(database, Work(pull_requests=[seen]))
        (row,) = await rows_of(database, pull_request)
        assert row["allowed_head"] is None
        await apply(database, Work(pull_requests=[elsewhere], allowances=[allowance]))
        (row,) = await rows_of(database, pull_request)
        assert row["allowed_head"] == HEAD

    async def test_branches_and_repositories_are_remembered(self, database: Database) -> None:
        renamed = replace(REPOSITORY, slug="acme/network")
        for sha, where in ((OLD_HEAD, REPOSITORY), (HEAD, renamed)):
            await apply(
                database, Work(branches=[BranchSeen(repository=where, branch="main", sha=sha)])
            )
        (head,) = await rows_of(database, branch_head)
        assert (head["id"], head["sha"]) == ("branch:code:7:main", HEAD)
        (known,) = await rows_of(database, repository)
        assert (known["id"], known["slug"]) == ("code:7", "acme/network")

    async def test_the_audit_only_grows(self, database: Database) -> None:
        entry = AuditEntry(
            actor="ada",
            action="plan.requested",
            door="comment",
            subject=PULL_REQUEST.key,
            result="done",
            detail="",
        )
        await apply(database, Work(audits=[entry]))
        await apply(database, Work(audits=[entry]), LATER)
        assert [(row["at"], row["actor"]) for row in await rows_of(database, audit)] == [
            (NOW, "ada"),
            (LATER, "ada"),
        ]


async def test_everything_or_nothing(database: Database) -> None:
    """A row that cannot be written takes all others with it."""
    broken = replace(a_request(), trigger=None)  # type: ignore[arg-type]
    work = Work(runs=[broken], branches=[BranchSeen(repository=REPOSITORY, branch="m", sha=HEAD)])
    with pytest.raises(Exception, match=r"NOT NULL|null value"):
        await apply(database, work)
    assert await rows_of(database, branch_head) == []


def _sent(connection: Connection, values: Mapping[str, object] | None = None) -> None:
    connection.execute(update(post).values({"due_at": None, **(values or {})}))


def _hold_post(connection: Connection) -> None:
    connection.execute(update(post).values(owner="one", fence=7, lease_until=LATER))
