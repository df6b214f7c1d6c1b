"""What a token says about itself: Terrakube's own kinds name whose jobs they make."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.terrakube import connect
from bridge.terrakube.tokens import TokenFacts, TokenKind, facts_of

# As PatService and TeamTokenService of Terrakube write them; the latter's owner made the token.
PERSONAL = {
    "sub": "bridge (Token)",
    "aud": ["Terrakube"],
    "email": "bridge@example.com",
    "email_verified": True,
    "name": "bridge (Token)",
    "groups": ["TERRAKUBE_DEVELOPERS"],
    "iss": "Terrakube",
}
TEAM = PERSONAL | {
    "sub": "TERRAKUBE_DEVELOPERS (Team Token)",
    "email": "admin@example.com",
    "description": "for the bridge",
    "name": "TERRAKUBE_DEVELOPERS (Token)",
}
NOTHING = TokenFacts(kind=TokenKind.OTHER, owner="", expires_at=None, groups=())


def token(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2ln"


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        (
            token(PERSONAL | {"exp": 1_793_000_000}),
            TokenFacts(
                kind=TokenKind.PERSONAL,
                owner="bridge@example.com",
                expires_at=datetime(2026, 10, 26, 7, 33, 20, tzinfo=UTC),
                groups=("TERRAKUBE_DEVELOPERS",),
            ),
        ),
        (
            token(TEAM),
            TokenFacts(
                kind=TokenKind.TEAM,
                owner="admin@example.com",
                expires_at=None,
                groups=("TERRAKUBE_DEVELOPERS",),
            ),
        ),
        (token({"sub": "somebody", "exp": 1e300}), NOTHING),
        (token({"email": None, "exp": "soon", "groups": "A"}), NOTHING),
        (token({}), NOTHING),
        (token({"email": "ü@example.com"}), replace(NOTHING, owner="ü@example.com")),
        (token(["email"]), None),
        ("opaque", None),
        ("", None),
        ("a.b", None),
        ("a.b.c", None),
        ("a.?.c", None),
        ("a.ä.c", None),
        ("a.AAAA.c", None),
        (f"a.{'W' * 100_000}.c", None),
    ],
)
def test_a_token_says_whose_it_is_and_until_when(given: str, facts: TokenFacts | None) -> None:
    assert facts_of(given) == facts


async def test_a_client_says_it_without_asking() -> None:
    async with connect(url="https://terrakube.example.com", token=f" {token(TEAM)}\n") as server:
        assert server.token_facts() == facts_of(token(TEAM))
    async with connect(url="https://terrakube.example.com", token="opaque") as server:
        assert server.token_facts() is None
