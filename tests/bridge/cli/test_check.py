"""``check`` prints what came out of the settings, and never a secret."""

import asyncio
from pathlib import Path

from bridge.sandbox import forge, terrakube
from bridge.sandbox.forge import Flavour
from bridge.settings.printing import MASK
from tests.bridge.cli.conftest import ENOUGH, CommandLine


def test_the_resolved_settings_say_where_each_value_came_from(command_line: CommandLine) -> None:
    command_line.configure()
    command_line.monkeypatch.setenv("BRIDGE_LOG__LEVEL", "debug")
    (command_line.folder / "bridge.yaml").write_text("\nslack: {mode: http}\n")
    said = command_line("check", "--json")
    resolved = said.json()
    assert isinstance(resolved, dict)
    assert said.code == 0
    assert resolved["notes"] == ["Slack's door stays shut: slack.bot_token is missing"]
    assert {key: resolved["settings"][key] for key in SHOWN} == SHOWN


SHOWN = {
    "terrakube.url": {"value": "http://127.0.0.1:1", "source": ".env line 1"},
    "terrakube.token": {"value": MASK, "source": ".env line 2"},
    "forges.code.token": {"value": MASK, "source": ".env line 6"},
    "log.level": {"value": "debug", "source": "environment"},
    "slack.mode": {"value": "http", "source": "bridge.yaml line 2"},
    "listen.port": {"value": "8080", "source": "default"},
}


def test_no_secret_is_printed(command_line: CommandLine) -> None:
    secrets = {
        "BRIDGE_SECRET_KEY": "canary-key-0123456789-0123456789-0123456789",
        "BRIDGE_DATABASE__URL": "postgresql://bridge:canary-of-the-database@db.example.com/bridge",
    }
    command_line.configure(**secrets)
    said = command_line("check")
    assert said.code == 0
    assert "canary" not in said.out + "".join(said.err)
    assert [value for value in ENOUGH.values() if "canary" in value and value in said.out] == []


def test_people_are_told_that_all_is_well(command_line: CommandLine) -> None:
    command_line.configure()
    command_line.monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    said = command_line("check")
    assert said.code == 0
    last = "The configuration is good; --online asks everybody, too."
    assert said.out.splitlines()[-1] == last


def test_online_warns_of_a_terrakube_that_does_not_answer(command_line: CommandLine) -> None:
    command_line.configure()
    said = command_line("check", "--online", "--json")
    resolved = said.json()
    assert isinstance(resolved, dict)
    assert said.code == 6
    assert [note.partition(":")[0] for note in resolved["notes"]] == [
        "Terrakube could not be asked about templates and rights",
        "forge code",
    ]


async def test_online_tells_a_forge_that_refuses_the_credential(
    command_line: CommandLine, tmp_path: Path
) -> None:
    async with (
        forge.start(tmp_path / "forge", flavour=Flavour.FORGEJO) as code,
        terrakube.start(tmp_path / "terrakube", executor="instant") as server,
    ):
        server.add_organization("acme")
        settings = {
            "BRIDGE_TERRAKUBE__URL": server.url,
            "BRIDGE_TERRAKUBE__TOKEN": server.token,
            "BRIDGE_FORGES__CODE__URL": code.web_url,
        }
        command_line.configure(**settings)
        refused = await asyncio.to_thread(command_line, "check", "--online")
        settings["BRIDGE_FORGES__CODE__TOKEN"] = code.token("bridge-bot")
        command_line.configure(**settings)
        good = await asyncio.to_thread(command_line, "check", "--online")
    notes = refused.json()
    assert isinstance(notes, dict)
    assert refused.code == 7
    assert notes["notes"][0].startswith("forge code refuses the credential: GET /user: ")
    assert (good.code, good.err) == (0, [])


def test_a_private_key_that_is_none_is_told(command_line: CommandLine) -> None:
    command_line.configure(
        BRIDGE_FORGES__GITHUB__APP_ID="12",
        BRIDGE_FORGES__GITHUB__PRIVATE_KEY="canary-of-no-key",
        BRIDGE_FORGES__GITHUB__WEBHOOK_SECRET="canary-of-the-app",
    )
    said = command_line("check")
    place = ".env line 9: BRIDGE_FORGES__GITHUB__PRIVATE_KEY"
    assert said.code == 2
    assert said.err == [f"{place}: the App's private key is no RSA key in PEM form"]
