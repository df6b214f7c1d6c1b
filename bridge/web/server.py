"""Listening on a port for as long as a block runs."""

import errno
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from aiohttp.http import HttpProcessingError

from bridge.domain.errors import SettingsError
from bridge.web.deliveries import RefusalLog

LINGER = 5.0
"""Seconds the rest of a refused body is read and thrown away, so that the sender sees why."""

_FINISH = 10.0
"""Seconds running requests get to end when the server stops."""

_BUFFER = 2**16
"""Bytes a connection may hold before anybody asks for its body."""


class _Strangers(logging.Filter):
    """Keeps what anybody can send out of the log.

    The library logs a request it cannot read with a traceback that quotes it: whoever reaches the
    port could fill the disk, and a header with a credential in it would be kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self._refusals = RefusalLog()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let through what is no sender's fault; count the rest."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError | web.RequestPayloadError):
            return True
        self._refusals.note("", "malformed")
        return False


_LIBRARY: Final = logging.getLogger("aiohttp.server")
_STRANGERS: Final = _Strangers()


@asynccontextmanager
async def listening(
    app: web.Application, *, host: str, port: int, linger: float = LINGER
) -> AsyncIterator[int]:
    """Serve *app* and hand out the port (another one than asked for when that is 0).

    Leaving the block stops accepting, lets running requests end, then closes.

    Raises:
        SettingsError: The address cannot be listened on.
    """
    _LIBRARY.addFilter(_STRANGERS)  # once, however often
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
            msg = f"listening on {host}:{port}: {_why(error)}"
            raise SettingsError(msg) from error
        yield _port(runner)
    finally:
        await runner.cleanup()


def _why(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return "the address is in use: end what listens there, or set another port"
    # The event loop's own text repeats the address and the number.
    return os.strerror(number) if number is not None and number > 0 else str(error)


def _port(runner: web.AppRunner) -> int:
    for address in runner.addresses:
        if isinstance(address, tuple):
            return int(address[1])
    return 0
