"""Trouble on order: what goes wrong with the next calls of the Web API."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

ANY = "*"


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that happens to calls of a method.

    Attributes:
        method: Its name, or a pattern (``chat.*``); ``response_url`` is one of them.
        times: How many more it happens to.
        after: Whether what was asked is done first.
        status: What is answered; 0: nothing, the connection is cut.
        error: Slack's name of an error, answered as one.
        retry_after: Of a 429, in seconds.
        hang: Seconds before anything is answered.
    """

    method: str
    times: int
    after: bool = False
    status: int = 0
    error: str = ""
    retry_after: int = 0
    hang: float = 0.0


@dataclass(slots=True)
class Faults:
    """What is still to go wrong; each method orders some more."""

    orders: list[Fault] = field(default_factory=list)

    def fail(self, method: str = ANY, *, status: int = 500, times: int = 1) -> None:
        """Answer that it failed, and do nothing."""
        self.orders.append(Fault(method=method, times=times, status=status))

    def store_then_fail(self, method: str = ANY, *, status: int = 500, times: int = 1) -> None:
        """Do what is asked, and answer that it failed."""
        self.orders.append(Fault(method=method, times=times, status=status, after=True))

    def reset(self, method: str = ANY, *, times: int = 1) -> None:
        """Cut the connection, and do nothing."""
        self.orders.append(Fault(method=method, times=times))

    def store_then_reset(self, method: str = ANY, *, times: int = 1) -> None:
        """Do what is asked, and cut the connection."""
        self.orders.append(Fault(method=method, times=times, after=True))

    def hang(self, method: str = ANY, *, seconds: float = 60.0, times: int = 1) -> None:
        """Do nothing for so long, then cut the connection."""
        self.orders.append(Fault(method=method, times=times, hang=seconds))

    def store_then_hang(self, method: str = ANY, *, seconds: float = 60.0, times: int = 1) -> None:
        """Do what is asked, answer nothing for so long, then cut the connection."""
        self.orders.append(Fault(method=method, times=times, hang=seconds, after=True))

    def limit(self, method: str = ANY, *, retry_after: int = 1, times: int = 1) -> None:
        """Answer that too much was asked, and want a pause."""
        self.orders.append(Fault(method=method, times=times, status=429, retry_after=retry_after))

    def refuse(self, method: str = ANY, *, error: str, times: int = 1) -> None:
        """Answer with an error of Slack's, such as ``fatal_error``."""
        self.orders.append(Fault(method=method, times=times, status=200, error=error))

    def of_call(self, method: str) -> Fault | None:
        """Take what is to happen to a call."""
        for fault in self.orders:
            if fault.times and fnmatchcase(method, fault.method):
                fault.times -= 1
                return fault
        return None
