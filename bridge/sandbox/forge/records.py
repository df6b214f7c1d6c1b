"""What was asked of the stand-in, and how much of it wrote something people see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json import loads

MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One request to the API and its answer.

    Attributes:
        path: Below the API's address, as it came on the wire, without the query.
        template: Of the route that answered (``/repos/{owner}/{repo}``); empty when there is none.
        account: Login of whose credential it was; empty without one.
        content: Whether it would write something people see.
        at: Monotonic seconds when it came.
    """

    method: str
    path: str
    template: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    account: str
    sent: bytes = field(repr=False)
    status: int
    answer: bytes = field(repr=False)
    content: bool
    at: float

    @property
    def line(self) -> str:
        """``POST /repos/acme/infra/...``."""
        return f"{self.method} {self.path}"

    @property
    def body(self) -> object:
        """What was sent, decoded; None for nothing."""
        return loads(self.sent) if self.sent else None

    @property
    def answered(self) -> object:
        """What was answered, decoded; None for nothing."""
        return loads(self.answer) if self.answer else None


def content_writes(records: Sequence[Record], account: str | None = None) -> list[Record]:
    """List the requests that wrote something people see, of one account or of all."""
    return [
        record
        for record in records
        if record.content and account in (None, record.account) and record.status < 300  # noqa: PLR2004 - what succeeded
    ]


def busiest(records: Sequence[Record], seconds: float = MINUTE) -> int:
    """Count the most *records* that came within any *seconds*."""
    times = sorted(record.at for record in records)
    first = most = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
