"""Reading request bodies without letting strangers fill the memory.

Nobody is known before the signature was checked over the whole body, so whoever can reach the
port can make the bridge hold bytes. Bytes are counted as they arrive, after decompression (the
library decompresses piece by piece and stops reading while nobody takes the pieces), and not as
announced: a slow sender that announces 26 MiB must not keep the others out.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from bridge.domain.errors import OverloadedError
from bridge.metrics import Metrics

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """How much is read for how long.

    Attributes:
        body: Bytes of one body after decompression; forges send at most 25 MB.
        in_flight: Bytes of all bodies together.
        small: Bytes up to which a body may use the last eighth of *in_flight*, so that large
            ones never keep the common case out.
        seconds: Until a body must have arrived.
    """

    body: int = 26 * MIB
    in_flight: int = 128 * MIB
    small: int = 1 * MIB
    seconds: float = 10.0


class BodyReader:
    """Reads bodies within limits that hold for all requests together."""

    def __init__(self, limits: BodyLimits, metrics: Metrics) -> None:
        self._limits = limits
        self._held = 0
        metrics.body_bytes.set_function(lambda: self._held)

    @asynccontextmanager
    async def read(self, request: web.Request) -> AsyncIterator[bytes]:
        """Hand out the body; its bytes count as in flight until the block is left.

        Raises:
            web.HTTPRequestEntityTooLarge: Longer than allowed, as announced or as received.
            web.HTTPRequestTimeout: It did not arrive in time.
            web.HTTPBadRequest: It broke off or is not what its encoding says.
            OverloadedError: All bodies together are too many.
        """
        announced = request.content_length or 0
        if announced > self._limits.body:
            raise web.HTTPRequestEntityTooLarge(self._limits.body, announced)
        claim = _Claim(self)
        try:
            yield await self._collect(request, claim)
        finally:
            self._held -= claim.size

    async def _collect(self, request: web.Request, claim: "_Claim") -> bytes:
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._limits.seconds):
                while chunk := await request.content.readany():
                    claim.grow(len(chunk))
                    chunks.append(chunk)
        except TimeoutError as error:
            raise web.HTTPRequestTimeout from error
        except (web.RequestPayloadError, ConnectionError) as error:
            raise web.HTTPBadRequest(text="the body broke off or cannot be decoded\n") from error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def admit(self, size: int, more: int) -> None:
        """Count *more* bytes for a body that has *size* so far, or refuse."""
        total = size + more
        if total > self._limits.body:
            raise web.HTTPRequestEntityTooLarge(self._limits.body, total)
        room = self._limits.in_flight
        if total > self._limits.small:
            room -= room // 8
        if self._held + more > room:
            msg = "too many request bodies at once"
            raise OverloadedError(msg)
        self._held += more


@dataclass(slots=True)
class _Claim:
    """What one request holds."""

    reader: BodyReader
    size: int = 0

    def grow(self, more: int) -> None:
        self.reader.admit(self.size, more)
        self.size += more
