"""The demo's walk: every step is real but the servers at the ends."""

import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.cli.demo import story
from bridge.cli.demo.browser import Browser, open_browser
from bridge.cli.demo.processes import (
    DemoError,
    Plan,
    Sandbox,
    command,
    git,
    make_plan,
    running_bridge,
    running_sandbox,
    tail,
)
from bridge.domain.errors import BridgeError
from bridge.logs import LogFormat, configure_logs

PATIENCE = 180.0
"""Seconds jobs get to end."""

_LOOK_EVERY = 0.5
_PENDING = "pending"
_AFTER_MERGE = f"**After the merge:** {len(story.WORKSPACES)} applied"
_EVENTS = {
    "delivery.handled": "  {kind} delivery: {outcome}",
    "run.started": "  job {job_id} started in {workspace}",
    "run.concluded": "  job {job_id} in {workspace} {state}",
}

T = TypeVar("T")


async def walk(flavour: str, *, stay: bool) -> bool:
    """Show the way of a pull request; return whether everything came out as it should."""
    _end_on_signals()
    configure_logs(level="error", format=LogFormat.CONSOLE)
    console = Console(highlight=False)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="terrakube-bridge-demo-") as folder:
        plan = make_plan(Path(folder), flavour)
        try:
            async with AsyncExitStack() as stack:
                console.print("starting the stand-ins for Terrakube and the forge …")
                sandbox = await stack.enter_async_context(running_sandbox(plan))
                told = await _Walk.start(stack, plan, sandbox, console)
                result = await told.go()
                if stay:
                    await _stay(console, plan, sandbox, told)
        except BridgeError as error:
            console.print(f"demo: failed: {error}", style="red", markup=False)
            _show_logs(console, plan)
            return False
    console.print(f"demo: ok: {result} in {time.monotonic() - started:.0f} s", markup=False)
    return True


def _end_on_signals() -> None:
    """End as Ctrl-C does when killed or when the terminal goes: the others must not be left."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)


class _Walk:
    """One walk, and what was seen on it."""

    def __init__(self, plan: Plan, sandbox: Sandbox, console: Console, browser: Browser) -> None:
        self.plan = plan
        self.sandbox = sandbox
        self.console = console
        self.browser = browser
        self.log = plan.folder / "bridge.log"
        self.page = ""
        self._read = 0

    @classmethod
    async def start(
        cls, stack: AsyncExitStack, plan: Plan, sandbox: Sandbox, console: Console
    ) -> "_Walk":
        """Start the bridge beside the stand-ins and install its webhook."""
        if sandbox.executor == "recorded":
            console.print(
                "neither terraform nor tofu is on PATH: jobs replay recorded plans and logs",
                style="yellow",
            )
        else:
            console.print(f"jobs run the real {sandbox.executor}")
        await stack.enter_async_context(running_bridge(plan, sandbox))
        console.print(f"the bridge listens on {plan.bridge_url}")
        http = await stack.enter_async_context(open_browser(sandbox))
        await command(plan, "webhooks", "install", story.SLUG)
        console.print(f"its webhook is installed in {story.SLUG}")
        return cls(plan, sandbox, console, Browser(http=http, flavour=sandbox.flavour))

    async def go(self) -> str:
        """Push, open, wait, merge, wait; return the figures for the last line."""
        await self._push()
        number, head, self.page = await self.browser.open_pull_request()
        self._say(f"{story.PERSON} opened pull request #{number}: {story.TITLE}")
        planned = await self._concluded("terrakube/plan", head)
        await self._check(number, planned, "terrakube/plan")
        await self._show(number, planned)
        merged = await self.browser.merge(number)
        self._say(f"{story.PERSON} merged #{number}; the push starts each workspace's template")
        applied = await self._concluded("terrakube/push", merged)
        await self._check(number, applied, "terrakube/push")
        comment = await self._until(
            lambda: self._told_of_merge(number), "the comment to tell of the merge"
        )
        await self._show_comments(number)
        self._show_statuses("commit statuses of the merge commit", applied)
        jobs = len(story.WORKSPACES)
        return f"{jobs} plans, {jobs} push runs, {comment} comment, all statuses concluded"

    async def _push(self) -> None:
        clone = self.plan.folder / "clone"
        await git(self.plan.folder, "clone", "--quiet", self.sandbox.clone_url(), str(clone))
        await git(clone, "switch", "--quiet", "--create", story.BRANCH)
        for name, text in story.AFTER.items():
            (clone / name).write_text(text)
        await git(clone, "commit", "--quiet", "--all", "--message", story.TITLE)
        await git(clone, "push", "--quiet", "origin", story.BRANCH)
        self._say(f"{story.PERSON} pushed branch {story.BRANCH} with git")

    async def _concluded(self, context: str, sha: str) -> Mapping[str, tuple[str, str]]:
        """Wait until the aggregate and everything beside it says how it ended."""

        async def look() -> Mapping[str, tuple[str, str]] | None:
            self._tell_news()
            seen = await self.browser.statuses(sha)
            ended = context in seen and all(state != _PENDING for state, _ in seen.values())
            return seen if ended else None

        return await self._until(look, f"the status {context} to conclude")

    async def _check(
        self, number: int, statuses: Mapping[str, tuple[str, str]], context: str
    ) -> None:
        bad = {name: said for name, said in statuses.items() if said[0] != "success"}
        if bad:
            msg = f"{context}: not everything succeeded: {bad}"
            raise DemoError(msg)
        names = {f"{context}: {story.ORGANIZATION}/{name}" for name in story.WORKSPACES}
        if missing := names - statuses.keys():
            msg = f"{context}: no status for {', '.join(sorted(missing))}"
            raise DemoError(msg)
        comments = await self.browser.comments(number)
        if len(comments) != 1:
            msg = f"there are {len(comments)} comments instead of one"
            raise DemoError(msg)

    async def _told_of_merge(self, number: int) -> int | None:
        self._tell_news()
        comments = await self.browser.comments(number)
        told = [text for text in comments if _AFTER_MERGE in text]
        return len(comments) if told else None

    async def _until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        try:
            async with asyncio.timeout(PATIENCE):
                while (found := await look()) is None:  # noqa: ASYNC110 - it looks as people do
                    await asyncio.sleep(_LOOK_EVERY)
                return found
        except TimeoutError as error:
            msg = f"waited {PATIENCE:.0f} s in vain for {what}"
            raise DemoError(msg) from error

    def _tell_news(self) -> None:
        """Follow the bridge's log: what it did since the last look."""
        text = self.log.read_text(errors="replace")
        complete, self._read = text[self._read : text.rfind("\n") + 1], text.rfind("\n") + 1
        for line in complete.splitlines():
            self._tell(line)

    def _tell(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        template = _EVENTS.get(said.get("event", ""))
        if template is not None:
            facts = {key: said.get(key, "?") for key in _KEYS}
            facts["outcome"] = said.get("reason") or f"{said.get('runs')} runs"
            self._say(template.format_map(facts), style="dim")

    async def _show(self, number: int, statuses: Mapping[str, tuple[str, str]]) -> None:
        self._tell_news()
        await self._show_comments(number)
        self._show_statuses("commit statuses of the head", statuses)

    async def _show_comments(self, number: int) -> None:
        for text in await self.browser.comments(number):
            self.console.print(Panel(Text(text), title=f"the comment of #{number}, as Markdown"))

    def _show_statuses(self, title: str, statuses: Mapping[str, tuple[str, str]]) -> None:
        table = Table(title=title)
        for column in ("status", "state", "description"):
            table.add_column(column, overflow="fold")
        for name, (state, description) in sorted(statuses.items()):
            table.add_row(Text(name), Text(state), Text(description))
        self.console.print(table)

    def _say(self, text: str, style: str = "bold") -> None:
        self.console.print(text, style=style, markup=False)


_KEYS = ("kind", "job_id", "workspace", "state")


async def _stay(console: Console, plan: Plan, sandbox: Sandbox, told: _Walk) -> None:
    console.print("everything keeps running; Ctrl-C ends it", style="bold")
    for name, where in (
        ("pull request", told.page),
        ("forge", sandbox.forge_url),
        ("clone", sandbox.clone_url()),
        ("Terrakube's API", sandbox.terrakube_url),
        ("the bridge", plan.bridge_url),
        ("its log", str(plan.folder / "bridge.log")),
        ("look into it", f"cd {plan.folder} && {sys.executable} -m bridge deliveries"),
        ("comment", _commenting(sandbox, told.page)),
    ):
        console.print(f"  {name:16} {where}", markup=False, soft_wrap=True)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        console.print("ending …")


def _commenting(sandbox: Sandbox, page: str) -> str:
    number = page.rpartition("/")[2]
    return (
        f"curl -sS -H 'Authorization: token {sandbox.person_token}' "
        "-H 'Content-Type: application/json' -d '{\"body\": \"terrakube help\"}' "
        f"{sandbox.api_url}/repos/{story.SLUG}/issues/{number}/comments"
    )


def _show_logs(console: Console, plan: Plan) -> None:
    for name in ("bridge.log", "sandbox.log"):
        log = plan.folder / name
        if log.exists():
            console.print(f"the end of {name}:\n{tail(log)}", style="dim", markup=False)
