"""``slack``: what a Slack app for the bridge is made from."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bridge.settings import AppAccess

app = typer.Typer(help="Prepare the Slack app through which the bridge is reached.")


class Mode(StrEnum):
    """How Slack reaches the bridge."""

    HTTP = "http"
    SOCKET = "socket"


@app.callback()
def slack() -> None:
    """Keep ``manifest`` a command of the group, as more will follow it."""


@app.command()
def manifest(
    mode: Annotated[
        Mode | None,
        typer.Option(help="How Slack reaches the bridge; default: slack.mode of the settings."),
    ] = None,
    name: Annotated[
        str, typer.Option(help="What Slack calls the app, up to 35 characters.")
    ] = "Terrakube",
    command: Annotated[
        str, typer.Option(help="The slash command; default: slack.command of the settings.")
    ] = "",
    url: Annotated[
        str, typer.Option(help="Address of the bridge for http mode; default: BRIDGE_PUBLIC_URL.")
    ] = "",
) -> None:
    """Print the manifest that Slack makes an app for the bridge from, as JSON.

    Nobody is asked, and nothing else needs to be configured: whoever decides about apps in the
    workspace can look at it first.
    """
    import json  # noqa: PLC0415 - see the package

    from bridge.chat.manifest import build_manifest  # noqa: PLC0415

    settings = _settings()
    made = build_manifest(
        name=name,
        command=command or settings.slack.command,
        url=_address(settings, url) if (mode or settings.slack.mode) == Mode.HTTP else None,
    )
    typer.echo(json.dumps(made, indent=2))


def _settings() -> "AppAccess":
    import os  # noqa: PLC0415 - see the package
    from pathlib import Path  # noqa: PLC0415

    from bridge.settings import load_app_settings  # noqa: PLC0415

    return load_app_settings(os.environ, Path.cwd())


def _address(settings: "AppAccess", url: str) -> str:
    from bridge.domain.errors import SettingsError  # noqa: PLC0415 - see the package
    from bridge.settings.values import check_web_address  # noqa: PLC0415

    try:
        found = check_web_address(url) if url else settings.public_url
    except ValueError as error:
        msg = f"--url {url}: {error}"
        raise SettingsError(msg) from error
    if not found:
        msg = (
            "http mode needs the address under which Slack reaches the bridge: "
            "set BRIDGE_PUBLIC_URL, or give --url"
        )
        raise SettingsError(msg)
    return found
