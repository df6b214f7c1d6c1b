"""How a listing is written: what ``--output`` and ``--json`` mean."""

import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from bridge.cli.tables import cells, write_json, write_table


class Output(StrEnum):
    """A form of output."""

    TABLE = "table"
    JSON = "json"
    IDS = "ids"


OutputOption = Annotated[
    Output | None,
    typer.Option(
        "--output",
        show_default=False,
        help="table is for people, ids has one a line for other commands; "
        "without: a table on a terminal, JSON in a pipe.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --output json.")]


def chosen(output: Output | None, *, as_json: bool) -> Output:
    """Choose the form.

    Raises:
        UserError: The options contradict each other.
    """
    from bridge.domain.errors import UserError  # noqa: PLC0415 - see the package

    if as_json and output not in {None, Output.JSON}:
        msg = f"--json and --output {output} contradict each other: give one of them"
        raise UserError(msg)
    if as_json or output is not None:
        return output or Output.JSON
    return Output.TABLE if sys.stdout.isatty() else Output.JSON


def write_listing(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, output: Output, empty: str
) -> None:
    """Write rows; each has an ``id``.

    Args:
        rows: Every column is a key of each.
        columns: Of the table; JSON has all keys.
        output: The form.
        empty: What people are told when there is none.
    """
    rows = masked(rows)
    match output:
        case Output.JSON:
            write_json(rows)
        case Output.IDS:
            for row in rows:
                typer.echo(str(row["id"]))
        case Output.TABLE if rows:
            write_table(columns, cells(rows, columns))
        case Output.TABLE:
            typer.echo(empty)


def masked(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Mask secrets in what somebody wrote into Terrakube: comments, addresses with a password."""
    from bridge.cli.jobs.masking import configured_redactor  # noqa: PLC0415 - see the package

    redact = configured_redactor().redact
    return [{name: _masked(value, redact) for name, value in row.items()} for row in rows]


def _masked(value: object, redact: Callable[[str], str]) -> object:
    match value:
        case str():
            return redact(value)
        case list():
            return [_masked(one, redact) for one in value]
        case dict():
            return {name: _masked(one, redact) for name, one in value.items()}
        case _:
            return value
