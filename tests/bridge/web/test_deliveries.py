"""What a forge is answered, and when."""

import asyncio

import pytest
from structlog.testing import capture_logs

from bridge.domain.errors import OverloadedError
from bridge.web.deliveries import doors_of
from tests.bridge.web.doors import Edge, KeepingInbox, open_port, send, signed, with_length
from tests.fakes.forge import FakeForge

BODY = b'{"ref": "refs/heads/main"}'


async def test_a_signed_delivery_is_kept_and_then_accepted() -> None:
    edge = Edge()
    async with open_port(edge) as port:
        reply = await send(port, head=with_length(signed(BODY), BODY), body=BODY)
    assert (reply.status, reply.text) == (202, "accepted\n")
    assert [delivery.body for delivery in edge.inbox.kept.values()] == [BODY]
    assert edge.count("accepted") == 1


async def test_nothing_is_acknowledged_before_it_is_kept() -> None:
    edge = Edge(inbox=KeepingInbox(gate=asyncio.Event()))
    async with open_port(edge) as port:
        answer = asyncio.create_task(send(port, head=with_length(signed(BODY), BODY), body=BODY))
        done, _ = await asyncio.wait([answer], timeout=0.2)
        assert not done
        assert edge.inbox.gate is not None
        edge.inbox.gate.set()
        assert (await answer).status == 202


async def test_a_repeated_delivery_is_answered_like_the_first() -> None:
    edge = Edge()
    async with open_port(edge) as port:
        replies = [
            await send(port, head=with_length(signed(BODY), BODY), body=BODY) for _ in range(10)
        ]
    assert {(reply.status, reply.text) for reply in replies} == {(202, "accepted\n")}
    assert len(edge.inbox.kept) == 1


async def test_a_ping_is_answered_without_being_kept() -> None:
    edge = Edge()
    async with open_port(edge) as port:
        reply = await send(port, head=with_length(signed(BODY, kind="ping"), BODY), body=BODY)
    assert (reply.status, reply.text) == (200, "a ping\n")
    assert edge.inbox.kept == {}


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "sha256=\udcff\udcfe", "ünsigned"],
)
async def test_a_wrong_signature_is_refused_whatever_it_looks_like(signature: str) -> None:
    edge = Edge()
    head = {**with_length(signed(BODY), BODY), "X-Hub-Signature-256": signature}
    async with open_port(edge) as port:
        reply = await send(port, head=head, body=BODY)
    assert reply.status == 401
    assert edge.inbox.kept == {}


async def test_an_unsigned_delivery_is_refused_before_anything_else_is_said() -> None:
    """Content type, kind, body: a stranger learns nothing about what would be taken."""
    edge = Edge()
    async with open_port(edge) as port:
        for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
            reply = await send(port, head=with_length({"Content-Type": kind}, b"x"), body=b"x")
            assert reply.status == 401


@pytest.mark.parametrize("at", [0, 7, len(BODY) - 1])
async def test_one_changed_bit_of_the_body_breaks_the_signature(at: int) -> None:
    edge = Edge()
    damaged = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
    async with open_port(edge) as port:
        reply = await send(port, head=with_length(signed(BODY), damaged), body=damaged)
    assert reply.status == 401


async def test_another_forge_s_headers_are_refused() -> None:
    edge = Edge()
    head = {**with_length(signed(BODY), BODY), "X-Forgejo-Event": "push"}
    async with open_port(edge) as port:
        assert (await send(port, head=head, body=BODY)).status == 401


async def test_a_body_that_is_no_delivery_is_the_sender_s_mistake() -> None:
    edge = Edge()
    async with open_port(edge) as port:
        reply = await send(port, head=with_length(signed(b"[]"), b"[]"), body=b"[]")
    assert (reply.status, reply.text) == (
        400,
        "reading a push delivery: this is no JSON object\n",
    )


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 202),
        ("application/json; charset=utf-8", 202),
        ("APPLICATION/JSON", 202),
        ("application/x-www-form-urlencoded", 202),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/octet-stream", 415),
    ],
)
async def test_only_what_forges_send_is_taken(kind: str, status: int) -> None:
    edge = Edge()
    head = {**with_length(signed(BODY), BODY), "Content-Type": kind}
    async with open_port(edge) as port:
        assert (await send(port, head=head, body=BODY)).status == status


async def test_a_signed_delivery_without_a_content_type_is_taken() -> None:
    edge = Edge()
    head = with_length(signed(BODY), BODY)
    del head["Content-Type"]
    async with open_port(edge) as port:
        assert (await send(port, head=head, body=BODY)).status == 202


async def test_an_unknown_forge_is_not_found_and_other_methods_are_not_allowed() -> None:
    edge = Edge()
    head = with_length(signed(BODY), BODY)
    async with open_port(edge) as port:
        unknown = await send(port, head=head, body=BODY, path="/webhooks/gitlab")
        got = await send(port, head={}, method="GET")
        put = await send(port, head=head, body=BODY, method="PUT")
    assert (unknown.status, got.status, put.status) == (404, 405, 405)


async def test_the_query_reaches_the_driver() -> None:
    edge = Edge()
    async with open_port(edge) as port:
        head = with_length(signed(BODY), BODY)
        await send(port, head=head, body=BODY, path="/webhooks/github?hook=42")
    assert edge.forge.queries == [{"hook": "42"}]


async def test_an_overloaded_store_asks_to_come_back() -> None:
    edge = Edge(inbox=KeepingInbox(trouble=OverloadedError("queue full", retry_after=7)))
    async with open_port(edge) as port:
        reply = await send(port, head=with_length(signed(BODY), BODY), body=BODY)
    assert reply.status == 503
    assert reply.headers["Retry-After"] == "7"
    assert edge.count("overloaded") == 1


async def test_the_store_is_given_what_is_left_of_the_sender_s_patience() -> None:
    edge = Edge(answer_within=4.0)
    async with open_port(edge) as port:
        await send(port, head=with_length(signed(BODY), BODY), body=BODY)
    assert 3.0 < edge.inbox.patience[0] < 4.0


def test_gitea_and_forgejo_get_an_answer_sooner() -> None:
    doors = doors_of({name: FakeForge(driver=name) for name in ("github", "gitea", "forgejo")})
    assert {name: door.answer_within for name, door in doors.items()} == {
        "github": 8.0,
        "gitea": 4.0,
        "forgejo": 4.0,
    }


async def test_refusals_are_logged_once_in_a_while_and_without_what_was_sent() -> None:
    edge = Edge()
    head = with_length({"X-Hub-Signature-256": "sha256=canary"}, b"canary")
    with capture_logs() as lines:
        async with open_port(edge) as port:
            for _ in range(5):
                await send(port, head=head, body=b"canary")
    assert lines == [
        {
            "event": "delivery.refused",
            "log_level": "warning",
            "forge": "github",
            "reason": "unsigned",
            "count": 1,
        }
    ]


async def test_the_server_does_not_tell_its_version() -> None:
    edge = Edge()
    async with open_port(edge) as port:
        replies = [
            await send(port, head={}, method="GET", path=path)
            for path in ("/healthz", "/webhooks/github", "/nothing")
        ]
    assert [reply.headers.get("Server") for reply in replies] == [None, None, None]
