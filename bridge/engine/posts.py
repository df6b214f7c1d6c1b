"""The outbox: posts that are due are brought to the outside, newest text only.

What a post says is composed when it is sent, so a burst of changes is one edit. A budget that is
used up, a pause the service asks for and an outage all move ``due_at``; nothing is dropped. What a
service refuses for good is set aside, where people see it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import structlog
from sqlalchemy import Connection, RowMapping

from bridge.domain.errors import (
    BudgetSpentError,
    LeaseLostError,
    OverloadedError,
    PermanentRemoteError,
    TemporaryRemoteError,
)
from bridge.domain.posts import ALONE, CHAT_KINDS, ChatTarget, Post, PostKind, RemotePart
from bridge.engine.leases import Lease, LeaseKeeper
from bridge.engine.rates import Budgets
from bridge.engine.workers import Job, Worker, describe
from bridge.logs import BUDGET
from bridge.metrics import Metrics
from bridge.ports import Published, Publisher
from bridge.store.codecs import post_from_row, to_ms
from bridge.store.database import Database
from bridge.store.queries import chat, rates
from bridge.store.queries import posts as queries
from bridge.store.queries.leases import Held
from bridge.store.queries.rates import Cost
from bridge.store.queries.told import record_audits, touch_reports
from bridge.store.schema import post

log = structlog.get_logger()

CONCURRENCY: Final = 8

ACCOUNT_PAUSE: Final = 60.0
"""Seconds a credential rests that was limited as a whole by a service that did not say how long."""

ONE_AT_A_TIME: Final = frozenset({"post", "update"})
"""Calls of a chat that this process makes one after another: of those that are under way when the
service wants a pause, each would be another one too many."""

LOCKED_OUT: Final = 300.0
"""Seconds between tries while a service does not take the bridge's credential."""


class PostLease:
    """A lease on a post; see ports.PostLease.

    Attributes:
        paid: What the last call took: the budgets that rest when the service wants a pause.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        budgets: Budgets,
        team: str,
        turns: "defaultdict[str, asyncio.Lock]",
    ) -> None:
        self._database = database
        self._lease = lease
        self._budgets = budgets
        self._team = team
        self._turns = turns
        self._turn: asyncio.Lock | None = None
        self.paid: Sequence[Cost] = ()

    def check(self) -> None:
        """See ports.Lease."""
        self._lease.check()

    async def save(self, parts: Sequence[RemotePart]) -> None:
        """See ports.PostLease."""
        held = self._lease.held
        await self._database.write_for(held.id, queries.save_parts, held, tuple(parts))

    async def pay(self, purpose: str, place: str = "", *, gap: float = 0.0) -> None:
        """See ports.PostLease."""
        self.leave()
        self.paid = self._budgets.of_chat(self._team, purpose, place)
        if purpose in ONE_AT_A_TIME:
            turn = self._turns[self.paid[0].key]
            await turn.acquire()
            self._turn = turn
        held, now = self._lease.held, self._database.now()
        spent = await self._database.write_for(
            held.id, queries.pay, held, self.paid, now, gap=int(gap * 1000)
        )
        if spent is not None:
            raise spent
        self.check()

    def leave(self) -> None:
        """Let others go on: the call that was paid for last is over."""
        if self._turn is not None:
            self._turn.release()
            self._turn = None


class Posts:
    """Sends the posts that are due through *publisher*, within *budgets*."""

    def __init__(
        self,
        database: Database,
        keeper: LeaseKeeper,
        publisher: Publisher,
        *,
        budgets: Budgets | None = None,
        metrics: Metrics | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._budgets = budgets or Budgets()
        self._metrics = metrics or Metrics()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.worker = Worker(
            database,
            keeper,
            Job(
                table=post,
                work=self._work,
                give_up=queries.bury,
                concurrency=concurrency,
                where=post.c.dead == 0,
            ),
        )

    async def _work(self, row: RowMapping, lease: Lease) -> None:
        wanted = post_from_row(row)
        with structlog.contextvars.bound_contextvars(
            post=wanted.id, kind=wanted.kind.value, forge=wanted.target.service
        ):
            costs = self._budgets.costs(wanted)
            if not costs or await self._pay(row, wanted, lease, costs):
                await self._send(row, wanted, lease, costs)
            else:
                self._count(wanted, "waiting")

    async def _pay(
        self, row: RowMapping, wanted: Post, lease: Lease, costs: Sequence[Cost]
    ) -> bool:
        """Take what sending a post costs; tell whether it may be sent now."""
        until = await self._database.write_for(
            wanted.id, queries.pay_or_wait, lease.held, row, costs, self._database.now()
        )
        return until is None

    async def _send(
        self, row: RowMapping, wanted: Post, lease: Lease, costs: Sequence[Cost]
    ) -> None:
        held = self._lease(wanted, lease)
        try:
            published = await self._publisher.publish(wanted, held)
        except BudgetSpentError as spent:
            await self._wait(wanted, lease, spent)
        except TemporaryRemoteError as error:
            if held.paid and error.status == HTTPStatus.TOO_MANY_REQUESTS:
                await self._wait(wanted, lease, await self._rest_method(held.paid, error))
                return
            self._count(wanted, "postponed")
            if error.account_wide:
                await self._rest(wanted.target.service, error)
            raise
        except PermanentRemoteError as error:
            await self._refuse(row, wanted, lease, error)
        except (LeaseLostError, OverloadedError):
            raise
        except Exception:
            self._count(wanted, "failed")
            raise
        else:
            await self._finish(wanted, lease, costs, published)
        finally:
            held.leave()

    def _lease(self, wanted: Post, lease: Lease) -> PostLease:
        target = wanted.target
        team = target.team if isinstance(target, ChatTarget) else ""
        return PostLease(self._database, lease, self._budgets, team, self._turns)

    async def _finish(
        self, wanted: Post, lease: Lease, costs: Sequence[Cost], published: Published
    ) -> None:
        changed = await self._database.write_for(
            wanted.id,
            _finish,
            lease.held,
            wanted,
            published,
            costs,
            now=self._database.now(),
        )
        self._count(wanted, "sent" if published.writes else "unchanged")
        if published.writes:
            log.info("post.sent", writes=published.writes, revision=wanted.revision, again=changed)

    async def _refuse(
        self, row: RowMapping, wanted: Post, lease: Lease, error: PermanentRemoteError
    ) -> None:
        if error.status == HTTPStatus.UNAUTHORIZED:
            # An operator's matter, and every post's: what is to be said keeps until then.
            self._count(wanted, "postponed")
            msg = str(error)
            raise TemporaryRemoteError(
                msg, service=error.service, status=error.status, retry_after=LOCKED_OUT
            ) from error
        log.error("post.dead", error=describe(error))
        self._count(wanted, "dead")
        await self._database.write_for(
            wanted.id, queries.bury, lease.held, row, describe(error), self._database.now()
        )

    async def _wait(self, wanted: Post, lease: Lease, spent: BudgetSpentError) -> None:
        self._count(wanted, "waiting")
        await self._database.write_for(wanted.id, queries.wait, lease.held, spent)

    async def _rest_method(
        self, paid: Sequence[Cost], error: TemporaryRemoteError
    ) -> BudgetSpentError:
        """Let one method of a chat rest for all posts; the others go on."""
        pause = ACCOUNT_PAUSE if error.retry_after is None else error.retry_after
        now = self._database.now()
        until = now + int(pause * 1000)
        log.warning("budget.blocked", seconds=pause, **{BUDGET: paid[0].key})
        await self._database.write(rates.block, paid, until, now)
        return BudgetSpentError(until)

    async def _rest(self, forge: str, error: TemporaryRemoteError) -> None:
        pause = ACCOUNT_PAUSE if error.retry_after is None else error.retry_after
        now = self._database.now()
        log.warning("budget.blocked", seconds=pause)
        costs = self._budgets.of_credential(forge)
        await self._database.write(rates.block, costs, now + int(pause * 1000), now)

    def _count(self, wanted: Post, outcome: str) -> None:
        self._metrics.posts.labels(wanted.kind.value, outcome).inc()


def _finish(
    connection: Connection,
    held: Held,
    sent: Post,
    published: Published,
    costs: Sequence[Cost],
    *,
    now: int,
) -> bool:
    again_at = None if published.again_at is None else to_ms(published.again_at)
    changed = queries.finish(
        connection,
        held,
        sent,
        published.parts,
        writes=published.writes,
        again_at=again_at,
        now=now,
    )
    if sent.kind is PostKind.MERGE and published.parts != sent.parts:
        # The living comment says what came of it; the merge itself looks again in its own time.
        touch_reports(connection, [sent.report], now, kind=PostKind.REPORT)
    record_audits(connection, published.audits, now)
    _note_channel(connection, sent, published, now)
    if costs:
        rates.give_back(connection, costs, costs[0].tokens - published.writes)
    return changed


def _note_channel(connection: Connection, sent: Post, published: Published, now: int) -> None:
    """Send nothing to a channel any more that is shut; send all to one that is open again."""
    if published.parks is not None:
        chat.park(connection, published.parks, now)
    elif published.writes and sent.kind in CHAT_KINDS - ALONE:
        target = sent.chat_target
        chat.unpark(connection, (target.team, target.channel), now)
