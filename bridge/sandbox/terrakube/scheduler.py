"""When which job runs (contract 6): one executor, ids in order, and what blocks what.

Jobs of a workspace run one after another; a stored plan-only template passes older jobs that wait
for approval. 2.33 looks at waiting jobs in order of their ids and stops at the first that cannot
go on: a locked workspace or an unknown template holds up the whole instance. 2.32 skips them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bridge.sandbox.terrakube.executors import Executor, Outcome, Task, run_scripts
from bridge.sandbox.terrakube.flows import (
    APPLY,
    APPROVAL,
    PLAN,
    PLAN_DESTROY,
    Flow,
    FlowError,
    is_plan_only,
    parse_flow,
)
from bridge.sandbox.terrakube.model import Job, Status, Step
from bridge.sandbox.terrakube.world import World

log = logging.getLogger(__name__)

_BROKEN = "Template Yaml Error, check API logs"
_UNREACHABLE = (
    "Error sending to executor: java.lang.Throwable: finishConnect(..) failed with error(-111): "
    "Connection refused: executor"
)
_INCOMPLETE = (
    "Run blocked because this workspace still has incomplete sensitive variables.\n\n"
    "Complete or delete these variables before retrying:\n{names}\n\n"
    "Open the workspace Variables page to update them."
)
_SELDOM = 0.005
"""Shortest time between two looks, in seconds: a thousand creates cost one."""

_RESTING = frozenset({Status.RUNNING, Status.WAITING})
_OWN_DOORS = frozenset({"UI", "CLI", "Schedule"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long things take, in seconds; small, so that tests are quick.

    Attributes:
        first_run: From the create to the first look; steps appear then.
        tick: Between looks that nothing asked for: after an unlock, after a blocker is gone.
        between: How long a job is ``pending`` again after a step.
        settle: From a cancel or reject to the steps' own states.
        lost: From the loss of the executor to the failure of its job (beta).
        flicker: How long a PATCH of a job that is not yet due shows it as failed; 0 never does.
        expiry: Age at which an open job is failed.
        retries: Between attempts to deliver a notification.
    """

    first_run: float = 0.02
    tick: float = 0.1
    between: float = 0.01
    settle: float = 0.02
    lost: float = 0.05
    flicker: float = 0.0
    young: float = 1.0
    expiry: timedelta = timedelta(hours=6)
    retries: Sequence[float] = (0.1, 0.3)

    @classmethod
    def observed(cls) -> "Timings":
        """What was measured on a real server."""
        return cls(
            first_run=0.3,
            tick=15.0,
            between=0.3,
            settle=0.5,
            lost=85.0,
            flicker=0.1,
            retries=(69.0, 360.0),
        )


class Scheduler:
    """Moves jobs along; see the module.

    Attributes:
        executor_down: Whether the executor cannot be reached.
        looks: How many times the jobs were looked through.
    """

    def __init__(self, world: World, executor: Executor, timings: Timings, log_url: str) -> None:
        self.world = world
        self.executor = executor
        self.timings = timings
        self.executor_down = False
        self.looks = 0
        self.log_url = log_url
        self._flows: dict[int, dict[int, Flow]] = {}
        self._waiting: set[int] = set()
        self._open: dict[str | int, dict[int, Job]] = {}
        self._busy = 0
        self._lost: set[int] = set()
        self._steps: dict[int, asyncio.Future[Outcome]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Look through the jobs whenever something happened, and now and then."""
        while True:
            ticked = False
            try:
                async with asyncio.timeout(self.timings.tick):
                    await self._wake.wait()
            except TimeoutError:
                ticked = True
            self._wake.clear()
            if ticked:
                self._expire()
            self.look()
            await asyncio.sleep(_SELDOM)

    async def close(self) -> None:
        """Stop the executor and everything under way."""
        await self.executor.close()
        running = [*self._steps.values()]
        for task in self._tasks:
            task.cancel()
        for future in running:
            future.cancel()
        await asyncio.gather(*self._tasks, *running, return_exceptions=True)

    def created(self, job: Job) -> None:
        """A job was made: look at it soon."""
        if not job.is_open:
            return
        self._enter(job)
        self._later(self.timings.first_run, self._wake.set)

    def patched(self, job: Job, status: Status | None) -> None:
        """A job was PATCHed, perhaps with a new status."""
        job.stuck = False
        match status:
            case Status.CANCELLED:
                self._later(self.timings.settle, lambda: self._cancel_steps(job))
            case Status.REJECTED:
                self._later(self.timings.settle, lambda: self._reject_steps(job))
            case _:
                pass  # there is no check of the transition
        if job.is_open:
            self._enter(job)
        self._wake.set()

    def lose_executor(self) -> None:
        """Kill the executor in the middle of whatever it runs."""
        for number, future in self._steps.items():
            self._lost.add(number)
            future.cancel()

    def look(self) -> None:
        """Go through the waiting jobs once, in order of their ids."""
        self.looks += 1
        blocked = False
        for number in sorted(self._waiting):
            job = self.world.jobs.get(number)
            if job is None or not job.is_open or job.status in _RESTING:
                self._waiting.discard(number)
            elif self._consider(job, blocked=blocked):
                blocked = self.world.is_beta

    def _enter(self, job: Job) -> None:
        self._waiting.add(job.number)
        self._open.setdefault(job.workspace.id, {})[job.number] = job

    def _consider(self, job: Job, *, blocked: bool) -> bool:
        """Move one job along as far as it can; whether it holds up younger ones."""
        if not job.prepared:
            if not self._is_due(job) or self._is_behind(job):
                return False
            if job.workspace.locked or not self._prepare(job):
                return job.workspace.locked or job.is_open
        step = job.next_step()
        if step is None or job.stuck:
            return False
        if job.workspace.locked:
            job.stuck = not self.world.is_beta
            return True
        flow = self._flows[job.number][step.step_number]
        if not flow.known:
            return True
        if not blocked:
            self._advance(job, step, flow)
        return False

    def _is_due(self, job: Job) -> bool:
        age = (self.world.clock() - job.created_date).total_seconds()
        if age < self.timings.first_run:
            self._later(self.timings.first_run - age, self._wake.set)
            return False
        # Created with planChanges=false a job never starts (contract 3.1).
        return job.plan_changes is not False

    def _is_behind(self, job: Job) -> bool:
        mates = self._open[job.workspace.id]
        for number in [number for number, mate in mates.items() if not _is_there(self.world, mate)]:
            del mates[number]
        older = [mate for number, mate in mates.items() if number < job.number]
        if not older:
            return False
        held_up = any(mate.status is Status.WAITING for mate in older) and all(
            mate.status is Status.WAITING or not mate.prepared for mate in older
        )
        return not (held_up and self._is_plan_only(job))

    def _is_plan_only(self, job: Job) -> bool:
        template = self.world.templates.get(job.template_reference or "")
        if template is None:
            return False
        try:
            return is_plan_only(parse_flow(template.tcl))
        except FlowError:
            return False

    def _prepare(self, job: Job) -> bool:
        """The first look: take the template's flow and make the steps; False if there is none."""
        if job.template_reference is not None:
            template = self.world.templates.get(job.template_reference)
            if template is None:
                return False
            job.tcl = template.tcl
        try:
            flows = parse_flow(job.tcl)
        except FlowError:
            return self._fail_at_once(job, _BROKEN)
        if job.workspace.incomplete:
            names = "\n".join(f"- {name} (env)" for name in job.workspace.incomplete)
            job.output = _INCOMPLETE.format(names=names)
            return self._fail_at_once(job, "Incomplete sensitive variables")
        self._flows[job.number] = {flow.number: flow for flow in flows}
        for flow in flows:
            self.world.add_step(job, flow.number, flow.name)
        job.prepared = True
        return True

    def _fail_at_once(self, job: Job, name: str) -> bool:
        job.prepared = True
        self.world.add_step(job, 100, name, status=Status.FAILED)
        self.world.set_status(job, Status.FAILED)
        return False

    def _advance(self, job: Job, step: Step, flow: Flow) -> None:
        if flow.type == APPROVAL and job.status is not Status.APPROVED:
            job.approval_team = flow.team
            self._waiting.discard(job.number)
            self.world.set_status(job, Status.WAITING)
        elif self.executor_down:
            self._unreachable(job, step)
        elif self._busy < self.executor.parallel:
            self._start(job, step, flow)
        elif not self.world.is_beta and job.status is not Status.QUEUE:
            self.world.set_status(job, Status.QUEUE)

    def _unreachable(self, job: Job, step: Step) -> None:
        if self.world.is_beta:
            return  # it waits until the executor is back
        step.name, step.status = _UNREACHABLE, Status.FAILED
        self.world.set_status(job, Status.FAILED)

    def _start(self, job: Job, step: Step, flow: Flow) -> None:
        self._waiting.discard(job.number)
        self._busy += 1
        self.world.set_status(job, Status.QUEUE)
        self._spawn(self._run(job, step, flow))

    async def _run(self, job: Job, step: Step, flow: Flow) -> None:
        try:
            if not job.is_open:
                return
            self.world.set_status(job, Status.RUNNING)
            step.status = Status.RUNNING
            step.output = self._url_of(step)
            outcome = await self._execute(job, step, flow)
            if outcome is not None:
                self._ended(job, step, flow, outcome)
        finally:
            self._busy -= 1
            self._wake.set()

    async def _execute(self, job: Job, step: Step, flow: Flow) -> Outcome | None:
        """Run one step; None when the executor was lost on the way."""
        task = Task(version=self.world.version, job=job, step=step, flow=flow)
        future = asyncio.ensure_future(self._outcome(task))
        self._steps[job.number] = future
        try:
            await asyncio.wait({future})
        finally:
            self._steps.pop(job.number, None)
            future.cancel()
        if future.cancelled():
            self._executor_lost(job, step)
            return None
        return future.result()

    async def _outcome(self, task: Task) -> Outcome:
        if task.flow.type == APPROVAL:
            task.job.approval_team = ""
            return Outcome(ok=await run_scripts(task.flow.commands, task.write, "/"))
        try:
            return await self.executor.run(task)
        except Exception as error:  # a broken step must not stop the stand-in
            log.exception("step %s of job %s", task.step.step_number, task.job.id)
            task.write(f"the stand-in's executor failed: {error!r}\n")
            return Outcome(ok=False)

    def _executor_lost(self, job: Job, step: Step) -> None:
        # 2.32 leaves the job running until the 6 h rule.
        def fail() -> None:
            step.status = Status.FAILED
            if job.is_open:
                job.output = ""
                self.world.set_status(job, Status.FAILED)

        if self.world.is_beta:
            self._later(self.timings.lost, fail)

    def _ended(self, job: Job, step: Step, flow: Flow, outcome: Outcome) -> None:
        step.status = Status.COMPLETED if outcome.ok else Status.FAILED
        if not job.is_open:
            return  # cancelled meanwhile: terraform went on, the job stays what it is
        _note(job, step, flow, outcome)
        if not outcome.ok:
            _close_steps(job, Status.FAILED)
            self.world.set_status(job, Status.FAILED)
            return
        if flow.type in {PLAN, PLAN_DESTROY} and not outcome.changes:
            job.plan_changes = False
            _close_steps(job, Status.NOT_EXECUTED)
        self.world.set_status(job, Status.PENDING)
        self._later(self.timings.between, lambda: self._go_on(job))

    def _go_on(self, job: Job) -> None:
        if job.status is not Status.PENDING or not _is_there(self.world, job):
            return
        if job.next_step() is not None:
            self._enter(job)
            self._wake.set()
        elif self.world.is_beta or len(job.steps) == 1 or job.via in _OWN_DOORS:
            self.world.set_status(job, Status.COMPLETED)
            self._wake.set()
        # 2.32 never ends a job of several steps that claims to come from a forge (contract 6.4).

    def _url_of(self, step: Step) -> str:
        job = step.job
        return f"{self.log_url}/organization/{job.organization.id}/job/{job.id}/step/{step.id}"

    def _cancel_steps(self, job: Job) -> None:
        for step in job.steps.values():
            if step.status in {Status.PENDING, Status.RUNNING}:
                step.status = Status.CANCELLED

    def _reject_steps(self, job: Job) -> None:
        step = job.next_step()
        _close_steps(job, Status.FAILED)
        flow = self._flows.get(job.number, {}).get(step.step_number) if step else None
        if step is not None and flow is not None and flow.onreject and self.world.is_beta:
            step.output = self._url_of(step)
            self._spawn(_scripted(flow, step))

    def _expire(self) -> None:
        oldest = self.world.clock() - self.timings.expiry
        for mates in self._open.values():
            for job in mates.values():
                if job.is_open and job.created_date < oldest and _is_there(self.world, job):
                    _close_steps(job, Status.FAILED)
                    shown = job.workspace.last_job_status
                    self.world.set_status(job, Status.FAILED)
                    job.workspace.last_job_status = shown

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, do)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_there(world: World, job: Job) -> bool:
    return job.is_open and job.id in world.jobs


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


def _close_steps(job: Job, status: Status) -> None:
    for step in job.steps.values():
        if step.status is Status.PENDING:
            step.status = status


async def _scripted(flow: Flow, step: Step) -> None:
    await run_scripts(flow.onreject, step.log.append, "/")
