"""Steps that take a set time and find a made-up plan: thousands of jobs for next to nothing.

A job applies the plan that it saved, whatever is found meanwhile. A plan of a destruction finds
everything that the workspace's plan names.
"""

import asyncio
import hashlib
from collections.abc import Sequence

from bridge.sandbox.terrakube.executors import DIV, Outcome, Task
from bridge.sandbox.terrakube.executors import logs as frame
from bridge.sandbox.terrakube.flows import APPLY, DESTROY, PLAN, PLAN_DESTROY
from bridge.sandbox.terrakube.model import Job, Version, Workspace
from bridge.sandbox.terrakube.plans import Plan, Row, destroyed, make_plan

UNLIMITED = 1_000_000


class InstantExecutor:
    """See Executor.

    Attributes:
        seconds: How long a step takes.
        default: The plan of workspaces that have none of their own.
        plans: Plans by workspace id.
        apply_errors: By workspace id: the summary with which an apply fails midway: at its second
            row, or at the only one.
    """

    name = "instant"

    def __init__(self, *, seconds: float = 0.0, parallel: int = UNLIMITED) -> None:
        self.parallel = parallel
        self.seconds = seconds
        self.default = make_plan(create=2, update=1)
        self.plans: dict[str | int, Plan] = {}
        self.apply_errors: dict[str | int, str] = {}
        self._saved: dict[str | int, Plan] = {}

    def plan_for(self, workspace: Workspace, plan: Plan) -> None:
        """What plans of *workspace* find from now on."""
        self.plans[workspace.id] = plan

    async def run(self, task: Task) -> Outcome:
        """See Executor.run."""
        job = task.job
        job.commit_id = job.commit_id or made_up_commit(job)
        task.write(frame.head(task.step, job.workspace.terraform_version) + frame.init_text())
        await asyncio.sleep(self.seconds)
        if task.flow.type in {PLAN, PLAN_DESTROY}:
            self._saved[job.id] = plan = self._found(task)
            return _planned(task, plan)
        if task.flow.type in {APPLY, DESTROY}:
            plan = self._saved.pop(job.id, self._found(task))
            return _applied(task, plan, self.apply_errors.get(job.workspace.id))
        return Outcome(ok=True)

    def _found(self, task: Task) -> Plan:
        plan = self.plans.get(task.job.workspace.id, self.default)
        return destroyed(plan) if task.flow.type in {PLAN_DESTROY, DESTROY} else plan

    async def close(self) -> None:
        """See Executor.close."""


def made_up_commit(job: Job) -> str:
    """40 hexadecimal digits that stand for the head of the job's branch."""
    branch = job.override_branch or job.workspace.branch
    return hashlib.sha1(f"{job.workspace.source} {branch}".encode()).hexdigest()  # noqa: S324 - git's


def _planned(task: Task, plan: Plan) -> Outcome:
    task.write(frame.section(task.step, "PLAN"))
    task.publish("jobDiagnostics", [])
    task.publish("planStructuredOutput", [] if plan.error else list(plan.rows))
    task.publish("terrakubeUI", DIV)
    if plan.error:
        task.write(f"Error: {plan.error}\n")
        return Outcome(ok=False, planned=True)
    task.job.plan_path = "plan"
    task.write(_messages(task, plan) + plan.text)
    return Outcome(ok=True, changes=plan.changes, planned=True)


def _messages(task: Task, plan: Plan) -> str:
    if task.version is Version.STABLE:
        return ""
    version = task.job.workspace.terraform_version
    lines = [f"{row['address']}: Plan to {row['action']}\n" for row in plan.rows]
    return f"Terraform {version}\n{''.join(lines)}Plan: {plan.summary}\n"


def _applied(task: Task, plan: Plan, error: str | None) -> Outcome:
    task.write(frame.section(task.step, "DESTROY" if task.flow.type == DESTROY else "APPLY"))
    rows = _failed(plan.rows, error) if error else _done(plan.rows)
    task.publish("jobDiagnostics", [])
    task.publish("applyStructuredOutput", rows)
    if error:
        task.write(f"Error: {error}\n")
        return Outcome(ok=False)
    add, change, destroy = plan.counts
    done = f"{add} added, {change} changed, {destroy} destroyed."
    task.write(f"Apply complete! Resources: {done}\n{plan.text}")
    return Outcome(ok=True)


def _done(rows: Sequence[Row]) -> list[Row]:
    return [row | {"status": "applied", "elapsedSeconds": 0} for row in rows]


def _failed(rows: Sequence[Row], error: str) -> list[Row]:
    """Make the second row fail; those behind it were never begun (contract 8)."""
    at = min(1, max(0, len(rows) - 1))
    diagnostics = [{"severity": "error", "summary": error, "detail": error}]
    bad = [row | {"status": "errored", "diagnostics": diagnostics} for row in rows[at : at + 1]]
    return [*_done(rows[:at]), *bad, *rows[at + 1 :]]
