"""Who calls and what they may do: tokens, groups, and the flags of teams (contract 2)."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.sandbox.terrakube.answers import BareRefused, SpringRefused
from bridge.sandbox.terrakube.model import Job, Organization, Status, Team

OWNERS = "TERRAKUBE_ADMIN"
"""The group that owns the instance; it may create organizations."""

ISSUER = "Terrakube"
AUDIENCE = "TerrakubeInternal"
LEEWAY = timedelta(seconds=60)
"""How long an expired token is still taken: 20 s observed as yes, 70 s as no."""

_UNSIGNED = "Signed JWT rejected: Invalid signature"


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a token."""

    email: str
    groups: tuple[str, ...]

    @property
    def is_owner(self) -> bool:
        """Whether the token is of the group that owns the instance."""
        return OWNERS in self.groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What somebody may do in an organization, named as the permissions call names it."""

    manage_state: bool = False
    manage_workspace: bool = False
    manage_module: bool = False
    manage_provider: bool = False
    manage_vcs: bool = False
    manage_template: bool = False
    manage_collection: bool = False
    manage_job: bool = False
    plan_job: bool = False
    approve_job: bool = False
    manage_permission: bool = False

    @property
    def may_run(self) -> bool:
        """Whether jobs may be created and changed; the old ``manageJob`` alone grants nothing."""
        return self.plan_job or self.approve_job


_ROLES = {
    "admin": Flags(**{flag.name: True for flag in fields(Flags)}),
    "write": Flags(
        manage_state=True,
        manage_workspace=True,
        manage_job=True,
        plan_job=True,
        approve_job=True,
        manage_permission=True,
    ),
    "plan": Flags(manage_job=True, plan_job=True),
    "read": Flags(),
}


def teams_of(caller: Caller, organization: Organization) -> Sequence[Team]:
    """The teams of *organization* that the caller's token names."""
    return [team for team in organization.teams.values() if team.name in caller.groups]


def flags_of(caller: Caller, organization: Organization) -> Flags:
    """Everything the caller's teams allow, taken together."""
    granted = [_flags(team) for team in teams_of(caller, organization)]
    names = [flag.name for flag in fields(Flags)]
    return Flags(**{name: any(getattr(flags, name) for flags in granted) for name in names})


def may_read(caller: Caller, organization: Organization) -> bool:
    """Whether the caller sees the organization at all."""
    return caller.is_owner or bool(teams_of(caller, organization))


def may_set_status(caller: Caller, job: Job, status: object) -> bool:
    """Whether the caller may PATCH ``status``: there is no check of the transition (contract 5)."""
    if flags_of(caller, job.organization).approve_job:
        return True
    decides = status in {Status.APPROVED, Status.REJECTED} and job.status is Status.WAITING
    # Without a team every reader may approve.
    return decides and (not job.approval_team or job.approval_team in caller.groups)


class Tokens:
    """Signs tokens and reads them back, with the faults of the real server."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._revoked: set[str] = set()
        self._issued: dict[str, dict[str, Any]] = {}

    def mint(self, email: str, groups: Iterable[str] | str | None, **claims: object) -> str:
        """A token; *claims* replace those it would have, None leaves one out.

        Groups that are a text, or none at all, make a token that the server chokes on.
        """
        now = int(datetime.now(UTC).timestamp())
        payload: dict[str, object] = {
            "iss": ISSUER,
            "sub": f"{email} (Token)",
            "aud": AUDIENCE,
            "email": email,
            "email_verified": True,
            "name": f"{email} (Token)",
            "groups": groups if groups is None or isinstance(groups, str) else list(groups),
            "iat": now,
            "exp": now + 30 * 86400,
        } | claims
        kept = {key: value for key, value in payload.items() if value is not None}
        head = _encode(b'{"alg":"HS256"}') + "." + _encode(json.dumps(kept).encode())
        return f"{head}.{_encode(self._signature(head))}"

    def revoke(self, token: str) -> None:
        """Refuse this token from now on."""
        self._revoked.add(token)

    def read(self, authorization: str, method: str) -> Caller:
        """Who the Authorization header stands for.

        Raises:
            BareRefused: 401, as for GET without a token.
            SpringRefused: 403 without a token on anything but GET; 500 for what is no token.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            if method in {"GET", "HEAD"}:
                raise BareRefused(401, {"WWW-Authenticate": "Bearer"})
            raise SpringRefused(403)
        claims = self._claims(token.strip())
        self._check(token.strip(), claims)
        return Caller(str(claims.get("email", "")), tuple(claims["groups"]))

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims = json.loads(_decode(token.split(".")[1]))
        except (IndexError, ValueError) as error:
            raise SpringRefused(500) from error  # the server answers 500 to garbage
        usable = isinstance(claims, dict) and isinstance(claims.get("groups"), list)
        if not usable or not claims.get("aud") or claims.get("iss") != ISSUER:
            raise SpringRefused(500)
        return dict(claims)

    def _check(self, token: str, claims: dict[str, Any]) -> None:
        head, _, signature = token.rpartition(".")
        expected = _encode(self._signature(head))
        if token in self._revoked or not hmac.compare_digest(signature.encode(), expected.encode()):
            raise _invalid(_UNSIGNED)
        expires = datetime.fromtimestamp(int(claims.get("exp", 0)), UTC)
        if datetime.now(UTC) > expires + LEEWAY:
            msg = f"Jwt expired at {expires:%Y-%m-%dT%H:%M:%SZ}"
            raise _invalid(msg)

    def _signature(self, head: str) -> bytes:
        return hmac.new(self._secret, head.encode(), hashlib.sha256).digest()


def _flags(team: Team) -> Flags:
    if team.role in _ROLES:
        return _ROLES[team.role]
    own = {flag.name for flag in fields(Flags)} - {"manage_permission"}
    return Flags(**{name: bool(getattr(team, name)) for name in own})


def _invalid(reason: str) -> BareRefused:
    text = f"An error occurred while attempting to decode the Jwt: {reason}"
    challenge = (
        f'Bearer error="invalid_token", error_description="{text}", '
        'error_uri="https://tools.ietf.org/html/rfc6750#section-3.1"'
    )
    return BareRefused(401, {"WWW-Authenticate": challenge})


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(text) from error
