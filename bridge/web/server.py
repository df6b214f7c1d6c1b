"""Listening on a port for as long as a block runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from bridge.domain.errors import SettingsError

LINGER = 5.0
"""Seconds the rest of a refused body is read and thrown away, so that the sender sees why."""

_FINISH = 10.0
"""Seconds running requests get to end when the server stops."""

_BUFFER = 2**16
"""Bytes a connection may hold before anybody asks for its body."""


@asynccontextmanager
async def listening(
    app: web.Application, *, host: str, port: int, linger: float = LINGER
) -> AsyncIterator[int]:
    """Serve *app* and hand out the port (another one than asked for when that is 0).

    Leaving the block stops accepting, lets running requests end, then closes.

    Raises:
        SettingsError: The address cannot be listened on.
    """
    runner = web.AppRunner(
        app,
        access_log=None,  # one line per request says nothing the metrics do not
        lingering_time=linger,
        shutdown_timeout=_FINISH,
        read_bufsize=_BUFFER,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        try:
            await site.start()
        except (OSError, OverflowError) as error:
            msg = f"listening on {host}:{port}: {error}"
            raise SettingsError(msg) from error
        yield _port(runner)
    finally:
        await runner.cleanup()


def _port(runner: web.AppRunner) -> int:
    for address in runner.addresses:
        if isinstance(address, tuple):
            return int(address[1])
    return 0
