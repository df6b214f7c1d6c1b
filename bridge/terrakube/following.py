"""Following one job live: what changes about it and what its log grows by, as updates.

Nobody is told anything by the server, so everything is asked for again and again, and what of it
is new is found here. How looks at a job are to be read is ``bridge.decisions.following``; how the
text of a log may be read is contract section 7: the server gives all of it, however much was seen
before, and for a step that has not begun it gives the text of another one.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from bridge.decisions import following
from bridge.decisions.following import Followed, Look, Sight
from bridge.decisions.log_growth import Given, grown
from bridge.decisions.plans import steps_with_logs
from bridge.domain.errors import MissingError, NotFoundError, TemporaryRemoteError, TooLargeError
from bridge.domain.runs import RunState
from bridge.domain.terrakube import Job, Step
from bridge.ports import JobServer
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

QUIET: Final = 60.0
"""Seconds without news after which looks become rarer."""

SETTLING: Final = 1.0
"""Seconds the steps of a job get to end after it (about half a second was seen)."""

_LONGEST_RETRY: Final = 30.0
_LONGEST_ASKED: Final = 120.0
_MINUTE: Final = 60_000
_UNSETTLED: Final = frozenset({"pending", "queue", "running"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often is asked, and for how long in vain; seconds.

    Attributes:
        interval: Between two looks while something happens.
        longest: Between two looks while nothing does, or while the job waits for an approval.
        characters: Of logs that are read in a second, on average: a long one is read more rarely.
        patience: How long Terrakube may be away.
        log: Whether logs are read at all.
    """

    interval: float = 2.0
    longest: float = 5.0
    characters: int = 250_000
    patience: float = 300.0
    log: bool = True


def steady_clock() -> Callable[[], float]:
    """Make a clock of seconds since 1970 that never jumps."""
    started, since = time.time(), time.monotonic()
    return lambda: started + time.monotonic() - since


async def follow(
    server: JobServer,
    organization_id: str,
    job_id: str,
    *,
    pace: Pace | None = None,
    clock: Callable[[], float] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncGenerator[Update, None]:
    """Follow a job to its end; close the iterator (``aclosing``) to stop earlier.

    Args:
        server: Asked.
        organization_id: Of the job.
        job_id: Number as text.
        pace: How often is asked.
        clock: Seconds since 1970.
        sleep: Waits for seconds.

    Raises:
        MissingError: Somebody deleted the job.
        TemporaryRemoteError: Terrakube was away for longer than *pace* allows.
        PermanentRemoteError: It refuses (an expired token, a right that was taken away).
    """
    follower = _Follower(
        server=server,
        organization_id=organization_id,
        job_id=job_id,
        pace=pace or Pace(),
        clock=clock or steady_clock(),
    )
    while not follower.over:
        try:
            async with aclosing(follower.look()) as updates:
                async for update in updates:
                    yield update
        except TemporaryRemoteError as error:
            if follower.is_first_trouble(error):
                yield Interrupted(reason=str(error))
            wait = follower.retry_in(error)
        else:
            if follower.recover():
                yield Resumed()
            wait = follower.next_in()
        if not follower.over:
            await sleep(wait)


@dataclass(slots=True, kw_only=True)
class _Log:
    given: Given = field(default_factory=Given)
    complete: bool = False
    due_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class _Follower:
    """What is remembered between looks."""

    server: JobServer
    organization_id: str
    job_id: str
    pace: Pace
    clock: Callable[[], float]
    over: bool = False
    _look: Look | None = None
    _state: RunState | None = None
    _statuses: dict[str, str] = field(default_factory=dict)
    _logs: dict[str, _Log] = field(default_factory=dict)
    _news_at: float = 0.0
    _settled: bool = False
    _away_since: float | None = None
    _failures: int = 0

    async def look(self) -> AsyncGenerator[Update, None]:
        """Look once."""
        found = await self.server.jobs(self.organization_id, [self.job_id])
        job = found[0] if found else None
        now = round(self.clock() * 1000)
        look = following.follow(self._seen(job, now), job, now)
        self._look = look
        if look.sight is Sight.MISSING:
            await self._insist()
        if job is None or look.sight is Sight.DOUBTFUL:
            return
        state, ended = look.followed.state, look.sight is Sight.ENDED
        # Where it waits, what it waits with comes first: all of the plan.
        begins = not ended and state is not self._state
        if begins and state is not RunState.WAITING:
            yield self._told(state, job)
        async with aclosing(self._steps(job, ended=ended)) as updates:
            async for update in updates:
                self._news_at = self.clock()
                yield update
        if begins and state is RunState.WAITING:
            yield self._told(state, job)
        if ended and self._is_settled(job):
            self.over = True
            expired = following.is_expired(job, posted_at=look.followed.posted_at, now=now)
            yield Ended(job=job, conclusion=state, expired=expired)

    def is_first_trouble(self, error: TemporaryRemoteError) -> bool:
        """Remember that Terrakube is away, and tell whether this is new.

        Raises:
            TemporaryRemoteError: It is away for too long.
        """
        if self._away_since is None:
            self._away_since, self._failures = self.clock(), 0
            return True
        away = self.clock() - self._away_since
        if away >= self.pace.patience:
            msg = (
                f"job {self.job_id} is not followed any longer, as Terrakube has not answered for "
                f"{round(away)} s; the job may go on: {error}"
            )
            raise TemporaryRemoteError(msg, service=error.service, status=error.status) from error
        return False

    def retry_in(self, error: TemporaryRemoteError) -> float:
        """Say how many seconds to wait before Terrakube is asked again."""
        self._failures += 1
        growing = min(self.pace.interval * 2.0 ** min(self._failures - 1, 10), _LONGEST_RETRY)
        wait = max(growing, min(error.retry_after or 0.0, _LONGEST_ASKED))
        since = self.clock() if self._away_since is None else self._away_since
        return max(0.1, min(wait, since + self.pace.patience - self.clock()))

    def recover(self) -> bool:
        """Remember that Terrakube answered, and tell whether it had been away."""
        was_away = self._away_since is not None
        self._away_since = None
        return was_away

    def next_in(self) -> float:
        """Say how many seconds to wait before the next look."""
        look = self._look
        if look is not None and look.again_at is not None:
            return max(0.1, look.again_at / 1000 - self.clock())
        if look is not None and look.sight is Sight.ENDED:
            return SETTLING
        waits = self._state is RunState.WAITING
        quiet = waits or self.clock() - self._news_at > QUIET
        return max(self.pace.longest, self.pace.interval) if quiet else self.pace.interval

    def _told(self, state: RunState, job: Job) -> StateChanged:
        self._state, self._news_at = state, self.clock()
        return StateChanged(state=state, job=job)

    def _seen(self, job: Job | None, now: int) -> Followed:
        if self._look is not None and self._look.followed.status:
            return self._look.followed
        posted = now
        if job is not None and job.created_at is not None:
            # Its date is precise to the minute: it counts as being as young as it may be.
            posted = min(now, round(job.created_at.timestamp() * 1000) + _MINUTE)
        absent = self._look.followed.absent_seen_at if self._look is not None else None
        return Followed(
            status="",
            steps=(),
            state=RunState.QUEUED,
            posted_at=posted,
            changed_at=now,
            absent_seen_at=absent,
        )

    async def _insist(self) -> None:
        """Ask for the job by itself: a list may lack it without a reason."""
        try:
            await self.server.job(self.organization_id, self.job_id)
        except NotFoundError as error:
            msg = f"job {self.job_id} was deleted in Terrakube while it was followed"
            raise MissingError(msg) from error

    def _is_settled(self, job: Job) -> bool:
        """Tell whether the steps have ended, too; asked twice, they had time enough."""
        settled = self._settled or all(step.status not in _UNSETTLED for step in job.steps)
        self._settled = True
        return settled

    async def _steps(
        self, job: Job, *, ended: bool
    ) -> AsyncGenerator[StepChanged | LogGrew | LogUnread, None]:
        """Go through the steps in order: all of one's log comes before the next one's."""
        with_logs = steps_with_logs(job.steps) if self.pace.log else ()
        for step in job.steps:
            changed = self._statuses.get(step.id) != step.status
            begins = step.status == "running"
            if changed and begins:
                yield self._changed(step)
            if step in with_logs:
                update = await self._log(step, complete=ended or not begins)
                if update is not None:
                    yield update
            if changed and not begins:
                yield self._changed(step)

    def _changed(self, step: Step) -> StepChanged:
        self._statuses[step.id] = step.status
        return StepChanged(step=step)

    async def _log(self, step: Step, *, complete: bool) -> LogGrew | LogUnread | None:
        log = self._logs.setdefault(step.id, _Log())
        now = self.clock()
        if log.complete if complete else now < log.due_at:
            return None
        try:
            text = await self.server.step_log(self.organization_id, self.job_id, step.id)
        except TooLargeError as error:
            log.complete, log.due_at = True, float("inf")
            return LogUnread(step=step, reason=str(error))
        growth = grown(log.given, text, complete=complete)
        log.given, log.complete = growth.given, complete
        log.due_at = now + len(text) / self.pace.characters
        return LogGrew(step=step, text=growth.text, anew=growth.anew) if growth.text else None
