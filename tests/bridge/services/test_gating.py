"""Asking the gates again, right before an apply is created."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from bridge.domain.errors import PermanentRemoteError, RemoteError, TemporaryRemoteError
from bridge.domain.rules import ApplyPolicy, Gate, Policy
from bridge.domain.runs import Reviewed, Run, RunOptions, RunPhase, RunState, Verb
from bridge.domain.vcs import (
    CommitStatus,
    PullRequest,
    PullRequestRef,
    PullRequestState,
    Reviews,
    StatusState,
)
from bridge.services.gating import Gating
from tests.bridge.decisions.applying import INFRA, NETWORK, a_plan, a_pull_request
from tests.fakes.forge import BASE, FakeForge
from tests.fakes.store import FakeRunStore

REF = PullRequestRef(repository=INFRA, number=1)
REVIEWED = Reviewed(run_id="run-network", digest="json1:1")
EVERYTHING = ApplyPolicy(
    require=(Gate.APPROVED, Gate.MERGEABLE, Gate.UNDIVERGED), statuses=("ci/test",)
)


@dataclass(slots=True)
class TroubledForge(FakeForge):
    """Fails to say how a pull request was reviewed."""

    trouble: list[RemoteError] = field(default_factory=list)

    async def reviews(self, pull_request: PullRequest) -> Reviews:
        if self.trouble:
            raise self.trouble[0]
        return Reviews(approved=True, approved_by=("bob",))


@pytest.fixture
def forge() -> TroubledForge:
    """Every gate is open."""
    forge = TroubledForge(pulls={1: a_pull_request()})
    forge.ancestors.add((BASE, a_pull_request().head_sha))
    forge.set_statuses.append(
        (
            a_pull_request().head_sha,
            CommitStatus(context="ci/test", state=StatusState.SUCCESS, description=""),
        )
    )
    return forge


def an_apply(verb: Verb = Verb.APPLY, **changes: object) -> Run:
    plan = a_plan()
    request = replace(plan.request, verb=verb, applies=True, reviewed=REVIEWED)
    fields = {"id": "run-apply", "request": request, "phase": RunPhase.PLANNED}
    return replace(plan, state=RunState.QUEUED, **{**fields, **changes})  # type: ignore[arg-type]  # named by each test


def gating(forge: FakeForge, *runs: Run, policy: Policy | None = None) -> Gating:
    return Gating(
        forges={"code": forge},
        store=FakeRunStore(runs={one.id: one for one in runs}),
        policy=policy or Policy(apply=EVERYTHING),
    )


async def test_an_apply_whose_gates_are_open_is_created(forge: TroubledForge) -> None:
    assert await gating(forge, a_plan()).objection(an_apply()) == ""


async def test_facts_are_those_the_gates_need(forge: TroubledForge) -> None:
    every = await gating(forge).facts(a_pull_request(), {NETWORK: None})
    assert every.reviews == Reviews(approved=True, approved_by=("bob",))
    assert every.mergeability
    assert every.mergeability.mergeable
    assert [one.context for one in every.statuses or ()] == ["ci/test"]
    assert every.diverged is False
    none = await gating(forge, policy=Policy(apply=ApplyPolicy(require=()))).facts(
        a_pull_request(), {}, options=RunOptions(refresh=False)
    )
    assert (none.reviews, none.mergeability, none.statuses, none.diverged) == (None,) * 4
    assert none.options == RunOptions(refresh=False)


async def test_a_base_branch_that_is_gone_leaves_its_gate_shut(forge: TroubledForge) -> None:
    forge.heads.clear()
    assert (await gating(forge).facts(a_pull_request(), {})).diverged is None


@pytest.mark.parametrize("error", [TemporaryRemoteError, PermanentRemoteError])
async def test_whoever_asks_is_told_that_the_forge_does_not_say(
    forge: TroubledForge, error: type[RemoteError]
) -> None:
    forge.trouble.append(error("no answer", service="code"))
    assert (await gating(forge).facts(a_pull_request(), {})).reviews is None


async def test_a_forge_that_does_not_answer_is_asked_again_before_a_job_is_created(
    forge: TroubledForge,
) -> None:
    forge.trouble.append(TemporaryRemoteError("no answer", service="code"))
    with pytest.raises(TemporaryRemoteError):
        await gating(forge, a_plan()).objection(an_apply())
    forge.trouble[0] = PermanentRemoteError("answered 403", service="code", status=403)
    said = await gating(forge, a_plan()).objection(an_apply())
    assert "The forge did not say whether this pull request is approved" in said


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"state": PullRequestState.MERGED}, "This pull request is merged."),
        ({"draft": True, "from_fork": True}, "The code of a fork is planned at most"),
        ({"head_sha": "f" * 40}, "which is not the head of this pull request"),
    ],
)
async def test_what_changed_since_it_was_asked_for_is_an_objection(
    forge: TroubledForge, changes: dict[str, object], told: str
) -> None:
    forge.pulls[1] = a_pull_request(**changes)
    assert told in await gating(forge, a_plan()).objection(an_apply())


@pytest.mark.parametrize("plan", [None, a_plan(state=RunState.FAILED)])
async def test_it_is_the_reviewed_plan_that_counts(forge: TroubledForge, plan: Run | None) -> None:
    newest = a_plan(id="run-newer")
    known = [newest, plan] if plan else [newest]
    said = await gating(forge, *known).objection(an_apply())
    assert said.startswith("Before it started, something came in the way. planned: ")
    assert said.endswith(" Then say `terrakube apply`.")
    assert "\n" not in said  # it stands in a line of the living comment
    newer = a_plan(id="run-newer", state=RunState.FAILED)
    assert await gating(forge, a_plan(), newer).objection(an_apply()) == ""


async def test_what_was_asked_for_through_two_doors_is_applied_once(forge: TroubledForge) -> None:
    first = an_apply(id="run-first", phase=RunPhase.FINISHED)
    said = await gating(forge, a_plan(), first).objection(an_apply())
    assert said == ""  # the first one came to nothing
    done = replace(first, state=RunState.SUCCEEDED)
    said = await gating(forge, a_plan(), done).objection(an_apply())
    assert said == "alice was first: the same plan is applied already."


async def test_a_destroy_has_gates_of_its_own(forge: TroubledForge) -> None:
    destroy = an_apply(Verb.DESTROY)
    off = await gating(forge, a_plan()).objection(destroy)
    assert off == "`destroy` was switched off before it started."
    policy = Policy(apply=EVERYTHING, destroy=ApplyPolicy(require=()))
    wrong = await gating(forge, a_plan(), policy=policy).objection(destroy)
    assert "Planned to be changed, not to be destroyed" in wrong
    plan = a_plan(options=RunOptions(destroy=True))
    assert await gating(forge, plan, policy=policy).objection(destroy) == ""


async def test_runs_that_nothing_was_reviewed_for_have_no_gates(forge: TroubledForge) -> None:
    assert await gating(forge).objection(a_plan()) == ""


async def test_applies_that_start_at_the_same_time_share_what_was_asked_of_their_head(
    forge: TroubledForge,
) -> None:
    many = gating(forge, a_plan())
    await asyncio.gather(*(many.objection(an_apply(id=f"run-{number}")) for number in range(20)))
    assert len(forge.ignored) == 1
    moved = replace(a_pull_request(), head_sha="b" * 40)
    forge.pulls[1] = moved
    assert await many.objection(an_apply())
    assert len(forge.ignored) == 2


async def test_a_gate_that_was_shut_is_looked_at_anew(forge: TroubledForge) -> None:
    asked = gating(forge, a_plan())
    forge.trouble.append(PermanentRemoteError("answered 403", service="code", status=403))
    assert await asked.objection(an_apply())
    forge.trouble.clear()
    assert await asked.objection(an_apply()) == ""
