"""Setting a stage, and clearing it with a look at what must never happen."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path

import structlog

from bridge.domain.redaction import Redactor
from bridge.forges.signatures import hook_secret
from bridge.http import Timeouts
from bridge.logs import LogFormat, configure_logs
from bridge.sandbox import forge, terrakube
from bridge.sandbox.forge import Access, Flavour
from bridge.sandbox.terrakube.model import Organization
from bridge.settings import load_settings
from bridge.wiring.serving import Running, running
from tests.e2e.clocks import Clock
from tests.e2e.executors import GatedExecutor
from tests.e2e.stage import (
    BRIDGE,
    HINT_SECRET,
    INSTANCE_SECRET,
    KEY,
    NAMES,
    READER,
    REVIEWER,
    SLUG,
    STRANGER,
    TIMINGS,
    WRITER,
    Stage,
)


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    flavour: Flavour,
    database_url: str,
    workspaces: Sequence[str] = ("network", "app"),
    document: str = "",
    version: str = "beta",
    replicas: int = 1,
    hooked: bool = True,
    timeouts: Timeouts | None = None,
    limits: forge.Limits | None = None,
    timings: terrakube.Timings = TIMINGS,
    real: bool = False,
    extra: Mapping[str, str] | None = None,
    prepare: Callable[[terrakube.StandIn, Organization], object] = lambda *_: None,
) -> AsyncIterator[Stage]:
    """Set the stage, and clear it with a look at what must never happen.

    Args:
        folder: Of its own.
        flavour: Of the forge.
        database_url: An empty database.
        workspaces: Names; each has a folder of that name, follows ``main``, and applies pushes.
        document: ``bridge.yaml``.
        version: Of Terrakube.
        replicas: Bridges on the one database; each gets a hook, so a push is told to all of them.
        hooked: Whether the bridge installs its hook.
        timeouts: Of requests to Terrakube.
        limits: Of the forge.
        timings: Of Terrakube.
        real: Whether jobs run terraform instead of finding made-up plans.
        extra: Environment variables, besides those that are needed.
        prepare: Changes Terrakube before the bridge looks at it.
    """
    async with AsyncExitStack() as stack:
        clock, executor = Clock(), GatedExecutor()
        code = await stack.enter_async_context(
            forge.start(folder / "forge", flavour=flavour, limits=limits)
        )
        server = await stack.enter_async_context(
            terrakube.start(
                folder / "terrakube",
                executor="terraform" if real else executor,
                timings=timings,
                version=version,
            )
        )
        clock.followers += [server.clock.advance, lambda by: _advance(code, by)]
        await _furnish(code, workspaces)
        acme = server.add_organization("acme")
        for name in workspaces:
            server.add_workspace(
                acme,
                name,
                code.clone_url(SLUG),
                folder=f"/{name}",
                default_template="Plan and apply",
            )
        prepare(server, acme)
        (folder / "bridge.yaml").write_text(document)
        environment = {**_environment(code, server, flavour, database_url), **(extra or {})}
        settings = load_settings(environment, folder)
        redactor, log = Redactor(settings.secrets()), StringIO()
        stack.enter_context(_logged(redactor, log))
        stage = Stage(
            flavour=flavour,
            folder=folder,
            clock=clock,
            forge=code,
            server=server,
            executor=executor,
            acme=acme,
            open_bridge=lambda: running(
                settings, redactor=redactor, clock=clock, timeouts=timeouts
            ),
            settings=settings,
            environment=environment,
            log=log,
        )
        stack.push_async_callback(stage.stop)
        for _ in range(replicas):
            bridge = await stage.start()
            if hooked:
                await install(stage, bridge)
        yield stage
        stage.assert_clean()


async def install(stage: Stage, bridge: Running, slug: str = SLUG) -> None:
    """Let the bridge install its hook, as ``webhooks install`` does."""
    driver = bridge.outside.forges[stage.name]
    repository = await driver.repository(slug)
    url = f"{stage.url(bridge)}/webhooks/{stage.name}?hook={repository.ref.id}"
    secret = hook_secret(KEY.encode(), stage.name, repository.ref.id)
    installed = await driver.install_hook(repository, url, secret)
    assert installed.problems == ()
    await stage.forge.settled()


def _advance(code: forge.StandIn, by: timedelta) -> None:
    code.world.skew += by


async def _furnish(code: forge.StandIn, workspaces: Sequence[str]) -> None:
    access = {
        WRITER: Access.WRITE,
        REVIEWER: Access.WRITE,
        READER: Access.READ,
        BRIDGE: Access.ADMIN,
    }
    files: dict[str, str | bytes | None] = {f"{name}/main.tf": "# begun\n" for name in workspaces}
    await code.create_repository(SLUG, files={"README.md": "# infra\n"} | files, access=access)
    code.account(STRANGER)


def _environment(
    code: forge.StandIn, server: terrakube.StandIn, flavour: Flavour, database_url: str
) -> Mapping[str, str]:
    section = f"BRIDGE_FORGES__{NAMES[flavour].upper()}"
    return {
        "BRIDGE_SECRET_KEY": KEY,
        "BRIDGE_DATABASE__URL": database_url,
        "BRIDGE_LISTEN__HOST": "127.0.0.1",
        "BRIDGE_LISTEN__PORT": "0",
        "BRIDGE_METRICS__PORT": "0",
        "BRIDGE_TERRAKUBE__URL": server.url,
        "BRIDGE_TERRAKUBE__UI_URL": "https://terrakube.example.com",
        "BRIDGE_TERRAKUBE__TOKEN": server.token,
        "BRIDGE_TERRAKUBE__ORGANIZATIONS": "acme",
        "BRIDGE_TERRAKUBE__WEBHOOK_SECRET": HINT_SECRET,
        f"{section}__DRIVER": flavour.value,
        f"{section}__URL": code.web_url,
        f"{section}__API_URL": code.url,
        f"{section}__TOKEN": code.token(BRIDGE),
        f"{section}__WEBHOOK_SECRET": INSTANCE_SECRET,
    }


class _logged:  # noqa: N801 - used like a function
    """Sends the log to a stream for a while; commands configure it for the whole process."""

    def __init__(self, redactor: Redactor, log: StringIO) -> None:
        self._redactor = redactor
        self._log = log

    def __enter__(self) -> None:
        root = logging.getLogger()
        self._before = root.handlers, root.level
        configure_logs(
            level="debug", format=LogFormat.JSON, redact=self._redactor.redact, stream=self._log
        )

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.handlers, root.level = self._before
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
