"""Who a delivery is from: keyed hashes over its bytes, checked before anything is decoded.

What every driver shares, and all it shares: secrets, their options, signatures, form bodies.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self
from urllib.parse import unquote_to_bytes, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from bridge.domain.deliveries import Delivery
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


class ForgeOptions(BaseModel):
    """What every forge's section of the settings may hold.

    A secret may be given as it is or as a file to read it from, not as both.

    Attributes:
        driver: Name of the driver.
        url: Address people use; *api_url* differs only behind unusual proxies.
        webhook_secret: Shared with an App's or an organization's hook.
        previous_webhook_secret: Accepted, too, while the secret is being changed.
        ca_file: Certificates to trust besides the usual ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    driver: str
    url: str
    api_url: str | None = None
    webhook_secret: SecretStr | None = None
    webhook_secret_file: Path | None = None
    previous_webhook_secret: SecretStr | None = None
    previous_webhook_secret_file: Path | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _check_addresses(self) -> Self:
        for address in (self.url, self.api_url):
            if address is not None:
                _check_address(address)
        return self

    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown; a driver adds its credentials."""
        return tuple(secret.decode() for secret in self.hook_secrets())

    def hook_secrets(self) -> tuple[bytes, ...]:
        """Return the secrets deliveries may be signed with, the present one first."""
        given = (
            secret_of("webhook_secret", self.webhook_secret, self.webhook_secret_file),
            secret_of(
                "previous_webhook_secret",
                self.previous_webhook_secret,
                self.previous_webhook_secret_file,
            ),
        )
        return tuple(secret.encode() for secret in given if secret is not None)


def secret_of(name: str, value: SecretStr | None, file: Path | None) -> str | None:
    """Return a secret that was given itself or as a file; None when it was not given.

    Raises:
        ValueError: Both are given, the file cannot be read, or it is empty.
    """
    if file is None:
        return None if value is None else value.get_secret_value()
    if value is not None:
        msg = f"{name} and {name}_file are both given"
        raise ValueError(msg)
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeError) as error:
        msg = f"{name}_file {str(file)!r} cannot be read: {error}"
        raise ValueError(msg) from error
    if not text:
        msg = f"{name}_file {str(file)!r} is empty"
        raise ValueError(msg)
    return text


def _check_address(address: str) -> None:
    if not _is_address(address):
        msg = "an address is needed as https://host, without credentials, query or fragment"
        raise ValueError(msg)


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return known and not (parts.username or parts.password or parts.query or parts.fragment)


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


def keyed_by_hook(query: Mapping[str, str], delivery: Delivery) -> Delivery:
    """Tell apart what hooks of different repositories call their deliveries.

    The id is not signed: with one that belongs to another repository's delivery, whoever has a
    hook's signed bodies could make that one look like a repeat.
    """
    hook = query.get("hook")
    return delivery if hook is None else replace(delivery, key=f"{hook}:{delivery.key}")


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
