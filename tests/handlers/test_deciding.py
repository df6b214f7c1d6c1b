"""Approve, reject and cancel through the router: whom an answer reaches, and what is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.rules import Policy
from bridge.domain.runs import Review, RunPhase, RunState, Verb
from bridge.domain.vcs import Permission
from bridge.domain.work import Answer, AuditEntry, Decide, Decision, DecisionPhase, Vote, Work
from tests.bridge.decisions.applying import a_rule
from tests.golden import check_golden
from tests.handlers.conftest import NOW, World, posts, replies

GOLDEN = Path(__file__).parent / "golden"
APPLY, PLAN, PUSH = Verb.APPLY, Verb.PLAN, Verb.PUSH


@pytest.fixture
def waiting(world: World) -> World:
    """Two applies of which a person has to decide, and one that is being compared."""
    for name in ("dns", "prod"):
        world.workspace(name)
    for name, review in (
        ("network", Review.ASKED),
        ("dns", Review.ASKED),
        ("prod", Review.DUE),
    ):
        world.ran(name, APPLY, RunState.WAITING, review=review, digest=f"json1:{name}")
    return world


def decided(work: Work) -> Sequence[tuple[str, Answer]]:
    return [(one.run_id, one.answer) for one in work.decides]


async def test_an_approval_is_written_down_with_the_plan_it_is_for(waiting: World) -> None:
    work = await waiting.say("terrakube approve -w network")
    assert work.decides == [
        Decide(
            run_id="run-1",
            answer=Answer.APPROVE,
            actor="alice",
            door="comment",
            digest="json1:network",
        )
    ]
    assert posts(work) == ["reaction:eyes"]
    assert work.audits == [
        AuditEntry(
            actor="alice",
            action="approve.requested",
            door="comment",
            subject="pr:code:7:1",
            result="done",
            detail="terrakube approve -w network: apply acme/network",
        )
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("terrakube approve", ["run-1", "run-2"]),
        ("terrakube approve 2", ["run-2"]),
        ("terrakube approve -w dns -w network", ["run-1", "run-2"]),
        ("terrakube approve -d network", ["run-1"]),
        ("terrakube approve -w prod", []),
        ("terrakube reject", ["run-1", "run-2", "run-3"]),
        ("terrakube reject -w prod", ["run-3"]),
        ("terrakube cancel", ["run-1", "run-2", "run-3"]),
        ("terrakube cancel --job 3", ["run-3"]),
    ],
)
async def test_an_answer_reaches_what_is_named_or_else_all_that_wait(
    waiting: World, text: str, expected: list[str]
) -> None:
    work = await waiting.say(text)
    answer = Answer(text.split()[1])
    assert decided(work) == [(one, answer) for one in expected]


async def test_what_a_push_started_is_approved_where_it_is_shown(world: World) -> None:
    world.ran(verb=PUSH, state=RunState.WAITING, pull_request=None, commit_id="f" * 40)
    assert decided(await world.say("terrakube approve")) == [("run-1", Answer.APPROVE)]
    assert decided(await world.say("terrakube cancel")) == []
    assert decided(await world.say("terrakube cancel -w network")) == [("run-1", Answer.CANCEL)]


async def test_a_run_of_another_pull_request_is_not_cancelled_here(world: World) -> None:
    world.ran(state=RunState.RUNNING, pull_request=2)
    work = await world.say("terrakube cancel -w network")
    assert not work.decides
    assert "it is shared with pull request #2: cancel it there." in replies(work)[0]


@dataclass
class Case:
    """How a run stands, and what is said to it."""

    say: str
    verb: Verb = APPLY
    state: RunState = RunState.WAITING
    fields: dict[str, Any] = field(default_factory=dict)
    first: Answer | None = None


CASES = {
    "approve nothing": Case("terrakube approve", state=RunState.SUCCEEDED),
    "approve unknown job": Case("terrakube approve 99"),
    "approve unknown name": Case("terrakube approve -w dns"),
    "approve ended": Case(
        "terrakube approve -w network", state=RunState.REJECTED, fields={"decided_by": "bob"}
    ),
    "approve running": Case("terrakube approve -w network", state=RunState.RUNNING),
    "approve compared": Case("terrakube approve", fields={"review": Review.DUE}),
    "approve second": Case("terrakube approve", first=Answer.REJECT),
    "approve approved": Case(
        "terrakube approve", fields={"review": Review.APPROVED, "decided_by": "bob"}
    ),
    "reject second": Case("terrakube reject 1", first=Answer.APPROVE),
    "cancel nothing": Case("terrakube cancel", state=RunState.SUCCEEDED),
    "cancel twice": Case(
        "terrakube cancel",
        state=RunState.RUNNING,
        fields={"cancel_requested": True, "decided_by": "bob"},
    ),
    "cancel ended job": Case(
        "terrakube cancel", state=RunState.RUNNING, fields={"phase": RunPhase.COLLECTING}
    ),
    "cancel queued": Case(
        "terrakube cancel", state=RunState.QUEUED, fields={"phase": RunPhase.PLANNED}
    ),
    "cancel running plan": Case("terrakube cancel", verb=PLAN, state=RunState.RUNNING),
    "cancel running apply": Case("terrakube cancel", state=RunState.RUNNING),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_told_about_an_answer(
    world: World, name: str, request: pytest.FixtureRequest
) -> None:
    case = CASES[name]
    run = world.ran(verb=case.verb, state=case.state, **case.fields)
    if case.first:
        world.store.decisions[run.id] = Decision(
            run_id=run.id,
            answer=case.first,
            actor="bob",
            door="comment",
            digest="",
            at=NOW,
            phase=DecisionPhase.CLAIMED,
        )
    work = await world.say(case.say)
    is_done = name in {"cancel queued", "cancel running plan", "cancel running apply"}
    assert [one.result for one in work.audits] == ["done" if is_done else "refused"]
    assert bool(work.decides) is is_done
    golden = GOLDEN / f"{name.replace(' ', '_')}.md"
    check_golden(request, golden, f"{replies(work)[0]}\n")


async def test_an_answer_that_was_confirmed_is_for_an_earlier_step(world: World) -> None:
    run = world.ran(verb=APPLY, state=RunState.WAITING)
    world.store.decisions[run.id] = Decision(
        run_id=run.id,
        answer=Answer.APPROVE,
        actor="bob",
        door="comment",
        digest="",
        at=NOW,
        phase=DecisionPhase.CONFIRMED,
    )
    assert decided(await world.say("terrakube approve")) == [("run-1", Answer.APPROVE)]


@pytest.mark.parametrize("verb", ["approve", "reject", "cancel"])
async def test_whoever_may_not_write_answers_nothing(waiting: World, verb: str) -> None:
    waiting.forge.permissions["mallory"] = Permission.READ
    work = await waiting.say(f"terrakube {verb}", author="mallory")
    assert not work.decides
    assert "this needs write permission" in replies(work)[0]


class TestManyPeople:
    """Rules may want more than one person, or another one than whoever asked for it."""

    @pytest.fixture
    def strict(self, waiting: World) -> World:
        """Two must approve, and alice asked for both applies."""
        rule = replace(a_rule("*"), quorum=2, four_eyes=True)
        waiting.policy = Policy(access=(rule,))
        waiting.forge.permissions |= {"bob": Permission.WRITE, "Carol": Permission.WRITE}
        waiting.store.runs = {
            one.id: replace(one, request=replace(one.request, actor="Alice"))
            for one in waiting.store.runs.values()
        }
        return waiting

    async def test_whoever_asked_may_not_approve_but_reject(self, strict: World) -> None:
        work = await strict.say("terrakube approve -w network")
        assert not work.decides
        assert [one.result for one in work.audits] == ["refused"]
        (text,) = replies(work)
        assert text == (
            "Nothing was approved.\n\nThe apply of `acme/network`: you asked for it yourself, and "
            "somebody else has to approve it. You may reject or cancel it."
        )
        assert decided(await strict.say("terrakube reject -w network")) == [
            ("run-1", Answer.REJECT)
        ]
        assert decided(await strict.say("terrakube cancel -w network")) == [
            ("run-1", Answer.CANCEL)
        ]

    async def test_an_approval_that_is_not_enough_says_how_many_there_are(
        self, strict: World
    ) -> None:
        work = await strict.say("terrakube approve -w network", author="bob")
        assert [(one.actor, one.quorum) for one in work.decides] == [("bob", 2)]
        counted = "1 of 2 approvals (`bob`); 1 more person has to approve it."
        assert replies(work) == [f"The apply of `acme/network`: {counted}"]
        strict.store.approvals["run-1"] = [Vote(actor="bob", at=NOW)]
        work = await strict.say("terrakube approve -w network", author="bob")
        assert (work.decides, [one.result for one in work.audits]) == ([], ["refused"])
        assert "you approved it already: 1 of 2 approvals (`bob`)" in replies(work)[0]
        work = await strict.say("terrakube approve -w network", author="Carol")
        assert ([one.quorum for one in work.decides], replies(work)) == ([2], [])

    async def test_approving_a_destruction_takes_the_right_to_destroy(self, world: World) -> None:
        world.policy = Policy(access=(a_rule("*", may="approve reject"),))
        world.ran(verb=Verb.DESTROY, state=RunState.WAITING, review=Review.ASKED)
        work = await world.say("terrakube approve")
        assert not work.decides
        assert "lets you say `destroy` in `acme/network`" in replies(work)[0]
        assert decided(await world.say("terrakube reject")) == [("run-1", Answer.REJECT)]
