"""What a token says about itself: Terrakube's own kinds name whose jobs they make."""

import base64
import json

import pytest

from bridge.terrakube.tokens import creator_of

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


def token(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2ln"


@pytest.mark.parametrize(
    ("given", "creator"),
    [
        (token(PERSONAL), "bridge@example.com"),
        (token(TEAM), "admin@example.com"),
        (token({"sub": "somebody"}), ""),
        (token({"email": None}), ""),
        (token(["email"]), ""),
        ("opaque", ""),
        ("a.b.c", ""),
        ("a.ä.c", ""),
        (f"a.{'W' * 100_000}.c", ""),
    ],
)
def test_personal_and_team_tokens_name_who_creates_their_jobs(given: str, creator: str) -> None:
    assert creator_of(given) == creator
