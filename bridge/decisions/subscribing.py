"""What channels of the chat want to hear, and what holds in them: subscribing, listing, settings.

A pattern is stored as ``organization/workspace`` glob. One without a slash means the channel's own
organization, where it has one, and any organization otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.decisions.asking import Refuse
from bridge.decisions.paths import check_glob, matches
from bridge.decisions.wording import code, counted, listed
from bridge.domain.chat import ALL_INTERESTS, ChannelSettings, Interest, Subscription
from bridge.domain.commands import SettingsCommand, SubscribeCommand, UnsubscribeCommand

MOST: Final = 50
"""Subscriptions of one channel."""

_EVERYTHING: Final = "all"
_MOST_ALTERNATIVES: Final = 64
_TWICE: Final = (
    "If Terrakube itself sends notifications of these workspaces to this channel, turn them off "
    "there: otherwise both say the same."
)
_HEARS: Final = {
    Interest.STARTED: "everything from the start on",
    Interest.APPROVAL: "what waits for an approval",
    Interest.FAILED: "what fails",
    Interest.APPLIED: "what is applied",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """A channel hears of something from now on.

    Attributes:
        text: For the channel.
    """

    subscriptions: tuple[Subscription, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """A channel hears of something no longer.

    Attributes:
        patterns: As they are stored.
    """

    patterns: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something else holds in a channel."""

    settings: ChannelSettings
    text: str


def qualified(pattern: str, organization: str) -> str:
    """Write a pattern as it is stored: ``app-*`` is ``acme/app-*`` or ``*/app-*``."""
    return pattern if "/" in pattern else f"{organization or '*'}/{pattern}"


def decide_subscribe(
    command: SubscribeCommand,
    settings: ChannelSettings,
    existing: Sequence[Subscription],
    *,
    workspaces: Sequence[str] | None,
    actor: str,
) -> Refuse | Subscribe:
    """Decide what a channel hears of from now on.

    Args:
        command: What was said.
        settings: Of the channel.
        existing: What it hears already.
        workspaces: ``organization/workspace`` of all there are; None when Terrakube did not say.
        actor: Who subscribes.
    """
    patterns = tuple(
        dict.fromkeys(qualified(one, settings.organization) for one in command.patterns)
    )
    if problem := _problem(patterns) or _unknown(command.interests):
        return Refuse(text=f"Nothing was subscribed: {problem}")
    if len({*patterns, *(one.pattern for one in existing)}) > MOST:
        return Refuse(
            text=f"Nothing was subscribed: a channel has at most {MOST} subscriptions. One glob "
            "can stand for many workspaces."
        )
    made = tuple(
        Subscription(
            team=settings.team,
            channel=settings.channel,
            pattern=pattern,
            interests=_interests(command.interests),
            quiet=command.quiet,
            actor=actor,
        )
        for pattern in patterns
    )
    lines = ["This channel hears from now on:", _rows(made, workspaces)]
    if not existing:
        lines.append(_TWICE)
    return Subscribe(subscriptions=made, text="\n\n".join(lines))


def decide_unsubscribe(
    command: UnsubscribeCommand, settings: ChannelSettings, existing: Sequence[Subscription]
) -> Refuse | Leave:
    """Decide what a channel hears of no longer: what is named as it was said, or everything."""
    if not existing:
        return Refuse(text="This channel is subscribed to nothing.")
    there = {one.pattern for one in existing}
    wanted = tuple(
        dict.fromkeys(
            next(
                (one for one in (said, qualified(said, settings.organization)) if one in there),
                qualified(said, ""),
            )
            for said in command.patterns
        )
    )
    strange = [one for one in wanted if one not in there]
    if strange:
        return Refuse(
            text=f"Nothing was changed: this channel is not subscribed to {listed(strange)}. It "
            f"is subscribed to {listed(sorted(there), most=MOST)}."
        )
    leaving = wanted or tuple(sorted(there))
    left = listed(sorted(there - set(leaving)), most=MOST)
    rest = f"It still hears of {left}." if left else "It hears of nothing any more."
    return Leave(
        patterns=leaving, text=f"This channel hears no longer of {listed(leaving)}. {rest}"
    )


def subscriptions_text(
    settings: ChannelSettings,
    existing: Sequence[Subscription],
    *,
    workspaces: Sequence[str] | None,
    command: str,
) -> str:
    """List what a channel hears.

    Args:
        settings: Of the channel.
        existing: What it is subscribed to.
        workspaces: ``organization/workspace`` of all there are; None when Terrakube did not say.
        command: How people address the bridge.
    """
    if not existing:
        example = code(f"{command} subscribe organization/*")
        return f"This channel is subscribed to nothing. {example} changes that."
    lines = ["This channel hears:", _rows(existing, workspaces, named=True)]
    if settings.parked:
        lines.append(_parked_text(settings))
    return "\n\n".join(lines)


def decide_settings(
    command: SettingsCommand,
    settings: ChannelSettings,
    *,
    organizations: Sequence[str] | None,
    chat_command: str,
) -> Refuse | Change | str:
    """Decide what holds in a channel from now on; the text that shows it when nothing changes.

    Args:
        command: What was said.
        settings: Of the channel.
        organizations: Names of all there are; None when Terrakube did not say.
        chat_command: How people address the bridge.
    """
    if command.organization is None and command.files is None:
        return settings_text(settings, chat_command)
    changed = settings
    if command.organization is not None:
        name = command.organization
        if name and organizations is None:
            return Refuse(
                text="Nothing was changed: Terrakube did not say just now which organizations "
                "there are. Please try again in a while."
            )
        if name and name not in (organizations or ()):
            there = listed(organizations or ()) or "none"
            return Refuse(
                text=f"Nothing was changed: there is no organization {code(name)}. There is: "
                f"{there}."
            )
        changed = replace(changed, organization=name)
    if command.files is not None:
        changed = replace(changed, files=command.files)
    return Change(settings=changed, text=settings_text(changed, chat_command))


def settings_text(settings: ChannelSettings, chat_command: str) -> str:
    """Say what holds in a channel."""
    organization = (
        f"Where no organization is named, {code(settings.organization)} is meant."
        if settings.organization
        else "Organizations are always named: there is no `org` set here."
    )
    files = (
        "Complete plans are put here as files; whoever can read this channel can search them."
        if settings.files
        else "Complete plans are not put here as files."
    )
    how = f"{code(f'{chat_command} settings org=NAME files=on|off')} changes it."
    lines = [f"- {organization}", f"- {files}"]
    if settings.parked:
        lines.append(f"- {_parked_text(settings)}")
    return "\n".join(["In this channel:", "", *lines, "", how])


def _problem(patterns: Sequence[str]) -> str:
    for pattern in patterns:
        name = code(pattern)
        if pattern.startswith("!"):
            return f"{name} only takes something out; say what is to be heard of."
        if pattern.count("/") > 1:
            return f"{name} has more than an organization and a workspace."
        if problem := check_glob(pattern, most=_MOST_ALTERNATIVES):
            return f"{name} {problem}."
    return ""


def _unknown(names: Sequence[str]) -> str:
    known = [*(one.value for one in Interest), _EVERYTHING]
    strange = [name for name in names if name.casefold() not in known]
    if not strange:
        return ""
    return f"there is no event {listed(strange)}. There is: {listed(known)}."


def _interests(names: Sequence[str]) -> frozenset[Interest]:
    chosen = {name.casefold() for name in names}
    if not chosen or _EVERYTHING in chosen:
        return ALL_INTERESTS
    return frozenset(Interest(name) for name in chosen)


def _rows(
    found: Sequence[Subscription], workspaces: Sequence[str] | None, *, named: bool = False
) -> str:
    return "\n".join(f"- {_row(one, workspaces, named=named)}" for one in found)


def _row(one: Subscription, workspaces: Sequence[str] | None, *, named: bool) -> str:
    hears = "everything"
    if one.interests != ALL_INTERESTS:
        hears = ", ".join(_HEARS[each] for each in Interest if each in one.interests)
    quiet = ", quietly: no result beside the live message" if one.quiet else ""
    who = f" (by {code(one.actor)})" if named and one.actor else ""
    who = who or (" (by the configuration)" if named else "")
    return f"{code(one.pattern)}: {hears}{quiet}{_matching(one.pattern, workspaces)}{who}"


def _matching(pattern: str, workspaces: Sequence[str] | None) -> str:
    if workspaces is None:
        return "; Terrakube did not say which workspaces that is"
    number = sum(matches(name, (pattern,)) for name in workspaces)
    if not number:
        return "; **no workspace matches at present**"
    return f"; {counted(number, 'workspace')} at present"


def _parked_text(settings: ChannelSettings) -> str:
    return (
        f"**Nothing is sent here at present**: {settings.parked}. It goes on when the bridge is "
        "invited again, or when somebody subscribes here anew."
    )
