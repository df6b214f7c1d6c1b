"""``status`` and ``why``: how things stand, who waits for whom, and what is in the way."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.chat import ChatUser, Subscription
from bridge.domain.holds import Hold
from bridge.domain.posts import ChatTarget, PostKind
from bridge.domain.rules import DEFAULT_RULES, On, Policy, Rule
from bridge.domain.runs import CLOSED, RETARGETED, Review, RunPhase, RunState, Verb
from bridge.domain.terrakube import JobStatus, PlanCounts
from bridge.domain.vcs import PullRequestRef
from bridge.domain.work import Vote
from tests.bridge.decisions.applying import a_rule
from tests.fakes.chats import TEAM
from tests.fakes.forge import INFRA
from tests.fakes.jobserver import unavailable
from tests.golden import check_golden
from tests.handlers.chat.desk import GOLDEN, INJECTED, Desk, a_desk, buttons, seen
from tests.handlers.conftest import NOW

COUNTS = PlanCounts(add=3, change=1, destroy=2)
SEVENTH = PullRequestRef(repository=INFRA, number=7)


def hold_of(desk: Desk, name: str = "network") -> Hold:
    space = next(one for one in desk.server.spaces.values() if one.ref.name == name)
    return Hold(
        workspace=space.ref,
        pull_request=SEVENTH,
        actor="bob",
        web_url="https://code.example.com/acme/infra/pulls/7",
        since=NOW,
    )


@pytest.fixture
def desk() -> Desk:
    """An apply that runs, one that waits for somebody, one in line, and what came before."""
    desk = a_desk()
    desk.follow(
        verb=Verb.PLAN,
        state=RunState.FAILED,
        reason="Error: no such thing",
        started_at=NOW,
        decided_by="bob",
    )
    desk.follow(counts=COUNTS, started_at=NOW, why="The built-in rule: files changed.")
    waits = desk.follow(state=RunState.WAITING, counts=COUNTS, trouble="Its plan differs.")
    desk.store.approvals[waits.id] = (Vote(actor="Ada (slack:U1)", at=NOW),)
    desk.policy = replace(desk.policy, access=(replace(a_rule("slack:group:S1"), quorum=2),))
    desk.follow(
        state=RunState.QUEUED,
        phase=RunPhase.PLANNED,
        job_id="",
        pull_request=1,
        repository=INFRA,
    )
    held = hold_of(desk)
    desk.store.held[held.workspace.id] = held
    desk.job("dns", created_by="mallory@example.com")
    return desk


SAID = {
    "status": "status",
    "status_of_a_job": "status 2",
    "status_of_an_ended_job": "status 1",
    "status_of_a_strange_job": "status 4",
    "status_of_no_job": "status 99",
    "status_of_a_workspace": "status acme/network",
    "status_of_another_workspace": "status dns",
    "status_of_several": "status acme/*",
    "status_of_nothing_known": "status netwrk",
    "why": "why",
    "why_of_a_running_job": "why 2",
    "why_of_a_waiting_job": "why 3",
    "why_of_an_ended_job": "why 1",
    "why_of_a_strange_job": "why 4",
    "why_of_no_job": "why 99",
    "why_of_a_workspace": "why acme/network",
    "why_of_another_workspace": "why dns",
    "why_of_nothing_known": "why netwrk",
}


@pytest.mark.parametrize("name", SAID)
async def test_what_is_told_is_what_it_was(
    desk: Desk, name: str, request: pytest.FixtureRequest
) -> None:
    shown = await desk.ask_for(SAID[name])
    check_golden(request, GOLDEN / f"{name}.txt", f"{shown}\n")


async def test_only_the_asker_sees_it_unless_it_was_said_before_all(desk: Desk) -> None:
    alone = await desk.type("status")
    assert [one.kind for one in alone.posts] == [PostKind.CHAT_WHISPER]
    before_all = await desk.type("status 2", thread="100.1", mention=True)
    (post,) = before_all.posts
    assert (post.kind, post.target) == (
        PostKind.CHAT_REPLY,
        ChatTarget(team=TEAM, channel="C1", slot="slack:T1:1.2", thread="100.1", user="U1"),
    )


async def test_a_thread_is_about_its_own_runs(desk: Desk) -> None:
    ended = desk.chats.runs["1"]
    desk.chats.threads["100.1"] = [ended]
    shown = await desk.ask_for("status", thread="100.1", mention=True)
    assert "1 run in this thread:" in shown
    assert "plan failed" in shown
    assert "why it" not in shown
    assert "no such thing" in await desk.ask_for("why", thread="100.1", mention=True)


async def test_where_nothing_goes_on_it_is_said_how_to_hear_of_something() -> None:
    desk = a_desk()
    shown = await desk.ask_for("status")
    assert "Nothing runs and nothing waits in what this channel shows and hears of." in shown
    assert "`/terrakube subscribe organization/*` changes that" in shown
    desk.chats.subscribed = [Subscription(team=TEAM, channel="C1", pattern="acme/*")]
    assert "subscribed to nothing" not in await desk.ask_for("status")
    assert "Nothing runs" in await desk.ask_for("why")
    assert "Nothing runs and nothing waits in these" in await desk.ask_for("why acme/*")


async def test_names_that_may_be_meant_are_buttons_that_say_it_again(desk: Desk) -> None:
    work = await desk.type("why acme/netwrk")
    assert buttons(work) == [("acme/network", "why acme/network")]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"state": RunState.QUEUED}, "usually an executor has to be free first"),
        (
            {"state": RunState.QUEUED, "job_id": "", "phase": RunPhase.POSTING},
            "being created in Terrakube",
        ),
        (
            {"state": RunState.QUEUED, "job_id": "", "phase": RunPhase.PLANNED, "verb": Verb.PLAN},
            "older runs of its workspace come first",
        ),
        ({"cancel_requested": True, "decided_by": "bob"}, "being cancelled, as `bob` asked for"),
        (
            {"state": RunState.WAITING, "phase": RunPhase.REVIEWING, "decided_by": "bob"},
            "`bob` has answered, and Terrakube is being told",
        ),
        ({"state": RunState.WAITING, "review": Review.DUE}, "compared with the reviewed one"),
        ({"state": RunState.WAITING}, "waits for somebody who may approve: `/terrakube approve 1`"),
        ({"state": RunState.SUPERSEDED, "superseded_by": CLOSED}, "pull request was closed"),
        ({"state": RunState.SUPERSEDED, "superseded_by": RETARGETED}, "goes to another branch"),
        ({"state": RunState.SUPERSEDED, "superseded_by": "ab" * 20}, "newer head, `abababababab`"),
    ],
)
async def test_why_a_run_stands_as_it_does(fields: dict[str, object], text: str) -> None:
    desk = a_desk()
    desk.follow(**fields)  # type: ignore[arg-type]  # named by each case
    assert text in await desk.ask_for("why acme/network")


async def test_a_job_that_terrakube_has_not_begun_waits_for_those_before_it() -> None:
    desk = a_desk()
    first = desk.job(status=JobStatus.WAITING_APPROVAL)
    desk.follow(state=RunState.QUEUED)
    shown = await desk.ask_for("why 2")
    assert f"waits in Terrakube behind job {first.id}" in shown
    assert "(waits for an approval)" in shown
    desk.job()
    assert f"waits in Terrakube behind job {first.id}" in await desk.ask_for("why 3")


async def test_a_lock_of_terrakubes_is_told_as_it_is_now() -> None:
    desk = a_desk()
    desk.follow(state=RunState.QUEUED)
    space = next(one for one in desk.server.spaces.values() if one.ref.name == "network")
    desk.server.lock(space, "till Monday")
    locked = "locked in Terrakube (`till Monday`): jobs wait until somebody unlocks it there"
    assert locked in await desk.ask_for("why 1")
    assert "🔒 locked in Terrakube: `till Monday`" in await desk.ask_for("status acme/network")
    assert "🔒 locked in Terrakube" in await desk.ask_for("status acme/*")


async def test_only_what_is_in_line_waits_for_whoever_has_the_workspace_locked() -> None:
    desk = a_desk()
    held = hold_of(desk)
    desk.store.held[held.workspace.id] = held
    fields: dict[str, Any] = {
        "state": RunState.QUEUED,
        "phase": RunPhase.PLANNED,
        "repository": INFRA,
        "job_id": "",
    }
    desk.follow(verb=Verb.PLAN, pull_request=1, **fields)
    assert "is next" not in await desk.ask_for("status")
    desk.follow(pull_request=7, **fields)
    assert "is next" not in await desk.ask_for("status")
    desk.follow(pull_request=1, **fields)
    assert "is number 2 in line: acme/infra#" in await desk.ask_for("status")


@pytest.mark.parametrize(
    ("rules", "changes", "texts"),
    [
        (
            DEFAULT_RULES,
            {},
            (
                "a pull request to `main` that changes `network`: template `Plan`",
                "a push to `main` that changes `network`: the workspace's own template",
            ),
        ),
        ((), {}, ("nothing by itself: no rule is about it",)),
        ((), {"native_webhook": True}, ("a webhook that Terrakube itself has",)),
        ((), {"source": ""}, ("nothing by itself: it has no repository",)),
        (
            (Rule(on=On.PUSH, template="built-in"),),
            {"branch": "main,dev"},
            ("a push to `dev`", "template `built-in`, by `a rule on push`"),
        ),
    ],
)
async def test_where_nothing_runs_it_is_told_what_would_start_something(
    rules: tuple[Rule, ...], changes: dict[str, object], texts: tuple[str, ...]
) -> None:
    desk = a_desk()
    desk.policy = Policy(rules=rules)
    ref = next(one.ref for one in desk.server.spaces.values() if one.ref.name == "network")
    desk.server.spaces[ref.id] = replace(desk.server.spaces[ref.id], **changes)  # type: ignore[arg-type]  # named by each case
    shown = await desk.ask_for("why acme/network")
    assert "Nothing is under way in `acme/network`." in shown
    assert [text for text in texts if text not in shown] == []


async def test_when_terrakube_is_silent_it_is_told_what_is_known(desk: Desk) -> None:
    desk.server.failures = {name: [unavailable()] * 9 for name in ("open_jobs", "job", "workspace")}
    shown = await desk.ask_for("status acme/network")
    assert "Terrakube did not say just now what else it runs." in shown
    assert "applying since 12:00 UTC" in shown
    assert "applying since 12:00 UTC" in await desk.ask_for("status 2")
    assert "applying since 12:00 UTC" in await desk.ask_for("why acme/network")
    assert "Terrakube does not answer just now" in await desk.ask_for("status 4")


@pytest.mark.parametrize("text", ["status 4", "status acme/dns", "why 4", "why dns", "logs 4"])
async def test_when_terrakube_says_nothing_at_all_there_is_a_sentence(text: str) -> None:
    desk = a_desk()
    desk.server.failures = {"organizations": [unavailable()] * 9}
    assert "Terrakube does not answer just now. Please ask again" in await desk.ask_for(text)


async def test_five_thousand_workspaces_and_runs_are_a_useful_answer() -> None:
    desk = a_desk()
    runs = []
    for number in range(200):
        desk.workspace(f"{'n' * 60}-{number}")
        runs.append(desk.follow(f"{'n' * 60}-{number}"))
    waiting = replace(runs[150], state=RunState.WAITING)
    desk.chats.under_way["C1"] = [*runs[:150], waiting, *runs[151:]] * 25
    shown = await desk.ask_for("status")
    assert "5,000 runs in what this channel shows" in shown
    assert "waits for approval until" in shown.partition("•")[2].partition("•")[0]
    assert "more" in shown.splitlines()[-2]
    shown = await desk.ask_for("status acme/*")
    assert "202 workspaces:" in shown
    assert "…and 1" in shown
    assert "more; name fewer of them" in shown
    shown = await desk.ask_for("why acme/n*")
    assert "Only the first 10 of 201 workspaces were looked at" in shown


async def test_names_that_others_gave_do_nothing_when_they_are_shown() -> None:
    desk = a_desk()
    desk.workspace(INJECTED, branch=INJECTED, lock_description=INJECTED, locked=True)
    desk.follow(
        INJECTED,
        state=RunState.QUEUED,
        branch=INJECTED,
        trouble=INJECTED,
        actor=INJECTED,
        why=INJECTED,
    )
    desk.job(INJECTED, created_by=INJECTED, status=INJECTED)
    desk.server.orgs = {one.id: replace(one, name="acme") for one in desk.server.orgs.values()}
    for text in ("status", "status 1", "status 2", "why", "why 1", "why 2"):
        assert "evil.example" in await desk.ask_for(text), text  # which asserts that it is inert
    desk.workspace("<!here> <@U1> *x*")
    assert "<!here>" in await desk.ask_for("status acme/*")


async def test_a_stranger_is_told_nothing() -> None:
    desk = a_desk()
    desk.follow()
    mallory = ChatUser(team="T9", id="U6", name="Mallory", is_stranger=True)
    desk.people.users["U6"] = mallory
    for text in ("status", "why 1", "logs 1", "workspaces", "help"):
        assert "of another organization" in seen(await desk.type(text, by=mallory))
    guest = ChatUser(team=TEAM, id="U7", name="Guest", is_guest=True)
    desk.people.users["U7"] = guest
    assert "guests may not" in seen(await desk.type("status", by=guest))


async def test_an_old_approval_is_not_asked_for_any_more(desk: Desk) -> None:
    desk.clock.advance(timedelta(hours=7).total_seconds())
    assert "approval expired" in await desk.ask_for("status 3")
