"""Slack: the bridge's account there, its scopes, and how it is reached."""

import re
from collections.abc import Mapping, Sequence

from bridge.domain.access import SLACK, PrincipalKind
from bridge.domain.chat import ChatAccount
from bridge.domain.examining import Finding, Level
from bridge.domain.rules import Policy

_NEEDED = frozenset({"commands", "chat:write", "users:read"})
"""Without these nothing works: nobody is heard, nothing is said, and nobody is let."""

GROUPS = "usergroups:read"
"""Scope without which nobody can be asked who is in a user group."""

_ADD = "add it under OAuth & Permissions of the app, and install the app again"
_SECRET = re.compile(r"[0-9a-f]{32}")


def groups_of(policy: Policy) -> Sequence[str]:
    """List the ids of the user groups that access rules name, each once."""
    named = [one for rule in policy.access or () for one in rule.who]
    groups = [one.name for one in named if one.door == SLACK and one.kind is PrincipalKind.GROUP]
    return list(dict.fromkeys(groups))


def judge_shut_door() -> Finding:
    """Judge settings of Slack without a token."""
    return _finding(
        "door",
        Level.WARNING,
        "it stays shut: slack.bot_token is missing",
        "set BRIDGE_SLACK__BOT_TOKEN, or leave out the settings of slack",
    )


def judge_account(account: ChatAccount) -> Finding:
    """Judge whom the bot token belongs to."""
    name = account.team_name or account.team
    return _finding("bot token", Level.OK, f"of {account.user} in {name} ({account.team})")


def judge_refused_token(what: str, variable: str, why: str) -> Finding:
    """Judge a token that Slack does not take."""
    advice = f"take the present one from the app's page in Slack: {variable}"
    return _finding(what, Level.ERROR, why, advice)


def judge_resting(what: str, why: str) -> Finding:
    """Judge what Slack lets be tried once a minute, and was tried just now."""
    return _finding(what, Level.WARNING, why, "look again in a minute")


def judge_app_token() -> Finding:
    """Judge an app-level token with which Slack opened a connection."""
    return _finding("app token", Level.OK, "Slack says where socket mode connects")


def judge_scopes(
    account: ChatAccount, purposes: Mapping[str, str], groups: Sequence[str]
) -> list[Finding]:
    """Judge what the app may do.

    Args:
        account: As Slack shows it.
        purposes: Scopes, and what each is for.
        groups: User groups on which it depends who may do what.
    """
    if not account.scopes:
        advice = "see OAuth & Permissions of the app"
        return [_finding("scopes", Level.WARNING, "Slack does not say which there are", advice)]
    needed = _NEEDED | ({GROUPS} if groups else set())
    lacking = [
        _finding(
            f"scope {scope}",
            Level.ERROR if scope in needed else Level.WARNING,
            f"the app lacks it: off is {purpose}",
            _ADD,
        )
        for scope, purpose in purposes.items()
        if scope not in account.scopes
    ]
    return lacking or [_finding("scopes", Level.OK, "all that the bridge asks for")]


def judge_no_rules() -> Finding:
    """Judge that there are no access rules, which may be meant."""
    return _finding("access", Level.OK, "there are no access rules, so nobody may more than read")


def judge_secret(secret: str) -> Finding:
    """Judge the signing secret by its looks: nobody can be asked about it."""
    if _SECRET.fullmatch(secret):
        detail = "is set; whether it is this app's only shows when Slack delivers"
        return _finding("signing secret", Level.OK, detail)
    return _finding(
        "signing secret",
        Level.WARNING,
        "it does not look like one: 32 digits and letters from a to f",
        "take it from Basic Information, App Credentials: BRIDGE_SLACK__SIGNING_SECRET",
    )


def judge_door(url: str, status: int) -> Finding:
    """Judge what is answered where Slack delivers to, in http mode."""
    if status == 200:  # noqa: PLR2004 - what the bridge answers to whoever looks
        return _finding("door", Level.OK, f"{url} answers from here")
    return _finding(
        "door",
        Level.WARNING,
        f"{url} answers {status}, and not as the bridge does",
        "see whether the bridge runs with these settings, and the proxy lets /slack/ through",
    )


def judge_unreached_door(url: str, why: str) -> Finding:
    """Judge a door that does not answer from here, which need not mean anything."""
    detail = f"{url} does not answer from here: {why}"
    advice = "see whether the bridge runs; from outside it may answer all the same"
    return _finding("door", Level.WARNING, detail, advice)


def judge_group(group: str, trouble: str) -> Finding:
    """Judge a user group that rules name; *trouble* is why it cannot be asked about, or empty."""
    what = f"group {group}"
    if not trouble:
        return _finding(what, Level.OK, "Slack says who is in it")
    advice = f"correct its id in access: nobody is let by slack:group:{group}"
    return _finding(what, Level.ERROR, trouble, advice)


def judge_channel(channel: str, *, is_in: bool, account: ChatAccount) -> Finding:
    """Judge the channel that hears of everything."""
    if is_in:
        return _finding("default channel", Level.OK, f"the bridge is in {channel}")
    if "chat:write.public" in account.scopes:
        told = f"the bridge is not in {channel}: messages get there, files do not"
    else:
        told = f"the bridge is not in {channel}: nothing gets there"
    return _finding("default channel", Level.WARNING, told, "/invite the bridge there")


def judge_unseen_channel(channel: str, why: str) -> Finding:
    """Judge a channel that the bridge may not even look at."""
    advice = "correct slack.default_channel, or /invite the bridge there"
    return _finding("default channel", Level.ERROR, f"{channel}: {why}", advice)


def _finding(what: str, level: Level, detail: str, advice: str = "") -> Finding:
    return Finding(area=SLACK, what=what, level=level, detail=detail, advice=advice)
