"""A chat in memory: who is in it, and what is stored of its channels and people."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.domain.chat import (
    ChannelSettings,
    ChatAccount,
    ChatUser,
    Identity,
    LinkOffer,
    Subscription,
)
from bridge.domain.errors import NotFoundError, RemoteError
from bridge.domain.reports import ChatReport
from bridge.domain.runs import Run
from bridge.domain.vcs import PullRequestRef
from bridge.domain.work import Work

TEAM = "T1"
ADA = ChatUser(team=TEAM, id="U1", name="Ada Lovelace")
GRACE = ChatUser(team=TEAM, id="U2", name="Grace Hopper")


def an_identity(user: ChatUser = ADA, login: str = "alice", forge: str = "code") -> Identity:
    return Identity(
        team=user.team,
        user=user.id,
        name=user.name,
        forge=forge,
        login=login,
        linked_at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
    )


@dataclass(slots=True)
class FakeChatPeople:
    """Set the fields to say who is there.

    Attributes:
        users: By id.
        groups: Ids of users, by the group's id.
        channels: Ids of those the bridge is in.
        shared: Ids of those in which are people of other organizations.
        troubles: Raised instead of answers, by what is asked about.
    """

    team: str = TEAM
    users: dict[str, ChatUser] = field(
        default_factory=lambda: {one.id: one for one in (ADA, GRACE)}
    )
    groups: dict[str, set[str]] = field(default_factory=dict)
    channels: set[str] = field(default_factory=lambda: {"C1"})
    shared: set[str] = field(default_factory=set)
    troubles: dict[str, RemoteError] = field(default_factory=dict)

    async def account(self) -> ChatAccount:
        return ChatAccount(team=self.team, team_name="Acme", user="UBOT", scopes=frozenset())

    async def user(self, user_id: str) -> ChatUser:
        self._trouble(user_id)
        if user_id not in self.users:
            msg = f"users.info: no {user_id}"
            raise NotFoundError(msg, service="slack", status=200)
        return self.users[user_id]

    async def in_group(self, user_id: str, group_id: str) -> bool:
        self._trouble(group_id)
        return user_id in self.groups.get(group_id, set())

    async def is_member(self, channel: str) -> bool:
        self._trouble(channel)
        return channel in self.channels

    async def is_shared(self, channel: str) -> bool:
        self._trouble(channel)
        return channel in self.shared

    def _trouble(self, about: str) -> None:
        if about in self.troubles:
            raise self.troubles[about]


@dataclass(slots=True)
class FakeChatStore:
    """Set the fields to say what is stored; ``keep(work)`` does what the engine's commit does.

    Attributes:
        settings: By channel.
        offers: By the hash of their code.
        runs: What run_of_job finds, by the job's id.
        spaces: What runs_of_workspace finds, by the workspace's id.
        threads: What runs_of_message finds, by the message's ``ts``.
        under_way: What runs_under_way finds, by the channel.
    """

    subscribed: list[Subscription] = field(default_factory=list)
    settings: dict[str, ChannelSettings] = field(default_factory=dict)
    people: list[Identity] = field(default_factory=list)
    offers: dict[str, LinkOffer] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    spaces: dict[str, Sequence[Run]] = field(default_factory=dict)
    threads: dict[str, Sequence[Run]] = field(default_factory=dict)
    under_way: dict[str, Sequence[Run]] = field(default_factory=dict)

    async def chat_report(self, key: str, about: str = "") -> ChatReport | None:
        return None

    async def chat_parent(self, key: str) -> str | None:
        return None

    async def awaits_parent(self, key: str) -> datetime | None:
        return None

    async def subscriptions(self, team: str, channel: str = "") -> Sequence[Subscription]:
        found = [one for one in self.subscribed if one.team == team]
        found = [one for one in found if not channel or one.channel == channel]
        return sorted(found, key=lambda one: one.pattern)

    async def channel(self, team: str, channel: str) -> ChannelSettings:
        return self.settings.get(channel, ChannelSettings(team=team, channel=channel))

    async def identities(self, team: str, user: str) -> Sequence[Identity]:
        found = [one for one in self.people if (one.team, one.user) == (team, user)]
        return sorted(found, key=lambda one: one.forge)

    async def identities_of_login(self, forge: str, login: str) -> Sequence[Identity]:
        wanted = (forge, login.casefold())
        return [one for one in self.people if (one.forge, one.login.casefold()) == wanted]

    async def link_offer(self, code_hash: str) -> LinkOffer | None:
        return self.offers.get(code_hash)

    async def run_of_job(self, job_id: str) -> Run | None:
        return self.runs.get(job_id)

    async def runs_of_workspace(self, workspace_id: str, limit: int = 5) -> Sequence[Run]:
        return self.spaces.get(workspace_id, ())[:limit]

    async def pull_request_of_message(
        self, team: str, channel: str, ts: str
    ) -> PullRequestRef | None:
        return None

    async def runs_of_message(self, team: str, channel: str, ts: str) -> Sequence[Run]:
        return self.threads.get(ts, ())

    async def runs_under_way(self, team: str, channel: str) -> Sequence[Run]:
        return self.under_way.get(channel, ())

    async def planned_pull_requests(self, workspace_id: str) -> Sequence[PullRequestRef]:
        return ()

    def keep(self, work: Work) -> None:
        """Remember what was said of channels and people, as the engine's commit does."""
        self.settings |= {one.channel: one for one in work.channels}
        new = {(one.team, one.channel, one.pattern): one for one in work.subscribes}
        kept = {(one.team, one.channel, one.pattern): one for one in self.subscribed} | new
        for gone in work.unsubscribes:
            kept = {
                key: one
                for key, one in kept.items()
                if (one.team, one.channel) != (gone.team, gone.channel)
                or gone.pattern not in {None, one.pattern}
            }
        self.subscribed = list(kept.values())
        self.offers |= {one.code_hash: one for one in work.offers}
        self._link(work)

    def _link(self, work: Work) -> None:
        for used in work.links_used:
            one = used.identity
            before = (one.team, one.user, one.forge)
            self.people = [
                each for each in self.people if (each.team, each.user, each.forge) != before
            ]
            self.people.append(one)
            offer = self.offers[used.code_hash]
            self.offers[used.code_hash] = LinkOffer(
                code_hash=offer.code_hash,
                team=offer.team,
                team_name=offer.team_name,
                user=offer.user,
                name=offer.name,
                expires_at=offer.expires_at,
                used=True,
            )
        for gone in work.unlinks:
            self.people = [
                each
                for each in self.people
                if each.team != gone.team
                or (gone.user and each.user != gone.user)
                or (gone.forge and each.forge != gone.forge)
                or (gone.login and each.login.casefold() != gone.login.casefold())
            ]
