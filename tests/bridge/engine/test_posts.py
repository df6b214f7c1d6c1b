"""The outbox: newest text only, within budgets, and nothing forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, RowMapping, update
from structlog.typing import EventDict

from bridge.domain.errors import (
    LeaseLostError,
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    TemporaryRemoteError,
    UserError,
)
from bridge.domain.posts import Post, PostKind, PostTarget, PostUpsert, RemotePart
from bridge.domain.work import Work
from bridge.engine.posts import Posts
from bridge.engine.rates import Budget, Budgets
from bridge.engine.workers import MAX_FAILURES
from bridge.ports import PostLease, Published
from bridge.store.codecs import PARTS, to_ms
from bridge.store.queries.posts import failed_posts, revive_post
from bridge.store.queries.told import touch_reports
from bridge.store.queries.work import apply_work
from bridge.store.schema import post, rate_bucket
from tests.bridge.engine.stage import REPORT, Stage, Terrakube, open_stage
from tests.bridge.store.rows import HEAD, PULL_REQUEST, REPOSITORY, rows_of
from tests.fakes.clock import FakeClock


@dataclass(slots=True)
class FakePublisher:
    """Writes a part for each post, and counts.

    Attributes:
        sent: Id and revision of each post that was written, in order.
        failures: Raised by the next calls.
        during: Awaited while a post is being sent.
        width: Comments a post consists of.
    """

    sent: list[tuple[str, int]] = field(default_factory=list)
    seen: list[Post] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    during: Callable[[Post, PostLease], Awaitable[None]] | None = None
    width: int = 1
    writes: int | None = None
    again_at: datetime | None = None

    async def publish(self, post: Post, lease: PostLease) -> Published:
        self.seen.append(post)
        if self.during is not None:
            await self.during(post, lease)
        if self.failures:
            raise self.failures.pop(0)
        lease.check()
        self.sent.append((post.id, post.revision))
        parts = tuple(RemotePart(id=str(at), hash=f"{post.revision}") for at in range(self.width))
        writes = self.width if self.writes is None else self.writes
        return Published(parts=parts, writes=writes, again_at=self.again_at)


@dataclass(slots=True)
class Outbox:
    stage: Stage
    publisher: FakePublisher
    posts: Posts

    async def want(self, *wanted: PostUpsert) -> None:
        database = self.stage.database
        await database.write(apply_work, Work(posts=list(wanted)), database.now())

    async def touch(self) -> None:
        """Let the report change."""
        database = self.stage.database
        await database.write(touch_reports, [PULL_REQUEST.key], database.now())

    async def rows(self) -> Sequence[RowMapping]:
        return await rows_of(self.stage.database, post)

    async def row(self) -> RowMapping:
        (row,) = await self.rows()
        return row

    @property
    def revisions(self) -> list[int]:
        return [revision for _, revision in self.publisher.sent]


def an_outbox(stage: Stage, budgets: Budgets | None = None) -> Outbox:
    publisher = FakePublisher()
    posts = Posts(stage.database, stage.keeper, publisher, budgets=budgets, metrics=stage.metrics)
    stage.play(posts.worker)
    return Outbox(stage, publisher, posts)


@pytest.fixture
async def outbox(stage: Stage) -> Outbox:
    return an_outbox(stage)


def a_status(context: str = "terrakube/plan") -> PostUpsert:
    return PostUpsert(
        kind=PostKind.STATUS,
        target=PostTarget(repository=REPOSITORY, sha=HEAD, context=context),
        report=PULL_REQUEST.key,
    )


def a_reply(comment_id: str = "9") -> PostUpsert:
    return PostUpsert(
        kind=PostKind.REPLY,
        target=PostTarget(repository=REPOSITORY, number=3, comment_id=comment_id),
        report=PULL_REQUEST.key,
        content="Not available yet.",
    )


class TestSending:
    async def test_a_post_is_sent_once_and_rests(self, outbox: Outbox) -> None:
        await outbox.want(REPORT)
        await outbox.stage.settle()
        row = await outbox.row()
        assert outbox.revisions == [1]
        assert (row["due_at"], row["sent_revision"], row["attempts"]) == (None, 1, 0)
        assert PARTS.load(row["parts"]) == (RemotePart(id="0", hash="1"),)
        assert row["sent_at"] == outbox.stage.database.now()
        sent = outbox.stage.metrics.posts.labels("report", "sent")
        assert sent._value.get() == 1  # noqa: SLF001 - as the library's own tests do

    async def test_remote_ids_are_kept_before_the_rest_is_sent(self, outbox: Outbox) -> None:
        """The process may die between two comments."""
        part = RemotePart(id="77", hash="x")

        async def save_then_die(wanted: Post, lease: PostLease) -> None:
            await lease.save([part])
            msg = "down"
            raise TemporaryRemoteError(msg, service="code")

        outbox.publisher.during = save_then_die
        await outbox.want(REPORT)
        await outbox.stage.settle()
        assert PARTS.load((await outbox.row())["parts"]) == (part,)
        outbox.publisher.during = None
        await outbox.stage.after(1)
        assert outbox.publisher.seen[-1].parts == (part,)

    async def test_one_that_is_up_to_date_takes_nothing_of_the_budget(self, outbox: Outbox) -> None:
        outbox.publisher.writes = 0
        await outbox.want(REPORT)
        await outbox.stage.settle()
        tokens = {
            row["key"]: row["tokens"] for row in await rows_of(outbox.stage.database, rate_bucket)
        }
        assert tokens == {"content:code": 20_000, f"report:{PULL_REQUEST.key}": 4_000}
        assert (await outbox.row())["sent_at"] is None

    async def test_it_is_looked_at_again_when_the_publisher_says(self, outbox: Outbox) -> None:
        moment = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
        outbox.publisher.again_at = moment
        await outbox.want(REPORT)
        await outbox.stage.settle()
        assert (await outbox.row())["due_at"] == to_ms(moment)
        outbox.publisher.again_at = None
        await outbox.stage.after(3600)
        assert outbox.revisions == [1, 1]


class TestCoalescing:
    async def test_a_burst_of_changes_is_one_edit_two_seconds_later(self, outbox: Outbox) -> None:
        await outbox.want(REPORT)
        await outbox.stage.settle()
        for _ in range(50):
            await outbox.touch()
            await outbox.stage.settle()
        assert outbox.revisions == [1]
        await outbox.stage.after(1.9)
        assert outbox.revisions == [1]
        await outbox.stage.after(0.1)
        assert outbox.revisions == [1, 51]

    async def test_a_change_while_it_is_sent_is_sent_after_it(self, outbox: Outbox) -> None:
        async def change(wanted: Post, lease: PostLease) -> None:
            outbox.publisher.during = None
            await outbox.touch()

        outbox.publisher.during = change
        await outbox.want(REPORT)
        await outbox.stage.settle()
        assert outbox.revisions == [1]
        assert (await outbox.row())["sent_revision"] == 1
        await outbox.stage.after(2)
        assert outbox.revisions == [1, 2]

    async def test_an_edit_by_somebody_else_while_it_is_sent_is_repaired(
        self, outbox: Outbox
    ) -> None:
        await outbox.want(REPORT)
        await outbox.stage.settle()

        async def somebody_edits(wanted: Post, lease: PostLease) -> None:
            outbox.publisher.during = None
            await outbox.want(
                PostUpsert(
                    kind=REPORT.kind, target=REPORT.target, report=REPORT.report, resend=True
                )
            )

        outbox.publisher.during = somebody_edits
        outbox.publisher.writes = 0
        await outbox.stage.after(5)
        await outbox.touch()
        await outbox.stage.settle()
        assert PARTS.load((await outbox.row())["parts"]) == (RemotePart(id="0", hash=""),)

    async def test_a_status_changes_every_five_seconds_at_most(self, outbox: Outbox) -> None:
        await outbox.want(a_status())
        await outbox.stage.settle()
        await outbox.touch()
        await outbox.stage.after(4.9)
        assert outbox.revisions == [1]
        await outbox.stage.after(0.1)
        assert outbox.revisions == [1, 2]

    async def test_a_reply_is_not_held_back(self, outbox: Outbox) -> None:
        await outbox.want(REPORT, a_reply("1"))
        await outbox.stage.settle()
        await outbox.want(a_reply("2"))
        await outbox.stage.settle()
        assert len(outbox.publisher.sent) == 3


class TestBudgets:
    @pytest.mark.parametrize("width", [1, 3])
    async def test_a_pull_request_that_changes_all_the_time_has_twelve_writes_a_minute(
        self, outbox: Outbox, width: int
    ) -> None:
        outbox.publisher.width = width
        await outbox.want(REPORT)
        await outbox.stage.settle()
        written = [(outbox.stage.database.now(), width)]
        for _ in range(70):
            before = len(outbox.publisher.sent)
            await outbox.touch()
            await outbox.stage.after(1)
            written += [(outbox.stage.database.now(), width)] * (
                len(outbox.publisher.sent) - before
            )
        busiest = max(
            sum(count for at, count in written if start <= at < start + 60_000)
            for start, _ in written
        )
        assert 6 <= busiest <= 12
        assert sum(count for _, count in written) <= 4 + 2 + 7 + width

    async def test_the_last_text_is_sent_however_long_it_waited(self, outbox: Outbox) -> None:
        await outbox.want(REPORT)
        for _ in range(10):
            await outbox.touch()
            await outbox.stage.after(2)
        last = (await outbox.row())["revision"]
        assert outbox.revisions[-1] < last
        for _ in range(12):
            await outbox.stage.after(1)
        assert outbox.revisions[-1] == last
        assert (await outbox.row())["due_at"] is None

    async def test_many_that_wait_have_times_of_their_own(self, outbox: Outbox) -> None:
        """So that a hundred posts do not ask for one token again and again."""
        await outbox.want(*(a_reply(str(at)) for at in range(30)))
        await outbox.stage.settle()
        waiting = [row for row in await outbox.rows() if row["due_at"] is not None]
        times = sorted(row["due_at"] - outbox.stage.database.now() for row in waiting)
        assert times == [1_201 + 1_200 * at for at in range(10)]
        fences = [row["fence"] for row in waiting]
        await outbox.stage.after(12.1)
        assert len(outbox.publisher.sent) == 30
        assert [row["fence"] for row in await outbox.rows() if row["fence"] > 1] == [
            fence + 1 for fence in fences
        ]

    async def test_a_change_does_not_let_it_jump_the_queue(self, outbox: Outbox) -> None:
        await outbox.want(REPORT)
        for _ in range(5):
            await outbox.touch()
            await outbox.stage.after(2)
        sent, due_at = len(outbox.publisher.sent), (await outbox.row())["due_at"]
        assert due_at > outbox.stage.database.now()
        for _ in range(3):
            await outbox.touch()
            await outbox.stage.settle()
        assert (len(outbox.publisher.sent), (await outbox.row())["due_at"]) == (sent, due_at)

    async def test_waiting_is_no_attempt(self, outbox: Outbox) -> None:
        await outbox.want(REPORT)
        for _ in range(10):
            await outbox.touch()
            await outbox.stage.after(2)
        row = await outbox.row()
        assert (row["attempts"], row["failures"], row["last_error"]) == (
            0,
            0,
            "waits for its budget",
        )

    async def test_statuses_have_a_budget_of_their_own(self, outbox: Outbox) -> None:
        await outbox.want(*(a_status(f"terrakube/plan: acme/{at}") for at in range(60)))
        await outbox.want(REPORT)
        await outbox.stage.settle()
        assert len(outbox.publisher.sent) == 61
        await outbox.want(a_status("terrakube/plan"))
        await outbox.stage.settle()
        assert len(outbox.publisher.sent) == 61
        await outbox.stage.after(1)
        assert len(outbox.publisher.sent) == 62

    def test_an_hour_has_as_many_writes_as_github_bears(self) -> None:
        """GitHub: "no more than 500 content-generating requests per hour"; 400 go on all day."""
        hourly = Budgets().hourly
        assert hourly.burst + 60 * hourly.per_minute == pytest.approx(500)
        assert 60 * hourly.per_minute >= 400

    async def test_a_forge_that_counts_hours_has_a_second_budget(self, stage: Stage) -> None:
        """What waits for it is nothing but the newest text, and that is sent."""
        budgets = Budgets(
            hourly=Budget(burst=6, per_minute=12 / 60), counting_hours=frozenset({"code"})
        )
        outbox = an_outbox(stage, budgets)
        await outbox.want(REPORT)
        for _ in range(60):
            await outbox.touch()
            await outbox.stage.after(60)
        last = (await outbox.row())["revision"]
        assert 12 <= len(outbox.revisions) <= 6 + 12
        assert outbox.revisions[-1] < last
        await outbox.stage.after(300)
        assert outbox.revisions[-1] == last
        assert (await outbox.row())["due_at"] is None

    async def test_statuses_do_not_wait_for_the_hour(self, stage: Stage) -> None:
        budgets = Budgets(
            hourly=Budget(burst=1, per_minute=1 / 60), counting_hours=frozenset({"code"})
        )
        outbox = an_outbox(stage, budgets)
        await outbox.want(a_reply("1"), a_reply("2"), a_status())
        await outbox.stage.settle()
        sent = [(row["kind"], row["sent_revision"]) for row in await outbox.rows()]
        assert sorted(sent) == [("reply", 0), ("reply", 1), ("status", 1)]
        await outbox.stage.after(3_601)
        assert {row["sent_revision"] for row in await outbox.rows()} == {1}

    async def test_a_forge_that_counts_no_hours_has_none(self, stage: Stage) -> None:
        outbox = an_outbox(stage, Budgets(hourly=Budget(burst=1, per_minute=1 / 60)))
        await outbox.want(*(a_reply(str(at)) for at in range(20)))
        await outbox.stage.settle()
        assert len(outbox.publisher.sent) == 20

    async def test_two_replicas_share_a_budget(self, postgres_url: str) -> None:
        clock = FakeClock()
        budgets = Budgets(content=Budget(burst=10, per_minute=6))
        publisher = FakePublisher()
        server = Terrakube(clock=clock)
        async with open_stage(postgres_url, clock=clock, server=server) as one:
            async with open_stage(postgres_url, clock=clock, server=server) as two:
                for stage in (one, two):
                    posts = Posts(stage.database, stage.keeper, publisher, budgets=budgets)
                    stage.play(posts.worker)
                wanted = Work(posts=[a_reply(str(at)) for at in range(30)])
                await one.database.write(apply_work, wanted, one.database.now())
                await one.settle()
                await two.settle()
                assert len(publisher.sent) == 10
                for _ in range(21):
                    clock.advance(10)
                    await one.settle()
                    await two.settle()
        assert len(publisher.sent) == 30
        assert len({post_id for post_id, _ in publisher.sent}) == 30

    async def test_an_account_wide_limit_stops_everything_of_that_forge(
        self, outbox: Outbox
    ) -> None:
        limited = TemporaryRemoteError(
            "403: secondary limit",
            service="code",
            status=403,
            retry_after=90.0,
            account_wide=True,
        )
        outbox.publisher.failures = [limited]
        await outbox.want(a_reply("1"))
        await outbox.stage.settle()
        await outbox.want(a_reply("2"), a_status(), REPORT)
        await outbox.stage.after(89)
        assert outbox.publisher.sent == []
        await outbox.stage.after(2)
        await outbox.stage.after(5)
        assert len(outbox.publisher.sent) == 4

    async def test_retry_after_holds_back_one_post_only(self, outbox: Outbox) -> None:
        outbox.publisher.failures = [
            TemporaryRemoteError("503", service="code", status=503, retry_after=90.0)
        ]
        await outbox.want(a_reply("1"))
        await outbox.stage.settle()
        await outbox.want(a_reply("2"))
        await outbox.stage.settle()
        assert len(outbox.publisher.sent) == 1
        await outbox.stage.after(91)
        assert len(outbox.publisher.sent) == 2


class TestTrouble:
    async def test_an_outage_is_outlived(self, outbox: Outbox) -> None:
        outbox.publisher.failures = [TemporaryRemoteError("down", service="code")] * 20
        await outbox.want(REPORT)
        for _ in range(30):
            await outbox.stage.after(300)
        row = await outbox.row()
        assert (outbox.revisions, row["dead"], row["failures"]) == ([1], 0, 0)

    async def test_what_was_set_aside_is_tried_again_when_its_report_changes(
        self, outbox: Outbox
    ) -> None:
        outbox.publisher.failures = [
            PermanentRemoteError("POST status: answered 403", service="code", status=403)
        ]
        await outbox.want(REPORT)
        await outbox.stage.settle()
        assert (await outbox.row())["dead"] == 1
        await outbox.touch()
        await outbox.stage.settle()
        row = await outbox.row()
        assert (outbox.revisions, row["dead"], row["failures"]) == ([2], 0, 0)

    async def test_what_is_refused_for_good_is_set_aside_and_shown(
        self, outbox: Outbox, logs: list[EventDict]
    ) -> None:
        outbox.publisher.failures = [
            PermanentRemoteError("POST comment: answered 422", service="code", status=422)
        ]
        await outbox.want(REPORT)
        await outbox.stage.settle()
        row = await outbox.row()
        assert (row["dead"], row["due_at"], row["last_error"]) == (
            1,
            None,
            "PermanentRemoteError: POST comment: answered 422",
        )
        assert "post.dead" in [entry["event"] for entry in logs]
        (found,) = await outbox.stage.database.read(failed_posts)
        assert (found.target, found.kind, found.reason) == (
            f"report:{REPOSITORY.key}:3",
            "report",
            row["last_error"],
        )
        assert outbox.publisher.sent == []

        await outbox.stage.database.write(revive_post, found.id, outbox.stage.database.now())
        await outbox.stage.settle()
        assert outbox.revisions == [1]
        assert await outbox.stage.database.read(failed_posts) == []
        with pytest.raises(UserError, match="was not set aside"):
            await outbox.stage.database.write(revive_post, found.id, 0)

    async def test_one_wanted_again_comes_back_to_life(self, outbox: Outbox) -> None:
        outbox.publisher.failures = [NotFoundError("404", service="code", status=404)]
        await outbox.want(REPORT)
        await outbox.stage.settle()
        await outbox.want(REPORT)
        await outbox.stage.settle()
        assert outbox.revisions == [2]

    async def test_a_refused_credential_kills_no_post(self, outbox: Outbox) -> None:
        """An operator's matter: the final statuses must still come when it is mended."""
        outbox.publisher.failures = [NotAllowedError("401", service="code", status=401)]
        await outbox.want(a_status())
        await outbox.stage.settle()
        assert (await outbox.row())["dead"] == 0
        await outbox.stage.after(301)
        assert outbox.revisions == [1]

    async def test_a_bug_is_tried_some_times_and_then_set_aside(self, outbox: Outbox) -> None:
        outbox.publisher.failures = [ValueError("a bug")] * 100
        await outbox.want(REPORT)
        for _ in range(20):
            await outbox.stage.after(300)
        row = await outbox.row()
        assert (row["dead"], row["last_error"]) == (1, "ValueError: a bug")
        assert len(outbox.publisher.seen) == MAX_FAILURES

    async def test_without_its_lease_a_post_is_not_sent(
        self, outbox: Outbox, logs: list[EventDict]
    ) -> None:
        async def freeze(wanted: Post, lease: PostLease) -> None:
            outbox.stage.boot += 31

        outbox.publisher.during = freeze
        await outbox.want(REPORT)
        await outbox.stage.idle_except_leases()
        assert outbox.publisher.sent == []
        assert "row.lost" in [entry["event"] for entry in logs]

    async def test_ids_are_not_stored_by_who_lost_the_post(self, outbox: Outbox) -> None:
        refused: list[Exception] = []

        async def lose(wanted: Post, lease: PostLease) -> None:
            outbox.publisher.during = None
            await outbox.stage.database.write(_take_over)
            try:
                await lease.save([RemotePart(id="1", hash="x")])
            except LeaseLostError as error:
                refused.append(error)
                raise

        outbox.publisher.during = lose
        await outbox.want(REPORT)
        await outbox.stage.idle_except_leases()
        assert len(refused) == 1
        assert PARTS.load((await outbox.row())["parts"]) == ()

    async def test_stopping_gives_what_was_not_sent_back(self, database_url: str) -> None:
        clock = FakeClock()
        begun = asyncio.Event()

        async def hang(wanted: Post, lease: PostLease) -> None:
            begun.set()
            await asyncio.Event().wait()

        publisher = FakePublisher(during=hang)
        async with open_stage(database_url, clock=clock, grace=0.01) as stage:
            posts = Posts(stage.database, stage.keeper, publisher)
            await stage.database.write(apply_work, Work(posts=[REPORT]), stage.database.now())
            stage.play(posts.worker)
            await stage.wake()
            await begun.wait()
        publisher.during = None
        async with open_stage(database_url, clock=clock) as stage:
            stage.play(Posts(stage.database, stage.keeper, publisher).worker)
            await stage.settle()
        assert [revision for _, revision in publisher.sent] == [1]


def _take_over(connection: Connection) -> None:
    connection.execute(update(post).values(fence=post.c.fence + 1))
