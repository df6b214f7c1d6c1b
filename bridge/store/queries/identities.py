"""Which person of a chat is which account of a forge, and the codes that make them one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select, update

from bridge.domain.chat import Identity, LinkOffer
from bridge.domain.errors import OverloadedError
from bridge.domain.work import LinkUse, Unlink
from bridge.store.codecs import from_ms, to_ms
from bridge.store.queries.upserts import upsert
from bridge.store.schema import identity, link_offer


def offer(connection: Connection, wanted: LinkOffer) -> None:
    """Keep a code's hash; one that is there stays as it is."""
    statement = upsert(connection, link_offer).values(
        code_hash=wanted.code_hash,
        team=wanted.team,
        team_name=wanted.team_name,
        user_id=wanted.user,
        name=wanted.name,
        expires_at=to_ms(wanted.expires_at),
    )
    connection.execute(statement.on_conflict_do_nothing())


def use(connection: Connection, wanted: LinkUse, now: int) -> None:
    """Use a code up, and make the two one person.

    Raises:
        OverloadedError: Somebody used it since it was looked at, or its time is over: nothing
            of what was to be said about it is true. Whoever handles it again sees so.
    """
    taken = connection.execute(
        update(link_offer)
        .where(
            link_offer.c.code_hash == wanted.code_hash,
            link_offer.c.used_at.is_(None),
            link_offer.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(link_offer.c.team, link_offer.c.user_id, link_offer.c.name)
    ).first()
    if taken is None:
        msg = "a code that links two people was used, or expired, at this moment"
        raise OverloadedError(msg)
    login = wanted.identity.login
    values = {"name": taken.name, "login": login, "login_key": _key(login), "linked_at": now}
    statement = upsert(connection, identity).values(
        # Whose code it is, says the code.
        team=taken.team,
        user_id=taken.user_id,
        forge=wanted.identity.forge,
        **values,
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["team", "user_id", "forge"], set_=values)
    )


def unlink(connection: Connection, gone: Unlink) -> None:
    """Let a person of the chat and accounts of forges be two again."""
    if not gone.user and not gone.login:
        return  # that would be everybody
    statement = delete(identity).where(identity.c.team == gone.team)
    if gone.user:
        statement = statement.where(identity.c.user_id == gone.user)
    if gone.forge:
        statement = statement.where(identity.c.forge == gone.forge)
    if gone.login:
        statement = statement.where(identity.c.login_key == _key(gone.login))
    connection.execute(statement)


def of_user(connection: Connection, team: str, user: str) -> Sequence[Identity]:
    """Read the accounts somebody is linked to, sorted by forge."""
    return _read(connection, identity.c.team == team, identity.c.user_id == user)


def of_login(connection: Connection, forge: str, login: str) -> Sequence[Identity]:
    """Read the people of chats an account is linked to."""
    return _read(connection, identity.c.forge == forge, identity.c.login_key == _key(login))


def read_offer(connection: Connection, code_hash: str) -> LinkOffer | None:
    """Find an offer, whatever became of it."""
    row = connection.execute(select(link_offer).where(link_offer.c.code_hash == code_hash)).first()
    if row is None:
        return None
    return LinkOffer(
        code_hash=row.code_hash,
        team=row.team,
        team_name=row.team_name,
        user=row.user_id,
        name=row.name,
        expires_at=from_ms(row.expires_at),
        used=row.used_at is not None,
    )


def _read(connection: Connection, *where: ColumnElement[bool]) -> Sequence[Identity]:
    rows = connection.execute(
        select(identity)
        .where(*where)
        .order_by(identity.c.forge, identity.c.team, identity.c.user_id)
    ).all()
    return [_identity(row) for row in rows]


def _identity(row: Row[Any]) -> Identity:
    return Identity(
        team=row.team,
        user=row.user_id,
        name=row.name,
        forge=row.forge,
        login=row.login,
        linked_at=from_ms(row.linked_at),
    )


def _key(login: str) -> str:
    return login.lower()
