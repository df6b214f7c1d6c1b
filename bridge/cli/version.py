"""``version``: which one this is."""

import typer


def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed  # noqa: PLC0415 - see the package

    typer.echo(f"terrakube-bridge {installed('terrakube-bridge')}")
