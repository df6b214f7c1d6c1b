"""Answers to jobs as they are stored: the first one counts, and some need more than one person."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from bridge.domain.posts import ChatTarget, PostKind, PostUpsert
from bridge.domain.terrakube import Step
from bridge.domain.work import Answer, Decide, Work
from bridge.store.codecs import STEPS
from bridge.store.database import Database
from bridge.store.queries import votes
from bridge.store.queries.work import apply_work
from bridge.store.schema import audit, decision, identity, organization, post, run, vote
from tests.bridge.store.rows import PULL_REQUEST, a_request, rows_of
from tests.bridge.store.test_work import A_REPORT

NOW = 1_700_000_000_000
ADA, GRACE, EVE = "Ada Lovelace (slack:U1)", "Grace Hopper (slack:U2)", "Eve (slack:U9)"
STEPS_WAITING = (
    Step(id="s-1", number=100, name="Plan", status="completed"),
    Step(id="s-2", number=150, name="Approve", status="pending"),
    Step(id="s-3", number=200, name="Apply", status="pending"),
)


async def a_run_that_waits(database: Database) -> str:
    work = Work(runs=[a_request()], posts=[A_REPORT])
    (run_id,) = await database.write(apply_work, work, NOW)
    await database.write(_wait, run_id, STEPS_WAITING)
    return str(run_id)


def _wait(connection: Connection, run_id: str, steps: tuple[Step, ...]) -> None:
    values = {"phase": "created", "state": "waiting", "job_id": "1", "steps": STEPS.dump(steps)}
    connection.execute(update(run).where(run.c.id == run_id).values(due_at=None, **values))
    connection.execute(update(organization).values(due_at=NOW + 60_000))


def told(actor: str) -> PostUpsert:
    target = ChatTarget(team="T1", channel="C1", slot=f"slack:T1:{actor}", user="U1")
    return PostUpsert(kind=PostKind.CHAT_WHISPER, target=target, report=f"chat:T1:C1::{actor}")


def an_approval(run_id: str, actor: str = ADA, **changes: Any) -> Decide:  # noqa: ANN401 - its fields
    wanted = Decide(
        run_id=run_id, answer=Answer.APPROVE, actor=actor, door="slack", told=told(actor)
    )
    return replace(wanted, **changes)


async def decide(database: Database, *wanted: Decide, at: int = NOW) -> None:
    await database.write(apply_work, Work(decides=list(wanted)), at)


async def decided(database: Database) -> list[tuple[str, str, str]]:
    return [(row["step"], row["actor"], row["answer"]) for row in await rows_of(database, decision)]


async def voters(database: Database) -> list[str]:
    return [row["actor"] for row in await rows_of(database, vote)]


async def whispers(database: Database) -> list[str]:
    rows = [row for row in await rows_of(database, post) if row["kind"] == "chat_whisper"]
    return [row["content"] for row in sorted(rows, key=lambda row: str(row["id"]))]


async def audits(database: Database) -> list[tuple[str, str, str]]:
    return [
        (row["actor"], row["result"], row["detail"])
        for row in await rows_of(database, audit)
        if row["action"].startswith("run.")
    ]


async def revision(database: Database) -> int:
    rows = [row for row in await rows_of(database, post) if row["report"] == PULL_REQUEST.key]
    return int(rows[0]["revision"])


async def link(database: Database, user: str, login: str) -> None:
    await database.write(_link, user, login)


def _link(connection: Connection, user: str, login: str) -> None:
    values = {"team": "T1", "user_id": user, "forge": "code", "name": user, "linked_at": NOW}
    connection.execute(insert(identity).values(login=login, login_key=login.lower(), **values))


async def test_two_that_answer_at_once_make_one_decision_and_the_loser_learns_whose(
    database: Database,
) -> None:
    """Case 32: on two replicas, within the same milliseconds."""
    run_id = await a_run_that_waits(database)
    await asyncio.gather(
        decide(database, an_approval(run_id, ADA)), decide(database, an_approval(run_id, GRACE))
    )
    ((step, first, _),) = await decided(database)
    late = GRACE if first == ADA else ADA
    assert step == "150"
    assert await whispers(database) == [
        f"Nothing was approved: already approved by `{first}` just now."
    ]
    assert await audits(database) == [(late, "late", f"{first} was first: approve.")]


async def test_who_comes_later_learns_when_it_was(database: Database) -> None:
    run_id = await a_run_that_waits(database)
    await decide(database, an_approval(run_id, GRACE, answer=Answer.REJECT))
    await decide(database, an_approval(run_id), at=NOW + 12_000)
    assert await whispers(database) == [
        f"Nothing was approved: already rejected by `{GRACE}` 12 s ago."
    ]


@pytest.mark.parametrize("changes", [{"step": "100"}, {"step": "200"}, {"run_id": "01GONE"}])
async def test_an_answer_to_something_else_is_late(
    database: Database, changes: dict[str, Any]
) -> None:
    run_id = await a_run_that_waits(database)
    await decide(database, replace(an_approval(run_id), **changes))
    assert await decided(database) == []
    assert await whispers(database) == ["Nothing was approved: it does not wait for that any more."]
    assert [result for _, result, _ in await audits(database)] == ["late"]


async def test_a_run_that_has_ended_is_not_answered_without_a_word(database: Database) -> None:
    run_id = await a_run_that_waits(database)
    await database.write(_end, run_id)
    await decide(database, an_approval(run_id, answer=Answer.CANCEL))
    assert await whispers(database) == [
        "Nothing was cancelled: it does not wait for that any more."
    ]


def _end(connection: Connection, run_id: str) -> None:
    ended = {"phase": "finished", "state": "succeeded"}
    connection.execute(update(run).where(run.c.id == run_id).values(**ended))


async def test_each_approval_counts_and_the_last_of_the_quorum_decides(
    database: Database,
) -> None:
    run_id = await a_run_that_waits(database)
    before = await revision(database)
    for number, actor in enumerate((ADA, GRACE)):
        await decide(database, an_approval(run_id, actor, quorum=3), at=NOW + number)
    assert await decided(database) == []
    counts = "Your approval of the plan of `acme/network` counts"
    assert await revision(database) == before + 2, "what is shown says how many there are"
    assert await whispers(database) == [
        f"{counts}: 1 of 3 approvals (`{ADA}`); 2 more people have to approve it.",
        f"{counts}: 2 of 3 approvals (`{ADA}`, `{GRACE}`); 1 more person has to approve it.",
    ]
    assert [one.actor for one in await database.read(votes.read_waiting, run_id)] == [ADA, GRACE]

    await decide(database, an_approval(run_id, EVE, quorum=3))
    assert await decided(database) == [("150", EVE, "approve")]
    assert await voters(database) == [ADA, GRACE], "they stay readable"
    assert await audits(database) == [
        (ADA, "counted", "Approval 1 of 3."),
        (GRACE, "counted", "Approval 2 of 3."),
        (EVE, "counted", f"Approval 3 of 3, after {ADA}, {GRACE}."),
    ]


async def test_who_turns_out_to_be_the_last_one_that_was_needed_is_told_so(
    database: Database,
) -> None:
    """Whoever approves by words is told nothing before, as theirs was thought not to be enough."""
    run_id = await a_run_that_waits(database)
    for actor in (ADA, GRACE):
        await decide(database, an_approval(run_id, actor, quorum=2, done="Approved."))
    assert await decided(database) == [("150", GRACE, "approve")]
    assert (await whispers(database))[1:] == ["Approved."]


@pytest.mark.parametrize(
    ("second", "user", "login"),
    [
        (ADA, "", ""),
        ("Ada L. (slack:U1)", "", ""),
        ("ada", "U1", "Ada"),
        ("ADA", "U1", "ada"),
    ],
)
async def test_one_person_counts_once_by_whatever_name_and_door(
    database: Database, second: str, user: str, login: str
) -> None:
    run_id = await a_run_that_waits(database)
    await decide(database, an_approval(run_id, ADA, quorum=2))
    if user:
        await link(database, user, login)
    await decide(database, an_approval(run_id, second, quorum=2))
    assert await decided(database) == []
    assert await voters(database) == [ADA]
    assert [result for _, result, _ in await audits(database)] == ["counted", "late"]
    assert "already: 1 of 2 approvals" in " ".join(await whispers(database))
    await decide(database, an_approval(run_id, GRACE, quorum=2))
    assert await decided(database) == [("150", GRACE, "approve")]


async def test_two_who_may_be_one_are_one_until_they_are_linked(database: Database) -> None:
    run_id = await a_run_that_waits(database)
    for actor in (ADA, "grace"):
        await decide(database, an_approval(run_id, actor, quorum=2))
    assert await decided(database) == []
    assert await voters(database) == [ADA, "grace"]
    assert "Whether some of them are one person cannot be told" in (await whispers(database))[-1]
    await link(database, "U2", "grace")
    await decide(database, an_approval(run_id, ADA, quorum=2))
    assert await decided(database) == [("150", ADA, "approve")]


async def test_two_votes_of_people_who_turn_out_to_be_one_are_one(database: Database) -> None:
    run_id = await a_run_that_waits(database)
    for actor in (ADA, "ada"):
        await decide(database, an_approval(run_id, actor, quorum=3))
    assert await voters(database) == [ADA, "ada"]
    await link(database, "U1", "ada")
    await decide(database, an_approval(run_id, GRACE, quorum=3))
    assert await decided(database) == []


@pytest.mark.parametrize("answer", [Answer.REJECT, Answer.CANCEL])
async def test_one_person_rejects_and_cancels_whatever_the_quorum(
    database: Database, answer: Answer
) -> None:
    run_id = await a_run_that_waits(database)
    await decide(database, an_approval(run_id, ADA, quorum=2))
    await decide(database, an_approval(run_id, GRACE, answer=answer, quorum=2))
    assert [(actor, said) for _, actor, said in await decided(database)] == [(GRACE, answer)]


async def test_two_of_two_at_once_decide_once(database: Database) -> None:
    run_id = await a_run_that_waits(database)
    await asyncio.gather(
        *(decide(database, an_approval(run_id, one, quorum=2)) for one in (ADA, GRACE, EVE))
    )
    assert len(await decided(database)) == 1
    assert len(await voters(database)) == 1
    assert len(await whispers(database)) == 2, "one was counted, one was late"


async def test_votes_are_for_the_step_they_were_given_at(database: Database) -> None:
    run_id = await a_run_that_waits(database)
    await decide(database, an_approval(run_id, ADA, quorum=2))
    passed = tuple(replace(one, status="completed") for one in STEPS_WAITING[:2])
    await database.write(_wait, run_id, (*passed, *STEPS_WAITING[2:]))
    await decide(database, an_approval(run_id, GRACE, quorum=2))
    assert await decided(database) == []
    assert [one.actor for one in await database.read(votes.read_waiting, run_id)] == [GRACE]


async def test_what_changed_in_terrakube_is_looked_at_at_once(database: Database) -> None:
    run_id = await a_run_that_waits(database)
    before = await revision(database)
    await database.write(apply_work, Work(looks=[run_id, "01GONE"]), NOW)
    (row,) = await rows_of(database, run)
    (followed,) = await rows_of(database, organization)
    assert (row["next_look"], followed["due_at"]) == (NOW, NOW)
    assert await revision(database) == before + 1
