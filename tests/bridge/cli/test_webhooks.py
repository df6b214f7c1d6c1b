"""``webhooks`` talks to a forge: a hook with a secret of its own, read back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.forges.signatures import hook_secret
from bridge.sandbox.forge import Access, Flavour, StandIn, start
from tests.bridge.cli.conftest import CommandLine, Said

KEY = "0123456789" * 4


@pytest.fixture
async def forge(tmp_path: Path) -> AsyncIterator[StandIn]:
    async with start(tmp_path / "forge", flavour=Flavour.FORGEJO) as stand_in:
        rights = {"bridge-bot": Access.ADMIN}
        await stand_in.create_repository("acme/infra", files={"a.tf": "x"}, access=rights)
        yield stand_in


@pytest.fixture
def configured(command_line: CommandLine, forge: StandIn) -> CommandLine:
    command_line.configure(
        BRIDGE_FORGES__CODE__URL=forge.web_url,
        BRIDGE_FORGES__CODE__TOKEN=forge.token("bridge-bot"),
        BRIDGE_SECRET_KEY=KEY,
        BRIDGE_PUBLIC_URL="https://bridge.example.com/",
    )
    return command_line


async def run(command_line: CommandLine, *arguments: str) -> Said:
    """Run a command while the stand-in answers."""
    return await asyncio.to_thread(command_line, "webhooks", *arguments)


async def test_install_makes_a_hook_that_may_speak_for_its_repository_only(
    configured: CommandLine, forge: StandIn
) -> None:
    said = await run(configured, "install", "acme/infra")
    repository = forge.world.repository("acme/infra")
    (hook,) = repository.hooks
    assert (said.code, said.err) == (0, [])
    assert hook.url == f"https://bridge.example.com/webhooks/code?hook={repository.id}"
    assert hook.secret == hook_secret(KEY.encode(), "code", str(repository.id))
    assert hook.secret not in said.out
    forge.assert_no_surprises()


async def test_installing_again_leaves_one_hook(configured: CommandLine, forge: StandIn) -> None:
    await run(configured, "install", "acme/infra")
    said = await run(configured, "install", "acme/infra")
    assert said.code == 0
    assert len(forge.world.repository("acme/infra").hooks) == 1


async def test_list_shows_the_hooks_of_a_repository(configured: CommandLine) -> None:
    await run(configured, "install", "acme/infra")
    found = (await run(configured, "list", "acme/infra")).json()
    assert isinstance(found, list)
    assert [(one["forge"], one["repository"], one["active"]) for one in found] == [
        ("code", "acme/infra", True)
    ]


async def test_a_repository_that_is_not_there_is_not_found(configured: CommandLine) -> None:
    said = await run(configured, "install", "acme/nothing")
    missing = "forge code has no repository acme/nothing, or the bridge's account may not see it"
    assert (said.code, said.out, said.err) == (8, "", [missing])


@pytest.mark.parametrize("slug", ["acme", "acme/", "https://code.example.com/acme/infra", "a/b/c"])
async def test_a_repository_is_an_owner_and_a_name(configured: CommandLine, slug: str) -> None:
    said = await run(configured, "install", slug)
    assert (said.code, said.err) == (2, [f"{slug!r} is no repository: write it as owner/name"])


async def test_no_hook_may_be_because_no_repository_is_known(configured: CommandLine) -> None:
    await asyncio.to_thread(configured, "migrate")
    configured.monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    told = "Looked at was every repository the bridge did something for; or name one."
    assert (await run(configured, "list")).out == f"There is no hook. {told}\n"
    assert (await run(configured, "list", "acme/infra")).out == "There is no hook.\n"


async def test_without_a_key_the_one_in_the_database_counts(
    configured: CommandLine, forge: StandIn
) -> None:
    text = (configured.folder / ".env").read_text()
    (configured.folder / ".env").write_text(text.replace(f"BRIDGE_SECRET_KEY={KEY}\n", ""))
    before = await run(configured, "install", "acme/infra")
    await asyncio.to_thread(configured, "migrate")
    after = [(await run(configured, "install", "acme/infra")).code for _ in range(2)]
    assert before.code == 2
    path = configured.folder / "data" / "bridge.db"
    assert before.err == [f"there is no database at {path}: has the bridge run here?"]
    assert after == [0, 0]
    (hook,) = forge.world.repository("acme/infra").hooks
    assert hook.secret != hook_secret(KEY.encode(), "code", "1")


@pytest.mark.parametrize(
    ("changes", "arguments", "said"),
    [
        (
            {"BRIDGE_PUBLIC_URL": ""},
            ["install", "acme/infra"],
            "BRIDGE_PUBLIC_URL is missing: the address under which the forge reaches the bridge",
        ),
        (
            {"BRIDGE_FORGES__GITHUB__TOKEN": "t", "BRIDGE_FORGES__GITHUB__WEBHOOK_SECRET": "s"},
            ["install", "acme/infra"],
            "say which forge with --forge: code, github",
        ),
        (
            {},
            ["list", "acme/infra", "--forge", "github"],
            "there is no forge 'github': configured is code",
        ),
    ],
)
def test_what_is_not_clear_is_asked_for(
    command_line: CommandLine, changes: dict[str, str], arguments: list[str], said: str
) -> None:
    command_line.configure(**{"BRIDGE_PUBLIC_URL": "https://bridge.example.com", **changes})
    ended = command_line("webhooks", *arguments)
    assert (ended.code, ended.err) == (2, [said])
