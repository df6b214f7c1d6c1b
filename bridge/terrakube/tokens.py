"""What a token says about itself."""

import base64
from json import loads


def creator_of(token: str) -> str:
    """Read the ``email`` claim of a JWT: what ``createdBy`` of its jobs will say.

    Terrakube writes it into personal tokens and into team tokens, where it is whoever made the
    token. Not verified, as it proves nothing here: it only tells our own jobs from others. Empty
    when the token is no JWT or has no such claim.
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        return ""
    try:
        claims = loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return ""
    email = claims.get("email") if isinstance(claims, dict) else None
    return email if isinstance(email, str) else ""
