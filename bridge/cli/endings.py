"""How a command ends: exit codes, and the line that says why."""

import sys
from enum import IntEnum

from bridge.cli.texts import printable
from bridge.domain.errors import (
    BridgeError,
    MissingError,
    NotAllowedError,
    NotFoundError,
    OverloadedError,
    SilentDatabaseError,
    TemporaryRemoteError,
)


class Exit(IntEnum):
    """Exit codes, as documented in docs/command-line.md."""

    OK = 0
    BUG = 1
    USAGE = 2
    """Usage, configuration or bad input."""
    JOB_FAILED = 3
    JOB_STOPPED = 4
    """Rejected or cancelled."""
    JOB_WAITS = 5
    """For an approval."""
    UNREACHABLE = 6
    NOT_ALLOWED = 7
    NOT_FOUND = 8
    INTERRUPTED = 130


def exit_code(error: BridgeError) -> Exit:
    """Choose the exit code for an error."""
    match error:
        case NotFoundError() | MissingError():
            return Exit.NOT_FOUND
        case NotAllowedError():
            return Exit.NOT_ALLOWED
        case TemporaryRemoteError() | OverloadedError() | SilentDatabaseError():
            return Exit.UNREACHABLE
        case _:
            return Exit.USAGE


def tell(error: BridgeError) -> None:
    """Write an error for people to standard error; several mistakes have a line each."""
    for line in printable(str(error)).splitlines() or [type(error).__name__]:
        print(f"terrakube-bridge: {line}", file=sys.stderr)  # noqa: T201 - for people
