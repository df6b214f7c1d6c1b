"""Codes as they are typed, and what follows from one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.decisions.linking import (
    CODE_BITS,
    Linked,
    NotLinked,
    code_of,
    decide_link,
    hash_of_code,
)
from bridge.domain.chat import Identity, LinkOffer

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OFFER = LinkOffer(
    code_hash="h",
    team="T1",
    team_name="Acme",
    user="U1",
    name="Ada Lovelace",
    expires_at=NOW + timedelta(minutes=10),
)


def test_a_code_holds_all_its_chance_in_signs_that_nobody_mistakes() -> None:
    assert code_of(0) == "00000-00000"
    assert code_of(2**CODE_BITS - 1) == "ZZZZZ-ZZZZZ"
    assert len({code_of(1 << bit) for bit in range(CODE_BITS)}) == CODE_BITS
    assert not {*"ILOU"} & {sign for number in range(32) for sign in code_of(number)}


@pytest.mark.parametrize(
    "typed", ["7K3QF-0112M", "7k3qf-0112m", "7K3QF0112M", "7k3qf-oIl2m", "7K3QF 0112M"]
)
def test_a_code_is_the_same_however_it_is_typed(typed: str) -> None:
    assert hash_of_code(typed, b"key") == hash_of_code("7K3QF0112M", b"key") != ""


@pytest.mark.parametrize("typed", ["", "7K3QF", "7K3QF-0112MM", "7K3QF-0112U", "7K3QF-0112é"])
def test_what_cannot_be_a_code_has_no_hash(typed: str) -> None:
    assert hash_of_code(typed, b"key") == ""


def test_the_hash_says_nothing_without_the_key() -> None:
    hashes = {hash_of_code("7K3QF-0112M", key) for key in (b"key", b"other")}
    assert [len(one) for one in hashes] == [64, 64]


@pytest.mark.parametrize(
    ("offer", "seconds", "wrong", "says"),
    [
        (None, 0, 0, "there is no such code"),
        (None, 0, 4, "there is no such code"),
        (None, 0, 5, "there were 5 wrong codes"),
        (OFFER, 0, 5, "there were 5 wrong codes"),
        (OFFER, 600, 0, "a code lives 10 minutes"),
        (replace(OFFER, used=True), 0, 0, "used already"),
    ],
)
def test_a_code_that_is_no_good_links_nobody(
    offer: LinkOffer | None, seconds: int, wrong: int, says: str
) -> None:
    decision = decide_link(
        offer, now=NOW + timedelta(seconds=seconds), wrong=wrong, forge="code", login="alice"
    )
    assert isinstance(decision, NotLinked)
    assert says in decision.text
    assert decision.wrong is (offer is None and wrong < 5)


def test_names_that_were_made_to_deceive_stay_inert() -> None:
    evil = LinkOffer(
        code_hash="h",
        team="T1",
        team_name="`@acme/all`",
        user="U1",
        name="Ada](https://evil.example) <!channel>\n\n# @everyone",
        expires_at=NOW + timedelta(minutes=1),
    )
    before = (Identity(team="T1", user="U1", name="x", forge="code", login="a`b"),)
    decision = decide_link(evil, now=NOW, wrong=0, forge="code", login="alice", before=before)
    assert isinstance(decision, Linked)
    first, *_ = decision.text.splitlines()
    assert "`Ada](https://evil.example) <!channel> # @everyone` (`U1`)" in first
    assert "`` `@acme/all` ``" in first
    assert "``a`b``" in decision.text


@pytest.mark.parametrize(("login", "told"), [("alice", False), ("ALICE", False), ("bob", True)])
def test_only_another_account_is_told_to_be_replaced(login: str, *, told: bool) -> None:
    before = (
        Identity(team="T1", user="U1", name="Ada", forge="github", login="ada"),
        Identity(team="T1", user="U1", name="Ada", forge="code", login=login),
    )
    decision = decide_link(OFFER, now=NOW, wrong=0, forge="code", login="alice", before=before)
    assert isinstance(decision, Linked)
    assert ("here before" in decision.text) is told
    assert "ada" not in decision.text
