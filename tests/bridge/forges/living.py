"""A driver and the forge it talks to, both whole."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bridge.domain.vcs import PullRequestRef, Repository
from bridge.forges import OpenForge, build
from bridge.forges.gitea import GiteaForge
from bridge.forges.github import GitHubForge
from bridge.sandbox.forge import Access, Flavour, Limits, StandIn, start
from bridge.sandbox.forge.apps import make_key

KEY = b"a key for everything the bridge signs"
SECRET = "the secret of the instance's own hook"
INFRA = "acme/infra"
FILES = {"network/main.tf": "a\n", "dns/main.tf": "b\n", "README.md": "c\n"}
PEOPLE = {
    "alice": Access.WRITE,
    "bob": Access.READ,
    "root": Access.ADMIN,
    "bridge": Access.ADMIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """How the bridge is known to a forge."""

    name: str
    flavour: Flavour
    is_app: bool = False
    driver: str = ""


TOKEN = Credential(name="github", flavour=Flavour.GITHUB)
APP = Credential(name="github app", flavour=Flavour.GITHUB, is_app=True)
FORGEJO = Credential(name="forgejo", flavour=Flavour.FORGEJO)
GITEA = Credential(name="gitea", flavour=Flavour.FORGEJO, driver="gitea")
CREDENTIALS = (TOKEN, APP, FORGEJO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A driver in front of a forge that holds ``acme/infra``.

    Attributes:
        naps: Seconds the driver waited, without waiting.
    """

    credential: Credential
    world: StandIn
    forge: OpenForge
    repository: Repository
    login: str
    naps: list[float]

    @property
    def is_github(self) -> bool:
        return self.credential.flavour is Flavour.GITHUB

    def ref(self, number: int = 1) -> PullRequestRef:
        return PullRequestRef(repository=self.repository.ref, number=number)

    async def change(self, files: Mapping[str, str | bytes | None], branch: str = "feature") -> str:
        return await self.world.commit(INFRA, branch, files)

    async def open(self, files: Mapping[str, str | bytes | None]) -> PullRequestRef:
        await self.change(files)
        pull_request = await self.world.open_pull_request(INFRA, "feature")
        return self.ref(pull_request.number)


@asynccontextmanager
async def living(
    folder: Path, credential: Credential, *, limits: Limits | None = None, strict: bool = True
) -> AsyncIterator[Live]:
    """Start a forge, build the driver from its settings, and let nothing careless pass."""
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    async with start(folder, flavour=credential.flavour, limits=limits) as world:
        await world.create_repository(INFRA, files=FILES, access=PEOPLE)
        login, section = _credential(world, credential)
        driver = credential.driver or credential.flavour.value
        section |= {"driver": driver, "url": world.web_url}
        async with aclosing(build("code", section, hook_key=KEY)) as forge:
            assert isinstance(forge, GitHubForge | GiteaForge)
            forge.sleep = sleep
            yield Live(
                credential=credential,
                world=world,
                forge=forge,
                repository=await forge.repository(INFRA),
                login=login,
                naps=naps,
            )
        if strict:
            world.assert_no_surprises()


_key = cache(make_key)  # it takes a tenth of a second


def _credential(world: StandIn, credential: Credential) -> tuple[str, dict[str, object]]:
    section: dict[str, object] = {"webhook_secret": SECRET}
    if not credential.is_app:
        return "bridge", {**section, "token": world.token("bridge")}
    app = world.add_app("terrakube-bridge", owner="acme", private_key=_key())
    app.permissions["repository_hooks"] = "write"
    key = {"app_id": app.id, "private_key": app.private_key}
    return "terrakube-bridge[bot]", {**section, **key}
