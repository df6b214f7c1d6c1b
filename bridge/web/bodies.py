"""Reading request bodies without letting strangers fill the memory.

Nobody is known before the signature was checked over the whole body, so whoever can reach the
port can make the bridge hold bytes. Bytes are counted as they arrive, after decompression (the
library decompresses piece by piece and stops reading while nobody takes the pieces), and not as
announced: a slow sender that announces 26 MiB must not keep the others out.
"""

import asyncio
from dataclasses import dataclass
from typing import Self

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

    def claim(self, most: int | None = None) -> "Claim":
        """Begin to read one body: ``with bodies.claim() as claim: await claim.read(request)``.

        Args:
            most: Bytes it may have; None for what forges may send.
        """
        return Claim(self, self._limits.body if most is None else most)

    async def read(self, request: web.Request, claim: "Claim") -> bytes:
        """See Claim.read."""
        announced = request.content_length or 0
        if announced > claim.most:
            raise web.HTTPRequestEntityTooLarge(claim.most, announced)
        try:
            if request.content.is_eof():  # it came with its head, as nearly all do: no timer
                body = request.content.read_nowait()
                self._admit(claim, len(body))
                return body
            return await self._collect(request, claim)
        except (web.RequestPayloadError, ConnectionError) as error:
            raise web.HTTPBadRequest(text="the body broke off or cannot be decoded\n") from error

    def let_go(self, claim: "Claim") -> None:
        """See Claim."""
        self._held -= claim.size
        claim.size = 0

    async def _collect(self, request: web.Request, claim: "Claim") -> bytes:
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._limits.seconds):
                while chunk := await request.content.readany():
                    self._admit(claim, len(chunk))
                    chunks.append(chunk)
        except TimeoutError as error:
            raise web.HTTPRequestTimeout from error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _admit(self, claim: "Claim", more: int) -> None:
        total = claim.size + more
        if total > claim.most:
            raise web.HTTPRequestEntityTooLarge(claim.most, total)
        room = self._limits.in_flight
        if total > self._limits.small:
            room -= room // 8
        if self._held + more > room:
            msg = "too many request bodies at once"
            raise OverloadedError(msg)
        self._held += more
        claim.size = total


class Claim:
    """One request's share of the memory, from its first byte until the block is left.

    Attributes:
        size: Bytes held.
        most: Bytes the body may have.
    """

    __slots__ = ("_reader", "most", "size")

    def __init__(self, reader: BodyReader, most: int) -> None:
        self._reader = reader
        self.most = most
        self.size = 0

    async def read(self, request: web.Request) -> bytes:
        """Return the body.

        Raises:
            web.HTTPRequestEntityTooLarge: Longer than allowed, as announced or as received.
            web.HTTPRequestTimeout: It did not arrive in time.
            web.HTTPBadRequest: It broke off or is not what its encoding says.
            OverloadedError: All bodies together are too many.
        """
        return await self._reader.read(request, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.let_go(self)
