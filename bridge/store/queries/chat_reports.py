"""What a live message says, gathered: it is read at every change of a run it is about."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    desc,
    func,
    or_,
    select,
)

from bridge.decisions.paths import matches
from bridge.decisions.reviewing import waiting_step
from bridge.domain.chat import ChatReportKey, Interest, merged
from bridge.domain.holds import QueuePlace
from bridge.domain.runs import RETARGETED, Output, OutputKind, Run, RunPhase, RunState, Verb
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.domain.work import Answer, Decision, DecisionPhase, Vote
from bridge.store.codecs import STEPS, STRINGS, from_ms, output_from_row, run_from_row
from bridge.store.queries import chat, holders
from bridge.store.queries.answers import CANCEL
from bridge.store.queries.fan_out import BURST, PULL_REQUEST
from bridge.store.schema import decision, output, pull_request, run, run_link, vote

_TEXTS: Final = tuple(kind.value for kind in OutputKind)
_TO_LOOK_AT: Final = frozenset({RunState.WAITING, RunState.FAILED, RunState.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run with everything that is stored of it, as far as a chat shows it."""

    run: Run
    destroyed: tuple[str, ...]
    applied: tuple[str, ...]
    not_applied: tuple[str, ...]
    outputs: tuple[Output, ...]
    queue: QueuePlace | None
    decisions: tuple[Decision, ...]
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """See reports.ChatReport."""

    key: ChatReportKey
    entries: tuple[Entry, ...]
    pull_request: PullRequestRef | None
    title: str
    web_url: str
    interests: frozenset[Interest]
    quiet: bool
    asked: bool


def gather(connection: Connection, key: ChatReportKey, about: str = "") -> Gathered | None:
    """Read what a live message says; None when no run is in it.

    Args:
        connection: A reader's.
        key: Of the message.
        about: A run's id or a trigger: only its runs, however old; empty for all that is shown.
    """
    rows = shown(connection, key, about)
    if not rows:
        return None
    entries = _entries(connection, rows, key)
    found = _pull_request(connection, key, [one.run for one in entries])
    interests, quiet = _wanted(connection, key, [one.run for one in entries])
    return Gathered(
        key=key,
        entries=entries,
        pull_request=None if found is None else _reference(found),
        title="" if found is None else found["title"],
        web_url="" if found is None else found["web_url"],
        interests=interests,
        quiet=quiet,
        asked=any(row["asked"] for row in rows),
    )


def shown(connection: Connection, key: ChatReportKey, about: str = "") -> Sequence[RowMapping]:
    """Read the runs a live message is about, oldest first."""
    linked = (
        select(*run.c, run_link.c.asked)
        .join(run_link, run_link.c.run_id == run.c.id)
        .where(run_link.c.report == str(key))
        .order_by(run.c.created_at, run.c.id)
    )
    if about:
        linked = linked.where(_is_about(about))
    elif key.group.startswith(PULL_REQUEST):
        linked = linked.where(_is_current(connection, key))
    return connection.execute(linked).mappings().all()


def _is_about(about: str) -> ColumnElement[bool]:
    return or_(
        run.c.id == about,
        run.c.trigger == about,
        # What was superseded has made room for another one of the same trigger.
        run.c.trigger.startswith(f"{about}#", autoescape=True),
    )


def _is_current(connection: Connection, key: ChatReportKey) -> ColumnElement[bool]:
    """Tell of a run of a pull request that it is open, or the newest of its kind at the head.

    Or the newest that its merge started.
    """
    head = connection.scalar(select(pull_request.c.head_sha).where(pull_request.c.id == key.group))
    if head is None:
        return run.c.id.is_not(None)
    is_open = run.c.phase != RunPhase.FINISHED.value
    return or_(is_open, run.c.id.in_(_newest_at(str(key), head)))


def _newest_at(report: str, head_sha: str) -> Select[tuple[str]]:
    place = func.row_number().over(
        partition_by=[run.c.workspace_id, run.c.verb],
        order_by=[desc(run.c.created_at), desc(run.c.id)],
    )
    ranked = (
        select(run.c.id, place.label("place"))
        .join(run_link, run_link.c.run_id == run.c.id)
        .where(
            run_link.c.report == report,
            # What its merge started is not at its head.
            or_(run.c.commit_id == head_sha, run.c.verb == Verb.PUSH.value),
            run.c.superseded_by != RETARGETED,  # in a workspace it has left
        )
        .subquery()
    )
    return select(ranked.c.id).where(ranked.c.place == 1)


def _entries(
    connection: Connection, rows: Sequence[RowMapping], key: ChatReportKey
) -> tuple[Entry, ...]:
    ids = [row["id"] for row in rows]
    texts = _outputs(connection, [row["id"] for row in rows if _has_texts(row, key)])
    decisions = _decisions(connection, ids)
    votes = _votes(connection, rows, decisions)
    return tuple(
        Entry(
            run=run_from_row(row),
            destroyed=STRINGS.load(row["destroyed"]),
            applied=STRINGS.load(row["applied"]),
            not_applied=STRINGS.load(row["not_applied"]),
            outputs=texts.get(row["id"], ()),
            queue=_place(connection, row),
            decisions=decisions.get(row["id"], ()),
            votes=votes.get(row["id"], ()),
        )
        for row in rows
    )


def _has_texts(row: RowMapping, key: ChatReportKey) -> bool:
    # Of many at once nobody is shown the plans, but of those that somebody has to look at.
    return not key.group.startswith(BURST) or row["state"] in _TO_LOOK_AT


def _outputs(connection: Connection, ids: Sequence[str]) -> Mapping[str, tuple[Output, ...]]:
    found: dict[str, tuple[Output, ...]] = {}
    query = (
        select(output)
        .where(output.c.run_id.in_(ids), output.c.kind.in_(_TEXTS))
        .order_by(output.c.run_id, output.c.kind)
    )
    for row in connection.execute(query).mappings() if ids else ():
        found[row["run_id"]] = (*found.get(row["run_id"], ()), output_from_row(row))
    return found


def _decisions(connection: Connection, ids: Sequence[str]) -> Mapping[str, tuple[Decision, ...]]:
    found: dict[str, tuple[Decision, ...]] = {}
    query = (
        select(decision)
        .where(decision.c.run_id.in_(ids), decision.c.phase != DecisionPhase.VOID.value)
        .order_by(decision.c.run_id, decision.c.at, decision.c.step)
    )
    rows = connection.execute(query).mappings().all()
    earlier = _earlier(connection, {row["run_id"] for row in rows})
    for row in rows:
        names = earlier.get((row["run_id"], row["step"]), ())
        made = _decision(row, tuple(name for name in names if name != row["actor"]))
        found[row["run_id"]] = (*found.get(row["run_id"], ()), made)
    return found


def _earlier(
    connection: Connection, ids: Collection[str]
) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Read who approved each step of these runs before it was decided, or as it was."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    query = select(vote).where(vote.c.run_id.in_(sorted(ids))).order_by(vote.c.at, vote.c.actor)
    for row in connection.execute(query).mappings() if ids else ():
        place = row["run_id"], row["step"]
        found[place] = (*found.get(place, ()), row["actor"])
    return found


def _decision(row: RowMapping, earlier: tuple[str, ...]) -> Decision:
    return Decision(
        run_id=row["run_id"],
        answer=Answer(row["answer"]),
        actor=row["actor"],
        door=row["door"],
        digest=row["digest"],
        at=from_ms(row["at"]),
        phase=DecisionPhase(row["phase"]),
        step="" if row["step"] == CANCEL else row["step"],
        earlier=earlier if row["answer"] == Answer.APPROVE.value else (),
    )


def _votes(
    connection: Connection,
    rows: Sequence[RowMapping],
    decisions: Mapping[str, Sequence[Decision]],
) -> Mapping[str, tuple[Vote, ...]]:
    """Read who approved what still waits for more."""
    steps = {
        row["id"]: waiting_step(STEPS.load(row["steps"]))
        for row in rows
        if row["state"] == RunState.WAITING
    }
    waiting = {
        run_id: step
        for run_id, step in steps.items()
        if step not in {one.step for one in decisions.get(run_id, ())}
    }
    if not waiting:
        return {}
    at_step = [
        and_(vote.c.run_id == run_id, vote.c.step == step) for run_id, step in waiting.items()
    ]
    found: dict[str, tuple[Vote, ...]] = {}
    query = select(vote).where(or_(*at_step)).order_by(vote.c.run_id, vote.c.at, vote.c.actor)
    for row in connection.execute(query).mappings():
        cast = Vote(actor=row["actor"], at=from_ms(row["at"]))
        found[row["run_id"]] = (*found.get(row["run_id"], ()), cast)
    return found


def _place(connection: Connection, row: RowMapping) -> QueuePlace | None:
    if row["phase"] != RunPhase.PLANNED or row["pull_request"] is None:
        return None
    return holders.read_place(connection, row["id"], row["workspace_id"])


def _pull_request(
    connection: Connection, key: ChatReportKey, runs: Sequence[Run]
) -> RowMapping | None:
    """Read the one pull request all of it is about; None when it is about none, or several."""
    keys = {_pull_request_key(one) for one in runs}
    if key.group.startswith(PULL_REQUEST):
        keys = {key.group}
    if len(keys) != 1:
        return None
    return (
        connection.execute(select(pull_request).where(pull_request.c.id.in_(sorted(keys))))
        .mappings()
        .first()
    )


def _pull_request_key(one: Run) -> str:
    request = one.request
    if request.pull_request is None:
        return ""
    return f"{PULL_REQUEST}{request.repository.key}:{request.pull_request}"


def _reference(row: RowMapping) -> PullRequestRef:
    repository = RepositoryRef(
        forge=row["forge"], id=row["repository_id"], slug=row["repository_slug"]
    )
    return PullRequestRef(repository=repository, number=row["number"])


def _wanted(
    connection: Connection, key: ChatReportKey, runs: Sequence[Run]
) -> tuple[frozenset[Interest], bool]:
    """Put together what the channel wants to hear of these runs."""
    names = {str(one.request.workspace) for one in runs}
    subscriptions = chat.read_subscriptions(connection, key.team, key.channel)
    return merged(
        [one for one in subscriptions if any(matches(name, [one.pattern]) for name in names)]
    )


def read_pull_request(connection: Connection, key: ChatReportKey) -> PullRequestRef | None:
    """Find the pull request a live message is about."""
    rows: Sequence[Any] = () if key.group.startswith(PULL_REQUEST) else shown(connection, key)
    found = _pull_request(connection, key, [run_from_row(row) for row in rows])
    return None if found is None else _reference(found)
