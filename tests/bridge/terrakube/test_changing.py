"""Changing, answering, ending and deleting jobs: what is sent, and what is rather not."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from bridge.domain.errors import JobStateError, PermanentRemoteError, UserError
from bridge.domain.terrakube import Job
from bridge.terrakube import JobChange, TerrakubeServer, tcl
from tests.bridge.terrakube.nouns import A_JOB, ACME, PLAN, delete_line, patch_line, read_line
from tests.bridge.terrakube.replay import Asked, Replay
from tests.recorded import Recording, names, recording

STEP = {"include": "step"}

Call = Callable[[TerrakubeServer, str], Awaitable[Job]]
CALLS: dict[str, Call] = {
    "approve": lambda server, job_id: server.approve_job(ACME.id, job_id),
    "reject": lambda server, job_id: server.reject_job(ACME.id, job_id),
    "cancel": lambda server, job_id: server.cancel_job(ACME.id, job_id),
}


class Answered(NamedTuple):
    """An exchange that was recorded, and the job as read before and after it."""

    operation: str
    before: str
    exchange: str
    after: str


ANSWERED = [
    Answered(
        "approve",
        "states/waitingApproval_approve_flow",
        "update/approve",
        "states/approved",
    ),
    Answered(
        "approve",
        "states/waitingApproval_by_team",
        "update/approve_by_member_of_approval_team",
        "states/completed_approved_by_approval_team",
    ),
    Answered(
        "approve",
        "states/waitingApproval_without_team",
        "update/approve_without_team_by_read_role",
        "states/completed_approval_without_team",
    ),
    Answered("reject", "states/waitingApproval_rejected", "update/reject", "states/rejected"),
    Answered(
        "cancel",
        "states/waitingApproval_rejected",
        "update/cancel_waiting_approval",
        "states/cancelled_waiting_approval",
    ),
    Answered(
        "cancel",
        "states/queue_approve_flow",
        "update/cancel_by_approve_only",
        "states/cancelled_while_pending",
    ),
    Answered(
        "cancel",
        "states/pending_behind_waiting_approval",
        "documented_path/update_status_cancelled",
        "states/cancelled_before_first_scheduler_run",
    ),
]


def long_after(name: str) -> Recording:
    """Return a recording of a job that is surely no longer young."""
    found = recording(name)
    return replace(found, headers={**found.headers, "Date": "Mon, 23 Nov 2026 23:59:00 GMT"})


def number_of(exchange: str) -> str:
    """Return the id of the job a recorded request was about."""
    return recording(exchange).target.rpartition("/")[2]


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.exchange)
async def test_a_status_is_set_as_the_recorded_servers_take_it(
    case: Answered, replay: Replay, server: TerrakubeServer
) -> None:
    job_id = number_of(case.exchange)
    replay.on(read_line(job_id), long_after(case.before), case.after)
    replay.on(patch_line(job_id), case.exchange)
    job = await CALLS[case.operation](server, job_id)
    assert replay.asked == [
        Asked(line=read_line(job_id), query=STEP),
        Asked(line=patch_line(job_id), body=recording(case.exchange).sent),
        Asked(line=read_line(job_id), query=STEP),
    ]
    body: Any = recording(case.after).body
    assert (job.id, job.status) == (body["data"]["id"], body["data"]["attributes"]["status"])


NOT_WAITING = [
    name
    for name in names("*.json")
    if name.startswith(("states/", "stable_2_32_2/states/")) and "/waitingApproval" not in name
]


@pytest.mark.parametrize("operation", ["approve", "reject"])
@pytest.mark.parametrize("name", NOT_WAITING)
async def test_only_a_job_that_waits_is_answered(
    operation: str, name: str, replay: Replay, server: TerrakubeServer
) -> None:
    """Terrakube would take it, and let the job block its workspace for ever."""
    found: Any = recording(name).body
    job_id, status = found["data"]["id"], found["data"]["attributes"]["status"]
    replay.on(read_line(job_id), name)
    with pytest.raises(JobStateError) as caught:
        await CALLS[operation](server, job_id)
    assert str(caught.value) == f"job {job_id} is {status}: it does not wait for an approval"
    assert [asked.line for asked in replay.asked] == [read_line(job_id)]


def with_running_step(name: str) -> Recording:
    """Return a recording in which the last step runs."""
    found = recording(name)
    assert isinstance(found.body, dict)
    steps = [dict(step) for step in found.body["included"]]
    last = max(steps, key=lambda step: int(step["attributes"]["stepNumber"]))
    last["attributes"] = {**last["attributes"], "status": "running"}
    return replace(found, body={**found.body, "included": steps})


RACES: list[tuple[str, str | Recording, str]] = [
    (
        "approve",
        "states/cancelled_waiting_approval",
        "job 658 was cancelled at the same moment: the approval came too late",
    ),
    (
        "approve",
        "states/rejected",
        "job 657 was rejected at the same moment: the approval came too late",
    ),
    (
        "approve",
        "states/approved_after_cancelled",
        (
            "job 17 had ended at the same moment: it reads approved, but nothing of it is left "
            "to run, and its workspace waits for it: cancel it"
        ),
    ),
    (
        "reject",
        "states/running_approve_flow",
        "job 2 is running: somebody else decided at the same moment",
    ),
    (
        "reject",
        with_running_step("states/rejected"),
        (
            "job 657 reads rejected, but somebody approved it at the same moment: step Apply "
            "runs, and no rejection stops Terraform"
        ),
    ),
]


@pytest.mark.parametrize(("operation", "after", "said"), RACES, ids=[one[2] for one in RACES])
async def test_a_race_is_told_as_it_ended(
    operation: str, after: str | Recording, said: str, replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(read_line("2"), "states/waitingApproval_approve_flow", after)
    replay.on(patch_line("2"), "update/approve")
    with pytest.raises(JobStateError) as caught:
        await CALLS[operation](server, "2")
    assert str(caught.value) == said


CHANGED = [
    (
        "documented_path/update_comments",
        JobChange(comments="bridge:01JDOCUMENTEDPATH0000000001 changed"),
    ),
    ("errors/patch_comments_role_plan", JobChange(comments="x")),
    ("update/patch_by_workspace_path", JobChange(comments="via workspace path")),
    ("update/patch_comments_by_approve_only", JobChange(comments="y")),
    (
        "update/patch_template_reference",
        JobChange(template_id="d770cbd8-bfb3-42ff-89ce-721778ab13d5"),
    ),
]
WAITING_LONG = "states/pending_locked_workspace"


@pytest.mark.parametrize(("exchange", "change"), CHANGED, ids=[one[0] for one in CHANGED])
async def test_a_change_is_sent_as_the_recorded_servers_take_it(
    exchange: str, change: JobChange, replay: Replay, server: TerrakubeServer
) -> None:
    job_id = number_of(exchange)
    replay.on(read_line(job_id), long_after(WAITING_LONG), "states/pending_bogus_template_id")
    replay.on(patch_line(job_id), exchange)
    job = await server.update_job(ACME.id, job_id, change)
    assert replay.asked == [
        Asked(line=read_line(job_id), query=STEP),
        Asked(line=patch_line(job_id), body=recording(exchange).sent),
        Asked(line=read_line(job_id), query=STEP),
    ]
    assert job.id == "694", "as read afterwards"


async def test_every_change_has_its_attribute(replay: Replay, server: TerrakubeServer) -> None:
    """An empty branch or commit takes the job's own away."""
    replay.on(read_line("20"), long_after(WAITING_LONG))
    replay.on(patch_line("20"), "update/patch_template_reference")
    replay.on("GET /doc", replace(recording("logs/plan_step_completed"), body={"targetAddrs": 1}))
    change = JobChange(
        comments="",
        refresh=False,
        refresh_only=True,
        template_id=PLAN,
        override_branch="",
        commit_id="c0ffee",
        target_addrs=("a.b",),
        replace_addrs=(),
    )
    await server.update_job(ACME.id, "20", change)
    assert replay.asked[2].body == {
        "data": {
            "type": "job",
            "id": "20",
            "attributes": {
                "comments": "",
                "refresh": False,
                "refreshOnly": True,
                "templateReference": PLAN,
                "overrideBranch": None,
                "commitId": "c0ffee",
                "targetAddrs": ["a.b"],
                "replaceAddrs": [],
            },
        }
    }


async def test_targets_are_not_sent_to_a_server_that_does_not_know_them(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on("GET /doc", replace(recording("logs/plan_step_completed"), body={}))
    with pytest.raises(UserError, match=r"knows no target addresses: they need 2\.33 or newer"):
        await server.update_job(ACME.id, "20", JobChange(target_addrs=("a.b",)))
    assert [asked.line for asked in replay.asked] == ["GET /doc"]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (JobChange(), UserError, "job 20: nothing is to be changed"),
        (
            JobChange(comments="x" * 513),
            PermanentRemoteError,
            "PATCH job: not sent: comments is longer than 512 characters",
        ),
    ],
)
async def test_a_change_that_makes_no_sense_asks_nothing(
    change: JobChange,
    error: type[Exception],
    said: str,
    replay: Replay,
    server: TerrakubeServer,
) -> None:
    with pytest.raises(error) as caught:
        await server.update_job(ACME.id, "20", change)
    assert (str(caught.value), replay.asked) == (said, [])


@pytest.mark.parametrize(
    ("state", "change", "said"),
    [
        (
            "states/completed_destroy",
            JobChange(comments="x", refresh=False),
            "job 679 is completed: only its comments can still be changed",
        ),
        (
            "states/waitingApproval_approve_flow",
            JobChange(template_id=PLAN),
            "job 2 has begun: it keeps the template it began with",
        ),
    ],
)
async def test_a_change_that_would_have_no_effect_is_refused(
    state: str, change: JobChange, said: str, replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(read_line("1"), long_after(state))
    with pytest.raises(JobStateError) as caught:
        await server.update_job(ACME.id, "1", change)
    assert (str(caught.value), len(replay.asked)) == (said, 1)


async def test_a_young_job_is_not_changed_before_it_settled(
    replay: Replay, server: TerrakubeServer, naps: list[float]
) -> None:
    replay.on(read_line("692"), WAITING_LONG)
    replay.on(patch_line("692"), "update/patch_template_reference")
    found = replace(recording(WAITING_LONG), headers={"Date": "Mon, 23 Nov 2026 21:37:59 GMT"})
    replay.on(read_line("692"), found)
    await server.update_job(ACME.id, "692", JobChange(comments="x"))
    assert [round(nap) for nap in naps] == [5]
    assert [asked.line.split()[0] for asked in replay.asked] == ["GET", "GET", "PATCH", "GET"]


async def test_a_job_that_asks_before_all_else_is_not_answered_before_it_settled(
    replay: Replay, server: TerrakubeServer, naps: list[float]
) -> None:
    found = recording("states/waitingApproval_approve_flow")
    assert isinstance(found.body, dict)
    steps = [
        {**step, "attributes": {**step["attributes"], "status": "pending"}}
        for step in found.body["included"]
    ]
    first = replace(found, body={**found.body, "included": steps})
    replay.on(read_line("2"), first, first, "states/approved")
    replay.on(patch_line("2"), "update/approve")
    assert (await server.approve_job(ACME.id, "2")).status == "approved"
    assert [round(nap) for nap in naps] == [5]
    assert [asked.line.split()[0] for asked in replay.asked] == ["GET", "GET", "PATCH", "GET"]


DELETED = [
    "delete/by_role_plan",
    "delete/by_role_read",
    "delete/by_role_write",
    "documented_path/delete",
    "stable_2_32_2/delete/finished_job_by_role_read",
]


@pytest.mark.parametrize("exchange", DELETED)
async def test_a_job_is_deleted_without_a_body(
    exchange: str, replay: Replay, server: TerrakubeServer
) -> None:
    job_id = number_of(exchange)
    replay.on(delete_line(job_id), exchange)
    await server.delete_job(ACME.id, job_id)
    assert replay.asked == [Asked(line=delete_line(job_id))]


async def test_an_inline_template_that_would_hang_is_not_sent(
    replay: Replay, server: TerrakubeServer
) -> None:
    """The server takes it with 201, and never says what is wrong with it."""
    text = "flow:\n  - type: terraformPlann\n    step: 100\n"
    with pytest.raises(UserError) as checked:
        tcl.check(text)
    with pytest.raises(PermanentRemoteError) as caught:
        await server.create_job(replace(A_JOB, template_id=None, tcl=text))
    assert str(checked.value).startswith("template, line 2: unknown type 'terraformPlann'")
    assert str(caught.value) == f"POST job: not sent: {checked.value}"
    assert replay.asked == []
