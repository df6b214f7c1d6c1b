"""Seeing what is said on the forges, and sending again what a forge refused."""

import asyncio

import pytest
from sqlalchemy import Connection, select, update

from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.work import Work
from bridge.store.database import Database
from bridge.store.queries.work import apply_work
from bridge.store.schema import post
from tests.bridge.cli.conftest import CommandLine
from tests.bridge.store.rows import REPOSITORY

REFUSED = "PermanentRemoteError: POST comment: answered 422"


def a_reply(comment_id: str) -> PostUpsert:
    target = PostTarget(repository=REPOSITORY, number=3, comment_id=comment_id)
    return PostUpsert(kind=PostKind.REPLY, target=target, report="pr:code:7:3", content="Done.")


def _fill(connection: Connection) -> list[str]:
    """Three posts: one that waits, one that was sent, one that was set aside."""
    for number in "123":
        apply_work(connection, Work(posts=[a_reply(number)]), 1_000 * int(number))
    ids = list(connection.scalars(select(post.c.id).order_by(post.c.id)))
    changes: tuple[dict[str, object], ...] = (
        {"last_error": "waits for its budget"},
        {"sent_revision": 1, "sent_at": 5_000, "due_at": None},
        {"dead": 1, "due_at": None, "last_error": REFUSED, "failures": 1},
    )
    for post_id, values in zip(ids, changes, strict=True):
        connection.execute(update(post).where(post.c.id == post_id).values(values))
    return ids


@pytest.fixture
def ids(command_line: CommandLine, sqlite_url: str) -> list[str]:
    async def fill() -> list[str]:
        async with await Database.open(sqlite_url) as database:
            return await database.write(_fill)

    command_line.configure(BRIDGE_DATABASE__URL=sqlite_url)
    return asyncio.run(fill())


def test_posts_lists_what_is_said_and_what_became_of_it(
    command_line: CommandLine, ids: list[str]
) -> None:
    waiting, sent, failed = (
        {
            "id": post_id,
            "kind": "reply",
            "target": f"reply:code:7:3:{number}:",
            "created_at": f"1970-01-01T00:00:0{number}+00:00",
            "sent_at": sent_at,
            "outcome": outcome,
            "reason": reason,
        }
        for number, post_id, sent_at, outcome, reason in (
            (1, ids[0], None, "waiting", "waits for its budget"),
            (2, ids[1], "1970-01-01T00:00:05+00:00", "sent", ""),
            (3, ids[2], None, "failed", REFUSED),
        )
    )
    assert command_line("posts").json() == [failed, sent, waiting]
    assert command_line("posts", "--limit", "1").json() == [failed]
    assert command_line("posts", "--waiting").json() == [waiting]
    assert command_line("posts", "--failed", "--json").json() == [failed]


def test_people_see_a_table(command_line: CommandLine, ids: list[str]) -> None:
    command_line.monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    command_line.monkeypatch.setenv("COLUMNS", "250")
    said = command_line("posts", "--failed").out
    assert f"{ids[2]}  1970-01-01 00:00:03Z" in said
    assert REFUSED in said


def test_what_waits_was_not_set_aside(command_line: CommandLine) -> None:
    said = command_line("posts", "--waiting", "--failed")
    assert (said.code, said.err) == (
        2,
        ["a post waits or was set aside: give --waiting or --failed"],
    )


def test_replay_sends_a_post_again(command_line: CommandLine, ids: list[str]) -> None:
    said = command_line("replay", ids[2].lower())
    assert (said.code, said.out) == (0, f"post {ids[2]} is sent again\n")
    assert command_line("posts", "--failed").json() == []
    assert len(command_line("posts", "--waiting").out.split(ids[2])) == 2


def test_replay_says_why_not(command_line: CommandLine, ids: list[str]) -> None:
    strange = "01M000000000000000000000000"[:26]
    answers = [command_line("replay", one) for one in (ids[1], strange, "0", "everything")]
    assert [(one.code, one.err) for one in answers] == [
        (2, [f"post {ids[1]} was not set aside"]),
        (8, [f"there is no post {strange}"]),
        (2, ["'0' is no id: a delivery's is a number, a post's has 26 signs"]),
        (2, ["'everything' is no id: a delivery's is a number, a post's has 26 signs"]),
    ]
