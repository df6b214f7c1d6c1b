"""``migrate``: bring the database to the version this program needs."""

import typer


def migrate() -> None:
    """Create or migrate the database; on SQLite serve does it by itself."""
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import read_settings  # noqa: PLC0415
    from bridge.settings.values import shown_database  # noqa: PLC0415
    from bridge.store.migrate import HEAD  # noqa: PLC0415
    from bridge.store.migrate import migrate as run  # noqa: PLC0415

    url = read_settings().database.url.get_secret_value()
    asyncio.run(run(url))
    typer.echo(f"{shown_database(url)} is at version {HEAD}")
