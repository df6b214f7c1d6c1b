"""Whether a plan is the one that was reviewed, and how it differs when it is not.

What is compared are the digests, made before anything was redacted. How two plans differ is shown
from what was stored of them, redacted: a difference may then be one that cannot be shown.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.domain.runs import RETARGETED, Output, OutputKind, Run, RunState
from bridge.domain.terrakube import TERMINAL, Job, JobStatus, ResourceChange, Step
from bridge.domain.vcs import PullRequest, PullRequestState

SOMEBODY: Final = "somebody in Terrakube"
"""Stands for whoever answered to a job there: Terrakube does not say who it was."""

LONGEST_DELTA: Final = 200
"""Lines kept of a difference."""

_KINDS: Final = ("json1", "text1")
_DEEPEST: Final = 200
_HIDDEN: Final = "(sensitive value)"
_UNSEEN: Final = "The difference lies in values that are not shown."
_WORDS: Final[Mapping[tuple[str, ...], str]] = {
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
}


class Comparison(StrEnum):
    """What comparing two plans led to."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNSURE = "unsure"
    """They have no digest of one type in common, or a person has to look all the same."""


class Doubt(StrEnum):
    """Why a person has to decide."""

    SENSITIVE = "what changes holds sensitive values, whose changes cannot be compared"
    UNLIKE = "the plan cannot be compared with the one that was reviewed"
    BEGUN = "something was changed already, and the reviewed plan does not say what comes next"
    PEOPLE = "the rules want people to approve what is done in this workspace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a job must not go on, and how its run ends."""

    state: RunState
    reason: str


def compare(reviewed: str, current: str) -> Comparison:
    """Compare typed digests: the structured plans where both have one, else their texts."""
    before, now = _by_kind(reviewed), _by_kind(current)
    for kind in _KINDS:
        if kind in before and kind in now:
            same = before[kind] == now[kind]
            return Comparison.EQUAL if same else Comparison.DIFFERENT
    return Comparison.UNSURE


def has_sensitive(rows: Sequence[ResourceChange], text: str) -> bool:
    """Tell whether what changes holds sensitive values, whose changes no digest shows."""
    marks = (mark for row in rows for mark in (row.before_sensitive, row.after_sensitive))
    return any(_is_marked(mark) for mark in marks) or _HIDDEN in text


def delta(reviewed: Sequence[Output], current: Sequence[Output]) -> str:
    """Say in lines how two redacted plans differ; what is no longer in one stands first."""
    before, now = (_text(outputs, OutputKind.CHANGES) for outputs in (reviewed, current))
    if before and now:
        lines = _differences(_rows(before), _rows(now))
    else:
        lines = _text_differences(_text(reviewed, OutputKind.PLAN), _text(current, OutputKind.PLAN))
    if len(lines) > LONGEST_DELTA:
        left = len(lines) - LONGEST_DELTA
        lines = [*lines[:LONGEST_DELTA], f"... and {left} more lines"]
    return "\n".join(lines) or _UNSEEN


def waiting_step(steps: Sequence[Step]) -> str:
    """Name the step at which a job waits: the first that has not begun."""
    return next((str(one.number) for one in steps if one.status in {"pending", "queue"}), "")


def has_passed(job: Job, step: str) -> bool:
    """Tell whether a job that waited at a step has gone on from there, whatever came of it."""
    if any(str(one.number) == step and one.status == "completed" for one in job.steps):
        return True  # it may wait at the next one
    return job.status == JobStatus.COMPLETED or job.status not in {
        *TERMINAL,
        JobStatus.WAITING_APPROVAL,
    }


def stop_of(run: Run, found: PullRequest, *, command: str) -> Stop | None:
    """Say why a pull request as it is now forbids the run; None when it does not."""
    verb = run.request.verb
    again = f"say `{command} {verb}` again"
    if run.superseded_by == RETARGETED:
        reason = f"The pull request goes to another branch now; the {verb} never started."
    elif found.state is not PullRequestState.OPEN:
        reason = f"The pull request was {found.state} before the {verb} started."
    elif found.from_fork:
        reason = "What a fork holds is never applied."
    elif found.head_sha != run.request.commit_id:
        reason = (
            f"The pull request moved to {found.head_sha[:12]} before the {verb} started: "
            f"look at the plan of that commit, then {again}."
        )
    else:
        return None
    return Stop(state=RunState.SUPERSEDED, reason=reason)


def unlocked(run: Run, *, command: str) -> Stop:
    """Say how a run ends whose workspace was unlocked while its job waited."""
    verb = run.request.verb
    return Stop(
        state=RunState.SUPERSEDED,
        reason=f"The workspace was unlocked before the {verb} started. "
        f"Say `{command} {verb}` again.",
    )


def differs(run: Run, *, command: str) -> Stop:
    """Say how a run ends whose plan is another one than was reviewed."""
    verb = run.request.verb
    return Stop(
        state=RunState.REJECTED,
        reason="The plan is not the one that was reviewed any more, so nothing was changed. "
        f"Look at what is different, then say `{command} plan` and `{command} {verb}` again.",
    )


def rejected_by(actor: str) -> Stop:
    """Say how a run ends that somebody rejected."""
    return Stop(state=RunState.REJECTED, reason=f"Rejected by {actor}.")


def ask(doubt: Doubt) -> str:
    """Say what a job waits for that only a person can decide; each door shows how they do it."""
    return f"A person has to decide, as {doubt}. Look at the plan, then approve or reject it."


def not_allowed(job_id: str, error: Exception, *, answer: str) -> str:
    """Say that the bridge lacks the right to answer, and who can help."""
    return (
        f"Terrakube does not let the bridge {answer} job {job_id} ({error}). Give the team of its "
        "token the right to approve jobs, or answer in Terrakube."
    )


def unanswered(service: str, error: str) -> str:
    """Say what keeps the bridge from answering to a job that waits."""
    who = "Terrakube" if service == "terrakube" else f"forge {service}"
    return f"The job waits, and {who} does not answer ({error}). The bridge keeps trying."


def _by_kind(digests: str) -> Mapping[str, str]:
    pairs = (one.partition(":") for one in digests.split())
    return {kind: value for kind, _, value in pairs if value}


def _is_marked(mark: object, depth: int = 0) -> bool:
    if depth > _DEEPEST or mark is True:
        return True
    if isinstance(mark, dict | list):
        inside = mark.values() if isinstance(mark, dict) else mark
        return any(_is_marked(inner, depth + 1) for inner in inside)
    return False


def _text(outputs: Sequence[Output], kind: OutputKind) -> str:
    return next((one.text for one in outputs if one.kind is kind), "")


def _rows(text: str) -> Mapping[str, Sequence[dict[str, object]]]:
    """Read stored rows by address: a deposed object may have the address of the current one."""
    found: dict[str, list[dict[str, object]]] = {}
    for row in json.loads(text):
        found.setdefault(str(row["address"]), []).append(row)
    return found


def _differences(
    before: Mapping[str, Sequence[dict[str, object]]],
    now: Mapping[str, Sequence[dict[str, object]]],
) -> list[str]:
    gone = [f"gone: {_named(one, before)}" for one in sorted(before.keys() - now.keys())]
    added = [f"new: {_named(one, now)}" for one in sorted(now.keys() - before.keys())]
    changed = [
        f"different: {_named(one, now)}{_formerly(before[one], now[one])}"
        for one in sorted(before.keys() & now.keys())
        if before[one] != now[one]
    ]
    return [*gone, *added, *changed]


def _named(address: str, rows: Mapping[str, Sequence[dict[str, object]]]) -> str:
    return f"{address} ({_actions(rows[address])})"


def _formerly(before: Sequence[dict[str, object]], now: Sequence[dict[str, object]]) -> str:
    was, is_now = _actions(before), _actions(now)
    return f", was {was}" if was != is_now else f": {_attributes(before, now)}"


def _attributes(before: Sequence[dict[str, object]], now: Sequence[dict[str, object]]) -> str:
    """Name the attributes that are planned otherwise."""
    names: set[str] = set()
    for old, new in zip(before, now, strict=False):
        for side in ("before", "after", "afterUnknown"):
            names |= _unequal(old.get(side), new.get(side))
    return ", ".join(sorted(names)) or "other values"


def _unequal(old: object, new: object) -> set[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return set()
    return {str(key) for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def _actions(rows: Sequence[dict[str, object]]) -> str:
    said: list[str] = []
    for row in rows:
        actions = row.get("actions")
        listed = tuple(str(one) for one in actions) if isinstance(actions, list) else ()
        said.append(_WORDS.get(listed) or " and ".join(listed) or "change")
    return ", ".join(said)


def _text_differences(before: str, now: str) -> list[str]:
    if not before or not now:
        return []
    found = difflib.unified_diff(before.splitlines(), now.splitlines(), n=1, lineterm="")
    return [line for line in list(found)[2:] if not line.startswith("@@")]
