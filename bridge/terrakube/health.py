"""How Terrakube is, as it says to everybody (contract section 1)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import loads

from bridge.domain.examining import Health
from bridge.http import HttpClient, Response, looks_like_html

PATH = "/actuator/health"

_ANSWERS = range(200, 600)


async def _nobody() -> str:
    return ""


async def ask_health(http: HttpClient) -> Health:
    """Ask without a token; whatever is answered is a fact, not an error."""
    asked_at = datetime.now(UTC)
    response = await http.request(
        "GET", PATH, authorization=_nobody, expect=_ANSWERS, headers={"Accept": "*/*"}
    )
    middle = asked_at + (datetime.now(UTC) - asked_at) / 2
    served_at = _date(response)
    return Health(
        status=response.status,
        is_up=_is_up(response),
        is_page=looks_like_html(response),
        ahead=None if served_at is None else served_at - middle,
    )


def _is_up(response: Response) -> bool | None:
    if looks_like_html(response):
        return None
    try:
        said = loads(response.body)
    except (ValueError, RecursionError):
        return None
    status = said.get("status") if isinstance(said, dict) else None
    return status == "UP" if isinstance(status, str) else None


def _date(response: Response) -> datetime | None:
    try:
        moment = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
