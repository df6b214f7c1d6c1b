"""Trouble on order: what goes wrong with the next requests and the next deliveries."""

import re
from dataclasses import dataclass, field
from enum import Enum, auto

COMMENT = r"POST .*/issues/[0-9]+/comments"
WRITE = r"(POST|PUT|PATCH|DELETE) "
ANY = ""


@dataclass(slots=True, kw_only=True)
class RequestFault:
    """Something that happens to requests whose line matches.

    Attributes:
        match: Regular expression for the start of ``POST /repos/...``.
        times: How many more it happens to.
        delay: Seconds before the request is looked at.
        status: What is answered; None: the request is served as usual.
        after: Whether the request is served first and the status is a lie.
    """

    match: str
    times: int
    delay: float = 0.0
    status: int | None = None
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False


class Mishap(Enum):
    """What can happen to a delivery."""

    DROPPED = auto()
    DOUBLED = auto()


@dataclass(slots=True, kw_only=True)
class DeliveryFault:
    """Something that happens to deliveries of an event; an empty one means any."""

    mishap: Mishap
    event: str
    times: int


@dataclass(slots=True)
class Faults:
    """What is still to go wrong; each method orders some more."""

    requests: list[RequestFault] = field(default_factory=list)
    deliveries: list[DeliveryFault] = field(default_factory=list)

    def store_then_fail(self, *, match: str = COMMENT, status: int = 500, times: int = 1) -> None:
        """Do what is asked, and answer that it failed, with a web page."""
        self.requests.append(
            RequestFault(
                match=match, times=times, status=status, after=True, body=_PAGE.format(status)
            )
        )

    def fail(self, *, match: str = ANY, status: int = 503, times: int = 1) -> None:
        """Answer with a web page and do nothing."""
        self.requests.append(
            RequestFault(match=match, times=times, status=status, body=_PAGE.format(status))
        )

    def limit(
        self, *, match: str = WRITE, status: int = 429, retry_after: int = 1, times: int = 1
    ) -> None:
        """Answer that too much was asked."""
        self.requests.append(
            RequestFault(
                match=match,
                times=times,
                status=status,
                headers={"Retry-After": str(retry_after), "Content-Type": "application/json"},
                body='{"message": "You have exceeded a secondary rate limit."}',
            )
        )

    def slow(self, seconds: float, *, match: str = ANY, times: int = 1) -> None:
        """Take time."""
        self.requests.append(RequestFault(match=match, times=times, delay=seconds))

    def drop_delivery(self, *, event: str = "", times: int = 1) -> None:
        """Lose deliveries: they are neither sent nor listed."""
        self.deliveries.append(DeliveryFault(mishap=Mishap.DROPPED, event=event, times=times))

    def deliver_twice(self, *, event: str = "", times: int = 1) -> None:
        """Send deliveries again, as a redelivery (GitHub) or a replay by hand (Forgejo) would."""
        self.deliveries.append(DeliveryFault(mishap=Mishap.DOUBLED, event=event, times=times))

    def of_request(self, line: str) -> list[RequestFault]:
        """Take what is to happen to a request."""
        found = [fault for fault in self.requests if fault.times and re.match(fault.match, line)]
        for fault in found:
            fault.times -= 1
        return found

    def of_delivery(self, event: str) -> Mishap | None:
        """Take what is to happen to a delivery."""
        for fault in self.deliveries:
            if fault.times and fault.event in ("", event):
                fault.times -= 1
                return fault.mishap
        return None


_PAGE = "<!DOCTYPE html><html><head><title>{} Oops</title></head><body>Oops</body></html>"
