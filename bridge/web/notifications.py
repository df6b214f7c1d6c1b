"""``POST /webhooks/terrakube``: a hint that brings the next look forward.

Terrakube 2.33 tells of status changes, without an id or a time, so a notification can be neither
ordered nor told from a repeat: it stores nothing, and what is true is read from the API.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from bridge.domain.errors import OverloadedError
from bridge.metrics import Metrics
from bridge.web.bodies import BodyReader

SIGNATURE_HEADER = "X-Terrakube-Signature"
"""Lower-case hexadecimal HMAC-SHA256 of the raw body, without a prefix (contract section 9)."""

Hint = Callable[[str, str], None]
"""Called with an organization's and a workspace's name; must not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HintRoute:
    """Answers notifications.

    Attributes:
        secret: The ``signingSecret`` of the notification configuration; never empty.
    """

    secret: bytes
    hint: Hint
    bodies: BodyReader
    metrics: Metrics

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one POST."""
        try:
            with self.bodies.claim() as claim:
                body = await claim.read(request)
                status, text = self._take(request.headers.get(SIGNATURE_HEADER, ""), body)
        except OverloadedError:
            status, text = 503, "overloaded"
        self.metrics.hints.labels(str(status)).inc()
        return web.Response(status=status, text=f"{text}\n")

    def _take(self, signature: str, body: bytes) -> tuple[int, str]:
        expected = hmac.new(self.secret, body, hashlib.sha256).hexdigest().encode()
        # As bytes: with text a signature that is not ASCII raises instead of being wrong.
        if not hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), expected):
            return 401, "the signature is missing or wrong"
        names = _names(body)
        if names is None:
            return 400, "this is not a notification of Terrakube"
        self.hint(*names)
        return 200, "ok"


def _names(body: bytes) -> tuple[str, str] | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    organization, workspace = said.get("organization"), said.get("workspace")
    if not isinstance(organization, str) or not isinstance(workspace, str):
        return None
    return organization, workspace
