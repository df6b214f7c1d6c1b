"""The server of a stand-in: the API, git over HTTP, a page for people."""

import base64
import binascii
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from bridge.sandbox.forge.delivering import opened
from bridge.sandbox.forge.dialects import Dialect
from bridge.sandbox.forge.faults import Faults
from bridge.sandbox.forge.forgejo.dialect import Forgejo
from bridge.sandbox.forge.gate import Gate
from bridge.sandbox.forge.githttp import SERVICES, serve_git
from bridge.sandbox.forge.github.dialect import GitHub
from bridge.sandbox.forge.happenings import Happening
from bridge.sandbox.forge.limits import LIMITS, Limits
from bridge.sandbox.forge.model import Access, Account, Flavour, PullRequest, Repository
from bridge.sandbox.forge.pages import show_pull_request
from bridge.sandbox.forge.pushing import compare_refs, refs_moved
from bridge.sandbox.forge.standin import StandIn
from bridge.sandbox.forge.world import World, make_places

MAX_BODY = 256 * 1024 * 1024

_GIT = re.compile(r"/([^/]+/[^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")
_PAGE = re.compile(r"/([^/]+/[^/]+)/pulls?/([0-9]+)")


@asynccontextmanager
async def start(
    folder: Path,
    *,
    flavour: Flavour,
    port: int = 0,
    limits: Limits | None = None,
    latency: float = 0.0,
) -> AsyncIterator[StandIn]:
    """Serve a forge on a port of the loopback interface.

    Args:
        folder: Where its repositories go.
        flavour: Whose API it speaks.
        port: 0 for a free one.
        limits: What it allows; None for what the real one does.
        latency: Seconds before a delivery is sent.
    """
    dialect: Dialect = GitHub() if flavour is Flavour.GITHUB else Forgejo()
    listener = _listen(folder, port)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    faults, allowed = Faults(), limits or LIMITS[flavour]
    world = World(flavour=flavour, places=make_places(url, flavour, folder), announce=_nobody)
    async with opened(world, dialect, allowed, faults, latency=latency) as office:
        world.announce = office.announce
        gate = Gate(world=world, dialect=dialect, office=office, limits=allowed, faults=faults)
        async with _serving(_Server(world=world, gate=gate), listener):
            yield StandIn(world=world, gate=gate, faults=faults, office=office)


async def _nobody(happening: Happening) -> None:
    """Tell nobody: there are no hooks yet."""


def _listen(folder: Path, port: int) -> socket.socket:
    folder.mkdir(parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


@asynccontextmanager
async def _serving(server: "_Server", listener: socket.socket) -> AsyncIterator[None]:
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    world: World
    gate: Gate

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Lead a request to the API, to git or to a page; whatever breaks here shows."""
        served = False
        try:
            response = await self._lead(request)
            served = True
        except ConnectionError:
            served = True  # whoever asked went away in the middle of it
            raise
        finally:
            if not served:
                self.world.strange.append(f"{request.method} {request.path}: the stand-in broke")
        return response

    async def _lead(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        prefix = self.world.places.api_url.removeprefix(self.world.places.url)
        if path.startswith(f"{prefix}/"):
            return await self.gate.serve(request, path.removeprefix(prefix))
        if path == "/api/graphql" and self.world.flavour is Flavour.GITHUB:
            return await self.gate.serve(request, "graphql")
        if match := _GIT.fullmatch(path):
            return await self._git(request, self.world.find(match[1]), match[2])
        if match := _PAGE.fullmatch(path):
            return self._page(match[1], int(match[2]))
        self.world.strange.append(f"{request.method} {path}: there is nothing")
        return web.Response(status=HTTPStatus.NOT_FOUND, text="Not Found")

    def _page(self, slug: str, number: int) -> web.Response:
        repository = self.world.find(slug)
        one = repository.issues.get(number) if repository else None
        if not isinstance(one, PullRequest):
            return web.Response(status=HTTPStatus.NOT_FOUND, text="Not Found")
        return web.Response(text=show_pull_request(one), content_type="text/html")

    async def _git(
        self, request: web.Request, repository: Repository | None, rest: str
    ) -> web.Response:
        if repository is None:
            return web.Response(status=HTTPStatus.NOT_FOUND, text="Not Found")
        account = self._account(request)
        writes = SERVICES.get(request.query.get("service", rest), False)
        refusal = self._refusal(repository, account, writes=writes)
        if refusal is not None:
            return refusal
        if rest == "git-receive-pack" and account is not None:
            return await self._receive(request, repository, account)
        return await self._serve_git(request, repository, rest, account)

    def _account(self, request: web.Request) -> Account | None:
        """Tell whose credential came: a token as the password, or as the name."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        token = self.world.tokens.get(password) or self.world.tokens.get(name)
        return token.account if token else None

    def _refusal(
        self, repository: Repository, account: Account | None, *, writes: bool
    ) -> web.Response | None:
        needed = Access.WRITE if writes else Access.READ
        if self.world.access_of(repository, account) >= needed:
            return None
        if account is None:
            return web.Response(
                status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": 'Basic realm="git"'}
            )
        return web.Response(status=HTTPStatus.FORBIDDEN, text="Permission denied")

    async def _receive(
        self, request: web.Request, repository: Repository, account: Account
    ) -> web.Response:
        """Take a push, and tell what it moved."""
        async with self.world.lock(repository):
            before = await repository.git.refs()
            response = await self._serve_git(request, repository, "git-receive-pack", account)
            after = await repository.git.refs()
            updates = await compare_refs(repository, before, after)
        await refs_moved(self.world, repository, updates, actor=account)
        return response

    async def _serve_git(
        self, request: web.Request, repository: Repository, rest: str, account: Account | None
    ) -> web.Response:
        return await serve_git(
            request,
            root=self.world.places.folder,
            repository=repository.git.path,
            rest=rest,
            user=account.login if account else None,
        )
