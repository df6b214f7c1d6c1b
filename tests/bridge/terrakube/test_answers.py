"""Small readings: tokens, times."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from bridge.http import Response
from bridge.terrakube.answers import served_at
from bridge.terrakube.tokens import creator_of


def a_token(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


@pytest.mark.parametrize(
    ("token", "creator"),
    [
        (a_token({"email": "bridge@example.com"}), "bridge@example.com"),
        (a_token({"email": "ü@example.com", "aud": "x"}), "ü@example.com"),
        (a_token({"email": 7}), ""),
        (a_token({}), ""),
        (a_token([1]), ""),
        ("", ""),
        ("a.b", ""),
        ("a.?.c", ""),
        ("a.é.c", ""),
        ("a.AAAA.c", ""),
    ],
)
def test_a_token_says_who_makes_its_jobs(token: str, creator: str) -> None:
    assert creator_of(token) == creator


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
