"""People and programs that use a forge's API, without any driver."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bridge.sandbox.forge import Access, Flavour, Limits, StandIn, start

SCHEMES = {Flavour.GITHUB: "Bearer", Flavour.FORGEJO: "token"}
FILES = {"network/main.tf": "a\n", "dns/main.tf": "b\n", "README.md": "c\n"}
INFRA = "acme/infra"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of the API."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a credential."""

    session: aiohttp.ClientSession
    url: str
    headers: Mapping[str, str]

    async def ask(
        self,
        line: str,
        body: object = None,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send ``POST /path``; *body* as ASCII JSON, or *data* as it is."""
        method, path = line.split(" ", 1)
        sent = data if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if sent else {}
        async with self.session.request(
            method,
            self.url + path,
            data=sent,
            headers={**self.headers, **kind, **(headers or {})},
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
        ) as answer:
            raw = await answer.read()
            is_json = answer.content_type == "application/json"
            return Reply(
                status=answer.status,
                headers=answer.headers,
                body=json.loads(raw) if is_json and raw else raw.decode(),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A forge with ``acme/infra`` in it: alice writes, bob reads, bridge administers."""

    forge: StandIn
    alice: Person
    bob: Person
    bridge: Person
    nobody: Person

    @property
    def flavour(self) -> Flavour:
        return self.forge.world.flavour

    def person(self, token: str) -> Person:
        headers = {"Authorization": f"{SCHEMES[self.flavour]} {token}"}
        return Person(session=self.alice.session, url=self.forge.url, headers=headers)


@asynccontextmanager
async def inhabited(
    folder: Path, flavour: Flavour, *, limits: Limits | None = None
) -> AsyncIterator[Place]:
    """Start a forge and let people in."""
    async with (
        start(folder, flavour=flavour, limits=limits) as forge,
        aiohttp.ClientSession(headers={"User-Agent": "tests"}) as session,
    ):
        access = {"alice": Access.WRITE, "bob": Access.READ, "bridge": Access.ADMIN}
        await forge.create_repository(INFRA, files=FILES, access=access)
        tokens = {login: forge.token(login) for login in access}
        people = {
            login: Person(
                session=session,
                url=forge.url,
                headers={"Authorization": f"{SCHEMES[flavour]} {token}"},
            )
            for login, token in tokens.items()
        }
        nobody = Person(session=session, url=forge.url, headers={})
        yield Place(forge=forge, nobody=nobody, **people)
