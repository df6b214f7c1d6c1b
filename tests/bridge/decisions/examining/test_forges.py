"""What the settings ask of a forge."""

import pytest

from bridge.decisions.examining.forges import wants_of
from bridge.domain.access import AccessRule, Principal, PrincipalKind
from bridge.domain.commands import Word
from bridge.domain.examining import Wants
from bridge.domain.rules import ApplyPolicy, Gate, Policy


def rule(*who: tuple[str, PrincipalKind, str]) -> AccessRule:
    people = tuple(Principal(door=door, kind=kind, name=name) for door, kind, name in who)
    return AccessRule(who=people, may=frozenset({Word.APPLY}), name="access rule 1")


PLATFORM = ("github", PrincipalKind.TEAM, "acme/platform")
ACCESS = (
    rule(PLATFORM, ("code", PrincipalKind.TEAM, "acme/others")),
    rule(("github", PrincipalKind.USER, "ada"), ("github", PrincipalKind.TEAM, "Acme/Platform")),
)
NOTHING = ApplyPolicy(require=())


@pytest.mark.parametrize(
    ("policy", "wants"),
    [
        (Policy(), Wants(checks=True)),
        (Policy(apply=NOTHING), Wants()),
        (Policy(apply=NOTHING, destroy=ApplyPolicy(require=(Gate.MERGEABLE,))), Wants(checks=True)),
        (Policy(apply=ApplyPolicy(require=(), statuses=("ci",))), Wants(checks=True)),
        (Policy(apply=ApplyPolicy(require=(), auto_merge=True)), Wants(merges=True)),
        (Policy(apply=NOTHING, access=ACCESS), Wants(teams=("Acme/Platform",))),
    ],
)
def test_what_is_wanted_of_a_forge_follows_from_the_settings(policy: Policy, wants: Wants) -> None:
    assert wants_of(policy, "github") == wants
