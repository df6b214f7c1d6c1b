"""Steps on the executor: how they start, how they end, and what they leave in their job."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from bridge.sandbox.terrakube.executors import Executor, Outcome, Task, run_scripts
from bridge.sandbox.terrakube.flows import APPLY, APPROVAL, PLAN, PLAN_DESTROY, Flow
from bridge.sandbox.terrakube.model import Job, Status, Step
from bridge.sandbox.terrakube.timings import Timings
from bridge.sandbox.terrakube.world import World

log = logging.getLogger(__name__)


class Runner:
    """Runs steps.

    Attributes:
        log_url: Base of the URLs of logs.
        ended: Called with a job that can go on after one of its steps, in a while.
        idle: Called when there is room again.
    """

    def __init__(self, world: World, executor: Executor, timings: Timings) -> None:
        self.log_url = ""
        self.ended: Callable[[Job], None] = lambda _: None
        self.idle: Callable[[], None] = lambda: None
        self._world = world
        self._executor = executor
        self._timings = timings
        self._busy = 0
        self._steps: dict[int, asyncio.Future[Outcome]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether the executor runs all it can."""
        return self._busy >= self._executor.parallel

    def start(self, job: Job, step: Step, flow: Flow) -> None:
        """Send a step to the executor."""
        self._busy += 1
        self._world.set_status(job, Status.QUEUE)
        self._spawn(self._run(job, step, flow))

    def reject(self, flow: Flow, step: Step) -> None:
        """Run what a template wants to run when its approval was refused."""
        step.output = self._url_of(step)
        self._spawn(_rejected(flow, step))

    def lose(self) -> None:
        """Kill the executor in the middle of whatever it runs."""
        for future in self._steps.values():
            future.cancel()

    async def close(self) -> None:
        """Stop the executor and everything under way."""
        await self._executor.close()
        running = [*self._steps.values()]
        for task in self._tasks:
            task.cancel()
        for future in running:
            future.cancel()
        await asyncio.gather(*self._tasks, *running, return_exceptions=True)

    async def _run(self, job: Job, step: Step, flow: Flow) -> None:
        try:
            if not job.is_open:
                return
            self._world.set_status(job, Status.RUNNING)
            step.status = Status.RUNNING
            step.output = self._url_of(step)
            outcome = await self._execute(job, step, flow)
            if outcome is not None:
                self._end(job, step, flow, outcome)
        finally:
            self._busy -= 1
            self.idle()

    async def _execute(self, job: Job, step: Step, flow: Flow) -> Outcome | None:
        """Run one step; None when the executor was lost on the way."""
        task = Task(version=self._world.version, job=job, step=step, flow=flow)
        future = asyncio.ensure_future(self._outcome(task))
        self._steps[job.number] = future
        try:
            await asyncio.wait({future})
        finally:
            self._steps.pop(job.number, None)
            future.cancel()
        if future.cancelled():
            self._lost(job, step)
            return None
        return future.result()

    async def _outcome(self, task: Task) -> Outcome:
        if task.flow.type == APPROVAL:
            task.job.approval_team = ""
            return Outcome(ok=await run_scripts(task.flow.commands, task.write, "/"))
        try:
            return await self._executor.run(task)
        except Exception as error:  # a broken step must not stop the stand-in
            log.exception("step %s of job %s", task.step.step_number, task.job.id)
            task.write(f"the stand-in's executor failed: {error!r}\n")
            return Outcome(ok=False)

    def _lost(self, job: Job, step: Step) -> None:
        # 2.32 leaves the job running until the 6 h rule.
        def fail() -> None:
            step.status = Status.FAILED
            if job.is_open:
                job.output = ""
                self._world.set_status(job, Status.FAILED)

        if self._world.is_beta:
            later(self._timings.lost, fail)

    def _end(self, job: Job, step: Step, flow: Flow, outcome: Outcome) -> None:
        step.status = Status.COMPLETED if outcome.ok else Status.FAILED
        if not job.is_open:
            return  # cancelled meanwhile: terraform went on, the job stays what it is
        _note(job, step, flow, outcome)
        if not outcome.ok:
            close_steps(job, Status.FAILED)
            self._world.set_status(job, Status.FAILED)
            return
        if flow.type in {PLAN, PLAN_DESTROY} and not outcome.changes:
            job.plan_changes = False
            close_steps(job, Status.NOT_EXECUTED)
        self._world.set_status(job, Status.PENDING)
        later(self._timings.between, lambda: self.ended(job))

    def _url_of(self, step: Step) -> str:
        job = step.job
        return f"{self.log_url}/organization/{job.organization.id}/job/{job.id}/step/{step.id}"

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def later(seconds: float, do: Callable[[], None]) -> None:
    """Do something in a while."""
    asyncio.get_running_loop().call_later(seconds, do)


def close_steps(job: Job, status: Status) -> None:
    """Give the steps that have not run their final status."""
    for step in job.steps.values():
        if step.status is Status.PENDING:
            step.status = status


def _note(job: Job, step: Step, flow: Flow, outcome: Outcome) -> None:
    """What a step leaves in the job's attributes (contract 6.2)."""
    if flow.type in {PLAN, PLAN_DESTROY}:
        job.output = ""
        if outcome.planned:
            folder = f"{job.organization.id}/{job.workspace.id}/{job.id}/{step.id}"
            where = f"/home/terrakube/.terraform-spring-boot/local/state/{folder}"
            job.terraform_plan = f"{where}/terraformLibrary.tfPlan" if outcome.ok else ""
    elif flow.type in {APPLY, APPROVAL}:
        # The marker says "completed" of a failed apply too.
        job.output = f"{job.output or ''} Step {step.id} completed\n"
    else:
        job.output = job.output or ""


async def _rejected(flow: Flow, step: Step) -> None:
    await run_scripts(flow.onreject, step.log.append, "/")
