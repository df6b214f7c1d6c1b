"""Who a delivery is from: keyed hashes over its bytes, checked before anything is decoded."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from bridge.domain.errors import SignatureError

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_MAX_FORM_FIELDS = 10
_REPOSITORY_ID = re.compile(r"[1-9][0-9]{0,18}")


def sign_hmac_sha256(body: bytes, secret: bytes) -> str:
    """Compute the HMAC-SHA256 of *body*: 64 lower-case hexadecimal digits."""
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def check_hmac_sha256(
    body: bytes, given: str | None, secrets: Sequence[bytes], *, prefix: str = ""
) -> None:
    """Check a signature header against every accepted secret, in constant time.

    Args:
        body: Exactly the bytes that were signed.
        given: Value of the header as received; None when it is missing.
        secrets: One, or two while a secret is being changed.
        prefix: What must stand before the digest (``sha256=``).

    Raises:
        SignatureError: The header is missing, empty, of another kind, or wrong.
    """
    if not given or given == prefix:
        msg = "the delivery is not signed"
        raise SignatureError(msg)
    # Bytes, because compare_digest refuses non-ASCII text with a TypeError, which anybody could
    # cause; surrogatepass, because a server decodes stray bytes of a header to surrogates.
    claimed = given.encode("utf-8", "surrogatepass")
    genuine = False
    for secret in secrets:
        expected = f"{prefix}{sign_hmac_sha256(body, secret)}".encode("ascii")
        genuine |= hmac.compare_digest(expected, claimed)
    if not genuine:
        msg = "the signature does not fit the body and the secret"
        raise SignatureError(msg)


def hook_secret(key: bytes, forge: str, repository_id: str) -> str:
    """Derive the secret of the hook the bridge installs in one repository.

    Args:
        key: ``BRIDGE_SECRET_KEY``.
        forge: Name of the configured instance.
        repository_id: The forge's numeric id, as text.

    Returns:
        64 hexadecimal digits: HMAC-SHA256 of ``hook:<forge>:<repository id>`` (design 10.10).
    """
    return sign_hmac_sha256(f"hook:{forge}:{repository_id}".encode(), key)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSecrets:
    """The secrets deliveries to one configured forge may be signed with.

    Attributes:
        forge: Name of the instance.
        own: The instance's secrets, for an App's or an organization's hook; may be empty.
        key: ``BRIDGE_SECRET_KEY``, from which the secrets of installed hooks come; None without.
    """

    forge: str
    own: tuple[bytes, ...] = field(repr=False)
    key: bytes | None = field(repr=False)

    def __post_init__(self) -> None:
        if not self.own and not self.key:
            msg = (
                f"forge {self.forge!r} has no webhook_secret and there is no secret key: "
                "deliveries could not be verified, so its route does not start"
            )
            raise ValueError(msg)
        if not all(secret.strip() for secret in self.own) or self.key == b"":
            msg = f"forge {self.forge!r}: a webhook secret is empty"
            raise ValueError(msg)

    def accepted(self, query: Mapping[str, str]) -> tuple[bytes, ...]:
        """Return the secrets that count for a delivery to a URL with this query.

        A hook that names its repository (``?hook=<repository id>``) is held to its own secret.

        Raises:
            SignatureError: There is no secret for such a hook.
        """
        hook = query.get("hook")
        if hook is None:
            if not self.own:
                msg = "only hooks the bridge installed may deliver here, and they name themselves"
                raise SignatureError(msg)
            return self.own
        if self.key is None or not _REPOSITORY_ID.fullmatch(hook):
            msg = "the bridge installed no such hook"
            raise SignatureError(msg)
        return (hook_secret(self.key, self.forge, hook).encode("ascii"),)


def check_repository(query: Mapping[str, str], repository_id: str) -> None:
    """Hold a hook to the repository it was installed in.

    Args:
        query: Of the URL that was posted to; ``hook`` is the repository's id.
        repository_id: Which the delivery speaks for; empty when it speaks for none.

    Raises:
        SignatureError: It speaks for another one.
    """
    hook = query.get("hook")
    if hook is not None and repository_id and hook != repository_id:
        msg = f"the hook of repository {hook} speaks for repository {repository_id}"
        raise SignatureError(msg)


def media_type(header: str | None) -> str:
    """Reduce a Content-Type header to its type: lower case, without parameters."""
    return (header or "").partition(";")[0].strip().lower()


def form_payload(body: bytes) -> bytes:
    """Take the JSON out of a form-encoded delivery (``payload=...``), byte for byte.

    ``urllib.parse.parse_qs`` is no help: given bytes it refuses what is not ASCII once decoded.

    Raises:
        ValueError: The body is no form with exactly one payload.
    """
    fields = [part.partition(b"=") for part in body.split(b"&", _MAX_FORM_FIELDS)]
    payloads = [value for name, _, value in fields if name == b"payload"]
    if len(payloads) != 1:
        msg = "the form has no payload, or several"
        raise ValueError(msg)
    return unquote_to_bytes(payloads[0].replace(b"+", b" "))
