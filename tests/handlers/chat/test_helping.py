"""``help`` in the chat: what can be said there, by whoever asks."""

from dataclasses import replace
from importlib.metadata import version

import pytest

from bridge.decisions.helping import DOES
from bridge.decisions.verbs import CHAT, EXAMPLES
from bridge.domain.commands import Word
from bridge.domain.rules import ApplyPolicy
from bridge.routing import Services
from tests.bridge.decisions.applying import a_rule
from tests.fakes.chats import an_identity
from tests.golden import check_golden
from tests.handlers.chat.desk import GOLDEN, Desk, a_desk


class Renamed(Desk):
    """Another command than the usual one."""

    def services(self) -> Services:
        return self.router.equip(replace(Desk.services(self), chat_command="/tk-prod"))


@pytest.fixture
def desk() -> Desk:
    return a_desk()


async def test_whoever_may_only_read_is_offered_that(
    desk: Desk, request: pytest.FixtureRequest
) -> None:
    check_golden(request, GOLDEN / "help.txt", f"{await desk.ask_for('help')}\n")


async def test_rules_offer_what_they_let_people_say(
    desk: Desk, request: pytest.FixtureRequest
) -> None:
    rules = (a_rule("slack:user:U1", may="plan apply destroy"),)
    desk.policy = replace(desk.policy, access=rules, destroy=ApplyPolicy())
    check_golden(request, GOLDEN / "help_by_rules.txt", f"{await desk.ask_for('help')}\n")


async def test_whoever_is_linked_is_told_that_their_account_may_do_more(desk: Desk) -> None:
    desk.policy = replace(desk.policy, access=(a_rule("*", may="plan"),))
    desk.chats.people.append(an_identity())
    assert (await desk.ask_for("help")).splitlines()[-1].strip() == (
        "`plan`, `apply`, `approve`, `reject`, `cancel`, `unlock`, `retry`, `ok-to-plan` you may "
        "say where a rule lets your account, and it has write permission on the repository."
    )


@pytest.mark.parametrize("word", [Word.LOGS, Word.SUBSCRIBE, Word.APPROVE, Word.SETTINGS])
async def test_one_command_is_explained(
    desk: Desk, word: Word, request: pytest.FixtureRequest
) -> None:
    shown = await desk.ask_for(f"help {word}")
    check_golden(request, GOLDEN / f"help_{word}.txt", f"{shown}\n")


@pytest.mark.parametrize("word", [Word.LOCK, Word.DESTROY])
async def test_what_nobody_carries_out_is_not_offered(desk: Desk, word: Word) -> None:
    assert f"terrakube {word}" not in await desk.ask_for("help")
    shown = await desk.ask_for(f"help {word}")
    assert f"`/terrakube {word}` is not available yet. There is: `/terrakube plan`" in shown


async def test_the_configured_name_of_the_command_is_shown() -> None:
    shown = await Renamed().ask_for("help")
    assert "`/tk-prod status acme/network`" in shown
    assert "/terrakube" not in shown


async def test_every_word_has_words_and_an_example(desk: Desk) -> None:
    words = [one for one in desk.services().said_words if one not in CHAT.elsewhere]
    assert set(words) <= set(DOES) & set(EXAMPLES)


async def test_the_version_is_told_to_anybody(desk: Desk) -> None:
    assert f"terrakube-bridge {version('terrakube-bridge')}" in await desk.ask_for("version")
