"""Subjects: deliveries of one pull request or branch, in the order in which they were kept.

A subject is leased as a whole and its heads are handled one after the other. What handling leads
to is committed together with the delivery's outcome; until then it only reads, so it may run
again after a crash. A failing head holds up its own subject only, and not for ever; one of a chat
steps aside.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import structlog
from sqlalchemy import RowMapping

from bridge.decisions.waiting import LASTING, Trouble
from bridge.domain.deliveries import StoredDelivery
from bridge.domain.errors import (
    BridgeError,
    DeliveryError,
    LeaseLostError,
    NotAllowedError,
    NotYetError,
    OverloadedError,
    TemporaryRemoteError,
    UserError,
)
from bridge.domain.work import Work
from bridge.engine.leases import Lease, LeaseKeeper
from bridge.engine.workers import MAX_FAILURES, Job, Worker, backoff, describe
from bridge.metrics import Metrics
from bridge.store.codecs import to_ms
from bridge.store.database import Database
from bridge.store.queries import subjects
from bridge.store.schema import subject

log = structlog.get_logger()

Dispatch = Callable[[StoredDelivery], Awaitable[Work]]
"""Parses a stored delivery and handles its event; what it awaits only reads."""

Tell = Callable[[StoredDelivery, Trouble], Awaitable[Work]]
"""Says what people are told about a delivery that cannot be handled; it only reads, too."""

CONCURRENCY: Final = 16

HEADS: Final = 20
"""Most deliveries of one subject before others get their turn."""

PATIENCE: Final = 6 * 3600.0
"""Seconds a delivery waits for a service that does not answer before it is set aside."""

LOCKED_OUT: Final = 300.0
"""Seconds between tries while a service does not take the bridge's credential."""

HANDLING_TIMEOUT: Final = 600.0
"""Seconds handling one delivery may take."""

_TELLING_TIMEOUT: Final = 30.0


@dataclass(slots=True)
class _Head:
    """A delivery being handled, and how often its subject failed on it."""

    stored: StoredDelivery
    failures: int


class Subjects:
    """Handles deliveries through *dispatch*; *tell* says why one is not handled yet.

    Deliveries of the sources in *passing* let those behind them pass when they have to wait:
    whoever says something in a chat is answered, whatever they said before.
    """

    def __init__(
        self,
        database: Database,
        keeper: LeaseKeeper,
        dispatch: Dispatch,
        *,
        tell: Tell | None = None,
        metrics: Metrics | None = None,
        concurrency: int = CONCURRENCY,
        max_failures: int = MAX_FAILURES,
        passing: Container[str] = (),
    ) -> None:
        self._passing = passing
        self._database = database
        self._keeper = keeper
        self._dispatch = dispatch
        self._tell = tell
        self._metrics = metrics or Metrics()
        self._max_failures = max_failures
        self.worker = Worker(
            database,
            keeper,
            Job(
                table=subject,
                work=self._work,
                give_up=subjects.bury_head,
                concurrency=concurrency,
                max_failures=max_failures,
            ),
        )

    async def _work(self, row: RowMapping, lease: Lease) -> None:
        attempt, failures = row["attempts"], row["failures"]
        with structlog.contextvars.bound_contextvars(subject=lease.held.id):
            for number in range(HEADS):
                stored = await self._database.read(subjects.head, lease.held.id, attempt)
                if stored is None:
                    await self._database.write_for(lease.held.id, subjects.rest, lease.held)
                    return
                last = number == HEADS - 1
                if not await self._handle(_Head(stored, failures), lease, keep=not last):
                    return
                attempt, failures = 1, 0

    async def _handle(self, head: _Head, lease: Lease, *, keep: bool) -> bool:
        """Handle one head; tell whether the lease is kept for the next one."""
        stored = head.stored
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(
            delivery_id=stored.delivery.key, forge=stored.delivery.source, attempt=stored.attempt
        ):
            try:
                async with asyncio.timeout(HANDLING_TIMEOUT):
                    work = await self._dispatch(stored)
            except (LeaseLostError, OverloadedError):
                raise  # nothing about the delivery: the worker deals with it
            except UserError as error:
                return await self._end(head, lease, subjects.IGNORED, error, keep=keep)
            except Exception as error:  # noqa: BLE001 - any of them is this delivery's trouble
                return await self._recover(head, lease, error, keep=keep)
            self._metrics.handle_seconds.observe(time.perf_counter() - started)
            lease.check()
            outcome = subjects.DONE if work.ignored is None else subjects.IGNORED
            going_on = await self._conclude(
                head, lease, outcome, work.ignored or "", keep=keep, work=work
            )
            log.info(
                "delivery.handled",
                kind=stored.delivery.kind,
                outcome=outcome,
                reason=work.ignored,
                runs=len(work.runs),
                posts=len(work.posts),
                seconds=round(time.perf_counter() - started, 3),
            )
            return going_on

    async def _conclude(
        self,
        head: _Head,
        lease: Lease,
        outcome: str,
        reason: str,
        *,
        keep: bool,
        work: Work | None = None,
    ) -> bool:
        going_on = await self._database.write_for(
            lease.held.id,
            subjects.conclude,
            lease.held,
            head.stored,
            outcome=outcome,
            reason=reason,
            work=work,
            now=self._database.now(),
            keep=keep,
        )
        self._metrics.handled.labels(outcome).inc()
        return going_on

    async def _recover(self, head: _Head, lease: Lease, error: Exception, *, keep: bool) -> bool:
        attempt = head.stored.attempt
        match error:
            case NotYetError() if attempt <= error.tries:
                log.info("delivery.not_yet", reason=str(error), seconds=error.retry_after)
                return await self._postpone(head, lease, error, error.retry_after, counted=False)
            case NotAllowedError(status=HTTPStatus.UNAUTHORIZED) if not self._is_too_old(head):
                # An operator's matter, and every delivery's: a token ran out.
                log.error("delivery.postponed", error=describe(error), seconds=LOCKED_OUT)
                return await self._postpone(head, lease, error, LOCKED_OUT, counted=False)
            case TemporaryRemoteError() if not self._is_too_old(head):
                wait = max(error.retry_after or 0.0, self._backoff(head))
                log.warning("delivery.postponed", error=describe(error), seconds=wait)
                return await self._postpone(head, lease, error, wait, counted=False)
            case _ if self._is_hopeless(head, error):
                log.error("delivery.dead", error=describe(error), exc_info=error)
                return await self._end(head, lease, subjects.DEAD, error, keep=keep)
            case _:
                log.error("delivery.failed", error=describe(error), exc_info=error)
                return await self._postpone(head, lease, error, backoff(attempt), counted=True)

    async def _end(
        self, head: _Head, lease: Lease, outcome: str, error: Exception, *, keep: bool
    ) -> bool:
        """End a head that was not handled, and tell people."""
        reason = str(error) if outcome == subjects.IGNORED else describe(error)
        work = await self._told(head, error, final=True)
        return await self._conclude(head, lease, outcome, reason, keep=keep, work=work)

    async def _told(self, head: _Head, error: Exception, *, final: bool = False) -> Work | None:
        """Ask what people are told; that it cannot be said changes nothing for the delivery."""
        if self._tell is None:
            return None
        trouble = Trouble(
            error=error,
            attempt=head.stored.attempt,
            since=head.stored.delivery.received_at,
            waited=self._age(head),
            final=final,
        )
        try:
            async with asyncio.timeout(_TELLING_TIMEOUT):
                return await self._tell(head.stored, trouble)
        except (BridgeError, TimeoutError) as failed:
            log.warning("delivery.untold", error=describe(failed))
            return None

    async def _postpone(
        self, head: _Head, lease: Lease, error: Exception, wait: float, *, counted: bool
    ) -> bool:
        work = await self._told(head, error)
        now = self._database.now()
        await self._database.write_for(
            lease.held.id,
            subjects.postpone,
            lease.held,
            head.stored,
            due_at=now + int(wait * 1000),
            error=describe(error),
            counted=counted,
            now=now,
            work=work,
            aside=head.stored.delivery.source in self._passing,
        )
        self._metrics.handled.labels("retried").inc()
        return False

    def _is_hopeless(self, head: _Head, error: Exception) -> bool:
        # The same bytes will not parse the next time either.
        return (
            isinstance(error, DeliveryError)
            or head.failures + 1 >= self._max_failures
            or (isinstance(error, TemporaryRemoteError) and self._is_too_old(head))
        )

    def _is_too_old(self, head: _Head) -> bool:
        return self._age(head) > PATIENCE

    def _age(self, head: _Head) -> float:
        """Seconds since the head was received."""
        return (self._database.now() - to_ms(head.stored.delivery.received_at)) / 1000

    def _backoff(self, head: _Head) -> float:
        """Seconds until the next try; one falls on the moment from which waiting is an error."""
        left = LASTING - self._age(head)
        wait = backoff(head.stored.attempt)
        return min(wait, left) if left > 0 else wait
