"""From a command in Slack to an applied change, over either door."""

from pathlib import Path
from typing import Any, cast

import pytest

from bridge.chat.socket import Socket
from bridge.domain.chat_controls import Control
from bridge.sandbox.terrakube.model import Status
from tests.e2e.conftest import SetSlackStage
from tests.e2e.masks import masked
from tests.e2e.slack_stage import SlackStage, controls
from tests.golden import check_golden
from tests.waiting import until

GOLDEN = Path(__file__).parent / "golden"


async def test_a_command_starts_a_plan_and_a_button_applies_it(
    either_door: SlackStage, request: pytest.FixtureRequest
) -> None:
    scene = either_door
    ada, grace = scene["ada"], scene["grace"]
    told = await ada.says("/terrakube apply acme/network")
    assert told.seconds < 3
    await scene.quiet()
    assert scene.stage.started() == [("network", "inline", await scene.head())]
    assert [job.status for job in scene.stage.jobs()] == [Status.WAITING]
    assert Control.APPROVE in controls(scene.live())
    check_golden(request, GOLDEN / "slack_waiting.txt", masked(scene.channel()))

    await grace.presses(scene.prompt(), Control.APPROVE)
    await scene.quiet()

    assert [job.status for job in scene.stage.jobs()] == [Status.COMPLETED]
    assert scene.decided() == 1
    pressable = {one for each in [scene.live(), *scene.thread()] for one in controls(each)}
    assert pressable.isdisjoint({Control.APPROVE, Control.REJECT, Control.CANCEL})
    assert await scene.audited() == [
        ("apply.requested", ada.actor, "done"),
        ("approve.requested", grace.actor, "done"),
        ("apply.approved", grace.actor, "approved"),
    ]
    check_golden(request, GOLDEN / "slack_applied.txt", masked(scene.channel()))


async def test_a_plan_is_a_plan_and_nobody_is_asked(scene: SlackStage) -> None:
    await scene["ada"].says("/terrakube plan acme/network")
    await scene.quiet()
    assert scene.stage.started() == [("network", "Plan", await scene.head())]
    assert "planned" in scene.shown()
    assert Control.APPROVE not in controls(scene.live())
    assert [one.broadcast for one in scene.thread()] == [False]


async def test_what_phones_make_of_quotes_and_dashes_is_understood(scene: SlackStage) -> None:
    await scene["ada"].says("/terrakube plan\u00a0“acme/network” —template=Plan")
    await scene.quiet()
    assert [(name, template) for name, template, _ in scene.stage.started()] == [
        ("network", "Plan")
    ]


async def test_a_command_said_while_terrakube_is_away_is_carried_out_when_it_is_back(
    scene: SlackStage,
) -> None:
    await scene.stage.server.down()
    told = await scene["ada"].says("/terrakube plan acme/network")
    assert told.seconds < 3
    await scene["ada"].says("/terrakube plan acme/app")
    await until(lambda: len(scene.messages()) == 2)
    assert scene.stage.jobs() == []
    await scene.stage.server.up()
    await scene.quiet()
    assert [job.status for job in scene.stage.jobs()] == [Status.COMPLETED] * 2
    assert all("planned" in scene.shown(one) for one in scene.messages())


async def test_the_same_command_and_the_same_mention_told_twice_are_one(scene: SlackStage) -> None:
    command = await scene["ada"].says("/terrakube plan acme/network")
    mention = await scene["ada"].says("@terrakube plan acme/app")
    for again in (await scene.slack.replay(command), await scene.slack.retell(mention)):
        assert again.status == 200
    await scene.quiet()
    again = await scene.slack.retell(mention)
    await scene.quiet()
    assert again.status == 200
    assert sorted(name for name, _, _ in scene.stage.started()) == ["app", "network"]
    assert len(scene.messages()) == 2


async def test_a_socket_that_is_cut_while_a_job_runs_loses_nothing(
    set_slack_stage: SetSlackStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = cast("Any", Socket.__init__).__kwdefaults__
    monkeypatch.setitem(defaults, "ping", 0.5)  # seconds: a cut is noticed by the next one
    scene = await set_slack_stage(mode="socket")
    await scene["ada"].says("/terrakube apply acme/network")
    await scene.stage.until(scene.stage.jobs)
    scene.slack.sockets.drop()
    await scene.connected()
    await scene.quiet()
    await scene["grace"].presses(scene.prompt(), Control.APPROVE)
    await scene.slack.sockets.disconnect()
    await scene.connected()
    await scene.quiet()
    assert [job.status for job in scene.stage.jobs()] == [Status.COMPLETED]
    assert scene.slack.sockets.opened == 3
