"""``python -m bridge.sandbox``: the stand-ins as one process, on free ports of the loopback.

When everything is ready one line of JSON says where it is and which tokens it takes; everything
else goes to standard error, at the end also what no careful client would have sent. The process
ends on SIGINT and SIGTERM, and with ``--until-eof`` when its standard input closes, so that it
never outlives whoever started it.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.sandbox import slack, terrakube
from bridge.sandbox.seeds import Seed, read_seed, sow_forge, sow_terrakube
from bridge.sandbox.slack.methods import SCOPES
from bridge.sandbox.slack.seeds import SlackSeed, sow_slack
from bridge.sandbox.terrakube.standin import UI_URL

if TYPE_CHECKING:
    from bridge.sandbox.forge import StandIn as Forge

FLAVOURS = ("github", "forgejo", "none")
EXECUTORS = ("auto", "terraform", "recorded", "instant")
USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to end; the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    try:
        seed = read_seed(options.seed)
    except (OSError, ValueError) as error:
        print(f"{options.seed}: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
        return USAGE
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        asyncio.run(_serve(options, folder, seed))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bridge.sandbox", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where states and repositories are kept")
    parser.add_argument("--seed", type=Path, help="JSON file with what is there at the start")
    parser.add_argument("--flavour", choices=FLAVOURS, default="github", help="of the forge")
    parser.add_argument("--version", choices=tuple(terrakube.Version), default="beta")
    parser.add_argument("--executor", choices=EXECUTORS, default="auto")
    parser.add_argument("--seconds", type=float, default=0.0, help="of a recorded or instant step")
    parser.add_argument("--terrakube-port", type=int, default=0)
    parser.add_argument("--forge-port", type=int, default=0)
    parser.add_argument("--slack-port", type=int, default=0)
    parser.add_argument("--until-eof", action="store_true", help="end when standard input closes")
    return parser


async def _serve(options: argparse.Namespace, folder: Path, seed: Seed) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    async with contextlib.AsyncExitStack() as stack:
        forge = await stack.enter_async_context(_forge(options, folder))
        server = await stack.enter_async_context(_terrakube(options, folder))
        tokens = {} if forge is None else await sow_forge(seed.forge, forge)
        sow_terrakube(seed.organizations, server, forge)
        ready = _ready(server)
        if forge is not None:
            addresses = {"url": forge.url, "web_url": forge.web_url}
            ready["forge"] = addresses | {"flavour": options.flavour} | {"tokens": dict(tokens)}
            stack.callback(_tell_surprises, "forge", lambda: forge.surprises)
        stack.callback(_tell_surprises, "terrakube", lambda: server.unexpected)
        if seed.slack is not None:
            ready["slack"] = await _slack(stack, options, seed.slack)
        print(json.dumps(ready), flush=True)  # noqa: T201 - the one line
        if options.until_eof:
            reading = asyncio.create_task(_until_eof(end))
            await end.wait()
            reading.cancel()
        await end.wait()


def _ready(server: terrakube.StandIn) -> dict[str, dict[str, Any]]:
    return {
        "terrakube": {
            "url": server.url,
            "ui_url": UI_URL,
            "token": server.token,
            "admin_token": server.mint("admin@example.com", "TERRAKUBE_ADMIN"),
            "version": str(server.world.version),
            "executor": server.executor.name,
        }
    }


async def _slack(
    stack: contextlib.AsyncExitStack, options: argparse.Namespace, seed: SlackSeed
) -> dict[str, Any]:
    """Start Slack, fill it, and say where it is."""
    started = await stack.enter_async_context(
        slack.start(
            port=options.slack_port,
            url=seed.url,
            scopes=SCOPES if seed.scopes is None else seed.scopes,
            events=seed.events,
            signing_secret=seed.signing_secret,
            bot_token=seed.bot_token,
            app_token=seed.app_token,
            team=seed.team,
        )
    )
    stack.callback(_tell_surprises, "slack", lambda: started.surprises)
    return {
        "url": started.url,
        "control_url": await stack.enter_async_context(slack.controlled(started)),
        "mode": seed.mode,
        "team": seed.team,
        "signing_secret": seed.signing_secret,
        "bot_token": seed.bot_token,
        "app_token": seed.app_token,
        **sow_slack(seed, started),
    }


def _tell_surprises(who: str, found: Callable[[], Sequence[str]]) -> None:
    """Say what no careful client would have sent: nothing when all was well."""
    if surprises := found():
        print(f"{who}: surprises: {len(surprises)}", *surprises, sep="\n  ", file=sys.stderr)  # noqa: T201 - a command speaks


@contextlib.asynccontextmanager
async def _forge(options: argparse.Namespace, folder: Path) -> "AsyncIterator[Forge | None]":
    if options.flavour == "none":
        yield None
        return
    from bridge.sandbox import forge  # noqa: PLC0415 - Terrakube alone needs no forge

    flavour = forge.Flavour(options.flavour)
    async with forge.start(folder / "forge", flavour=flavour, port=options.forge_port) as started:
        yield started


@contextlib.asynccontextmanager
async def _terrakube(options: argparse.Namespace, folder: Path) -> AsyncIterator[terrakube.StandIn]:
    async with terrakube.start(
        folder / "terrakube",
        port=options.terrakube_port,
        version=options.version,
        executor=options.executor,
        seconds=options.seconds,
    ) as started:
        yield started


async def _until_eof(end: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass
    end.set()


if __name__ == "__main__":
    sys.exit(main())
