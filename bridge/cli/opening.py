"""What several commands need first: the settings, and the database beside a running bridge."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from bridge.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


def read_settings() -> "Settings":
    """Read the settings of this process and its working directory.

    From then on only errors are logged, and to standard error: the output is the command's.
    """
    from bridge.domain.redaction import Redactor  # noqa: PLC0415 - see the package
    from bridge.logs import LogFormat, configure_logs  # noqa: PLC0415
    from bridge.settings import load_settings  # noqa: PLC0415

    settings = load_settings(os.environ, Path.cwd())
    redact = Redactor(settings.secrets()).redact
    configure_logs(level="error", format=LogFormat.CONSOLE, redact=redact, stream=sys.stderr)
    return settings


async def ask_database(
    settings: "Settings",
    query: "Callable[Concatenate[Connection, P], T]",
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run one query that reads, beside a bridge that may be running."""
    from bridge.store.database import Database  # noqa: PLC0415 - see the package

    url = settings.database.url.get_secret_value()
    async with await Database.open(url, exclusive=False) as database:
        return await database.read(query, *args, **kwargs)
