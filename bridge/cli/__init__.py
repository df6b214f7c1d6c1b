"""The command line: one module per command, heavy imports inside its function.

What a command raises becomes one line on standard error and an exit code here; only a bug shows
its traceback.
"""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import typer

from bridge.cli.endings import Exit, exit_code, tell
from bridge.domain.errors import BridgeError

COMMANDS = (
    "serve",
    "check",
    "doctor",
    "migrate",
    "deliveries",
    "posts",
    "replay",
    "output",
    "explain",
    "audit",
    "workspaces",
    "templates",
    "demo",
    "version",
)
"""Each a module of this package with a function of its name, in the order of the help."""

GROUPS = ("jobs", "webhooks", "slack")
"""Each a module with an ``app`` of several commands."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def build_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        name="terrakube-bridge",
        help="Forge webhooks become Terrakube jobs; plans and results come back.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # a traceback shows no local variables: those hold secrets
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in COMMANDS:
        if find_spec(f"{__name__}.{name}"):
            app.command(name)(getattr(import_module(f"{__name__}.{name}"), name))
    for name in GROUPS:
        app.add_typer(import_module(f"{__name__}.{name}").app, name=name)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        build_app()(list(arguments), prog_name="terrakube-bridge")
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):
            return Exit.OK  # whoever read along has seen enough
        return ended.code if isinstance(ended.code, int) else Exit.BUG
    except BridgeError as error:
        tell(error)
        return exit_code(error)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place that shows a bug, with its traceback
        return _unexpected(error)
    return Exit.OK


def _unexpected(error: Exception) -> Exit:
    """Tell a reader who left, and a full disk, from a bug."""
    if isinstance(error, BrokenPipeError):
        return Exit.OK
    if isinstance(error, OSError) and error.errno in _FULL:
        tell(BridgeError(f"the output cannot be written: {error.strerror}"))
        return Exit.USAGE
    sys.excepthook(type(error), error, error.__traceback__)
    return Exit.BUG


def main() -> NoReturn:
    """Run the command line of this process."""
    # Whoever closed an output wants nothing of it, which is no reason to fail.
    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        sys.stdout, sys.stderr = sys.stdout or nothing, sys.stderr or nothing
        sys.exit(run(sys.argv[1:]))
