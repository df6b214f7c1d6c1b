"""Steps run by the real terraform or tofu, in a real clone, with the state kept per workspace.

Only the builtin ``terraform_data`` can be used: nothing is downloaded. 2.33 runs terraform with
``-json``, prints its messages and then the readable plan; 2.32 prints what terraform prints
(contract 7).
"""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.sandbox.terrakube.executors import DIV, Outcome, Task, run_scripts
from bridge.sandbox.terrakube.executors import logs as frame
from bridge.sandbox.terrakube.executors.checkout import CheckoutError, check_out
from bridge.sandbox.terrakube.executors.rows import Rows, details, state_values
from bridge.sandbox.terrakube.flows import APPLY, DESTROY, PLAN, PLAN_DESTROY
from bridge.sandbox.terrakube.model import Job, Version

BINARIES = ("terraform", "tofu")
_CHANGES = 2
"""Exit code of ``plan -detailed-exitcode`` when there is something to do."""

_MAX_LINE = 16 * 1024 * 1024
_PLAN_FILE = "terraformLibrary.tfPlan"


def find_binary() -> str | None:
    """The first of terraform and tofu that is on PATH."""
    return next((found for name in BINARIES if (found := shutil.which(name))), None)


class TerraformExecutor:
    """See Executor. Keeps clones in ``work``, states and plans in ``state`` of its folder."""

    def __init__(self, binary: str, folder: Path, *, parallel: int = 1) -> None:
        self.name = Path(binary).name
        self.parallel = parallel
        self._binary = binary
        self._folder = folder
        self._processes: set[asyncio.subprocess.Process] = set()
        self._version = ""
        folder.mkdir(parents=True, exist_ok=True)
        # Whatever the machine has configured (mirrors, credentials) must not matter.
        (folder / "terraform.rc").touch()

    async def run(self, task: Task) -> Outcome:
        """See Executor.run."""
        work = self._folder / "work" / f"{task.job.id}-{task.step.step_number}"
        try:
            where = await check_out(task.job, work)
        except CheckoutError as error:
            task.write(str(error))
            return Outcome(ok=False)
        try:
            return await self._in(where, task)
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

    async def close(self) -> None:
        """See Executor.close."""
        for process in list(self._processes):
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _in(self, where: Path, task: Task) -> Outcome:
        run = _Run(self, where, task)
        task.write(frame.head(task.step, await self._number(where)))
        self._use_state(where, task.job)
        if await run.terraform("init", "-input=false"):
            return Outcome(ok=False, planned=True)
        before = [command for command in task.flow.commands if command.before]
        after = [command for command in task.flow.commands if not command.before]
        if not await run_scripts(before, task.write, where):
            return Outcome(ok=False)
        outcome = await _WAYS[task.flow.type](run)
        scripted = not outcome.ok or await run_scripts(after, task.write, where)
        return outcome if scripted else Outcome(ok=False, planned=outcome.planned)

    async def _number(self, where: Path) -> str:
        if not self._version:
            shown = await self.capture(where, {}, "version", "-json")
            self._version = str(json.loads(shown)["terraform_version"])
        return self._version

    def _use_state(self, where: Path, job: Job) -> None:
        state = self.kept(job) / "terraform.tfstate"
        backend = {"terraform": {"backend": {"local": {"path": str(state)}}}}
        (where / "terrakube_override.tf.json").write_text(json.dumps(backend), encoding="utf-8")

    def kept(self, job: Job) -> Path:
        """Where the state and the plans of the job's workspace live."""
        folder = self._folder / "state" / str(job.workspace.id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def execute(
        self, where: Path, variables: Mapping[str, str], line: Callable[[str], None], *args: str
    ) -> int:
        """Run terraform and hand over its lines as they come; the exit code."""
        process = await asyncio.create_subprocess_exec(
            self._binary,
            *args,
            cwd=where,
            env=self._environment(variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_MAX_LINE,
        )
        self._processes.add(process)
        try:
            assert process.stdout is not None  # noqa: S101 - we asked for a pipe
            async for raw in process.stdout:
                line(raw.decode(errors="replace"))
            return await process.wait()
        finally:
            self._processes.discard(process)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def capture(self, where: Path, variables: Mapping[str, str], *args: str) -> str:
        """What terraform prints."""
        lines: list[str] = []
        await self.execute(where, variables, lines.append, *args)
        return "".join(lines)

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._folder),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_CLI_CONFIG_FILE": str(self._folder / "terraform.rc"),
        } | {f"TF_VAR_{name}": value for name, value in variables.items()}


class _Run:
    """One step in its folder."""

    def __init__(self, executor: TerraformExecutor, where: Path, task: Task) -> None:
        self._executor = executor
        self._where = where
        self.task = task
        self.rows = Rows()

    @property
    def beta(self) -> bool:
        return self.task.version is Version.BETA

    async def terraform(self, *args: str) -> int:
        """Run terraform into the log."""
        variables = self.task.job.workspace.variables
        return await self._executor.execute(self._where, variables, self.task.write, *args)

    async def streamed(self, key: str, *args: str) -> int:
        """Run terraform with ``-json``: messages into the log, rows into the context."""
        variables = self.task.job.workspace.variables

        def line(text: str) -> None:
            try:
                event = json.loads(text)
            except ValueError:
                self.task.write(text)
                return
            self.task.write(f"{event['@message']}\n")
            self.rows.take(event)
            self.task.publish(key, self.rows.listed())

        command, *rest = args
        return await self._executor.execute(self._where, variables, line, command, "-json", *rest)

    async def captured(self, *args: str) -> str:
        """What terraform prints."""
        return await self._executor.capture(self._where, self.task.job.workspace.variables, *args)

    async def plan(self) -> Outcome:
        self.task.write(frame.section(self.task.step, "PLAN"))
        saved = self._executor.kept(self.task.job) / f"{self.task.step.id}-{_PLAN_FILE}"
        args = ("plan", "-input=false", "-detailed-exitcode", f"-out={saved}", *_options(self.task))
        code = await (self._plan_beta(args) if self.beta else self._plan_stable(args))
        if code not in {0, _CHANGES}:
            return Outcome(ok=False, planned=True)
        self.task.job.plan_path = str(saved)
        if self.beta:
            self.task.write(await self.captured("show", str(saved)) + "\n")
        changes = json.loads(await self.captured("show", "-json", str(saved)))
        self._publish_plan(changes.get("resource_changes", []))
        return Outcome(ok=True, changes=code == _CHANGES, planned=True)

    async def _plan_beta(self, args: Sequence[str]) -> int:
        self.task.publish("jobDiagnostics", [])
        self.task.publish("planStructuredOutput", [])
        self.task.publish("terrakubeUI", DIV)
        code = await self.streamed("planStructuredOutput", *args)
        self.task.publish("jobDiagnostics", self.rows.diagnostics)
        return code

    async def _plan_stable(self, args: Sequence[str]) -> int:
        # The hint where the plan was saved is not in the server's log.
        lines: list[str] = []
        code = await self._executor.execute(
            self._where, self.task.job.workspace.variables, lines.append, *args
        )
        text = "".join(lines)
        self.task.write(
            text.split("\n\x1b[90m\n─", 1)[0].split("\n─────", 1)[0].rstrip("\n") + "\n"
        )
        return code

    def _publish_plan(self, changes: Sequence[Mapping[str, Any]]) -> None:
        if self.beta:
            self.rows.describe(changes)
            self.task.publish("planStructuredOutput", self.rows.listed())
            return
        rows = [details(each) for each in changes if each["change"]["actions"] != ["no-op"]]
        self.task.publish("planStructuredOutput", rows)
        self.task.publish("terrakubeUI", DIV)

    async def apply(self) -> Outcome:
        self.task.write(frame.section(self.task.step, "APPLY"))
        saved = self.task.job.plan_path
        args = ["apply", "-input=false", saved or "-auto-approve"]
        if not self.beta:
            return Outcome(ok=await self.terraform(*args) == 0)
        self.rows = Rows(self._planned())
        self.task.publish("jobDiagnostics", [])
        code = await self.streamed("applyStructuredOutput", *args)
        await self._settle()
        if code == 0 and saved:
            self.task.write(await self.captured("show", saved) + "\n")
        if self.rows.outputs and code == 0:
            self.task.write(f"\nOutputs:\n\n{await self.captured('output')}")
            self.task.publish("terraformOutputs", self.rows.outputs)
        return Outcome(ok=code == 0)

    async def destroy(self) -> Outcome:
        self.task.write(frame.section(self.task.step, "DESTROY"))
        if not self.beta:
            return Outcome(ok=await self.terraform("destroy", "-auto-approve", "-input=false") == 0)
        self.task.publish("jobDiagnostics", [])
        code = await self.streamed(
            "applyStructuredOutput", "destroy", "-auto-approve", "-input=false"
        )
        return Outcome(ok=code == 0)

    async def _settle(self) -> None:
        shown = json.loads(await self.captured("show", "-json"))
        self.rows.settle(state_values(shown))
        self.task.publish("applyStructuredOutput", self.rows.listed())

    def _planned(self) -> Sequence[dict[str, Any]]:
        plans = self.task.job.context.get("planStructuredOutput", {})
        rows = list(plans.values())[-1] if plans else []
        return rows if isinstance(rows, list) else []


def _options(task: Task) -> Sequence[str]:
    job = task.job
    return [
        *(["-destroy"] if task.flow.type == PLAN_DESTROY else []),
        *(["-refresh-only"] if job.refresh_only else []),
        *(["-refresh=false"] if job.refresh is False else []),
        *(f"-target={address}" for address in job.target_addrs or ()),
        *(f"-replace={address}" for address in job.replace_addrs or ()),
    ]


async def _nothing(run: _Run) -> Outcome:
    return Outcome(ok=True)


_WAYS: Mapping[str, Callable[[_Run], Any]] = {
    PLAN: _Run.plan,
    PLAN_DESTROY: _Run.plan,
    APPLY: _Run.apply,
    DESTROY: _Run.destroy,
    "customScripts": _nothing,
    "approval": _nothing,
}
