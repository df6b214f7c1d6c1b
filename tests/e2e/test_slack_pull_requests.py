"""A pull request and its channel: what happens in one stands in the other, with names."""

import re
from copy import copy

from bridge.domain.chat_controls import Control
from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.model import PullRequest
from bridge.store.schema import identity
from tests.e2e.applies import APPLY, living
from tests.e2e.conftest import SetSlackStage
from tests.e2e.slack_stage import SlackStage, controls
from tests.e2e.stage import REVIEWER, WRITER
from tests.e2e.test_applying import UNREADABLE, planned


async def said(
    scene: SlackStage, pull_request: PullRequest, text: str = APPLY, *, author: str = WRITER
) -> None:
    """Say something in the pull request, and let happen what follows from it within a minute."""
    await scene.stage.say(pull_request, text, author=author)
    await scene.quiet()


async def waiting(scene: SlackStage) -> PullRequest:
    """Apply a plan that nothing can compare, so that a person has to decide."""
    stage = scene.stage
    stage.workspace("network").structured = False
    stage.server.plan_for(stage.workspace("network"), UNREADABLE)
    pull_request = await planned(stage, "network")
    await said(scene, pull_request)
    assert str(stage.jobs()[-1].status) == "waitingApproval"
    return pull_request


async def test_the_runs_of_a_pull_request_and_its_merge_are_one_message_and_its_thread(
    set_slack_stage: SetSlackStage, flavour: Flavour
) -> None:
    scene = await set_slack_stage(flavour=flavour)
    stage = scene.stage
    pull_request = await planned(stage, "network", "app")
    await said(scene, pull_request)
    await stage.merge(pull_request)
    await scene.quiet()
    live = scene.live()
    assert "4 applied, 2 planned" in scene.shown(live)
    heads = [scene.shown(one).splitlines()[1].strip() for one in scene.thread(live)]
    assert heads == [
        f"*What alice started*: 2 {what}" for what in ("planned", "applied", "applied")
    ]
    assert [one.broadcast for one in scene.thread(live)] == [False] * 3
    assert "applied: *acme/network* push" in scene.shown(scene.thread(live)[-1])


async def test_an_approval_in_slack_stands_in_the_pull_request(scene: SlackStage) -> None:
    pull_request = await waiting(scene)
    await scene["grace"].presses(scene.prompt(), Control.APPROVE)
    await scene.quiet()
    assert str(scene.stage.jobs()[-1].status) == "completed"
    assert "Grace" in living(scene.stage, pull_request)
    assert "Approved by @grace" in scene.below()


async def test_an_approval_in_the_pull_request_stands_in_slack(scene: SlackStage) -> None:
    pull_request = await waiting(scene)
    await said(scene, pull_request, "terrakube approve", author=REVIEWER)
    await scene.quiet()
    assert str(scene.stage.jobs()[-1].status) == "completed"
    assert f"Approved by {REVIEWER}" in scene.below()
    pressable = {one for each in [scene.live(), *scene.thread()] for one in controls(each)}
    assert pressable.isdisjoint({Control.APPROVE, Control.REJECT, Control.CANCEL})


async def test_a_newer_head_makes_the_button_of_the_older_plan_useless(scene: SlackStage) -> None:
    await waiting(scene)
    old = copy(scene.prompt())
    await scene.stage.push("network", text="newer")
    await scene.quiet()
    before = scene.decided()
    await scene["grace"].presses(old, Control.APPROVE)
    await scene.quiet()
    (heard,) = scene["grace"].heard()
    assert "Nothing was approved" in heard
    assert scene.decided() == before


async def test_linked_in_a_pull_request_somebody_approves_in_slack_as_themselves(
    scene: SlackStage,
) -> None:
    pull_request = await waiting(scene)
    bo = scene["bo"]
    await bo.says("/terrakube link")
    await scene.quiet()
    (offer,) = bo.heard()
    (code,) = re.findall(r"terrakube link (\S+)", offer)
    scene.canaries.add(code)
    await said(scene, pull_request, f"terrakube link {code}", author=WRITER)
    (row,) = await scene.stage.rows(identity)
    assert (row["user_id"], row["login"]) == (bo.user.id, WRITER)

    await bo.presses(scene.prompt(), Control.APPROVE)
    await scene.quiet()
    assert str(scene.stage.jobs()[-1].status) == "completed"
    assert await scene.audited("apply.approved") == [("apply.approved", WRITER, "approved")]
    assert f"`{WRITER}`" in living(scene.stage, pull_request)
