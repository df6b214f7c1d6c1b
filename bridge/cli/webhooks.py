"""``webhooks``: the hooks through which forges deliver."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bridge.domain.vcs import Repository, RepositoryRef
    from bridge.ports import Forge, InstalledHook
    from bridge.settings import Settings

app = typer.Typer(help="Install and list the hooks through which forges deliver.")

COLUMNS = ("forge", "repository", "id", "url", "active", "events", "problems")

_Forge = Annotated[
    str, typer.Option("--forge", help="Name of the configured forge; needed if there are several.")
]
_Json = Annotated[bool, typer.Option("--json", help="JSON, as in a pipe.")]


@app.command()
def install(
    repository: Annotated[str, typer.Argument(metavar="REPOSITORY", help="owner/name")],
    forge: _Forge = "",
    *,
    as_json: _Json = False,
) -> None:
    """Create or renew the bridge's hook in a repository and read it back.

    The hook has a secret of its own, made from BRIDGE_SECRET_KEY, and may speak for that
    repository only.
    """
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import read_settings  # noqa: PLC0415
    from bridge.cli.tables import write_rows  # noqa: PLC0415

    hook, name = asyncio.run(_install(read_settings(), repository, forge))
    write_rows([_row(name, repository, hook)], COLUMNS, as_json=as_json, empty="")
    if hook.problems:
        for problem in hook.problems:
            typer.echo(f"terrakube-bridge: the hook is not as it should be: {problem}", err=True)
        raise typer.Exit(2)


@app.command("list")
def list_(
    repository: Annotated[
        str, typer.Argument(metavar="[REPOSITORY]", help="owner/name; without: all known ones.")
    ] = "",
    forge: _Forge = "",
    *,
    as_json: _Json = False,
) -> None:
    """List the hooks of a repository, or of every repository the bridge did something for."""
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import read_settings  # noqa: PLC0415
    from bridge.cli.tables import write_rows  # noqa: PLC0415

    found = asyncio.run(_list(read_settings(), repository, forge))
    rows = [_row(name, slug, hook) for name, slug, hook in found]
    empty = "There is no hook."
    if not repository:
        empty += " Looked at was every repository the bridge did something for; or name one."
    write_rows(rows, COLUMNS, as_json=as_json, empty=empty)


async def _install(settings: "Settings", slug: str, forge_name: str) -> "tuple[InstalledHook, str]":
    from bridge.domain.errors import SettingsError  # noqa: PLC0415 - see the package
    from bridge.forges.signatures import hook_secret  # noqa: PLC0415

    name = _chosen(settings, forge_name)
    if not settings.public_url:
        msg = "BRIDGE_PUBLIC_URL is missing: the address under which the forge reaches the bridge"
        raise SettingsError(msg)
    key = await _key(settings)
    async with _forges(settings) as forges:
        repository = await _repository(forges[name], name, slug)
        url = f"{settings.public_url}/webhooks/{name}?hook={repository.ref.id}"
        secret = hook_secret(key.encode(), name, repository.ref.id)
        return await forges[name].install_hook(repository, url, secret), name


async def _list(
    settings: "Settings", slug: str, forge_name: str
) -> "list[tuple[str, str, InstalledHook]]":
    async with _forges(settings) as forges:
        if slug:
            name = _chosen(settings, forge_name)
            repositories = [await _repository(forges[name], name, slug)]
        else:
            repositories = [
                await forges[ref.forge].repository_by_id(ref)
                for ref in await _known(settings, forge_name)
            ]
        return [
            (repository.ref.forge, repository.ref.slug, hook)
            for repository in repositories
            for hook in await forges[repository.ref.forge].hooks(repository)
        ]


async def _repository(forge: "Forge", name: str, slug: str) -> "Repository":
    from bridge.domain.errors import MissingError, NotFoundError, UserError  # noqa: PLC0415

    if len([part for part in slug.split("/") if part]) != 2 or slug.count("/") != 1:  # noqa: PLR2004 - owner and name
        msg = f"{slug!r} is no repository: write it as owner/name"
        raise UserError(msg)
    try:
        return await forge.repository(slug)
    except NotFoundError as error:
        msg = f"forge {name} has no repository {slug}, or the bridge's account may not see it"
        raise MissingError(msg) from error


async def _known(settings: "Settings", forge_name: str) -> "list[RepositoryRef]":
    from bridge.store.database import Database  # noqa: PLC0415 - see the package
    from bridge.store.runs import SqlRunStore  # noqa: PLC0415

    names = [_chosen(settings, forge_name)] if forge_name else list(settings.forges)
    url = settings.database.url.get_secret_value()
    async with await Database.open(url, exclusive=False) as database:
        store = SqlRunStore(database=database, job_url=lambda _, job_id: job_id)
        return [ref for name in names for ref in await store.known_repositories(name)]


async def _key(settings: "Settings") -> str:
    from bridge.store.database import Database  # noqa: PLC0415 - see the package
    from bridge.wiring.outside import secret_key  # noqa: PLC0415

    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    # The one that serve keeps in its database, so that both have the same.
    url = settings.database.url.get_secret_value()
    async with await Database.open(url, exclusive=False) as database:
        return await secret_key(settings, database)


@asynccontextmanager
async def _forges(settings: "Settings") -> "AsyncIterator[Mapping[str, Forge]]":
    from bridge.domain.redaction import Redactor  # noqa: PLC0415 - see the package
    from bridge.wiring.outside import open_outside  # noqa: PLC0415

    key = settings.secret_key.get_secret_value().encode() if settings.secret_key else None
    redactor = Redactor(settings.secrets())
    async with open_outside(settings, key=key, redactor=redactor) as outside:
        yield outside.forges


def _chosen(settings: "Settings", name: str) -> str:
    from bridge.domain.errors import UserError  # noqa: PLC0415 - see the package

    names = ", ".join(settings.forges)
    if name and name not in settings.forges:
        msg = f"there is no forge {name!r}: configured is {names}"
        raise UserError(msg)
    if not name and len(settings.forges) > 1:
        msg = f"say which forge with --forge: {names}"
        raise UserError(msg)
    return name or names


def _row(forge: str, slug: str, hook: "InstalledHook") -> dict[str, object]:
    return {
        "forge": forge,
        "repository": slug,
        "id": hook.id,
        "url": hook.url,
        "active": hook.active,
        "events": " ".join(hook.events),
        "problems": "; ".join(hook.problems),
    }
