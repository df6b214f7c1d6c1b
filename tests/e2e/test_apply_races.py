"""Applies that come at once, twice or by the dozen: each once, in order, one at a time."""

import asyncio
from functools import partial
from uuid import uuid4

import pytest

from bridge.sandbox.forge import Access, Flavour
from bridge.sandbox.forge.model import PullRequest
from tests.e2e.applies import (
    APPLY,
    answers,
    applied,
    assert_concluded,
    audited,
    held,
    living,
    of_apply,
    planned,
    said,
    ways,
)
from tests.e2e.conftest import SetStage
from tests.e2e.stage import INSTANCE_SECRET, READER, REVIEWER, SLUG, WRITER, Stage

MANY = tuple(f"ws-{number:02}" for number in range(24))


async def all_planned(stage: Stage, *branches: str) -> list[PullRequest]:
    return [await planned(stage, branch=branch) for branch in branches]


@pytest.mark.parametrize(("flavour", "new_ids"), [(Flavour.GITHUB, False), (Flavour.FORGEJO, True)])
async def test_a_comment_that_is_delivered_ten_times_by_two_hooks_applies_once(
    set_stage: SetStage, flavour: Flavour, *, new_ids: bool
) -> None:
    stage = await set_stage(flavour=flavour)
    own = stage.forge.world.repository(SLUG).hooks[0]
    url = f"{stage.url()}/webhooks/{stage.name}"
    stage.forge.add_hook(SLUG, url, secret=INSTANCE_SECRET, events=own.events)
    pull_request = await planned(stage)
    await stage.say(pull_request, APPLY)
    await stage.forge.settled()
    attempts = [
        one for one in stage.deliveries("issue_comment", "created") if APPLY in one.body.decode()
    ]
    ids = {"X-GitHub-Delivery", "X-Forgejo-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery"}
    again = [
        stage.replay(
            one,
            headers={name: str(uuid4()) for name in one.headers if name in ids and new_ids},
        )
        for one in attempts
        for _ in range(10)
    ]
    assert set(await asyncio.gather(*again)) == {202}
    await stage.quiet()
    assert (len(attempts), ways(stage), applied(stage)) == (2, ["completed"], 1)
    assert len(await audited(stage, "apply.requested")) == 1
    assert answers(stage, pull_request) == []
    assert of_apply(stage, pull_request.head_sha)["terrakube/apply"] == "success"
    await assert_concluded(stage)


async def test_two_who_say_apply_at_once_get_one(either: Stage) -> None:
    stage = either
    pull_request = await planned(stage)
    await asyncio.gather(
        stage.say(pull_request, APPLY), stage.say(pull_request, APPLY, author=REVIEWER)
    )
    await stage.quiet()
    assert (ways(stage), applied(stage)) == (["completed"], 1)
    (answer,) = answers(stage, pull_request)
    assert "its apply is under way" in answer or "is applied already" in answer
    results = [result for _, _, result in await audited(stage, "apply.requested")]
    assert sorted(results) == ["done", "refused"]
    assert of_apply(stage, pull_request.head_sha)["terrakube/apply"] == "success"

    for who in (WRITER, REVIEWER):
        await said(stage, pull_request, f"{APPLY}\n{APPLY} -w acme/network", author=who)
    assert ways(stage) == ["completed"]
    assert "what was planned is applied already" in answers(stage, pull_request)[-1]
    await assert_concluded(stage)


async def test_applies_of_one_workspace_queue_in_the_order_they_were_asked_for(
    set_stage: SetStage,
) -> None:
    """Without locks, as those of the others would let nobody through before a merge."""
    stage = await set_stage(document="commands: {apply: {locks: none}}\n")
    pull_requests = await all_planned(stage, "first", "second", "third")
    stage.executor.hold()
    for one in reversed(pull_requests):
        before = _asked_for(stage)
        await stage.say(one, APPLY)
        await stage.until(partial(_has_more, stage, before))
    most = 0

    def done() -> bool:
        nonlocal most
        most = max(most, sum(one in {"running", "pending", "queue"} for one in ways(stage)))
        return ways(stage) == ["completed"] * 3

    stage.executor.let_go()
    await stage.until(done)
    await stage.quiet()
    heads = [job.commit_id for job in stage.jobs()[3:]]
    assert heads == [one.head_sha for one in reversed(pull_requests)]
    assert (most, await held(stage)) == (1, [])
    await assert_concluded(stage)


def _has_more(stage: Stage, before: int) -> bool:
    return _asked_for(stage) > before


def _asked_for(stage: Stage) -> int:
    """Count the runs that comments asked for."""
    handled = stage.logs("delivery.handled")
    return sum(line["runs"] for line in handled if line["kind"] == "issue_comment")


async def test_two_pull_requests_that_apply_at_once_get_the_workspace_one_after_the_other(
    github: Stage,
) -> None:
    stage = github
    pull_requests = await all_planned(stage, "first", "second")
    await asyncio.gather(*(stage.say(one, APPLY) for one in pull_requests))
    await stage.quiet()
    assert ways(stage) == ["completed"]
    (number,) = await held(stage)
    winner, loser = sorted(pull_requests, key=lambda one: one.number != number)
    assert of_apply(stage, winner.head_sha)["terrakube/apply"] == "success"
    assert of_apply(stage, loser.head_sha)["terrakube/apply"] == "pending"
    assert f"/pull/{winner.number})" in living(stage, loser)

    for who in (WRITER, READER):
        await said(stage, loser, "terrakube unlock -w acme/network", author=who)
    assert "only an administrator of the repository frees those" in answers(stage, loser)[0]
    assert (await held(stage), len(ways(stage))) == ([winner.number], 1)
    stage.forge.world.give_access(stage.forge.world.repository(SLUG), REVIEWER, Access.ADMIN)
    await said(stage, loser, "terrakube unlock -w acme/network", author=REVIEWER)
    assert (ways(stage), await held(stage)) == (["completed"] * 2, [loser.number])
    assert of_apply(stage, loser.head_sha)["terrakube/apply"] == "success"
    assert set(of_apply(stage, winner.head_sha).values()) == {"success"}
    await assert_concluded(stage)


async def test_many_workspaces_are_applied_when_somebody_says_all_and_flood_nobody(
    set_stage: SetStage,
) -> None:
    document = "limits: {max_workspaces: 20}\n"
    stage = await set_stage(flavour=Flavour.GITHUB, workspaces=MANY, document=document)
    pull_request = await planned(stage, *MANY)
    await said(stage, pull_request, "terrakube plan --all")
    await said(stage, pull_request)
    assert "24 workspaces would be applied" in answers(stage, pull_request)[-1]
    assert (ways(stage), of_apply(stage, pull_request.head_sha)) == ([], {})

    before = len(stage.forge.requests)
    await said(stage, pull_request, f"{APPLY} --all")
    assert (len(ways(stage)), applied(stage)) == (24, 24)
    assert of_apply(stage, pull_request.head_sha) == {"terrakube/apply": "success"}
    assert len(stage.comments(pull_request)) == 2, "one that tells it all, and one refusal"
    gates = [one for one in stage.forge.requests[before:] if one.path.endswith("/reviews")]
    assert len(gates) < 12, "what is the same for all of them is not asked for each"
    await assert_concluded(stage)
