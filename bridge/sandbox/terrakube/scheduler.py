"""When which job runs (contract 6): one executor, ids in order, and what blocks what.

Jobs of a workspace run one after another; a stored plan-only template passes older jobs that wait
for approval. 2.33 looks at waiting jobs in order of their ids and stops at the first that cannot
go on: a locked workspace or an unknown template holds up the whole instance. 2.32 skips them.
"""

import asyncio

from bridge.sandbox.terrakube.executors import Executor
from bridge.sandbox.terrakube.flows import APPROVAL, Flow, FlowError, is_plan_only, parse_flow
from bridge.sandbox.terrakube.model import Job, Status, Step
from bridge.sandbox.terrakube.running import Runner, close_steps, later
from bridge.sandbox.terrakube.timings import Timings
from bridge.sandbox.terrakube.world import World

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


class Scheduler:
    """Moves jobs along; see the module.

    Attributes:
        runner: Runs the steps.
        executor_down: Whether the executor cannot be reached.
        looks: How many times the jobs were looked through.
    """

    def __init__(self, world: World, executor: Executor, timings: Timings) -> None:
        self.world = world
        self.timings = timings
        self.runner = Runner(world, executor, timings)
        self.runner.ended, self.runner.idle = self._go_on, self._wake_up
        self.executor_down = False
        self.looks = 0
        self._flows: dict[int, dict[int, Flow]] = {}
        self._waiting: set[int] = set()
        self._open: dict[str | int, dict[int, Job]] = {}
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

    def created(self, job: Job) -> None:
        """A job was made: look at it soon."""
        if not job.is_open:
            return
        self._enter(job)
        later(self.timings.first_run, self._wake_up)

    def patched(self, job: Job, status: Status | None) -> None:
        """A job was PATCHed, perhaps with a new status."""
        job.stuck = False
        match status:
            case Status.CANCELLED:
                later(self.timings.settle, lambda: self._cancel_steps(job))
            case Status.REJECTED:
                later(self.timings.settle, lambda: self._reject_steps(job))
            case _:
                pass  # there is no check of the transition
        if job.is_open:
            self._enter(job)
        self._wake_up()

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

    def _wake_up(self) -> None:
        self._wake.set()

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
        flow = self._flow_of(job, step)
        if not flow.known:
            return True
        if not blocked:
            self._advance(job, step, flow)
        return False

    def _is_due(self, job: Job) -> bool:
        age = (self.world.clock() - job.created_date).total_seconds()
        if age < self.timings.first_run:
            later(self.timings.first_run - age, self._wake_up)
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
        for flow in flows:
            self.world.add_step(job, flow.number, flow.name)
        job.prepared = True
        return True

    def _flow_of(self, job: Job, step: Step) -> Flow:
        if job.number not in self._flows:
            self._flows[job.number] = {flow.number: flow for flow in parse_flow(job.tcl)}
        return self._flows[job.number][step.step_number]

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
        elif not self.runner.is_full:
            self._waiting.discard(job.number)
            self.runner.start(job, step, flow)
        elif not self.world.is_beta and job.status is Status.PENDING:
            self.world.set_status(job, Status.QUEUE)

    def _unreachable(self, job: Job, step: Step) -> None:
        if self.world.is_beta:
            return  # it waits until the executor is back
        step.name, step.status = _UNREACHABLE, Status.FAILED
        self.world.set_status(job, Status.FAILED)

    def _go_on(self, job: Job) -> None:
        if job.status is not Status.PENDING or not _is_there(self.world, job):
            return
        if job.next_step() is not None:
            self._enter(job)
            self._wake_up()
        elif self.world.is_beta or len(job.steps) == 1 or job.via in _OWN_DOORS:
            self.world.set_status(job, Status.COMPLETED)
            self._wake_up()
        # 2.32 never ends a job of several steps that claims to come from a forge (contract 6.4).

    def _cancel_steps(self, job: Job) -> None:
        for step in job.steps.values():
            if step.status in {Status.PENDING, Status.RUNNING}:
                step.status = Status.CANCELLED

    def _reject_steps(self, job: Job) -> None:
        step = job.next_step()
        close_steps(job, Status.FAILED)
        if step is not None and self.world.is_beta:
            flow = self._flow_of(job, step)
            if flow.onreject:
                self.runner.reject(flow, step)

    def _expire(self) -> None:
        oldest = self.world.clock() - self.timings.expiry
        for mates in self._open.values():
            for job in mates.values():
                if job.is_open and job.created_date < oldest and _is_there(self.world, job):
                    close_steps(job, Status.FAILED)
                    shown = job.workspace.last_job_status
                    self.world.set_status(job, Status.FAILED)
                    job.workspace.last_job_status = shown


def _is_there(world: World, job: Job) -> bool:
    return job.is_open and job.id in world.jobs
