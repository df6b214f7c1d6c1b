"""A pull request is merged once, after everything is applied, whatever happens in between."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bridge.domain.errors import (
    LeaseLostError,
    NotAllowedError,
    PermanentRemoteError,
    TemporaryRemoteError,
)
from bridge.domain.posts import (
    MERGED,
    REFUSED,
    SURELY_REFUSED,
    Post,
    PostKind,
    PostTarget,
    RemotePart,
)
from bridge.domain.posts import merge_refusal as refusal_of
from bridge.domain.runs import Reviewed, RunState, TemplateChoice, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import MergeMethod, PullRequestState
from bridge.domain.work import AuditEntry, Verdict
from bridge.ports import Published
from bridge.services.merging import PAUSES, MergeService
from tests.bridge.store.rows import a_request
from tests.fakes.clock import FakeClock
from tests.fakes.forge import HEAD, INFRA, MERGE, FakeForge, a_pull_request
from tests.fakes.runs import a_run
from tests.fakes.store import FakeRunStore, a_record

SPACE = WorkspaceRef(organization_id="o-1", organization="acme", id="w-1", name="network")
KEY = "pr:code:7:1"
POST = Post(
    id="01JD0000000000000000000001",
    kind=PostKind.MERGE,
    target=PostTarget(repository=INFRA, number=1, sha=HEAD, content="squash"),
    report=KEY,
    content=None,
    revision=1,
    parts=(),
    attempt=1,
)
REASON = "the forge refused to merge it: a review is missing"
NO = PermanentRemoteError(REASON, service="code", status=405)
TRYING = RemotePart(id="", hash="")
NOT = RemotePart(id=REASON, hash=REFUSED)
DONE = RemotePart(id=MERGE, hash=MERGED)
SAID = f"Merged {HEAD} (squash): all that was planned is applied."


@dataclass(slots=True)
class FakeLease:
    saved: list[tuple[RemotePart, ...]] = field(default_factory=list)
    lost: bool = False

    def check(self) -> None:
        if self.lost:
            raise LeaseLostError

    async def save(self, parts: Sequence[RemotePart]) -> None:
        self.saved.append(tuple(parts))

    async def pay(self, purpose: str, place: str = "", *, gap: float = 0.0) -> None:
        pytest.fail("a forge takes no chat's budget")


@dataclass(slots=True)
class World:
    forge: FakeForge = field(default_factory=FakeForge)
    store: FakeRunStore = field(default_factory=FakeRunStore)
    clock: FakeClock = field(default_factory=FakeClock)
    lease: FakeLease = field(default_factory=FakeLease)

    async def merge(self, *parts: RemotePart) -> Published:
        service = MergeService(
            forges={"code": self.forge},
            store=self.store,
            clock=self.clock,
            redact=lambda text: text.replace("s3cret", "***"),
        )
        return await service.merge(replace(POST, parts=parts), self.lease)

    def plan(self, *, applied: bool = True) -> None:
        """Let one workspace be planned, and perhaps applied."""
        request = replace(
            a_request(repository=INFRA, commit_id=HEAD, reports=(KEY,), pull_request=1),
            workspace=SPACE,
        )
        plan = a_run(request, id="plan", state=RunState.SUCCEEDED, plan_changes=True)
        wanted = replace(
            request,
            actor="bob",
            verb=Verb.APPLY,
            applies=True,
            template=TemplateChoice(reference="built-in"),
            reviewed=Reviewed(run_id="plan", digest=""),
        )
        state = RunState.SUCCEEDED if applied else RunState.FAILED
        apply = replace(plan, id="q", request=wanted, state=state, phase=plan.phase.FINISHED)
        self.store.runs = {one.id: one for one in (plan, apply)}


@pytest.fixture
def world() -> World:
    """Everything is applied, and nobody merged it."""
    world = World()
    world.forge.pulls[1] = a_pull_request()
    verdict = Verdict(head_sha=HEAD, kind="planning", text="", workspaces=1)
    world.store.records[KEY] = a_record(a_pull_request(), verdict=verdict)
    world.plan()
    return world


def audited(actor: str, result: str, detail: str) -> tuple[AuditEntry, ...]:
    entry = AuditEntry(
        actor=actor,
        action="pull_request.merged",
        door="bridge",
        subject=KEY,
        result=result,
        detail=detail,
    )
    return (entry,)


async def test_it_is_merged_when_everything_is_applied(world: World) -> None:
    published = await world.merge()
    assert published == Published(parts=(DONE,), writes=1, audits=audited("bob", "done", SAID))
    assert world.forge.merges == [(1, MergeMethod.SQUASH)]
    assert world.lease.saved == [(TRYING,)]


async def test_it_waits_without_asking_the_forge_while_something_is_not_applied(
    world: World,
) -> None:
    world.plan(applied=False)
    world.forge.pulls.clear()
    assert await world.merge() == Published(parts=(), writes=0)


async def test_a_merged_one_is_left_alone_for_good(world: World) -> None:
    world.forge.pulls.clear()
    assert await world.merge(DONE) == Published(parts=(DONE,), writes=0)


@pytest.mark.parametrize("state", [PullRequestState.OPEN, PullRequestState.MERGED])
async def test_a_try_whose_answer_was_lost_is_looked_at_before_another(
    world: World, state: PullRequestState
) -> None:
    """A crash or an outage between the merge and its being written down."""
    is_merged = state is PullRequestState.MERGED
    commit = MERGE if is_merged else None
    world.forge.pulls[1] = a_pull_request(state=state, merge_commit=commit)
    published = await world.merge(TRYING)
    assert published.parts == (DONE,)
    assert world.forge.merges == ([] if is_merged else [(1, MergeMethod.SQUASH)])
    lost = "It is merged; the answer to the bridge's try was lost."
    said = audited("terrakube-bridge", "done", lost) if is_merged else audited("bob", "done", SAID)
    assert published.audits == said


async def test_one_that_somebody_else_merged_is_nobodys_deed(world: World) -> None:
    world.forge.pulls[1] = a_pull_request(state=PullRequestState.MERGED)
    done = RemotePart(id="-", hash=MERGED)
    assert await world.merge() == Published(parts=(done,), writes=0)


async def test_another_head_is_not_merged(world: World) -> None:
    world.forge.pulls[1] = a_pull_request(head_sha="d" * 40)
    assert await world.merge() == Published(parts=(), writes=0)
    assert world.forge.merges == []


async def test_a_lost_lease_merges_nothing(world: World) -> None:
    world.lease.lost = True
    with pytest.raises(LeaseLostError):
        await world.merge()
    assert world.forge.merges == []


async def test_a_refusal_is_tried_again_a_few_times_and_then_told(world: World) -> None:
    parts: tuple[RemotePart, ...] = ()
    for number, pause in enumerate(PAUSES, start=1):
        world.forge.failures.append(NO)
        published = await world.merge(*parts)
        parts = published.parts
        again_at = world.clock.now() + timedelta(seconds=pause)
        assert published == Published(parts=(NOT,) * number, writes=1, again_at=again_at)
        # A status of the bridge's own may only just be on its way.
        assert refusal_of(parts) == (REASON if number >= SURELY_REFUSED else "")
    world.forge.failures.append(NO)
    published = await world.merge(*parts)
    assert published == Published(
        parts=(NOT,) * (len(PAUSES) + 1), writes=1, audits=audited("bob", "refused", REASON)
    )
    again = await world.merge(*published.parts)
    assert again == Published(parts=published.parts, writes=0)
    assert world.forge.merges == []


async def test_who_says_apply_again_lets_it_be_tried_again(world: World) -> None:
    """What was refused has no hash any more then; see PostUpsert.resend."""
    forgotten = replace(NOT, hash="")
    published = await world.merge(*[forgotten] * 5)
    assert published.parts == (DONE,)


async def test_secrets_in_a_refusal_are_masked(world: World) -> None:
    told = PermanentRemoteError("no\n s3cret", service="code", status=405)
    world.forge.failures.append(told)
    assert (await world.merge()).parts == (RemotePart(id="no ***", hash=REFUSED),)


@pytest.mark.parametrize(
    "error",
    [
        TemporaryRemoteError("answered 502", service="code", status=502),
        NotAllowedError("the token expired", service="code", status=401),
    ],
)
async def test_outages_are_the_engines_matter(world: World, error: Exception) -> None:
    world.forge.failures.append(error)  # type: ignore[arg-type]  # both are RemoteErrors
    with pytest.raises(type(error)):
        await world.merge()
    assert world.lease.saved == [(TRYING,)]
