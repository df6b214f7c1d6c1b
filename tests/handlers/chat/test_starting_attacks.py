"""What goes wrong with starting runs when names, forges and channels are not as one expects."""

from typing import Any

import pytest

from bridge.domain.rules import Policy
from bridge.domain.work import Work
from tests.bridge.decisions.applying import a_rule
from tests.fakes.forge import BASE, HEAD
from tests.handlers.chat.rooms import Room
from tests.handlers.chat.speech import a_room, said

MAY = a_rule("slack:user:U1", may="plan apply destroy")


@pytest.fixture
def room() -> Room:
    room = a_room(policy=Policy(access=(MAY,)))
    room.forge.heads |= {"main": BASE, "feature": HEAD}
    return room


async def heard(room: Room, text: str, **more: Any) -> Work:  # noqa: ANN401 - fields of the event
    return await room.happens(said(text, **more))


def offered(work: Work) -> list[str]:
    """List the commands that buttons say."""
    found = "".join(one.content or "" for one in work.posts).split('"value": "')[1:]
    return [one.partition('"}')[0].replace('\\"', '"') for one in found]


class TestNamesThatAreParts:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("apply app", "apply acme/app1"),
            ("apply ap branch=app", "apply acme/app1 branch=app"),
            ("apply template=app app", "apply template=app acme/app1"),
            ('plan "app"', 'plan "acme/app1"'),
            ("plan pla", "plan acme/plan-a"),
            ("plan -w pla --target=pla.x", "plan -w acme/plan-a --target=pla.x"),
            ('plan pla msg="a < b & c"', 'plan acme/plan-a msg="a < b & c"'),
        ],
    )
    async def test_a_button_names_the_workspace_and_nothing_else_anew(
        self, room: Room, text: str, expected: str
    ) -> None:
        room.workspace("app1")
        room.workspace("plan-a")
        assert offered(await heard(room, text))[0] == expected

    async def test_a_workspace_with_a_name_like_flags_is_no_button(self, room: Room) -> None:
        room.workspace("app1 --again")
        work = await heard(room, "apply app1")
        assert offered(work) == []
        assert len(work.posts) == 1
