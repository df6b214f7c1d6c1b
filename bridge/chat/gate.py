"""What stands in front of slack-bolt: only what Slack signed comes in, and only in good shape.

Bolt reads a body before it verifies it, so that garbage of anybody's ends in a traceback, answers
``ssl_check`` to anybody, and logs what it refuses. Nothing here is ever logged.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl

from slack_sdk.signature import Clock as SignatureClock
from slack_sdk.signature import SignatureVerifier

from bridge.ports import Clock

_STAMP_HEADER: Final = "X-Slack-Request-Timestamp"
_SIGNATURE_HEADER: Final = "X-Slack-Signature"

# ``isdigit`` also takes digits of other scripts and of any length, which int() does not.
_STAMP: Final = re.compile(r"[0-9]{1,12}")


class Verdict(StrEnum):
    """What a request is."""

    GENUINE = "genuine"
    PROBE = "probe"
    """Slack looks whether anybody answers (``ssl_check``); nothing is to be done."""
    UNSIGNED = "unsigned"
    WRONG_TYPE = "wrong_type"
    INVALID = "invalid"


class SigningClock(SignatureClock):
    """The bridge's clock, as Slack's own verifier wants it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        """Say the time in seconds since 1970."""
        return self._clock.now().timestamp()


def verifier_of(secret: str, clock: Clock) -> SignatureVerifier:
    """Make what verifies signatures, by the bridge's own clock."""
    if not secret:
        msg = "Slack's door needs a signing secret"
        raise ValueError(msg)
    return SignatureVerifier(secret, clock=SigningClock(clock))


class Gate:
    """Judges requests to the one address Slack knows (slack.md section 2.2)."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._verifier = verifier_of(secret, clock)

    def judge(self, headers: Mapping[str, str], body: bytes) -> tuple[Verdict, str]:
        """Say what a request is, and return its text, empty unless it is genuine.

        Args:
            headers: Their names in any case.
            body: As received.
        """
        text = self._signed(headers, body)
        if text is None:
            return Verdict.UNSIGNED, ""
        match headers.get("Content-Type", "").partition(";")[0].strip().lower():
            case "application/json":
                verdict = Verdict.GENUINE if _is_object(text) else Verdict.INVALID
            case "application/x-www-form-urlencoded":
                verdict = _judge_form(text)
            case _:
                verdict = Verdict.WRONG_TYPE
        return verdict, text if verdict is Verdict.GENUINE else ""

    def _signed(self, headers: Mapping[str, str], body: bytes) -> str | None:
        stamp, signature = headers.get(_STAMP_HEADER, ""), headers.get(_SIGNATURE_HEADER, "")
        if not _STAMP.fullmatch(stamp) or not signature.isascii():
            return None
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return None
        return text if self._verifier.is_valid(text, stamp, signature) else None


def _judge_form(text: str) -> Verdict:
    form = dict(parse_qsl(text, keep_blank_values=True))
    if "ssl_check" in form:
        return Verdict.PROBE
    return Verdict.GENUINE if _is_object(form.get("payload", "{}")) else Verdict.INVALID


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
