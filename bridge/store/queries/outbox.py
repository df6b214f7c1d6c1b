"""Posts as they are wanted: made, or due again because they have something new to say."""

from dataclasses import replace

from sqlalchemy import Connection, case, select, update
from ulid import ULID

from bridge.domain.posts import ChatTarget, PostKind, PostUpsert, RemotePart
from bridge.store import hints
from bridge.store.codecs import CHAT_TARGET, PARTS, dump_target
from bridge.store.queries.told import at_latest
from bridge.store.queries.upserts import upsert
from bridge.store.schema import post


def new_id(now: int) -> str:
    """Make a ULID by the database's clock, so that ids sort by time on every replica."""
    return str(ULID.from_timestamp(now / 1000))


def upsert_post(connection: Connection, wanted: PostUpsert, now: int) -> None:
    """Make a post, or bring it up to date again, whatever became of it before."""
    wanted = _settled(connection, wanted)
    values = _values(wanted, now)
    again = {
        **{name: values[name] for name in ("target", "report", "content")},
        "revision": post.c.revision + 1,
        "due_at": at_latest(now),
        "dead": 0,
        "failures": case((post.c.dead == 1, 0), else_=post.c.failures),
    }
    connection.execute(
        upsert(connection, post)
        .values(**values)
        .on_conflict_do_update(index_elements=["key"], set_=again)
    )
    if wanted.resend:
        forget_sent(connection, wanted.target.key(wanted.kind))
    hints.hint(connection, hints.POST)


def insert_posts(connection: Connection, wanted: list[PostUpsert], now: int) -> None:
    """Make the posts that are not there yet, and leave the others as they are."""
    if wanted:
        by_key = {one.target.key(one.kind): _values(one, now) for one in wanted}
        # In one order on every replica, or two of them wait for each other.
        rows = [by_key[key] for key in sorted(by_key)]
        connection.execute(upsert(connection, post).on_conflict_do_nothing(), rows)
        hints.hint(connection, hints.POST)


def forget_sent(connection: Connection, key: str) -> None:
    """Blank the hashes of what was sent, so that all of it is sent again."""
    stored = connection.execute(
        select(post.c.parts).where(post.c.key == key).with_for_update()
    ).scalar_one()
    parts = tuple(RemotePart(id=part.id, hash="") for part in PARTS.load(stored))
    connection.execute(update(post).where(post.c.key == key).values(parts=PARTS.dump(parts)))


def _values(wanted: PostUpsert, now: int) -> dict[str, object]:
    return {
        "id": new_id(now),
        "key": wanted.target.key(wanted.kind),
        "kind": wanted.kind.value,
        "forge": wanted.target.service,
        "repository_id": wanted.target.where,
        "target": dump_target(wanted.target),
        "report": wanted.report,
        "content": wanted.content,
        "created_at": now,
        "due_at": now,
    }


def _settled(connection: Connection, wanted: PostUpsert) -> PostUpsert:
    """Let a live message stay where it is, and whoever asked for it be answered."""
    target = wanted.target
    if wanted.kind is not PostKind.CHAT_MESSAGE or not isinstance(target, ChatTarget):
        return wanted
    stored = connection.execute(
        select(post.c.report, post.c.target)
        .where(post.c.key == target.key(wanted.kind))
        .with_for_update()
    ).first()
    if stored is None:
        return wanted
    before = CHAT_TARGET.load(stored.target)
    # Only what can answer somebody takes the place of what could.
    asker = target if target.response_url or not before.response_url else before
    kept = replace(asker, thread=before.thread)
    return replace(wanted, target=kept, report=stored.report)
