"""The golden route table: a new route shows in review as one line."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bridge.domain import chat_events, commands, events
from bridge.domain.deliveries import StoredDelivery
from bridge.domain.work import Work
from bridge.ports import Ignored
from bridge.routing import Asked, Dispatcher, Router, Services
from bridge.services.noticing import encode_event
from handlers import load_routers
from tests.fakes.forge import FakeForge, a_pull_request
from tests.handlers.conftest import World, about, pushed

GOLDEN = Path(__file__).with_name("routes.txt")
FIELDS: Mapping[type, Mapping[str, Any]] = {
    commands.AllowCommand: {"sha": "a" * 40},
    commands.SubscribeCommand: {"patterns": ("acme/*",)},
}


def test_the_routes_are_the_golden_ones(request: pytest.FixtureRequest) -> None:
    actual = "".join(f"{line}\n" for line in load_routers().table())
    if request.config.getoption("--update-golden", default=False):
        GOLDEN.write_text(actual)
    assert actual == GOLDEN.read_text()


def kinds(module: ModuleType, root: type) -> set[str]:
    """Name the kinds that are made, not the ones in between."""
    found = [
        one for one in vars(module).values() if isinstance(one, type) and issubclass(one, root)
    ]
    return {
        one.__name__
        for one in found
        if not any(other is not one and issubclass(other, one) for other in found)
    }


def test_every_kind_of_event_has_a_route_and_what_is_no_event_is_a_command() -> None:
    routed = {line.split(" -> ")[0] for line in load_routers().table()}
    known = kinds(events, events.Event)
    said = kinds(chat_events, chat_events.ChatEvent)
    assert known <= routed <= known | said | kinds(commands, commands.Command) - {"Misunderstood"}


async def test_an_event_nothing_reacts_to_is_ignored_with_a_reason() -> None:
    work = Work()
    await Router().dispatch(pushed(), World().services(), work)
    assert work.ignored == "nothing reacts to BranchPushed"


@pytest.mark.parametrize("kind", commands.WORDS)
async def test_a_command_nothing_answers_is_not_available_yet(
    kind: type[commands.Command],
) -> None:
    router = Router()

    async def answer(asked: Asked, services: Services, work: Work) -> str:
        return "done"

    router.on_command(commands.UnlockCommand)(answer)
    asked = Asked(
        command=kind(line=1, text="x", **FIELDS.get(kind, {})),
        actor="alice",
        permission=None,
        door="comment",
        trigger="t",
        pull_request=a_pull_request(),
    )
    said = await router.answer(asked, World().services(), Work())
    word = commands.WORDS[kind].value
    none = f"`terrakube {word}` is not available yet. There is: `terrakube unlock`."
    assert said == ("done" if kind is commands.UnlockCommand else none)


async def test_services_that_nobody_equipped_answer_nothing() -> None:
    services = Services(
        forges={}, catalog=World().services().catalog, store=World().store, policy=World().policy
    )
    asked = Asked(
        command=commands.HelpCommand(line=1, text="x"),
        actor="alice",
        permission=None,
        door="comment",
        trigger="t",
        pull_request=a_pull_request(),
    )
    with pytest.raises(LookupError, match="nothing answers HelpCommand"):
        await services.answer(asked, services, Work())


def test_a_command_has_one_answer() -> None:
    router, other = Router(), Router()

    async def answer(asked: Asked, services: Services, work: Work) -> str:
        return ""

    router.on_command(commands.HelpCommand)(answer)
    other.on_command(commands.HelpCommand)(answer)
    with pytest.raises(ValueError, match="HelpCommand is answered twice"):
        router.include(other)


class ParsingForge(FakeForge):
    """Reads every delivery as the same event."""

    def parse_delivery(self, delivery: object) -> events.Event | Ignored:
        return Ignored(reason="only a test") if self.tags else about(a_pull_request())


async def test_a_stored_delivery_is_parsed_again_and_handled(world: World) -> None:
    forge = ParsingForge(pulls=world.forge.pulls)
    world.forge = forge
    dispatch = Dispatcher(router=world.router, services=world.services())
    delivery = encode_event(about(a_pull_request()))
    stored = StoredDelivery(id=1, attempt=1, delivery=delivery)
    assert len((await dispatch(stored)).runs) == 1
    forged = StoredDelivery(id=2, attempt=1, delivery=replace(delivery, source="code"))
    assert len((await dispatch(forged)).runs) == 1
    forge.tags["v1"] = "x"
    assert (await dispatch(forged)).ignored == "only a test"


@pytest.mark.parametrize("source", ["gone", "noticed"])
async def test_a_forge_that_is_no_longer_configured_is_ignored(world: World, source: str) -> None:
    pull_request = a_pull_request()
    delivery = encode_event(about(pull_request))
    services = Services(
        forges={},
        catalog=world.services().catalog,
        store=world.store,
        policy=world.policy,
    )
    dispatch = Dispatcher(router=world.router, services=services)
    changed = replace(delivery, source=source)
    work = await dispatch(StoredDelivery(id=1, attempt=1, delivery=changed))
    name = "code" if source == "noticed" else source
    assert work.ignored == f"the forge '{name}' is no longer configured"
