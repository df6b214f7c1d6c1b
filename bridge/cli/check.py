"""``check``: the resolved configuration."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.wiring.starting import Findings

COLUMNS = ("setting", "value", "from")


def check(
    *,
    online: Annotated[
        bool,
        typer.Option("--online", help="Ask Terrakube and the forges, too; reads only."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as in a pipe.")] = False,
) -> None:
    """Check the configuration and print it resolved: secrets masked, and where it came from."""
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import read_settings  # noqa: PLC0415
    from bridge.cli.tables import wants_json, write_json, write_table  # noqa: PLC0415
    from bridge.settings import InvalidSettingsError  # noqa: PLC0415
    from bridge.settings.printing import resolved  # noqa: PLC0415

    settings = read_settings()
    lines = resolved(settings)
    notes = [f"{name} is not available yet" for name in settings.not_available_yet()]
    findings = asyncio.run(_ask(settings, online=online))
    if findings is not None:
        if findings.mistakes:
            raise InvalidSettingsError(findings.mistakes)
        notes += [text for event, text in findings.warnings if event != "settings.not_available"]
    if wants_json(as_json):
        values = {line.key: {"value": line.value, "source": line.source} for line in lines}
        write_json({"settings": values, "notes": notes})
        return
    write_table(COLUMNS, [[line.key, line.value, line.source] for line in lines])
    for note in notes:
        typer.echo(f"note: {note}")


async def _ask(settings: "Settings", *, online: bool) -> "Findings | None":
    """Make the clients, which looks into keys, and then perhaps ask everybody."""
    from bridge.domain.errors import RemoteError  # noqa: PLC0415 - see the package
    from bridge.domain.redaction import Redactor  # noqa: PLC0415
    from bridge.services.catalog import Catalog  # noqa: PLC0415
    from bridge.wiring.outside import open_outside  # noqa: PLC0415
    from bridge.wiring.starting import look_at_terrakube  # noqa: PLC0415

    key = settings.secret_key.get_secret_value().encode() if settings.secret_key else None
    redactor = Redactor(settings.secrets())
    async with open_outside(settings, key=key, redactor=redactor) as outside:
        if not online:
            return None
        catalog = Catalog(server=outside.server)
        findings = await look_at_terrakube(settings, outside.server, catalog)
        for name, forge in outside.forges.items():
            try:
                await forge.whoami()
            except RemoteError as error:
                findings.warn("forge.unreachable", f"forge {name}: {error}")
    return findings
