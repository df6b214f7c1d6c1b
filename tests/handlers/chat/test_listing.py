"""``workspaces`` and ``templates``: what there is, as much as is read."""

from dataclasses import replace

import pytest

from bridge.domain.chat import ChannelSettings
from bridge.domain.terrakube import FlowStep, FlowType
from tests.fakes.chats import TEAM
from tests.fakes.jobserver import unavailable
from tests.golden import check_golden
from tests.handlers.chat.desk import GOLDEN, INJECTED, Desk, a_desk, buttons


@pytest.fixture
def desk() -> Desk:
    desk = a_desk()
    other = desk.server.add_organization("other")
    desk.workspace("dns", organization=other, default_template="")
    desk.workspace("net-lab", organization=other, locked=True, last_job_status="completed")
    odd = (FlowStep(type="newer", number=1), FlowStep(type=FlowType.SCRIPTS, number=2))
    desk.server.add_template("Odd", organization=other, flow=odd)
    desk.server.add_template("Broken", organization=other, flow=None)
    return desk


SAID = {
    "workspaces": "workspaces",
    "workspaces_with_a_part": "workspaces NET",
    "workspaces_of_an_organization": "workspaces org=other",
    "workspaces_of_both": "workspaces dns org=acme",
    "workspaces_not_found": "workspaces netwrk",
    "workspaces_of_no_organization": "workspaces org=nowhere",
    "templates": "templates",
    "templates_of_an_organization": "templates org=other",
}


@pytest.mark.parametrize("name", SAID)
async def test_what_is_listed_is_what_it_was(
    desk: Desk, name: str, request: pytest.FixtureRequest
) -> None:
    check_golden(request, GOLDEN / f"{name}.txt", f"{await desk.ask_for(SAID[name])}\n")


async def test_a_channel_may_have_an_organization_of_its_own(desk: Desk) -> None:
    desk.chats.settings["C1"] = ChannelSettings(team=TEAM, channel="C1", organization="other")
    assert "2 workspaces in `other`:" in await desk.ask_for("workspaces")
    assert "2 workspaces in `acme`:" in await desk.ask_for("workspaces org=acme")
    assert "1 workspace with `acme/d` in its name:" in await desk.ask_for("workspaces acme/d")
    assert "2 templates in `other`:" in await desk.ask_for("templates")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("NeverExecuted", "no job yet"),
        ("waitingApproval", "last job `waiting approval`"),
        ("", "no job yet"),
    ],
)
async def test_how_the_last_job_stands_is_said_in_words(desk: Desk, status: str, says: str) -> None:
    desk.workspace("zones", last_job_status=status)
    assert f"`acme/zones`, on `main`, {says}\n" in f"{await desk.ask_for('workspaces zones')}\n"


async def test_names_that_may_be_meant_are_buttons(desk: Desk) -> None:
    work = await desk.type("workspaces netwrk")
    assert buttons(work) == [("acme/network", "status acme/network")]


async def test_five_thousand_workspaces_are_a_useful_list(desk: Desk) -> None:
    for number in range(5_000):
        desk.workspace(f"app-{number:04d}")
    shown = await desk.ask_for("workspaces")
    assert "5,004 workspaces (5,002 in `acme`, 2 in `other`):" in shown
    assert "…and 4,964 more; `/terrakube workspaces PART` shows those" in shown
    assert "1 workspace with `app-4999` in its name:" in await desk.ask_for("workspaces app-4999")


async def test_names_that_others_gave_do_nothing_when_they_are_listed(desk: Desk) -> None:
    desk.workspace(INJECTED, branch=INJECTED, last_job_status=INJECTED)
    desk.server.add_template(INJECTED)
    for text in ("workspaces", "workspaces org=acme", "workspaces channel", "templates"):
        assert "evil.example" in await desk.ask_for(text), text  # which asserts that it is inert


async def test_very_long_names_leave_room_for_the_rest(desk: Desk) -> None:
    for number in range(100):
        desk.workspace(f"{number}-{'w' * 1_000}", branch="b" * 1_000)
        desk.server.add_template(f"{number}-{'t' * 1_000}")
    for text, how in (("workspaces", "PART"), ("templates", "org=NAME")):
        last = (await desk.ask_for(text)).splitlines()[-1]
        assert last.startswith("  • …and "), last
        assert f"more; `/terrakube {text} {how}` shows those" in last


async def test_there_may_be_nothing() -> None:
    desk = Desk()
    assert "There is no workspace." in await desk.ask_for("workspaces")
    assert "There is no template." in await desk.ask_for("templates")


@pytest.mark.parametrize("text", ["workspaces", "templates", "templates org=acme"])
async def test_when_terrakube_is_silent_there_is_a_sentence(desk: Desk, text: str) -> None:
    desk.server.failures = {"organizations": [unavailable()]}
    assert "Terrakube does not answer just now" in await desk.ask_for(text)


async def test_organizations_are_told_apart_by_their_ids(desk: Desk) -> None:
    desk.server.orgs = {
        one.id: replace(one, name=one.name.upper()) for one in desk.server.orgs.values()
    }
    assert "2 workspaces in `OTHER`" in await desk.ask_for("workspaces org=other")
