"""The watch over statuses and locks: what it finds, and what it leaves alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from bridge.domain.errors import LeaseLostError, NotAllowedError, NotFoundError, RemoteError
from bridge.domain.events import PullRequestClosed
from bridge.domain.holds import Hold
from bridge.domain.posts import Resend, StatusPost
from bridge.domain.reports import CommitReport
from bridge.domain.rules import Policy
from bridge.domain.vcs import (
    CommitStatus,
    PullRequestRef,
    PullRequestState,
    RepositoryRef,
    StatusState,
)
from bridge.domain.work import Verdict
from bridge.services.noticing import SLOT, decode_event
from bridge.services.watching import LockWatch, StatusWatch
from tests.bridge.store.rows import a_workspace
from tests.fakes.clock import FakeClock
from tests.fakes.forge import HEAD, INFRA, MERGE, FakeForge, a_pull_request
from tests.fakes.store import FakeRunStore, a_record

OTHER = "d" * 40
KEY = f"status:code:7:{HEAD}:terrakube/plan"


@dataclass(slots=True)
class Forge(FakeForge):
    """Some commits' statuses cannot be read."""

    unreadable: dict[str, RemoteError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def statuses(self, repository: RepositoryRef, sha: str) -> Sequence[CommitStatus]:
        self.asked.append(sha)
        if sha in self.unreadable:
            raise self.unreadable[sha]
        return await FakeForge.statuses(self, repository, sha)


@dataclass(slots=True)
class World:
    forge: Forge = field(default_factory=Forge)
    store: FakeRunStore = field(default_factory=lambda: FakeRunStore(repositories=[INFRA]))
    clock: FakeClock = field(default_factory=FakeClock)
    lost: bool = False

    def check(self) -> None:
        if self.lost:
            raise LeaseLostError

    async def statuses(self) -> Sequence[Resend]:
        watch = StatusWatch(
            forge=self.forge,
            store=self.store,
            policy=Policy(),
            redact=lambda text: text.replace("s3cret", "***"),
        )
        return await watch.compare(self.check)

    async def locks(self) -> list[PullRequestClosed]:
        watch = LockWatch(forge=self.forge, store=self.store, clock=self.clock)
        events = [decode_event(one) for one in await watch.compare()]
        assert all(isinstance(one, PullRequestClosed) for one in events)
        return [one for one in events if isinstance(one, PullRequestClosed)]

    def pull_request(self, number: int, sha: str) -> PullRequestRef:
        """Let the forge and the store hold a pull request that affects nothing."""
        found = a_pull_request(number, head_sha=sha)
        self.forge.pulls[number] = found
        verdict = Verdict(head_sha=sha, kind="nothing", text="")
        self.store.records[found.ref.key] = a_record(found, verdict=verdict)
        report = CommitReport(repository=INFRA, sha=sha, verdicts=(verdict,), runs=())
        self.store.commit_reports = {**self.store.commit_reports, (INFRA.key, sha): report}
        key = f"status:code:7:{sha}:terrakube/plan"
        plan = StatusPost(key=key, context="terrakube/plan", content=None, revision=3)
        self.store.statuses[INFRA.key, sha] = [plan]
        return found.ref

    def lock(self, ref: PullRequestRef, since: datetime) -> None:
        workspace = a_workspace(f"w{ref.number}")
        self.store.held[workspace.id] = Hold(
            workspace=workspace, pull_request=ref, actor="alice", web_url="", since=since
        )


@pytest.fixture
def world() -> World:
    """One open pull request, whose plan status says what it should."""
    world = World()
    ref = world.pull_request(1, HEAD)
    world.lock(ref, world.clock.now())
    said(world, "success", "No workspace is affected.")
    return world


def said(world: World, state: str, text: str, sha: str = HEAD) -> None:
    status = CommitStatus(context="terrakube/plan", state=StatusState(state), description=text)
    world.forge.set_statuses.append((sha, status))


class TestStatuses:
    async def test_what_is_as_it_should_be_is_left_alone(self, world: World) -> None:
        assert list(await world.statuses()) == []

    async def test_one_that_stays_pending_is_sent_again(self, world: World) -> None:
        said(world, "pending", "The plans are about to start.")
        assert list(await world.statuses()) == [Resend(key=KEY, revision=3)]

    async def test_what_is_fixed_is_compared_as_it_is_sent(self, world: World) -> None:
        fixed = StatusPost(
            key=KEY, context="terrakube/plan", content="error It is s3cret", revision=1
        )
        world.store.statuses[INFRA.key, HEAD] = [fixed]
        said(world, "error", "It is ***")
        assert list(await world.statuses()) == []

    async def test_a_commit_that_cannot_be_read_does_not_hide_the_others(
        self, world: World
    ) -> None:
        world.pull_request(2, OTHER)
        denied = NotAllowedError("GET statuses: 403", service="code", status=403)
        world.forge.unreadable[HEAD] = denied
        key = f"status:code:7:{OTHER}:terrakube/plan"
        assert list(await world.statuses()) == [Resend(key=key, revision=3)]

    async def test_two_pull_requests_with_one_head_cost_one_question(self, world: World) -> None:
        world.pull_request(2, HEAD)
        await world.statuses()
        assert world.forge.asked == [HEAD]

    async def test_closed_ones_and_those_without_statuses_cost_none(self, world: World) -> None:
        ref = world.pull_request(2, OTHER)
        world.store.records[ref.key] = replace(world.store.records[ref.key], state="closed")
        world.store.statuses[INFRA.key, HEAD] = []
        assert (list(await world.statuses()), world.forge.asked) == ([], [])

    async def test_whoever_lost_the_lease_asks_nothing_more(self, world: World) -> None:
        world.lost = True
        with pytest.raises(LeaseLostError):
            await world.statuses()
        assert world.forge.asked == []


class TestLocks:
    async def test_an_open_pull_request_keeps_what_it_has_locked(self, world: World) -> None:
        assert await world.locks() == []

    @pytest.mark.parametrize("merged", [False, True])
    async def test_one_that_closed_unnoticed_is_told_like_a_delivery(
        self, world: World, *, merged: bool
    ) -> None:
        state = PullRequestState.MERGED if merged else PullRequestState.CLOSED
        commit = MERGE if merged else None
        closed = a_pull_request(1, state=state, merge_commit=commit)
        world.forge.pulls[1] = closed
        now = world.clock.now()
        assert await world.locks() == [
            PullRequestClosed(
                delivery_id=f"pr:code:7:1:unlocked/{int(now.timestamp()) // SLOT}",
                received_at=now,
                actor="terrakube-bridge",
                repository=INFRA,
                pull_request=closed.ref,
                head_sha=HEAD,
                head_branch="feature",
                base_branch="main",
                from_fork=False,
                updated_at=closed.updated_at,
                merged=merged,
                merge_commit=commit,
            )
        ]

    async def test_one_that_is_known_to_be_closed_is_told_no_more(self, world: World) -> None:
        record = world.store.records["pr:code:7:1"]
        world.store.records["pr:code:7:1"] = replace(record, state="closed")
        world.forge.pulls[1] = a_pull_request(1, state=PullRequestState.CLOSED)
        assert await world.locks() == []

    async def test_one_that_cannot_be_read_keeps_its_lock_and_hides_no_other(
        self, world: World
    ) -> None:
        """Gone, or a credential that lost its rights: nobody can tell."""
        gone = world.forge.pulls.pop(1)
        with pytest.raises(NotFoundError):
            await world.forge.pull_request(gone.ref)
        world.lock(world.pull_request(2, OTHER), world.clock.now())
        world.forge.pulls[2] = replace(world.forge.pulls[2], state=PullRequestState.CLOSED)
        assert [one.pull_request.number for one in await world.locks()] == [2]
