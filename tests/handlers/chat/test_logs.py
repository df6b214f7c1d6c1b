"""``logs``, and the buttons *Logs* and *Plan*: what a job wrote, without secrets."""

from dataclasses import replace

import pytest

from bridge.domain.chat import ChatUser
from bridge.domain.chat_controls import Control
from bridge.domain.runs import Output, OutputKind, RunState, Verb
from bridge.domain.terrakube import JobContext, ResourceChange
from bridge.domain.work import Work
from tests.fakes.chats import TEAM
from tests.fakes.jobserver import unavailable
from tests.golden import check_golden
from tests.handlers.chat.desk import GOLDEN, INJECTED, Desk, a_desk, buttons, message_of, seen

PLAN = "Terraform will perform the following actions:\n\n  # a.b will be created\n"
CLOSING = "Plan: 1 to add, 0 to change, 0 to destroy."


@pytest.fixture
def desk() -> Desk:
    """An apply that has planned, and is at work at its last step."""
    desk = a_desk()
    run = desk.follow()
    desk.server.start(run.job_id, 2)
    desk.server.say(run.job_id, "\x1b[1mplanned\x1b[0m\n" + PLAN + CLOSING + "\n", 0)
    lines = [f"line {number}" for number in range(1, 101)]
    desk.server.say(run.job_id, "\n".join([*lines, "half a li"]), 2)
    return desk


def preformatted(work: Work) -> str:
    """What stands in blocks of text that stays as it is."""
    return "".join(
        one["text"]
        for post in work.posts
        for block in message_of(post).blocks
        if block["type"] == "rich_text"
        for inner in block["elements"]
        for one in inner["elements"]
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("logs", "logs 1 tail=5"),
        ("logs_of_a_step", "logs 1 100"),
        ("logs_of_no_step", "logs 1 7"),
        ("logs_of_no_job", "logs 99"),
        ("logs_of_a_workspace", "logs acme/network tail=2"),
        ("logs_of_two_workspaces", "logs acme/*"),
        ("logs_of_nothing_known", "logs netwrk"),
        ("logs_of_nothing_run", "logs dns"),
        ("logs_of_nothing_written", "logs 1 150"),
    ],
)
async def test_what_is_told_is_what_it_was(
    desk: Desk, name: str, said: str, request: pytest.FixtureRequest
) -> None:
    check_golden(request, GOLDEN / f"{name}.txt", f"{await desk.ask_for(said)}\n")


async def test_the_end_of_the_last_step_that_wrote_something_is_shown(desk: Desk) -> None:
    work = await desk.type("logs 1")
    shown = preformatted(work).splitlines()
    assert shown == [f"line {number}" for number in range(51, 101)]
    assert buttons(work) == [
        ("Step 100", "logs 1 100"),
        ("Step 150", "logs 1 150"),
        ("100 lines", "logs 1 tail=100"),
    ]


async def test_a_thread_asks_for_its_own_newest_job(desk: Desk) -> None:
    desk.chats.threads["100.1"] = [desk.chats.runs["1"]]
    assert "line 100" in await desk.ask_for("logs", thread="100.1", mention=True)


async def test_the_newest_job_of_a_workspace_may_be_somebody_elses(desk: Desk) -> None:
    job = desk.job()
    desk.server.start(job.id)
    desk.server.say(job.id, "of mallory\n")
    assert "of mallory" in await desk.ask_for("logs network")


async def test_secrets_are_nowhere_in_what_is_shown(desk: Desk) -> None:
    sensitive = ResourceChange(
        address="a.b",
        actions=("create",),
        after={"password": "hunter2hunter2"},
        after_sensitive={"password": True},
    )
    step = desk.server.known["1"].steps[0].id
    desk.server.contexts["1"] = JobContext(plans={step: (sensitive,)}, applies={}, diagnostics={})
    token = "ghp_" + "a1B2" * 9
    desk.server.say("1", f"s3cr3t-t0ken\nhunter2hunter2\n{token}\nno secret\n", 2)
    work = await desk.type("logs 1")
    shown = preformatted(work)
    assert "no secret" in shown
    for secret in ("s3cr3t-t0ken", "hunter2hunter2", token):
        assert secret not in str(work.posts)


async def test_what_a_job_wrote_does_nothing_when_it_is_shown(desk: Desk) -> None:
    wrote = f"```\n{INJECTED}\n````\n\x1b]8;;https://evil.example\x07click\x1b]8;;\x07 \u202e\n"
    desk.server.say("1", wrote, 2)
    work = await desk.type("logs 1")
    assert preformatted(work) == f"```\n{INJECTED}\n````\nclick \\u202e"
    seen(work)  # asserts that nobody is called


@pytest.mark.parametrize("lines", [["x" * 50_000], ["`" * 400] * 500, ["<&>" * 60] * 500])
async def test_a_huge_log_is_shown_from_its_end(desk: Desk, lines: list[str]) -> None:
    desk.server.say("1", "\n".join([*lines, "the very end", ""]), 2)
    work = await desk.type("logs 1 tail=500")
    seen(work)
    assert preformatted(work).endswith("the very end")


async def test_what_was_stored_stands_in_for_a_job_that_is_gone(desk: Desk) -> None:
    run = desk.chats.runs["1"]
    desk.server.delete("1")
    assert "nothing of it is stored" in await desk.ask_for("logs 1")
    plan = Output(kind=OutputKind.PLAN, text="the plan")
    error = Output(kind=OutputKind.ERROR, text="the error")
    desk.store.kept_outputs[run.id] = (plan, error)
    assert "error as it was stored" in await desk.ask_for("logs 1")


@pytest.mark.parametrize("method", ["job", "step_log"])
async def test_when_terrakube_is_silent_there_is_a_sentence(desk: Desk, method: str) -> None:
    desk.server.failures = {method: [unavailable()] * 9}
    assert "Terrakube does not answer just now" in await desk.ask_for("logs 1")


async def test_a_log_is_shown_without_the_structured_output(desk: Desk) -> None:
    desk.server.failures = {"context": [unavailable()]}
    assert "line 100" in await desk.ask_for("logs 1")


async def test_the_button_shows_the_end_of_the_log_to_whoever_presses(desk: Desk) -> None:
    run = desk.chats.runs["1"]
    work = await desk.press_of(run, Control.LOGS)
    assert preformatted(work).endswith("line 100")
    (post,) = work.posts
    assert (post.target.user, post.target.channel) == ("U1", "C1")  # type: ignore[union-attr]  # a chat's
    assert not work.audits


async def test_the_button_shows_the_complete_plan(desk: Desk) -> None:
    run = desk.chats.runs["1"]
    desk.store.kept_outputs[run.id] = (Output(kind=OutputKind.PLAN, text=PLAN + CLOSING),)
    work = await desk.press_of(run, Control.PLAN)
    assert preformatted(work) == PLAN + CLOSING
    assert "The plan of" in seen(work)
    assert buttons(work) == [("Logs", "logs 1")]


async def test_a_huge_plan_is_an_excerpt_and_a_link(desk: Desk) -> None:
    run = desk.chats.runs["1"]
    text = PLAN + "      + x = 1\n" * 50_000 + CLOSING
    desk.store.kept_outputs[run.id] = (Output(kind=OutputKind.PLAN, text=text),)
    work = await desk.press_of(run, Control.PLAN)
    shown = preformatted(work)
    assert shown.startswith("Terraform will perform")
    assert shown.endswith(CLOSING)
    assert "all of it is in Terrakube (https://terrakube.example.com/" in seen(work)
    assert "50,004 lines" in seen(work)


async def test_a_plan_that_is_not_stored_is_said_to_be_so(desk: Desk) -> None:
    run = desk.chats.runs["1"]
    assert "Nothing is stored of the plan" in seen(await desk.press_of(run, Control.PLAN))


async def test_a_run_without_a_job_wrote_nothing(desk: Desk) -> None:
    run = desk.follow(verb=Verb.PLAN, state=RunState.QUEUED, job_id="")
    assert "not created yet" in seen(await desk.press_of(run, Control.LOGS))


@pytest.mark.parametrize("value", ["", "x", "01GONE..", "a.b.c.d", "<!channel>"])
async def test_a_button_of_what_is_gone_says_so(desk: Desk, value: str) -> None:
    for control in (Control.LOGS, Control.PLAN):
        assert "not known here any more" in seen(await desk.press(control.value, value))


async def test_strangers_and_guests_see_nothing(desk: Desk) -> None:
    run = desk.chats.runs["1"]
    guest = ChatUser(team=TEAM, id="U7", name="Guest", is_guest=True)
    desk.people.users["U7"] = guest
    for control in (Control.LOGS, Control.PLAN):
        assert "guests may not" in seen(await desk.press_of(run, control, by=guest))
    stranger = replace(guest, id="U8", is_guest=False, is_stranger=True)
    desk.people.users["U8"] = stranger
    assert "another organization" in seen(await desk.press_of(run, Control.LOGS, by=stranger))
