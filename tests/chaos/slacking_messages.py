"""What stands in the channels, once the bridge could finish: every end is told, and told once."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import RowMapping

from bridge.domain.chat import CHAT_REPORT, ChatReportKey
from bridge.sandbox.slack.model import Message
from tests.chaos.doors import LATE
from tests.chaos.sites import SLUG
from tests.chaos.slacking_people import ANSWERING, pressable
from tests.chaos.slacking_town import Town

_WRITING: Final = 2.0
"""Most seconds between Slack's keeping a message and the bridge's knowing that, on a slow day."""

_ENOUGH: Final = 300
"""Statuses below say that it was done."""

_LISTED: Final = 5
"""So many runs are told of by name in the text of a message."""

_ENDS: Final[Mapping[str, str]] = {
    "failed": "failed",
    "error": "error",
    "rejected": "rejected",
    "cancelled": "cancelled",
    "superseded": "superseded",
}
_DONE: Final = {"plan": "planned", "apply": "applied", "destroy": "destroyed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the bridge said in the channels.

    Attributes:
        messages: All its messages that are still there, by ``ts``.
        known: Those of them it knows of, by ``ts``: which post they belong to.
        files: How many it put there.
        again: When it was that something was said, or put there, which was done once more.
    """

    messages: Mapping[str, Message]
    known: Mapping[str, RowMapping]

    files: int
    again: Sequence[tuple[float, str]]


def listen(town: Town, posts: Sequence[RowMapping]) -> Said:
    """Gather what the bridge said."""
    own = town.slack.bot.id
    heard = [one for channel in town.channels for one in town.slack.messages(channel)]
    mine = [one for one in heard if one.author == own]
    known = {ts: row for row in posts for ts in parts_of(row)}
    messages = {one.ts: one for one in mine if not one.files}
    strays = [one for ts, one in messages.items() if ts not in known]
    return Said(
        messages=messages,
        known=known,
        files=sum(bool(one.files) for one in mine),
        again=[
            *((float(one.ts), town.slack.show(one)) for one in strays),
            *_repeated(_whispers(town)),
            *_repeated(_files(mine)),
        ],
    )


def _whispers(town: Town) -> Iterator[tuple[float, str]]:
    """List the answers to people alone: when, and through which ``response_url`` what."""
    for one in town.doors.passed:
        if one.door == "slack" and one.line.startswith("POST /hook/") and one.status < _ENOUGH:
            yield one.at, f"{one.line} {one.body}"


def _files(messages: Iterable[Message]) -> Iterator[tuple[float, str]]:
    """List the files: when, and where which."""
    for one in messages:
        for file in one.files:
            yield float(one.ts), f"{one.channel.name} {one.thread} {file.title}"


def _repeated(done: Iterable[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    """Find what was done once more: each time but the last."""
    last: dict[str, float] = {}
    for at, what in done:
        if what in last:
            yield last[what], what
        last[what] = at


def parts_of(row: RowMapping) -> Sequence[str]:
    """List the ids of the messages a post consists of."""
    return [one["id"] for one in json.loads(row["parts"]) if "." in one["id"]]


def of_messages(
    town: Town, runs: Sequence[RowMapping], links: Sequence[RowMapping], said: Said
) -> Iterator[str]:
    """Say what is not as it was promised."""
    yield from _of_repeats(town, said)
    yield from _of_places(said)
    by_id = {row["id"]: row for row in runs}
    shown: dict[str, list[RowMapping]] = {}
    for link in links:
        if link["report"].startswith(CHAT_REPORT):
            shown.setdefault(link["report"], []).append(by_id[link["run_id"]])
    for report, found in shown.items():
        yield from _of_report(town, report, found, said)


def _of_repeats(town: Town, said: Said) -> Iterator[str]:
    for at, what in said.again:
        if not _is_excused(town, at):
            yield f"done twice although nobody died: {what!r}"


def _of_places(said: Said) -> Iterator[str]:
    """Compare what the bridge knows of with what is there."""
    for ts, row in said.known.items():
        if ts not in said.messages:
            yield f"post {row['key']} is to be message {ts}, which is not there"
            continue
        left = [one for one in pressable(said.messages[ts]) if one in ANSWERING]
        if left:
            yield f"post {row['key']} still shows {', '.join(left)}"


def _of_report(town: Town, report: str, runs: Sequence[RowMapping], said: Said) -> Iterator[str]:
    """Compare a live message, and the results below it, with the runs it is about."""
    key = ChatReportKey.parse(report)
    assert key is not None
    posts = {ts: row for ts, row in said.known.items() if row["report"] == report}
    live = [ts for ts, row in posts.items() if row["kind"] == "chat_message"]
    if len(live) != 1:
        yield f"{report} has {len(live)} live messages"
        return
    text = said.messages[live[0]].text if live[0] in said.messages else ""
    told = _newest(town, runs) if key.group.startswith("pr:") else runs
    if len(told) <= _LISTED:
        yield from _missing(told, text, f"the live message of {report}")
    if not key.group.startswith("burst:"):
        yield from _of_results(key, runs, posts, said)


def _of_results(
    key: ChatReportKey, runs: Sequence[RowMapping], posts: Mapping[str, RowMapping], said: Said
) -> Iterator[str]:
    """Compare what is said below a live message of what each trigger came to."""
    slots = {ts: json.loads(row["target"])["slot"] for ts, row in posts.items()}
    # What was superseded and has made room for another one is named after its trigger and itself.
    for trigger in {row["trigger"].partition("#")[0] for row in runs}:
        mine = [row for row in runs if row["trigger"].partition("#")[0] == trigger]
        if all(row["state"] == "superseded" for row in mine):
            continue  # that a plan was overtaken by a newer one is no news
        found = [
            ts
            for ts, row in posts.items()
            if row["kind"] == "chat_result" and slots[ts] == f"{key.group}|{trigger}"
        ]
        if len(found) != 1:
            yield f"{len(found)} results of {trigger} are told in {key.channel}"
        for ts in found:
            text = said.messages[ts].text if ts in said.messages else ""
            yield from _missing(mine, text, f"the result of {trigger}")


def _newest(town: Town, runs: Sequence[RowMapping]) -> Sequence[RowMapping]:
    """Leave out what a pull request has left behind: it is not shown any more."""
    heads = {one.number: one.head_sha for one in town.forge.world.repository(SLUG).pull_requests}
    found = {
        (row["workspace_id"], row["verb"]): row
        for row in sorted(runs, key=lambda row: (row["created_at"], row["id"]))
        if row["commit_id"] == heads[row["pull_request"]]
    }
    return [*found.values()]


def _missing(runs: Sequence[RowMapping], text: str, what: str) -> Iterator[str]:
    for row in runs:
        word = end_of(row)
        if word not in text or (len(runs) > 1 and row["workspace_name"] not in text):
            yield f"{what} does not say {row['workspace_name']} {word}: {text!r}"


def end_of(row: RowMapping) -> str:
    """Say how a run ended."""
    if row["state"] != "succeeded":
        return _ENDS.get(row["state"], f"an end ({row['state']})")
    return "no changes" if row["plan_changes"] == 0 else _DONE.get(row["verb"], "applied")


def _is_excused(town: Town, at: float) -> bool:
    """Tell whether the bridge may not know of what Slack took then: it died just after that."""
    return any(
        -0.1 <= death.at - at <= _WRITING or (death.late and 0 <= at - death.at <= LATE + _WRITING)
        for death in town.deaths
    )
