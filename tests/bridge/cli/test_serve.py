"""``serve`` as people run it: a process, its signals, its ports, its log."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bridge.sandbox import forge, terrakube
from bridge.sandbox.forge import Access, Flavour
from tests.bridge.cli.conftest import ENOUGH, CommandLine, dotenv
from tests.bridge.cli.processes import bridge, ended, spawn
from tests.waiting import until


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[terrakube.StandIn]:
    async with terrakube.start(tmp_path / "terrakube", executor="instant") as stand_in:
        stand_in.add_organization("acme")
        yield stand_in


@pytest.fixture
def settings(server: terrakube.StandIn) -> dict[str, str]:
    return ENOUGH | {
        "BRIDGE_TERRAKUBE__URL": server.url,
        "BRIDGE_TERRAKUBE__TOKEN": server.token,
    }


async def test_dotenv_alone_starts_it_and_sigterm_stops_it(
    tmp_path: Path, settings: dict[str, str], server: terrakube.StandIn
) -> None:
    async with bridge(tmp_path, settings) as running:
        health = await running.get("/healthz")
        ready = await running.get("/readyz")
        metrics = await running.get("/metrics", port="metrics_port")
        hidden = await running.get("/metrics")
        second = await ended(await spawn(tmp_path, "serve"))
        started = time.monotonic()
        stopped = await running.stop()
        seconds = time.monotonic() - started

    assert (health.status_code, health.text) == (200, "ok\n")
    assert (ready.status_code, ready.text) == (200, "ready\n")
    assert "bridge_deliveries_total" in metrics.text
    assert hidden.status_code == 404
    path = tmp_path / "data" / "bridge.db"
    assert second.code == 2
    assert second.err[0].startswith(f"another bridge already runs on {path}: ")
    assert (stopped.code, stopped.err) == (0, [])
    served = [event for event in stopped.events() if str(event).startswith("serve.")]
    assert served == ["serve.started", "serve.stopping", "serve.stopped"]
    assert {key: stopped.logs[0][key] for key in running.addresses} == running.addresses
    assert seconds < 5
    assert server.unexpected == []


@pytest.mark.postgres
async def test_replicas_serve_from_one_postgresql(
    tmp_path: Path, settings: dict[str, str], postgres_url: str
) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    shared = settings | {"BRIDGE_DATABASE__URL": postgres_url}
    async with AsyncExitStack() as stack:
        running = await asyncio.gather(
            *(stack.enter_async_context(bridge(folder, shared)) for folder in folders)
        )
        answers = [(await one.get("/readyz")).text for one in running]
        stopped = [await one.stop() for one in running]
    assert answers == ["ready\n", "ready\n"]
    assert [(one.code, one.err) for one in stopped] == [(0, []), (0, [])]


async def test_a_mistake_in_the_rules_that_only_terrakube_shows_ends_the_start(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    (tmp_path / ".env").write_text(dotenv(settings))
    (tmp_path / "bridge.yaml").write_text("rules:\n  - on: push\n    template: Pla\n")
    stopped = await ended(await spawn(tmp_path, "serve"))
    assert (stopped.code, stopped.logs) == (2, [])
    missing = "there is no template 'Pla' in acme: create it or name another"
    assert stopped.err == [f"bridge.yaml line 3: rules[0].template: {missing}"]


async def test_a_terrakube_that_does_not_answer_is_a_warning(tmp_path: Path) -> None:
    async with bridge(tmp_path, ENOUGH) as running:
        ready = await running.get("/readyz")
        stopped = await running.stop(signal.SIGINT)
    assert ready.status_code == 200
    assert stopped.code == 0
    warning, started = (
        line for line in stopped.logs if line["event"] in {"terrakube.unreachable", "serve.started"}
    )
    assert (warning["event"], started["event"]) == ("terrakube.unreachable", "serve.started")
    assert "canary" not in str(stopped)


async def test_a_forge_that_refuses_the_credential_is_a_warning(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    async with forge.start(tmp_path / "forge", flavour=Flavour.FORGEJO) as code:
        settings["BRIDGE_FORGES__CODE__URL"] = code.web_url
        async with bridge(tmp_path, settings) as running:
            while 'status="401"' not in (await running.get("/metrics", port="metrics_port")).text:  # noqa: ASYNC110 - as Prometheus looks
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)
            stopped = await running.stop()
    (warning,) = (line for line in stopped.logs if line["event"] == "forge.refused")
    assert str(warning["reason"]).startswith("forge code refuses the credential: GET /user: ")


def test_a_port_that_is_taken_is_told(command_line: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command_line.configure(
            BRIDGE_LISTEN__HOST="127.0.0.1", BRIDGE_LISTEN__PORT=str(port), BRIDGE_METRICS__PORT="0"
        )
        said = command_line("serve")
    assert said.code == 2
    in_use = "the address is in use: end what listens there, or set another port"
    assert said.err == [f"listening on 127.0.0.1:{port}: {in_use}"]


async def test_a_pull_request_is_planned_and_the_plan_comes_back(
    tmp_path: Path, settings: dict[str, str], server: terrakube.StandIn
) -> None:
    async with forge.start(tmp_path / "forge", flavour=Flavour.FORGEJO) as code:
        rights = {"alice": Access.WRITE, "bridge-bot": Access.ADMIN}
        files = {"network/main.tf": "# one\n", "apps/main.tf": "# one\n"}
        await code.create_repository("acme/infra", files=files, access=rights)
        (organization,) = server.world.organizations.values()
        for name in ("network", "apps"):
            source = f"{code.web_url}/acme/infra.git"
            server.add_workspace(organization, name, source, folder=f"/{name}")
        settings |= {
            "BRIDGE_FORGES__CODE__URL": code.web_url,
            "BRIDGE_FORGES__CODE__TOKEN": code.token("bridge-bot"),
        }
        async with bridge(tmp_path, settings) as running:
            secret = settings["BRIDGE_FORGES__CODE__WEBHOOK_SECRET"]
            events = ("push", "pull_request", "pull_request_sync")
            code.add_hook(
                "acme/infra", f"{running.url}/webhooks/code", secret=secret, events=events
            )
            sha = await code.commit("acme/infra", "feature", {"network/main.tf": "# two\n"})
            pull_request = await code.open_pull_request("acme/infra", "feature")
            await until(lambda: is_planned(code, sha))
            metrics = (await running.get("/metrics", port="metrics_port")).text
            stopped = await running.stop()
        (comment,) = code.comments("acme/infra", pull_request.number)
        statuses = code.statuses("acme/infra", sha)
        code.assert_no_surprises()

    assert statuses == {"terrakube/plan": "success", "terrakube/plan: acme/network": "success"}
    assert [job.commit_id for job in server.jobs()] == [sha]
    assert 'bridge_handled_total{outcome="done"} 1.0' in metrics
    assert 'bridge_jobs_created_total{how="posted"} 1.0' in metrics
    assert 'bridge_remote_requests_total{method="POST",service="terrakube",status="201"}' in metrics
    assert "`acme/network`" in comment.body
    assert "`acme/apps`" not in comment.body
    assert (stopped.code, stopped.err, server.unexpected) == (0, [], [])
    assert [line for line in stopped.logs if line["level"] in {"warning", "error"}] == []
    secrets = [value for name, value in settings.items() if name.endswith(("TOKEN", "SECRET"))]
    assert [secret for secret in secrets if secret in str(stopped)] == []


def is_planned(code: forge.StandIn, sha: str) -> bool:
    return code.statuses("acme/infra", sha).get("terrakube/plan") == "success"
