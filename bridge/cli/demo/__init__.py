"""``demo``: a push, a pull request, plans, a review, an apply, the merge, and Slack beside it."""

from enum import StrEnum
from typing import Annotated

import typer


class ForgeFlavour(StrEnum):
    """Whose API the demo's forge speaks."""

    FORGEJO = "forgejo"
    GITHUB = "github"


def demo(
    forge: Annotated[
        ForgeFlavour, typer.Option(help="Whose API the stand-in for the forge speaks.")
    ] = ForgeFlavour.FORGEJO,
    *,
    stay: Annotated[
        bool, typer.Option("--stay", help="Keep everything running at the end.")
    ] = False,
) -> None:
    """Show the whole way of a pull request, and of a command in Slack, against stand-ins."""
    import asyncio  # noqa: PLC0415 - see the package above

    from bridge.cli.demo.walk import walk  # noqa: PLC0415

    try:
        went_well = asyncio.run(walk(forge.value, stay=stay))
    except asyncio.CancelledError as error:  # by a signal
        raise KeyboardInterrupt from error
    if not went_well:
        raise typer.Exit(1)
