"""Approvals that count, but are not enough alone."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, and_, select

from bridge.decisions.approving import Accounts, accounts_of
from bridge.decisions.reviewing import waiting_step
from bridge.domain.chat import Identity, slack_user_of
from bridge.domain.runs import RunState
from bridge.domain.work import Decide, Vote
from bridge.store.codecs import STEPS, from_ms
from bridge.store.queries.upserts import upsert
from bridge.store.schema import identity, run, vote


def read(connection: Connection, run_id: str, step: str) -> Sequence[Vote]:
    """List the approvals of a step, oldest first."""
    query = (
        select(vote.c.actor, vote.c.at)
        .where(vote.c.run_id == run_id, vote.c.step == step)
        .order_by(vote.c.at, vote.c.actor)
    )
    return [Vote(actor=row.actor, at=from_ms(row.at)) for row in connection.execute(query)]


def read_waiting(connection: Connection, run_id: str) -> Sequence[Vote]:
    """List the approvals of the step at which the job of a run waits; empty when it does not."""
    found = connection.execute(select(run.c.state, run.c.steps).where(run.c.id == run_id)).first()
    if found is None or found.state != RunState.WAITING:
        return []
    return read(connection, run_id, waiting_step(STEPS.load(found.steps)))


def cast(connection: Connection, wanted: Decide, run_id: str, step: str, now: int) -> None:
    """Write an approval down."""
    connection.execute(
        upsert(connection, vote)
        .values(run_id=run_id, step=step, actor=wanted.actor, door=wanted.door, at=now)
        .on_conflict_do_nothing()
    )


def accounts(connection: Connection, forge: str, actor: str) -> Accounts:
    """List what somebody is known as just now: they may have linked their accounts meanwhile."""
    user = slack_user_of(actor)
    theirs = (
        identity.c.user_id == user
        if user
        else and_(identity.c.forge == forge, identity.c.login_key == actor.lower())
    )
    rows = connection.execute(select(identity).where(theirs)).mappings()
    return accounts_of(actor, forge, [_identity(row) for row in rows])


def _identity(row: RowMapping) -> Identity:
    return Identity(
        team=row["team"],
        user=row["user_id"],
        name=row["name"],
        forge=row["forge"],
        login=row["login"],
    )
