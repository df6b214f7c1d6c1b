"""``jobs approve``, ``jobs reject``, ``jobs cancel``: what they do, refuse and say."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bridge.sandbox.terrakube import Status
from bridge.sandbox.terrakube.model import Job
from tests.bridge.cli.conftest import Desk

FLOW = """flow:
- {type: terraformPlan, name: Plan, step: 100}
- {type: approval, name: Look, step: 150, team: DEVELOPERS}
- {type: terraformApply, name: Apply, step: 200}
"""
WAITS = "Job {} (acme/network) waits for an approval: 2 to add, 1 to change, 0 to destroy."
APPROVES = "Approving lets what follows run, which may change infrastructure."


@pytest.fixture(autouse=True)
def template(desk: Desk) -> None:
    desk.terrakube.add_template(desk.acme, "Approved", FLOW)


def add_job(desk: Desk, template: str = "Approved", **more: object) -> Job:
    """A job that was made an hour ago: a young one is left alone for some seconds."""
    found = desk.terrakube.world.template("acme", template)
    job = desk.terrakube.add_job(desk.network, template_reference=str(found.id), **more)
    desk.terrakube.age(job, timedelta(hours=1))
    return job


async def waiting(desk: Desk, name: str = "") -> Job:
    workspace = desk.network
    if name:
        workspace = desk.terrakube.add_workspace(desk.acme, name, "https://git.example.com/x.git")
    found = desk.terrakube.world.template("acme", "Approved")
    job = desk.terrakube.add_job(workspace, template_reference=str(found.id))
    desk.terrakube.age(job, timedelta(hours=1))
    return await desk.terrakube.until(job, Status.WAITING)


async def test_an_approved_job_goes_on(desk: Desk) -> None:
    job = await waiting(desk)
    said = await desk("jobs", "approve", str(job.id), "--yes")
    assert (said.code, said.out) == (0, f"Job {job.id} (acme/network) is approved.\n")
    await desk.terrakube.until(job, Status.COMPLETED)


async def test_several_are_decided_about_at_once(desk: Desk) -> None:
    jobs = [await waiting(desk), await waiting(desk, "dns")]
    numbers = [str(job.id) for job in jobs]
    said = await desk("jobs", "reject", *numbers, numbers[0])
    assert (said.code, said.err) == (0, [])
    assert said.out == (
        f"Job {numbers[0]} (acme/network) is rejected.\nJob {numbers[1]} (acme/dns) is rejected.\n"
    )
    assert [job.status for job in jobs] == [Status.REJECTED] * 2


@pytest.mark.parametrize(("typed", "code", "status"), [("y\n", 0, None), ("\n", 2, "waiting")])
async def test_on_a_terminal_the_plan_is_shown_and_somebody_asked(
    desk: Desk, typed: str, code: int, status: str | None
) -> None:
    job = await waiting(desk)
    desk.command_line.on_terminal(typed)
    said = await desk("jobs", "approve", str(job.id))
    assert said.code == code
    assert said.err[:2] == [WAITS.format(job.id), APPROVES]
    assert (job.status == Status.WAITING) is (status == "waiting")


async def test_counts_come_from_the_log_where_the_structured_plan_is_missing(desk: Desk) -> None:
    job = await waiting(desk)
    job.context.clear()
    desk.command_line.on_terminal("no\n")
    said = await desk("jobs", "approve", str(job.id))
    assert said.err[0] == WAITS.format(job.id)


async def test_in_a_pipe_an_approval_needs_to_be_meant(desk: Desk) -> None:
    job = await waiting(desk)
    desk.command_line.in_pipe()
    said = await desk("jobs", "approve", str(job.id))
    assert (said.code, said.out) == (2, "")
    assert said.err[-1].endswith("Nothing was done: without a terminal, say --yes to agree")
    assert desk.terrakube.count("PATCH", "/job/") == 0


EXPIRED = "job {} has failed: Terrakube ends every job after 6 hours: create a new one"
NOT_YET = (
    "job {0} is pending: it does not wait for an approval yet; this ends when it does: "
    "terrakube-bridge jobs follow {0} --stop-at-approval"
)


@pytest.mark.parametrize("verb", [("approve", "--yes"), ("reject",)])
@pytest.mark.parametrize(
    ("attributes", "hours", "code", "told"),
    [
        ({"status": Status.PENDING, "approval_team": None}, 0, 2, NOT_YET),
        (
            {"status": Status.COMPLETED, "approval_team": ""},
            0,
            2,
            "job {} is completed: it waits for nothing",
        ),
        (
            {"status": Status.APPROVED, "approval_team": ""},
            0,
            2,
            "job {} was approved already: it is approved",
        ),
        (
            {"status": Status.RUNNING, "approval_team": ""},
            0,
            2,
            "job {} was approved already: it is running",
        ),
        (
            {"status": Status.REJECTED, "approval_team": "DEVELOPERS"},
            0,
            4,
            "job {} was rejected: it waits no more",
        ),
        (
            {"status": Status.CANCELLED, "approval_team": None},
            0,
            4,
            "job {} was cancelled: it waits no more",
        ),
        ({"status": Status.FAILED, "approval_team": None}, 0, 3, "job {} has failed"),
        ({"status": Status.FAILED, "approval_team": None}, 6, 3, EXPIRED),
    ],
)
async def test_what_does_not_wait_is_refused_in_a_sentence(  # noqa: PLR0917 - a table
    desk: Desk,
    verb: tuple[str, ...],
    attributes: dict[str, Any],
    hours: int,
    code: int,
    told: str,
) -> None:
    desk.terrakube.lock(desk.network)
    job = add_job(desk, **attributes)
    desk.terrakube.age(job, timedelta(hours=hours))
    said = await desk("jobs", verb[0], str(job.id), *verb[1:])
    assert (said.code, said.out, said.err) == (code, "", [told.format(job.id)])
    assert desk.terrakube.count("PATCH", "/job/") == 0


async def test_none_is_approved_when_one_cannot_be(desk: Desk) -> None:
    job, ended = await waiting(desk), add_job(desk, status=Status.CANCELLED)
    said = await desk("jobs", "approve", "--yes", str(job.id), str(ended.id))
    assert (said.code, said.out) == (4, "")
    assert job.status == Status.WAITING


@dataclass
class Hesitant:
    """Somebody at a terminal who says yes after something else has happened."""

    happens: Callable[[], None]

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        self.happens()
        return "yes\n"


@pytest.mark.parametrize("status", [Status.REJECTED, Status.CANCELLED])
async def test_who_is_asked_may_be_too_late(desk: Desk, status: Status) -> None:
    job = await waiting(desk)
    late = Hesitant(lambda: desk.terrakube.set_status(job, status))
    desk.command_line.monkeypatch.setattr("sys.stdin", late)
    said = await desk("jobs", "approve", str(job.id))
    assert (said.code, said.out) == (4, "")
    assert said.err[-1].endswith(f"job {job.id} was {status}: it waits no more")


async def test_a_job_may_be_deleted_while_somebody_is_asked(desk: Desk) -> None:
    job = await waiting(desk)
    late = Hesitant(lambda: desk.terrakube.delete(job))
    desk.command_line.monkeypatch.setattr("sys.stdin", late)
    said = await desk("jobs", "approve", str(job.id))
    assert (said.code, said.out) == (8, "")
    assert said.err[-1].endswith(f"job {job.id} was deleted meanwhile")


async def test_who_may_only_plan_is_told_what_is_missing(desk: Desk) -> None:
    job = await waiting(desk)
    planner = desk.terrakube.mint("p@example.com", "PLANNERS")
    desk.configure(BRIDGE_TERRAKUBE__TOKEN=planner)
    said = await desk("jobs", "approve", str(job.id), "--yes")
    assert said.code == 7
    assert "give one the right to approve jobs" in said.err[-1]


async def test_an_answer_that_is_lost_says_how_to_find_out(desk: Desk) -> None:
    job = await waiting(desk)
    # The client reads right before it decides, and finds nobody at home.
    late = Hesitant(lambda: desk.terrakube.faults.answer(f"/job/{job.id}", 503, times=3))
    desk.command_line.monkeypatch.setattr("sys.stdin", late)
    said = await desk("jobs", "approve", str(job.id))
    assert said.code == 6
    assert said.err[-1] == f"it may be done all the same: terrakube-bridge jobs get {job.id}"


async def test_a_cancelled_job_is_cancelled_and_once_more_is_no_mistake(desk: Desk) -> None:
    job = await waiting(desk)
    first = await desk("jobs", "cancel", str(job.id), "--yes")
    again = await desk("jobs", "cancel", str(job.id), "--yes")
    assert (first.code, first.out) == (0, f"Job {job.id} (acme/network) is cancelled.\n")
    assert (again.code, again.out) == (0, f"Job {job.id} (acme/network) was cancelled already.\n")
    assert job.status == Status.CANCELLED


async def test_a_job_that_has_ended_cannot_be_cancelled(desk: Desk) -> None:
    job = add_job(desk, status=Status.COMPLETED)
    said = await desk("jobs", "cancel", str(job.id), "--yes")
    assert (said.code, said.err) == (2, [f"job {job.id} has ended already: it is completed"])


CANCELS_RUNNING = (
    "This cancels job {} (acme/network), which is running. It does not stop Terraform: step 200 "
    "Apply goes on and may still change infrastructure, while the workspace's next job may start."
)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Status.RUNNING, CANCELS_RUNNING),
        (
            Status.PENDING,
            "This cancels job {} (acme/network), which is pending. No step of it runs right now.",
        ),
    ],
)
async def test_cancel_says_what_it_does_not_do_and_asks(
    desk: Desk, status: Status, told: str
) -> None:
    desk.terrakube.lock(desk.network)
    job = add_job(desk, status=status)
    desk.terrakube.world.add_step(job, 200, "Apply", status=status)
    desk.command_line.in_pipe()
    said = await desk("jobs", "cancel", str(job.id))
    nothing = " Nothing was done: without a terminal, say --yes to agree"
    assert (said.code, said.err) == (2, [told.format(job.id) + nothing])
    assert job.status == status
    desk.command_line.on_terminal("yes\n")
    assert (await desk("jobs", "cancel", str(job.id))).code == 0
    assert job.status == Status.CANCELLED


@pytest.mark.parametrize("verb", ["approve", "reject", "cancel"])
async def test_a_job_that_is_not_there_is_not_found(desk: Desk, verb: str) -> None:
    said = await desk("jobs", verb, "99")
    assert said.code == 8
    assert said.err[-1].startswith("there is no job 99 in ")
