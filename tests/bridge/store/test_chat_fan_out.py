"""Which channels hear of a run: those where somebody asked, and those that subscribed."""

import asyncio
from dataclasses import replace

import pytest

from bridge.domain.chat import ChannelSettings
from bridge.domain.posts import ChatTarget, PostKind, PostUpsert
from bridge.domain.runs import RunRequest, TemplateChoice, Verb
from bridge.domain.work import LinkRuns, PullRequestSeen, Supersede, Work
from bridge.store.codecs import CHAT_TARGET
from bridge.store.database import Database
from bridge.store.queries.fan_out import MOST, SLOT
from bridge.store.schema import post
from tests.bridge.store.chats import (
    MINUTE,
    NOW,
    TEAM,
    a_subscription,
    apply,
    asked_in,
    chat_links,
    chat_posts,
    let_wait,
    messages,
    set_post,
    subscribed,
)
from tests.bridge.store.rows import (
    HEAD,
    OLD_HEAD,
    PULL_REQUEST,
    a_pull_request,
    a_push,
    a_request,
    rows_of,
)

PULL_GROUP = PULL_REQUEST.key
PUSH = a_push().trigger
REPORT = f"chat:T1:C1::{PULL_GROUP}"


def pushes(*numbers: int) -> list[RunRequest]:
    """Pushes of other commits each."""
    return [
        a_push(trigger=f"push:code:7:main@{number}", commit_id=f"{number:040d}")
        for number in numbers
    ]


async def test_a_subscribed_channel_is_told_of_a_run(database: Database) -> None:
    await subscribed(database, a_subscription(), a_subscription("C2", "beta/*"))
    (run_id,) = await apply(database, Work(runs=[a_request()]))
    trigger = a_request().trigger
    assert await chat_posts(database) == {
        (f"chat_message:T1:C1:{PULL_GROUP}", REPORT),
        (f"chat_prompt:T1:C1:{run_id}", REPORT),
        (f"chat_result:T1:C1:{PULL_GROUP}|{trigger}", REPORT),
    }
    assert await chat_links(database) == {(run_id, REPORT, 0)}
    prompt = next(row for row in await rows_of(database, post) if row["kind"] == "chat_prompt")
    assert CHAT_TARGET.load(prompt["target"]) == ChatTarget(
        team=TEAM, channel="C1", slot=run_id, run_id=run_id
    )
    assert (prompt["content"], prompt["due_at"], prompt["revision"]) == (None, NOW, 1)


async def test_without_a_subscription_nobody_is_told(database: Database) -> None:
    await apply(database, Work(runs=[a_request()]))
    assert await chat_posts(database) == set()


async def test_a_channel_that_wants_files_gets_them(database: Database) -> None:
    await subscribed(database, a_subscription())
    wants = ChannelSettings(team=TEAM, channel="C1", files=True)
    (run_id,) = await apply(database, Work(channels=[wants], runs=[a_push()]))
    assert (f"chat_file:T1:C1:{run_id}", f"chat:T1:C1::{PUSH}") in await chat_posts(database)


async def test_runs_of_a_pull_request_have_one_message_and_others_one_for_each_trigger(
    database: Database,
) -> None:
    await subscribed(database, a_subscription(), a_subscription(pattern="acme/net*"))
    merged = [a_push(name, commit_id=OLD_HEAD) for name in ("network", "dns")]
    runs = [a_request(), a_request("dns", trigger="comment:1:1"), *merged]
    await apply(database, Work(runs=[*runs, *runs]))
    assert await messages(database) == [
        f"chat_message:T1:C1:{PULL_GROUP}",
        f"chat_message:T1:C1:{PUSH}",
    ]


async def test_what_a_merge_starts_is_told_of_in_the_message_of_its_pull_request(
    database: Database,
) -> None:
    await subscribed(database, a_subscription())
    of_two = (*a_push().reports, PULL_GROUP, "pr:code:7:4")
    merged = a_push("dns", reports=(*a_push().reports, PULL_GROUP), commit_id=OLD_HEAD)
    other = a_push(reports=of_two, commit_id=OLD_HEAD)
    await apply(database, Work(runs=[a_request(), merged, other]))
    assert await messages(database) == [
        f"chat_message:T1:C1:{PULL_GROUP}",
        f"chat_message:T1:C1:{PUSH}",
    ]


async def test_the_same_work_twice_tells_nothing_twice(database: Database) -> None:
    await subscribed(database, a_subscription())
    await apply(database, Work(runs=[a_request()]))
    before = await chat_posts(database), await chat_links(database)
    await apply(database, Work(runs=[a_request()]))
    assert (await chat_posts(database), await chat_links(database)) == before


class TestAsked:
    async def test_a_channel_where_somebody_asked_is_not_told_twice(
        self, database: Database
    ) -> None:
        await subscribed(database, a_subscription(), a_subscription("C2"))
        (run_id,) = await apply(database, Work(runs=[asked_in("C1", "slack:T1:1")]))
        assert await chat_links(database) == {
            (run_id, "chat:T1:C1::slack:T1:1", 1),
            (run_id, "chat:T1:C2::slack:T1:1", 0),
        }

    async def test_whoever_comes_first_the_answer_goes_to_who_asked(
        self, database: Database
    ) -> None:
        """The response_url answers where the bridge may not write."""
        await subscribed(database, a_subscription())
        asker = ChatTarget(
            team=TEAM, channel="C1", slot=PULL_GROUP, user="U1", response_url="https://hooks/1"
        )
        asked = PostUpsert(kind=PostKind.CHAT_MESSAGE, target=asker, report=REPORT)
        request = a_request(trigger="slack:T1:1", reports=(REPORT,))
        await apply(database, Work(runs=[request], posts=[asked]))
        assert await target_of_message(database) == asker

        await apply(database, Work(runs=[a_request("dns")]))  # told by the subscription
        assert await target_of_message(database) == asker

        again = replace(asked, target=replace(asker, user="U2", response_url=""))
        await apply(database, Work(posts=[again]))
        assert await target_of_message(database) == asker
        newer = replace(asked, target=replace(asker, user="U2", response_url="https://hooks/2"))
        await apply(database, Work(posts=[newer]))
        assert await target_of_message(database) == newer.target

    async def test_what_a_subscription_told_of_first_answers_who_asks_later(
        self, database: Database
    ) -> None:
        await subscribed(database, a_subscription())
        await apply(database, Work(runs=[a_request()]))
        asker = ChatTarget(team=TEAM, channel="C1", slot=PULL_GROUP, user="U1", response_url="u")
        asked = PostUpsert(kind=PostKind.CHAT_MESSAGE, target=asker, report=REPORT)
        request = a_request("dns", trigger="slack:T1:1", reports=(REPORT,))
        await apply(database, Work(runs=[request], posts=[asked]))
        assert await target_of_message(database) == asker
        assert await messages(database) == [f"chat_message:T1:C1:{PULL_GROUP}"]

    async def test_a_group_has_one_message_wherever_it_is_asked_about(
        self, database: Database
    ) -> None:
        await subscribed(database, a_subscription())
        await apply(database, Work(runs=[a_request()]))
        in_thread = f"chat:T1:C1:1700.1:{PULL_GROUP}"
        asker = ChatTarget(team=TEAM, channel="C1", slot=PULL_GROUP, thread="1700.1", user="U1")
        asked = PostUpsert(kind=PostKind.CHAT_MESSAGE, target=asker, report=in_thread)
        request = a_request("dns", trigger="slack:T1:1", reports=(in_thread,))
        await apply(database, Work(runs=[request], posts=[asked]))
        assert {report for _, report in await chat_posts(database)} == {REPORT}
        assert {report for _, report, _ in await chat_links(database)} == {REPORT}
        assert (await target_of_message(database)).thread == ""

    async def test_who_asks_for_what_runs_already_is_shown_that(self, database: Database) -> None:
        (run_id,) = await apply(database, Work(runs=[a_request()]))
        assert await apply(database, Work(runs=[asked_in("C1", "slack:T1:1")])) == []
        assert await chat_links(database) == {(run_id, "chat:T1:C1::slack:T1:1", 1)}
        assert (
            f"chat_result:T1:C1:slack:T1:1|{a_request().trigger}",
            "chat:T1:C1::slack:T1:1",
        ) in await chat_posts(database)


async def target_of_message(database: Database) -> ChatTarget:
    (row,) = [row for row in await rows_of(database, post) if row["kind"] == "chat_message"]
    return CHAT_TARGET.load(row["target"])


class TestShared:
    async def test_a_run_that_another_event_shares_is_told_once(self, database: Database) -> None:
        await subscribed(database, a_subscription())
        push = a_push(verb=Verb.PLAN)
        (run_id,) = await apply(database, Work(runs=[push]))
        assert await apply(database, Work(runs=[a_request()])) == []
        assert await chat_links(database) == {(run_id, f"chat:T1:C1::{PUSH}", 0)}

    async def test_a_run_shared_later_is_told_of_where_nobody_was_told(
        self, database: Database
    ) -> None:
        (run_id,) = await apply(database, Work(runs=[a_push(verb=Verb.PLAN)]))
        await subscribed(database, a_subscription())
        await apply(database, Work(runs=[a_request()]))
        assert await chat_links(database) == {(run_id, REPORT, 0)}

    async def test_so_is_one_that_a_pull_request_shows_later(self, database: Database) -> None:
        (run_id,) = await apply(database, Work(runs=[a_push()]))
        await subscribed(database, a_subscription())
        await apply(database, Work(links=[LinkRuns(pull_request=PULL_REQUEST, commit=HEAD)]))
        assert await chat_links(database) == {(run_id, f"chat:T1:C1::{PUSH}", 0)}


async def test_who_subscribes_hears_of_what_waits_already(database: Database) -> None:
    requests = [a_request(), a_request("dns", trigger="2"), asked_in("C1", "slack:T1:1", "vpn")]
    ids = await apply(database, Work(runs=requests))
    for run_id in (ids[0], ids[2]):
        await let_wait(database, run_id)
    asked = (ids[2], "chat:T1:C1::slack:T1:1", 1)
    await subscribed(database, a_subscription())
    assert await chat_links(database) == {(ids[0], REPORT, 0), asked}
    before = await chat_posts(database), await rows_of(database, post)
    await subscribed(database, a_subscription(quiet=True))
    assert (await chat_posts(database), await rows_of(database, post)) == before


class TestBursts:
    async def test_many_at_once_are_told_of_together(self, database: Database) -> None:
        await subscribed(database, a_subscription())
        for number in range(MOST + 3):
            await apply(database, Work(runs=pushes(number)), NOW + number)
        burst = f"burst:{NOW // SLOT}"
        expected = [f"chat_message:T1:C1:push:code:7:main@{n}" for n in range(MOST + 1)]
        assert await messages(database) == [f"chat_message:T1:C1:{burst}", *expected]
        assert {
            key for key, report in await chat_posts(database) if report == f"chat:T1:C1::{burst}"
        } >= {
            f"chat_result:T1:C1:{burst}|push:code:7:main@6",
            f"chat_result:T1:C1:{burst}|push:code:7:main@7",
        }

    async def test_it_is_counted_within_one_transaction_too(self, database: Database) -> None:
        await subscribed(database, a_subscription(), a_subscription("C2", "acme/x"))
        await apply(database, Work(runs=pushes(*range(20))))
        assert len(await messages(database)) == MOST + 2

    async def test_a_minute_later_there_is_room_again(self, database: Database) -> None:
        await subscribed(database, a_subscription())
        await apply(database, Work(runs=pushes(*range(20))))
        await apply(database, Work(runs=pushes(30)), NOW + MINUTE + 1)
        assert "chat_message:T1:C1:push:code:7:main@30" in await messages(database)

    async def test_what_has_a_message_keeps_it_and_who_asks_gets_one(
        self, database: Database
    ) -> None:
        await subscribed(database, a_subscription())
        await apply(database, Work(runs=[a_request(), *pushes(*range(20))]))
        more = [a_request("dns"), asked_in("C1", "slack:T1:1", "vpn")]
        await apply(database, Work(runs=more), NOW + 1)
        bursts = {r for _, r, _ in await chat_links(database) if "burst" in r}
        reports = [r for _, r, _ in await chat_links(database) if r not in bursts]
        assert reports.count(REPORT) == 2
        assert "chat:T1:C1::slack:T1:1" in reports

    async def test_messages_that_had_nothing_to_say_do_not_count(self, database: Database) -> None:
        await subscribed(database, a_subscription())
        await apply(database, Work(runs=pushes(*range(MOST + 1))))
        for key in await messages(database):
            await set_post(database, key, sent_revision=1, due_at=None)
        await apply(database, Work(runs=pushes(30)), NOW + 1)
        assert "chat_message:T1:C1:push:code:7:main@30" in await messages(database)


async def test_changes_of_a_run_make_its_message_due(database: Database) -> None:
    await subscribed(database, a_subscription())
    await apply(database, Work(pull_requests=[PullRequestSeen(pull_request=a_pull_request())]))
    await apply(database, Work(runs=[a_request()]))
    key = f"chat_message:T1:C1:{PULL_GROUP}"
    await set_post(database, key, sent_revision=1, due_at=None)
    gone = Supersede(pull_request=PULL_REQUEST, keep_head=OLD_HEAD, reason="A newer commit came.")
    await apply(database, Work(supersedes=[gone]), NOW + 5)
    (row,) = [row for row in await rows_of(database, post) if row["key"] == key]
    assert (row["revision"], row["due_at"]) == (2, NOW + 5)


@pytest.mark.postgres
async def test_replicas_that_find_one_run_tell_a_channel_once(postgres_url: str) -> None:
    async with (
        await Database.open(postgres_url) as one,
        await Database.open(postgres_url) as other,
    ):
        await subscribed(one, a_subscription())
        for number in range(10):
            commit = f"{number:040d}"
            inline = TemplateChoice(reference="Plan", id="t-1", name="Plan")
            push = a_push(
                verb=Verb.PLAN, template=inline, commit_id=commit, trigger=f"push:{number}"
            )
            await asyncio.gather(
                apply(one, Work(runs=[push])),
                apply(other, Work(runs=[a_request(commit_id=commit, trigger=f"pr:{number}")])),
                apply(one, Work(runs=[push])),
                apply(other, Work(runs=[push])),
            )
        links = await chat_links(one)
        assert len({run_id for run_id, _, _ in links}) == len(links) == 10
