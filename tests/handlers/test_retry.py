"""Retry through the router: what is planned again, and what is not."""

from typing import Any

import pytest

from bridge.domain.rules import Policy
from bridge.domain.runs import Reviewed, RunOptions, RunState, TemplateChoice, Verb
from bridge.domain.vcs import PullRequestState
from tests.handlers.conftest import World, posts, replies, runs

APPLY = Verb.APPLY
TARGETED = RunOptions(targets=("aws_vpc.x",))


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.ERROR, RunState.CANCELLED])
async def test_a_plan_that_came_to_no_good_end_is_made_again_as_it_was(
    world: World, state: RunState
) -> None:
    world.ran(state=state, options=TARGETED, template=TemplateChoice(reference="Plan and apply"))
    work = await world.say("terrakube retry")
    assert runs(work) == [("network", "Plan and apply", "a" * 40)]
    assert [one.options for one in work.runs] == [TARGETED]
    assert not replies(work)
    assert [(one.action, one.result) for one in work.audits] == [("retry.requested", "done")]


@pytest.mark.parametrize(
    "fields",
    [
        {"state": RunState.FAILED},
        {"state": RunState.CANCELLED},
        {"state": RunState.REJECTED, "delta": "new: aws_vpc.x (create)"},
    ],
)
async def test_an_apply_is_planned_again_first_and_that_is_said(
    world: World, fields: dict[str, Any]
) -> None:
    world.ran()
    world.ran(verb=APPLY, reviewed=Reviewed(run_id="run-1", digest=""), **fields)
    work = await world.say("terrakube retry")
    assert [(one.verb, one.applies) for one in work.runs] == [(Verb.PLAN, False)]
    assert replies(work) == ["Planned again first. Look at the plans, then say `terrakube apply`."]


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        (Verb.PLAN, {}),
        (Verb.PLAN, {"state": RunState.RUNNING}),
        (APPLY, {}),
        (APPLY, {"state": RunState.REJECTED, "decided_by": "bob"}),
        (Verb.PLAN, {"state": RunState.FAILED, "commit_id": "e" * 40}),
    ],
)
async def test_what_went_well_or_is_under_way_is_left_alone(
    world: World, verb: Verb, fields: dict[str, Any]
) -> None:
    world.ran(verb=verb, **fields)
    work = await world.say("terrakube retry -w network")
    assert not work.runs
    assert posts(work) == ["reaction:eyes", "reply:1"]
    assert replies(work)[0].startswith("Nothing was started: nothing that matches `network` ")


async def test_only_the_newest_run_of_a_workspace_counts(world: World) -> None:
    world.ran(state=RunState.FAILED)
    world.ran()
    assert not (await world.say("terrakube retry")).runs


async def test_a_destruction_is_not_planned_again_by_the_way(world: World) -> None:
    world.ran(state=RunState.FAILED, options=RunOptions(destroy=True))
    work = await world.say("terrakube retry")
    assert not work.runs
    assert "Not planned again, as it is a destruction: `acme/network`." in replies(work)[0]


async def test_retry_keeps_to_what_plan_keeps_to(world: World) -> None:
    world.workspace("dns")
    for name in ("network", "dns"):
        world.ran(name, state=RunState.FAILED)
    world.policy = Policy(max_workspaces=1)
    assert "terrakube retry --all" in replies(await world.say("terrakube retry"))[0]
    assert len((await world.say("terrakube retry --all")).runs) == 2
    assert len((await world.say("terrakube retry -d dns")).runs) == 1
    world.open(from_fork=True)
    assert "comes from a fork" in replies(await world.say("terrakube retry"))[0]
    world.open(state=PullRequestState.CLOSED)
    assert "is closed: nothing was started" in replies(await world.say("terrakube retry"))[0]
    assert not (await world.say("terrakube retry", author="mallory")).runs
