"""Output: tables for people on a terminal, JSON for pipes."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import typer

_WIDEST = 10_000
_HIDDEN = "\N{REPLACEMENT CHARACTER}"


def wants_json(asked: bool) -> bool:  # noqa: FBT001 - the option itself
    """Tell whether to write JSON: asked for, or nobody is looking."""
    return asked or not sys.stdout.isatty()


def write_json(value: object) -> None:
    """Write one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def write_line(value: object) -> None:
    """Write one JSON document in one line."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """Write a table; cells are plain text, whatever they hold."""
    from rich.console import Console  # noqa: PLC0415 - slow, and not needed for pipes
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title or None, title_justify="left", header_style="bold", box=None)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "id")
    for row in rows:
        table.add_row(*(Text(_printable(cell)) for cell in row))
    # What reads a pipe wants whole lines.
    Console(width=None if sys.stdout.isatty() else _WIDEST).print(table)


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
    return "" if value is None else str(value)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _printable(text: str) -> str:
    # A sender chose some of it: no control sequence reaches the terminal.
    return "".join(sign if sign.isprintable() or sign == "\n" else _HIDDEN for sign in text)
