"""Status, why, version and help through the router: each answer whole, as a golden file."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.domain.access import AccessRule, Principal, PrincipalKind
from bridge.domain.commands import Word
from bridge.domain.errors import NotAllowedError
from bridge.domain.rules import DEFAULT_RULES, ApplyPolicy, On, Policy, Rule
from bridge.domain.runs import Reviewed, RunOptions, RunPhase, RunState, Verb
from bridge.domain.terrakube import PlanCounts
from bridge.domain.vcs import ChangedFiles, Permission, PullRequestRef, PullRequestState, Reviews
from tests.fakes.forge import INFRA, FakeForge
from tests.golden import check_golden
from tests.handlers.conftest import NOW, World, posts, replies
from tests.handlers.test_unlock import hold

GOLDEN = Path(__file__).parent / "golden"
OTHER = PullRequestRef(repository=INFRA, number=2)
TEAM = Principal(door="code", kind=PrincipalKind.TEAM, name="acme/platform")


@pytest.fixture
def busy(world: World) -> World:
    """A pull request with everything in it that can be."""
    for name in ("app", "cache", "dns", "idle", "jobs", "logs"):
        world.workspace(name)
    world.workspace("release", branch="release")
    world.forge.files = ChangedFiles(
        paths=tuple(f"{one}/main.tf" for one in ("app", "cache", "dns", "jobs", "logs", "network"))
    )
    world.forge.permissions["rita"] = Permission.READ
    why = "The built-in rule: the workspace follows main, and `x` @acme/all lies in its folder."
    world.ran("app", counts=PlanCounts(add=1, change=2, destroy=0), why=why)
    world.ran("app", Verb.APPLY, RunState.WAITING, posted_at=NOW, job_id="71")
    world.ran("cache", plan_changes=False)
    world.ran("dns", state=RunState.FAILED, reason="Error: no <b>such</b> zone")
    jobs = world.ran("jobs")
    reviewed = Reviewed(run_id=jobs.id, digest=jobs.digest)
    world.ran("jobs", Verb.APPLY, reviewed=reviewed)
    world.ran("logs", options=RunOptions(destroy=True))
    world.ran("network", state=RunState.RUNNING, trouble="It waits for job 3.")
    world.ran("network", Verb.APPLY, RunState.QUEUED, phase=RunPhase.PLANNED, job_id="")
    hold(world, "app")
    hold(world, "network", OTHER)
    return world


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("status_of_all", "terrakube status"),
        ("status_of_one", "terrakube status -w jobs"),
        ("status_of_nothing", "terrakube status -w nettwork"),
        ("why_of_all", "terrakube why"),
        ("why_not", "terrakube why -w idle -w release"),
        ("why_of_nothing", "terrakube why -w releases"),
    ],
)
async def test_how_it_stands_and_why_is_told_to_whoever_may_read(
    busy: World, name: str, text: str, request: pytest.FixtureRequest
) -> None:
    work = await busy.say(text, author="rita")
    assert posts(work) == ["reaction:eyes", "reply:1"]
    assert not work.audits
    check_golden(request, GOLDEN / f"{name}.md", f"{replies(work)[0]}\n")


async def test_nothing_anybody_wrote_takes_effect_in_an_explanation(busy: World) -> None:
    (said,) = replies(await busy.say("terrakube why"))
    outside = "".join(re.split(r"(`+).*?\1(?!`)", said)[::2])
    assert "@" not in outside
    assert "<" not in outside


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("why_unplanned", {}),
        ("why_fork", {"from_fork": True}),
        ("why_draft", {"draft": True}),
        ("why_closed", {"state": PullRequestState.CLOSED}),
    ],
)
async def test_why_nothing_is_planned(
    world: World, name: str, changes: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    world.open(**changes)
    (said,) = replies(await world.say("terrakube why"))
    check_golden(request, GOLDEN / f"{name}.md", f"{said}\n")


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (DEFAULT_RULES[1:], "no rule on pull requests is about it."),
        (
            (Rule(on=On.PULL_REQUEST, template="Plan", also=("modules/**",), name="rule 1"),),
            "no changed file lies in its folder `network`, nor does one match `modules/**`.",
        ),
    ],
)
async def test_why_a_rule_spares_a_workspace(
    world: World, rules: tuple[Rule, ...], told: str
) -> None:
    world.policy = Policy(rules=rules)
    world.forge.files = ChangedFiles(paths=("README.md",))
    (said,) = replies(await world.say("terrakube why -w network"))
    assert told in said


async def test_a_pull_request_that_is_about_nothing_says_so(world: World) -> None:
    world.forge.files = ChangedFiles(paths=("README.md",))
    (status,) = replies(await world.say("terrakube status"))
    assert status == (
        "At `aaaaaaaaaaaa` this pull request affects no workspace, and none is planned."
    )
    (why,) = replies(await world.say("terrakube why"))
    assert "`terrakube why -w organization/name` says why one is not affected." in why


async def test_when_all_gates_are_open_that_is_said(world: World) -> None:
    world.ran()
    world.forge.reviewed[1] = Reviews(approved=True, approved_by=("bob",))
    (said,) = replies(await world.say("terrakube status"))
    assert said.endswith("Nothing is in the way of `terrakube apply`.")
    world.ran(verb=Verb.APPLY, reviewed=Reviewed(run_id="run-1", digest=""))
    (said,) = replies(await world.say("terrakube status"))
    assert said.endswith("There is nothing left to apply: it is done, or under way.")


async def test_very_many_workspaces_are_cut_and_that_is_said(world: World) -> None:
    for number in range(60):
        world.workspace(f"n{number:02}", folder="/network")
    (status,) = replies(await world.say("terrakube status"))
    assert "- And 11 workspaces more; `-w` chooses some." in status
    (why,) = replies(await world.say("terrakube why"))
    assert "And 41 workspaces more; `-w` chooses some." in why


@pytest.mark.parametrize("verb", ["status", "why"])
async def test_a_stranger_reads_nothing_and_is_looked_up_for_once_an_hour(
    world: World, verb: str
) -> None:
    (said,) = replies(await world.say(f"terrakube {verb}", author="mallory"))
    assert said.startswith("Nothing was done: this needs read permission on the repository")
    world.forge.permissions["mallory"] = Permission.READ
    again = await world.say(
        f"terrakube {verb}", author="mallory", received_at=NOW + timedelta(minutes=5)
    )
    assert again.ignored == "mallory may not write here and was answered within this hour"
    assert world.forge.ignored == []


async def test_version_is_told_to_anybody(world: World) -> None:
    (said,) = replies(await world.say("terrakube version", author="mallory"))
    assert re.match(
        r"terrakube-bridge \S+, made for Terrakube 2\.32 \(stable\) and 2\.33 \(beta\)\.", said
    )


RULES = Policy(
    destroy=ApplyPolicy(),
    access=(
        AccessRule(who=(TEAM,), may=frozenset(Word)),
        AccessRule(
            who=(Principal(door="", kind=PrincipalKind.ANYBODY, name=""),),
            may=frozenset({Word.PLAN, Word.RETRY}),
        ),
    ),
)


class TroubledForge(FakeForge):
    """Does not say who is in a team."""

    async def in_team(self, login: str, team: str) -> bool:
        msg = "GET membership: answered 403"
        raise NotAllowedError(msg, service="code", status=403)


@pytest.mark.parametrize(
    ("name", "author", "policy"),
    [
        ("help_of_a_stranger", "mallory", Policy()),
        ("help_of_a_reader", "rita", Policy()),
        ("help_of_a_writer", "alice", Policy()),
        ("help_by_rules", "alice", RULES),
        ("help_of_the_team", "tom", RULES),
    ],
)
async def test_help_lists_what_whoever_asks_may_say(
    world: World, name: str, author: str, policy: Policy, request: pytest.FixtureRequest
) -> None:
    world.policy = policy
    world.forge.permissions |= {"rita": Permission.READ, "tom": Permission.WRITE}
    world.forge.teams["acme/platform"] = {"tom"}
    (said,) = replies(await world.say("terrakube help", author=author))
    check_golden(request, GOLDEN / f"{name}.md", f"{said}\n")


async def test_a_team_that_cannot_be_asked_about_is_a_no_and_that_is_said(world: World) -> None:
    world.policy = replace(RULES, access=(RULES.access or ())[:1])
    world.ran()
    world.forge = TroubledForge(pulls=world.forge.pulls)
    work = await world.say("terrakube apply")
    assert not work.runs
    assert "Whether you are in `code:team:acme/platform` could not be asked" in replies(work)[0]
