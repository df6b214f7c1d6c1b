"""What a seed puts into the stand-ins."""

from pathlib import Path

from bridge.sandbox import forge, terrakube
from bridge.sandbox.seeds import (
    ForgeSeed,
    OrganizationSeed,
    ProtectionSeed,
    RepositorySeed,
    WorkspaceSeed,
    sow_forge,
    sow_terrakube,
)
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
