"""What runs the steps of jobs: real terraform, recorded answers, or made-up plans for load."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.sandbox.terrakube.flows import Command, Flow
from bridge.sandbox.terrakube.model import Job, Step, Version

DIV = '<div data-terrakube-structured-plan="true"></div>'
"""The value of every entry of ``terrakubeUI``."""

_STABLE_KEYS = frozenset({"planStructuredOutput", "terrakubeUI"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One step to run. The job's ``commit_id`` is set by whoever runs it."""

    version: Version
    job: Job
    step: Step
    flow: Flow

    def write(self, text: str) -> None:
        """Append to the step's log; readers see it at once."""
        self.step.log.append(text)

    def publish(self, key: str, value: object) -> None:
        """Put something for this step into the job's context.

        2.32 knows two of the keys, and rows without a status (contract 8).
        """
        if not self.job.workspace.structured:
            return
        if self.version is Version.STABLE:
            if key not in _STABLE_KEYS:
                return
            if isinstance(value, list):
                value = [{k: v for k, v in row.items() if k != "status"} for row in value]
        self.job.context.setdefault(key, {})[str(self.step.id)] = value


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended.

    Attributes:
        changes: Of a plan: whether there is anything to do.
        planned: Whether terraform got as far as to plan (``terraformPlan`` is then set, to "" when
            the plan failed).
    """

    ok: bool
    changes: bool = True
    planned: bool = False


class Executor(Protocol):
    """Runs steps; one instance per server.

    Attributes:
        name: ``terraform``, ``tofu``, ``recorded`` or ``instant``.
        parallel: How many steps it runs at a time: the real server has one executor.
    """

    name: str
    parallel: int

    async def run(self, task: Task) -> Outcome:
        """Run a step to its end, writing its log and context as it goes."""
        ...

    async def close(self) -> None:
        """Stop whatever runs."""
        ...


async def run_scripts(
    commands: Sequence[Command], write: Callable[[str], None], folder: str | os.PathLike[str]
) -> bool:
    """Run the BASH commands of a template in *folder*; False when one of them fails."""
    for command in commands:
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            command.script,
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        write(output.decode(errors="replace"))
        if process.returncode:
            return False
    return True
