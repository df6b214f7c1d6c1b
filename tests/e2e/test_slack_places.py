"""Where things are said in Slack, and what others wrote: forms, closed channels, files, traps."""

from bridge.domain.chat_controls import Control, Form
from bridge.sandbox.terrakube import make_plan
from bridge.sandbox.terrakube.model import Status
from tests.e2e.slack_stage import SlackStage, controls
from tests.e2e.stage import SLUG
from tests.e2e.test_approvals import decide
from tests.e2e.test_slack_approvals import waiting

MARKED = {"section", "context"}
"""Blocks in whose texts Slack looks for links and calls."""

HOSTILE = "<!channel> <@U00000002> <https://evil.example|here> & `*"


async def test_the_command_alone_opens_a_form_that_says_what_is_wrong_and_starts_a_run(
    either_door: SlackStage,
) -> None:
    scene = either_door
    ada = scene["ada"]
    await ada.says("/terrakube")
    await scene.quiet()
    form = ada.form()
    assert form.given["callback_id"] == Form.START
    offered = await scene.slack.suggest(ada.user, form, Control.WORKSPACE, "net")
    assert [one["value"] for one in offered] == ["acme/network"]

    chosen = {
        Control.WORKSPACE.value: "acme/network",
        Control.VERB.value: "plan",
        Control.BRANCH.value: "nowhere",
    }
    told = await scene.slack.submit(ada.user, form, chosen)
    assert told.seconds < 3
    assert list(form.errors) == [Control.BRANCH]
    assert scene.stage.jobs() == []

    await scene.slack.submit(ada.user, form, {Control.BRANCH.value: "main"})
    await scene.quiet()
    assert scene.stage.started() == [("network", "Plan", await scene.head())]
    assert "planned" in scene.shown()


async def test_where_the_bot_is_not_whoever_asks_is_told_alone_to_invite_it(
    scene: SlackStage,
) -> None:
    ada = scene["ada"]
    den = scene.slack.add_channel("den", ada.user, private=True, with_bot=False)
    await ada.says("/terrakube plan acme/network", at=den)
    await scene.quiet()
    assert scene.messages(den) == []
    (heard,) = ada.heard(den)
    assert "/invite" in heard


async def test_complete_plans_are_files_where_a_channel_wants_them(scene: SlackStage) -> None:
    await scene["ada"].says("/terrakube settings files=on")
    await scene["ada"].says("/terrakube plan acme/network")
    await scene.quiet()
    live = next(one for one in scene.messages() if "acme/network" in scene.shown(one))
    files = [file for one in scene.thread(live) for file in one.files]
    (content,) = (file.content or b"" for file in files)
    assert b"Plan: 2 to add, 1 to change, 0 to destroy." in content


async def test_what_others_wrote_calls_nobody_and_links_nowhere(scene: SlackStage) -> None:
    stage = scene.stage
    stage.server.plan_for(stage.workspace("network"), make_plan(create=2, value=HOSTILE))
    branch = "a-&-`b`-<!here>"
    await stage.forge.commit(SLUG, branch, {"network/x.tf": "# x\n"}, message=HOSTILE)
    await stage.forge.open_pull_request(SLUG, branch, title=HOSTILE)
    await scene.quiet()
    await scene["ada"].says(f"/terrakube plan acme/network branch={branch}")
    await scene.quiet()
    assert len(scene.messages()) == 2
    everything = [
        *scene.messages(),
        *(two for one in scene.messages() for two in scene.thread(one)),
    ]
    called = {ping for one in everything for ping in scene.slack.pings(one)}
    assert called <= {f"@{scene['ada'].user.id}"}
    marked = [block for one in everything for block in one.all_blocks if block["type"] in MARKED]
    assert "<https://evil" not in str(marked) + "".join(one.text for one in everything)
    assert "evil" in str(marked), "shown, as text"


async def test_a_job_that_was_approved_in_terrakube_meanwhile_is_left_alone(
    scene: SlackStage,
) -> None:
    prompt = await waiting(scene)
    scene.stage.executor.hold()
    await decide(scene.stage, "approved")
    before = scene.decided()
    await scene["grace"].presses(prompt, Control.APPROVE)
    scene.stage.executor.let_go()
    await scene.quiet()
    assert scene.decided() == before
    assert [job.status for job in scene.stage.jobs()] == [Status.COMPLETED]
    assert "Nothing was approved" in scene["grace"].heard()[-1]
    assert "Approved by somebody in Terrakube" in scene.below()
    assert Control.APPROVE not in controls(scene.live())
