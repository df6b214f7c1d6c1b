"""``templates``: what a job can be made from."""

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.outputs import JsonOption, OutputOption

if TYPE_CHECKING:
    from bridge.domain.terrakube import Organization, Template

COLUMNS = ("organization", "name", "flow", "description")


def templates(
    organization: Annotated[
        str, typer.Argument(metavar="[ORGANIZATION]", help="A name or a glob; without: all.")
    ] = "",
    output: OutputOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List Terrakube's templates and what a job of each does, step by step."""
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.outputs import chosen, write_listing  # noqa: PLC0415

    form = chosen(output, as_json=as_json)
    found = asyncio.run(_read(organization))
    rows = [template_row(where, template) for where, template in found]
    write_listing(rows, COLUMNS, output=form, empty="There is no template.")


async def _read(where: str) -> "list[tuple[Organization, Template]]":
    from bridge.cli.places import Place  # noqa: PLC0415 - see the package
    from bridge.cli.terrakube import open_server  # noqa: PLC0415
    from bridge.domain.errors import UserError  # noqa: PLC0415

    place = Place.of(where)
    if place.workspaces:
        msg = f"templates belong to an organization, not to a workspace: {place.organizations}"
        raise UserError(msg)
    async with open_server() as server:
        return [
            (organization, template)
            for organization in await place.find_organizations(server)
            for template in await server.templates(organization.id)
        ]


def template_row(organization: "Organization", template: "Template") -> dict[str, object]:
    """Describe a template, as documented in docs/command-line.md."""
    from dataclasses import asdict  # noqa: PLC0415 - see the package

    from bridge.cli.flows import in_words  # noqa: PLC0415

    steps = None if template.flow is None else [asdict(step) for step in template.flow]
    return {
        "id": template.id,
        "name": template.name,
        "organization": organization.name,
        "description": template.description,
        "flow": in_words(template.flow),
        "steps": steps,
    }
