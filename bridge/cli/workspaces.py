"""``workspaces``: where jobs run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.outputs import JsonOption, OutputOption

if TYPE_CHECKING:
    from bridge.cli.places import Place
    from bridge.domain.terrakube import Workspace

COLUMNS = ("workspace", "branch", "folder", "default_template", "locked", "last_job_status")


def workspaces(
    where: Annotated[
        str,
        typer.Argument(
            metavar="[ORGANIZATION]",
            help="A name or a glob, or both in one word: acme, 'acme/prod-*'; without: all.",
        ),
    ] = "",
    glob: Annotated[
        str, typer.Argument(metavar="[GLOB]", help="Name or glob of the workspaces: 'prod-*'.")
    ] = "",
    output: OutputOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List Terrakube's workspaces: what they are made from, and whether they are locked."""
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.outputs import chosen, write_listing  # noqa: PLC0415
    from bridge.cli.places import Place  # noqa: PLC0415

    form = chosen(output, as_json=as_json)
    rows = asyncio.run(_read(Place.of(f"{where}/{glob}" if glob else where)))
    write_listing(rows, COLUMNS, output=form, empty="There is no such workspace.")


async def _read(place: "Place") -> list[dict[str, object]]:
    from bridge.cli.terrakube import open_server  # noqa: PLC0415 - see the package

    rows: list[dict[str, object]] = []
    async with open_server() as server:
        for organization, found in await place.find_workspaces(server):
            templates = await server.templates(organization.id) if found else ()
            names = {template.id: template.name for template in templates}
            rows += [workspace_row(one, names) for one in found]
    return rows


def workspace_row(workspace: "Workspace", templates: Mapping[str, str]) -> dict[str, object]:
    """Describe a workspace, as documented in docs/command-line.md.

    *templates* are names by id.
    """
    default = workspace.default_template
    return {
        "id": workspace.ref.id,
        "workspace": str(workspace.ref),
        "organization": workspace.ref.organization,
        "name": workspace.ref.name,
        "source": workspace.source,
        "branch": workspace.branch,
        "folder": workspace.folder,
        "default_template": templates.get(default, default) or None,
        "default_template_id": default or None,
        "locked": workspace.locked,
        "lock_description": workspace.lock_description or None,
        "execution_mode": workspace.execution_mode,
        "iac_type": workspace.iac_type,
        "terraform_version": workspace.terraform_version,
        "native_webhook": workspace.native_webhook,
        "last_job_status": workspace.last_job_status or None,
    }
