"""``check``: the resolved configuration."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from bridge.cli.endings import Exit

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.wiring.starting import Findings

COLUMNS = ("setting", "value", "from")

_ENDINGS: Final = {
    "forge.refused": Exit.NOT_ALLOWED,
    "forge.unreachable": Exit.UNREACHABLE,
    "slack.unreachable": Exit.UNREACHABLE,
    "terrakube.unreachable": Exit.UNREACHABLE,
}
"""Warnings that end the command otherwise than well; the first that is among them decides."""


def check(
    *,
    online: Annotated[
        bool,
        typer.Option("--online", help="Ask Terrakube, the forges and Slack, too; reads only."),
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
    notes = list(settings.without_effect())
    findings = asyncio.run(_ask(settings, online=online))
    if findings is not None:
        if findings.mistakes:
            raise InvalidSettingsError(findings.mistakes)
        notes += [text for event, text in findings.warnings if event != "settings.without_effect"]
    if wants_json(as_json):
        values = {line.key: {"value": line.value, "source": line.source} for line in lines}
        write_json({"settings": values, "notes": notes})
    else:
        write_table(COLUMNS, [[line.key, line.value, line.source] for line in lines])
        for note in notes:
            typer.echo(f"note: {note}")
    events = {event for event, _ in findings.warnings} if findings else set()
    for event, ending in _ENDINGS.items():
        if event in events:
            raise typer.Exit(ending)
    if not wants_json(as_json):
        typer.echo(_GOOD_ONLINE if online else _GOOD)


async def _ask(settings: "Settings", *, online: bool) -> "Findings | None":
    """Make the clients, which looks into keys, and then perhaps ask everybody."""
    from bridge.domain.redaction import Redactor  # noqa: PLC0415 - see the package
    from bridge.services.catalog import Catalog  # noqa: PLC0415
    from bridge.wiring.introducing import look_at_slack  # noqa: PLC0415
    from bridge.wiring.outside import open_outside  # noqa: PLC0415
    from bridge.wiring.starting import look_at_forges, look_at_terrakube  # noqa: PLC0415

    key = settings.secret_key.get_secret_value().encode() if settings.secret_key else None
    redactor = Redactor(settings.secrets())
    async with open_outside(settings, key=key, redactor=redactor) as outside:
        if not online:
            return None
        catalog = Catalog(server=outside.server)
        findings = await look_at_terrakube(settings, outside.server, catalog)
        findings.warnings.extend((await look_at_forges(outside.forges)).warnings)
        if outside.slack is not None:
            look = await look_at_slack(settings, outside.slack)
            findings.mistakes.extend(look.findings.mistakes)
            findings.warnings.extend(look.findings.warnings)
    return findings


_GOOD: Final = "The configuration is good; --online asks everybody, too."
_GOOD_ONLINE: Final = "The configuration is good; everybody answered."
