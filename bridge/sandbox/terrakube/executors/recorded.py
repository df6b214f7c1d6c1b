"""Steps that replay what a real server once wrote, for machines without terraform.

A workspace that was never applied plans its creation, one applied at the same commit has no
changes, one applied at another commit plans a mixture. No repository is read.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from importlib.resources import files

from bridge.sandbox.terrakube.executors import DIV, Outcome, Task
from bridge.sandbox.terrakube.executors.instant import made_up_commit
from bridge.sandbox.terrakube.model import Job, Value, Workspace

CREATE, MIXED, UNCHANGED = "create", "mixed", "unchanged"
PLAN_FAILS, APPLY_FAILS = "plan_fails", "apply_fails"

_FOLDER = files("bridge.sandbox.terrakube") / "recorded"
_HEAD = re.compile(r"Initializing Terrakube Job \d+ Step [0-9a-f-]{36}")


class RecordedExecutor:
    """See Executor.

    Attributes:
        seconds: How long a step takes.
        scenarios: By workspace id: what plans replay in turn instead of what would be next in
            line; the last one stays.
    """

    name = "recorded"

    def __init__(self, *, seconds: float = 0.0, parallel: int = 1) -> None:
        self.parallel = parallel
        self.seconds = seconds
        self.scenarios: dict[str | int, list[str]] = {}
        self._applied: dict[str | int, str] = {}
        self._planned: dict[str | int, str] = {}

    def scenario_for(self, workspace: Workspace, *scenarios: str) -> None:
        """Replay these in *workspace* in turn, and the last one from then on."""
        self.scenarios[workspace.id] = [*scenarios]

    async def run(self, task: Task) -> Outcome:
        """See Executor.run."""
        task.job.commit_id = task.job.commit_id or made_up_commit(task.job)
        await asyncio.sleep(self.seconds)
        match task.flow.type:
            case "terraformPlan":
                return self._plan(task)
            case "terraformPlanDestroy":
                task.write("No plan of a destruction was recorded: this needs terraform.\n")
                return Outcome(ok=False)
            case "terraformApply":
                return self._apply(task)
            case "terraformDestroy":
                return self._destroy(task)
            case _:
                return Outcome(ok=True)

    async def close(self) -> None:
        """See Executor.close."""

    def _plan(self, task: Task) -> Outcome:
        scenario = self._planned[task.job.id] = self._next(task.job)
        self._replay(task, scenario, "plan")
        task.publish("terrakubeUI", DIV)
        if scenario == PLAN_FAILS:
            return Outcome(ok=False, planned=True)
        task.job.plan_path = "plan"
        return Outcome(ok=True, changes=scenario != UNCHANGED, planned=True)

    def _apply(self, task: Task) -> Outcome:
        scenario = self._planned.get(task.job.id) or self._next(task.job)
        self._replay(task, scenario, "apply")
        if scenario == APPLY_FAILS:
            return Outcome(ok=False)
        self._applied[task.job.workspace.id] = task.job.commit_id or ""
        return Outcome(ok=True)

    def _destroy(self, task: Task) -> Outcome:
        self._replay(task, "destroy", "apply")
        self._applied.pop(task.job.workspace.id, None)
        return Outcome(ok=True)

    def _next(self, job: Job) -> str:
        if listed := self.scenarios.get(job.workspace.id):
            return listed.pop(0) if len(listed) > 1 else listed[0]
        applied = self._applied.get(job.workspace.id)
        if applied is None:
            return CREATE
        return UNCHANGED if applied == job.commit_id else MIXED

    def _replay(self, task: Task, scenario: str, phase: str) -> None:
        folder = _FOLDER / str(task.version) / scenario
        text = (folder / f"{phase}.txt").read_text(encoding="utf-8")
        named = f"Initializing Terrakube Job {task.job.id} Step {task.step.id}"
        task.write(_HEAD.sub(named, text))
        context = json.loads((folder / "context.json").read_text(encoding="utf-8"))
        for key in _KEYS[phase]:
            if key in context:
                task.publish(key, _only(context[key]))


_KEYS: Mapping[str, tuple[str, ...]] = {
    "plan": ("planStructuredOutput", "jobDiagnostics"),
    "apply": ("applyStructuredOutput", "jobDiagnostics", "terraformOutputs"),
}


def _only(by_step: Mapping[str, Value]) -> Value:
    """What one step published; the first, when the recording holds several."""
    return next(iter(by_step.values()))
