"""Applies, answers and locks in a real database: each once, in order, and freed in the end."""

from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from bridge.domain.events import PullRequestClosed, PullRequestUpdated
from bridge.domain.posts import PostKind, PostTarget
from bridge.domain.vcs import PullRequestState, Reviews
from bridge.domain.work import Work
from bridge.store.database import Database
from bridge.store.queries.holds import Holding, take
from bridge.store.schema import decision, hold, run
from tests.bridge.store.rows import rows_of
from tests.fakes.forge import HEAD, INFRA
from tests.handlers.conftest import World, about, replies
from tests.handlers.test_with_a_database import NEWER, Stored

PLANNED = {
    "phase": "finished",
    "state": "succeeded",
    "plan_changes": 1,
    "digest": "json1:1",
    "due_at": None,
}
WAITING = {"phase": "created", "state": "waiting", "job_id": "71", "review": "asked"}


@pytest.fixture
async def stored(world: World, database: Database) -> Stored:
    """A pull request that is planned and approved."""
    world.forge.reviewed[1] = Reviews(approved=True, approved_by=("bob",))
    world.forge.permissions |= dict.fromkeys(("bob", "carol"), world.forge.permissions["alice"])
    stored = Stored(world, database)
    await stored.deliver(about(world.forge.pulls[1]))
    await change(stored, "plan", **PLANNED)
    return stored


async def say(stored: Stored, text: str, author: str = "alice") -> Work:
    return await stored.deliver(stored.world.comment(text, author=author))


async def change(stored: Stored, verb: str, **values: Any) -> None:  # noqa: ANN401 - columns
    def write(connection: Connection) -> None:
        connection.execute(update(run).where(run.c.verb == verb).values(values))

    await stored.database.write(write)


async def applies(stored: Stored) -> list[tuple[str, str, str]]:
    """Phase, state and reason of each apply, oldest first."""
    rows = await rows_of(stored.database, run)
    return [(row["phase"], row["state"], row["reason"]) for row in rows if row["verb"] != "plan"]


async def take_hold(stored: Stored) -> None:
    """Let the apply have its workspace, as the engine does right before its job is asked for."""
    (request,) = [
        one.request
        for one in await stored.store.open_runs(stored.world.forge.pulls[1].ref)
        if one.request.reviewed
    ]

    def write(connection: Connection, now: int) -> None:
        row = connection.execute(select(run).where(run.c.verb == "apply")).one()
        assert take(connection, row, request, Holding(), now)

    await stored.database.write(write, stored.database.now())


async def test_two_people_who_say_apply_get_one(stored: Stored) -> None:
    first = await say(stored, "terrakube apply", "alice")
    second = await say(stored, "terrakube apply", "bob")
    assert not replies(first)
    assert "its apply is under way. `alice` asked for it" in replies(second)[0]
    assert await applies(stored) == [("planned", "queued", "")]


async def test_who_says_apply_twice_in_a_comment_gets_one(stored: Stored) -> None:
    await say(stored, "terrakube apply\nterrakube apply -w network")
    assert len(await applies(stored)) == 1


async def test_an_apply_of_what_is_applied_is_refused_until_it_is_planned_again(
    stored: Stored,
) -> None:
    await say(stored, "terrakube apply")
    await change(stored, "apply", phase="finished", state="succeeded", due_at=None)
    assert "applied already" in replies(await say(stored, "terrakube apply"))[0]
    await say(stored, "terrakube plan")
    await change(stored, "plan", **PLANNED)
    await say(stored, "terrakube apply")
    assert len(await applies(stored)) == 2


async def test_a_newer_head_drops_the_apply_that_waits(stored: Stored) -> None:
    await say(stored, "terrakube apply")
    moved = stored.world.open(head_sha=NEWER)
    await stored.deliver(about(moved, PullRequestUpdated))
    ((phase, state, reason),) = await applies(stored)
    assert (phase, state) == ("finished", "superseded")
    assert reason.startswith(f"The pull request moved to {NEWER[:12]} before the apply started")


async def test_closing_drops_what_waits_and_frees_what_was_locked(stored: Stored) -> None:
    await say(stored, "terrakube apply")
    await take_hold(stored)
    closed = stored.world.open(state=PullRequestState.CLOSED)
    await stored.deliver(about(closed, PullRequestClosed, merged=False, merge_commit=None))
    assert [state for _, state, _ in await applies(stored)] == ["superseded"]
    assert await rows_of(stored.database, hold) == []


async def test_unlock_frees_what_is_locked_and_drops_what_waits_there(stored: Stored) -> None:
    await say(stored, "terrakube apply")
    await take_hold(stored)
    busy = await say(stored, "terrakube unlock")
    assert "something is being applied there" in replies(busy)[0]
    await change(stored, "apply", **WAITING)
    freed = await say(stored, "terrakube unlock")
    assert replies(freed) == ["Unlocked: `acme/network`. Whoever waits for it goes on."]


async def test_the_first_answer_counts_and_the_second_is_told_so(stored: Stored) -> None:
    await say(stored, "terrakube apply")
    await change(stored, "apply", **WAITING)
    await say(stored, "terrakube approve", "bob")
    late = await say(stored, "terrakube reject 71", "carol")
    assert "`bob` was first and approved it." in replies(late)[0]
    rows = await rows_of(stored.database, decision)
    assert [(one["answer"], one["actor"]) for one in rows] == [("approve", "bob")]


async def test_what_waits_is_dropped_by_cancel(stored: Stored) -> None:
    await say(stored, "terrakube apply")
    work = await say(stored, "terrakube cancel", "bob")
    assert replies(work) == ["Dropped before they started: `apply acme/network`."]
    assert await applies(stored) == [
        ("finished", "cancelled", "Cancelled by bob before it started.")
    ]
    assert "(`bob` decided)" in replies(await say(stored, "terrakube cancel -w network"))[0]


async def test_nothing_to_apply_is_a_status_that_stands_until_it_is_planned_again(
    stored: Stored,
) -> None:
    await change(stored, "plan", plan_changes=0)
    await say(stored, "terrakube apply")
    key = PostTarget(repository=INFRA, sha=HEAD, context="terrakube/apply").key(PostKind.STATUS)
    said = "success Nothing to apply: no plan changes anything"
    assert await stored.store.fixed_text(key) == said
    await say(stored, "terrakube plan")
    assert (await stored.store.fixed_text(key) or "").startswith("pending Planned again")
    await change(stored, "plan", **PLANNED)
    await say(stored, "terrakube apply")
    assert await stored.store.fixed_text(key) is None


async def test_how_it_stands_is_read_from_the_database(stored: Stored) -> None:
    await say(stored, "terrakube apply")
    (said,) = replies(await say(stored, "terrakube status"))
    assert "The apply `alice` asked for waits for its turn, number 1 in line." in said
    await change(stored, "apply", phase="finished", state="failed", due_at=None, reason="Error: x")
    (said,) = replies(await say(stored, "terrakube why -w network"))
    assert "The apply `alice` asked for failed. Error: x" in said
    work = await say(stored, "terrakube retry")
    assert replies(work) == ["Planned again first. Look at the plans, then say `terrakube apply`."]


async def test_runs_of_another_head_are_shown_until_they_end(stored: Stored) -> None:
    await say(stored, "terrakube apply")
    ref = stored.world.forge.pulls[1].ref
    await change(stored, "apply", phase="created", state="running")
    shown = await stored.store.shown_runs(ref, NEWER)
    assert [one.request.verb for one in shown] == ["apply"]
    shown = await stored.store.shown_runs(ref, HEAD)
    assert [one.request.verb for one in shown] == ["plan", "apply"]
