"""Asking before something that cannot be undone."""

import sys

import typer

from bridge.cli.texts import printable
from bridge.domain.errors import UserError


def confirm(what: str, *, yes: bool) -> None:
    """Say what will be done and let somebody agree to it.

    Not within a loop of asyncio: that would take Ctrl-C for itself.

    Args:
        what: Sentences.
        yes: Whether that was agreed to in the command itself.

    Raises:
        UserError: Somebody said no, or nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        msg = f"{what} Nothing was done: without a terminal, say --yes to agree"
        raise UserError(msg)
    typer.echo(f"{printable(what)}\nGo on? [y/N] ", err=True, nl=False)
    said = sys.stdin.readline()
    if not said.endswith("\n"):
        typer.echo(err=True)
    if said.strip().lower() not in {"y", "yes"}:
        msg = "nothing was done"
        raise UserError(msg)
