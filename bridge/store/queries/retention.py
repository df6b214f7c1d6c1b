"""Forgetting: what is deleted when.

Rows are looked for by a reader, which holds up nobody, and deleted by key in chunks, each of
which checks again that the row's time is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, or_, select

from bridge.domain.access import SLACK
from bridge.domain.posts import ALONE
from bridge.domain.runs import RunPhase
from bridge.store.schema import (
    audit,
    delivery,
    delivery_body,
    link_offer,
    output,
    post,
    pull_request,
    rate_bucket,
    run,
    run_link,
    subject,
)

CHUNK: Final = 1_000
"""Rows deleted in one transaction."""

DAY: Final = 24 * 3600 * 1000
"""Milliseconds."""

_HANDLED: Final = ("done", "ignored")


class Retention(NamedTuple):
    """Days things are kept after they ended."""

    bodies: int = 7
    """Bodies of deliveries that were handled; those set aside keep theirs as long as their keys."""
    keys: int = 30
    """Deliveries: until then a repeat is recognised."""
    outputs: int = 90
    runs: int = 90
    posts: int = 90
    pull_requests: int = 180
    """Closed ones, since they last changed."""
    audits: int = 730


@dataclass(frozen=True, slots=True)
class Expired:
    """Rows of a table whose time is over.

    Attributes:
        key: Column that names them; deleting by it may take several rows.
        condition: Holds for each of them, also at the moment they are deleted.
    """

    table: Table
    key: ColumnElement[Any]
    condition: ColumnElement[bool]


def expired(retention: Retention, now: int) -> Sequence[Expired]:
    """Say what may go, in the order in which it is deleted."""
    runs_before = now - retention.runs * DAY
    posts_before = now - retention.posts * DAY
    keys_before = now - retention.keys * DAY
    return (
        Expired(delivery_body, delivery_body.c.delivery_id, _bodies(now - retention.bodies * DAY)),
        Expired(
            delivery,
            delivery.c.id,
            and_(delivery.c.received_at < keys_before, delivery.c.outcome != "none"),
        ),
        # A day later than its deliveries: numbers begin again when a subject comes back.
        Expired(
            subject,
            subject.c.id,
            and_(
                subject.c.pending == 0,
                subject.c.lease_until.is_(None),
                subject.c.last_at < keys_before - DAY,
            ),
        ),
        Expired(output, output.c.run_id, output.c.created_at < now - retention.outputs * DAY),
        Expired(
            run,
            run.c.id,
            and_(run.c.phase == RunPhase.FINISHED.value, run.c.finished_at < runs_before),
        ),
        Expired(
            post,
            post.c.id,
            and_(
                or_(post.c.due_at.is_(None), post.c.dead == 1),
                post.c.lease_until.is_(None),
                or_(_is_before(posts_before), and_(_is_private(), _is_before(now - DAY))),
                ~_belongs_to_open_pull_request(),
                ~_is_about_open_run(),
            ),
        ),
        Expired(
            pull_request,
            pull_request.c.id,
            and_(
                pull_request.c.state != "open",
                pull_request.c.updated_at < now - retention.pull_requests * DAY,
            ),
        ),
        # A while longer than it counts, so that people hear that a code was used.
        Expired(link_offer, link_offer.c.code_hash, link_offer.c.expires_at < now - DAY),
        Expired(audit, audit.c.id, audit.c.at < now - retention.audits * DAY),
        # One that is not there is full, and within a day each is.
        Expired(
            rate_bucket,
            rate_bucket.c.key,
            and_(rate_bucket.c.updated_at < now - DAY, rate_bucket.c.blocked_until < now),
        ),
    )


def find(connection: Connection, what: Expired) -> Sequence[Any]:
    """Return the keys of up to CHUNK rows whose time is over."""
    return connection.scalars(select(what.key).where(what.condition).limit(CHUNK)).all()


def forget(connection: Connection, what: Expired, keys: Sequence[Any]) -> int:
    """Delete rows by their keys if their time still is over; return how many."""
    if what.table is delivery:
        connection.execute(delete(delivery_body).where(delivery_body.c.delivery_id.in_(keys)))
    return connection.execute(delete(what.table).where(what.key.in_(keys), what.condition)).rowcount


def _bodies(before: int) -> ColumnElement[bool]:
    # Ids grow with time: the first one that is young enough ends the search, instead of a walk
    # through every delivery that has lost its body already.
    young = (
        select(delivery.c.id)
        .where(delivery.c.received_at >= before)
        .order_by(delivery.c.received_at, delivery.c.id)
        .limit(1)
        .scalar_subquery()
    )
    handled = exists().where(
        delivery.c.id == delivery_body.c.delivery_id,
        delivery.c.received_at < before,
        delivery.c.outcome.in_(_HANDLED),
    )
    return and_(or_(young.is_(None), delivery_body.c.delivery_id < young), handled)


def _is_before(moment: int) -> ColumnElement[bool]:
    sent = or_(post.c.sent_at.is_(None), post.c.sent_at < moment)
    return and_(post.c.created_at < moment, sent)


def _is_private() -> ColumnElement[bool]:
    """Tell of a post that one person alone sees it: it may hold a code, or an address to answer."""
    return post.c.kind.in_(sorted(kind.value for kind in ALONE))


def _belongs_to_open_pull_request() -> ColumnElement[bool]:
    # Its comment is still edited: forgetting its id would write a second one.
    return exists().where(pull_request.c.id == post.c.report, pull_request.c.state == "open")


def _is_about_open_run() -> ColumnElement[bool]:
    """Tell of a post in a chat that it goes on changing, however long it has said nothing."""
    return and_(
        post.c.forge == SLACK,
        exists().where(
            run_link.c.report == post.c.report,
            run.c.id == run_link.c.run_id,
            run.c.phase != RunPhase.FINISHED.value,
        ),
    )
