"""Who may say what: every word, by every permission, with and without rules, for a fork or not."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from bridge.domain.access import AccessRule, Principal, PrincipalKind
from bridge.domain.commands import Word
from bridge.domain.errors import TemporaryRemoteError
from bridge.domain.rules import ApplyPolicy, Policy
from bridge.domain.runs import Review, RunOptions, RunState, Verb
from bridge.domain.vcs import ChangedFiles, Permission, PullRequestRef, Reviews
from bridge.domain.work import Work
from tests.fakes.forge import HEAD, INFRA, FakeForge
from tests.fakes.jobserver import APPLY_FLOW
from tests.golden import check_golden
from tests.handlers.conftest import World, replies
from tests.handlers.test_unlock import hold

GOLDEN = Path(__file__).parent / "golden" / "who_may.txt"
SAID = {
    "plan": "plan -w network",
    "plan a destruction": "plan -w gone -- -destroy",
    "apply": "apply -w network",
    "destroy": "destroy -w gone",
    "approve": "approve -w dns",
    "reject": "reject -w dns",
    "cancel": "cancel -w dns",
    "unlock": "unlock -w network",
    "unlock another's": "unlock -w prod",
    "status": "status",
    "why": "why -w network",
    "retry": "retry -w logs",
    "ok-to-plan": f"ok-to-plan {HEAD}",
    "version": "version",
    "help": "help",
}
RULES = (
    AccessRule(
        who=(Principal(door="code", kind=PrincipalKind.TEAM, name="acme/platform"),),
        may=frozenset(Word),
    ),
    AccessRule(
        who=(Principal(door="", kind=PrincipalKind.ANYBODY, name=""),),
        may=frozenset(Word),
        workspaces=("acme/net*",),
    ),
)
PEOPLE = {
    "not told": None,
    "none": Permission.NONE,
    "read": Permission.READ,
    "write": Permission.WRITE,
    "admin": Permission.ADMIN,
}


@dataclass(slots=True)
class PickyForge(FakeForge):
    """Does not say what one person may do."""

    async def permission(self, repository: object, login: str) -> Permission:
        if login == "not told":
            msg = "GET permission: no answer"
            raise TemporaryRemoteError(msg, service="code")
        return self.permissions.get(login, Permission.NONE)


def a_world(*, fork: bool, policy: Policy) -> World:
    """One in which each word would do something, said by whoever may say it."""
    world = World(policy=policy, forge=PickyForge())
    world.server.add_template("Plan")
    world.server.add_template("Plan and apply", flow=APPLY_FLOW)
    world.open(from_fork=fork)
    world.forge.reviewed[1] = Reviews(approved=True, approved_by=("bob",))
    world.forge.permissions = {name: one for name, one in PEOPLE.items() if one}
    world.forge.teams["acme/platform"] = {"read", "admin"}
    for name in ("network", "gone", "dns", "logs", "prod"):
        world.workspace(name)
    world.ran("network")
    world.ran("gone", options=RunOptions(destroy=True))
    world.ran("dns", Verb.APPLY, RunState.WAITING, review=Review.ASKED)
    world.ran("logs", state=RunState.FAILED)
    hold(world, "network")
    hold(world, "prod", PullRequestRef(repository=INFRA, number=2))
    return world


def effect(work: Work) -> str:
    """Say in a word what came of it; a dash when nothing did."""
    done = [
        *(run.verb.value for run in work.runs),
        *(one.answer.value for one in work.decides),
        *("unlock" for _ in work.frees),
        *("allow" for _ in work.allowances),
    ]
    if done:
        assert [one.result for one in work.audits] == ["done"]
        return "+".join(sorted(set(done)))
    told = replies(work)[0]
    if not work.audits and not told.startswith("Nothing was done"):
        return "told"
    return "-"


async def table() -> str:
    policies = {
        "no rules": Policy(destroy=ApplyPolicy()),
        "rules": Policy(destroy=ApplyPolicy(), access=RULES),
    }
    lines = [f"{'':28}" + "".join(f"{name:14}" for name in PEOPLE)]
    for (name, policy), fork in product(policies.items(), (False, True)):
        lines.append(f"\n{name}, {'a fork' if fork else 'no fork'}")
        for word, text in SAID.items():
            cells = [
                effect(await a_world(fork=fork, policy=policy).say(f"terrakube {text}", author=one))
                for one in PEOPLE
            ]
            lines.append(f"  {word:26}" + "".join(f"{cell:14}" for cell in cells))
    return "".join(f"{line.rstrip()}\n" for line in lines)


async def test_who_may_say_what(request: pytest.FixtureRequest) -> None:
    check_golden(request, GOLDEN, await table())


async def test_a_forks_commit_is_allowed_by_whoever_may_in_all_it_affects() -> None:
    policy = Policy(access=RULES)
    world = a_world(fork=True, policy=policy)
    world.forge.files = ChangedFiles(paths=("dns/main.tf", "network/main.tf"))
    refused = await world.say(f"terrakube ok-to-plan {HEAD}", author="write")
    assert (effect(refused), refused.runs) == ("-", [])
    assert "lets you say `ok-to-plan` in `acme/dns`" in replies(refused)[0]
    allowed = await world.say(f"terrakube ok-to-plan {HEAD}", author="admin")
    assert effect(allowed) == "allow+plan"
