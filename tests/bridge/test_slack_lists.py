"""Searched lists of Slack are told from what was read last: nobody is asked while people type."""

import asyncio

from structlog.testing import capture_logs

from bridge.services.catalog import FRESH_FOR
from bridge.wiring.slack import Lists
from tests.bridge.services.test_catalog import a_catalog
from tests.fakes.clock import FakeClock
from tests.fakes.jobserver import ACME, FakeJobServer, unavailable
from tests.waiting import until


async def test_what_was_read_last_is_offered_also_while_terrakube_is_dead() -> None:
    server, clock = FakeJobServer(), FakeClock()
    net, plan = server.add_workspace("net"), server.add_template("Plan")
    lists = Lists(a_catalog(server, clock))
    assert (lists.workspaces(), lists.templates()) == ([], {})
    running = asyncio.create_task(lists.run())
    await until(lambda: lists.templates() == {ACME.name: [plan]})
    assert lists.workspaces() == [net]
    clock.advance(FRESH_FOR + 1)
    server.failures["organizations"] = [unavailable("GET organization")] * 1000
    with capture_logs() as logs:
        assert lists.workspaces() == [net]
        await until(lambda: "slack.lists_old" in [one["event"] for one in logs])
    assert (lists.workspaces(), lists.templates()) == ([net], {ACME.name: [plan]})
    server.failures.clear()
    app = server.add_workspace("app")
    await until(lambda: lists.workspaces() == [app, net])
    lists.stop()
    await running
