"""The outbox with a strict Slack at its end, and one clock for both."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, insert, update

from bridge.chat.client import SlackClient, open_client
from bridge.chat_ports import ChatStore
from bridge.domain.chat import ALL_INTERESTS, ChannelSettings, ChatReportKey, Subscription
from bridge.domain.posts import PostKind
from bridge.domain.redaction import Redactor
from bridge.domain.runs import OutputKind, RunRequest
from bridge.domain.work import Work
from bridge.engine.posts import Posts
from bridge.sandbox.slack import StandIn, start
from bridge.sandbox.slack.methods import SCOPES
from bridge.sandbox.slack.model import Channel, Message, User
from bridge.services.chatting import ChatPublisher
from bridge.store.chat import SqlChatStore
from bridge.store.codecs import STEPS, compress
from bridge.store.queries.told import reports_of, touch_reports
from bridge.store.queries.work import apply_work
from bridge.store.schema import decision, output, post, run
from tests.bridge.engine.stage import Stage, open_stage
from tests.bridge.store.chats import WAITING
from tests.bridge.store.rows import a_request, rows_of
from tests.fakes.clock import FakeClock

SECRET = "tok-3-swordfish"
PLAN = "Plan: 1 to add, 0 to change, 0 to destroy."


@dataclass(slots=True)
class Talk:
    """A channel with somebody in it, and what says something there."""

    stage: Stage
    slack: StandIn
    client: SlackClient
    ada: User
    channel: Channel

    @property
    def messages(self) -> list[Message]:
        return self.slack.messages(self.channel)

    @property
    def texts(self) -> list[str]:
        """What notifications say of each message, its first line."""
        return [one.text.split("\n")[0] for one in self.messages]

    @property
    def edits(self) -> int:
        return len(self.slack.calls("chat.update"))

    @property
    def store(self) -> SqlChatStore:
        return SqlChatStore(
            database=self.stage.database,
            job_url=lambda workspace, job_id: f"https://tk.example.com/{workspace.id}/{job_id}",
            clock=self.stage.clock,
        )

    def play(self, store: ChatStore | None = None) -> None:
        """Start sending."""
        publisher = ChatPublisher(
            chat=self.client,
            store=store or self.store,
            clock=self.stage.clock,
            redact=Redactor([SECRET]).redact_known,
        )
        stage = self.stage
        posts = Posts(stage.database, stage.keeper, publisher, metrics=stage.metrics)
        stage.play(posts.worker)

    async def subscribe(self, channel: Channel | None = None, **changes: Any) -> None:  # noqa: ANN401 - its fields
        values: dict[str, Any] = {"pattern": "*/*", "interests": ALL_INTERESTS, "actor": "ada"}
        wanted = Subscription(
            team=self.slack.world.team,
            channel=(channel or self.channel).id,
            **{**values, **changes},
        )
        await self.work(Work(subscribes=[wanted]))

    async def work(self, work: Work) -> list[str]:
        database = self.stage.database
        return list(await database.write(apply_work, work, database.now()))

    async def want(self, *requests: RunRequest) -> list[str]:
        """Let runs be wanted, and everything be said that follows."""
        made = await self.work(Work(runs=list(requests)))
        await self.stage.settle()
        return made

    async def change(self, run_id: str, *, settles: bool = True, **values: Any) -> None:  # noqa: ANN401 - columns
        """Let a run change, and whatever shows it be due."""
        database = self.stage.database
        await database.write(_change, run_id, values, database.now())
        if settles:
            await self.stage.settle()

    async def decide(self, run_id: str, step: str) -> None:
        """Let a job wait at a step, and be approved there."""
        await self.change(run_id, **waiting(run_id, step=step))
        database = self.stage.database
        values = {"run_id": run_id, "step": step, "actor": "bob", "answer": "approve"}
        values |= {"door": "slack", "digest": "", "phase": "confirmed"}
        await database.write(_insert, decision, {**values, "at": database.now()})
        await self.change(run_id, **running(run_id))

    async def let_files(self) -> None:
        """Let complete plans be put there."""
        settings = ChannelSettings(team=self.slack.world.team, channel=self.channel.id, files=True)
        await self.work(Work(channels=[settings]))

    def ours(self, subscription: Subscription) -> Subscription:
        return replace(subscription, team=self.slack.world.team)

    def asked(self, trigger: str, workspace: str = "network") -> RunRequest:
        """What somebody asked for in this very channel."""
        key = ChatReportKey(team=self.slack.world.team, channel=self.channel.id, group=trigger)
        return a_command(workspace, trigger=trigger, reports=(str(key),))

    async def restart(self) -> None:
        """Let another process go on with the database."""
        await self.stage.stop()
        self.play()

    async def keep_plan(self, run_id: str, text: str = PLAN) -> None:
        """Let a plan be stored."""
        values = {"run_id": run_id, "kind": OutputKind.PLAN.value, "body": compress(text)}
        await self.stage.database.write(_insert, output, {**values, "created_at": 0})

    async def posts(self, kind: PostKind) -> Sequence[RowMapping]:
        return [row for row in await rows_of(self.stage.database, post) if row["kind"] == kind]

    async def after(self, seconds: float) -> None:
        await self.stage.after(seconds)


def running(run_id: str) -> dict[str, Any]:
    return {"phase": "created", "state": "running", "job_id": f"9{run_id[-3:]}"}


def waiting(run_id: str, *, step: str = "150") -> dict[str, Any]:
    steps = (WAITING[0], replace(WAITING[1], number=int(step)))
    job = {"job_status": "waitingApproval", "steps": STEPS.dump(steps)}
    return {**running(run_id), "state": "waiting", **job}


def ended(state: str = "succeeded") -> dict[str, Any]:
    return {"phase": "finished", "state": state, "plan_changes": 1, "finished_at": 0}


def a_command(workspace: str = "network", **changes: Any) -> RunRequest:  # noqa: ANN401 - its fields
    """A run that belongs to no pull request."""
    values: dict[str, Any] = {
        "trigger": f"push:{workspace}",
        "pull_request": None,
        "reports": (),
        "actor": "ada",
    }
    return a_request(workspace, **{**values, **changes})


@asynccontextmanager
async def a_talk(
    url: str, *, scopes: frozenset[str] = frozenset(SCOPES), plays: bool = True
) -> AsyncIterator[Talk]:
    clock = FakeClock()
    async with (
        open_stage(url, clock=clock) as stage,
        start(clock=lambda: clock.now().timestamp(), scopes=scopes) as slack,
        open_client(slack.bot_token, api_url=slack.url, team=slack.world.team) as client,
    ):
        ada = slack.add_user("ada")
        channel = slack.add_channel("ops", ada)
        talk = Talk(stage, slack, client, ada, channel)
        if plays:
            talk.play()
        yield talk


def _change(connection: Connection, run_id: str, values: dict[str, object], now: int) -> None:
    connection.execute(update(run).where(run.c.id == run_id).values(values))
    touch_reports(connection, reports_of(connection, [run_id]), now)


def _insert(connection: Connection, table: Table, values: dict[str, object]) -> None:
    connection.execute(insert(table).values(values))
