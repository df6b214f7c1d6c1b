"""The edge as it is wired: real drivers, the real inbox and a real database behind one port."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.engine.inbox import Inbox
from bridge.metrics import Metrics
from bridge.store.database import Database
from bridge.store.schema import delivery
from bridge.web.app import create_app
from bridge.web.bodies import BodyLimits
from bridge.web.deliveries import Door
from bridge.web.server import listening
from tests.bridge.forges import bodies
from tests.bridge.forges.cases import CASES, GITHUB, SECRET, Case, digest
from tests.bridge.forges.test_contract import HOSTILE, KINDS, SAMPLES
from tests.bridge.store.rows import rows_of
from tests.bridge.store.test_writer import Blocking
from tests.bridge.web.doors import Ready, Reply, send, with_length
from tests.fakes.clock import FakeClock
from tests.waiting import until

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@dataclass(kw_only=True)
class Edge:
    """An open port in front of a database."""

    database: Database
    limits: BodyLimits = field(default_factory=BodyLimits)
    answer_within: float = 8.0
    port: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Edge"]:
        app = create_app(
            doors={
                case.name: Door(forge=case.receiver, answer_within=self.answer_within)
                for case in CASES
            },
            inbox=Inbox(self.database),
            readiness=Ready(),
            clock=FakeClock(),
            metrics=Metrics(),
            limits=self.limits,
        )
        async with listening(app, host="127.0.0.1", port=0, linger=0.2) as self.port:
            yield self

    async def deliver(
        self,
        case: Case,
        body: bytes,
        *,
        kind: str = "push",
        key: str | None = None,
        signed: bytes | None = None,
        **more: str,
    ) -> Reply:
        """Send a delivery; *signed* is what its signature is for, *more* replaces headers."""
        head = case.sign(kind, body if signed is None else signed, SECRET)
        for name in tuple(head):
            if key is not None and name.endswith("-Delivery"):
                head[name] = key
        for name, value in more.items():
            head[name.replace("_", "-")] = value
        return await self.send(case, head, body)

    async def send(self, case: Case, head: Mapping[str, str], body: bytes) -> Reply:
        path = f"/webhooks/{case.name}"
        return await send(self.port, head=with_length(head, body), body=body, path=path)

    async def deliver_form(
        self, case: Case, body: bytes, *, kind: str = "push", key: str | None = None
    ) -> Reply:
        """Send a delivery as a form: GitHub signs the form, the others the JSON in it."""
        form = b"payload=" + quote_from_bytes(body, safe="").encode()
        return await self.deliver(
            case,
            form,
            kind=kind,
            key=key,
            signed=form if case is GITHUB else body,
            Content_Type="application/x-www-form-urlencoded",
        )


@every
async def test_what_was_answered_with_2xx_is_in_the_database(
    database: Database, case: Case
) -> None:
    async with Edge(database=database).open() as edge:
        replies = await asyncio.gather(
            *(edge.deliver(case, push_of(at), key=f"k-{at}") for at in range(60))
        )
        kept = await rows_of(database, delivery)
    assert {(reply.status, reply.text) for reply in replies} == {(202, "accepted\n")}
    assert sorted(row["key"] for row in kept) == sorted(f"k-{at}" for at in range(60))


@every
async def test_repeats_and_second_hooks_are_answered_like_the_first_and_kept_once(
    database: Database, case: Case
) -> None:
    async with Edge(database=database).open() as edge:
        first = await edge.deliver(case, bodies.push(), key="k-1")
        again = [await edge.deliver(case, bodies.push(), key="k-1") for _ in range(10)]
        hook = await edge.deliver(case, bodies.push(), key="k-2")
        told = await edge.deliver(case, bodies.push(commits=[{}]), key="k-3")
        kept = await rows_of(database, delivery)
    assert {(reply.status, reply.text) for reply in (first, *again, hook, told)} == {
        (202, "accepted\n")
    }
    assert [row["key"] for row in kept] == ["k-1"]


@every
async def test_a_form_is_kept_like_its_json(database: Database, case: Case) -> None:
    async with Edge(database=database).open() as edge:
        reply = await edge.deliver_form(case, bodies.push())
        broken = await edge.deliver_form(case, b"{}", key="k-2")
        kept = await rows_of(database, delivery)
    assert (reply.status, broken.status) == (202, 400)
    assert [row["subject"] for row in kept] == [f"branch:{case.name}:664:refs/heads/main"]


@every
async def test_pings_and_what_the_bridge_has_no_use_for_are_answered(
    database: Database, case: Case
) -> None:
    async with Edge(database=database).open() as edge:
        ping = await edge.deliver(case, SAMPLES["ping"], kind="ping")
        star = await edge.deliver(case, b"{}", kind="star")
        kept = await rows_of(database, delivery)
    assert (ping.status, star.status) == (200, 200)
    assert kept == []


@every
async def test_an_unsigned_a_damaged_and_a_foreign_delivery_are_refused(
    database: Database, case: Case
) -> None:
    body = bodies.push()
    unsigned = {
        name: value
        for name, value in case.sign("push", body, SECRET).items()
        if "Signature" not in name
    }
    foreign = case.sign("push", body, b"somebody else's secret")
    async with Edge(database=database).open() as edge:
        refused = [await edge.send(case, unsigned, body), await edge.send(case, foreign, body)]
        for at in (0, len(body) // 2, len(body) - 1):
            damaged = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            refused.append(await edge.deliver(case, damaged, signed=body))
        kept = await rows_of(database, delivery)
    assert {reply.status for reply in refused} == {401}
    assert kept == []


async def test_a_replay_under_a_new_id_is_recognised_by_its_body(database: Database) -> None:
    """The id is not signed: whoever recorded a delivery may change it at will."""
    async with Edge(database=database).open() as edge:
        await edge.deliver(GITHUB, bodies.pull_request("reopened"), kind="pull_request", key="k-1")
        replies = [
            await edge.deliver(
                GITHUB, bodies.pull_request("reopened"), kind="pull_request", key=f"forged-{at}"
            )
            for at in range(3)
        ]
        kept = await rows_of(database, delivery)
    assert {reply.status for reply in replies} == {202}
    assert [row["key"] for row in kept] == ["k-1"]


async def test_a_hook_speaks_for_its_own_repository_only(database: Database) -> None:
    secret = digest(b"hook:github:665", b"a key for everything the bridge signs").encode()
    body = bodies.push()  # of repository 664
    head = with_length(GITHUB.sign("push", body, secret), body)
    async with Edge(database=database).open() as edge:
        foreign = await send(edge.port, head=head, body=body, path="/webhooks/github?hook=665")
        kept = await rows_of(database, delivery)
    assert foreign.status == 401
    assert kept == []


async def test_a_hook_cannot_pass_off_anothers_delivery_as_a_repeat(database: Database) -> None:
    """The id is not signed: a body of one's own may be sent with that of somebody else's."""
    key = b"a key for everything the bridge signs"
    async with Edge(database=database).open() as edge:
        for number in (665, 664):
            secret = digest(f"hook:github:{number}".encode(), key).encode()
            body = bodies.push(repository={"id": number, "full_name": f"acme/{number}"})
            head = with_length(GITHUB.sign("push", body, secret), body)
            path = f"/webhooks/github?hook={number}"
            assert (await send(edge.port, head=head, body=body, path=path)).status == 202
        kept = await rows_of(database, delivery)
    assert [row["repository_id"] for row in kept] == ["665", "664"]
    assert len({row["key"].partition(":")[2] for row in kept}) == 1


async def test_a_saturated_store_answers_503_and_says_when_to_come_back(
    database_url: str,
) -> None:
    async with await Database.open(database_url, queue=5) as database:
        async with Edge(database=database).open() as edge:
            async with Blocking(database):
                sending = [
                    asyncio.create_task(edge.deliver(GITHUB, push_of(at), key=f"k-{at}"))
                    for at in range(20)
                ]
                await until(lambda: sum(task.done() for task in sending) >= 15)
                done, waiting = await asyncio.wait(sending, timeout=0.1)
            replies = await asyncio.gather(*sending)
        kept = await rows_of(database, delivery)
    assert (len(done), len(waiting)) == (15, 5)
    assert {task.result().status for task in done} == {503}
    assert {task.result().headers["Retry-After"].isdigit() for task in done} == {True}
    accepted = [reply for reply in replies if reply.status == 202]
    assert len(accepted) == len(kept) == 5


async def test_a_commit_slower_than_the_sender_is_503_and_nothing_is_kept(
    database: Database,
) -> None:
    async with Edge(database=database, answer_within=0.2).open() as edge:
        async with Blocking(database):
            reply = await edge.deliver(GITHUB, bodies.push())
    assert (reply.status, reply.headers["Retry-After"].isdigit()) == (503, True)
    assert await rows_of(database, delivery) == []


@every
async def test_hostile_signed_bodies_are_the_senders_mistake(
    database: Database, case: Case
) -> None:
    async with Edge(database=database).open() as edge:
        statuses = {
            (name, kind): (await edge.deliver(case, body, kind=kind, key="k")).status
            for name, body in HOSTILE.items()
            for kind in ("push", "pull_request", "issue_comment")
        }
    assert {place: status for place, status in statuses.items() if status != 400} == {}


def test_damaged_signed_bodies_never_cause_a_5xx(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = runner.run(Database.open(database_url))
        opened = Edge(database=database).open()
        edge = runner.run(opened.__aenter__())
        seen: set[int] = set()

        @settings(
            max_examples=400,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(
            case=st.sampled_from(CASES),
            kind=KINDS,
            junk=st.binary(max_size=200),
            at=st.integers(0, 900),
            cut=st.integers(0, 40),
            as_form=st.booleans(),
            key=st.uuids(),
        )
        def fuzz(
            *, case: Case, kind: str, junk: bytes, at: int, cut: int, as_form: bool, key: object
        ) -> None:
            body = SAMPLES[kind]
            body = body[:at] + junk + body[at + cut :]
            deliver = edge.deliver_form if as_form else edge.deliver
            reply = runner.run(deliver(case, body, kind=kind, key=str(key)))
            seen.add(reply.status)
            assert reply.status in {200, 202, 400, 413}, reply

        try:
            fuzz()
        finally:
            runner.run(opened.__aexit__(None, None, None))
            runner.run(database.close())
    assert seen >= {202, 400}


def push_of(number: int) -> bytes:
    return bodies.push(ref=f"refs/heads/b-{number}", after=f"{number:040x}")


MALFORMED = (
    b"Authorization: canary\x01\r\n\r\n",
    b"Content-Length: canary\r\n\r\n",
    b"Content-Encoding: br\r\nContent-Length: 6\r\n\r\ncanary",
    b"Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\ncanary",
    b"X-Long: " + b"canary" * 5_000 + b"\r\n\r\n",
)


@pytest.mark.parametrize("rest", MALFORMED)
async def test_what_is_no_request_does_not_get_into_the_log(
    database: Database, rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody may send it, as often as they like, and headers hold credentials."""
    caplog.set_level("DEBUG")
    async with Edge(database=database).open() as edge:
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            writer.write(b"POST /webhooks/github HTTP/1.1\r\nHost: a\r\n" + rest)
            assert b" 400 " in await reader.readline()
            writer.close()
    told = [record for record in caplog.records if record.name == "aiohttp.server"]
    assert told == []
