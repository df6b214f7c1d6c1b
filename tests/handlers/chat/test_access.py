"""Who may say what in the chat, asked of Slack and of the forge just now."""

from dataclasses import dataclass, field

import pytest

from bridge.domain.access import AccessRule
from bridge.domain.commands import Word
from bridge.domain.errors import TemporaryRemoteError
from bridge.domain.rules import Policy
from bridge.domain.vcs import Permission, RepositoryRef
from bridge.routing import Speaker
from handlers.chat.access import refuse_said
from tests.bridge.decisions.applying import NETWORK, a_rule
from tests.fakes.chats import ADA, FakeChatPeople, an_identity
from tests.fakes.forge import INFRA, FakeForge
from tests.handlers.chat.rooms import Room

GROUP, TEAM = "slack:group:S1", "code:team:acme/platform"
LINKED = Speaker(user=ADA, identities=(an_identity(),))


@dataclass(slots=True)
class People(FakeChatPeople):
    """Counts what it is asked."""

    asked: list[str] = field(default_factory=list)

    async def in_group(self, user_id: str, group_id: str) -> bool:
        self.asked.append(group_id)
        return await FakeChatPeople.in_group(self, user_id, group_id)


@dataclass(slots=True)
class Forge(FakeForge):
    """Counts whose permission it is asked for."""

    asked: list[str] = field(default_factory=list)

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        self.asked.append(login)
        return await FakeForge.permission(self, repository, login)


class Silent(FakeForge):
    """Does not answer."""

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        msg = "GET permission: 503"
        raise TemporaryRemoteError(msg, service="code")


async def asked(
    *rules: AccessRule,
    word: Word = Word.PLAN,
    members: tuple[str, ...] = (),
    speaker: Speaker = LINKED,
    repository: RepositoryRef | None = INFRA,
) -> tuple[bool, list[str], list[str]]:
    """Say whether they may, which groups were asked about, and whose permission."""
    people, forge = People(groups={"S1": set(members)}), Forge()
    forge.teams["acme/platform"] = {"alice"}
    room = Room(people=people, forge=forge, policy=Policy(access=rules))
    refusal = await refuse_said(speaker, word, room.services(), [NETWORK], repository)
    return refusal is None, people.asked, forge.asked


@pytest.mark.parametrize(
    ("rules", "members", "expected"),
    [
        ((a_rule("slack:user:U1"),), (), (True, [], [])),
        ((a_rule(GROUP),), ("U1",), (True, ["S1"], [])),
        ((a_rule(GROUP), a_rule("code:user:alice")), (), (True, ["S1"], ["alice"])),
        ((a_rule(TEAM),), (), (True, [], ["alice"])),
        ((a_rule(GROUP, may="apply"),), ("U1",), (False, [], ["alice"])),
    ],
)
async def test_a_forge_is_asked_only_when_slack_does_not_say_it_all(
    rules: tuple[AccessRule, ...],
    members: tuple[str, ...],
    expected: tuple[bool, list[str], list[str]],
) -> None:
    assert await asked(*rules, members=members) == expected


@pytest.mark.parametrize("word", [Word.STATUS, Word.LOGS, Word.SUBSCRIBE, Word.LINK, Word.HELP])
async def test_nobody_is_asked_about_what_everybody_may(word: Word) -> None:
    assert await asked(a_rule(GROUP), word=word) == (True, [], [])


async def test_whoever_is_linked_to_nothing_is_not_looked_up_on_the_forge() -> None:
    found = await asked(a_rule("*"), speaker=Speaker(user=ADA))
    assert found == (False, [], [])


@pytest.mark.parametrize(
    "repository",
    [
        None,
        RepositoryRef(forge="", id="", slug=""),
        RepositoryRef(forge="x", id="1", slug="a/b"),
    ],
)
async def test_a_repository_that_is_on_no_configured_forge_is_not_known(
    repository: RepositoryRef | None,
) -> None:
    assert await asked(a_rule("*"), repository=repository) == (False, [], [])
    assert (await asked(a_rule("slack:user:U1"), repository=repository))[0]


async def test_a_forge_that_does_not_answer_keeps_nobody_from_what_slack_knows() -> None:
    room = Room(policy=Policy(access=(a_rule(GROUP), a_rule(TEAM))), forge=Silent())
    room.people.groups["S1"] = {"U1"}
    services = room.services()
    assert await refuse_said(LINKED, Word.PLAN, services, [NETWORK], INFRA) is None
    room.people.groups.clear()
    refusal = await refuse_said(LINKED, Word.PLAN, services, [NETWORK], INFRA)
    assert refusal is not None
    assert "the forge did not say whether you have it" in refusal.text
