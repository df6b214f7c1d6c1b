"""``doctor``: everything the bridge works with, looked at once."""

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.endings import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.domain.examining import Finding, Level

COLUMNS = ("area", "what", "level", "detail", "what to do")


def doctor(
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Let a warning end with 3, too, as an error does.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=600, help="Seconds a check may take.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as in a pipe.")] = False,
) -> None:
    """Look at Terrakube, forges, Slack, the database and the public address, and say what to do.

    Nothing is changed anywhere: it only reads. Where the bridge is a GitHub App it fetches the
    tokens it reads with. Ends with 0, or with 3 when something does not work.
    """
    import asyncio  # noqa: PLC0415 - see the package
    from dataclasses import asdict  # noqa: PLC0415

    from bridge.cli.opening import read_settings  # noqa: PLC0415
    from bridge.cli.tables import wants_json, write_json  # noqa: PLC0415
    from bridge.domain.examining import Level  # noqa: PLC0415
    from bridge.wiring.examining import examine  # noqa: PLC0415

    findings = asyncio.run(examine(read_settings(), patience=timeout))
    counts = _counts(findings)
    if wants_json(as_json):
        rows = [
            {name: value for name, value in asdict(one).items() if name != "unasked"}
            for one in findings
        ]
        write_json({"findings": rows, "counts": counts})
    else:
        show(findings)
    if counts[Level.ERROR] or (strict and counts[Level.WARNING]):
        raise typer.Exit(Exit.JOB_FAILED)  # 3 has the name of its other meaning


def show(findings: "Sequence[Finding]") -> None:
    """Write the table for people, and what it comes to."""
    from bridge.cli.tables import write_table  # noqa: PLC0415 - see the package

    write_table(COLUMNS, [_row(one) for one in findings])
    typer.echo(_summary(_counts(findings)))


def _row(finding: "Finding") -> list[str]:
    return [finding.area, finding.what, finding.level, finding.detail, finding.advice]


def _counts(findings: "Sequence[Finding]") -> "dict[Level, int]":
    from bridge.domain.examining import Level  # noqa: PLC0415 - see the package

    return {level: sum(one.level is level for one in findings) for level in reversed(Level)}


def _summary(counts: "dict[Level, int]") -> str:
    from bridge.decisions.examining.wording import count  # noqa: PLC0415 - see the package
    from bridge.domain.examining import Level  # noqa: PLC0415

    errors, warnings = counts[Level.ERROR], counts[Level.WARNING]
    if not errors and not warnings:
        return "All is well."
    return f"{count(errors, 'error')}, {count(warnings, 'warning')}, {counts[Level.OK]} ok."
