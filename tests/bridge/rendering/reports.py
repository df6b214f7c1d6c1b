"""Reports to render: short to write, with everything a test does not care about filled in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.domain.holds import Hold, QueuePlace
from bridge.domain.reports import CommitReport, PullRequestReport, RunReport
from bridge.domain.runs import (
    Output,
    OutputKind,
    Review,
    Reviewed,
    Run,
    RunPhase,
    RunRequest,
    RunState,
    TemplateChoice,
    Verb,
)
from bridge.domain.terrakube import PlanCounts, Step, WorkspaceRef
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.domain.work import Verdict

HEAD = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
OLDER = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
INFRA = RepositoryRef(forge="code", id="7", slug="acme/infra")
PULL_REQUEST = PullRequestRef(repository=INFRA, number=1)


def a_workspace(name: str = "network") -> WorkspaceRef:
    return WorkspaceRef(
        organization_id="0ac0e000-0000-4000-8000-000000000001",
        organization="acme",
        id=f"id-of-{name}",
        name=name,
    )


def a_run(
    workspace: str = "network",
    state: RunState = RunState.SUCCEEDED,
    *,
    counts: tuple[int, int, int] | None = None,
    verb: Verb = Verb.PLAN,
    applies: bool = False,
    commit: str = HEAD,
    job: str = "17",
    seconds: int = 42,
    **changes: Any,  # noqa: ANN401 - any field of a run
) -> Run:
    concluded = state not in {RunState.QUEUED, RunState.RUNNING, RunState.WAITING}
    fields: dict[str, Any] = {
        "id": f"01JD000000000000000000{sum(workspace.encode()) % 10_000:04d}",
        "request": RunRequest(
            trigger="pr:code:7:1@4b825dc+9c1185a",
            actor="alice",
            verb=verb,
            workspace=a_workspace(workspace),
            template=TemplateChoice(reference="Plan", id="t1", name="Plan"),
            commit_id=commit,
            repository=INFRA,
            reports=("pr:code:7:1",),
            pull_request=None if verb is Verb.PUSH else 1,
            applies=applies,
        ),
        "phase": RunPhase.FINISHED if concluded else RunPhase.CREATED,
        "state": state,
        "job_id": job,
        "job_status": "completed" if concluded else "running",
        "steps": (),
        "plan_changes": any(counts) if counts is not None else None,
        "counts": PlanCounts(add=counts[0], change=counts[1], destroy=counts[2])
        if counts is not None
        else None,
        "digest": "",
        "trouble": "",
        "reason": "",
        "superseded_by": "",
        "cancel_requested": False,
        "attempts": 1,
        "created_at": NOW - timedelta(minutes=5),
        "started_at": None if state is RunState.QUEUED else NOW - timedelta(minutes=4),
        "finished_at": NOW - timedelta(minutes=4) + timedelta(seconds=seconds)
        if concluded
        else None,
    }
    return Run(**(fields | changes))


def an_apply(
    workspace: str = "network",
    state: RunState = RunState.SUCCEEDED,
    *,
    of: Run | None = None,
    actor: str = "alice",
    verb: Verb = Verb.APPLY,
    job: str = "18",
    review: Review = Review.APPROVED,
    **changes: Any,  # noqa: ANN401 - any field of a run
) -> Run:
    """Make a run that carries out a plan, the workspace's usual one unless told."""
    run = a_run(workspace, state, verb=verb, job=job, applies=True, review=review, **changes)
    planned = a_run(workspace) if of is None else of
    reviewed = Reviewed(run_id=planned.id, digest="json1:abc")
    request = replace(run.request, actor=actor, reviewed=reviewed)
    return replace(run, id=f"01JE{run.id[4:]}", request=request)


def steps(*statuses: str) -> tuple[Step, ...]:
    """Make the steps of the built-in template: plan, approval, apply."""
    return tuple(
        Step(id=f"s{number}", number=number, name=name, status=status)
        for number, (name, status) in enumerate(
            zip(("Plan", "Approve", "Apply"), statuses, strict=True), start=100
        )
    )


def a_hold(workspace: str = "network", **changes: Any) -> Hold:  # noqa: ANN401 - any field of a hold
    """Make a hold of another pull request."""
    fields: dict[str, Any] = {
        "workspace": a_workspace(workspace),
        "pull_request": replace(PULL_REQUEST, number=7),
        "actor": "bob",
        "web_url": "https://code.example.com/acme/infra/pulls/7",
        "since": NOW - timedelta(hours=2, minutes=10),
    }
    return Hold(**(fields | changes))


def a_place(hold: Hold, position: int = 1) -> QueuePlace:
    return QueuePlace(hold=hold, position=position)


def a_report(
    run: Run,
    *,
    plan: str | None = None,
    apply: str | None = None,
    error: str | None = None,
    destroyed: tuple[str, ...] = (),
    **changes: Any,  # noqa: ANN401 - any field of a report
) -> RunReport:
    texts = {OutputKind.PLAN: plan, OutputKind.APPLY: apply, OutputKind.ERROR: error}
    return RunReport(
        run=run,
        job_url=f"https://terrakube.example.com/organizations/o-1/workspaces/"
        f"{run.request.workspace.id}/runs/{run.job_id}"
        if run.job_id
        else "",
        destroyed=destroyed,
        outputs=tuple(Output(kind=kind, text=text) for kind, text in texts.items() if text),
        **changes,
    )


def a_verdict(kind: str = "planning", text: str = "", workspaces: int = 1) -> Verdict:
    return Verdict(head_sha=HEAD, kind=kind, text=text, workspaces=workspaces)


def a_pull_request_report(*runs: RunReport, **changes: Any) -> PullRequestReport:  # noqa: ANN401 - any field of a report
    fields: dict[str, Any] = {
        "pull_request": PULL_REQUEST,
        "head_sha": HEAD,
        "verdict": a_verdict(workspaces=len(runs)),
        "runs": runs,
        "stale": (),
        "pushes": (),
        "command": "terrakube",
        "now": NOW,
    }
    return PullRequestReport(**(fields | changes))


def a_commit_report(*runs: RunReport, verdicts: tuple[Verdict, ...] = ()) -> CommitReport:
    return CommitReport(repository=INFRA, sha=HEAD, verdicts=verdicts, runs=runs)


def a_resource(number: int, *, value: str = "x", lines: int = 3) -> str:
    attributes = "".join(f'      + value_{line} = "{value}"\n' for line in range(lines))
    return (
        f"  # terraform_data.many[{number}] will be created\n"
        f'  + resource "terraform_data" "many" {{\n{attributes}    }}\n\n'
    )


def a_plan(resources: int, *, value: str = "x", lines: int = 3) -> str:
    return (
        "Terraform will perform the following actions:\n\n"
        + "".join(a_resource(number, value=value, lines=lines) for number in range(resources))
        + f"Plan: {resources} to add, 0 to change, 0 to destroy.\n"
    )
