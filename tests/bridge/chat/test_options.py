"""Searched lists are told from what is known, within Slack's limits."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from bridge.chat.options import options_for
from bridge.domain.chat_controls import FormPlace
from bridge.domain.terrakube import Template, Workspace, WorkspaceRef
from bridge.rendering.slack.views import render_start_view
from bridge.store.database import Database
from tests.bridge.chat.doors import KnownPlaces, a_place

TEAM = {"id": "T1"}
ADA = {"id": "U1", "team_id": "T1"}


def a_workspace(name: str, organization: str = "acme") -> Workspace:
    ref = WorkspaceRef(organization_id=organization, organization=organization, id=name, name=name)
    return Workspace(ref=ref, source="", branch="main", folder="/")


def a_template(name: str) -> Template:
    return Template(organization_id="o", id=name, name=name, description="", flow=())


KNOWN = KnownPlaces(
    there=[
        a_workspace("network"),
        a_workspace("storage"),
        a_workspace("network", "beta"),
        a_workspace("x" * 149, "beta"),
        a_workspace("y" * 100, "beta"),
    ],
    flows={
        "acme": [a_template("Plan"), a_template("Release")],
        "beta": [a_template("Plan"), a_template("Only beta"), a_template("z" * 151)],
    },
)
LONG = "y" * 74 + "…"


def asked(action: str, typed: str = "", *, workspace: str = "", **more: object) -> dict[str, Any]:
    chosen = {"selected_option": {"value": workspace}} if workspace else {}
    state = {"values": {"start.workspace": {"start.workspace": chosen}}}
    payload = {"team": TEAM, "user": ADA, "action_id": action, "value": typed}
    return {**payload, "view": {"state": state}, **more}


def grouped(answer: object) -> list[tuple[str, list[tuple[str, str]]]]:
    said = cast("dict[str, Any]", answer)
    return [
        (one["label"]["text"], [(each["text"]["text"], each["value"]) for each in one["options"]])
        for one in said.get("option_groups", [])
    ]


@pytest.mark.parametrize(
    ("typed", "groups"),
    [
        (
            "",
            [
                ("acme", [("network", "acme/network"), ("storage", "acme/storage")]),
                ("beta", [("network", "beta/network"), (LONG, f"beta/{'y' * 100}")]),
            ],
        ),
        ("NET", [("acme", [("network", "acme/network")]), ("beta", [("network", "beta/network")])]),
        ("net beta", [("beta", [("network", "beta/network")])]),
        ("acme/st", [("acme", [("storage", "acme/storage")])]),
        ("nothing", []),
    ],
)
def test_workspaces_are_offered_by_organization(typed: str, groups: object) -> None:
    assert grouped(options_for(asked("start.workspace", typed), KNOWN)) == groups


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (asked("start.template"), ["Only beta", "Plan", "Release"]),
        (asked("start.template", "re"), ["Release"]),
        (asked("start.template", workspace="beta/network"), ["Only beta", "Plan"]),
        (asked("start.template", workspace="gone/network"), ["Only beta", "Plan", "Release"]),
        (asked("run.approve"), []),
        (asked("start.template", user=ADA | {"team_id": "T2"}), []),
        (asked("start.workspace", user=ADA | {"team_id": "T2"}), []),
    ],
)
def test_templates_are_those_of_the_chosen_workspace(
    payload: dict[str, Any], values: Sequence[str]
) -> None:
    assert [one["value"] for one in options_for(payload, KNOWN)["options"]] == values


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_five_thousand_workspaces_are_searched_at_once(sqlite: Database, mode: str) -> None:
    async with a_place(sqlite, mode=mode) as place:
        place.known.there = [
            a_workspace(f"w-{number:04}", f"org-{number % 7}") for number in range(5000)
        ]
        form = place.open(render_start_view(FormPlace(channel=place.ops.id)))
        everything = await place.slack.suggest(place.ada, form, "start.workspace", "")
        told = place.slack.office.deliveries[-1]
        found = await place.slack.suggest(place.ada, form, "start.workspace", "w-4321")
        place.slack.assert_no_surprises()
        assert await place.kept() == []
    assert (len(everything), told.seconds < 1) == (100, True)
    assert [one["value"] for one in found] == ["org-2/w-4321"]
