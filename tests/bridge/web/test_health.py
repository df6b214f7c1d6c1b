"""Probes, metrics, and the port itself."""

import asyncio
from collections.abc import Sequence

import pytest

from bridge.domain.errors import SettingsError
from bridge.metrics import Metrics
from bridge.web import health
from bridge.web.app import create_metrics_app
from bridge.web.server import listening
from tests.bridge.web.doors import Edge, Ready, open_port, send, signed, with_length


async def test_a_process_that_answers_is_alive_whatever_its_database_does() -> None:
    edge = Edge(ready=Ready(said=["the database does not answer"]))
    async with open_port(edge) as port:
        alive = await send(port, head={}, method="GET", path="/healthz")
        ready = await send(port, head={}, method="GET", path="/readyz")
    assert (alive.status, alive.text) == (200, "ok\n")
    assert (ready.status, ready.text) == (503, "the database does not answer\n")


async def test_ready_means_that_deliveries_can_be_kept() -> None:
    async with open_port(Edge()) as port:
        reply = await send(port, head={}, method="GET", path="/readyz")
    assert (reply.status, reply.text) == (200, "ready\n")


async def test_a_readiness_check_that_hangs_counts_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Hanging(Ready):
        async def problems(self) -> Sequence[str]:
            await asyncio.Event().wait()
            return ()

    monkeypatch.setattr(health, "_PATIENCE", 0.05)
    async with open_port(Edge(ready=Hanging())) as port:
        reply = await send(port, head={}, method="GET", path="/readyz")
    assert reply.status == 503


async def test_metrics_are_on_a_port_of_their_own() -> None:
    metrics = Metrics()
    metrics.deliveries.labels("github", "accepted").inc()
    async with listening(create_metrics_app(metrics), host="127.0.0.1", port=0) as port:
        reply = await send(port, head={}, method="GET", path="/metrics")
    assert reply.status == 200
    assert 'bridge_deliveries_total{forge="github",outcome="accepted"} 1.0' in reply.text
    async with open_port(Edge()) as port:
        assert (await send(port, head={}, method="GET", path="/metrics")).status == 404


async def test_a_port_in_use_is_the_operator_s_mistake() -> None:
    async with open_port(Edge()) as port:
        with pytest.raises(SettingsError, match=rf"^listening on 127.0.0.1:{port}: .*in use"):
            async with listening(Edge().app(), host="127.0.0.1", port=port):
                pass


BODY = b"{}"


async def test_a_stopping_server_lets_running_requests_end() -> None:
    edge = Edge()
    edge.inbox.gate = asyncio.Event()

    async with open_port(edge) as port:
        answer = asyncio.create_task(send(port, head=with_length(signed(BODY), BODY), body=BODY))
        await edge.inbox.reached.wait()
        asyncio.get_running_loop().call_later(0.1, edge.inbox.gate.set)
    assert (await answer).status == 202
