"""Posts are brought to the forge once, whatever happens between a call and its answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from bridge.domain.errors import (
    LeaseLostError,
    NotAllowedError,
    NotFoundError,
    TemporaryRemoteError,
)
from bridge.domain.posts import Post, PostKind, PostTarget, RemotePart
from bridge.domain.rules import Policy
from bridge.domain.runs import RunState
from bridge.domain.vcs import CommitStatus, StatusState
from bridge.ports import PostLease, Published
from bridge.rendering.markers import Markers
from bridge.services.publishing import PublishService
from tests.bridge.rendering.reports import (
    HEAD,
    INFRA,
    PULL_REQUEST,
    a_commit_report,
    a_plan,
    a_pull_request_report,
    a_report,
    a_run,
    a_verdict,
)
from tests.fakes.forge import FakeForge
from tests.fakes.store import FakeRunStore

MARKERS = Markers(b"key")
REPORT = Post(
    id="01JD0000000000000000000001",
    kind=PostKind.REPORT,
    target=PostTarget(repository=INFRA, number=1),
    report=PULL_REQUEST.key,
    content=None,
    revision=1,
    parts=(),
    attempt=1,
)
REPLY = replace(
    REPORT,
    kind=PostKind.REPLY,
    target=PostTarget(repository=INFRA, number=1, comment_id="9"),
    content="Done.",
)
REACTION = replace(
    REPORT,
    kind=PostKind.REACTION,
    target=PostTarget(repository=INFRA, comment_id="9", content="eyes"),
)
STATUS = replace(
    REPORT,
    kind=PostKind.STATUS,
    target=PostTarget(repository=INFRA, sha=HEAD, context="terrakube/plan"),
)
LOST = TemporaryRemoteError("answered 500", service="code", status=500)


@dataclass(slots=True)
class FakeLease:
    """Remembers what was saved; is lost after so many saves."""

    saved: list[tuple[RemotePart, ...]] = field(default_factory=list)
    lost_after: int | None = None
    lost: bool = False

    def check(self) -> None:
        if self.lost:
            raise LeaseLostError

    async def save(self, parts: Sequence[RemotePart]) -> None:
        if self.lost_after is not None and len(self.saved) >= self.lost_after:
            raise LeaseLostError
        self.saved.append(tuple(parts))

    async def pay(self, purpose: str, place: str = "", *, gap: float = 0.0) -> None:
        pytest.fail("a forge takes no chat's budget")


@dataclass(slots=True)
class FakeMerging:
    """Merges at once, and remembers which posts asked for it."""

    asked: list[Post] = field(default_factory=list)

    async def merge(self, post: Post, lease: PostLease) -> Published:
        self.asked.append(post)
        return Published(parts=(), writes=1)


@dataclass(slots=True)
class World:
    """A forge, a store, and what the post remembers between two attempts."""

    forge: FakeForge = field(default_factory=FakeForge)
    store: FakeRunStore = field(default_factory=FakeRunStore)
    policy: Policy = field(default_factory=Policy)
    merging: FakeMerging = field(default_factory=FakeMerging)

    @property
    def service(self) -> PublishService:
        return PublishService(
            forges={"code": self.forge},
            store=self.store,
            policy=self.policy,
            markers=MARKERS,
            merging=self.merging,
        )

    def says(self, *plans: str) -> None:
        """Let the report hold these plans."""
        runs = [a_report(a_run(f"w{n}", counts=(1, 0, 0)), plan=p) for n, p in enumerate(plans)]
        self.store.reports = {PULL_REQUEST.key: a_pull_request_report(*runs)}

    async def publish(self, post: Post, lease: FakeLease | None = None) -> Published:
        return await self.service.publish(post, lease or FakeLease())

    @property
    def bodies(self) -> list[str]:
        return [comment.body for _, comment in self.forge.comments.values()]


@pytest.fixture
def world() -> World:
    world = World()
    world.says(a_plan(1))
    return world


async def test_a_report_becomes_a_comment_with_a_marker(world: World) -> None:
    lease = FakeLease()
    published = await world.publish(REPORT, lease)
    (body,) = world.bodies
    assert MARKERS.matches(body, REPORT, 1)
    assert "\n### Terrakube at `4b825dc6`: ✅ 1 planned\n" in body
    assert published.writes == 1
    # The place is stored before the comment is created, the id right after.
    assert lease.saved == [(RemotePart(id="", hash=""),), published.parts]
    assert published.parts[0].id == "100"


async def test_an_unchanged_report_is_not_sent_again(world: World) -> None:
    first = await world.publish(REPORT)
    lease = FakeLease()
    again = await world.publish(replace(REPORT, parts=first.parts), lease)
    assert again == Published(parts=first.parts, writes=0)
    assert lease.saved == []


async def test_a_changed_report_is_edited_in_place(world: World) -> None:
    first = await world.publish(REPORT)
    world.says(a_plan(2))
    again = await world.publish(replace(REPORT, parts=first.parts))
    assert again.writes == 1
    assert [part.id for part in again.parts] == ["100"]
    assert "many[1]" in world.bodies[0]


async def test_only_the_parts_that_changed_are_sent(world: World) -> None:
    plans = [a_plan(400, value="first"), a_plan(250, value="second")]
    world.says(*plans)
    first = await world.publish(REPORT)
    assert len(first.parts) == 2
    world.says(plans[0], a_plan(250, value="SECOND"))
    again = await world.publish(replace(REPORT, parts=first.parts))
    assert again.writes == 1
    assert again.parts[0] == first.parts[0]


async def test_every_comment_keeps_the_limit_with_its_marker(world: World) -> None:
    world.forge.comment_limit = 4_000
    world.says(a_plan(500))
    await world.publish(REPORT)
    assert len(world.bodies) == 3
    assert max(map(world.forge.measure, world.bodies)) <= 4_000
    assert [MARKERS.matches(body, REPORT, n) for n, body in enumerate(world.bodies, 1)] == [
        True
    ] * 3


async def test_continuations_that_are_not_needed_are_deleted(world: World) -> None:
    world.says(a_plan(3_000))
    first = await world.publish(REPORT)
    assert len(first.parts) == 3
    world.says(a_plan(1))
    lease = FakeLease()
    again = await world.publish(replace(REPORT, parts=first.parts), lease)
    assert len(world.bodies) == len(again.parts) == len(lease.saved[-1]) == 1
    assert again.writes == 3


async def test_a_deleted_comment_is_written_anew(world: World) -> None:
    first = await world.publish(REPORT)
    world.forge.comments.clear()
    world.says(a_plan(2))
    again = await world.publish(replace(REPORT, parts=first.parts))
    assert (len(world.bodies), again.writes) == (1, 1)


async def test_a_500_after_the_comment_was_stored_makes_no_second_one(world: World) -> None:
    world.forge.fail_after.append(LOST)
    lease = FakeLease()
    with pytest.raises(TemporaryRemoteError):
        await world.publish(REPORT, lease)
    again = await world.publish(replace(REPORT, parts=lease.saved[-1], attempt=2))
    assert (len(world.bodies), again.writes) == (1, 0)
    assert again.parts[0].id == "100"


async def test_a_death_between_create_and_save_makes_no_second_comment(world: World) -> None:
    lease = FakeLease(lost_after=1)
    with pytest.raises(LeaseLostError):
        await world.publish(REPORT, lease)
    world.says(a_plan(2))  # and the text went on changing
    again = await world.publish(replace(REPORT, parts=lease.saved[-1], revision=2))
    assert (len(world.bodies), again.writes) == (1, 1)
    assert "many[1]" in world.bodies[0]


async def test_a_death_while_replacing_a_deleted_comment_makes_no_second_one(world: World) -> None:
    first = await world.publish(REPORT)
    world.forge.comments.clear()
    world.says(a_plan(2))
    lease = FakeLease(lost_after=1)
    with pytest.raises(LeaseLostError):
        await world.publish(replace(REPORT, parts=first.parts), lease)
    again = await world.publish(replace(REPORT, parts=lease.saved[-1]))
    assert (len(world.bodies), again.writes) == (1, 0)


async def test_a_continuation_that_a_dead_attempt_left_behind_is_found_and_deleted(
    world: World,
) -> None:
    world.says(a_plan(3_000))
    lease = FakeLease(lost_after=5)  # the third comment exists, its id is not stored
    with pytest.raises(LeaseLostError):
        await world.publish(REPORT, lease)
    assert [part.id for part in lease.saved[-1]] == ["100", "101", ""]
    world.says(a_plan(1))
    again = await world.publish(replace(REPORT, parts=lease.saved[-1]))
    assert len(world.bodies) == len(again.parts) == 1


async def test_a_first_comment_needs_no_look_at_what_others_wrote(world: World) -> None:
    """An outsider may write more than can be read, and would bury the report."""
    world.forge.buried = True
    world.says(a_plan(3_000))
    first = await world.publish(REPORT)
    assert (len(world.bodies), first.writes) == (3, 3)
    world.says(a_plan(1))
    again = await world.publish(replace(REPORT, parts=first.parts))
    assert (len(world.bodies), len(again.parts)) == (1, 1)


async def test_a_comment_that_may_exist_is_not_written_while_it_cannot_be_seen(
    world: World,
) -> None:
    world.forge.fail_after.append(LOST)
    lease = FakeLease()
    with pytest.raises(TemporaryRemoteError):
        await world.publish(REPORT, lease)
    unknown = replace(REPORT, parts=lease.saved[-1], attempt=2)
    world.forge.buried = True
    with pytest.raises(TemporaryRemoteError, match="cannot be seen: GET comments") as caught:
        await world.publish(unknown)
    assert (len(world.bodies), caught.value.retry_after) == (1, 300.0)
    world.forge.buried = False
    assert (await world.publish(unknown)).writes == 0
    assert len(world.bodies) == 1


async def test_of_two_comments_with_one_marker_one_stays(world: World) -> None:
    marker = MARKERS.make(REPORT, 1)
    for text in ("one", "two"):
        world.forge.say(1, f"{marker}\n{text}", author=world.forge.login)
    published = await world.publish(REPORT)
    assert len(world.bodies) == 1
    assert published.parts[0].id == "100"


@pytest.mark.parametrize(
    ("body", "author"),
    [
        (MARKERS.make(REPORT, 1), "mallory"),
        (f"Look: {MARKERS.make(REPORT, 1)}", "bridge-bot"),
        (MARKERS.make(REPORT, 2), "bridge-bot"),
        (MARKERS.make(replace(REPORT, id="01JD0000000000000000000002"), 1), "bridge-bot"),
        (Markers(b"another key").make(REPORT, 1), "bridge-bot"),
    ],
)
async def test_a_comment_that_is_not_this_one_is_not_adopted(
    world: World, body: str, author: str
) -> None:
    world.forge.say(1, body, author=author)
    await world.publish(REPORT)
    assert world.bodies[0] == body
    assert len(world.bodies) == 2


async def test_what_somebody_wrote_into_our_comment_is_repaired(world: World) -> None:
    """Whoever has write permission may edit it; then the handler asks to send it again."""
    first = await world.publish(REPORT)
    original = world.bodies[0]
    await world.forge.edit_comment(INFRA, "100", "Approved, go ahead!")
    forgotten = tuple(replace(part, hash="") for part in first.parts)
    again = await world.publish(replace(REPORT, parts=forgotten))
    assert again.writes == 1
    assert world.bodies == [original]


async def test_nothing_is_written_once_the_lease_is_lost(world: World) -> None:
    with pytest.raises(LeaseLostError):
        await world.publish(REPORT, FakeLease(lost=True))
    assert world.forge.writes == 0
    first = await world.publish(REPORT)
    world.says(a_plan(2))
    with pytest.raises(LeaseLostError):
        await world.publish(replace(REPORT, parts=first.parts), FakeLease(lost=True))
    assert world.forge.writes == 1


async def test_without_a_report_there_is_nothing_to_say(world: World) -> None:
    world.store.reports = {}
    assert await world.publish(REPORT) == Published(parts=(), writes=0)
    assert world.bodies == []


async def test_a_reply_that_is_too_long_is_shortened(world: World) -> None:
    """The forge would refuse it for ever."""
    world.forge.comment_limit = 300
    long = "\n\n".join(f"`line {number}` is not understood." for number in range(50))
    await world.publish(replace(REPLY, content=long))
    (body,) = world.bodies
    assert world.forge.measure(body) <= 300
    assert body.startswith(f"{MARKERS.make(REPLY, 1)}\n`line 0` is not understood.\n\n`line 1`")
    assert body.endswith("_The answer was too long for a comment: 45 more paragraphs left out._")


async def test_a_reply_is_said_once(world: World) -> None:
    first = await world.publish(REPLY)
    again = await world.publish(replace(REPLY, parts=first.parts))
    assert world.bodies == [f"{MARKERS.make(REPLY, 1)}\nDone."]
    assert (first.writes, again.writes) == (1, 0)


async def test_a_status_is_set_when_it_changes(world: World) -> None:
    key = (INFRA.key, HEAD)
    verdicts = (a_verdict(),)
    running = a_commit_report(a_report(a_run(state=RunState.RUNNING)), verdicts=verdicts)
    done = a_commit_report(a_report(a_run(counts=(1, 0, 0))), verdicts=verdicts)
    post = STATUS
    for report in (running, running, done, done):
        world.store.commit_reports = {key: report}
        published = await world.publish(post)
        post = replace(post, parts=published.parts)
    url = done.runs[0].job_url
    assert [status for _, status in world.forge.set_statuses] == [
        CommitStatus(
            context="terrakube/plan",
            state=StatusState.PENDING,
            description="1 planning",
            target_url=url,
        ),
        CommitStatus(
            context="terrakube/plan",
            state=StatusState.SUCCESS,
            description="1 planned: 1 to add, 0 to change, 0 to destroy",
            target_url=url,
        ),
    ]


async def test_a_status_that_has_nothing_to_say_is_not_set(world: World) -> None:
    assert await world.publish(STATUS) == Published(parts=(), writes=0)
    assert world.forge.set_statuses == []


async def test_a_reaction_is_given_once(world: World) -> None:
    first = await world.publish(REACTION)
    again = await world.publish(replace(REACTION, parts=first.parts))
    assert world.forge.reactions == [("9", "eyes")]
    assert (first.writes, again.writes) == (1, 0)


async def test_a_reaction_that_is_not_allowed_is_done_without(world: World) -> None:
    world.forge.failures = [NotAllowedError("not allowed", service="code", status=403)]
    published = await world.publish(REACTION)
    assert (len(published.parts), published.writes) == (1, 0)
    world.forge.failures = [NotAllowedError("bad token", service="code", status=401)]
    with pytest.raises(NotAllowedError):
        await world.publish(REACTION)


async def test_a_forge_that_was_taken_out_of_the_settings_is_named(world: World) -> None:
    target = PostTarget(repository=replace(INFRA, forge="gone"), number=1)
    with pytest.raises(NotFoundError, match="'gone' is no longer configured"):
        await world.publish(replace(REPORT, target=target))


async def test_a_status_that_was_written_out_needs_no_report(world: World) -> None:
    fixed = replace(STATUS, content="success planned at the pull request's head")
    published = await world.publish(fixed)
    assert world.forge.set_statuses == [
        (
            HEAD,
            CommitStatus(
                context="terrakube/plan",
                state=StatusState.SUCCESS,
                description="planned at the pull request's head",
            ),
        )
    ]
    again = await world.publish(replace(fixed, parts=published.parts))
    assert again == Published(parts=published.parts, writes=0)


async def test_a_merge_is_no_text(world: World) -> None:
    wanted = replace(
        REPORT,
        kind=PostKind.MERGE,
        target=PostTarget(repository=INFRA, number=1, sha=HEAD, content="merge"),
    )
    assert await world.publish(wanted) == Published(parts=(), writes=1)
    assert (world.merging.asked, world.forge.writes) == ([wanted], 0)
