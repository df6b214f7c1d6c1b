"""Channels and people of a chat: what is written down of them, and read back."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.domain.chat import ALL_INTERESTS, ChannelSettings, Interest, Subscription
from bridge.domain.errors import OverloadedError
from bridge.domain.posts import ChatTarget, PostKind, PostUpsert, RemotePart
from bridge.domain.work import Answer, Decide, LinkUse, Unlink, Unsubscribe, Work
from bridge.store.codecs import PARTS
from bridge.store.database import Database
from bridge.store.queries.chat import park, set_default_subscription
from bridge.store.queries.told import touch_reports
from bridge.store.schema import audit, channel, decision, post
from tests.bridge.store.chats import (
    NOW,
    TEAM,
    a_store,
    a_subscription,
    an_identity,
    an_offer,
    apply,
    asked_in,
    chat_posts,
    let_wait,
    messages,
    set_post,
    set_run,
    subscribed,
)
from tests.bridge.store.rows import rows_of

ARCHIVED = ChannelSettings(team=TEAM, channel="C1", parked="it was archived")
LATER = NOW + 60_000


class TestSubscriptions:
    async def test_what_is_subscribed_is_read_back_sorted(self, database: Database) -> None:
        first, second = a_subscription(pattern="b/*"), a_subscription(pattern="a/*", quiet=True)
        other = a_subscription("C2", "c/*", interests=frozenset({Interest.FAILED}))
        await subscribed(database, first, second, other)
        store = a_store(database)
        assert list(await store.subscriptions(TEAM, "C1")) == [second, first]
        assert list(await store.subscriptions(TEAM)) == [second, first, other]
        assert list(await store.subscriptions("T2")) == []

    async def test_the_newest_word_about_a_pattern_counts(self, database: Database) -> None:
        await subscribed(database, a_subscription())
        newer = a_subscription(interests=frozenset({Interest.APPROVAL}), quiet=True, actor="Bob")
        await subscribed(database, newer)
        assert list(await a_store(database).subscriptions(TEAM, "C1")) == [newer]

    async def test_a_channel_leaves_a_pattern_or_all_of_them(self, database: Database) -> None:
        kept = a_subscription("C2")
        await subscribed(database, a_subscription(pattern="a/*"), a_subscription(), kept)
        gone = Unsubscribe(team=TEAM, channel="C1", pattern="a/*")
        await apply(database, Work(unsubscribes=[gone]))
        assert list(await a_store(database).subscriptions(TEAM)) == [a_subscription(), kept]
        await apply(database, Work(unsubscribes=[replace(gone, pattern=None)]))
        assert list(await a_store(database).subscriptions(TEAM)) == [kept]

    async def test_the_configured_channel_follows_the_settings(self, database: Database) -> None:
        theirs = a_subscription("C2", "*/*", quiet=True)
        await subscribed(database, theirs)
        for configured in ("C1", "C2"):
            await database.write(set_default_subscription, TEAM, configured, NOW)
            await database.write(set_default_subscription, TEAM, configured, NOW)
        store = a_store(database)
        assert list(await store.subscriptions(TEAM)) == [theirs]  # what people said counts
        await database.write(set_default_subscription, TEAM, "C3", NOW)
        default = Subscription(
            team=TEAM, channel="C3", pattern="*/*", interests=ALL_INTERESTS, actor=""
        )
        assert list(await store.subscriptions(TEAM)) == [theirs, default]
        await database.write(set_default_subscription, TEAM, None, NOW)
        assert list(await store.subscriptions(TEAM)) == [theirs]


class TestParking:
    async def test_settings_are_read_back(self, database: Database) -> None:
        store = a_store(database)
        assert await store.channel(TEAM, "C1") == ChannelSettings(team=TEAM, channel="C1")
        settings = ChannelSettings(team=TEAM, channel="C1", organization="acme", files=True)
        await apply(database, Work(channels=[settings]))
        assert await store.channel(TEAM, "C1") == settings

    async def test_what_cannot_be_sent_is_set_aside_and_recorded_once(
        self, database: Database
    ) -> None:
        settings = ChannelSettings(team=TEAM, channel="C1", organization="acme", files=True)
        await apply(database, Work(channels=[settings], runs=[asked_in("C1", "slack:T1:1")]))
        for moment in (NOW, LATER):
            await database.write(park, ARCHIVED, moment)
        assert await a_store(database).channel(TEAM, "C1") == replace(
            settings, parked="it was archived"
        )
        (row,) = await rows_of(database, channel)
        assert row["parked_at"] == NOW
        posts = [row for row in await rows_of(database, post) if row["forge"] == "slack"]
        assert {(row["dead"], row["last_error"]) for row in posts} == {
            (1, "nothing is sent there: it was archived")
        }
        assert [
            (row["action"], row["subject"], row["detail"]) for row in await rows_of(database, audit)
        ] == [("channel.parked", "slack:T1:C1", "it was archived")]

    async def test_nothing_is_told_there_until_it_is_back(self, database: Database) -> None:
        await subscribed(database, a_subscription())
        (run_id,) = await apply(database, Work(runs=[asked_in("C2", "slack:T1:1")]))
        told = await chat_posts(database)
        await apply(database, Work(channels=[ARCHIVED]))

        await apply(database, Work(runs=[asked_in("C2", "slack:T1:2", "dns")]), LATER)
        assert [key for key in await messages(database) if ":C1:" in key] == [
            "chat_message:T1:C1:slack:T1:1"
        ]
        report = "chat:T1:C1::slack:T1:1"
        await database.write(touch_reports, [report], LATER)
        assert await dead_in(database, "C1") == {1}

        await apply(database, Work(channels=[replace(ARCHIVED, parked="")]), LATER)
        assert await dead_in(database, "C1") == {0}
        assert told <= await chat_posts(database)
        assert run_id

    async def test_what_ended_meanwhile_is_not_told_when_it_is_back(
        self, database: Database
    ) -> None:
        (run_id,) = await apply(database, Work(runs=[asked_in("C1", "slack:T1:1")]))
        await apply(database, Work(channels=[ARCHIVED]))
        await set_run(database, run_id, phase="finished", state="succeeded")
        await subscribed(database, a_subscription())  # which says that somebody is there
        assert (await a_store(database).channel(TEAM, "C1")).parked == ""
        assert await dead_in(database, "C1") == {1}

    async def test_what_asked_for_an_approval_that_was_given_meanwhile_asks_no_more(
        self, database: Database
    ) -> None:
        """Else its buttons would stand there for ever."""
        (run_id,) = await apply(database, Work(runs=[asked_in("C1", "slack:T1:1")]))
        key = f"chat_prompt:T1:C1:{run_id}"
        sent = PARTS.dump((RemotePart(id="1.1", hash="h"),))
        await set_post(database, key, parts=sent)
        await database.write(park, ARCHIVED, NOW)
        await set_run(database, run_id, phase="finished", state="succeeded")
        await subscribed(database, a_subscription())
        rows = {row["key"]: row["dead"] for row in await rows_of(database, post)}
        assert [one for one, dead in rows.items() if not dead] == [key]

    async def test_whispers_reach_their_reader_all_the_same(self, database: Database) -> None:
        whisper = PostUpsert(
            kind=PostKind.CHAT_WHISPER,
            target=ChatTarget(team=TEAM, channel="C1", slot="slack:T1:1", user="U1"),
            report="chat:T1:C1::slack:T1:1",
            content="Nothing is sent here.",
        )
        await apply(database, Work(posts=[whisper]))
        await database.write(park, ARCHIVED, NOW)
        assert await dead_in(database, "C1") == {0}

    async def test_what_is_sent_and_done_is_left_alone(self, database: Database) -> None:
        (run_id,) = await apply(database, Work(runs=[asked_in("C1", "slack:T1:1")]))
        await set_run(database, run_id, phase="finished")
        key = "chat_message:T1:C1:slack:T1:1"
        await set_post(database, key, due_at=None, sent_revision=1)
        await database.write(park, ARCHIVED, NOW)
        rows = {row["key"]: row["dead"] for row in await rows_of(database, post)}
        assert rows[key] == 0


async def dead_in(database: Database, channel_id: str) -> set[int]:
    rows = await rows_of(database, post)
    return {row["dead"] for row in rows if row["repository_id"] == channel_id}


class TestLinks:
    async def test_a_code_makes_two_accounts_one_person(self, database: Database) -> None:
        store = a_store(database)
        await apply(database, Work(offers=[an_offer()]))
        assert await store.link_offer("h-1") == an_offer()
        assert await store.link_offer("h-2") is None
        await apply(database, Work(links_used=[LinkUse(code_hash="h-1", identity=an_identity())]))
        assert await store.link_offer("h-1") == an_offer(used=True)
        linked = replace(an_identity(), linked_at=datetime.fromtimestamp(NOW / 1000, UTC))
        assert list(await store.identities(TEAM, "U1")) == [linked]
        assert list(await store.identities_of_login("code", "ALICE")) == [linked]
        assert list(await store.identities_of_login("github", "alice")) == []

    async def test_a_newer_link_takes_the_place_of_the_old_one(self, database: Database) -> None:
        for number, login in enumerate(("alice", "Bob")):
            await apply(database, Work(offers=[an_offer(f"h-{number}")]))
            used = LinkUse(code_hash=f"h-{number}", identity=an_identity(login))
            await apply(database, Work(links_used=[used]))
        found = await a_store(database).identities(TEAM, "U1")
        assert [one.login for one in found] == ["Bob"]

    async def test_whose_code_it_is_says_the_code(self, database: Database) -> None:
        await apply(database, Work(offers=[an_offer(user="U1")]))
        forged = an_identity(user="U666", name="Eve")
        await apply(database, Work(links_used=[LinkUse(code_hash="h-1", identity=forged)]))
        store = a_store(database)
        assert [one.name for one in await store.identities(TEAM, "U1")] == ["Ada Lovelace"]
        assert list(await store.identities(TEAM, "U666")) == []

    @pytest.mark.parametrize("moment", [NOW, NOW + 600_000])
    async def test_a_used_or_expired_code_links_nothing(
        self, database: Database, moment: int
    ) -> None:
        use = LinkUse(code_hash="h-1", identity=an_identity("bob"))
        await apply(database, Work(offers=[an_offer()]))
        if moment == NOW:
            await apply(database, Work(links_used=[replace(use, identity=an_identity())]))
        said = PostUpsert(
            kind=PostKind.CHAT_REPLY,
            target=ChatTarget(team=TEAM, channel="C1", slot="s"),
            report="chat:T1:C1::s",
            content="You are linked.",
        )
        with pytest.raises(OverloadedError, match="used, or expired, at this moment"):
            await apply(database, Work(links_used=[use], posts=[said]), moment)
        found = await a_store(database).identities(TEAM, "U1")
        assert [one.login for one in found] == (["alice"] if moment == NOW else [])
        assert await chat_posts(database) == set()  # what would not be true

    @pytest.mark.parametrize(
        ("gone", "left"),
        [
            (Unlink(team=TEAM, user="U1"), ["carol"]),
            (Unlink(team=TEAM, user="U1", forge="code"), ["carol", "alice@github"]),
            (Unlink(team=TEAM, forge="code", login="Alice"), ["carol", "alice@github"]),
            (Unlink(team=TEAM), ["alice", "carol", "alice@github"]),
        ],
    )
    async def test_people_are_two_again(
        self, database: Database, gone: Unlink, left: list[str]
    ) -> None:
        theirs = [
            ("h-1", "U1", an_identity()),
            ("h-2", "U1", an_identity("alice@github", forge="github")),
            ("h-3", "U3", an_identity("carol")),
        ]
        for code_hash, user, identity in theirs:
            await apply(database, Work(offers=[an_offer(code_hash, user)]))
            await apply(
                database, Work(links_used=[LinkUse(code_hash=code_hash, identity=identity)])
            )
        await apply(database, Work(unlinks=[gone]))
        store = a_store(database)
        found = [one.login for user in ("U1", "U3") for one in await store.identities(TEAM, user)]
        assert sorted(found) == sorted(left)


@pytest.mark.postgres
async def test_of_two_who_say_one_code_one_is_linked(postgres_url: str) -> None:
    async with (
        await Database.open(postgres_url) as one,
        await Database.open(postgres_url) as other,
    ):
        for number in range(10):
            code = f"h-{number}"
            await apply(one, Work(offers=[an_offer(code)]))
            uses = [LinkUse(code_hash=code, identity=an_identity(who)) for who in ("ada", "eve")]
            said = [
                apply(database, Work(links_used=[use]))
                for database, use in zip((one, other), uses, strict=True)
            ]
            outcomes = await asyncio.gather(*said, return_exceptions=True)
            assert sorted(type(outcome).__name__ for outcome in outcomes) == [
                "OverloadedError",
                "list",
            ]
            (linked,) = await a_store(one).identities(TEAM, "U1")
            winner = 0 if isinstance(outcomes[0], list) else 1
            assert linked.login == uses[winner].identity.login


@pytest.mark.postgres
async def test_of_a_vote_and_a_rejection_at_once_the_rejection_counts(postgres_url: str) -> None:
    """A vote that comes a moment later finds nothing that waits for it."""
    async with (
        await Database.open(postgres_url) as one,
        await Database.open(postgres_url) as other,
    ):
        for number in range(10):
            wanted = asked_in("C1", f"slack:T1:{number}", commit_id=f"{number:040d}")
            (run_id,) = await apply(one, Work(runs=[wanted]))
            await let_wait(one, run_id, job_id=str(number))
            approve = Decide(
                run_id=run_id, answer=Answer.APPROVE, actor="ada", door="slack", quorum=2
            )
            reject = replace(approve, answer=Answer.REJECT, actor="bob", quorum=1)
            await asyncio.gather(
                apply(one, Work(decides=[approve])), apply(other, Work(decides=[reject]))
            )
        rows = await rows_of(one, decision)
        assert [(row["answer"], row["actor"]) for row in rows] == [("reject", "bob")] * 10
