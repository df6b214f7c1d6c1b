"""Channels of a chat: what they want to hear, what holds in them, and where nothing is sent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    exists,
    literal_column,
    or_,
    select,
    update,
)

from bridge.domain.access import SLACK
from bridge.domain.chat import ALL_INTERESTS, ChannelSettings, Interest, Subscription
from bridge.domain.posts import CHAT_KINDS, PostKind
from bridge.domain.runs import RunPhase
from bridge.domain.work import AuditEntry, Unsubscribe
from bridge.store.codecs import PARTS, STRINGS
from bridge.store.queries.told import record_audits, touch_reports
from bridge.store.queries.upserts import upsert
from bridge.store.schema import channel, post, run, run_link, subscription

Place: TypeAlias = tuple[str, str]
"""Team and channel."""

EVERYTHING: Final = "*/*"
"""What the configured channel subscribes to."""

# One person hears these, through an address of their own: they arrive all the same.
_PRIVATE: Final = (PostKind.CHAT_WHISPER.value, PostKind.CHAT_VIEW.value)
_LONGEST_REASON: Final = 2_000
_SHUT: Final = "nothing is sent there: "
_NONE: Final = PARTS.dump(())
"""Parts of a post that was never sent."""


def in_channel(channel_id: str) -> ColumnElement[bool]:
    """Tell of a post that it is in a channel; as the index needs it said."""
    return and_(post.c.forge == literal_column(f"'{SLACK}'"), post.c.repository_id == channel_id)


def subscribe(connection: Connection, wanted: Subscription, now: int) -> None:
    """Let a channel hear of what a pattern names, as is said now; it is sent to again."""
    values = {
        "interests": _dump(wanted.interests),
        "quiet": int(wanted.quiet),
        "actor": wanted.actor,
    }
    statement = upsert(connection, subscription).values(
        team=wanted.team,
        channel=wanted.channel,
        pattern=wanted.pattern,
        created_at=now,
        **values,
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["team", "channel", "pattern"], set_=values)
    )
    unpark(connection, (wanted.team, wanted.channel), now)


def unsubscribe(connection: Connection, gone: Unsubscribe) -> None:
    """Let a channel hear no more of what a pattern names, or of anything."""
    statement = delete(subscription).where(
        subscription.c.team == gone.team, subscription.c.channel == gone.channel
    )
    if gone.pattern is not None:
        statement = statement.where(subscription.c.pattern == gone.pattern)
    connection.execute(statement)


def set_default_subscription(
    connection: Connection, team: str, channel_id: str | None, now: int
) -> None:
    """Let the configured channel hear of everything, and one that was configured before no more.

    What somebody said about everything in that channel stays as they said it.
    """
    connection.execute(
        delete(subscription).where(
            subscription.c.team == team,
            subscription.c.actor == "",
            subscription.c.channel != (channel_id or ""),
        )
    )
    if channel_id is not None:
        statement = upsert(connection, subscription).values(
            team=team,
            channel=channel_id,
            pattern=EVERYTHING,
            interests=_dump(ALL_INTERESTS),
            created_at=now,
        )
        connection.execute(statement.on_conflict_do_nothing())


def set_channel(connection: Connection, wanted: ChannelSettings, now: int) -> None:
    """Write what holds in a channel; whether something is sent there changes with it."""
    values = {"organization": wanted.organization, "files": int(wanted.files)}
    statement = upsert(connection, channel).values(team=wanted.team, id=wanted.channel, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["team", "id"], set_=values))
    if wanted.parked:
        _park(connection, wanted, now)
    else:
        unpark(connection, (wanted.team, wanted.channel), now)


def park(connection: Connection, wanted: ChannelSettings, now: int) -> None:
    """Send nothing to a channel any more that cannot be sent to; record it, once.

    Its other settings stay as they are stored.
    """
    connection.execute(
        upsert(connection, channel)
        .values(team=wanted.team, id=wanted.channel)
        .on_conflict_do_nothing()
    )
    if _park(connection, wanted, now):
        entry = AuditEntry(
            actor="terrakube-bridge",
            action="channel.parked",
            door="bridge",
            subject=f"{SLACK}:{wanted.team}:{wanted.channel}",
            result="done",
            detail=wanted.parked,
        )
        record_audits(connection, [entry], now)


def unpark(connection: Connection, place: Place, now: int) -> None:
    """Send to a channel again, if it was parked: first of all how that is that has not ended.

    Of what has, nothing new is said; but what was said there asks for no approval any more.
    """
    cleared = connection.execute(
        update(channel).where(_is(place), channel.c.parked != "").values(parked="", parked_at=None)
    )
    if cleared.rowcount:
        open_reports = (
            select(post.c.report)
            .distinct()
            .where(in_channel(place[1]), post.c.dead == 1, _shows_open_runs())
        )
        touch_reports(connection, connection.scalars(open_reports).all(), now)
        for kind in (PostKind.CHAT_MESSAGE, PostKind.CHAT_PROMPT):
            said = select(post.c.report).where(
                in_channel(place[1]),
                post.c.kind == kind.value,
                post.c.dead == 1,
                post.c.last_error.startswith(_SHUT, autoescape=True),
                post.c.parts != _NONE,
            )
            touch_reports(connection, connection.scalars(said).all(), now, kind=kind)


def read_channel(connection: Connection, team: str, channel_id: str) -> ChannelSettings:
    """Read what holds in a channel."""
    row = connection.execute(select(channel).where(_is((team, channel_id)))).first()
    return ChannelSettings(team=team, channel=channel_id) if row is None else _settings(row)


def all_channels(connection: Connection) -> Mapping[Place, ChannelSettings]:
    """Read what holds in all channels of which something is stored."""
    rows = connection.execute(select(channel)).all()
    return {(row.team, row.id): _settings(row) for row in rows}


def read_subscriptions(
    connection: Connection, team: str, channel_id: str = ""
) -> Sequence[Subscription]:
    """Read what a channel wants to hear, sorted by pattern; without one, what all want."""
    query = select(subscription).where(subscription.c.team == team)
    if channel_id:
        query = query.where(subscription.c.channel == channel_id)
    rows = connection.execute(query).all()
    return sorted((_subscription(row) for row in rows), key=lambda one: (one.pattern, one.channel))


def active_subscriptions(connection: Connection) -> Sequence[Subscription]:
    """Read what all channels want to hear to which something can be sent."""
    parked = exists().where(
        channel.c.team == subscription.c.team,
        channel.c.id == subscription.c.channel,
        channel.c.parked != "",
    )
    rows = connection.execute(
        select(subscription)
        .where(~parked)
        .order_by(subscription.c.team, subscription.c.channel, subscription.c.pattern)
    ).all()
    return [_subscription(row) for row in rows]


def _park(connection: Connection, wanted: ChannelSettings, now: int) -> bool:
    """Note that a channel cannot be sent to, and stop what was to be; tell whether it is new."""
    place = (wanted.team, wanted.channel)
    parked = connection.execute(
        update(channel)
        .where(_is(place), channel.c.parked == "")
        .values(parked=wanted.parked, parked_at=now)
    )
    connection.execute(
        update(post)
        .where(
            in_channel(wanted.channel),
            post.c.kind.in_(sorted({kind.value for kind in CHAT_KINDS} - set(_PRIVATE))),
            post.c.dead == 0,
            or_(post.c.due_at.is_not(None), _shows_open_runs()),
        )
        .values(dead=1, last_error=f"{_SHUT}{wanted.parked}"[:_LONGEST_REASON])
    )
    return bool(parked.rowcount)


def _shows_open_runs() -> ColumnElement[bool]:
    return exists().where(
        run_link.c.report == post.c.report,
        run.c.id == run_link.c.run_id,
        run.c.phase != RunPhase.FINISHED.value,
    )


def _is(place: Place) -> ColumnElement[bool]:
    return and_(channel.c.team == place[0], channel.c.id == place[1])


def _dump(interests: frozenset[Interest]) -> str:
    return STRINGS.dump(tuple(sorted(interests)))


def _settings(row: Row[Any]) -> ChannelSettings:
    return ChannelSettings(
        team=row.team,
        channel=row.id,
        organization=row.organization,
        files=bool(row.files),
        parked=row.parked,
    )


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(
        team=row.team,
        channel=row.channel,
        pattern=row.pattern,
        # What a later version knows besides is nothing to this one.
        interests=frozenset(Interest(one) for one in STRINGS.load(row.interests) if one in _KNOWN),
        quiet=bool(row.quiet),
        actor=row.actor,
    )


_KNOWN: Final = frozenset(one.value for one in Interest)
