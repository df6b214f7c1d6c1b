"""What a token says about itself."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from json import loads


class TokenKind(StrEnum):
    """Whose a token is."""

    PERSONAL = "personal"
    TEAM = "team"
    OTHER = "other"
    """Of somebody else's making: a login, or a key of the server's used by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFacts:
    """What a token claims; not verified, so it proves nothing.

    Attributes:
        owner: The ``email`` claim: what ``createdBy`` of its jobs says. A team token's is whoever
            made it. Empty when it has none.
        expires_at: Aware, UTC; None when it says nothing.
        groups: Frozen when it was made (contract section 2).
    """

    kind: TokenKind
    owner: str
    expires_at: datetime | None
    groups: tuple[str, ...]


def facts_of(token: str) -> TokenFacts | None:
    """Read the claims of a JWT; None when it is none."""
    claims = _claims(token)
    if claims is None:
        return None
    email, groups = claims.get("email"), claims.get("groups")
    return TokenFacts(
        kind=_kind(claims.get("sub")),
        owner=email if isinstance(email, str) else "",
        expires_at=_moment(claims.get("exp")),
        groups=tuple(map(str, groups)) if isinstance(groups, list) else (),
    )


def _claims(token: str) -> Mapping[str, object] | None:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        return None
    try:
        claims = loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _kind(subject: object) -> TokenKind:
    # As PatService and TeamTokenService of Terrakube write it.
    match str(subject or ""):
        case text if text.endswith("(Team Token)"):
            return TokenKind.TEAM
        case text if text.endswith("(Token)"):
            return TokenKind.PERSONAL
        case _:
            return TokenKind.OTHER


def _moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
