"""Starting runs from the chat: what starts, what is asked first, and what is refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from bridge.domain.access import AccessRule
from bridge.domain.chat import ChatReportKey
from bridge.domain.holds import Hold
from bridge.domain.posts import ChatTarget, PostKind, PostUpsert
from bridge.domain.rules import ApplyPolicy, Policy
from bridge.domain.runs import (
    Run,
    RunOptions,
    RunPhase,
    RunRequest,
    RunState,
    TemplateChoice,
    Verb,
)
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.domain.work import AuditEntry, Work
from bridge.store.chat import SqlChatStore
from bridge.store.codecs import to_ms
from bridge.store.database import Database
from bridge.store.queries.runs import newest
from bridge.store.queries.work import apply_work
from tests.bridge.decisions.applying import a_rule
from tests.fakes.chats import TEAM, FakeChatStore, an_identity
from tests.fakes.forge import BASE, HEAD, INFRA
from tests.fakes.jobserver import APPROVED_FLOW
from tests.fakes.runs import a_run
from tests.handlers.chat.rooms import HOOK, Room
from tests.handlers.chat.speech import Threads, a_room, said, whispers
from tests.handlers.conftest import NOW

MAY = a_rule("slack:user:U1", may="plan apply destroy")
DESTROYING = ApplyPolicy()
ADA = "Ada Lovelace (slack:U1)"
LIVE = str(ChatReportKey(team=TEAM, channel="C1", group="slack:T1:1.2"))
ELSEWHERE = RepositoryRef(forge="", id="", slug="")
PULL = PullRequestRef(repository=INFRA, number=12)


@pytest.fixture
def room() -> Room:
    room = a_room(policy=Policy(access=(MAY,), destroy=DESTROYING))
    room.server.add_template("Careful", flow=APPROVED_FLOW)
    room.forge.heads |= {"main": BASE, "feature": HEAD}
    room.workspace("dns", branch="main,stable")
    room.workspace("far", source="https://elsewhere.example.com/acme/far.git", branch="trunk")
    return room


async def heard(room: Room, text: str, **more: Any) -> Work:  # noqa: ANN401 - fields of the event
    return await room.happens(said(text, **more))


def started(work: Work) -> list[tuple[str, str, str, str]]:
    """Say of each run its workspace, its template, its branch and its commit."""
    return [
        (one.workspace.name, one.template.name, one.branch, one.commit_id[:1]) for one in work.runs
    ]


def asked(work: Work) -> list[str]:
    """List the commands that buttons say."""
    (post,) = work.posts
    assert post.kind is PostKind.CHAT_WHISPER
    found = (post.content or "").split('"value": "')[1:]
    return [one.partition('"')[0] for one in found]


class TestStarting:
    async def test_a_run_is_asked_for_and_shown_where_it_was_said(self, room: Room) -> None:
        work = await heard(room, 'plan acme/network branch=feature msg="look first"')
        network = next(one for one in room.server.spaces.values() if one.ref.name == "network")
        template = room.server.stored_templates
        plan = next(one for one in template.values() if one.name == "Plan")
        assert work.runs == [
            RunRequest(
                trigger="slack:T1:1.2",
                actor=ADA,
                verb=Verb.PLAN,
                workspace=network.ref,
                template=TemplateChoice(reference="Plan", id=plan.id, name="Plan"),
                commit_id=HEAD,
                repository=INFRA,
                reports=(LIVE,),
                branch="feature",
                why=f"Asked for by {ADA} in Slack: look first",
            )
        ]
        assert work.posts == [
            PostUpsert(
                kind=PostKind.CHAT_MESSAGE,
                target=ChatTarget(
                    team=TEAM, channel="C1", slot="slack:T1:1.2", user="U1", response_url=HOOK
                ),
                report=LIVE,
            )
        ]
        assert work.audits == [
            AuditEntry(
                actor=ADA,
                action="plan.requested",
                door="slack",
                subject="slack:T1:C1",
                result="done",
                detail='plan acme/network branch=feature msg="look first": acme/network',
            )
        ]

    @pytest.mark.parametrize(
        ("text", "expected", "verb", "options"),
        [
            ("plan network", ("network", "Plan", "main", "b"), Verb.PLAN, RunOptions()),
            ("plan dns", ("dns", "Plan", "main", "b"), Verb.PLAN, RunOptions()),
            (
                "plan network -- -destroy",
                ("network", "built-in", "main", "b"),
                Verb.PLAN,
                RunOptions(destroy=True),
            ),
            (
                "plan network --target=a.b --no-refresh",
                ("network", "Plan", "main", "b"),
                Verb.PLAN,
                RunOptions(targets=("a.b",), refresh=False),
            ),
            ("apply network", ("network", "built-in", "main", "b"), Verb.APPLY, RunOptions()),
            (
                "apply network branch=main",
                ("network", "built-in", "main", "b"),
                Verb.APPLY,
                RunOptions(),
            ),
            (
                "apply network template=Careful",
                ("network", "Careful", "main", "b"),
                Verb.APPLY,
                RunOptions(),
            ),
            (
                "destroy acme/network",
                ("network", "built-in", "main", "b"),
                Verb.DESTROY,
                RunOptions(destroy=True),
            ),
            # On no configured forge Terrakube takes the workspace's branch, or the one said.
            ("plan far", ("far", "Plan", "", ""), Verb.PLAN, RunOptions()),
            ("plan far branch=x", ("far", "Plan", "x", ""), Verb.PLAN, RunOptions()),
            ("apply far", ("far", "built-in", "", ""), Verb.APPLY, RunOptions()),
        ],
    )
    async def test_template_branch_and_commit_are_found(
        self,
        room: Room,
        text: str,
        expected: tuple[str, str, str, str],
        verb: Verb,
        options: RunOptions,
    ) -> None:
        work = await heard(room, text)
        assert (started(work), whispers(work)) == ([expected], [])
        assert [(one.verb, one.options) for one in work.runs] == [(verb, options)]
        assert work.runs[0].applies is (verb is not Verb.PLAN)
        assert work.runs[0].repository == (ELSEWHERE if "far" in text else INFRA)

    async def test_several_workspaces_are_one_message(self, room: Room) -> None:
        work = await heard(room, "plan 'acme/*'")
        assert [one[0] for one in started(work)] == ["dns", "far", "network"]
        assert {one.reports for one in work.runs} == {(LIVE,)}
        assert len(work.posts) == 1

    async def test_a_command_in_a_thread_is_shown_there(self, room: Room) -> None:
        assert isinstance(room.chats, Threads)
        room.open()
        room.chats.shown["7.1"] = [room.ran("dns")]
        work = await heard(room, "plan", thread="7.1", mention=True)
        assert started(work) == [("dns", "Plan", "main", "b")]
        (post,) = work.posts
        key = ChatReportKey(team=TEAM, channel="C1", group="slack:T1:1.2", thread="7.1")
        assert (post.report, work.runs[0].reports) == (str(key), (str(key),))

    async def test_the_same_delivery_handled_twice_asks_for_the_same_run(self, room: Room) -> None:
        first, second = await heard(room, "apply network"), await heard(room, "apply network")
        assert first.runs == second.runs
        assert first.posts == second.posts

    async def test_in_the_database_one_trigger_is_one_run_and_another_is_asked_about(
        self, room: Room, database: Database
    ) -> None:
        work = await heard(room, "apply network")
        room.clock.moment += timedelta(seconds=10)
        now = to_ms(room.clock.now()) - 10_000
        for _ in range(2):
            await database.write(apply_work, work, now)
        found = await database.read(newest, 10)
        assert [(one.request.trigger, one.request.verb) for one in found] == [
            ("slack:T1:1.2", Verb.APPLY)
        ]
        room.chats = cast("FakeChatStore", Stored(database=database, job_url=room.server.job_url))
        assert (await heard(room, "apply network")).runs == work.runs
        again = await heard(room, "apply network", trigger="slack:T1:3.4")
        assert (again.runs, asked(again)) == ([], ["apply --again network"])
        assert "10 s ago, and it is under way" in (again.posts[0].content or "")


class Stored(SqlChatStore):
    """What is stored, to which nothing is added here."""

    def keep(self, work: Work) -> None:
        """Leave it as it is."""


class TestRefusing:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("plan", "it does not say in which workspace. Say `/terrakube plan org"),
            (
                "plan network branch=featurx",
                "`acme/infra` has no branch `featurx`. Did you mean `f",
            ),
            ("plan network template=Plam", "does not exist in organization `acme`. Did you mean "),
            ("plan network template='Plan and apply'", "may change something, so it is no plan."),
            ("apply network template=Plan", "does not wait for an approval between its plan"),
            ("apply network template='Plan and apply'", "does not wait for an approval between"),
            ("apply network template=carefulx", "Did you mean `Careful`, `default`?"),
            ("apply network branch=feature", "`acme/network` follows `main`, and only that is"),
            ("apply far branch=feature", "`acme/far` follows `trunk`, and only that is applied"),
            ("destroy network branch=feature", "only what is there is destroyed from here."),
            ("destroy 'acme/*'", "`acme/*` is a pattern, and what is destroyed is named in full"),
            ("plan network template=Plan -- -destroy", "what plans a destruction is the bridge's"),
            ("plan -d network", "`-d` is about a pull request's repository."),
            ("apply network --auto-merge-disabled", "no pull request here that could be merged"),
        ],
    )
    async def test_it_says_why_to_whoever_asked_alone(
        self, room: Room, text: str, says: str
    ) -> None:
        work = await heard(room, text)
        assert work.runs == []
        (answer,) = whispers(work)
        assert answer.startswith("Nothing was started: ") or "Nothing was done: " in answer
        assert says in answer
        assert [one.result for one in work.audits] == ["refused"]

    async def test_a_branch_that_is_gone_is_told(self, room: Room) -> None:
        room.workspace("old", branch="gone")
        (answer,) = whispers(await heard(room, "plan old"))
        assert answer == (
            "Nothing was started: `acme/infra` has no branch `gone`, which `acme/old` follows."
        )

    async def test_a_configured_template_that_is_not_there_is_the_operators_matter(self) -> None:
        room = a_room(policy=Policy(access=(MAY,), plan_template="Gone"))
        (answer,) = whispers(await heard(room, "plan network"))
        assert answer == (
            "Nothing was started: template `Gone` does not exist in organization `acme`. Whoever "
            "runs the bridge chose it."
        )

    async def test_an_apply_that_asks_nobody_takes_the_operators_word(self, room: Room) -> None:
        policy = ApplyPolicy(template="Plan and apply")
        room.policy = replace(room.policy, apply=policy)
        (answer,) = whispers(await heard(room, "apply network"))
        assert "does not wait for an approval" in answer
        room.policy = replace(room.policy, apply=replace(policy, allow_unasked=True))
        assert started(await heard(room, "apply network"))[0][1] == "Plan and apply"

    async def test_too_many_are_asked_for_by_a_flag(self, room: Room) -> None:
        room.policy = replace(room.policy, max_workspaces=2)
        (answer,) = whispers(await heard(room, "plan 'acme/*'"))
        assert answer == (
            "Nothing was started: that are 3 workspaces, more than 2 at once. Name fewer, or say "
            "it with `--all`."
        )
        assert len((await heard(room, "plan 'acme/*' --all")).runs) == 3

    async def test_where_nobody_may_destroy_nothing_is_looked_up(self, room: Room) -> None:
        room.policy = replace(room.policy, destroy=None)
        for text in ("destroy network", "plan network -- -destroy"):
            (answer,) = whispers(await heard(room, text))
            assert "`destroy` is switched off here" in answer
        assert room.server.calls == []

    async def test_what_a_pull_request_has_for_itself_is_not_changed(self, room: Room) -> None:
        network = next(one for one in room.server.spaces.values() if one.ref.name == "network")
        room.store.held[network.ref.id] = Hold(
            workspace=network.ref, pull_request=PULL, actor="bob", web_url="", since=NOW
        )
        (answer,) = whispers(await heard(room, "apply network"))
        assert answer == (
            "Nothing was started: `acme/network` is locked by pull request #12 of `acme/infra` "
            "(`bob`, since 2026-11-24 12:00 UTC). It is freed when that pull request is merged or "
            "closed, or by `/terrakube unlock acme/infra#12`."
        )
        assert len((await heard(room, "plan network")).runs) == 1


class TestAccess:
    async def test_without_rules_nothing_starts_and_nobody_is_asked(self, room: Room) -> None:
        room.policy = Policy()
        (answer,) = whispers(await heard(room, "plan network"))
        assert "without `access` rules, Slack may only read" in answer
        assert room.server.calls == []

    @pytest.mark.parametrize(
        ("rule", "text", "is_allowed"),
        [
            (a_rule("slack:user:U1", may="plan"), "plan network", True),
            (a_rule("slack:user:U1", may="plan"), "apply network", False),
            (a_rule("slack:user:U1", may="plan"), "plan network -- -destroy", False),
            (a_rule("slack:user:U1", may="apply"), "destroy network", False),
            (a_rule("code:user:alice", may="plan"), "plan network", True),
            (a_rule("code:user:alice", may="plan"), "plan far", False),
            (replace(MAY, workspaces=("acme/n*",)), "plan network", True),
            (replace(MAY, workspaces=("acme/n*",)), "plan network far", False),
        ],
    )
    async def test_a_rule_has_to_let_whoever_asks_for_each_workspace(
        self, room: Room, rule: AccessRule, text: str, *, is_allowed: bool
    ) -> None:
        room.policy = Policy(access=(rule,), destroy=DESTROYING)
        room.chats.people.append(an_identity())
        work = await heard(room, text)
        assert bool(work.runs) is is_allowed
        assert [one.result for one in work.audits] == ["done" if is_allowed else "refused"]


class TestAsking:
    async def test_a_workspace_that_is_not_there_is_chosen_by_a_button(self, room: Room) -> None:
        work = await heard(room, "plan acme/networks branch=main")
        assert asked(work) == ["plan acme/network branch=main"]
        assert "Did you mean" in (work.posts[0].content or "")
        assert [one.result for one in work.audits] == ["asked"]

    async def test_a_reviewed_plan_may_be_what_is_meant(self, room: Room) -> None:
        assert isinstance(room.chats, Threads)
        network = next(one for one in room.server.spaces.values() if one.ref.name == "network")
        room.chats.planned[network.ref.id] = [PULL]
        work = await heard(room, "apply network")
        assert work.runs == []
        assert asked(work) == [
            "apply acme/infra#12 -w acme/network",
            "apply acme/network branch=main",
        ]
        assert len((await heard(room, "apply acme/network branch=main")).runs) == 1
        assert len((await heard(room, "plan network")).runs) == 1

    def _before(self, room: Room, request: RunRequest, seconds: int, **changes: Any) -> Run:  # noqa: ANN401 - its fields
        assert isinstance(room.chats, Threads)
        values = {"created_at": room.clock.now() - timedelta(seconds=seconds)}
        run = a_run(replace(request, trigger="slack:T1:0.9"), **{**values, **changes})
        room.chats.ran[request.workspace.id] = [run]
        return run

    async def test_the_same_again_at_once_is_asked_about(self, room: Room) -> None:
        (request,) = (await heard(room, "plan network")).runs
        self._before(room, request, 6)
        work = await heard(room, "plan network")
        assert (work.runs, asked(work)) == ([], ["plan --again network"])
        said_text = work.posts[0].content or ""
        assert "6 s ago" in said_text
        assert len((await heard(room, "plan --again network")).runs) == 1

    @pytest.mark.parametrize(
        ("text", "seconds", "changes", "is_asked"),
        [
            ("plan network", 10, {}, True),
            ("plan network", 40, {}, False),
            ("plan network branch=feature", 5, {}, False),
            ("plan network --target=a.b", 5, {}, False),
            ("plan network template=Plan", 5, {}, True),
            ("apply network", 5, {}, False),
        ],
    )
    async def test_only_the_same_counts_and_only_for_a_moment(
        self, room: Room, text: str, seconds: int, changes: dict[str, Any], *, is_asked: bool
    ) -> None:
        (request,) = (await heard(room, "plan network")).runs
        self._before(room, request, seconds, **changes)
        assert bool((await heard(room, text)).runs) is not is_asked

    async def test_an_apply_that_waits_is_not_joined_by_another(self, room: Room) -> None:
        (request,) = (await heard(room, "apply network")).runs
        other = replace(request, actor="Grace Hopper (slack:U2)")
        self._before(room, other, 7_200, state=RunState.WAITING, phase=RunPhase.CREATED)
        work = await heard(room, "apply network")
        assert (work.runs, asked(work)) == ([], ["apply --again network"])
        assert "and it waits for an approval" in (work.posts[0].content or "")
        self._before(room, other, 7_200, state=RunState.SUCCEEDED, phase=RunPhase.FINISHED)
        assert len((await heard(room, "apply network")).runs) == 1

    async def test_another_one_of_a_thread_names_its_workspaces(self, room: Room) -> None:
        assert isinstance(room.chats, Threads)
        room.open()
        room.chats.shown["7.1"] = [room.ran("network")]
        (request,) = (await heard(room, "plan", thread="7.1")).runs
        self._before(room, request, 3)
        assert asked(await heard(room, "plan --verbose", thread="7.1")) == [
            "plan --again acme/network --verbose"
        ]
