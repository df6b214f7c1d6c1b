"""How what was seen of Slack is judged."""

import pytest

from bridge.decisions.examining import slack
from bridge.domain.access import AccessRule, Principal, PrincipalKind
from bridge.domain.chat import ChatAccount
from bridge.domain.commands import Word
from bridge.domain.examining import Finding, Level
from bridge.domain.rules import Policy

PURPOSES = {
    "chat:write": "messages",
    "usergroups:read": "user groups in access rules",
    "files:write": "complete plans as files",
}
ADD = "add it under OAuth & Permissions of the app, and install the app again"


def an_account(*scopes: str) -> ChatAccount:
    return ChatAccount(team="T1", team_name="Acme", user="U1", scopes=frozenset(scopes))


def lines(*findings: Finding) -> list[tuple[str, Level, str]]:
    return [(one.what, one.level, one.detail) for one in findings]


@pytest.mark.parametrize(
    ("scopes", "groups", "expected"),
    [
        (tuple(PURPOSES), ["S1"], [("scopes", Level.OK, "all that the bridge asks for")]),
        ((), [], [("scopes", Level.WARNING, "Slack does not say which there are")]),
        (
            ("usergroups:read",),
            [],
            [
                ("scope chat:write", Level.ERROR, "the app lacks it: off is messages"),
                (
                    "scope files:write",
                    Level.WARNING,
                    "the app lacks it: off is complete plans as files",
                ),
            ],
        ),
        (
            ("chat:write", "files:write"),
            [],
            [
                (
                    "scope usergroups:read",
                    Level.WARNING,
                    "the app lacks it: off is user groups in access rules",
                )
            ],
        ),
        (
            ("chat:write", "files:write"),
            ["S1"],
            [
                (
                    "scope usergroups:read",
                    Level.ERROR,
                    "the app lacks it: off is user groups in access rules",
                )
            ],
        ),
    ],
)
def test_a_scope_that_is_missing_is_as_bad_as_what_is_off(
    scopes: tuple[str, ...], groups: list[str], expected: object
) -> None:
    assert lines(*slack.judge_scopes(an_account(*scopes), PURPOSES, groups)) == expected


@pytest.mark.parametrize(
    ("secret", "level"),
    [("0123456789abcdef" * 2, Level.OK), ("xoxb-1", Level.WARNING), ("A" * 32, Level.WARNING)],
)
def test_a_signing_secret_is_judged_by_its_looks(secret: str, level: Level) -> None:
    found = slack.judge_secret(secret)
    assert found.level is level
    assert secret not in str(found)


@pytest.mark.parametrize(
    ("is_in", "scopes", "expected"),
    [
        (True, (), (Level.OK, "the bridge is in C1")),
        (
            False,
            ("chat:write.public",),
            (Level.WARNING, "the bridge is not in C1: messages get there, files do not"),
        ),
        (False, (), (Level.WARNING, "the bridge is not in C1: nothing gets there")),
    ],
)
def test_a_channel_the_bridge_is_not_in_hears_less(
    *, is_in: bool, scopes: tuple[str, ...], expected: object
) -> None:
    found = slack.judge_channel("C1", is_in=is_in, account=an_account(*scopes))
    assert (found.level, found.detail) == expected


def test_groups_are_those_that_rules_name_each_once() -> None:
    who = (
        Principal(door="slack", kind=PrincipalKind.GROUP, name="S2"),
        Principal(door="slack", kind=PrincipalKind.USER, name="U1"),
        Principal(door="code", kind=PrincipalKind.TEAM, name="acme/platform"),
        Principal(door="slack", kind=PrincipalKind.GROUP, name="S1"),
    )
    rule = AccessRule(who=who, may=frozenset({Word.PLAN}), name="rule")
    assert slack.groups_of(Policy(access=(rule, rule))) == ["S2", "S1"]
    assert slack.groups_of(Policy()) == []
