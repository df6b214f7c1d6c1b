"""What a look at a job changes in its run's row; nothing, most of the time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import RowMapping

from bridge.decisions.endings import DELETED, Ending
from bridge.decisions.following import (
    SECOND_LOOK,
    Followed,
    Look,
    Sight,
    changes_of,
    follow,
    has_started,
    look_interval,
)
from bridge.decisions.holding import Gate
from bridge.decisions.reviewing import SOMEBODY, has_passed, waiting_step
from bridge.domain.runs import Review, RunPhase, RunState
from bridge.domain.terrakube import Job, JobStatus
from bridge.domain.work import AuditEntry
from bridge.store.codecs import STEPS
from bridge.store.queries.organizations import NEW

STUCK_AFTER: Final = 180_000
"""Milliseconds without a step after which somebody should know why."""


@dataclass(slots=True, kw_only=True)
class Sighting:
    """One run of a poll, and what the poll found out about it.

    Attributes:
        row: As read before the poll.
        job: What the answer had; None when it was missing.
        look: What that means.
        trouble: What keeps the job from going on, for people.
        ending: How the run ends without its output being read; None when it does not.
    """

    row: RowMapping
    seen: Followed
    job: Job | None
    look: Look
    trouble: str
    ending: Ending | None = None

    @property
    def run_id(self) -> str:
        """Its run."""
        run_id: str = self.row["id"]
        return run_id

    @property
    def ends(self) -> bool:
        """Whether the run is followed no longer."""
        return self.ending is not None or self.look.sight is Sight.ENDED

    @property
    def is_told(self) -> bool:
        """Whether people hear something new."""
        if self.ends:
            # A job that ended is told of with its output, once that is read.
            return self.ending is not None or self.seen.state is RunState.ERROR
        return self.look.told or self.trouble != self.row["trouble"]

    def is_stuck(self, now: int) -> bool:
        """Tell whether the job has waited for long without beginning a step, or the next one."""
        return (
            self.job is not None
            and self.look.sight is Sight.OPEN
            and _waits(self.job)
            and now - self.look.followed.changed_at >= STUCK_AFTER
        )

    def see(self, job: Job, now: int) -> None:
        """Take back that it was missing: asked for by itself it was there."""
        self.job = job
        self.look = follow(self.seen, job, now)

    def doubt(self, now: int) -> None:
        """Leave open whether the job is gone; the next look may tell."""
        self.look = replace(self.look, sight=Sight.DOUBTFUL, again_at=now + SECOND_LOOK)

    def columns(self, now: int) -> Mapping[str, object] | None:
        """Return the new values for ``organizations.finish``; None when nothing changes."""
        if self.ends:
            return self._prefixed(self._ended_columns(now))
        columns = self._open_columns(now)
        if "phase" not in columns and all(
            self.row[name] == value for name, value in columns.items()
        ):
            return None
        return self._prefixed(columns)

    def audit(self) -> AuditEntry | None:
        """Say what somebody did to the job in Terrakube itself; None when nobody did."""
        happened = self._happened()
        if happened is None:
            return None
        return _audit(self.run_id, self.row["job_id"], happened)

    def _happened(self) -> str | None:
        status = self.look.followed.status
        if self.ending is DELETED:
            return "deleted"
        ended = self.look.sight is Sight.ENDED
        if ended and status == JobStatus.REJECTED:
            return "rejected"
        if ended and status == JobStatus.CANCELLED and not self.row["cancel_requested"]:
            return "cancelled"
        return "approved" if self._has_passed() else None

    def _has_passed(self) -> bool:
        """Tell whether somebody approved the job since it was seen to wait."""
        if self.job is None or self.seen.status != JobStatus.WAITING_APPROVAL:
            return False
        return has_passed(self.job, waiting_step(self.seen.steps))

    def _prefixed(self, columns: Mapping[str, object]) -> Mapping[str, object]:
        return {"run_id": self.run_id} | {f"{NEW}{name}": columns[name] for name in columns}

    def _common_columns(self) -> dict[str, object]:
        current = self.look.followed
        unchanged = current.steps == self.seen.steps
        return {
            "job_status": current.status,
            "steps": self.row["steps"] if unchanged else STEPS.dump(current.steps),
            "changed_at": current.changed_at,
            "started_at": current.started_at,
            "ended_seen_at": current.ended_seen_at,
            "absent_seen_at": current.absent_seen_at,
        }

    def _open_columns(self, now: int) -> dict[str, object]:
        current = self.look.followed
        return {
            **self._common_columns(),
            "state": current.state.value,
            "trouble": self.trouble,
            "next_look": self.look.again_at,
            "look_interval": look_interval(
                current.state,
                posted_at=current.posted_at,
                changed_at=current.changed_at,
                now=now,
            ),
            **self._gate_columns(now),
        }

    def _gate_columns(self, now: int) -> dict[str, object]:
        """Return what is new about the job's approval: only then these columns are written."""
        columns = self._passed_columns()
        if self.look.sight is not Sight.OPEN or self.look.followed.state is not RunState.WAITING:
            return columns
        if not columns and self.row["gate"] == Gate.AHEAD:
            columns["gate"] = Gate.WAITED.value
        review = columns.get("review", self.row["review"])
        # While Terrakube was away, that took the place of the question.
        forgotten = review == Review.ASKED and self.seen.state is RunState.ERROR
        # What was approved and waits all the same may wait for another approval.
        # What nothing was reviewed for is shown to people when it begins to wait.
        begins = self.seen.state is not RunState.WAITING or self._has_passed()
        shown = review == Review.NONE and begins
        due = review in {Review.DUE, Review.APPROVED} or forgotten or shown
        if not due or self.row["cancel_requested"]:
            return columns
        return {**columns, "phase": RunPhase.REVIEWING.value, "due_at": now}

    def _passed_columns(self) -> dict[str, object]:
        if not self._has_passed():
            return {}
        answered = self.row["review"] in {Review.DUE, Review.ASKED}
        review = {"review": Review.APPROVED.value} if answered else {}
        return {"gate": Gate.PASSED.value, "decided_by": SOMEBODY, **review}

    def _ended_columns(self, now: int) -> dict[str, object]:
        changes = None if self.job is None else changes_of(self.job)
        return {
            **self._common_columns(),
            "trouble": "",
            "next_look": None,
            "plan_changes": None if changes is None else int(changes),
            **self._last_gate(),
            **(self._collecting(now) if self.ending is None else self._finished(self.ending, now)),
        }

    def _last_gate(self) -> dict[str, object]:
        passed = {"gate": Gate.PASSED.value} if self._has_passed() else {}
        by = {"decided_by": SOMEBODY} if self._happened() not in {None, "deleted"} else {}
        return {**passed, **by}

    def _collecting(self, now: int) -> dict[str, object]:
        told = self.seen.state
        return {
            "phase": RunPhase.COLLECTING.value,
            "state": (RunState.RUNNING if told is RunState.ERROR else told).value,
            "reason": "",
            "due_at": now,
            "finished_at": None,
        }

    def _finished(self, ending: Ending, now: int) -> dict[str, object]:
        return {
            "phase": RunPhase.FINISHED.value,
            "state": ending.state.value,
            "reason": ending.reason,
            "due_at": None,
            "finished_at": now,
        }


def approved_elsewhere(run_id: str, job_id: str) -> AuditEntry:
    """Say that somebody approved a job that nobody saw waiting."""
    return _audit(run_id, job_id, "approved")


def look_at(row: RowMapping, job: Job | None, now: int) -> Sighting:
    """Fold one answer into what is stored of a run."""
    seen = _followed(row)
    look = follow(seen, job, now)
    over = seen.state is RunState.ERROR or (job is not None and _goes_on(seen, job))
    answered = job is not None
    trouble = "" if answered and over else row["trouble"]
    return Sighting(row=row, seen=seen, job=job, look=look, trouble=trouble)


def _audit(run_id: str, job_id: str, happened: str) -> AuditEntry:
    return AuditEntry(
        actor=SOMEBODY,
        action=f"job.{happened}",
        door="terrakube",
        subject=run_id,
        result="seen",
        detail=f"Job {job_id} was {happened}, not by the bridge.",
    )


def _waits(job: Job) -> bool:
    """Tell whether no step of a job is under way, be it before the first or between two."""
    return job.status == JobStatus.PENDING and all(
        step.status != JobStatus.RUNNING for step in job.steps
    )


def _goes_on(seen: Followed, job: Job) -> bool:
    """Tell whether a job has got on since it was last seen, so that its trouble is over."""
    if job.status == seen.status == JobStatus.WAITING_APPROVAL:
        return False
    return not _waits(job) or (has_started(job.steps) and job.steps != seen.steps)


def _followed(row: RowMapping) -> Followed:
    posted_at = row["created_at"] if row["posted_at"] is None else row["posted_at"]
    return Followed(
        status=row["job_status"],
        steps=STEPS.load(row["steps"]),
        state=RunState(row["state"]),
        posted_at=posted_at,
        changed_at=posted_at if row["changed_at"] is None else row["changed_at"],
        started_at=row["started_at"],
        ended_seen_at=row["ended_seen_at"],
        absent_seen_at=row["absent_seen_at"],
    )
