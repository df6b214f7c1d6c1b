"""Which workspaces are meant, by their names or by the thread something is said in."""

import pytest

from bridge.decisions.asking import Refuse
from bridge.decisions.commands import parse_command
from bridge.decisions.naming import Unknown
from bridge.domain.chat import ChannelSettings, ChatPlace
from bridge.routing import Said, Speaker
from handlers.chat.targets import find_workspaces
from tests.fakes.chats import ADA, TEAM
from tests.handlers.chat.rooms import Room
from tests.handlers.chat.speech import Threads, a_room


@pytest.fixture
def room() -> Room:
    room = a_room()
    room.workspace("dns")
    room.workspace("prod-network")
    room.workspace("a1")
    room.workspace("a[1]")
    other = room.server.add_organization("other")
    room.workspace("dns", organization=other)
    room.workspace("lonely", organization=other)
    return room


async def found(
    room: Room, text: str, *, organization: str = "", thread: str = ""
) -> list[str] | Refuse:
    if organization:
        room.chats.settings["C1"] = ChannelSettings(
            team=TEAM, channel="C1", organization=organization
        )
    said = Said(
        command=parse_command(text, "/terrakube"),
        speaker=Speaker(user=ADA),
        place=ChatPlace(team=TEAM, channel="C1", thread=thread),
        trigger="slack:T1:1.2",
    )
    answer = await find_workspaces(said, room.services())
    return answer if isinstance(answer, Refuse) else [str(one.ref) for one in answer]


@pytest.mark.parametrize(
    ("text", "organization", "expected"),
    [
        ("plan acme/dns", "", ["acme/dns"]),
        ("plan other/dns acme/dns", "", ["acme/dns", "other/dns"]),
        ("plan network", "", ["acme/network"]),
        ("plan lonely", "", ["other/lonely"]),
        ("plan dns", "acme", ["acme/dns"]),
        ("plan dns", "other", ["other/dns"]),
        ("plan acme/dns", "other", ["acme/dns"]),
        ("status 'd*'", "", ["acme/dns", "other/dns"]),
        ("status 'd*'", "acme", ["acme/dns"]),
        (
            "status acme/*",
            "",
            ["acme/a1", "acme/a[1]", "acme/dns", "acme/network", "acme/prod-network"],
        ),
        ("logs network", "", ["acme/network"]),
        ("status 'acme/a[1]'", "", ["acme/a[1]"]),
        ("status 'acme/a?'", "", ["acme/a1"]),
    ],
)
async def test_names_mean_workspaces(
    room: Room, text: str, organization: str, expected: list[str]
) -> None:
    assert await found(room, text, organization=organization) == expected


@pytest.mark.parametrize(
    ("text", "organization", "expected"),
    [
        (
            "plan dns",
            "",
            Refuse(
                text="Nothing was done: several organizations have a workspace `dns`: `acme/dns`, "
                "`other/dns`. Say which one."
            ),
        ),
        (
            "plan acme/networks",
            "",
            Unknown(
                text="There is no workspace `acme/networks`. Did you mean `acme/network`, "
                "`acme/prod-network`?",
                name="acme/networks",
                near=("acme/network", "acme/prod-network"),
            ),
        ),
        (
            "plan lonely",
            "acme",
            Unknown(
                text="There is no workspace `acme/lonely`. Did you mean `other/lonely`?",
                name="lonely",
                near=("other/lonely",),
            ),
        ),
        ("plan zzz", "", Unknown(text="There is no workspace `zzz`.", name="zzz")),
        ("plan 'x*'", "", Unknown(text="No workspace matches `x*`.", name="x*")),
        (
            "plan",
            "",
            Refuse(
                text="Nothing was done: it does not say in which workspace. Say "
                "`/terrakube plan organization/workspace`."
            ),
        ),
    ],
)
async def test_what_is_not_found_is_told_with_names_like_it(
    room: Room, text: str, organization: str, expected: Refuse
) -> None:
    assert await found(room, text, organization=organization) == expected


async def test_five_names_at_most_are_offered(room: Room) -> None:
    for number in range(9):
        room.workspace(f"edge-{number}")
    answer = await found(room, "plan acme/edge")
    assert isinstance(answer, Unknown)
    assert len(answer.near) == 5


async def test_without_a_name_it_is_the_workspaces_of_the_thread(room: Room) -> None:
    room.open()
    assert isinstance(room.chats, Threads)
    room.chats.shown["7.1"] = [room.ran("prod-network"), room.ran("dns"), room.ran("dns")]
    assert await found(room, "plan", thread="7.1") == ["acme/dns", "acme/prod-network"]
    assert await found(room, "plan network", thread="7.1") == ["acme/network"]
