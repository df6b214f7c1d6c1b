"""What runs the jobs: at once, unless a play wants to see one running."""

import asyncio

from bridge.sandbox.terrakube.executors import Outcome, Task
from bridge.sandbox.terrakube.executors.instant import InstantExecutor


class GatedExecutor(InstantExecutor):
    """See InstantExecutor; steps stop at a gate while it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = asyncio.Event()
        self._gate.set()

    @property
    def is_open(self) -> bool:
        return self._gate.is_set()

    def hold(self) -> None:
        """Let no step go on."""
        self._gate.clear()

    def let_go(self) -> None:
        self._gate.set()

    async def run(self, task: Task) -> Outcome:
        await self._gate.wait()
        return await super().run(task)
