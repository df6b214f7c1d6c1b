"""What a seed puts into the stand-ins."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.sandbox import forge, slack, terrakube
from bridge.sandbox.seeds import (
    ForgeSeed,
    OrganizationSeed,
    ProtectionSeed,
    RepositorySeed,
    WorkspaceSeed,
    sow_forge,
    sow_terrakube,
)
from bridge.sandbox.slack.seeds import ChannelSeed, PersonSeed, SlackSeed, sow_slack
from tests.bridge.sandbox.terrakube.client import speaking


async def test_a_branch_gets_its_rule(tmp_path: Path) -> None:
    rule = ProtectionSeed(approvals=1, statuses=("terrakube/apply",))
    seed = ForgeSeed(
        repositories=(
            RepositorySeed(name="acme/infra", files={"a.tf": ""}, protection={"main": rule}),
        )
    )
    async with forge.start(tmp_path, flavour=forge.Flavour.FORGEJO) as code:
        await sow_forge(seed, code)
        held = code.world.repository("acme/infra").protection["main"]
    assert (held.approvals, held.contexts) == (1, ("terrakube/apply",))


async def test_plans_replay_what_the_seed_lists_in_turn_and_stay_with_the_last(
    tmp_path: Path,
) -> None:
    workspace = WorkspaceSeed(
        name="app", source="https://git.example.com/infra.git", recorded=("create", "unchanged")
    )
    async with terrakube.start(tmp_path, executor="recorded") as server:
        sow_terrakube([OrganizationSeed(name="acme", workspaces=(workspace,))], server, None)
        (made,) = server.world.workspaces.values()
        seen = []
        async with speaking(server) as client:
            for _ in range(3):
                job = await client.create(made, server.world.template("acme", "Plan"))
                await server.until(job, "completed")
                seen.append(job.plan_changes)
    assert seen == [True, False, False]


async def test_a_workspace_of_slack_is_filled_and_says_all_its_ids() -> None:
    seed = SlackSeed(
        team="T0ACME",
        people=(
            PersonSeed(name="ada", real_name="Ada Lovelace"),
            PersonSeed(name="grace", guest="single_channel"),
            PersonSeed(name="eve", team="T0EVIL"),
            PersonSeed(name="gone", deleted=True),
        ),
        groups={"platform": ("ada",)},
        channels=(
            ChannelSeed(name="ops"),
            ChannelSeed(name="shared", members=("ada", "eve"), private=True, with_bot=False),
        ),
    )
    async with slack.start(team=seed.team) as place:
        ids = sow_slack(seed, place)
        people = {one.name: one for one in place.world.users.values()}
        channels = {one.name: one for one in place.world.channels.values()}
        assert ids == {
            "people": {name: people[name].id for name in ("ada", "grace", "eve", "gone")},
            "groups": {"platform": next(iter(place.world.usergroups))},
            "channels": {name: one.id for name, one in channels.items()},
        }
        assert people["ada"].real_name == "Ada Lovelace"
        assert (people["grace"].is_restricted, people["grace"].is_ultra_restricted) == (True, True)
        assert (people["eve"].team, people["gone"].deleted) == ("T0EVIL", True)
        bot = place.bot.id
        assert channels["ops"].members == [people["ada"].id, people["grace"].id, bot]
        assert channels["shared"].members == [people["ada"].id, people["eve"].id]
        assert (channels["shared"].shared, channels["shared"].kind) == (True, "private_channel")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"mode": "http"}, "mode http needs a url"),
        ({"url": "http://127.0.0.1:1/slack/events"}, "socket has none"),
        ({"groups": {"platform": ["nobody"]}}, "nobody is called nobody"),
        ({"bot_token": "secret"}, "bot_token"),
        ({"rooms": []}, "rooms"),
    ],
)
def test_a_section_for_slack_that_means_nothing_is_refused(
    wrong: dict[str, object], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        SlackSeed.model_validate(wrong)
