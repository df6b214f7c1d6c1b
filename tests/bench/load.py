"""The client, a process of its own: ready-made requests over plain sockets.

``python -m tests.bench.load PORT RUN COUNT SIZE CONNECTIONS [PER_SECOND]`` sends COUNT requests,
as fast as they are answered or so many a second, and prints a JSON object.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tests.bench.payloads import request


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one round showed; latencies in milliseconds."""

    rps: float
    p50_ms: float
    p99_ms: float
    failed: int


class Connection(asyncio.Protocol):
    """One keep-alive connection; answers are short and come in one piece or a few."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._received = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        length = int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) >= length and self._answer is not None:
            self._received = b""
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError())

    async def ask(self, data: bytes) -> int:
        """Send a request and return the status of its answer; OSError when there is none."""
        if self._transport.is_closing():
            raise ConnectionResetError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._answer

    def close(self) -> None:
        self._transport.close()


async def connect(port: int) -> Connection:
    """Open a connection to the server."""
    _, connection = await asyncio.get_running_loop().create_connection(
        Connection, "127.0.0.1", port
    )
    return connection


async def _ask(connection: Connection, data: bytes, seconds: list[float]) -> bool:
    started = time.perf_counter()
    status = await connection.ask(data)
    seconds.append(time.perf_counter() - started)
    return status == 202


async def flat_out(port: int, requests: list[bytes], connections: int) -> Load:
    """Keep every connection busy."""
    waiting: Iterator[bytes] = iter(requests)
    open_connections = [await connect(port) for _ in range(connections)]
    seconds: list[float] = []
    answers: list[bool] = []

    async def work(connection: Connection) -> None:
        for data in waiting:
            answered = await _ask(connection, data, seconds)
            answers.append(answered)

    started = time.perf_counter()
    await asyncio.gather(*(work(connection) for connection in open_connections))
    took = time.perf_counter() - started
    for connection in open_connections:
        connection.close()
    return _load(answers, seconds, took)


async def steady(port: int, requests: list[bytes], per_second: float) -> Load:
    """Send at a rate, whether or not the last was answered."""
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    seconds: list[float] = []
    answers: list[bool] = []

    async def one(data: bytes) -> None:
        connection = idle.get_nowait() if not idle.empty() else await connect(port)
        answers.append(await _ask(connection, data, seconds))
        idle.put_nowait(connection)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number, data in enumerate(requests):
            await asyncio.sleep(started + number / per_second - time.perf_counter())
            tasks.create_task(one(data))
    took = time.perf_counter() - started
    while not idle.empty():
        idle.get_nowait().close()
    return _load(answers, seconds, took)


def _load(answers: list[bool], seconds: list[float], took: float) -> Load:
    ordered = sorted(seconds)
    return Load(
        rps=len(answers) / took,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        failed=answers.count(False),
    )


def main() -> None:
    port, run, count, size, connections, *rate = sys.argv[1:]
    # Another number range for each round: nothing may be a repeat.
    first = int(time.time() * 10) % 20_000 * 100_000 + 1
    requests = [request(first + at, run, int(size)) for at in range(int(count))]
    if rate:
        load = asyncio.run(steady(int(port), requests, float(rate[0])))
    else:
        load = asyncio.run(flat_out(int(port), requests, int(connections)))
    sys.stdout.write(json.dumps(asdict(load)) + "\n")


if __name__ == "__main__":
    main()
