"""Who lets a job go on from Slack: each decision once, checked when it is made, told to all."""

import asyncio
from copy import copy

import pytest

from bridge.domain.chat_controls import Control
from bridge.sandbox.slack.model import Message
from bridge.sandbox.terrakube import make_plan
from bridge.sandbox.terrakube.model import Status
from tests.e2e.conftest import SetSlackStage
from tests.e2e.slack_stage import Person, SlackStage, controls, frozen

TWO = """
access:
  - {who: ["slack:group:%platform"], may: [plan, apply, approve, reject, cancel], quorum: 2}
"""
FOUR_EYES = """
access:
  - {who: ["slack:group:%platform"], may: [plan, apply, approve, reject], four_eyes: true}
"""
NO_DESTROY = """
access:
  - {who: ["slack:user:%ada"], may: [plan, apply, destroy]}
  - {who: ["slack:group:%platform"], may: [approve, reject]}
  - {who: ["slack:user:%grace"], may: [destroy]}
commands: {destroy: {template: built-in}}
"""


async def waiting(scene: SlackStage, text: str = "/terrakube apply acme/network") -> Message:
    """Start something that waits for an approval, and return what asks for it."""
    await scene["ada"].says(text)
    await scene.quiet()
    return scene.prompt()


def ways(scene: SlackStage) -> list[str]:
    return [str(job.status) for job in scene.stage.jobs()]


@pytest.mark.parametrize("names", [("grace", "grace"), ("grace", "linus")])
async def test_two_clicks_at_once_are_one_decision_and_the_loser_is_told(
    scene: SlackStage, names: tuple[str, str]
) -> None:
    prompt = await waiting(scene)
    pressing = [scene[name].presses(copy(prompt), Control.APPROVE) for name in names]
    await asyncio.gather(*pressing)
    await scene.quiet()
    assert (ways(scene), scene.decided()) == (["completed"], 1)
    (late,) = (text for name in set(names) for text in scene[name].heard())
    (first,) = await scene.audited("apply.approved")
    winner = first[1].split(" (")[0]
    assert f"already approved by `{winner}` just now" in late, late


async def test_a_click_right_after_a_restart_counts(scene: SlackStage) -> None:
    prompt = await waiting(scene)
    await scene.restart()
    await scene["grace"].presses(prompt, Control.APPROVE)
    await scene.quiet()
    assert (ways(scene), scene.decided()) == (["completed"], 1)


async def test_whoever_may_not_is_told_alone_and_the_message_stays_as_it_is(
    scene: SlackStage,
) -> None:
    prompt = await waiting(scene)
    before = [frozen(one) for one in [scene.live(), *scene.thread()]]
    reasons = {
        "gus": "guests may not ask for anything here",
        "sam": "you are of another organization than this bridge's",
        "bo": "approve",
    }
    for name in reasons:
        await scene[name].presses(prompt, Control.APPROVE)
        await scene.quiet()
    for name, reason in reasons.items():
        (heard,) = scene[name].heard()
        assert reason in heard
    assert [frozen(one) for one in [scene.live(), *scene.thread()]] == before
    assert (ways(scene), scene.decided()) == (["waitingApproval"], 0)
    refused = await scene.audited("approve.requested")
    assert [result for _, _, result in refused] == ["refused"] * 3


async def test_old_buttons_do_nothing_and_say_so(scene: SlackStage) -> None:
    prompt = await waiting(scene)
    old = copy(prompt)
    await scene["linus"].presses(old, Control.REJECT)
    await scene.quiet()
    assert ways(scene) == ["rejected"]
    await scene["grace"].presses(old, Control.APPROVE)
    await scene.quiet()
    (heard,) = scene["grace"].heard()
    assert "Nothing was approved" in heard
    assert (ways(scene), scene.decided()) == (["rejected"], 1)
    assert "Rejected by @linus" in scene.below()


async def test_two_people_are_two_people(set_slack_stage: SetSlackStage) -> None:
    scene = await set_slack_stage(document=TWO)
    prompt = await waiting(scene)
    for _ in range(2):
        await scene["grace"].presses(prompt, Control.APPROVE)
        await scene.quiet()
    assert (ways(scene), scene.decided()) == (["waitingApproval"], 0)
    assert "1 of 2 approved: @grace" in scene.below()
    await scene["linus"].presses(prompt, Control.APPROVE)
    await scene.quiet()
    assert (ways(scene), scene.decided()) == (["completed"], 1)
    assert "Approved by @grace and @linus" in scene.below()


async def test_whoever_asked_does_not_approve_where_four_eyes_are_wanted(
    set_slack_stage: SetSlackStage,
) -> None:
    scene = await set_slack_stage(document=FOUR_EYES)
    prompt = await waiting(scene)
    await scene["ada"].presses(prompt, Control.APPROVE)
    await scene.quiet()
    assert (ways(scene), scene.decided()) == (["waitingApproval"], 0)
    assert "Nothing was approved" in scene["ada"].heard()[-1]
    await scene["grace"].presses(prompt, Control.APPROVE)
    await scene.quiet()
    assert ways(scene) == ["completed"]


async def test_a_destruction_takes_the_right_to_destroy_and_the_name_typed(
    set_slack_stage: SetSlackStage,
) -> None:
    scene = await set_slack_stage(document=NO_DESTROY)
    await scene["ada"].says("/terrakube destroy acme/network")
    await scene.quiet()
    (prompt,) = (one for one in scene.thread() if Control.TYPE_NAME in controls(one))
    await scene["linus"].presses(prompt, Control.TYPE_NAME)
    await scene.quiet()
    assert "destroy" in scene["linus"].heard()[-1]

    grace: Person = scene["grace"]
    for typed, then in (("app", "waitingApproval"), ("network", "completed")):
        await grace.presses(prompt, Control.TYPE_NAME)
        await scene.quiet()
        await grace.types_name(typed)
        await scene.quiet()
        assert ways(scene) == [then]
    assert scene.decided() == 1
    assert "destroyed" in scene.shown()


async def test_more_deletions_than_usual_take_the_name_too(scene: SlackStage) -> None:
    network = scene.stage.workspace("network")
    scene.stage.server.plan_for(network, make_plan(delete=11))
    await scene["ada"].says("/terrakube apply acme/network")
    await scene.quiet()
    assert Control.TYPE_NAME in controls(scene.thread()[-1])
    assert Control.APPROVE not in controls(scene.thread()[-1])
    await scene["grace"].says("/terrakube approve acme/network")
    await scene.quiet()
    assert ways(scene) == ["completed"]


async def test_a_job_that_somebody_started_in_terrakube_is_asked_about_in_the_channel(
    scene: SlackStage,
) -> None:
    stage = scene.stage
    template = stage.server.add_template(stage.acme, "Reviewed", FLOW)
    stage.server.add_job(stage.workspace("network"), template_reference=str(template.id))
    await stage.until(lambda: ways(scene) == ["waitingApproval"])
    await stage.ten_minutes_later()
    await scene["grace"].presses(scene.prompt(), Control.APPROVE)
    await scene.quiet()
    assert [job.status for job in stage.jobs()] == [Status.COMPLETED]
    assert "Approved by @grace" in scene.below()


FLOW = """
flow:
  - {type: terraformPlan, step: 100, name: Plan}
  - {type: approval, step: 150, name: Approve, team: TERRAKUBE_ADMIN}
  - {type: terraformApply, step: 200, name: Apply}
"""
