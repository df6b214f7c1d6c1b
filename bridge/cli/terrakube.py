"""What the commands that talk to Terrakube need first: the client, and what names stand for.

Only functions import this module: it brings the HTTP client along.
"""

import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from difflib import get_close_matches
from pathlib import Path

from bridge.cli.texts import one_line
from bridge.domain.errors import MissingError, NotFoundError, UserError
from bridge.domain.redaction import Redactor
from bridge.domain.terrakube import Job, Organization, Template, Workspace
from bridge.logs import LogFormat, configure_logs
from bridge.settings import load_terrakube_settings
from bridge.terrakube import TerrakubeServer, connect

NO_ORGANIZATION = (
    "the token may see no organization: in Terrakube, add one of its teams to an organization"
)

_MOST_NEAR = 3


@asynccontextmanager
async def open_server() -> AsyncIterator[TerrakubeServer]:
    """Make a client from the settings of this process; its address and token are enough.

    From then on only errors are logged, and to standard error: the output is the command's.

    Raises:
        InvalidSettingsError: One of the two is missing, or something is wrong.
    """
    settings = load_terrakube_settings(os.environ, Path.cwd())
    redact = Redactor(settings.secrets()).redact
    configure_logs(level="error", format=LogFormat.CONSOLE, redact=redact, stream=sys.stderr)
    server = connect(
        url=settings.url,
        token=settings.token.get_secret_value(),
        organizations=settings.organizations,
        ui_url=settings.ui_url,
        ca_file=settings.ca_file,
        redact=redact,
    )
    try:
        yield server
    finally:
        await server.aclose()


async def find_organization(server: TerrakubeServer, name: str) -> Organization:
    """Find an organization by its name.

    Raises:
        MissingError: There is none, or the token may not see it.
    """
    return named_organization(await server.organizations(), name)


async def find_workspace(server: TerrakubeServer, name: str) -> Workspace:
    """Find a workspace by ``organization/workspace``; its name is enough in the only organization.

    Raises:
        UserError: It is neither.
        MissingError: There is no such workspace or organization.
    """
    wanted, _, workspace = name.rpartition("/")
    if not workspace or "/" in wanted or name.startswith("/"):
        msg = f"{name!r} is no workspace: write it as organization/workspace"
        raise UserError(msg)
    organizations = await server.organizations()
    if not organizations:
        raise MissingError(NO_ORGANIZATION)
    if not wanted and len(organizations) != 1:
        msg = f"say which organization's: {_either(f'{o.name}/{workspace}' for o in organizations)}"
        raise UserError(msg)
    organization = named_organization(organizations, wanted) if wanted else organizations[0]
    found = await server.workspace_by_name(organization, workspace)
    if found is None:
        names = [one.ref.name for one in await server.workspaces(organization)]
        near = nearest(workspace, names, before=f"{organization.name}/")
        msg = f"organization {organization.name} has no workspace {workspace!r}{near}"
        raise MissingError(msg)
    return found


async def find_template(server: TerrakubeServer, organization: Organization, name: str) -> Template:
    """Find a template of an organization by its name or its id.

    Raises:
        MissingError: There is none.
    """
    found = await server.template_by_name(organization.id, name)
    if found is not None:
        return found
    near = nearest(name, [one.name for one in await server.templates(organization.id)])
    msg = f"organization {organization.name} has no template {name!r}{near}"
    raise MissingError(msg)


async def find_job(
    server: TerrakubeServer, job_id: str, organization: str | None = None
) -> tuple[Organization, Job]:
    """Find a job by its number, which is unique in the whole Terrakube.

    Args:
        server: Asked.
        job_id: As people write it.
        organization: Name; None looks through all that the token may see.

    Raises:
        UserError: It is no number.
        MissingError: There is no such job, or organization.
    """
    if not (job_id.isascii() and job_id.isdecimal()):
        msg = f"{job_id!r} is no job: its id is a number, as jobs list shows it"
        raise UserError(msg)
    visible = await server.organizations()
    if not visible:
        raise MissingError(NO_ORGANIZATION)
    for one in [named_organization(visible, organization)] if organization else visible:
        try:
            return one, await server.job(one.id, str(int(job_id)))
        except NotFoundError:
            continue
    where = f"organization {organization}" if organization else _looked_through(visible)
    msg = f"there is no job {job_id} in {where}: it was deleted, or never was there"
    raise MissingError(msg)


def nearest(word: str, known: Iterable[str], *, before: str = "") -> str:
    """``: did you mean ...?`` with the nearest names, or what there is if nothing is near.

    Args:
        word: What was written.
        known: What there is.
        before: Put before every name that is told.
    """
    names = sorted(set(known))
    lower = {name.casefold(): name for name in names}
    near = get_close_matches(word.casefold(), list(lower), n=_MOST_NEAR)
    if near:
        return f": did you mean {_either(before + lower[name] for name in near)}?"
    if not names:
        return ": it has none, or no team of the token may see them"
    return f": there is {_listed([before + name for name in names])}"


def named_organization(organizations: Sequence[Organization], name: str) -> Organization:
    """Choose an organization by its name.

    Raises:
        MissingError: It is not among them.
    """
    by_name = {one.name: one for one in organizations}
    if not by_name:
        raise MissingError(NO_ORGANIZATION)
    if name not in by_name:
        near = nearest(name, by_name)
        msg = (
            f"organization {name!r} does not exist, is hidden from the token, or left out of "
            f"BRIDGE_TERRAKUBE__ORGANIZATIONS{near}"
        )
        raise MissingError(msg)
    return by_name[name]


def _looked_through(visible: Sequence[Organization]) -> str:
    return f"any organization the token may see ({_listed([one.name for one in visible])})"


def _either(names: Iterable[str]) -> str:
    return " or ".join(map(one_line, names))


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(one_line, names[:most])) + more
