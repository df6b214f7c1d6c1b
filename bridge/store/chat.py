"""What handlers and renderers read of the chat's tables: chat_ports.ChatStore over the database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.chat import (
    ChannelSettings,
    ChatReportKey,
    Identity,
    LinkOffer,
    Subscription,
)
from bridge.domain.reports import ChatReport, ChatRun, RunReport
from bridge.domain.runs import Run
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import PullRequestRef
from bridge.ports import Clock
from bridge.store.database import Database, SystemClock
from bridge.store.queries import chat, chat_messages, chat_reports, identities
from bridge.store.queries.chat_reports import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlChatStore:
    """See chat_ports.ChatStore.

    Attributes:
        job_url: Builds Terrakube's page for people from workspace and job id.
        command: How people address the bridge in the chat.
    """

    database: Database
    job_url: Callable[[WorkspaceRef, str], str]
    command: str = "/terrakube"
    clock: Clock = field(default_factory=SystemClock)

    async def chat_report(self, key: str, about: str = "") -> ChatReport | None:
        """See chat_ports.ChatStore."""
        parsed = ChatReportKey.parse(key)
        if parsed is None:
            return None
        gathered = await self.database.read(chat_reports.gather, parsed, about)
        if gathered is None:
            return None
        return ChatReport(
            key=parsed,
            runs=tuple(self._run(entry) for entry in gathered.entries),
            command=self.command,
            now=self.clock.now(),
            pull_request=gathered.pull_request,
            title=gathered.title,
            web_url=gathered.web_url,
            interests=gathered.interests,
            quiet=gathered.quiet,
            asked=gathered.asked,
        )

    async def chat_parent(self, key: str) -> str | None:
        """See chat_ports.ChatStore."""
        parsed = ChatReportKey.parse(key)
        if parsed is None:
            return None
        return await self.database.read(chat_messages.parent, parsed)

    async def awaits_parent(self, key: str) -> datetime | None:
        """See chat_ports.ChatStore."""
        parsed = ChatReportKey.parse(key)
        if parsed is None:
            return None
        return await self.database.read(chat_messages.awaits_parent, parsed)

    async def subscriptions(self, team: str, channel: str = "") -> Sequence[Subscription]:
        """See chat_ports.ChatStore."""
        return await self.database.read(chat.read_subscriptions, team, channel)

    async def channel(self, team: str, channel: str) -> ChannelSettings:
        """See chat_ports.ChatStore."""
        return await self.database.read(chat.read_channel, team, channel)

    async def identities(self, team: str, user: str) -> Sequence[Identity]:
        """See chat_ports.ChatStore."""
        return await self.database.read(identities.of_user, team, user)

    async def identities_of_login(self, forge: str, login: str) -> Sequence[Identity]:
        """See chat_ports.ChatStore."""
        return await self.database.read(identities.of_login, forge, login)

    async def link_offer(self, code_hash: str) -> LinkOffer | None:
        """See chat_ports.ChatStore."""
        return await self.database.read(identities.read_offer, code_hash)

    async def run_of_job(self, job_id: str) -> Run | None:
        """See chat_ports.ChatStore."""
        return await self.database.read(chat_messages.run_of_job, job_id)

    async def runs_of_workspace(self, workspace_id: str, limit: int = 5) -> Sequence[Run]:
        """See chat_ports.ChatStore."""
        return await self.database.read(chat_messages.runs_of_workspace, workspace_id, limit)

    async def pull_request_of_message(
        self, team: str, channel: str, ts: str
    ) -> PullRequestRef | None:
        """See chat_ports.ChatStore."""
        return await self.database.read(chat_messages.pull_request_of, team, channel, ts)

    async def runs_of_message(self, team: str, channel: str, ts: str) -> Sequence[Run]:
        """See chat_ports.ChatStore."""
        return await self.database.read(chat_messages.runs_of, team, channel, ts)

    async def runs_under_way(self, team: str, channel: str) -> Sequence[Run]:
        """See chat_ports.ChatStore."""
        return await self.database.read(chat_messages.runs_under_way, team, channel)

    async def planned_pull_requests(self, workspace_id: str) -> Sequence[PullRequestRef]:
        """See chat_ports.ChatStore."""
        return await self.database.read(chat_messages.planned_pull_requests, workspace_id)

    def _run(self, entry: Entry) -> ChatRun:
        found = entry.run
        url = self.job_url(found.request.workspace, found.job_id) if found.job_id else ""
        report = RunReport(
            run=found,
            job_url=url,
            destroyed=entry.destroyed,
            outputs=entry.outputs,
            queue=entry.queue,
            applied=entry.applied,
            not_applied=entry.not_applied,
        )
        return ChatRun(report=report, decisions=entry.decisions, votes=entry.votes)
