"""Pieces that answers in a chat are made of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from bridge.domain.holds import Hold, QueuePlace
from bridge.domain.reports import RunReport
from bridge.domain.runs import Run, Verb
from bridge.domain.terrakube import Job, Workspace, WorkspaceRef
from bridge.rendering.escaping import clean, link, name

Says: TypeAlias = tuple[tuple[str, str], ...]
"""Buttons: a label, and the command it says, without the name people address the bridge by."""

MOST_BUTTONS: Final = 5

_ROOM: Final = 5_000
_LONGEST_NAME: Final = 160
_ID_OF_PERSON: Final = " (slack:"
_NEVER: Final = "NeverExecuted"
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SAYABLE: Final = re.compile(r"[\w.][\w./=-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is answered, in Markdown, and what may be said next."""

    text: str
    says: Says = ()


def offered(text: str, word: str, workspaces: Sequence[str]) -> Shown:
    """Offer the same about workspaces that may have been meant, by a button each."""
    says = tuple((one, command(word, one)) for one in workspaces[:MOST_BUTTONS])
    return Shown(text=text, says=says)


def command(*words: str) -> str:
    """Write what a button says; empty, so that there is none, when it might be read otherwise."""
    return " ".join(words) if all(map(_SAYABLE.fullmatch, words)) else ""


def last_job(workspace: Workspace) -> str:
    """Say how a workspace's last job ended, as Terrakube has it; empty when there is none."""
    status = workspace.last_job_status.strip()
    if status in {"", _NEVER}:
        return ""
    return f"last job {name(short(_HUMP.sub(' ', status).lower()))}"


def bounded(lines: Sequence[str], most: int, *, more: str = "") -> list[str]:
    """Take so many lines as an answer has room for, and count the others.

    Args:
        lines: Of a list, with their marks.
        most: Lines.
        more: How to see the others; empty when there is no way.
    """
    kept: list[str] = []
    room = _ROOM
    for line in lines[:most]:
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    left = len(lines) - len(kept)
    return [*kept, *([f"- …and {left:,} more{f'; {more}' if more else ''}"] if left else [])]


def about(report: RunReport) -> str:
    """Name a run with its job: its workspace, its verb, and a link to Terrakube's page."""
    run = report.run
    verb = "" if run.request.verb is Verb.JOB else f" {run.request.verb}"
    job = f" ({job_link(run.job_id, report.job_url)})" if run.job_id else ""
    return f"{named(run.request.workspace)}{verb}{job}"


def named(workspace: WorkspaceRef) -> str:
    """Name a workspace."""
    return name(short(str(workspace)))


def job_link(job_id: str, url: str) -> str:
    """Link to Terrakube's page of a job."""
    return link(f"job {job_id}", url)


def about_job(job: Job, url: str) -> str:
    """Name a job that somebody started in Terrakube."""
    by = f" by {person(job.created_by)}" if job.created_by else ""
    return f"{link(f'job {job.id}', url)}{by}"


def person(actor: str) -> str:
    """Name somebody; nobody is called by it."""
    return name(short(actor.partition(_ID_OF_PERSON)[0])) if actor.strip() else "somebody"


def holder(hold: Hold) -> str:
    """Say which pull request has a workspace for itself, and for whom."""
    ref = hold.pull_request
    pull_request = link(f"{ref.repository.slug}#{ref.number}", hold.web_url)
    return f"{pull_request} has it locked for {person(hold.actor)}"


def in_line(place: QueuePlace) -> str:
    """Say what a run waits for before its job is created."""
    where = "is next" if place.position == 1 else f"is number {place.position:,} in line"
    return f"{where}: {holder(place.hold)}"


def revision(run: Run) -> str:
    """Name what of the repository a run is about; empty when it is nothing."""
    request = run.request
    found = [request.tag or request.branch, request.commit_id[:8]]
    return " at ".join(name(short(part)) for part in found if part)


def short(text: str) -> str:
    """Shorten a name that nobody would read to its end."""
    line = " ".join(clean(text[: _LONGEST_NAME * 8]).split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"
