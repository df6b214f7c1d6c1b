"""How a followed job is told: as text for people, or one JSON object a line.

The text of logs goes to standard output, everything else to standard error; on a terminal a line
at the bottom says what goes on. Only functions import this module.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

import typer
from rich.cells import cell_len, set_cell_size

from bridge.cli.jobs.masking import Masking
from bridge.cli.texts import in_order, one_line, to_json
from bridge.decisions.following import changes_of, has_started, text_of_output
from bridge.domain.runs import RunState
from bridge.domain.terrakube import Job, Step
from bridge.terrakube.updates import (
    Ended,
    Interrupted,
    LogGrew,
    LogUnread,
    Resumed,
    StateChanged,
    StepChanged,
    Update,
)

Redact = Callable[[str], str]

Row = dict[str, object]
_Spoken = StateChanged | StepChanged | LogUnread | Interrupted | Resumed | Ended

_CLEAR: Final = "\r\x1b[2K"
_RESET: Final = "\x1b[0m"
MAY_GO_ON: Final = "Terrakube does not stop Terraform: a step that was running may still finish"
_LIMIT: Final = "Terrakube ends every job after 6 hours"


class Teller(Protocol):
    """Tells what happens to a job."""

    def tell(self, update: Update) -> None:
        """Tell one thing."""
        ...

    def tick(self) -> None:
        """Show that time goes by; called every second."""
        ...

    def close(self) -> None:
        """Leave the terminal as it should be."""
        ...


@dataclass(slots=True, kw_only=True)
class JsonTeller:
    """Writes an object for each update; docs/command-line.md describes them.

    Attributes:
        ansi: Whether texts of logs keep their colours.
    """

    redact: Redact
    ansi: bool = False
    _masking: dict[str, Masking] = field(default_factory=dict)

    def tell(self, update: Update) -> None:
        """See Teller.tell."""
        if isinstance(update, LogGrew):
            anew = update.anew
            for text in _pieces(self._masking, update, self.redact, ansi=self.ansi):
                step = self._masked(_step(update.step))
                self._write({"type": "log", **step, "text": text, "anew": anew})
                anew = False
            return
        self._write(self._masked(_described(update)))

    def tick(self) -> None:
        """See Teller.tick."""

    def close(self) -> None:
        """See Teller.close."""

    def _masked(self, value: Row) -> Row:
        return {k: self.redact(one) if isinstance(one, str) else one for k, one in value.items()}

    def _write(self, value: Row) -> None:
        typer.echo(to_json(value))


@dataclass(slots=True, kw_only=True)
class TextTeller:
    """Writes for people, and for what reads the log in a pipe.

    Attributes:
        ansi: Whether texts of logs keep their colours.
        live: Whether both outputs are a terminal that can hold a line at its bottom.
    """

    job_id: str
    redact: Redact
    ansi: bool
    live: bool
    _masking: dict[str, Masking] = field(default_factory=dict)
    _open_line: bool = False
    _headed: str = ""
    _doing: str = ""
    _since: float = field(default_factory=time.monotonic)

    def tell(self, update: Update) -> None:
        """See Teller.tell."""
        if isinstance(update, StepChanged) and update.step.status == "pending":
            return  # every step begins so
        self._clear()
        if isinstance(update, LogGrew):
            self._log(update)
        else:
            self._end_line()
            self._say(self._sentence(update))
        self.tick()

    def tick(self) -> None:
        """See Teller.tick."""
        if not self.live or not self._doing or self._open_line:
            return
        minutes, seconds = divmod(int(time.monotonic() - self._since), 60)
        line = self.redact(f"job {self.job_id} {self._doing} ({minutes}:{seconds:02})")
        width = shutil.get_terminal_size().columns - 1
        shown = line if cell_len(line) <= width else set_cell_size(line, width)
        sys.stderr.write(f"{_CLEAR}{shown}")
        sys.stderr.flush()

    def close(self) -> None:
        """See Teller.close."""
        self._clear()
        self._end_line()
        self._doing = ""

    def _clear(self) -> None:
        if self.live:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def _log(self, update: LogGrew) -> None:
        if self._headed != update.step.id:
            self._end_line()
            self._say(f"{_name(update.step)}: log")
            self._headed = update.step.id
        if update.anew:
            self._say(f"{_name(update.step)}: Terrakube has another log now; this is all of it")
        for text in _pieces(self._masking, update, self.redact, ansi=self.ansi):
            sys.stdout.write(in_order(text) + (_RESET if "\x1b" in text else ""))
            self._open_line = not text.endswith("\n")
        sys.stdout.flush()

    def _end_line(self) -> None:
        # The last line of a log may have no end, and what follows is no part of it.
        if self._open_line:
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._open_line = False

    def _say(self, text: str) -> None:
        typer.echo(self.redact(text), err=True)

    def _sentence(self, update: _Spoken) -> str:
        match update:
            case StateChanged(state=state, job=job):
                self._doing = _DOING.get(state, str(state))
                return self._state(state, job)
            case StepChanged(step=step):
                if step.status == "running":
                    self._headed = step.id
                    self._doing = f"runs {_name(step)}"
                return f"{_name(step)}: {one_line(step.status)}"
            case LogUnread(step=step, reason=reason):
                return f"{_name(step)}: its log cannot be read: {one_line(reason)}"
            case Interrupted(reason=reason):
                return f"Terrakube does not answer; trying again: {one_line(reason)}"
            case Resumed():
                return "Terrakube answers again"
            case Ended():
                self._doing = ""
                return ending(update.job, update.conclusion, expired=update.expired)

    def _state(self, state: RunState, job: Job) -> str:
        if state is not RunState.WAITING:
            return f"job {job.id} {self._doing}"
        who = f"team {one_line(job.approval_team)} and " if job.approval_team else ""
        return (
            f"job {job.id} waits for an approval, by {who}whoever may approve jobs: "
            f"terrakube-bridge jobs approve {job.id}, or reject {job.id}"
        )


_DOING: Final = {
    RunState.QUEUED: "is queued",
    RunState.RUNNING: "runs",
    RunState.WAITING: "waits for an approval",
}


def ending(job: Job, conclusion: RunState, *, expired: bool = False) -> str:
    """Say how a job ended."""
    match conclusion:
        case RunState.SUCCEEDED:
            return f"job {job.id} completed" + (": no changes" if changes_of(job) is False else "")
        case RunState.CANCELLED if has_started(job.steps):
            return f"job {job.id} was cancelled. {MAY_GO_ON}"
        case RunState.CANCELLED | RunState.REJECTED:
            return f"job {job.id} was {conclusion}"
        case _ if expired:
            return f"job {job.id} failed: {_LIMIT}"
        case _:
            said = one_line(text_of_output(job.output))
            return f"job {job.id} failed" + (f": {said}" if said else "")


def _name(step: Step) -> str:
    return one_line(f"step {step.number} {step.name}")


def _pieces(
    known: dict[str, Masking], update: LogGrew, redact: Redact, *, ansi: bool
) -> Iterator[str]:
    if update.anew:
        known.pop(update.step.id, None)
    masking = known.setdefault(update.step.id, Masking(redact, ansi))
    return masking.pieces(update.text)


def _step(step: Step) -> Row:
    return {"step": step.number, "name": step.name}


def _described(update: _Spoken) -> Row:
    match update:
        case StateChanged(state=state, job=job):
            return {"type": "state", **_job(job, state), "approval_team": job.approval_team or None}
        case StepChanged(step=step):
            return {"type": "step", **_step(step), "status": step.status}
        case LogUnread(step=step, reason=reason):
            return {"type": "log_unread", **_step(step), "reason": reason}
        case Interrupted(reason=reason):
            return {"type": "interrupted", "reason": reason}
        case Resumed():
            return {"type": "resumed"}
        case Ended(job=job, conclusion=state):
            more = {"plan_changes": changes_of(job), "expired": update.expired}
            return {"type": "ended", **_job(job, state), **more}


def _job(job: Job, state: RunState) -> Row:
    return {"job": job.id, "state": str(state), "status": job.status}
