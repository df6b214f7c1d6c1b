"""What an apply must have come to, however often the bridge died on the way."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, or_, select

from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.terrakube.model import Status, Workspace
from bridge.store.schema import audit, decision, delivery, hold, post, run
from tests.chaos.plays import STEPS, Play
from tests.chaos.sites import FORGE, REVIEWER, SLUG, WRITER, Site
from tests.chaos.towns import BRIDGE, ORGANIZATION

_BRIDGE: Final = "terrakube-bridge"
ANSWERS: Final = ("the approval", "the rejection", "the cancel")
"""Steps that change the job."""
_LIVING: Final = "### Terrakube at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is looked at."""

    play: Play
    workspace: Workspace
    pull_request: PullRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """How a play ends.

    Attributes:
        job: Status of the job that was to apply.
        state: Of its run.
        begun: How often terraform began to apply.
        answers: How often the job was approved, rejected and cancelled.
        decisions: Step, answer, who, and how far it is.
        is_held: Whether the workspace stays with the pull request.
        status: Of the commit.
        says: Part of the living comment.
        replies: Comments besides that one.
        audits: What was done, by whom, with which result.
    """

    job: Status
    state: str
    begun: int
    answers: tuple[int, int, int]
    decisions: Sequence[tuple[str, str, str, str]]
    is_held: bool
    status: str
    says: str
    audits: Sequence[tuple[str, str, str]]
    replies: int = 0


_REQUESTED: Final = ("apply.requested", WRITER, "done")
_APPLIED: Final = Due(
    job=Status.COMPLETED,
    state="succeeded",
    begun=1,
    answers=(1, 0, 0),
    decisions=[("150", "approve", WRITER, "confirmed")],
    is_held=True,
    status="success",
    says="**Applied: ",
    audits=[_REQUESTED, ("apply.approved", WRITER, "approved")],
)
_DUE: Final[Mapping[Play, Due]] = {
    Play.APPLIED: _APPLIED,
    Play.DIFFERENT: Due(
        job=Status.REJECTED,
        state="rejected",
        begun=0,
        answers=(0, 1, 0),
        decisions=[("150", "reject", _BRIDGE, "confirmed")],
        is_held=False,
        status="failure",
        says="not the one that was reviewed any more",
        audits=[_REQUESTED, ("apply.rejected", _BRIDGE, "rejected")],
    ),
    Play.ASKED: Due(
        job=Status.COMPLETED,
        state="succeeded",
        begun=1,
        answers=(1, 0, 0),
        decisions=[("150", "approve", REVIEWER, "confirmed")],
        is_held=True,
        status="success",
        says=f"applied, approved by `{REVIEWER}`",
        audits=[
            _REQUESTED,
            ("approve.requested", REVIEWER, "done"),
            ("apply.approved", REVIEWER, "approved"),
        ],
    ),
    Play.CANCELLED: Due(
        job=Status.CANCELLED,
        state="cancelled",
        begun=1,
        answers=(1, 0, 1),
        decisions=[
            ("150", "approve", WRITER, "confirmed"),
            ("cancel", "cancel", WRITER, "claimed"),
        ],
        is_held=True,
        status="error",
        says="Terrakube does not stop Terraform",
        replies=1,
        audits=[
            _REQUESTED,
            ("apply.approved", WRITER, "approved"),
            ("cancel.requested", WRITER, "done"),
            ("job.cancelled", _BRIDGE, "cancelled"),
        ],
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the bridge's database holds about a pull request; deliveries and posts are all."""

    runs: Sequence[RowMapping]
    decisions: Sequence[RowMapping]
    holds: Sequence[RowMapping]
    audits: Sequence[RowMapping]
    deliveries: Sequence[RowMapping]
    posts: Sequence[RowMapping]


def read_facts(connection: Connection, case: Case) -> Facts:
    """Read everything that is looked at."""

    def rows(query: Select[Any]) -> Sequence[RowMapping]:
        return connection.execute(query).mappings().all()

    mine = run.c.workspace_id == str(case.workspace.id)
    runs = rows(select(run).where(mine).order_by(run.c.id))
    number, ids = case.pull_request.number, [row["id"] for row in runs]
    of_pull_request = audit.c.subject.like(f"pr:{FORGE}:%:{number}")
    return Facts(
        runs=runs,
        decisions=rows(
            select(decision).where(decision.c.run_id.in_(ids)).order_by(decision.c.step)
        ),
        holds=rows(select(hold).where(hold.c.workspace_id == str(case.workspace.id))),
        audits=rows(
            select(audit).where(or_(audit.c.subject.in_(ids), of_pull_request)).order_by(audit.c.id)
        ),
        deliveries=rows(select(delivery.c.key, delivery.c.outcome, delivery.c.reason)),
        posts=rows(select(post)),
    )


def deviations(site: Site, case: Case, facts: Facts) -> list[str]:
    """Say everything that is not, or not yet, as it was promised."""
    due, merges = _DUE[case.play], site.plan.merges
    applied = merges and due.status == "success"
    return [
        *_of_jobs(site, case, due),
        *_of_runs(site, case, facts, due),
        *_of_holds(facts, due, is_free=applied),
        *_of_audits(facts, due, merged=applied),
        *_of_words(site, case, due),
        *(_of_merge(site, case) if applied else ()),
        *_of_rest(site, facts),
    ]


def _of_jobs(site: Site, case: Case, due: Due) -> Iterator[str]:
    jobs = site.applies(case.workspace)
    statuses = [job.status for job in jobs]
    if statuses != [due.job]:
        yield f"jobs to apply: {', '.join(statuses) or 'none'}"
    for job in jobs:
        if job.commit_id != case.pull_request.head_sha:
            yield f"job {job.id} runs at {job.commit_id}"
        begun = site.workshop.begun[str(job.id)]
        if begun != due.begun:
            yield f"terraform began to apply {begun} times"
        answers = tuple(site.answers(job, STEPS[name]) for name in ANSWERS)
        if answers != due.answers:
            yield f"job {job.id} was approved, rejected, cancelled {answers} times"
    keys = Counter((job.comments or "").split(" ", 1)[0] for job in site.server.jobs())
    yield from (f"{times} jobs say {key}" for key, times in keys.items() if times != 1)


def _of_runs(site: Site, case: Case, facts: Facts, due: Due) -> Iterator[str]:
    jobs = {str(job.id) for job in site.server.jobs(case.workspace)}
    if {row["job_id"] for row in facts.runs} != jobs:
        yield f"runs have the jobs {[row['job_id'] for row in facts.runs]}, there are {jobs}"
    for row in facts.runs:
        if row["phase"] != "finished" or row["trouble"]:
            yield f"the {row['verb']} is {row['phase']}, {row['state']}: {row['last_error']}"
    states = [row["state"] for row in facts.runs if row["verb"] == "apply"]
    if states != [due.state]:
        yield f"applies are {states}"
    decisions = [
        (row["step"], row["answer"], row["actor"], row["phase"]) for row in facts.decisions
    ]
    if decisions != list(due.decisions):
        yield f"decisions are {decisions}"


def _of_holds(facts: Facts, due: Due, *, is_free: bool) -> Iterator[str]:
    held = [row["busy_until"] is not None for row in facts.holds]
    # Of a cancelled job it is not known yet whether terraform has ended.
    wanted = [due.job is Status.CANCELLED] if due.is_held and not is_free else []
    if held != wanted:
        yield f"holds are {[dict(row) for row in facts.holds]}"


def _of_audits(facts: Facts, due: Due, *, merged: bool) -> Iterator[str]:
    found = [(row["action"], row["actor"], row["result"]) for row in facts.audits]
    merges = [one for one in found if one[0] == "pull_request.merged"]
    if [one for one in found if one not in merges] != list(due.audits):
        yield f"audited are {found}"
    # Who merged is not known when the answer to it was lost.
    if [one[2] for one in merges] != ["done"] * merged:
        yield f"merges are audited as {merges}"


def _of_words(site: Site, case: Case, due: Due) -> Iterator[str]:
    comments = site.comments(case.pull_request)
    living = [text for text in comments if _LIVING in text]
    if len(living) != 1 or due.says not in living[0]:
        yield f"the comments are {living}"
    if len(comments) != len(living) + due.replies:
        yield f"the replies are {[text for text in comments if text not in living]}"
    statuses = site.forge.statuses(SLUG, case.pull_request.head_sha)
    workspace = f"{ORGANIZATION}/{case.workspace.name}"
    wanted = {"terrakube/plan": "success", f"terrakube/plan: {workspace}": "success"}
    wanted |= {"terrakube/apply": due.status, f"terrakube/apply: {workspace}": due.status}
    if statuses != wanted:
        yield f"the statuses are {statuses}"


def _of_merge(site: Site, case: Case) -> Iterator[str]:
    pull_request = case.pull_request
    by = pull_request.merged_by.login if pull_request.merged_by else "nobody"
    if by != BRIDGE:
        yield f"it was merged by {by}"
    pushes = [
        job
        for job in site.server.jobs(case.workspace)
        if job.commit_id == pull_request.merge_commit
    ]
    if len(pushes) != 1:
        yield f"{len(pushes)} jobs follow from the merge"


def _of_rest(site: Site, facts: Facts) -> Iterator[str]:
    for row in facts.deliveries:
        if row["outcome"] not in {"done", "ignored"}:
            yield f"delivery {row['key']} is {row['outcome']}: {row['reason']}"
    for row in facts.posts:
        if row["dead"] or row["revision"] != row["sent_revision"]:
            yield f"post {row['key']} is not what it should be: {row['last_error']}"
    yield from (f"Terrakube was surprised: {one}" for one in site.server.unexpected)
    yield from (f"the forge was surprised: {one}" for one in site.forge.surprises)
