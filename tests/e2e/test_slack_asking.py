"""Asking in Slack how things are: what waits, why, what a job wrote; and the buttons below it."""

from bridge.domain.chat_controls import Control
from tests.e2e.slack_stage import SlackStage, controls


async def test_people_ask_how_things_are_and_only_they_see_it(scene: SlackStage) -> None:
    ada, bo = scene["ada"], scene["bo"]
    await ada.says("/terrakube apply acme/network")
    await scene.quiet()
    (job,) = scene.stage.jobs()
    before = scene.channel()
    for text in ("status", f"why {job.id}", f"logs {job.id}", "workspaces net", "templates"):
        told = await bo.says(f"/terrakube {text}")
        assert told.seconds < 3
        await scene.quiet()
    status, why, logs, workspaces, templates = bo.heard()
    assert f"job {job.id}" in status
    assert "waits for approval until" in status
    assert f"It waits for somebody who may approve: `/terrakube approve {job.id}`" in why
    assert "Plan:" in logs
    assert "\x1b" not in logs
    assert "`acme/network`, on `main`" in workspaces
    assert "`Plan`" in templates
    assert scene.channel() == before  # nobody else sees any of it
    assert ada.heard() == []


async def test_buttons_of_an_answer_and_of_a_message_answer_whoever_presses(
    scene: SlackStage,
) -> None:
    ada, bo = scene["ada"], scene["bo"]
    await ada.says("/terrakube plan acme/network")
    await scene.quiet()
    await bo.says("/terrakube status acme/netwrk")
    await scene.quiet()
    (offer,) = scene.slack.whispers(bo.user, scene.ops)
    assert controls(offer) == [Control.SAY]
    await bo.presses(offer, "say:1")
    await scene.quiet()
    shown = scene.slack.whispers(bo.user, scene.ops)[-1]
    assert "Nothing is under way." in scene.slack.show(shown)
    live = scene.live()
    before = scene.shown(live)
    for control in (Control.PLAN, Control.LOGS):
        assert control in controls(live)
        await bo.presses(live, control)
        await scene.quiet()
    plan, logs = bo.heard()[-2:]
    assert "The plan of" in plan
    assert "Plan:" in plan
    assert "Plan:" in logs
    assert scene.shown(scene.live()) == before


async def test_in_a_thread_the_bridge_answers_there_for_all_to_see(scene: SlackStage) -> None:
    await scene["ada"].says("/terrakube apply acme/network")
    await scene.quiet()
    await scene["bo"].says("@terrakube status", thread=scene.live())
    await scene.quiet()
    assert "1 run in this thread" in scene.below()
    assert scene["bo"].heard() == []


async def test_while_terrakube_is_away_there_is_an_answer_all_the_same(scene: SlackStage) -> None:
    await scene["ada"].says("/terrakube apply acme/network")
    await scene.quiet()
    (job,) = scene.stage.jobs()
    await scene.stage.server.down()
    told = await scene["bo"].says(f"/terrakube status {job.id}")
    assert told.seconds < 3
    await scene.quiet()
    (status,) = scene["bo"].heard()
    assert "waits for approval" in status
    await scene.stage.server.up()
