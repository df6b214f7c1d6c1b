"""Which channels of a chat a run shows in: where somebody asked for it, and where they subscribed.

It is settled in the transaction that writes the run, or that shows it somewhere else, too. Each
channel is told of a run once; its posts are composed later, and say what the channel wants to
hear, or nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, or_, select

from bridge.decisions.paths import matched
from bridge.domain.chat import CHAT_REPORT, ChannelSettings, ChatReportKey, Subscription
from bridge.domain.posts import ChatTarget, PostKind, PostUpsert
from bridge.domain.runs import RunRequest
from bridge.store.codecs import RUN_REQUEST
from bridge.store.queries import chat
from bridge.store.queries.chat import Place, in_channel
from bridge.store.queries.holds import waits
from bridge.store.queries.outbox import insert_posts
from bridge.store.queries.upserts import upsert
from bridge.store.schema import organization, post, run, run_link

PULL_REQUEST: Final = "pr:"
"""What the groups of pull requests begin with."""

BURST: Final = "burst:"
"""What the groups begin with in which several are told of together."""

MOST: Final = 5
"""Live messages a channel gets within MINUTE; what comes then is told of together."""

MINUTE: Final = 60_000
"""Milliseconds."""

SLOT: Final = 5 * MINUTE
"""How long what comes at once is told of in one message."""


class Shown(NamedTuple):
    """A run that is new, or that something else asked for as well.

    Attributes:
        request: What asked for it.
    """

    run_id: str
    request: RunRequest


class Told(NamedTuple):
    """A run that a live message is about."""

    run_id: str
    key: ChatReportKey
    asked: bool


def fan_out(connection: Connection, shown: Sequence[Shown], now: int) -> Sequence[Told]:
    """Link runs to the live messages they show in; :func:`make_posts` makes those.

    Of runs that are shown more than once, what was asked for counts first.
    """
    told = _asked(connection, shown)
    subscriptions = chat.active_subscriptions(connection) if shown else ()
    if subscriptions:
        _link(connection, told)
        wanted = _wanted(connection, shown, subscriptions)
        told = [*told, *_placed(connection, wanted, now)]
    _link(connection, told)
    return told


def waiting(connection: Connection) -> Sequence[Shown]:
    """Find the runs whose jobs wait for somebody: who subscribes now may be whom they wait for."""
    rows = connection.execute(
        select(run.c.id, run.c.request)
        .where(run.c.organization_id.in_(select(organization.c.id)), waits())
        .order_by(run.c.id)
    )
    # Where they were asked for, they are shown already.
    return [Shown(row.id, replace(RUN_REQUEST.load(row.request), reports=())) for row in rows]


def make_posts(connection: Connection, told: Sequence[Told], now: int) -> None:
    """Make what will be said in chats about runs; what is there already stays as it is.

    After the posts of whoever asked: those know how to answer them.
    """
    if not told:
        return
    channels = chat.all_channels(connection)
    triggers = _triggers(connection, {one.run_id for one in told})
    posts = [one for each in told for one in _posts(each, triggers[each.run_id], channels)]
    insert_posts(connection, posts, now)


def group_of(request: RunRequest) -> str:
    """Name the live message in which a run is told of: what a merge starts, in its own."""
    if request.pull_request is not None:
        return f"{PULL_REQUEST}{request.repository.key}:{request.pull_request}"
    merged = [one for one in request.reports if one.startswith(PULL_REQUEST)]
    return merged[0] if len(merged) == 1 else request.trigger


def _asked(connection: Connection, shown: Sequence[Shown]) -> list[Told]:
    """Return where somebody asked for runs; a group has one live message in its channel."""
    asked = [
        (one.run_id, key)
        for one in shown
        for report in one.request.reports
        if (key := ChatReportKey.parse(report)) is not None
    ]
    known = _known(connection, [key for _, key in asked])
    return [Told(run_id, known.get(_name(key), key), asked=True) for run_id, key in asked]


class _Wanted(NamedTuple):
    """A run a channel wants to hear of."""

    run_id: str
    key: ChatReportKey


def _wanted(
    connection: Connection, shown: Sequence[Shown], subscriptions: Sequence[Subscription]
) -> Sequence[_Wanted]:
    """Return what channels want to hear of and were not told."""
    told = _told_already(connection, {one.run_id for one in shown})
    places = _places({str(one.request.workspace) for one in shown}, subscriptions)
    found: list[_Wanted] = []
    for run_id, request in shown:
        for team, channel_id in places.get(str(request.workspace), ()):
            if (run_id, (team, channel_id)) not in told:
                told.add((run_id, (team, channel_id)))
                key = ChatReportKey(team=team, channel=channel_id, group=group_of(request))
                found.append(_Wanted(run_id, key))
    return found


def _places(
    names: Iterable[str], subscriptions: Sequence[Subscription]
) -> Mapping[str, Iterable[Place]]:
    """Say of each workspace which channels want to hear of it, each once."""
    found: dict[str, dict[Place, None]] = {}
    heard = matched(names, (one.pattern for one in subscriptions))
    for one in subscriptions:
        for name in heard[one.pattern]:
            found.setdefault(name, {})[one.team, one.channel] = None
    return found


def _told_already(connection: Connection, run_ids: Iterable[str]) -> set[tuple[str, Place]]:
    rows = connection.execute(
        select(run_link.c.run_id, run_link.c.report).where(run_link.c.run_id.in_(sorted(run_ids)))
    )
    keys = ((row.run_id, ChatReportKey.parse(row.report)) for row in rows)
    return {(run_id, (key.team, key.channel)) for run_id, key in keys if key is not None}


def _placed(connection: Connection, wanted: Sequence[_Wanted], now: int) -> Sequence[Told]:
    """Choose the live message of each run: its group's, or that of a burst."""
    known = dict(_known(connection, [one.key for one in wanted]))
    counts: dict[Place, int] = {}
    found: list[Told] = []
    for run_id, key in wanted:
        place = (key.team, key.channel)
        if place not in counts:
            counts[place] = count_new(connection, key.channel, now)
        chosen = known.get(_name(key))
        if chosen is None and counts[place] > MOST:
            chosen = ChatReportKey(
                team=key.team, channel=key.channel, group=f"{BURST}{now // SLOT}"
            )
        elif chosen is None:
            counts[place] += 1
            chosen = known[_name(key)] = key
        found.append(Told(run_id, chosen, asked=False))
    return found


def _known(connection: Connection, keys: Sequence[ChatReportKey]) -> Mapping[str, ChatReportKey]:
    """Return the keys under which groups have live messages already, by their posts."""
    if not keys:
        return {}
    rows = connection.execute(
        select(post.c.key, post.c.report).where(post.c.key.in_(sorted({_name(k) for k in keys})))
    )
    found = ((row.key, ChatReportKey.parse(row.report)) for row in rows)
    return {name: key for name, key in found if key is not None}


def _name(key: ChatReportKey) -> str:
    return message_target(key).key(PostKind.CHAT_MESSAGE)


def message_target(key: ChatReportKey) -> ChatTarget:
    """Say where a live message is."""
    return ChatTarget(team=key.team, channel=key.channel, slot=key.group, thread=key.thread)


def count_new(connection: Connection, channel_id: str, now: int) -> int:
    """Count the live messages a channel got, or is about to get: some have nothing to say."""
    is_said = or_(post.c.sent_at.is_not(None), post.c.sent_revision < post.c.revision)
    found: int = connection.execute(
        select(func.count()).where(
            in_channel(channel_id),
            post.c.kind == PostKind.CHAT_MESSAGE.value,
            post.c.created_at > now - MINUTE,
            is_said,
        )
    ).scalar_one()
    return found


def _link(connection: Connection, told: Sequence[Told]) -> None:
    by_link = {(one.run_id, str(one.key)): 0 for one in told}
    by_link |= {(one.run_id, str(one.key)): 1 for one in told if one.asked}
    for asked in (0, 1):
        rows = [
            {"run_id": run_id, "report": report, "asked": asked}
            for (run_id, report), value in sorted(by_link.items())
            if value == asked
        ]
        if not rows:
            continue
        statement = upsert(connection, run_link)
        if asked:
            statement = statement.on_conflict_do_update(
                index_elements=["run_id", "report"], set_={"asked": 1}
            )
        else:
            statement = statement.on_conflict_do_nothing()
        connection.execute(statement, rows)


def _triggers(connection: Connection, run_ids: Iterable[str]) -> Mapping[str, str]:
    rows = connection.execute(select(run.c.id, run.c.trigger).where(run.c.id.in_(sorted(run_ids))))
    return {row.id: row.trigger for row in rows}


def _posts(
    told: Told, trigger: str, channels: Mapping[Place, ChannelSettings]
) -> Sequence[PostUpsert]:
    key = told.key

    def about(kind: PostKind, slot: str, run_id: str = "") -> PostUpsert:
        target = ChatTarget(
            team=key.team, channel=key.channel, slot=slot, thread=key.thread, run_id=run_id
        )
        return PostUpsert(kind=kind, target=target, report=str(key))

    settings = channels.get((key.team, key.channel))
    files = [about(PostKind.CHAT_FILE, told.run_id, told.run_id)]
    return [
        about(PostKind.CHAT_MESSAGE, key.group),
        about(PostKind.CHAT_PROMPT, told.run_id, told.run_id),
        about(PostKind.CHAT_RESULT, f"{key.group}|{trigger}"),
        *(files if settings and settings.files else []),
    ]


def is_chat(report: str) -> bool:
    """Tell whether a report is a live message in a chat."""
    return report.startswith(CHAT_REPORT)
