"""Twenty runs at once, for ten minutes, with Slack wanting pauses: within its limits, all told."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from bridge.domain.chat import ChatReportKey
from bridge.domain.posts import ChatTarget, PostKind, PostUpsert
from bridge.domain.reports import ChatReport
from bridge.domain.runs import RunPhase, RunState
from bridge.domain.terrakube import Step
from bridge.domain.work import Work
from bridge.sandbox.slack.model import Channel
from bridge.store.queries.told import touch_reports
from tests.bridge.engine.talking import Talk, a_talk
from tests.bridge.rendering.reports import a_report, a_run
from tests.bridge.rendering.slack.chats import a_chat_report, chat
from tests.fakes.chats import FakeChatStore

RUNS = 20
STEP = 3
END = 600
STORM = (150, 153, 156)
ASKED, ANSWERED, OVER = 216, 276, 480
"""Seconds after which every other job waits for somebody, who answers, and all come to an end."""

STEPS = (
    Step(id="s1", number=100, name="plan", status="completed"),
    Step(id="s2", number=150, name="ask", status="pending"),
)


@dataclass(slots=True)
class Stored(FakeChatStore):
    """What would be gathered from the tables; *parents* are found where the engine keeps them."""

    reports: dict[str, ChatReport] = field(default_factory=dict)
    talk: Talk | None = None

    async def chat_report(self, key: str, about: str = "") -> ChatReport | None:
        assert self.talk is not None
        return replace(self.reports[key], now=self.talk.stage.clock.now())

    async def chat_parent(self, key: str) -> str | None:
        assert self.talk is not None
        return await self.talk.store.chat_parent(key)

    async def awaits_parent(self, key: str) -> datetime | None:
        assert self.talk is not None
        return await self.talk.store.awaits_parent(key)


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with a_talk(sqlite_url, plays=False) as one:
        yield one
        one.slack.assert_no_surprises()


@dataclass(slots=True)
class Crowd:
    """Runs that all change all the time."""

    talk: Talk
    stored: Stored
    keys: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    channels: list[Channel] = field(default_factory=list)

    async def begin(self) -> None:
        posts: list[PostUpsert] = []
        self.channels = [self.talk.slack.add_channel(f"ops-{at}", self.talk.ada) for at in range(4)]
        for at in range(RUNS):
            key = ChatReportKey(
                team=self.talk.slack.world.team,
                channel=self.channels[at % 4].id,
                group=f"push:{at}",
            )
            self.keys.append(str(key))
            made = a_run(f"workspace-{at:02}", state=RunState.RUNNING)
            request = replace(made.request, trigger=key.group)
            made = replace(made, id=f"01RUN{at:02}", request=request, finished_at=None)
            made = replace(made, created_at=self.talk.stage.clock.now(), phase=RunPhase.CREATED)
            self.stored.reports[str(key)] = a_chat_report(chat(a_report(made)), key=key)
            slots = {
                PostKind.CHAT_MESSAGE: key.group,
                PostKind.CHAT_PROMPT: made.id,
                PostKind.CHAT_RESULT: f"{key.group}|{key.group}",
            }
            posts += [
                PostUpsert(
                    kind=kind,
                    target=ChatTarget(
                        team=key.team, channel=key.channel, slot=slot, run_id=made.id
                    ),
                    report=str(key),
                )
                for kind, slot in slots.items()
            ]
        await self.talk.work(Work(posts=posts))

    def change(self, at: int, **values: Any) -> None:  # noqa: ANN401 - fields of a run
        key = self.keys[at]
        report = self.stored.reports[key]
        (one,) = report.runs
        changed = replace(one.report.run, **values)
        told = replace(one, report=replace(one.report, run=changed))
        self.stored.reports[key] = replace(report, runs=(told,))
        self.changed.add(key)

    async def tell(self, kind: PostKind | None) -> None:
        """Let be due what shows the runs that changed."""
        database = self.talk.stage.database
        await database.write(touch_reports, self.changed, database.now(), kind=kind)
        self.changed.clear()

    def edits(self) -> dict[str, list[float]]:
        """When each message was edited, by its ``ts``; only what Slack took."""
        found: dict[str, list[float]] = defaultdict(list)
        for call in self.talk.slack.calls("chat.update"):
            if not call.error:
                found[str(call.arguments["ts"])].append(call.at)
        return found


async def play(crowd: Crowd, second: int) -> None:
    """Let happen what does at that second."""
    faults = crowd.talk.slack.faults
    if second in STORM:
        faults.limit("chat.update", retry_after=10)
    if second == ASKED:
        faults.limit("chat.postMessage", retry_after=5)
    for at in range(RUNS):
        if second // STEP % 4 == at % 4 and second < OVER:
            crowd.change(at, trouble=f"at second {second}")
        if at % 2 and second == ASKED:
            crowd.change(at, state=RunState.WAITING, steps=STEPS)
        if at % 2 and second == ANSWERED:
            crowd.change(at, state=RunState.RUNNING)
        if second == OVER:
            crowd.change(at, state=RunState.SUCCEEDED, phase=RunPhase.FINISHED)
    await crowd.tell(None if second in {ASKED, ANSWERED, OVER} else PostKind.CHAT_MESSAGE)


async def test_twenty_runs_are_told_of_for_ten_minutes_within_what_slack_allows(
    talk: Talk,
) -> None:
    crowd, slack = Crowd(talk, Stored(talk=talk)), talk.slack
    talk.play(crowd.stored)
    begun = talk.stage.clock.now().timestamp()
    await crowd.begin()
    for second in range(0, END, STEP):
        await play(crowd, second)
        await talk.after(STEP)

    assert slack.busiest_minute("chat.update") <= 40
    assert sum(one.times for one in slack.faults.orders) == 0, "every pause was wanted"
    assert slack.hasty == []
    for at, place in enumerate(crowd.channels * (RUNS // 4)):
        said = [one for one in slack.messages(place) if f"workspace-{at:02}" in one.text]
        live, *below = said
        assert live.text.startswith("✅"), at
        assert {one.thread for one in below} == {live.ts}
        assert [one.broadcast for one in below] == [True] * (at % 2) + [False], "prompt, result"
    edits = [[at - begun for at in times] for times in crowd.edits().values()]
    live_ones = [times for times in edits if max(times) >= OVER]
    assert len(live_ones) == RUNS, "prompts lost their buttons long before"
    gaps = [
        later - sooner
        for times in live_ones
        for sooner, later in pairwise(times)
        if later < STORM[0] or sooner > ANSWERED + 60
    ]
    assert max(gaps) <= 72, "nobody is left out"
    assert max(times[-1] for times in live_ones) <= OVER + 48
