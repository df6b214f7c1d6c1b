"""Making a person of the chat and an account of a forge one: the code, who may say it, the answer.

The danger is somebody who has another one say a code that is their own (slack.md section 11): from
then on they would act in Slack with the other one's rights. So the answer stands where the other
one wrote, and names who that is and what it means.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bridge.decisions.wording import code, listed, ready_to_copy
from bridge.domain.chat import ChatUser, Identity, LinkOffer
from bridge.domain.commands import Word

CODE_BITS: Final = 50
"""Of chance in a code: with so few tries an hour nobody finds one."""

LIFETIME: Final = timedelta(minutes=10)
"""How long a code can be said."""

MOST_WRONG: Final = 5
"""Wrong codes of a login, or in a pull request, WITHIN which nobody is listened to."""

WITHIN: Final = timedelta(hours=1)

# Crockford's base32: no letter looks like a digit or like another letter.
_SIGNS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 10
_CODE: Final = re.compile(f"[{_SIGNS}]{{{_LENGTH}}}")
_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


_GROUPS: Final = (
    (True, "Groups of yours that rules name"),
    (False, "Groups that rules name, and that you are not in"),
    (None, "Groups that Slack did not say anything about, which is a no"),
)
_RULED: Final = (
    "In which workspaces, the rules say. What they let an account of yours say, you may say "
    "besides where it has write permission on the repository: the forge is asked each time."
)
_UNRULED: Final = "There are no `access` rules, and without them Slack may only read."


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """The two are one from now on.

    Attributes:
        text: For whoever said the code, where they said it.
        detail: For the audit.
    """

    identity: Identity
    text: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotLinked:
    """Nothing follows from the code.

    Attributes:
        text: Why, and what to do.
        wrong: Whether there is no such code, which is counted.
    """

    text: str
    wrong: bool = False


def code_of(chance: int) -> str:
    """Write CODE_BITS of chance as a code: ``7K3QF-9XW2M``."""
    signs = [_SIGNS[chance >> (5 * place) & 31] for place in range(_LENGTH)]
    half = _LENGTH // 2
    return f"{''.join(signs[:half])}-{''.join(signs[half:])}"


def hash_of_code(text: str, key: bytes) -> str:
    """Return what is stored of a code, however it is typed; empty for what cannot be one."""
    typed = text.upper().translate(_READ_AS)
    if not _CODE.fullmatch(typed):
        return ""
    return hmac.new(key, b"link:" + typed.encode(), hashlib.sha256).hexdigest()


def offer_text(written: str, *, name: str, chat_command: str, forges: Sequence[str]) -> str:
    """Say how a code is used, to the one person it is for.

    Args:
        written: The code.
        name: How people address the bridge in a pull request.
        chat_command: How they do in the chat.
        forges: Names of those that are configured.
    """
    where = f" on {listed(forges)}" if forges else ""
    return (
        f"Write this into any pull request the bridge looks after{where}, of a repository you may "
        f"write to, as a comment of its own, within {_minutes(LIFETIME)}:"
        + ready_to_copy(f"{name} link {written}")
        + "\n\nWhoever writes it becomes you in the bridge's eyes: what you say in Slack then "
        "counts as said by that account. So write it yourself, and paste it nowhere else. It "
        f"works once; {code(f'{chat_command} unlink')} undoes it, and "
        f"{code(f'{chat_command} whoami')} shows what became of it."
    )


def no_code_text(name: str, chat_command: str) -> str:
    """Say how somebody gets a code, to whoever says none on a forge."""
    return (
        f"A code is missing. In Slack, {code(f'{chat_command} link')} tells you one, and what to "
        f"do with it: {code(f'{name} link CODE')} in a pull request makes the two accounts one."
    )


def elsewhere_text(name: str, chat_command: str) -> str:
    """Answer somebody who says a code in the chat."""
    return (
        f"A code is written into a pull request, as {code(f'{name} link CODE')}, and not here. "
        f"{code(f'{chat_command} link')} alone tells you a new one."
    )


def decide_link(
    offer: LinkOffer | None,
    *,
    now: datetime,
    wrong: int,
    forge: str,
    login: str,
    before: Sequence[Identity] = (),
    others: Sequence[Identity] = (),
    name: str = "terrakube",
    chat_command: str = "/terrakube",
) -> Linked | NotLinked:
    """Decide what follows from a code that somebody says on a forge.

    Args:
        offer: What is stored of it; None for nothing.
        now: Aware, UTC.
        wrong: Codes that were wrong lately, of this login or in this pull request.
        forge: Its name in the settings.
        login: Who says it.
        before: Accounts the person of the chat is linked to.
        others: People of the chat the login is linked to.
        name: How people address the bridge on the forge.
        chat_command: How they do in the chat.
    """
    if wrong >= MOST_WRONG:
        return NotLinked(
            text=f"Nothing was linked: there were {MOST_WRONG} wrong codes within an hour, of "
            "yours or in this pull request. Please try again later."
        )
    again = f"{code(f'{chat_command} link')} in Slack tells you a new one."
    if offer is None:
        return NotLinked(text=f"Nothing was linked: there is no such code. {again}", wrong=True)
    if offer.used:
        return NotLinked(text=f"Nothing was linked: this code was used already. {again}")
    if now >= offer.expires_at:
        lived = _minutes(LIFETIME)
        return NotLinked(text=f"Nothing was linked: a code lives {lived}. {again}")
    identity = Identity(
        team=offer.team, user=offer.user, name=offer.name, forge=forge, login=login, linked_at=now
    )
    return Linked(
        identity=identity,
        text=_linked_text(offer, identity, before, others, name),
        detail=f"{login} on {forge} is {offer.name} ({offer.user} of {offer.team}) in Slack",
    )


def unlinked_text(found: Sequence[Identity]) -> str:
    """Say on a forge who is who no longer."""
    if not found:
        return "Your account here is linked to nobody in Slack: there is nothing to undo."
    people = ", ".join(f"{code(one.name)} ({code(one.user)})" for one in found)
    return (
        f"{code(found[0].login)} is no longer linked to {people} in Slack. What they say there "
        "counts as their own from now on."
    )


def unlinked_in_chat_text(found: Sequence[Identity], chat_command: str) -> str:
    """Say in the chat who is who no longer."""
    if not found:
        return f"You are linked to no account: {code(f'{chat_command} link')} would do it."
    return f"You are no longer linked to {accounts_text(found)}."


def person_text(
    user: ChatUser,
    *,
    identities: Sequence[Identity],
    groups: Mapping[str, bool | None],
    words: Sequence[Word],
    is_ruled: bool,
    chat_command: str,
) -> str:
    """Say who the bridge takes somebody for.

    Args:
        user: As Slack describes them just now.
        identities: Accounts they are linked to.
        groups: Groups that rules name: whether they are in it, None where Slack did not say.
        words: What they may say in Slack, about some workspaces at least.
        is_ruled: Whether there are rules.
        chat_command: How people address the bridge.
    """
    accounts = accounts_text(identities) or f"none; {code(f'{chat_command} link')} changes that"
    lines = [
        f"In Slack you are {code(user.name)} ({code(user.id)}).",
        f"Accounts that are yours: {accounts}.",
    ]
    for answer, says in _GROUPS:
        names = [name for name, is_in in groups.items() if is_in is answer]
        lines += [f"{says}: {listed(names)}."] if names else []
    lines.append(f"You may say here: {listed([one.value for one in words], most=len(words))}.")
    lines.append(_RULED if is_ruled else _UNRULED)
    return "\n".join(f"- {line}" for line in lines)


def accounts_text(found: Sequence[Identity]) -> str:
    """Name accounts of forges: ``alice`` on ``github``."""
    return ", ".join(f"{code(one.login)} on {code(one.forge)}" for one in found)


def _linked_text(
    offer: LinkOffer,
    identity: Identity,
    before: Sequence[Identity],
    others: Sequence[Identity],
    name: str,
) -> str:
    login, person = code(identity.login), f"{code(offer.name)} ({code(offer.user)})"
    linked = (
        f"{login} on {code(identity.forge)} is now linked to {person} in the Slack workspace "
        f"{code(offer.team_name or offer.team)} ({code(offer.team)})."
    )
    meaning = (
        f"**From now on, what {person} says and approves in Slack counts as said by {login}**: "
        f"what the rules let {login} plan, apply or approve, they may there. If you do not know "
        f"this person, or somebody else asked you to write this, say {code(f'{name} unlink')} now."
    )
    lines = [linked, meaning]
    replaced = [one.login for one in before if one.forge == identity.forge]
    if replaced and replaced[0].casefold() != identity.login.casefold():
        lines.append(f"They were linked to {code(replaced[0])} here before, and are no longer.")
    also = [one for one in others if (one.team, one.user) != (offer.team, offer.user)]
    if also:
        people = ", ".join(f"{code(one.name)} ({code(one.user)})" for one in also)
        lines.append(f"{login} is linked to {people} as well; unlinking ends that, too.")
    return "\n\n".join(lines)


def _minutes(span: timedelta) -> str:
    return f"{int(span.total_seconds()) // 60} minutes"
