"""The demo's walk: every step is real but the servers at the ends."""

import asyncio
import json
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from bridge.cli.demo import story
from bridge.cli.demo.browser import Browser, Statuses, open_browser
from bridge.cli.demo.checks import check_approvals, check_comments, check_jobs, check_statuses
from bridge.cli.demo.conversation import open_conversation
from bridge.cli.demo.patience import until
from bridge.cli.demo.processes import (
    DemoError,
    Plan,
    Sandbox,
    check_tools,
    command,
    configure,
    git,
    make_plan,
    running_bridge,
    running_sandbox,
    tail,
)
from bridge.cli.demo.screen import Screen
from bridge.cli.demo.talk import Talk
from bridge.domain.errors import BridgeError
from bridge.logs import LogFormat, configure_logs

_CLONE = "clone"
_PENDING = "pending"
_REFUSED = "Nothing was applied."
_UNAPPROVED = "**approved**"
_PLANNED = f"{len(story.WORKSPACES)} planned"
_APPLIED = f"{len(story.WORKSPACES)} applied"
_UNCHANGED = f"**After the merge:** {len(story.WORKSPACES)} unchanged"


async def walk(flavour: str, *, stay: bool) -> bool:
    """Show the way of a pull request; return whether everything came out as it should."""
    _end_on_signals()
    configure_logs(level="error", format=LogFormat.CONSOLE)
    console = Console(highlight=False)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="terrakube-bridge-demo-") as folder:
        plan = make_plan(Path(folder), flavour)
        try:
            check_tools()
            async with AsyncExitStack() as stack:
                console.print("starting the stand-ins for Terrakube, the forge and Slack …")
                sandbox = await stack.enter_async_context(running_sandbox(plan))
                told = await _Walk.start(stack, plan, sandbox, console)
                result = await told.go()
                if stay:
                    await _stay(console, plan, sandbox, told)
        except BridgeError as error:
            console.print(f"demo: failed: {error}", style="red", markup=False)
            _show_logs(console, plan)
            return False
    took = f"{time.monotonic() - started:.0f} s"
    console.print(f"demo: ok: {result} in {took}", markup=False, soft_wrap=True)
    return True


def _end_on_signals() -> None:
    """End as Ctrl-C does when killed or when the terminal goes: the others must not be left."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)


class _Walk:
    """One walk, and what was seen on it."""

    def __init__(
        self, plan: Plan, sandbox: Sandbox, screen: Screen, browser: Browser, talk: Talk
    ) -> None:
        self.plan = plan
        self.sandbox = sandbox
        self.screen = screen
        self.browser = browser
        self.talk = talk
        self.page = ""

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
        configure(plan, sandbox)
        log = await stack.enter_async_context(running_bridge(plan))
        console.print(f"the bridge listens on {plan.bridge_url}")
        await asyncio.gather(
            command(plan, "webhooks", "install", story.SLUG), _clone(plan, sandbox)
        )
        console.print(f"its webhook is installed in {story.SLUG}")
        browser = await stack.enter_async_context(open_browser(sandbox))
        page, screen = open_conversation(sandbox.chat), Screen(console, log)
        talk = Talk(await stack.enter_async_context(page), screen)
        return cls(plan, sandbox, screen, browser, talk)

    async def go(self) -> str:
        """Push, open, review, apply, merge; return the figures for the last line."""
        await self._push()
        number, head, self.page = await self.browser.open_pull_request()
        self.screen.say(f"{story.PERSON} opened pull request #{number}: {story.TITLE}")
        await self._apply_too_early(number)
        await self._plan(number, head)
        await self._review_and_apply(number, head)
        await self.talk.change_without_pull_request()
        listed = await self._merge(number)
        await self.talk.show_channel()
        each, jobs = len(story.WORKSPACES), check_jobs(listed)
        return (
            f"{each} plans, 1 refusal, {each} reviewed applies, {each} push runs, "
            f"1 apply approved in Slack ({jobs} jobs), merged by the bridge, "
            "all statuses concluded"
        )

    async def _push(self) -> None:
        await git(self.plan.folder / _CLONE, "push", "--quiet", "origin", story.BRANCH)
        self.screen.say(f"{story.PERSON} pushed branch {story.BRANCH} with git")

    async def _apply_too_early(self, number: int) -> None:
        """Nothing is applied before somebody else approved: the answer says what is missing."""
        await self._say(number, "too early")

        async def look() -> str | None:
            comments = await self.browser.comments(number)
            return next((text for text in comments if _REFUSED in text), None)

        refusal = await until(look, "an answer to the apply that came too early")
        if _UNAPPROVED not in refusal:
            msg = f"the refusal does not name the missing approval: {refusal}"
            raise DemoError(msg)
        self.screen.tell_news()
        self.screen.show_comment("the bridge's answer", refusal)

    async def _plan(self, number: int, head: str) -> None:
        planned = await self._concluded("terrakube/plan", head)
        check_statuses(planned, "terrakube/plan")
        comment = await self._comment(number, _PLANNED)
        self.screen.show_comment(f"the comment of #{number}", comment)
        self.screen.show_statuses("commit statuses of the head", planned)

    async def _review_and_apply(self, number: int, head: str) -> None:
        await self.browser.approve(number)
        self.screen.say(f"{story.REVIEWER} looked at the plans and approved #{number}")
        await self._say(number, "again; each plan is made once more and compared with the reviewed")
        applied = await self._concluded("terrakube/apply", head)
        check_statuses(applied, "terrakube/apply")
        check_approvals(self.screen.log.read_text(errors="replace"), len(story.WORKSPACES))
        comment = await self._comment(number, _APPLIED)
        self.screen.show_beginning(f"the comment of #{number}", comment)
        self.screen.show_statuses("commit statuses of the head", applied)

    async def _merge(self, number: int) -> str:
        """See the bridge merge, and what follows from it; return the jobs there are then."""
        merged = await until(
            lambda: self.browser.merge_commit(number), "the bridge to merge the pull request"
        )
        if (by := await self.browser.merged_by(number)) != story.BOT:
            msg = f"{by} merged the pull request instead of the bridge"
            raise DemoError(msg)
        self.screen.say(
            f"the bridge merged #{number}; the push starts each workspace's template, which finds "
            "nothing left to do"
        )
        pushed = await self._concluded("terrakube/push", merged)
        check_statuses(pushed, "terrakube/push")
        comment, listed = await asyncio.gather(
            self._comment(number, _UNCHANGED),
            command(self.plan, "jobs", "list", "--all", "--json"),
        )
        self.screen.show_beginning(f"the comment of #{number}", comment)
        self.screen.show_statuses("commit statuses of the merge commit", pushed)
        return listed

    async def _say(self, number: int, how: str) -> None:
        await self.browser.say(number, story.COMMAND)
        self.screen.say(f"{story.PERSON} said {story.COMMAND}, {how}")

    async def _concluded(self, context: str, sha: str) -> Statuses:
        """Wait until the aggregate and everything beside it says how it ended."""

        async def look() -> Statuses | None:
            self.screen.tell_news()
            seen = await self.browser.statuses(sha)
            ended = context in seen and all(state != _PENDING for state, _ in seen.values())
            return seen if ended else None

        return await until(look, f"the status {context} to conclude")

    async def _comment(self, number: int, phrase: str) -> str:
        """Wait until the one comment that tells of everything says this."""

        async def look() -> str | None:
            self.screen.tell_news()
            comments = await self.browser.comments(number)
            told = any(phrase in text for text in comments)
            return check_comments(comments, replies=1) if told else None

        return await until(look, f'the comment to say "{phrase}"')


async def _clone(plan: Plan, sandbox: Sandbox) -> None:
    """Change what the story changes, in a clone."""
    clone = plan.folder / _CLONE
    await git(plan.folder, "clone", "--quiet", sandbox.clone_url(), str(clone))
    await git(clone, "switch", "--quiet", "--create", story.BRANCH)
    for name, text in story.AFTER.items():
        (clone / name).write_text(text)
    await git(clone, "commit", "--quiet", "--all", "--message", story.TITLE)


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
        ("read Slack", _reading(sandbox)),
        ("type there", _typing(sandbox)),
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


def _reading(sandbox: Sandbox) -> str:
    where = f"/people/channel?channel={story.CHANNEL}&to={story.PERSON}"
    return f"curl -sS -H 'Accept: text/plain' '{sandbox.chat.people_url}{where}'"


def _typing(sandbox: Sandbox) -> str:
    deed = {"user": story.PERSON, "channel": story.CHANNEL, "text": "status"}
    return (
        f"curl -sS -H 'Content-Type: application/json' -d '{json.dumps(deed)}' "
        f"{sandbox.chat.people_url}/people/command"
    )


def _show_logs(console: Console, plan: Plan) -> None:
    for name in ("bridge.log", "sandbox.log"):
        log = plan.folder / name
        if log.exists():
            console.print(f"the end of {name}:\n{tail(log)}", style="dim", markup=False)
