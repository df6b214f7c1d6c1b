"""What a live message says, and what a message is about."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from bridge.domain.chat import ALL_INTERESTS, ChatReportKey, Interest
from bridge.domain.posts import ChatTarget, PostKind, PostUpsert, RemotePart
from bridge.domain.reports import ChatReport, ChatRun, RunReport
from bridge.domain.runs import Output, OutputKind, Verb
from bridge.domain.work import Answer, Decision, DecisionPhase, PullRequestSeen, Vote, Work
from bridge.store.codecs import PARTS, STRINGS, compress, from_ms
from bridge.store.database import Database
from bridge.store.schema import decision, output, vote
from tests.bridge.store.chats import (
    NOW,
    a_store,
    a_subscription,
    apply,
    asked_in,
    let_wait,
    set_post,
    set_run,
    subscribed,
)
from tests.bridge.store.rows import (
    HEAD,
    OLD_HEAD,
    PULL_REQUEST,
    a_pull_request,
    a_push,
    a_request,
)
from tests.fakes.clock import FakeClock

REPORT = f"chat:T1:C1::{PULL_REQUEST.key}"
PUSH = a_push().trigger
AT = datetime.fromtimestamp(NOW / 1000, UTC)
SEEN = PullRequestSeen(pull_request=a_pull_request())
ENDED = {"phase": "finished", "state": "succeeded", "finished_at": NOW}


async def put(database: Database, table: Any, **values: object) -> None:  # noqa: ANN401 - a table
    await database.write(_put, table, values)


def _put(connection: Connection, table: Any, values: dict[str, object]) -> None:  # noqa: ANN401 - a table
    connection.execute(insert(table).values(values))


async def shown(database: Database, key: str = REPORT, about: str = "") -> list[str]:
    report = await a_store(database).chat_report(key, about)
    return [] if report is None else [one.report.run.id for one in report.runs]


async def test_a_report_has_all_that_is_known_of_its_runs(database: Database) -> None:
    await subscribed(
        database,
        a_subscription(interests=frozenset({Interest.FAILED}), quiet=True),
        a_subscription(pattern="acme/net*", interests=frozenset({Interest.APPROVAL})),
        a_subscription(pattern="other/*"),
    )
    await apply(database, Work(pull_requests=[SEEN]))
    (run_id,) = await apply(database, Work(runs=[a_request()]))
    await let_wait(database, run_id)
    await set_run(
        database,
        run_id,
        destroyed=STRINGS.dump(("a.b",)),
        applied=STRINGS.dump(("c.d",)),
        not_applied=STRINGS.dump(("e.f",)),
    )
    for kind in ("plan", "changes"):
        body = compress(f"the {kind}")
        await put(database, output, run_id=run_id, kind=kind, body=body, created_at=NOW)
    said: dict[str, object] = {"run_id": run_id, "door": "slack", "at": NOW}
    answered = {**said, "actor": "ada", "answer": "approve", "digest": "d"}
    await put(database, decision, step="100", phase="confirmed", **answered)
    await put(database, decision, step="150", phase="void", **answered)
    for step, actor in (("150", "bob"), ("100", "carol")):
        await put(database, vote, step=step, actor=actor, **said)

    store = a_store(database)
    run = await store.run_of_job("7")
    assert run is not None
    assert await store.chat_report(REPORT) == ChatReport(
        key=ChatReportKey(team="T1", channel="C1", group=PULL_REQUEST.key),
        runs=(
            ChatRun(
                report=RunReport(
                    run=run,
                    job_url="https://tk/w-network/7",
                    destroyed=("a.b",),
                    applied=("c.d",),
                    not_applied=("e.f",),
                    outputs=(
                        Output(kind=OutputKind.CHANGES, text="the changes"),
                        Output(kind=OutputKind.PLAN, text="the plan"),
                    ),
                ),
                decisions=(
                    Decision(
                        run_id=run_id,
                        answer=Answer.APPROVE,
                        actor="ada",
                        door="slack",
                        digest="d",
                        at=AT,
                        phase=DecisionPhase.CONFIRMED,
                        step="100",
                        earlier=("carol",),
                    ),
                ),
                votes=(Vote(actor="bob", at=AT),),
            ),
        ),
        command="/terrakube",
        now=FakeClock().now(),
        pull_request=PULL_REQUEST,
        title="Widen the subnet",
        web_url="https://code.example.com/acme/infra/pulls/3",
        interests=frozenset({Interest.FAILED, Interest.APPROVAL}),
        quiet=False,
        asked=False,
    )


async def test_votes_are_part_of_the_decision_once_it_is_made(database: Database) -> None:
    (run_id,) = await apply(database, Work(runs=[asked_in("C1", "slack:T1:1")]))
    await let_wait(database, run_id)
    said: dict[str, object] = {"run_id": run_id, "door": "slack", "at": NOW, "step": "150"}
    for actor in ("bob", "ada"):
        await put(database, vote, actor=actor, **said)
    await put(database, decision, actor="ada", answer="approve", phase="claimed", **said)
    report = await a_store(database).chat_report("chat:T1:C1::slack:T1:1")
    assert report is not None
    (one,) = report.runs
    assert [(d.actor, d.earlier) for d in one.decisions] == [("ada", ("bob",))]
    assert one.votes == ()


async def test_who_asked_is_told_all(database: Database) -> None:
    key = "chat:T1:C1::slack:T1:1"
    await apply(database, Work(runs=[asked_in("C1", "slack:T1:1")]))
    report = await a_store(database).chat_report(key)
    assert report is not None
    assert (report.asked, report.interests, report.pull_request) == (True, frozenset(), None)


@pytest.mark.parametrize("key", ["chat:T1:C1::nothing", REPORT, PULL_REQUEST.key])
async def test_of_what_nothing_is_stored_nothing_is_said(database: Database, key: str) -> None:
    assert await a_store(database).chat_report(key) is None


class TestPullRequest:
    async def test_it_shows_the_newest_at_the_head_and_what_is_open(
        self, database: Database
    ) -> None:
        await subscribed(database, a_subscription())
        await apply(database, Work(pull_requests=[SEEN]))
        requests = {
            "old plan": a_request(trigger="1", commit_id=OLD_HEAD),
            "open apply": a_request("dns", trigger="2", commit_id=OLD_HEAD, verb=Verb.APPLY),
            "first plan": a_request(trigger="3"),
            "second plan": a_request(trigger="4"),
            "apply": a_request(trigger="5", verb=Verb.APPLY),
            "merge": a_push(reports=(PULL_REQUEST.key,), commit_id=OLD_HEAD),
        }
        names: dict[str, str] = {}
        for moment, (name, request) in enumerate(requests.items()):
            (run_id,) = await apply(database, Work(runs=[request]), NOW + moment)
            names[run_id] = name
            if "open" not in name:
                await set_run(database, run_id, share_key=None, **ENDED)
        found = [names[run_id] for run_id in await shown(database)]
        assert found == ["open apply", "second plan", "apply", "merge"]

    async def test_what_is_about_one_run_or_trigger_outlives_the_head(
        self, database: Database
    ) -> None:
        """The end of an apply is told although somebody pushed meanwhile."""
        await subscribed(database, a_subscription())
        await apply(database, Work(pull_requests=[SEEN]))
        old = a_request(trigger="comment:1:1", commit_id=OLD_HEAD, verb=Verb.APPLY)
        (run_id,) = await apply(database, Work(runs=[old]))
        await set_run(database, run_id, **ENDED)
        (newer,) = await apply(database, Work(runs=[a_request()]))
        assert await shown(database) == [newer]
        assert await shown(database, about=run_id) == [run_id]
        assert await shown(database, about="comment:1:1") == [run_id]
        await set_run(database, newer, trigger=f"{a_request().trigger}#{newer}")
        assert await shown(database, about=a_request().trigger) == [newer]
        assert await shown(database, about="comment:1") == []

    async def test_it_shows_nothing_of_a_workspace_it_has_left(self, database: Database) -> None:
        await subscribed(database, a_subscription())
        await apply(database, Work(pull_requests=[SEEN]))
        left, kept = await apply(database, Work(runs=[a_request("dns"), a_request()]))
        for run_id in (left, kept):
            await set_run(database, run_id, **ENDED)
        await set_run(database, left, superseded_by="retargeted")
        assert await shown(database) == [kept]

    async def test_a_trigger_of_one_pull_request_is_about_it(self, database: Database) -> None:
        await apply(database, Work(pull_requests=[SEEN]))
        request = asked_in("C1", "slack:T1:1", pull_request=3)
        await apply(database, Work(runs=[request]))
        report = await a_store(database).chat_report("chat:T1:C1::slack:T1:1")
        assert report is not None
        assert (report.pull_request, report.title) == (PULL_REQUEST, "Widen the subnet")


async def test_of_a_burst_only_what_has_to_be_looked_at_has_texts(database: Database) -> None:
    key = "chat:T1:C1::burst:1"
    runs = [a_push(name, trigger=name, reports=(key,)) for name in ("a", "b")]
    ids = await apply(database, Work(runs=runs))
    for run_id, state in zip(ids, ("succeeded", "failed"), strict=True):
        await set_run(database, run_id, state=state, phase="finished")
        await put(
            database, output, run_id=run_id, kind="error", body=compress(state), created_at=NOW
        )
    report = await a_store(database).chat_report(key)
    assert report is not None
    assert [[text.text for text in one.report.outputs] for one in report.runs] == [[], ["failed"]]
    assert report.interests != ALL_INTERESTS


class TestMessages:
    """From a message, or a thread, back to runs."""

    async def test_a_message_and_those_below_it_are_about_its_runs(
        self, database: Database
    ) -> None:
        await subscribed(database, a_subscription())
        await apply(database, Work(pull_requests=[SEEN]))
        (plan,) = await apply(database, Work(runs=[a_request()]))
        (push,) = await apply(database, Work(runs=[a_push("dns")]), NOW + 1)
        store = a_store(database)
        assert await store.chat_parent(REPORT) is None
        assert await store.awaits_parent(REPORT) == from_ms(NOW)
        await sent(database, f"chat_message:T1:C1:{PULL_REQUEST.key}", "1700.1")
        assert await store.awaits_parent(REPORT) is None
        await sent(database, f"chat_prompt:T1:C1:{plan}", "1700.2", "1700.3")
        await sent(database, f"chat_message:T1:C1:{PUSH}", "1800.1")
        assert await store.chat_parent(REPORT) == "1700.1"

        async def about(ts: str, team: str = "T1", channel: str = "C1") -> tuple[Any, list[str]]:
            found = await store.runs_of_message(team, channel, ts)
            ref = await store.pull_request_of_message(team, channel, ts)
            return ref, [one.id for one in found]

        for ts in ("1700.1", "1700.2", "1700.3"):
            assert await about(ts) == (PULL_REQUEST, [plan])
        assert await about("1800.1") == (None, [push])
        for nothing in (
            about("1700"),
            about(""),
            about("1700.1", "T2"),
            about("1700.1", "T1", "C2"),
        ):
            assert await nothing == (None, [])

    async def test_what_was_asked_in_a_thread_is_what_the_thread_is_about(
        self, database: Database
    ) -> None:
        key = "chat:T1:C1:1700.9:slack:T1:1"
        target = ChatTarget(team="T1", channel="C1", slot="slack:T1:1", thread="1700.9", user="U1")
        live = PostUpsert(kind=PostKind.CHAT_MESSAGE, target=target, report=key)
        request = asked_in("C1", "slack:T1:1", reports=(key,))
        (run_id,) = await apply(database, Work(runs=[request], posts=[live]))
        found = await a_store(database).runs_of_message("T1", "C1", "1700.9")
        assert [one.id for one in found] == [run_id]


async def sent(database: Database, key: str, *stamps: str) -> None:
    parts = tuple(RemotePart(id=ts, hash="h") for ts in stamps)
    await set_post(database, key, parts=PARTS.dump(parts))


async def test_runs_are_found_by_their_jobs_and_workspaces(database: Database) -> None:
    ids: list[str] = []
    for number in range(4):
        request = a_push(trigger=f"push:{number}", commit_id=f"{number:040d}")
        ids += await apply(database, Work(runs=[request]), NOW + number)
        ended = ENDED if number else {}
        await set_run(database, ids[-1], job_id="12" if number else "11", **ended)
    await apply(database, Work(runs=[a_push("dns", trigger="other")]))
    store = a_store(database)
    newest = await store.run_of_job("12")
    assert newest is not None
    assert newest.id == ids[3]
    assert await store.run_of_job("13") is None
    found = await store.runs_of_workspace("w-network", limit=2)
    # What goes on is not lost behind what came after it.
    assert [one.id for one in found] == [ids[3], ids[2], ids[0]]


async def test_what_is_under_way_in_a_channel_is_what_it_shows_and_what_it_hears_of(
    database: Database,
) -> None:
    names = ("network", "dns", "mail", "ended")
    ids = {
        name: (await apply(database, Work(runs=[a_push(name, trigger=name)]), NOW + number))[0]
        for number, name in enumerate(names)
    }
    await set_run(database, ids["ended"], **ENDED)
    asked = asked_in("C1", "slack:T1:1.1", "elsewhere", verb=Verb.PLAN)
    shown = await apply(database, Work(runs=[asked]), NOW + 9)
    await subscribed(
        database,
        a_subscription(pattern="acme/net*"),
        a_subscription(pattern="*/{dns,ended}"),
        a_subscription("C2", "acme/*"),
    )
    store = a_store(database)
    found = await store.runs_under_way("T1", "C1")
    assert [one.id for one in found] == [ids["network"], ids["dns"], *shown]
    assert len(await store.runs_under_way("T1", "C2")) == 4
    assert list(await store.runs_under_way("T1", "C3")) == []
    assert list(await store.runs_under_way("T2", "C1")) == []


@pytest.mark.parametrize(
    ("changes", "planned"),
    [
        ({}, True),
        ({"plan_changes": 0}, False),
        ({"state": "failed"}, False),
        ({"superseded_by": "closed"}, False),
        ({"phase": "collecting"}, False),
    ],
)
async def test_pull_requests_with_a_plan_of_a_workspace(
    database: Database, changes: dict[str, object], *, planned: bool
) -> None:
    await apply(database, Work(pull_requests=[SEEN]))
    (run_id,) = await apply(database, Work(runs=[a_request()]))
    await set_run(database, run_id, **{**ENDED, "plan_changes": 1, **changes})
    store = a_store(database)
    found = await store.planned_pull_requests("w-network")
    assert list(found) == ([PULL_REQUEST] if planned else [])
    assert list(await store.planned_pull_requests("w-dns")) == []


async def test_a_plan_of_another_head_or_before_a_newer_one_is_none(database: Database) -> None:
    await apply(database, Work(pull_requests=[SEEN]))
    for moment, (commit, has_changes) in enumerate([(OLD_HEAD, 1), (HEAD, 1), (HEAD, 0)]):
        request = a_request(trigger=str(moment), commit_id=commit)
        (run_id,) = await apply(database, Work(runs=[request]), NOW + moment)
        values = {**ENDED, "plan_changes": has_changes, "share_key": None}
        await set_run(database, run_id, **values)
    assert list(await a_store(database).planned_pull_requests("w-network")) == []
