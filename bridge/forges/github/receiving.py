"""GitHub's webhook envelope: signature, headers, form bodies; then the meaning of the body.

Source of the headers: docs.github.com, "Webhook events and payloads", "Delivery headers".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import PayloadError
from bridge.domain.events import Event
from bridge.forges.github.deliveries import Arrival, read_body
from bridge.forges.signatures import (
    FORM,
    JSON,
    HookSecrets,
    check_hmac_sha256,
    check_repository,
    form_payload,
    keyed_by_hook,
    media_type,
)
from bridge.ports import Ignored

SIGNATURE = "X-Hub-Signature-256"
EVENT = "X-GitHub-Event"
DELIVERY = "X-GitHub-Delivery"
CONTENT_TYPE = "Content-Type"
ENTERPRISE_HOST = "X-GitHub-Enterprise-Host"

# Forgejo, Gitea and Gogs send GitHub's headers as well as their own.
_FOREIGN = ("X-Forgejo-Event", "X-Gitea-Event", "X-Gogs-Event")
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReader:
    """Reads deliveries of one configured instance, without checking who sent them.

    Attributes:
        forge: Name of the instance, as in the settings.
        enterprise: Whether it is GitHub Enterprise Server; None: either will do.
    """

    forge: str
    enterprise: bool | None = None

    def read_delivery(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        """Read a delivery as Forge.accept_delivery does, but trust it.

        Raises:
            PayloadError: The headers or the body are not what GitHub sends.
        """
        self._check_sender(headers)
        kind, key = _name(headers, EVENT), _name(headers, DELIVERY)
        kept = {EVENT.lower(): kind, "content-type": media_type(headers.get(CONTENT_TYPE)) or JSON}
        arrival = Arrival(forge=self.forge, delivery_id=key, received_at=now)
        meaning = read_body(kind, _json(kept, body), arrival)
        if isinstance(meaning, Ignored):
            return meaning
        return Delivery(
            source=self.forge,
            key=key,
            kind=kind,
            subject=meaning.subject,
            semantic_key=meaning.semantic_key,
            repository_id=meaning.event.repository.id,
            headers=kept,
            body=body,
            received_at=now,
        )

    def parse_delivery(self, delivery: Delivery) -> Event | Ignored:
        """See Forge.parse_delivery."""
        arrival = Arrival(
            forge=self.forge, delivery_id=delivery.key, received_at=delivery.received_at
        )
        meaning = read_body(delivery.kind, _json(delivery.headers, delivery.body), arrival)
        return meaning if isinstance(meaning, Ignored) else meaning.event

    def _check_sender(self, headers: Mapping[str, str]) -> None:
        if any(name in headers for name in _FOREIGN):
            msg = "a Forgejo, Gitea or Gogs delivery came to a GitHub connection"
            raise PayloadError(msg)
        host = headers.get(ENTERPRISE_HOST)
        if host and self.enterprise is False:
            msg = f"GitHub Enterprise Server {host[:200]!r} delivered to a connection to github.com"
            raise PayloadError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Verifies deliveries of one configured instance, then reads them."""

    secrets: HookSecrets
    reader: DeliveryReader

    def accept_delivery(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        """See Forge.accept_delivery."""
        # Over the raw bytes, of a form, too.
        given = headers.get(SIGNATURE)
        check_hmac_sha256(body, given, self.secrets.accepted(query), prefix="sha256=")
        delivery = self.reader.read_delivery(headers, body, now)
        if isinstance(delivery, Ignored):
            return delivery
        check_repository(query, delivery.repository_id)
        return keyed_by_hook(query, delivery)


def headers_of(kind: str) -> dict[str, str]:
    """Return the headers a delivery of this event has, for replaying a body kept without them."""
    return {EVENT: kind, DELIVERY: "replayed", CONTENT_TYPE: JSON}


def _name(headers: Mapping[str, str], header: str) -> str:
    value = headers.get(header, "")
    if not _NAME.fullmatch(value):
        msg = f"the header {header} is {'malformed' if value else 'missing'}"
        raise PayloadError(msg)
    return value


def _json(headers: Mapping[str, str], body: bytes) -> bytes:
    match headers.get("content-type"):
        case "application/json":
            return body
        case "application/x-www-form-urlencoded":
            try:
                return form_payload(body)
            except ValueError as error:
                msg = f"reading the {FORM} body: {error}"
                raise PayloadError(msg) from error
        case other:
            msg = f"deliveries are JSON or forms, not {(other or '')[:100]!r}"
            raise PayloadError(msg)
