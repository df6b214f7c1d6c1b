"""``workspaces`` and ``templates`` list what Terrakube has, for people and for pipes."""

import pytest

from tests.bridge.cli.conftest import SOURCE, Desk

ABSENT = (
    "organization {!r} does not exist, is hidden from the token, or left out of "
    "BRIDGE_TERRAKUBE__ORGANIZATIONS"
)
GATED = """flow:
- {type: terraformPlan, name: Plan, step: 100}
- {type: approval, name: Approve, step: 150, team: platform}
- {type: terraformApply, name: Apply, step: 200}
"""


async def test_workspaces_in_a_pipe_are_json_with_documented_keys(desk: Desk) -> None:
    desk.terrakube.lock(desk.network, "being moved")
    said = await desk("workspaces")
    assert (said.code, said.err) == (0, [])
    assert said.json() == [
        {
            "id": desk.network.id,
            "workspace": "acme/network",
            "organization": "acme",
            "name": "network",
            "source": SOURCE,
            "branch": "main",
            "folder": "/network",
            "default_template": "Plan",
            "default_template_id": desk.terrakube.world.template("acme", "Plan").id,
            "locked": True,
            "lock_description": "being moved",
            "execution_mode": "remote",
            "iac_type": "terraform",
            "terraform_version": desk.network.terraform_version,
            "native_webhook": False,
            "last_job_status": "NeverExecuted",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), ["acme/apps", "acme/network", "beta/network"]),
        (("acme",), ["acme/apps", "acme/network"]),
        (("acme", "net*"), ["acme/network"]),
        (("acme/net*",), ["acme/network"]),
        (("acme/network",), ["acme/network"]),
        (("*/network",), ["acme/network", "beta/network"]),
        (("{acme,beta}", "apps"), ["acme/apps"]),
        (("acme/nothing-*",), []),
    ],
)
async def test_workspaces_are_chosen_by_names_and_patterns(
    desk: Desk, arguments: tuple[str, ...], names: list[str]
) -> None:
    desk.terrakube.add_workspace(desk.acme, "apps", SOURCE)
    desk.terrakube.add_workspace(desk.terrakube.add_organization("beta"), "network", SOURCE)
    said = await desk("workspaces", *arguments)
    assert said.code == 0
    assert [row["workspace"] for row in said.rows()] == names


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (
            ("workspaces", "acme/netwrk"),
            8,
            "organization acme has no workspace 'netwrk': did you mean acme/network?",
        ),
        (
            ("workspaces", "acne"),
            8,
            f"{ABSENT.format('acne')}: did you mean acme?",
        ),
        (
            ("templates", "other"),
            8,
            f"{ABSENT.format('other')}: there is acme",
        ),
        (
            ("templates", "acme/network"),
            2,
            "templates belong to an organization, not to a workspace: acme",
        ),
        (
            ("workspaces", "acme/a/b"),
            2,
            "'acme/a/b' is no place: write organization or organization/workspace",
        ),
        (("workspaces", "acme/[a"), 2, "the pattern '[a' has a bracket that is not closed"),
        (
            ("workspaces", "--json", "--output", "ids"),
            2,
            "--json and --output ids contradict each other: give one of them",
        ),
    ],
)
async def test_what_is_not_there_is_told_with_what_is(
    desk: Desk, arguments: tuple[str, ...], code: int, text: str
) -> None:
    said = await desk(*arguments)
    assert (said.code, said.out, said.err) == (code, "", [text])


async def test_the_table_is_for_people_and_ids_are_for_other_commands(desk: Desk) -> None:
    table = await desk("workspaces", "--output", "table")
    assert table.out.split("\n")[0].split() == [
        *("workspace", "branch", "folder", "default_template", "locked", "last_job_status")
    ]
    desk.command_line.on_terminal()
    assert (await desk("workspaces", "acme", "x*")).out == "There is no such workspace.\n"
    assert " acme/network  main " in (await desk("workspaces")).out
    assert (await desk("workspaces", "--output", "ids")).out == f"{desk.network.id}\n"


async def test_templates_tell_their_flow_in_words(desk: Desk) -> None:
    gated = desk.terrakube.add_template(desk.acme, "Gated", GATED)
    desk.terrakube.add_template(desk.acme, "Newer", "flow: [{type: somethingNew, step: 1}]")
    desk.terrakube.add_template(desk.acme, "Broken", "flow: [")
    said = await desk("templates")
    assert {row["name"]: row["flow"] for row in said.rows()} == {
        "Broken": "cannot be read",
        "Destroy": "destroy",
        "Gated": "plan -> approval (platform) -> apply",
        "Newer": "somethingNew",
        "Plan": "plan",
        "Plan and apply": "plan -> apply",
        "Terraform-Plan/Apply-Cli": "plan -> approval (TERRAFORM_CLI) -> apply",
        "Terraform-Plan/Destroy-Cli": "plan to destroy -> approval (TERRAFORM_CLI) -> apply",
    }
    assert [row for row in said.rows() if row["name"] == "Gated"] == [
        {
            "id": gated.id,
            "name": "Gated",
            "organization": "acme",
            "description": "Gated",
            "flow": "plan -> approval (platform) -> apply",
            "steps": [
                {"type": "terraformPlan", "number": 100, "name": "Plan", "team": ""},
                {"type": "approval", "number": 150, "name": "Approve", "team": "platform"},
                {"type": "terraformApply", "number": 200, "name": "Apply", "team": ""},
            ],
        }
    ]


async def test_a_token_without_any_organization_is_told_so(desk: Desk) -> None:
    desk.configure(BRIDGE_TERRAKUBE__TOKEN=desk.terrakube.mint("eve@example.com", "STRANGERS"))
    said = await desk("workspaces")
    advice = "in Terrakube, add one of its teams to an organization"
    assert (said.code, said.err) == (8, [f"the token may see no organization: {advice}"])
