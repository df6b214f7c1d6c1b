"""The demo's processes: the stand-ins, the bridge, git. They end with the demo."""

import asyncio
import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.cli.demo import story
from bridge.domain.errors import BridgeError

PATIENCE = 60.0
"""Seconds a process gets to be ready."""

_LAST_LINES = 15
_RECORDED_STEP = "0.5"
"""Seconds a step takes that only replays a recording."""


class DemoError(BridgeError):
    """The demo cannot go on; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Where Slack is, and what the bridge needs to be let in.

    Attributes:
        url: Of its API.
        people_url: Where its people are acted for.
        channel: Id of the channel that hears of everything.
        group: Id of those who may.
    """

    url: str
    people_url: str
    bot_token: str
    signing_secret: str
    channel: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Where the stand-ins are.

    Attributes:
        forge_url: For people and git.
        api_url: Of the forge.
        executor: What runs the jobs: ``terraform``, ``tofu`` or ``recorded``.
    """

    flavour: str
    forge_url: str
    api_url: str
    person_token: str
    reviewer_token: str
    bot_token: str
    terrakube_url: str
    terrakube_token: str
    executor: str
    chat: Chat

    @property
    def forge_name(self) -> str:
        """Name of the forge in the bridge's settings."""
        return "github" if self.flavour == "github" else "code"

    def clone_url(self) -> str:
        """Address with the person's credential."""
        scheme, _, rest = self.forge_url.partition("://")
        return f"{scheme}://{story.PERSON}:{self.person_token}@{rest}/{story.SLUG}.git"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is agreed on before anything runs.

    Attributes:
        port: Where the bridge will listen; its address is part of everybody's configuration.
    """

    folder: Path
    flavour: str
    port: int
    hint_secret: str

    @property
    def bridge_url(self) -> str:
        """The bridge's public address."""
        return f"http://127.0.0.1:{self.port}"


def make_plan(folder: Path, flavour: str) -> Plan:
    """Choose a free port and a secret."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return Plan(folder=folder, flavour=flavour, port=port, hint_secret=secrets.token_hex(32))


def check_tools() -> None:
    """Look for what everything needs: the repository is a real one."""
    if shutil.which("git") is None:
        msg = "git is not on PATH: install it first"
        raise DemoError(msg)


@asynccontextmanager
async def running_sandbox(plan: Plan) -> AsyncIterator[Sandbox]:
    """Start the stand-ins."""
    seed = story.seed(bridge_url=plan.bridge_url, hint_secret=plan.hint_secret)
    seed_file = plan.folder / "seed.json"
    seed_file.write_text(json.dumps(seed))
    log = plan.folder / "sandbox.log"
    what = ("--flavour", plan.flavour, "--seed", str(seed_file))
    how = ("--seconds", _RECORDED_STEP, "--until-eof")
    async with _process(plan, log, "bridge.sandbox", *what, *how, keep_output=True) as process:
        line = await _first_line(process, log)
        yield _sandbox(plan.flavour, json.loads(line))


def configure(plan: Plan, sandbox: Sandbox) -> None:
    """Write the bridge's ``.env``."""
    (plan.folder / ".env").write_text(_dotenv(plan, sandbox))


@asynccontextmanager
async def running_bridge(plan: Plan) -> AsyncIterator[Path]:
    """Start the bridge, which is configured; yields its log once it is ready."""
    log, ready = plan.folder / "bridge.log", plan.folder / "ready.json"
    async with _process(plan, log, "bridge", "serve", "--ready-file", str(ready)) as process:
        await _until_ready(process, ready, log)
        yield log


async def command(plan: Plan, *arguments: str) -> str:
    """Run a command of the bridge beside the running one; return what it prints."""
    return await _run((sys.executable, "-m", "bridge", *arguments), cwd=plan.folder)


async def git(folder: Path, *arguments: str) -> str:
    """Run git as the demo's person."""
    person = ("-c", f"user.name={story.PERSON}", "-c", f"user.email={story.PERSON}@example.com")
    return await _run(("git", *person, *arguments), cwd=folder)


def _dotenv(plan: Plan, sandbox: Sandbox) -> str:
    forge = f"BRIDGE_FORGES__{sandbox.forge_name.upper()}"
    values = {
        "BRIDGE_PUBLIC_URL": plan.bridge_url,
        "BRIDGE_LISTEN__HOST": "127.0.0.1",
        "BRIDGE_LISTEN__PORT": str(plan.port),
        "BRIDGE_METRICS__PORT": "0",
        "BRIDGE_SECRET_KEY": secrets.token_hex(32),
        "BRIDGE_TERRAKUBE__URL": sandbox.terrakube_url,
        "BRIDGE_TERRAKUBE__ORGANIZATIONS": story.ORGANIZATION,
        "BRIDGE_TERRAKUBE__TOKEN": sandbox.terrakube_token,
        "BRIDGE_TERRAKUBE__WEBHOOK_SECRET": plan.hint_secret,
        "BRIDGE_COMMANDS__APPLY__AUTO_MERGE": "true",
        f"{forge}__DRIVER": plan.flavour,
        f"{forge}__URL": sandbox.forge_url,
        f"{forge}__API_URL": sandbox.api_url,
        f"{forge}__TOKEN": sandbox.bot_token,
        f"{forge}__WEBHOOK_SECRET": secrets.token_hex(32),
        "BRIDGE_SLACK__MODE": "http",
        "BRIDGE_SLACK__API_URL": sandbox.chat.url,
        "BRIDGE_SLACK__BOT_TOKEN": sandbox.chat.bot_token,
        "BRIDGE_SLACK__SIGNING_SECRET": sandbox.chat.signing_secret,
        "BRIDGE_SLACK__DEFAULT_CHANNEL": sandbox.chat.channel,
        "BRIDGE_ACCESS": f"'{json.dumps(story.access(sandbox.chat.group))}'",
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _sandbox(flavour: str, said: Mapping[str, Any]) -> Sandbox:
    forge, terrakube = said["forge"], said["terrakube"]
    return Sandbox(
        flavour=flavour,
        forge_url=forge["web_url"],
        api_url=forge["url"],
        person_token=forge["tokens"]["person"],
        reviewer_token=forge["tokens"]["reviewer"],
        bot_token=forge["tokens"]["bot"],
        terrakube_url=terrakube["url"],
        terrakube_token=terrakube["token"],
        executor=terrakube["executor"],
        chat=_chat(said["slack"]),
    )


def _chat(said: Mapping[str, Any]) -> Chat:
    return Chat(
        url=said["url"],
        people_url=said["control_url"],
        bot_token=said["bot_token"],
        signing_secret=said["signing_secret"],
        channel=said["channels"][story.CHANNEL],
        group=said["groups"][story.GROUP],
    )


@asynccontextmanager
async def _process(
    plan: Plan, log: Path, module: str, *arguments: str, keep_output: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            cwd=plan.folder,
            env=_environment(),
            stdin=asyncio.subprocess.PIPE,  # the stand-ins end when it closes
            stdout=asyncio.subprocess.PIPE if keep_output else written,
            stderr=written,
            start_new_session=True,  # Ctrl-C is the demo's: it ends the others in their order
        )
        try:
            yield process
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _first_line(process: asyncio.subprocess.Process, log: Path) -> bytes:
    if process.stdout is None:
        msg = "the process has no output"
        raise DemoError(msg)
    try:
        async with asyncio.timeout(PATIENCE):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        msg = f"the stand-ins did not start:\n{tail(log)}"
        raise DemoError(msg)
    return line


async def _until_ready(process: asyncio.subprocess.Process, ready: Path, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not await asyncio.to_thread(ready.exists):
        if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
            msg = f"the bridge did not start:\n{tail(log)}"
            raise DemoError(msg)
        await asyncio.sleep(0.05)


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])


def _environment() -> dict[str, str]:
    """Leave out what would configure the bridge, or git, otherwise than the demo wants."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BRIDGE_", "GIT_", "TF_"))
    } | {"GIT_TERMINAL_PROMPT": "0"}


async def _run(arguments: Sequence[str], *, cwd: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=cwd,
        env=_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        said = (err or out).decode(errors="replace").strip()
        msg = f"{Path(arguments[0]).name} {arguments[-1]}: {said}"
        raise DemoError(msg)
    return out.decode(errors="replace")
