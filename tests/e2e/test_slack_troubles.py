"""What goes wrong in Slack stays there: jobs go on, nothing is tried for ever, channels recover."""

from bridge.sandbox.terrakube.model import Status
from bridge.store.schema import channel as chat_channel
from tests.e2e.conftest import SetSlackStage
from tests.e2e.slack_stage import SlackStage


async def test_a_live_message_that_somebody_deleted_does_not_stop_the_job(
    scene: SlackStage,
) -> None:
    stage = scene.stage
    stage.executor.hold()
    await scene["ada"].says("/terrakube apply acme/network")
    await stage.until(scene.messages)
    scene.live().gone = True
    stage.executor.let_go()
    await scene.quiet()
    await scene["grace"].says("/terrakube approve acme/network")
    await scene.quiet()
    assert [job.status for job in stage.jobs()] == [Status.COMPLETED]
    lost = [one for one in scene.slack.requests if one.error == "message_not_found"]
    assert len(lost) == 1


async def test_a_bot_that_is_removed_while_a_job_runs_leaves_it_alone_and_comes_back(
    scene: SlackStage,
) -> None:
    stage = scene.stage
    stage.executor.hold()
    await scene["ada"].says("/terrakube plan acme/network")
    await stage.until(scene.messages)
    await scene.slack.remove_bot(scene.ops)
    await scene.quiet()
    before = len(scene.slack.requests)
    stage.executor.let_go()
    await scene.quiet()
    await stage.ten_minutes_later()
    assert [job.status for job in stage.jobs()] == [Status.COMPLETED]
    assert len(scene.slack.requests) - before <= 2
    (row,) = await stage.rows(chat_channel)
    assert row["parked"] == "the bridge was removed from it"

    await scene.slack.invite_bot(scene.ops, scene["ada"].user)
    await scene["ada"].says("/terrakube plan acme/app")
    await scene.quiet()
    assert "acme/app" in scene.shown(scene.messages()[-1])


async def test_a_private_channel_the_bot_left_unheard_is_not_stormed(
    set_slack_stage: SetSlackStage,
) -> None:
    """The event that says so may be lost: then the first refusal tells."""
    scene = await set_slack_stage(subscribed=False)
    stage, ada = scene.stage, scene["ada"]
    den = scene.slack.add_channel("den", ada.user, private=True)
    await ada.says("/terrakube subscribe acme/*", at=den)
    await scene.quiet()
    den.members.remove(scene.slack.bot.id)
    pull_request = await stage.propose("network", "app")
    await scene.quiet()
    await stage.ten_minutes_later()
    assert "2 planned" in stage.comment(pull_request)
    refused = [one for one in scene.slack.requests if one.error == "channel_not_found"]
    assert len(refused) <= 2
