"""``serve``: the whole bridge in one process, from start to a graceful stop."""

import asyncio
import gc
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from bridge.domain.errors import SettingsError
from bridge.domain.redaction import Redactor
from bridge.engine.readiness import Readiness
from bridge.engine.supervisor import Supervisor
from bridge.http import Timeouts
from bridge.logs import configure_logs
from bridge.metrics import Metrics
from bridge.ports import Clock
from bridge.settings import InvalidSettingsError, Settings
from bridge.store.database import Database, SystemClock
from bridge.web.app import Notifications, create_app, create_metrics_app
from bridge.web.deliveries import doors_of
from bridge.web.health import Readiness as Ready
from bridge.web.server import listening
from bridge.wiring.inside import Inside, build_inside
from bridge.wiring.introducing import Look, look_at_slack, settle_team
from bridge.wiring.outside import Outside, open_outside, secret_key
from bridge.wiring.slack import Connected
from bridge.wiring.starting import Findings, look_at_forges, look_at_terrakube

log = structlog.get_logger(__name__)

LOOK_PATIENCE: Final = 4.0
"""Seconds the start waits for Terrakube's answers; then the bridge starts without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the bridge listens; ports are the real ones, also when 0 was asked for."""

    host: str
    port: int
    metrics_host: str
    metrics_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A bridge that runs, for whoever started it in this process."""

    addresses: Addresses
    database: Database
    outside: Outside
    inside: Inside
    metrics: Metrics


async def serve(settings: Settings, *, ready_file: Path | None = None) -> None:
    """Run until SIGTERM or SIGINT.

    Args:
        settings: As checked.
        ready_file: Where the addresses are written to once everything runs; None for nowhere.

    Raises:
        SettingsError: A port or the database cannot be used, or the settings do not fit what is
            in Terrakube.
    """
    stop = _stop_on_signals()
    redactor = Redactor(settings.secrets())
    configure_logs(level=settings.log.level, format=settings.log.format, redact=redactor.redact)
    async with running(settings, redactor=redactor, stop=stop) as bridge:
        addresses = asdict(bridge.addresses)
        # What is there now stays; looking through it again and again costs a tenth of the CPU.
        gc.collect()
        gc.freeze()
        log.info("serve.started", pid=os.getpid(), **addresses)
        if ready_file is not None:
            _write_whole(ready_file, json.dumps({"pid": os.getpid(), **addresses}))
        async with _forges_asked(bridge.outside):
            await stop.wait()
        log.info("serve.stopping")
    log.info("serve.stopped")


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    redactor: Redactor,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncIterator[Running]:
    """Run the bridge while the block runs, then stop it gracefully.

    Args:
        settings: As checked.
        redactor: Knows the settings' secrets; learns those that are made.
        stop: Cuts the wait for Terrakube at start short.
        clock: Replaced in tests; None for the time of the machine and the database's server.
        timeouts: Of requests to Terrakube; None for the usual ones.

    Raises:
        SettingsError: See serve.
    """
    metrics, stop = Metrics(), stop or asyncio.Event()
    async with AsyncExitStack() as stack:
        database = await Database.open(settings.database.url.get_secret_value(), clock=clock)
        unsupervised = await stack.enter_async_context(AsyncExitStack())
        unsupervised.push_async_callback(database.close)
        key = await secret_key(settings, database)
        redactor.learn(key)
        outside = await stack.enter_async_context(
            open_outside(
                settings, key=key.encode(), redactor=redactor, metrics=metrics, timeouts=timeouts
            )
        )
        look = await _slack_looked(settings, database, outside)
        inside = await build_inside(
            settings,
            database,
            outside,
            look=look,
            key=key.encode(),
            redactor=redactor,
            metrics=metrics,
            clock=clock,
        )
        await stack.enter_async_context(_looked(settings, outside, inside, stop))
        supervisor = await stack.enter_async_context(
            Supervisor(database, inside.keeper, inside.roles)
        )
        unsupervised.pop_all()  # from here on the supervisor closes the database
        readiness = _readiness(inside, Readiness(database=database, supervisor=supervisor))
        now = clock or SystemClock()
        edge = _edge(settings, outside, inside, readiness, metrics=metrics, clock=now)
        addresses = await _listen(stack, settings, edge, metrics)
        yield Running(
            addresses=addresses,
            database=database,
            outside=outside,
            inside=inside,
            metrics=metrics,
        )


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _slack_looked(settings: Settings, database: Database, outside: Outside) -> Look | None:
    """Look at Slack before anything runs, and remember which workspace the bridge is in."""
    if outside.slack is None or settings.slack is None:
        return None
    look = await look_at_slack(settings, outside.slack)
    _tell(look.findings)
    await settle_team(settings.slack, database, outside.slack.client, look.account)
    return look


def _readiness(inside: Inside, rest: Readiness) -> Ready:
    socket = inside.slack.socket if inside.slack else None
    return rest if socket is None else Connected(rest=rest, socket=socket)


@asynccontextmanager
async def _looked(
    settings: Settings, outside: Outside, inside: Inside, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Look at Terrakube before anything runs, but not longer than LOOK_PATIENCE."""
    look = asyncio.create_task(look_at_terrakube(settings, outside.server, inside.catalog))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(
            {look, stopped}, timeout=LOOK_PATIENCE, return_when=asyncio.FIRST_COMPLETED
        )
        if look.done():
            _tell(look.result())
        else:
            log.warning("terrakube.slow", seconds=LOOK_PATIENCE)
            look.add_done_callback(_tell_late)
        yield
    finally:
        for task in (look, stopped):
            task.cancel()
        await asyncio.gather(look, stopped, return_exceptions=True)


@asynccontextmanager
async def _forges_asked(outside: Outside) -> AsyncIterator[None]:
    """Tell of a forge that refuses the credential before its first delivery does."""
    look = asyncio.create_task(look_at_forges(outside.forges))
    look.add_done_callback(_tell_late)
    try:
        yield
    finally:
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)


def _tell(findings: Findings) -> None:
    for event, text in findings.warnings:
        log.warning(event, reason=text)
    if findings.mistakes:
        raise InvalidSettingsError(findings.mistakes)


def _tell_late(look: "asyncio.Task[Findings]") -> None:
    if look.cancelled():
        return
    try:
        _tell(look.result())
    except SettingsError as error:
        log.error("settings.wrong", reason=str(error))  # noqa: TRY400 - no bug, no traceback
    except Exception:
        log.exception("start.not_looked")


async def _listen(
    stack: AsyncExitStack,
    settings: Settings,
    edge: web.Application,
    metrics: Metrics,
) -> Addresses:
    """Open both ports; they close first, so that nothing is accepted while the rest stops."""
    inner = create_metrics_app(metrics)
    metrics_port = await stack.enter_async_context(
        listening(inner, host=settings.metrics.host, port=settings.metrics.port)
    )
    port = await stack.enter_async_context(
        listening(edge, host=settings.listen.host, port=settings.listen.port)
    )
    return Addresses(
        host=settings.listen.host,
        port=port,
        metrics_host=settings.metrics.host,
        metrics_port=metrics_port,
    )


def _edge(
    settings: Settings,
    outside: Outside,
    inside: Inside,
    readiness: Ready,
    *,
    metrics: Metrics,
    clock: Clock,
) -> web.Application:
    secret = settings.terrakube.webhook_secret
    return create_app(
        doors=doors_of(outside.forges),
        inbox=inside.inbox,
        readiness=readiness,
        clock=clock,
        metrics=metrics,
        notifications=Notifications(
            secret=secret.get_secret_value(), hint=inside.organizations.hint
        )
        if secret
        else None,
        chat=inside.slack.http if inside.slack else None,
    )


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is never seen half written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text)
        beside.replace(path)
    except OSError as error:
        msg = f"the ready file {path} cannot be written: {error.strerror}"
        raise SettingsError(msg) from error
