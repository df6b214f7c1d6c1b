"""The right to change something outside, asked for at the last moment.

Between a check and the request it is about lie a connection, a token, a thread that is scheduled:
milliseconds in which a process may be frozen, to wake up when another replica has done the work.
So whoever sends asks once more when the bytes are about to leave.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextmanager
def guarded(check: Callable[[], None]) -> Iterator[None]:
    """Let *check* be asked before anything is sent in this block; it raises when it must not."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def check_guard() -> None:
    """Raise what the check of the block around this raises; without one nothing happens."""
    check = _check.get()
    if check is not None:
        check()
