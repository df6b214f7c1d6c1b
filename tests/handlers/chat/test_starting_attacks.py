"""What goes wrong with starting runs when names, forges and channels are not as one expects."""

from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from datetime import timedelta
from typing import Any

import pytest

from bridge.decisions.repositories import Matcher
from bridge.domain.chat_events import ButtonPressed, Interaction
from bridge.domain.errors import (
    ChatRefusalError,
    NotAllowedError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.posts import PostKind
from bridge.domain.rules import Policy
from bridge.domain.vcs import Branch, Repository, RepositoryRef
from bridge.domain.work import Work
from bridge.services.locating import repository_of
from tests.bridge.decisions.applying import a_rule
from tests.fakes.forge import BASE, HEAD, FakeForge
from tests.fakes.runs import a_run
from tests.handlers.chat.rooms import Room
from tests.handlers.chat.speech import Threads, a_room, replies, said, sent, whispers

AWAY = TemporaryRemoteError("it does not answer", service="code")
LOCKED_OUT = NotAllowedError("401", service="code", status=401)
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


@dataclass(slots=True)
class MovingForge(FakeForge):
    """Somebody pushes to each branch whenever it is looked at; the names that were asked for."""

    looks: list[str] = field(default_factory=list)

    async def branch(self, repository: RepositoryRef, name: str) -> Branch | None:
        self.looks.append(name)
        return Branch(name=name, sha=f"{len(self.looks):040}")


@dataclass(slots=True)
class SilentForge(FakeForge):
    trouble: RemoteError = AWAY

    async def repository(self, slug: str) -> Repository:
        raise self.trouble


class TestManyWorkspacesAndForges:
    async def test_workspaces_that_share_a_branch_run_one_commit(self) -> None:
        forge = MovingForge()
        room = a_room(policy=Policy(access=(MAY,), max_workspaces=1), forge=forge)
        for number in range(30):
            room.workspace(f"w{number}", branch="main" if number % 2 else "other")
        work = await heard(room, "plan 'acme/w*' --all")
        assert len(work.runs) == 30
        assert len({(one.branch, one.commit_id) for one in work.runs}) == 2
        assert sorted(forge.looks) == ["main", "other"]

    async def test_a_token_that_ran_out_does_not_make_code_nobodys(self) -> None:
        """Else it would run unpinned, whatever is there by then."""
        room = a_room(policy=Policy(access=(MAY,)), forge=SilentForge(trouble=LOCKED_OUT))
        work = await heard(room, "apply network")
        assert work.runs == []
        assert "the forge does not accept the bridge's token" in whispers(work)[0]

    @pytest.mark.parametrize("trouble", [AWAY, LOCKED_OUT])
    async def test_what_is_on_one_forge_does_not_wait_for_another(
        self, room: Room, trouble: RemoteError
    ) -> None:
        both = {"away": SilentForge(name="away", trouble=trouble), "code": room.forge}
        matcher = Matcher()
        network = next(iter(room.server.spaces.values()))
        found = await repository_of(network.source, both, matcher)
        assert found is not None
        assert found[0] is room.forge
        with pytest.raises(type(trouble)):
            await repository_of("https://nowhere.example.com/a/b.git", both, matcher)


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


class TestStrangersInTheChannel:
    @pytest.mark.parametrize("text", ["plan network", "apply network", "retry acme/infra#1"])
    @pytest.mark.parametrize("mention", [False, True])
    async def test_nothing_starts_where_strangers_would_read_its_plan(
        self, room: Room, text: str, *, mention: bool
    ) -> None:
        room.people.shared.add("C1")
        work = await heard(room, text, mention=mention)
        assert (work.runs, [one.kind for one in work.posts]) == ([], [PostKind.CHAT_WHISPER])
        assert "people of other organizations are in this channel" in whispers(work)[0]

    async def test_nor_by_the_form(self, room: Room) -> None:
        room.people.shared.add("C1")
        entered = {"start.verb": "plan", "start.workspace": "acme/network"}
        work = await room.happens(sent("run_start", entered))
        assert work.runs == []
        assert "people of other organizations are in this channel" in whispers(work)[0]

    async def test_what_is_asked_in_a_message_there_is_told_to_whoever_asks_alone(
        self, room: Room
    ) -> None:
        room.people.shared.add("C1")
        for text in ("workspaces", "status network", "logs network", "plan nowhere --all", "wat"):
            work = await heard(room, text, mention=True, thread="7.1")
            assert {one.kind for one in work.posts} == {PostKind.CHAT_WHISPER}

    @pytest.mark.parametrize(
        ("trouble", "starts"),
        [
            (TemporaryRemoteError("no answer", service="slack"), 0),
            (ChatRefusalError("no", service="slack", code="missing_scope"), 1),
        ],
    )
    async def test_who_is_there_is_known_as_far_as_slack_lets_the_bridge_see(
        self, room: Room, trouble: RemoteError, starts: int
    ) -> None:
        room.people.troubles["C1"] = trouble
        work = await heard(room, "plan network")
        assert len(work.runs) == starts
        assert replies(await heard(room, "workspaces", mention=True)) == [] or starts


class TestTwoClicks:
    @pytest.mark.parametrize("text", ["plan --again network", "apply --again network"])
    async def test_a_button_that_starts_another_starts_one(self, room: Room, text: str) -> None:
        """Two clicks are two payloads: what was started since it was shown is what it started."""
        assert isinstance(room.chats, Threads)
        (first,) = (await heard(room, text)).runs
        at = room.clock.now()
        known = [
            a_run(replace(first, trigger="slack:T1:0.1"), created_at=at - timedelta(seconds=4))
        ]
        room.chats.ran[first.workspace.id] = known
        shown_at = f"{at.timestamp() - 2:.6f}"
        (second,) = (await press(room, text, shown_at, "slack:T1:2.1")).runs
        assert second.trigger == "slack:T1:2.1"
        known.insert(0, a_run(second, created_at=at))
        third = await press(room, text, shown_at, "slack:T1:2.2")
        assert (third.runs, offered(third)) == ([], [text])
        assert len((await press(room, text, f"{at.timestamp() + 1:.6f}", "slack:T1:2.3")).runs) == 1
        assert len((await heard(room, text)).runs) == 1


async def press(room: Room, text: str, shown_at: str, trigger: str) -> Work:
    """Let Ada press a button that says something."""
    event = said(text, trigger=trigger)
    fields = {one.name: getattr(event, one.name) for one in dataclass_fields(Interaction)}
    return await room.happens(ButtonPressed(**fields, action="say:1", value=text, message=shown_at))


class TestBranches:
    @pytest.mark.parametrize("branch", ["refs/pull/7/head", "refs/merge-requests/7/head"])
    async def test_what_somebody_proposes_from_a_fork_is_no_branch(
        self, room: Room, branch: str
    ) -> None:
        """Terrakube would fetch it, where no forge can be asked whose it is."""
        room.workspace("far", source="https://elsewhere.example.com/acme/far.git")
        entered = {"start.verb": "plan", "start.workspace": "acme/far", "start.branch": branch}
        for work in (
            await heard(room, f"plan far branch={branch}"),
            await room.happens(sent("run_start", entered)),
        ):
            assert work.runs == []
            assert f"`{branch}` is no branch" in whispers(work)[0]
