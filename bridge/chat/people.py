"""Who is in the chat: asked at most a minute ago, and what was not answered is remembered never."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cachetools import TTLCache

from bridge.chat.calls import Caller
from bridge.domain.access import SLACK
from bridge.domain.chat import ChatAccount, ChatUser
from bridge.domain.errors import ChatRefusalError, NotFoundError, TemporaryRemoteError

FRESH: Final = 60.0
"""Seconds for which an answer holds: who was put out of a group may act no longer than that."""

_MOST_USERS: Final = 2_000
_MOST_GROUPS: Final = 200
_NOBODY: Final = frozenset({"user_not_found", "users_not_found", "user_not_visible"})
_SLACKBOT: Final = "USLACKBOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who is in a channel.

    Attributes:
        has_us: Whether the bridge is.
        has_strangers: Whether people of other organizations are, or are invited.
    """

    has_us: bool
    has_strangers: bool


class People:
    """Reads who somebody is; see chat_ports.ChatPeople.

    Attributes:
        team: Id of the workspace, once it was asked for; empty before, or what it was made with.
    """

    def __init__(self, caller: Caller, *, team: str = "", fresh: float = FRESH) -> None:
        self.team = team
        self._caller = caller
        self._account: ChatAccount | None = None
        self._asking = asyncio.Lock()
        self._users: TTLCache[str, ChatUser] = TTLCache(_MOST_USERS, fresh)
        self._groups: TTLCache[str, frozenset[str]] = TTLCache(_MOST_GROUPS, fresh)
        self._generation = 0

    async def account(self) -> ChatAccount:
        """See chat_ports.ChatPeople."""
        async with self._asking:
            if self._account is None:
                answered = await self._caller.read("auth.test", "query")
                scopes = answered.headers.get("x-oauth-scopes", "").split(",")
                self._account = ChatAccount(
                    team=_word(answered.data, "team_id"),
                    team_name=_shown(_word(answered.data, "team")),
                    user=_word(answered.data, "user_id"),
                    scopes=frozenset(scope.strip() for scope in scopes if scope.strip()),
                )
                self.team = self._account.team
            return self._account

    async def user(self, user_id: str) -> ChatUser:
        """See chat_ports.ChatPeople."""
        known = self._users.get(user_id)
        if known is not None:
            return known
        try:
            answered = await self._caller.read("users.info", user=user_id)
        except ChatRefusalError as error:
            if error.code in _NOBODY:
                raise NotFoundError(str(error), service=SLACK) from error
            raise
        shown = answered.data.get("user")
        if not isinstance(shown, dict) or shown.get("id") != user_id:
            msg = f"users.info: did not show {user_id}"
            raise TemporaryRemoteError(msg, service=SLACK)
        self._users[user_id] = found = _user(shown, await self._own_team())
        return found

    async def in_group(self, user_id: str, group_id: str) -> bool:
        """See chat_ports.ChatPeople."""
        members = self._groups.get(group_id)
        if members is None:
            generation = self._generation
            answered = await self._caller.read("usergroups.users.list", usergroup=group_id)
            listed = answered.data.get("users")
            if not isinstance(listed, list):
                msg = f"usergroups.users.list: did not show who is in {group_id}"
                raise TemporaryRemoteError(msg, service=SLACK)
            members = frozenset(str(one) for one in listed)
            if generation == self._generation:  # else it may be from before the change
                self._groups[group_id] = members
        return user_id in members

    def forget_groups(self) -> None:
        """Ask again who is in which group: somebody said that it changed."""
        self._generation += 1
        self._groups.clear()

    async def is_member(self, channel: str) -> bool:
        """See chat_ports.ChatPeople."""
        return (await self.audience(channel)).has_us

    async def is_shared(self, channel: str) -> bool:
        """See chat_ports.ChatPeople."""
        return (await self.audience(channel)).has_strangers

    async def audience(self, channel: str) -> Audience:
        """Say who is in a channel.

        Raises:
            ChatRefusalError: It cannot even see the channel, or lacks the scope to look.
        """
        answered = await self._caller.read("conversations.info", channel=channel)
        found = answered.data.get("channel")
        shown = found if isinstance(found, dict) else {}
        return Audience(
            has_us=bool(shown.get("is_member") or shown.get("is_im")),
            has_strangers=bool(shown.get("is_ext_shared") or shown.get("is_pending_ext_shared")),
        )

    async def _own_team(self) -> str:
        return self.team or (await self.account()).team


def _user(shown: Mapping[str, Any], own_team: str) -> ChatUser:
    profile = shown.get("profile") or {}
    names = (profile.get("real_name"), shown.get("real_name"), profile.get("display_name"))
    return ChatUser(
        team=_team(shown, own_team),
        id=str(shown["id"]),
        name=next((_shown(str(one)) for one in (*names, shown.get("name")) if one), ""),
        deleted=bool(shown.get("deleted")),
        is_bot=bool(shown.get("is_bot") or shown.get("is_workflow_bot"))
        or shown["id"] == _SLACKBOT,
        is_guest=bool(shown.get("is_restricted") or shown.get("is_ultra_restricted")),
        is_stranger=bool(shown.get("is_stranger")),
    )


def _team(shown: Mapping[str, Any], own_team: str) -> str:
    """Say which workspace somebody is of; ours when one of theirs in an organization is it."""
    teams = (shown.get("enterprise_user") or {}).get("teams") or ()
    return own_team if own_team in teams else str(shown.get("team_id") or "")


def _shown(name: str) -> str:
    """Leave out of a name what nobody sees, or turns what follows around, or no database keeps."""
    return "".join(sign for sign in " ".join(name.split()) if sign.isprintable())


def _word(answer: Mapping[str, object], name: str) -> str:
    value = answer.get(name)
    return value if isinstance(value, str) else ""
