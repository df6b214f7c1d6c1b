"""Looking at Slack."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from bridge.chat_ports import ChatPeople
from bridge.decisions.examining import slack
from bridge.domain.access import SLACK
from bridge.domain.chat import ChatAccount
from bridge.domain.errors import (
    ChatRefusalError,
    NotAllowedError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.examining import Finding
from bridge.services.examining.checks import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackExam:
    """Slack beside the settings.

    Attributes:
        purposes: Scopes, and what each is for.
        groups: User groups that access rules name.
        ruled: Whether there are access rules.
        channel: The one that hears of everything; None for none.
        signing_secret: Of http mode; None in socket mode.
        connect: Asks where socket mode connects, with the app-level token; None in http mode.
        door: Address Slack delivers to in http mode; empty in socket mode.
        look: Says with which status and text that address answers.
    """

    people: ChatPeople
    purposes: Mapping[str, str]
    groups: Sequence[str]
    ruled: bool
    channel: str | None
    signing_secret: str | None
    connect: Callable[[], Awaitable[object]] | None
    door: str
    look: Callable[[], Awaitable[tuple[int, str]]]

    def checks(self, patience: float) -> list[Check]:
        """List the checks; each may take *patience* seconds."""
        looks: dict[str, Callable[[], Awaitable[Sequence[Finding]]]] = {
            "bot token": self._account,
            "scopes": self._scopes,
            "groups": self._groups,
            "default channel": self._channel,
            "app token": self._app_token,
            "signing secret": self._secret,
            "door": self._door,
        }
        return [
            Check(area=SLACK, what=what, look=look, patience=patience)
            for what, look in looks.items()
        ]

    async def _account(self) -> Sequence[Finding]:
        try:
            account = slack.judge_account(await self.people.account())
        except NotAllowedError as error:
            return [slack.judge_refused_token("bot token", "BRIDGE_SLACK__BOT_TOKEN", str(error))]
        return [account] if self.ruled else [account, slack.judge_no_rules()]

    async def _scopes(self) -> Sequence[Finding]:
        account = await self._known()
        return slack.judge_scopes(account, self.purposes, self.groups) if account else []

    async def _groups(self) -> Sequence[Finding]:
        account = await self._known()
        if account is None or slack.GROUPS not in (account.scopes or {slack.GROUPS}):
            return []  # a line of its own says so
        return [await self._group(one, account.user) for one in self.groups]

    async def _group(self, group: str, user: str) -> Finding:
        trouble = ""
        try:
            await self.people.in_group(user, group)
        except ChatRefusalError as error:
            trouble = str(error)
        return slack.judge_group(group, trouble)

    async def _channel(self) -> Sequence[Finding]:
        account = await self._known()
        if self.channel is None or account is None:
            return []
        try:
            is_in = await self.people.is_member(self.channel)
        except ChatRefusalError as error:
            return [slack.judge_unseen_channel(self.channel, str(error))]
        return [slack.judge_channel(self.channel, is_in=is_in, account=account)]

    async def _app_token(self) -> Sequence[Finding]:
        if self.connect is None:
            return []
        try:
            await self.connect()
        except NotAllowedError as error:
            return [slack.judge_refused_token("app token", "BRIDGE_SLACK__APP_TOKEN", str(error))]
        except TemporaryRemoteError as error:
            if error.status != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            return [slack.judge_resting("app token", str(error))]
        return [slack.judge_app_token()]

    async def _secret(self) -> Sequence[Finding]:
        return [] if self.signing_secret is None else [slack.judge_secret(self.signing_secret)]

    async def _door(self) -> Sequence[Finding]:
        if not self.door:
            return []
        try:
            status, _ = await self.look()
        except RemoteError as error:
            return [slack.judge_unreached_door(self.door, str(error))]
        return [slack.judge_door(self.door, status)]

    async def _known(self) -> ChatAccount | None:
        """Say who the bridge is; None where the token is refused, which has a line of its own."""
        try:
            return await self.people.account()
        except NotAllowedError:
            return None
