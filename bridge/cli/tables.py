"""Output: tables for people on a terminal, JSON for pipes."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import typer

from bridge.cli.texts import printable, to_json

_WIDEST = 10_000
_WHOLE = frozenset({"id", "status"})
"""Columns whose words are typed again somewhere else, and so are not broken."""
_NARROWEST = 8
"""Characters a column needs to be read, if it has so many."""
_BETWEEN = 2


def wants_json(asked: bool) -> bool:  # noqa: FBT001 - the option itself
    """Tell whether to write JSON: asked for, or nobody is looking."""
    return asked or not sys.stdout.isatty()


def write_json(value: object) -> None:
    """Write one JSON document."""
    typer.echo(to_json(value, indent=2))


def write_line(value: object) -> None:
    """Write one JSON document in one line."""
    typer.echo(to_json(value))


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Write a table; cells are plain text, whatever they hold.

    Where the terminal is too narrow for it, every row is a block with a line for each cell.
    """
    from rich.console import Console  # noqa: PLC0415 - slow, and not needed for pipes
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    # A sender chose some of it: no control sequence reaches the terminal.
    shown = [[printable(cell) for cell in row] for row in rows]
    # What reads a pipe wants whole lines.
    console = Console(width=None if sys.stdout.isatty() else _WIDEST)
    if console.width < _least_width(columns, shown):
        _write_blocks(columns, shown, title=title)
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    for row in shown:
        table.add_row(*map(Text, row))
    console.print(table)


def _least_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    needed = (
        width if name in _WHOLE else min(width, _NARROWEST)
        for name, width in zip(columns, widths, strict=True)
    )
    return sum(needed) + _BETWEEN * len(columns)


def _write_blocks(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = ""
) -> None:
    if title:
        typer.echo(title)
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            if cell:
                typer.echo(f"{column}: {cell}" if column else cell)
        typer.echo()


def write_rows(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool, empty: str
) -> None:
    """Write rows as a table or as JSON.

    Args:
        rows: Every column is a key of each.
        columns: Shown to people; JSON has all keys.
        as_json: Whether JSON was asked for.
        empty: What people are told when there is none.
    """
    if wants_json(as_json):
        write_json(list(rows))
    elif rows:
        write_table(columns, cells(rows, columns))
    else:
        typer.echo(empty)


def cells(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> list[list[str]]:
    """Turn rows into what a table shows of them."""
    return [[_cell(row[column]) for column in columns] for row in rows]


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
