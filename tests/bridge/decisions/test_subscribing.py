"""What channels hear: patterns as they are meant, and refusals that say what is wrong."""

from collections.abc import Sequence

import pytest

from bridge.decisions.asking import Refuse
from bridge.decisions.subscribing import (
    MOST,
    Change,
    Leave,
    Subscribe,
    decide_settings,
    decide_subscribe,
    decide_unsubscribe,
    qualified,
)
from bridge.domain.chat import ALL_INTERESTS, ChannelSettings, Interest, Subscription
from bridge.domain.commands import SettingsCommand, SubscribeCommand, UnsubscribeCommand

HERE = ChannelSettings(team="T1", channel="C1")
ACME = ChannelSettings(team="T1", channel="C1", organization="acme")


def wanting(*patterns: str, interests: Sequence[str] = (), quiet: bool = False) -> SubscribeCommand:
    return SubscribeCommand(
        line=1, text="subscribe", patterns=patterns, interests=tuple(interests), quiet=quiet
    )


def subscribed(*patterns: str) -> list[Subscription]:
    return [Subscription(team="T1", channel="C1", pattern=one) for one in patterns]


@pytest.mark.parametrize(
    ("pattern", "organization", "stored"),
    [
        ("acme/app-*", "", "acme/app-*"),
        ("acme/app-*", "other", "acme/app-*"),
        ("app-*", "", "*/app-*"),
        ("app-*", "acme", "acme/app-*"),
        ("*", "acme", "acme/*"),
        ("**", "", "*/**"),
    ],
)
def test_a_pattern_without_an_organization_means_the_channels_or_any(
    pattern: str, organization: str, stored: str
) -> None:
    assert qualified(pattern, organization) == stored


@pytest.mark.parametrize(
    ("names", "interests"),
    [
        ((), ALL_INTERESTS),
        (("all",), ALL_INTERESTS),
        (("ALL", "failed"), ALL_INTERESTS),
        (("Approval", "failed"), frozenset({Interest.APPROVAL, Interest.FAILED})),
        (("started", "approval", "failed", "applied"), ALL_INTERESTS),
    ],
)
def test_events_are_named_or_all(names: Sequence[str], interests: frozenset[Interest]) -> None:
    decision = decide_subscribe(
        wanting("acme/*", interests=names), HERE, (), workspaces=(), actor="Ada"
    )
    assert isinstance(decision, Subscribe)
    (made,) = decision.subscriptions
    assert (made.interests, made.actor) == (interests, "Ada")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (wanting("!acme/x"), "`!acme/x` only takes something out"),
        (wanting("acme/a/b"), "`acme/a/b` has more than an organization and a workspace."),
        (wanting("acme/{a"), "`acme/{a` has a brace that is not closed."),
        (wanting("/x"), "`/x` begins with a slash."),
        (wanting("../x"), "`../x` goes up (..)."),
        (
            wanting("acme/*", interests=("approvals",)),
            "there is no event `approvals`. There is: `started`, `approval`, `failed`, `applied`",
        ),
        (wanting("acme/" + "{a,b}" * 12), "is too complicated"),
        (wanting(*(f"acme/{number}" for number in range(MOST + 1))), "at most 50 subscriptions"),
    ],
)
def test_what_is_not_well_formed_is_refused_by_name(command: SubscribeCommand, says: str) -> None:
    decision = decide_subscribe(command, HERE, (), workspaces=(), actor="Ada")
    assert isinstance(decision, Refuse)
    assert decision.text.startswith("Nothing was subscribed: ")
    assert says in decision.text


def test_a_full_channel_may_change_what_it_hears_already() -> None:
    existing = subscribed(*(f"acme/{number}" for number in range(MOST)))
    again = decide_subscribe(
        wanting("acme/0", quiet=True), HERE, existing, workspaces=(), actor="Ada"
    )
    more = decide_subscribe(wanting("acme/new"), HERE, existing, workspaces=(), actor="Ada")
    assert isinstance(again, Subscribe)
    assert isinstance(more, Refuse)


def test_twice_the_same_is_once_and_the_warning_comes_with_the_first() -> None:
    decision = decide_subscribe(
        wanting("x", "acme/x"), ACME, (), workspaces=["acme/x"], actor="Ada"
    )
    assert isinstance(decision, Subscribe)
    assert [one.pattern for one in decision.subscriptions] == ["acme/x"]
    assert "1 workspace at present" in decision.text
    assert "Terrakube itself" in decision.text
    decision = decide_subscribe(
        wanting("acme/y"), ACME, subscribed("acme/x"), workspaces=[], actor="Ada"
    )
    assert isinstance(decision, Subscribe)
    assert "Terrakube itself" not in decision.text


@pytest.mark.parametrize(
    ("said", "settings", "patterns"),
    [
        (("dns",), HERE, ("*/dns",)),
        (("*/dns",), ACME, ("*/dns",)),
        (("dns",), ACME, ("*/dns",)),  # it was said before the channel had an organization
        (("net",), ACME, ("acme/net",)),
        ((), HERE, ("*/dns", "acme/net")),
    ],
)
def test_a_channel_hears_no_longer_of_what_is_named_as_it_was_said(
    said: tuple[str, ...], settings: ChannelSettings, patterns: tuple[str, ...]
) -> None:
    command = UnsubscribeCommand(line=1, text="unsubscribe", patterns=said)
    decision = decide_unsubscribe(command, settings, subscribed("acme/net", "*/dns"))
    assert isinstance(decision, Leave)
    assert decision.patterns == patterns


def test_a_channel_that_hears_nothing_is_told_so() -> None:
    command = UnsubscribeCommand(line=1, text="unsubscribe")
    assert decide_unsubscribe(command, HERE, ()) == Refuse(
        text="This channel is subscribed to nothing."
    )


def test_settings_change_one_by_one() -> None:
    files = SettingsCommand(line=1, text="settings files=on", files=True)
    decision = decide_settings(files, ACME, organizations=(), chat_command="/tk")
    assert isinstance(decision, Change)
    assert decision.settings == ChannelSettings(
        team="T1", channel="C1", organization="acme", files=True
    )
    assert "whoever can read this channel can search them" in decision.text
    none = SettingsCommand(line=1, text="settings org=", organization="")
    decision = decide_settings(none, ACME, organizations=(), chat_command="/tk")
    assert isinstance(decision, Change)
    assert decision.settings == HERE
