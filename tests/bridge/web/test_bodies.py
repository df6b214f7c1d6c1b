"""Memory and time that strangers may use."""

import asyncio
import resource
import time

import pytest

from bridge.web.bodies import MIB, BodyLimits
from tests.bridge.web.doors import (
    Edge,
    Reply,
    chunked,
    open_port,
    read_reply,
    send,
    signed,
    with_length,
    zipped,
)
from tests.waiting import until

BODY = b'{"ref": "refs/heads/main"}'


def resident() -> int:
    """Bytes of memory this process has in RAM."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - not a file one opens by path
        return int(statm.read().split()[1]) * resource.getpagesize()


async def test_an_announced_body_over_the_limit_is_refused_without_reading_it() -> None:
    edge = Edge()
    async with open_port(edge) as port:
        reply = await send(port, head={**signed(b""), "Content-Length": str(31 * MIB)})
    assert (reply.status, reply.text) == (413, "the body is too large\n")
    assert edge.count("too_large") == 1


async def test_a_body_that_only_turns_out_too_long_is_refused() -> None:
    edge = Edge(limits=BodyLimits(body=10_000))
    async with open_port(edge) as port:
        reply = await send(
            port,
            head={**signed(b""), "Transfer-Encoding": "chunked"},
            body=chunked(b"x" * 10_001),
        )
    assert reply.status == 413
    assert edge.held() == 0


async def test_a_body_of_25_mb_is_taken() -> None:
    edge = Edge()
    body = b'{"x": "' + b"x" * (25 * MIB) + b'"}'
    async with open_port(edge) as port:
        reply = await send(port, head=with_length(signed(body), body), body=body)
    assert reply.status == 202
    assert edge.inbox.kept["d-1"].body == body


async def test_a_body_without_a_length_is_read_as_it_comes() -> None:
    edge = Edge()
    async with open_port(edge) as port:
        head = {**signed(BODY), "Transfer-Encoding": "chunked"}
        assert (await send(port, head=head, body=chunked(BODY, 3))).status == 202
        # Neither a length nor chunks: there is no body, and its signature is wrong.
        assert (await send(port, head=signed(BODY))).status == 401


async def test_a_compressed_body_is_verified_as_what_it_expands_to() -> None:
    edge = Edge()
    packed = zipped(BODY)
    async with open_port(edge) as port:
        head = {**with_length(signed(BODY), packed), "Content-Encoding": "gzip"}
        assert (await send(port, head=head, body=packed)).status == 202


@pytest.mark.parametrize(
    "body", [b"this is not compressed", zipped(BODY)[:-20], b"\x1f\x8b\x08" + b"\xff" * 50]
)
async def test_a_broken_compressed_body_is_the_sender_s_mistake(body: bytes) -> None:
    edge = Edge()
    async with open_port(edge) as port:
        head = {**with_length(signed(BODY), body), "Content-Encoding": "gzip"}
        assert (await send(port, head=head, body=body)).status in (400, 401)


async def test_a_body_that_expands_to_a_gibibyte_is_refused_in_little_memory() -> None:
    edge = Edge()
    bomb = zipped(bytes(256 * MIB)) * 4
    before = resident()
    peak = 0
    async with open_port(edge) as port:
        head = {**with_length(signed(b""), bomb), "Content-Encoding": "gzip"}
        answer = asyncio.create_task(send(port, head=head, body=bomb))
        while not answer.done():
            peak = max(peak, resident() - before)
            await asyncio.sleep(0.005)
    assert answer.result().status == 413
    assert peak < 64 * MIB


async def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    edge = Edge(limits=BodyLimits(seconds=0.2))
    async with open_port(edge) as port:
        started = time.monotonic()
        reply = await send(port, head={**signed(BODY), "Content-Length": "100"}, body=b"{")
    assert reply.status == 408
    assert time.monotonic() - started < 10
    assert edge.held() == 0


async def test_a_sender_that_hangs_up_leaves_nothing_behind() -> None:
    edge = Edge()
    async with open_port(edge) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /webhooks/github HTTP/1.1\r\nHost: b\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        await until(lambda: edge.held() == 1)
        writer.close()
        await until(lambda: edge.held() == 0)


async def test_two_hundred_slow_senders_fill_neither_the_memory_nor_the_door() -> None:
    edge = Edge(limits=BodyLimits(seconds=4.0))
    before = resident()
    async with open_port(edge) as port:
        senders = [asyncio.create_task(dribble(port)) for _ in range(200)]
        await until(lambda: edge.held() > 100 * MIB)
        await asyncio.sleep(0.5)  # for what would go beyond
        grown = resident() - before
        held = edge.held()
        honest = await send(port, head=with_length(signed(BODY), BODY), body=BODY)
        replies = await asyncio.gather(*senders)
    assert honest.status == 202
    assert 100 * MIB < held <= 128 * MIB
    assert grown < 220 * MIB
    assert {reply.status for reply in replies if reply} == {408, 503}
    assert edge.held() == 0


async def dribble(port: int) -> Reply | None:
    """Announce 26 MiB, send two, and wait; None when the reset overtook the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            b"POST /webhooks/github HTTP/1.1\r\nHost: b\r\nContent-Length: %d\r\n\r\n" % (26 * MIB)
        )
        reply = asyncio.create_task(read_reply(reader))
        try:
            for _ in range(32):
                writer.write(PIECE)
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        return await reply
    except ConnectionError:
        return None
    finally:
        writer.close()


PIECE = bytes(MIB // 16)
