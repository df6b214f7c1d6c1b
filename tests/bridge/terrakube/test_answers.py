"""Small readings."""

from datetime import UTC, datetime, timedelta

from bridge.http import Response
from bridge.terrakube.answers import served_at


def an_answer(date: str) -> Response:
    headers = {"date": date} if date else {}
    return Response(
        service="terrakube", method="GET", path="/", url="/", status=200, headers=headers, body=b""
    )


def test_time_is_the_server_s_where_it_says_so() -> None:
    assert served_at(an_answer("Mon, 23 Nov 2026 21:32:05 GMT")) == datetime(
        2026, 11, 23, 21, 32, 5, tzinfo=UTC
    )
    for unread in ("", "yesterday"):
        assert abs(served_at(an_answer(unread)) - datetime.now(UTC)) < timedelta(seconds=5)
