"""``slack manifest`` prints what Slack makes an app from."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from bridge.chat.manifest import EVENTS, SCOPES, build_manifest
from bridge.domain.errors import UserError
from tests.bridge.cli.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = ROOT.parent / "shared" / "slack" / "manifest.schema.2.0.0.json"
URL = "https://bridge.example.com"
DOOR = f"{URL}/slack/events"
NO_ADDRESS = (
    "http mode needs the address under which Slack reaches the bridge: "
    "set BRIDGE_PUBLIC_URL, or give --url"
)
NO_HOST = (
    "--url https://: an address is needed as https://host, without credentials, query or fragment"
)


def addresses(value: object) -> list[str]:
    """Every text in it that is a web address."""
    if isinstance(value, dict):
        return [one for below in value.values() for one in addresses(below)]
    if isinstance(value, list):
        return [one for below in value for one in addresses(below)]
    return [value] if isinstance(value, str) and "://" in value else []


@pytest.mark.parametrize("url", [None, URL, f"{URL}/"], ids=["socket", "http", "slash"])
def test_slack_takes_the_manifest(url: str | None) -> None:
    if not SCHEMA.exists():
        pytest.skip("Slack's schema of manifests is not beside the checkout")
    made = build_manifest(name="Terrakube", command="/terrakube", url=url)
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    validator = jsonschema_rs.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(made)] == []
    assert not validator.is_valid(made | {"surprise": 1})


def test_socket_mode_has_no_address_and_http_mode_one_for_everything() -> None:
    socket = build_manifest(name="Terrakube", command="/terrakube", url=None)
    http = build_manifest(name="Terrakube", command="/terrakube", url=URL)
    assert (addresses(socket), addresses(http)) == ([], [DOOR] * 4)
    modes = [one["settings"]["socket_mode_enabled"] for one in (socket, http)]
    assert modes == [True, False]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": "x" * 36}, "an app's name has 1 to 35 characters"),
        ({"name": " "}, "an app's name has 1 to 35 characters"),
        ({"command": "terrakube"}, "a slash command is / and"),
        ({"command": "/" + "x" * 32}, "a slash command is / and"),
        ({"command": "/Terrakube"}, "a slash command is / and"),
        ({"url": "http://bridge.example.com"}, "Slack only delivers to https"),
        ({"url": "https://" + "x" * 3000}, "the public address may have 2987 characters"),
    ],
)
def test_what_slack_would_not_take_is_refused(wrong: dict[str, str], told: str) -> None:
    good = {"name": "x" * 35, "command": "/" + "x" * 31, "url": URL}
    build_manifest(**good)
    with pytest.raises(UserError, match=told):
        build_manifest(**good | wrong)


def test_every_scope_is_documented() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    assert [line for line in rows(SCOPES) if line not in page] == []
    assert set(SCOPES).isdisjoint(EVENTS)


def rows(reasons: Any) -> list[str]:  # noqa: ANN401 - any mapping
    return [f"| `{name}` | {reason} |\n" for name, reason in reasons.items()]


def test_an_app_can_be_prepared_before_anything_is_configured(command_line: CommandLine) -> None:
    said = command_line("slack", "manifest")
    made = build_manifest(name="Terrakube", command="/terrakube", url=None)
    assert (said.code, said.json(), said.err) == (0, made, [])


def test_the_settings_say_mode_command_and_address(command_line: CommandLine) -> None:
    command_line.configure(
        BRIDGE_PUBLIC_URL=URL,
        BRIDGE_SLACK__MODE="http",
        BRIDGE_SLACK__COMMAND="/tk",
        BRIDGE_SLACK__BOT_TOKEN="canary",
    )
    said = command_line("slack", "manifest")
    assert said.json() == build_manifest(name="Terrakube", command="/tk", url=URL)
    assert "canary" not in said.out


def test_options_come_before_the_settings(command_line: CommandLine) -> None:
    command_line.configure(BRIDGE_PUBLIC_URL="https://old.example.com")
    options = ["--mode", "http", "--url", URL, "--name", "Prod", "--command", "/terrakube-prod"]
    said = command_line("slack", "manifest", *options)
    assert said.json() == build_manifest(name="Prod", command="/terrakube-prod", url=URL)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--name", "x" * 36], f"an app's name has 1 to 35 characters: '{'x' * 36}' has 36"),
        (
            ["--mode", "http"],
            NO_ADDRESS,
        ),
        (
            ["--mode", "http", "--url", "https://"],
            NO_HOST,
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    command_line: CommandLine, arguments: list[str], told: str
) -> None:
    said = command_line("slack", "manifest", *arguments)
    assert (said.code, said.out, said.err) == (2, "", [told])


def test_a_misspelt_setting_is_a_mistake_here_too(command_line: CommandLine) -> None:
    command_line.configure(BRIDGE_SLACK__COMAND="/tk")
    said = command_line("slack", "manifest")
    assert (said.code, said.out) == (2, "")
    assert "BRIDGE_SLACK__COMAND" in said.err[-1]
