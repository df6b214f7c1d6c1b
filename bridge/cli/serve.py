"""``serve``: run the bridge."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    ready_file: Annotated[
        Path | None,
        typer.Option(
            help="Write the ports that are listened on to this file, as JSON, once ready.",
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Run the bridge until it is told to stop (SIGTERM, Ctrl-C)."""
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import read_settings  # noqa: PLC0415
    from bridge.wiring.serving import serve as run  # noqa: PLC0415

    settings = read_settings()
    asyncio.run(run(settings, ready_file=ready_file))
