"""The drivers under one contract: how each is built, and how its forge signs."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from multidict import CIMultiDict

from bridge.domain.deliveries import Delivery
from bridge.domain.events import Event
from bridge.forges.gitea import receiving as gitea
from bridge.forges.github import receiving as github
from bridge.forges.signatures import HookSecrets
from bridge.ports import Ignored

SECRET = b"correct horse battery staple"
OLD_SECRET = b"incorrect horse battery staple"
KEY = b"a key for everything the bridge signs"
NOW = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)
PAYLOADS = Path(__file__).parents[4] / "shared" / "payloads"

Headers = Mapping[str, str]


class Receives(Protocol):
    """The receiving half of the Forge port."""

    def accept_delivery(
        self, headers: Headers, query: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored: ...


class Reads(Protocol):
    """The reading half of the Forge port."""

    def parse_delivery(self, delivery: Delivery) -> Event | Ignored: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One flavour of forge."""

    name: str
    receiver: Receives
    reader: Reads
    signature: str
    prefix: str
    sign: Callable[[str, bytes, bytes], CIMultiDict[str]]

    def accept(
        self,
        kind: str,
        body: bytes,
        *,
        secret: bytes = SECRET,
        query: Mapping[str, str] | None = None,
        changes: Mapping[str, str | None] | None = None,
    ) -> Delivery | Ignored:
        """Hand over a signed delivery; *changes* replace headers, or drop them (None)."""
        headers = self.sign(kind, body, secret)
        for name, value in (changes or {}).items():
            headers.popall(name, None)
            if value is not None:
                headers[name] = value
        return self.receiver.accept_delivery(headers, query or {}, body, NOW)

    def event(self, kind: str, body: bytes) -> Event | Ignored:
        """Accept a signed delivery and parse what would be stored."""
        delivery = self.accept(kind, body)
        return delivery if isinstance(delivery, Ignored) else self.reader.parse_delivery(delivery)


def digest(body: bytes, secret: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(secret, body, getattr(hashlib, algorithm)).hexdigest()


def _github_headers(kind: str, body: bytes, secret: bytes) -> CIMultiDict[str]:
    return CIMultiDict(
        {
            "User-Agent": "GitHub-Hookshot/044aadd",
            "Content-Type": "application/json",
            "X-GitHub-Hook-ID": "292430182",
            "X-GitHub-Event": kind,
            "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "X-GitHub-Hook-Installation-Target-Type": "repository",
            "X-GitHub-Hook-Installation-Target-ID": "79929171",
            "X-Hub-Signature": f"sha1={digest(body, secret, 'sha1')}",
            "X-Hub-Signature-256": f"sha256={digest(body, secret)}",
        }
    )


def _gitea_headers(kind: str, body: bytes, secret: bytes) -> CIMultiDict[str]:
    headers = _github_headers(kind, body, secret)
    for brand in ("Gitea", "Gogs"):
        headers[f"X-{brand}-Delivery"] = "f6266f16-1bf3-46a5-9ea4-602e06ead473"
        headers[f"X-{brand}-Event"] = kind
        headers[f"X-{brand}-Event-Type"] = kind
        headers[f"X-{brand}-Signature"] = digest(body, secret)
    return headers


def _forgejo_headers(kind: str, body: bytes, secret: bytes) -> CIMultiDict[str]:
    headers = _gitea_headers(kind, body, secret)
    for name in ("Delivery", "Event", "Event-Type", "Signature"):
        headers[f"X-Forgejo-{name}"] = headers[f"X-Gitea-{name}"]
    return headers


def _secrets(forge: str) -> HookSecrets:
    return HookSecrets(forge=forge, own=(SECRET, OLD_SECRET), key=KEY)


_GITHUB = github.DeliveryReader(forge="github", enterprise=False)
_GITEA = gitea.DeliveryReader(forge="gitea")
_FORGEJO = gitea.DeliveryReader(forge="forgejo")

CASES = (
    Case(
        name="github",
        receiver=github.Receiver(secrets=_secrets("github"), reader=_GITHUB),
        reader=_GITHUB,
        signature="X-Hub-Signature-256",
        prefix="sha256=",
        sign=_github_headers,
    ),
    Case(
        name="gitea",
        receiver=gitea.Receiver(secrets=_secrets("gitea"), reader=_GITEA),
        reader=_GITEA,
        signature="X-Gitea-Signature",
        prefix="",
        sign=_gitea_headers,
    ),
    Case(
        name="forgejo",
        receiver=gitea.Receiver(secrets=_secrets("forgejo"), reader=_FORGEJO),
        reader=_FORGEJO,
        signature="X-Forgejo-Signature",
        prefix="",
        sign=_forgejo_headers,
    ),
)
GITHUB, GITEA, FORGEJO = CASES
