"""What handlers and renderers read back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from bridge.domain.posts import PostKind, PostTarget, PostUpsert, RemotePart
from bridge.domain.runs import Output, OutputKind, RunPhase, RunRequest, RunState, Verb
from bridge.domain.terrakube import PlanCounts, Step, WorkspaceRef
from bridge.domain.vcs import PullRequestState, RepositoryRef
from bridge.domain.work import BranchSeen, LinkRuns, PullRequestSeen, Verdict, Work
from bridge.ports import PullRequestRecord, RunStore
from bridge.store.codecs import COUNTS, PARTS, STEPS, STRINGS, compress, from_ms
from bridge.store.database import Database
from bridge.store.queries.work import apply_work
from bridge.store.runs import SqlRunStore
from bridge.store.schema import output, post, run
from tests.bridge.store.rows import (
    HEAD,
    OLD_HEAD,
    PULL_REQUEST,
    REPOSITORY,
    a_pull_request,
    a_push,
    a_request,
)
from tests.fakes.clock import FakeClock

NOW = 1_700_000_000_000
VERDICT = Verdict(head_sha=HEAD, kind="planning", text="", workspaces=1)


def _job_url(workspace: WorkspaceRef, job_id: str) -> str:
    return f"https://ui/{workspace}/{job_id}"


@pytest.fixture
def store(database: Database) -> SqlRunStore:
    return SqlRunStore(database=database, job_url=_job_url, clock=FakeClock())


async def keep(
    store: SqlRunStore,
    *requests: RunRequest,
    at: int = NOW,
    **work: Any,  # noqa: ANN401 - Work's
) -> list[str]:
    written = Work(runs=list(requests), **work)
    return list(await store.database.write(apply_work, written, at))


async def see(store: SqlRunStore, verdict: Verdict | None = VERDICT, **changes: object) -> None:
    seen = PullRequestSeen(pull_request=a_pull_request(**changes), verdict=verdict)
    await keep(store, pull_requests=[seen])


async def set_run(store: SqlRunStore, run_id: str, values: Mapping[str, object]) -> None:
    await store.database.write(_set_run, run_id, values)


def _set_run(connection: Connection, run_id: str, values: Mapping[str, object]) -> None:
    connection.execute(update(run).where(run.c.id == run_id).values(values))


def test_it_is_what_handlers_ask_for(store: SqlRunStore) -> None:
    port: RunStore = store
    assert port is store


async def test_a_run_is_read_as_it_was_written(store: SqlRunStore) -> None:
    request = a_request(why="folder `network` holds `main.tf`")
    (run_id,) = await keep(store, request)
    steps = (Step(id="s", number=100, name="Plan", status="completed"),)
    counts = PlanCounts(add=1, change=2, destroy=3)
    values = {
        "phase": "finished",
        "state": "succeeded",
        "job_id": "7",
        "job_status": "completed",
        "steps": STEPS.dump(steps),
        "plan_changes": 1,
        "counts": COUNTS.dump(counts),
        "digest": "json1:abc",
        "finished_at": NOW + 5,
    }
    await set_run(store, run_id, values)

    found = await store.run(run_id)

    assert found is not None
    assert found.request == request
    assert (found.phase, found.state) == (RunPhase.FINISHED, RunState.SUCCEEDED)
    assert (found.job_id, found.steps, found.plan_changes) == ("7", steps, True)
    assert (found.counts, found.digest) == (counts, "json1:abc")
    assert (found.created_at, found.finished_at) == (from_ms(NOW), from_ms(NOW + 5))
    assert await store.run("none") is None


class TestPullRequestReport:
    async def test_nothing_is_said_about_an_unknown_one(self, store: SqlRunStore) -> None:
        assert await store.pull_request_report(PULL_REQUEST) is None

    async def test_it_holds_the_newest_run_of_each_workspace_with_its_texts(
        self, store: SqlRunStore
    ) -> None:
        await see(store)
        (older, _) = await keep(store, a_request("network"), a_request("database"))
        await set_run(store, older, {"phase": "finished"})
        (newer,) = await keep(store, a_request("network", trigger="comment:1:0"), at=NOW + 1)
        await store.database.write(_write_outputs, newer)
        await set_run(store, newer, {"job_id": "7", "destroyed": STRINGS.dump(("a.b",))})

        report = await store.pull_request_report(PULL_REQUEST)

        assert report is not None
        assert (report.head_sha, report.verdict, report.command) == (HEAD, VERDICT, "terrakube")
        assert [str(entry.run.request.workspace) for entry in report.runs] == [
            "acme/database",
            "acme/network",
        ]
        network = report.runs[1]
        assert (network.run.id, network.job_url) == (newer, "https://ui/acme/network/7")
        assert network.destroyed == ("a.b",)
        assert network.outputs == (
            Output(kind=OutputKind.ERROR, text="no\n"),
            Output(kind=OutputKind.PLAN, text="+ ü"),
        )
        assert (report.runs[0].job_url, report.stale, report.pushes) == ("", (), ())

    async def test_plans_of_an_older_head_are_told_apart(self, store: SqlRunStore) -> None:
        await see(store)
        old = {"commit_id": OLD_HEAD, "trigger": "older"}
        await keep(store, a_request("network", **old), a_request("database", **old))
        await keep(store, a_request("network"), at=NOW + 1)
        report = await store.pull_request_report(PULL_REQUEST)
        assert report is not None
        assert [entry.run.request.workspace.name for entry in report.runs] == ["network"]
        assert [entry.run.request.workspace.name for entry in report.stale] == ["database"]

    async def test_an_apply_of_an_older_head_stays_until_the_new_one_has_its_own(
        self, store: SqlRunStore
    ) -> None:
        await see(store)
        old = {"commit_id": OLD_HEAD, "trigger": "older"}
        applies = {"verb": Verb.APPLY, "applies": True}
        await keep(store, a_request("network", **old), a_request("network", **old, **applies))
        shown: list[tuple[list[Verb], list[Verb]]] = []
        for request in (None, a_request("network"), a_request("network", **applies)):
            await keep(store, *([request] if request else []), at=NOW + 1)
            report = await store.pull_request_report(PULL_REQUEST)
            assert report is not None
            runs, stale = (
                [one.run.request.verb for one in found] for found in (report.runs, report.stale)
            )
            shown.append((runs, stale))
        assert shown == [
            ([], [Verb.APPLY, Verb.PLAN]),
            ([Verb.PLAN], [Verb.APPLY]),
            ([Verb.APPLY, Verb.PLAN], []),
        ]

    @pytest.mark.parametrize(
        ("changes", "can"),
        [
            ({}, True),
            ({"from_fork": True}, False),
            ({"state": PullRequestState.CLOSED}, False),
            ({"state": PullRequestState.MERGED}, False),
        ],
    )
    async def test_what_is_open_and_no_fork_may_be_applied(
        self, store: SqlRunStore, changes: Mapping[str, object], *, can: bool
    ) -> None:
        await see(store, VERDICT, **changes)
        report = await store.pull_request_report(PULL_REQUEST)
        assert report is not None
        assert report.can_apply is can

    async def test_runs_of_its_merge_are_told_apart(self, store: SqlRunStore) -> None:
        await see(store, state=PullRequestState.MERGED, merge_commit="c" * 40)
        await keep(store, a_request())
        (pushed,) = await keep(
            store,
            a_push(commit_id="c" * 40),
        )
        await keep(store, links=[LinkRuns(pull_request=PULL_REQUEST, commit="c" * 40)])
        report = await store.pull_request_report(PULL_REQUEST)
        assert report is not None
        assert [entry.run.id for entry in report.pushes] == [pushed]
        assert len(report.runs) == 1

    async def test_a_push_of_the_head_before_the_merge_counts_as_its_plan(
        self, store: SqlRunStore
    ) -> None:
        await see(store)
        (pushed,) = await keep(store, a_push())
        assert await keep(store, a_request(), at=NOW + 1) == []
        report = await store.pull_request_report(PULL_REQUEST)
        assert report is not None
        assert [entry.run.id for entry in report.runs] == [pushed]


class TestCommitReport:
    async def test_it_holds_the_verdict_of_every_open_pull_request_with_that_head(
        self, store: SqlRunStore
    ) -> None:
        second = replace(VERDICT, kind="fork")
        await see(store)
        await see(store, second, ref=replace(PULL_REQUEST, number=4))
        await see(store, ref=replace(PULL_REQUEST, number=5), state=PullRequestState.CLOSED)
        await see(store, ref=replace(PULL_REQUEST, number=6), head_sha=OLD_HEAD)
        await see(store, None, ref=replace(PULL_REQUEST, number=7))
        report = await store.commit_report(REPOSITORY, HEAD)
        assert report.verdicts == (VERDICT, second)

    async def test_it_holds_the_newest_run_of_each_workspace_and_verb(
        self, store: SqlRunStore
    ) -> None:
        (planned,) = await keep(store, a_request())
        await set_run(store, planned, {"phase": "finished"})
        (pushed,) = await keep(store, a_push())
        await keep(store, a_request("other", commit_id=OLD_HEAD, trigger="older"))
        report = await store.commit_report(REPOSITORY, HEAD)
        assert [entry.run.id for entry in report.runs] == [planned, pushed]
        elsewhere = RepositoryRef(forge="code", id="8", slug="acme/other")
        assert (await store.commit_report(elsewhere, HEAD)).runs == ()

    async def test_what_a_pull_request_has_left_hides_nothing_of_another_one(
        self, store: SqlRunStore
    ) -> None:
        """One must not unlock another."""
        (failed,) = await keep(store, a_request())
        await set_run(store, failed, {"phase": "finished", "state": "failed"})
        (left,) = await keep(store, a_request(trigger="of another", pull_request=4))
        await set_run(store, left, {"phase": "finished", "superseded_by": "retargeted"})
        report = await store.commit_report(REPOSITORY, HEAD)
        assert [entry.run.id for entry in report.runs] == [failed]


class TestRecords:
    async def test_a_pull_request_is_found_by_its_merge_commit(self, store: SqlRunStore) -> None:
        await see(store, state=PullRequestState.MERGED, merge_commit="c" * 40)
        assert await store.pull_request_by_merge_commit(REPOSITORY, "c" * 40) == PULL_REQUEST
        assert await store.pull_request_by_merge_commit(REPOSITORY, HEAD) is None

    async def test_open_ones_are_listed_as_stored(self, store: SqlRunStore) -> None:
        await see(store, from_fork=True)
        await see(store, ref=replace(PULL_REQUEST, number=4), state=PullRequestState.CLOSED)
        record = PullRequestRecord(
            ref=PULL_REQUEST,
            state="open",
            head_sha=HEAD,
            base_branch="main",
            draft=False,
            from_fork=True,
            merge_commit=None,
            verdict=VERDICT,
            allowed_head=None,
        )
        assert await store.known_open_pull_requests(REPOSITORY) == [record]
        assert await store.pull_request(PULL_REQUEST) == record
        assert await store.pull_request(replace(PULL_REQUEST, number=9)) is None

    async def test_repositories_and_branches_are_known_once_seen(self, store: SqlRunStore) -> None:
        await keep(store, branches=[BranchSeen(repository=REPOSITORY, branch="main", sha=HEAD)])
        assert await store.known_repositories("code") == [REPOSITORY]
        assert await store.known_repositories("github") == []
        assert await store.branch_head(REPOSITORY, "main") == HEAD
        assert await store.branch_head(REPOSITORY, "dev") is None

    async def test_a_comment_of_ours_is_found_by_its_id(self, store: SqlRunStore) -> None:
        wanted = PostUpsert(
            kind=PostKind.REPORT,
            target=PostTarget(repository=REPOSITORY, number=3),
            report=PULL_REQUEST.key,
        )
        await keep(store, posts=[wanted])
        await store.database.write(_set_parts)
        assert await store.own_comment_owner(REPOSITORY, "52") == (PULL_REQUEST, "def")
        assert await store.own_comment_owner(REPOSITORY, "5") is None
        assert await store.own_comment_owner(REPOSITORY, "%") is None


def _write_outputs(connection: Connection, run_id: str) -> None:
    for kind, text in (("plan", "+ ü"), ("error", "no\n"), ("changes", "[]")):
        connection.execute(
            insert(output).values(run_id=run_id, kind=kind, body=compress(text), created_at=NOW)
        )


def _set_parts(connection: Connection) -> None:
    parts = (RemotePart(id="51", hash="abc"), RemotePart(id="52", hash="def"))
    connection.execute(update(post).values(parts=PARTS.dump(parts)))


class TestWhatCommandsAsk:
    async def test_the_newest_plan_of_each_workspace_counts(self, store: SqlRunStore) -> None:
        await keep(store, a_request(trigger="old", commit_id=OLD_HEAD))
        (other,) = await keep(store, a_request("storage"))
        plans: list[str] = []
        for at in range(3):
            plans += await keep(store, a_request(trigger=f"plan {at}"), at=NOW + at)
            await set_run(store, plans[-1], {"phase": "finished"})
        newest, cancelled, superseded = plans
        await set_run(store, cancelled, {"state": "cancelled"})
        await set_run(store, superseded, {"superseded_by": "x"})
        await keep(store, a_request(verb=Verb.APPLY, trigger="apply"), at=NOW + 40)

        found = await store.latest_plans(PULL_REQUEST, HEAD)
        assert {plan.request.workspace.name: plan.id for plan in found.values()} == {
            "network": newest,
            "storage": other,
        }

    async def test_open_runs_and_those_that_wait_are_told_apart(self, store: SqlRunStore) -> None:
        waiting, going, done = await keep(
            store, *(a_request(f"w-{at}", verb=Verb.APPLY) for at in range(3))
        )
        await keep(store, a_request(pull_request=4, trigger="other"))
        created = {"phase": "created", "job_id": "1"}
        await set_run(store, waiting, {**created, "state": "waiting"})
        await set_run(store, going, {**created, "state": "running"})
        await set_run(store, done, {"phase": "finished", "state": "waiting"})
        assert {one.id for one in await store.open_runs(PULL_REQUEST)} == {waiting, going}
        assert [one.id for one in await store.runs_waiting(PULL_REQUEST)] == [waiting]

    async def test_an_apply_that_waits_does_not_hide_the_one_at_work(
        self, store: SqlRunStore
    ) -> None:
        await see(store)
        first, second = [
            (await keep(store, a_request(verb=Verb.APPLY, trigger=f"{at}"), at=NOW + at))[0]
            for at in range(2)
        ]
        shown: list[str] = []
        for phase in ("created", "finished"):
            await set_run(store, first, {"phase": phase, "job_id": "1"})
            report = await store.pull_request_report(PULL_REQUEST)
            assert report is not None
            shown += [one.run.id for one in report.runs]
        assert shown == [first, second]

    async def test_what_a_broken_off_apply_did_is_reported(self, store: SqlRunStore) -> None:
        await see(store)
        (run_id,) = await keep(store, a_request(verb=Verb.APPLY))
        await set_run(store, run_id, {"applied": '["a.one"]', "not_applied": '["a.two"]'})
        report = await store.pull_request_report(PULL_REQUEST)
        assert report is not None
        (shown,) = report.runs
        assert (shown.applied, shown.not_applied) == (("a.one",), ("a.two",))
        assert (shown.queue, report.holds) == (None, ())
