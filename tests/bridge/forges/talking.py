"""A driver and the API it talks to."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from bridge.forges import build
from bridge.forges.gitea import GiteaForge
from bridge.forges.github import GitHubForge
from tests.bridge.forges.flavours import KEY, REPOSITORY, TOKEN, Flavour
from tests.bridge.forges.scripted import Script, serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A driver and the API it talks to.

    Attributes:
        naps: Seconds the driver waited, without waiting.
    """

    flavour: Flavour
    forge: GitHubForge | GiteaForge
    script: Script
    naps: list[float]

    def read_at_most(self, size: int) -> None:
        """Let the driver refuse larger answers: it would take 64 MiB otherwise."""
        http = self.forge.api.http if isinstance(self.forge, GitHubForge) else self.forge.http
        http._max_body = size  # noqa: SLF001 - a driver's client is built by its settings

    def path(self, rest: str = "") -> str:
        return f"/repos/acme/infra{rest}"


@asynccontextmanager
async def talking(flavour: Flavour, **options: object) -> AsyncIterator[Talk]:
    """Build the driver from its settings, in front of an API that knows the repository."""
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    async with serving(flavour.prefix) as script:
        section = {
            "driver": flavour.driver,
            "url": "https://code.example.com",
            "api_url": f"{script.url}{flavour.prefix}",
            **(options or {"token": TOKEN}),
        }
        async with aclosing(build("code", section, hook_key=KEY)) as forge:
            assert isinstance(forge, GitHubForge | GiteaForge)
            forge.sleep = sleep
            script.on("GET /repos/acme/infra", REPOSITORY)
            script.on("GET /repositories/664", REPOSITORY)
            yield Talk(flavour=flavour, forge=forge, script=script, naps=naps)
