"""An executor whose steps end when the test says so."""

import asyncio

from bridge.sandbox.terrakube.executors import Outcome, Task
from tests.waiting import until


class HeldExecutor:
    """See Executor.

    Attributes:
        started: Jobs and step numbers, in the order in which they started.
    """

    name = "held"

    def __init__(self, parallel: int = 1) -> None:
        self.parallel = parallel
        self.started: list[tuple[int, int]] = []
        self._waiting: dict[tuple[int, int], asyncio.Future[Outcome]] = {}

    async def run(self, task: Task) -> Outcome:
        key = (task.job.number, task.step.step_number)
        task.write(f"step {key}\n")
        self.started.append(key)
        self._waiting[key] = asyncio.get_running_loop().create_future()
        return await self._waiting[key]

    async def close(self) -> None:
        """Nothing runs outside of the test."""

    async def until_started(self, job: int, step: int = 100) -> None:
        """Wait until a step runs."""
        await until(lambda: (job, step) in self.started)

    async def end(
        self, job: int, step: int = 100, *, ok: bool = True, changes: bool = True
    ) -> None:
        """Let a step end, as soon as it runs."""
        await self.until_started(job, step)
        self._waiting[job, step].set_result(Outcome(ok=ok, changes=changes, planned=True))
