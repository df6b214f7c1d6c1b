"""The catalog: what Terrakube holds, asked for at most once in a short while."""

import asyncio
from collections.abc import Sequence

import pytest
from cachetools import TTLCache
from structlog.testing import capture_logs

from bridge.domain.errors import NotFoundError, TemporaryRemoteError
from bridge.domain.terrakube import Organization, Workspace
from bridge.services.catalog import FRESH_FOR, Catalog
from tests.fakes.clock import FakeClock
from tests.fakes.jobserver import ACME, APPLY_FLOW, FakeJobServer, unavailable


class SlowServer(FakeJobServer):
    """Answers about workspaces only after others had their turn."""

    async def workspaces(self, organization: Organization) -> Sequence[Workspace]:
        await asyncio.sleep(0.01)
        return await super().workspaces(organization)


def a_catalog(server: FakeJobServer, clock: FakeClock | None = None) -> Catalog:
    clock = clock or FakeClock()
    cache: TTLCache[str, object] = TTLCache(100, FRESH_FOR, lambda: clock.now().timestamp())
    return Catalog(server=server, _cache=cache)


async def test_workspaces_of_all_organizations_are_listed() -> None:
    server = FakeJobServer()
    other = server.add_organization("beta")
    spaces = [server.add_workspace("net"), server.add_workspace("app", organization=other)]
    assert await a_catalog(server).workspaces() == spaces


async def test_templates_are_listed_by_organization() -> None:
    server = FakeJobServer()
    other = server.add_organization("beta")
    plan, apply = server.add_template("Plan"), server.add_template("Apply", flow=APPLY_FLOW)
    theirs = server.add_template("Plan", organization=other)
    catalog = a_catalog(server)
    assert await catalog.templates(ACME.id) == [plan, apply]
    assert await catalog.all_templates() == {ACME.id: [plan, apply], other.id: [theirs]}


async def test_a_question_is_asked_again_only_when_its_answer_is_old() -> None:
    server, clock = FakeJobServer(), FakeClock()
    catalog = a_catalog(server, clock)
    await catalog.workspaces()
    server.add_workspace("net")
    assert await catalog.workspaces() == []
    clock.advance(FRESH_FOR - 1)
    assert await catalog.workspaces() == []
    clock.advance(2)
    assert [space.ref.name for space in await catalog.workspaces()] == ["net"]
    assert server.count("workspaces") == 2


async def test_a_burst_asks_once() -> None:
    server = SlowServer()
    server.add_organization("beta")
    catalog = a_catalog(server)
    await asyncio.gather(*(catalog.workspaces() for _ in range(50)))
    assert (server.count("organizations"), server.count("workspaces")) == (1, 2)


async def test_what_is_forgotten_is_asked_for_again() -> None:
    server = FakeJobServer()
    catalog = a_catalog(server)
    await catalog.templates(ACME.id)
    plan = server.add_template("Plan")
    catalog.forget()
    assert await catalog.templates(ACME.id) == [plan]


async def test_an_error_is_not_remembered() -> None:
    server = FakeJobServer()
    server.failures["organizations"] = [unavailable("GET organization")]
    catalog = a_catalog(server)
    with pytest.raises(TemporaryRemoteError):
        await catalog.organizations()
    assert await catalog.organizations() == [ACME]


def an_absence() -> NotFoundError:
    return NotFoundError("organization 'beta': it does not exist", service="terrakube")


async def test_an_organization_that_vanishes_stops_no_other() -> None:
    """Its own workspaces stand as they were: a run of theirs says that they are gone."""
    server, clock = FakeJobServer(), FakeClock()
    other = server.add_organization("beta")
    spaces = [server.add_workspace("net"), server.add_workspace("app", organization=other)]
    plan = server.add_template("Plan", organization=other)
    catalog = a_catalog(server, clock)
    assert (await catalog.workspaces(), await catalog.templates(other.id)) == (spaces, [plan])
    with capture_logs() as logs:
        for _ in range(3):
            clock.advance(FRESH_FOR + 1)
            server.orgs.pop(other.id, None)
            server.failures["organizations"] = [an_absence()]
            spaces.insert(-1, server.add_workspace(f"net{len(spaces)}"))
            assert await catalog.workspaces() == spaces
            assert await catalog.templates(other.id) == [plan]
    assert [(entry["event"], entry["what"]) for entry in logs] == [
        ("catalog.missing", "organizations"),
        ("catalog.missing", f"workspaces:{other.id}"),
        ("catalog.missing", f"templates:{other.id}"),
    ]
    server.orgs[other.id] = other
    clock.advance(FRESH_FOR + 1)
    assert len(await catalog.workspaces()) == len(spaces)


async def test_an_organization_that_was_never_seen_is_waited_for() -> None:
    """An answer without it could leave out what a pull request changes."""
    server = FakeJobServer()
    server.failures["organizations"] = [an_absence()]
    catalog = a_catalog(server)
    with pytest.raises(TemporaryRemoteError, match="'beta': it does not exist") as caught:
        await catalog.workspaces()
    assert caught.value.retry_after == FRESH_FOR
    assert await catalog.workspaces() == []


def test_the_catalog_is_fresh_enough_for_the_next_pull_request() -> None:
    assert Catalog(server=FakeJobServer())._cache.ttl == FRESH_FOR  # noqa: SLF001 - nothing else shows it
