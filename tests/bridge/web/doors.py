"""A driver, an inbox and a readiness check as small as the edge needs them, and a way in."""

import asyncio
import gzip
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import BridgeError, PayloadError, SignatureError
from bridge.metrics import Metrics
from bridge.ports import Ignored
from bridge.web.app import Notifications, create_app
from bridge.web.bodies import BodyLimits
from bridge.web.deliveries import Door
from bridge.web.server import listening
from tests.fakes.clock import FakeClock

SECRET = b"a secret for tests"


def signed(body: bytes, *, key: str = "d-1", kind: str = "push") -> dict[str, str]:
    digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Hub-Signature-256": f"sha256={digest}",
        "X-GitHub-Event": kind,
        "X-GitHub-Delivery": key,
    }


@dataclass
class SigningForge:
    """Checks one signature header, then that the body looks like JSON."""

    queries: list[dict[str, str]] = field(default_factory=list)

    def accept_delivery(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        self.queries.append(dict(query))
        expected = f"sha256={hmac.new(SECRET, body, hashlib.sha256).hexdigest()}".encode()
        given = headers.get("x-hub-signature-256", "").encode("utf-8", "surrogateescape")
        if "X-Forgejo-Event" in headers or not hmac.compare_digest(expected, given):
            msg = "not signed as it should be"
            raise SignatureError(msg)
        if headers["X-GitHub-Event"] == "ping":
            return Ignored(reason="a ping", test=True)
        if not body.startswith((b"{", b"payload=")):
            msg = "reading a push delivery: this is no JSON object"
            raise PayloadError(msg)
        return Delivery(
            source="github",
            key=headers["X-GitHub-Delivery"],
            kind=headers["X-GitHub-Event"],
            subject="branch:github:1:main",
            semantic_key=None,
            repository_id="1",
            headers={},
            body=body,
            received_at=now,
        )


@dataclass
class KeepingInbox:
    """Keeps deliveries as the store would: one per key; or fails, or takes its time."""

    kept: dict[str, Delivery] = field(default_factory=dict)
    patience: list[float] = field(default_factory=list)
    trouble: BridgeError | None = None
    gate: asyncio.Event | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def accept(self, delivery: Delivery, seconds: float, /) -> bool:
        self.patience.append(seconds)
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        return self.kept.setdefault(delivery.key, delivery) is delivery


@dataclass
class Ready:
    said: Sequence[str] = ()

    async def problems(self) -> Sequence[str]:
        return self.said


@dataclass
class Edge:
    """Everything a test of the edge may look at."""

    forge: SigningForge = field(default_factory=SigningForge)
    inbox: KeepingInbox = field(default_factory=KeepingInbox)
    ready: Ready = field(default_factory=Ready)
    metrics: Metrics = field(default_factory=Metrics)
    hints: list[tuple[str, str]] = field(default_factory=list)
    limits: BodyLimits = field(default_factory=BodyLimits)
    notifications: bool = True
    answer_within: float = 8.0

    def app(self) -> web.Application:
        return create_app(
            doors={"github": Door(forge=self.forge, answer_within=self.answer_within)},
            inbox=self.inbox,
            readiness=self.ready,
            clock=FakeClock(),
            metrics=self.metrics,
            notifications=Notifications(
                secret="shared-secret-1",
                hint=lambda organization, workspace: self.hints.append((organization, workspace)),
            )
            if self.notifications
            else None,
            limits=self.limits,
        )

    def count(self, outcome: str) -> float:
        value = self.metrics.registry.get_sample_value(
            "bridge_deliveries_total", {"forge": "github", "outcome": outcome}
        )
        return value or 0.0

    def held(self) -> float:
        return self.metrics.registry.get_sample_value("bridge_body_bytes") or 0.0


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    text: str


@asynccontextmanager
async def open_port(edge: Edge) -> AsyncIterator[int]:
    async with listening(edge.app(), host="127.0.0.1", port=0, linger=0.2) as port:
        yield port


async def send(
    port: int,
    *,
    head: Mapping[str, str],
    body: bytes = b"",
    path: str = "/webhooks/github",
    method: str = "POST",
) -> Reply:
    """Speak HTTP/1.1 by hand: no library corrects what a test wants to get wrong."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"{method} {path} HTTP/1.1", "Host: bridge", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in head.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
        writer.write(body)
        return await read_reply(reader)
    finally:
        writer.close()


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *rest = raw.decode("latin-1").strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest)
    length = int(headers.get("Content-Length", "0"))
    text = (await reader.readexactly(length)).decode()
    return Reply(status=int(first.split()[1]), headers=headers, text=text)


def with_length(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    return {**headers, "Content-Length": str(len(body))}


def chunked(body: bytes, size: int = 1000) -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)
