"""The webhook envelope of Gitea and Forgejo: signature, headers, form bodies; then the meaning.

Source: Forgejo's ``services/webhook/deliver.go`` and deliveries of a running Forgejo 10.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from json import dumps, loads
from urllib.parse import quote

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import PayloadError, SignatureError
from bridge.domain.events import Event
from bridge.forges.gitea.deliveries import DRAFT_PREFIXES, Arrival, read_body
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

# Forgejo sends both families with equal values; each is read in this order.
SIGNATURES = ("X-Forgejo-Signature", "X-Gitea-Signature")
EVENTS = ("X-Forgejo-Event", "X-Gitea-Event")
DELIVERIES = ("X-Forgejo-Delivery", "X-Gitea-Delivery")
CONTENT_TYPE = "Content-Type"

_KIND = "x-gitea-event"  # under which the event is stored, whichever header said it
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReader:
    """Reads deliveries of one configured instance, without checking who sent them.

    Attributes:
        forge: Name of the instance, as in the settings.
        draft_prefixes: What marks a draft at the start of a title.
    """

    forge: str
    draft_prefixes: tuple[str, ...] = DRAFT_PREFIXES

    def read_delivery(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        """Read a delivery as Forge.accept_delivery does, but trust it.

        Raises:
            PayloadError: The headers or the body are not what the forge sends.
        """
        kind, key = _name(headers, EVENTS), _name(headers, DELIVERIES)
        content_type = media_type(headers.get(CONTENT_TYPE)) or JSON
        payload = _payload(content_type, body)
        meaning = read_body(kind, payload, self._arrival(key, now))
        if isinstance(meaning, Ignored):
            return meaning
        if meaning.has_secret:
            body = _without_secret(content_type, payload)
        return Delivery(
            source=self.forge,
            key=key,
            kind=kind,
            subject=meaning.subject,
            semantic_key=meaning.semantic_key,
            repository_id=meaning.event.repository.id,
            headers={_KIND: kind, "content-type": content_type},
            body=body,
            received_at=now,
        )

    def parse_delivery(self, delivery: Delivery) -> Event | Ignored:
        """See Forge.parse_delivery."""
        payload = _payload(delivery.headers.get("content-type", JSON), delivery.body)
        arrival = self._arrival(delivery.key, delivery.received_at)
        meaning = read_body(delivery.kind, payload, arrival)
        return meaning if isinstance(meaning, Ignored) else meaning.event

    def _arrival(self, key: str, received_at: datetime) -> Arrival:
        return Arrival(
            forge=self.forge,
            delivery_id=key,
            received_at=received_at,
            draft_prefixes=self.draft_prefixes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Verifies deliveries of one configured instance, then reads them."""

    secrets: HookSecrets
    reader: DeliveryReader

    def accept_delivery(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        """See Forge.accept_delivery."""
        # The JSON is signed, also when it travels in a form. (GET hooks put it into the query and
        # have no body: nothing that was signed arrives here.)
        signed = _signed(media_type(headers.get(CONTENT_TYPE)), body)
        # A hook without a secret sends its signature headers empty: no signature.
        given = next((value for name in SIGNATURES if (value := headers.get(name))), None)
        check_hmac_sha256(signed, given, self.secrets.accepted(query))
        delivery = self.reader.read_delivery(headers, body, now)
        if isinstance(delivery, Ignored):
            return delivery
        check_repository(query, delivery.repository_id)
        return keyed_by_hook(query, delivery)


def headers_of(kind: str) -> dict[str, str]:
    """Return the headers a delivery of this event has, for replaying a body kept without them."""
    return {EVENTS[1]: kind, DELIVERIES[1]: "replayed", CONTENT_TYPE: JSON}


def _name(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    value = next((value for name in names if (value := headers.get(name))), "")
    if not _NAME.fullmatch(value):
        msg = f"the header {names[1]} is {'malformed' if value else 'missing'}"
        raise PayloadError(msg)
    return value


def _signed(content_type: str, body: bytes) -> bytes:
    if content_type != FORM:
        return body
    try:
        return form_payload(body)
    except ValueError as error:
        msg = f"the form holds nothing that was signed: {error}"
        raise SignatureError(msg) from error


def _payload(content_type: str, body: bytes) -> bytes:
    if content_type == JSON:
        return body
    if content_type != FORM:
        msg = f"deliveries are JSON or forms, not {content_type[:100]!r}"
        raise PayloadError(msg)
    try:
        return form_payload(body)
    except ValueError as error:
        msg = f"reading the {FORM} body: {error}"
        raise PayloadError(msg) from error


def _without_secret(content_type: str, payload: bytes) -> bytes:
    """Blank the hook's secret, which old Gitea puts into the body (design 10.12)."""
    try:
        fields = loads(payload)
    except (ValueError, RecursionError) as error:
        msg = "the body cannot be stored without the secret in it"
        raise PayloadError(msg) from error
    body = dumps({**fields, "secret": ""}).encode("ascii")
    return b"payload=" + quote(body, safe="").encode("ascii") if content_type == FORM else body
