"""The page about Slack names what there is: scopes, events, settings, commands."""

import re
from pathlib import Path

from bridge.chat.manifest import EVENTS, SCOPES
from bridge.decisions.subscribing import MOST
from bridge.domain.chat import Interest
from bridge.domain.commands import Word
from bridge.settings.sections import SlackSettings

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "slack.md").read_text()


def rows(heading: str) -> dict[str, str]:
    """The rows of the table with this heading in its first column."""
    table = PAGE.partition(f"| {heading} | for |\n")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", table, re.MULTILINE))


def test_scopes_and_events_are_those_of_the_manifest() -> None:
    assert rows("scope") == dict(SCOPES)
    assert rows("event") == dict(EVENTS)


def test_settings_and_commands_that_are_named_exist() -> None:
    settings = re.findall(r"`slack\.([a-z_]+)`(?! of that line)", PAGE)
    settings += [one.lower() for one in re.findall(r"BRIDGE_SLACK__([A-Z_]+)", PAGE)]
    own = {"url", "control_url"}  # of the sandbox
    assert set(settings) - own <= set(SlackSettings.model_fields)
    words = re.findall(r"[`/@ ]terrakube ([a-z-]+)", "\n".join(re.findall(r"`[^`\n]+`", PAGE)))
    assert set(words) - {"failed"} <= {word.value for word in Word}


def test_what_a_channel_can_want_is_told() -> None:
    told = re.search(r"`events` are (.+?), and `all`", PAGE)
    assert told is not None
    assert set(re.findall(r"`(\w+)`", told[1])) == {one.value for one in Interest}
    assert f"up to {MOST} subscriptions" in PAGE
