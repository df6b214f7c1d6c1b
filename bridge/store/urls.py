"""Database URLs: whatever is wrong with one is said before anything connects."""

from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bridge.domain.errors import SettingsError

_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# SQLAlchemy and asyncpg answer another one, or a number's name, with a TypeError.
_OPTIONS: Final = frozenset(
    {"host", "passfile", "pgbouncer", "port", "ssl", "sslmode", "target_session_attrs"}
)


def parse_url(url: str) -> URL:
    """Read a database URL; SettingsError says what is wrong, without showing a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        msg = "the database must be sqlite:///path or postgresql://user:password@host/name"
        # Not chained: the library's text quotes the URL.
        raise SettingsError(msg) from None
    return _with_ssl(parsed) if parsed.get_backend_name() == "postgresql" else parsed


def _with_ssl(url: URL) -> URL:
    """Check the options, and name ``sslmode``, libpq's word, as the driver does: ``ssl``."""
    unknown = sorted(url.query.keys() - _OPTIONS)
    if unknown:
        msg = (
            f"the address of the database has options that are not known: {', '.join(unknown)}; "
            f"there are {', '.join(sorted(_OPTIONS))}"
        )
        raise SettingsError(msg)
    mode = url.query.get("sslmode", url.query.get("ssl"))
    if mode is not None and mode not in _SSL_MODES:
        msg = f"sslmode in the address of the database must be one of {', '.join(_SSL_MODES)}"
        raise SettingsError(msg)
    plain = url.difference_update_query(["sslmode"])
    if mode is not None:
        plain = plain.update_query_dict({"ssl": mode})
    _check_hosts(plain)
    return plain


def _check_hosts(url: URL) -> None:
    asyncpg = url.set(drivername="postgresql+asyncpg")
    try:
        asyncpg.get_dialect()().create_connect_args(asyncpg)
    except (ArgumentError, ValueError) as error:
        msg = f"the hosts in the address of the database do not fit: {error}"
        raise SettingsError(msg) from error
