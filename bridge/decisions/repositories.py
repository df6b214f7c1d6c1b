"""Which workspaces a repository feeds: addresses of git repositories, compared exactly.

A workspace names its repository as whoever made it typed the address; the forge names it in its
own spelling. Both are taken apart, and host, port and path must be equal: a comparison of texts
would let ``github.com.evil.example`` or ``acme/infrastructure`` pass for ``acme/infra``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

_KNOWN_SSH_HOSTS = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}
"""Hosts that big forges document for ssh through port 443."""


class Transport(StrEnum):
    """How git talks to the host; ports compare within one only."""

    WEB = "web"
    SSH = "ssh"
    GIT = "git"


_TRANSPORTS = {
    "https": (Transport.WEB, 443),
    "http": (Transport.WEB, 80),
    "ssh": (Transport.SSH, 22),
    "git+ssh": (Transport.SSH, 22),
    "ssh+git": (Transport.SSH, 22),
    "git": (Transport.GIT, 9418),
}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# git's short form; before the colon there is no slash, or it is a path.
_SHORT = re.compile(r"(?:[^@/\s]+@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:/\s]+):(?P<path>.+)")
_REFUSED = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a repository is.

    Attributes:
        host: Lower case, without a final dot.
        port: None for the transport's own.
        path: Lower case (no forge tells names apart by case), without ``.git`` and outer slashes.
    """

    transport: Transport
    host: str
    port: int | None
    path: str


def parse_address(text: str) -> Address | None:
    """Take a clone URL apart: https, ssh, ``git@host:path``; None when it is no such thing.

    User and password are left out; a query, a fragment or a path with ``..`` is refused.
    """
    text = text.strip()
    if not text or _REFUSED.search(text):
        return None
    if _SCHEME.match(text):
        return _parse_url(text)
    short = _SHORT.fullmatch(text)
    return _address(Transport.SSH, short["host"], None, short["path"]) if short else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """Tells whether a workspace's source is a repository of a forge.

    Attributes:
        ssh_hosts: Host of ssh addresses (``host`` or ``host:port``) to host, and port where it
            is not the usual one, of the forge's web addresses: for names of ``~/.ssh/config`` and
            for forges that serve ssh under another name.
    """

    ssh_hosts: Mapping[str, str] = field(default_factory=dict)

    def feeds(self, clone_urls: Sequence[str], source: str) -> bool:
        """Tell whether *source* is the repository that the forge clones under *clone_urls*."""
        wanted = self._parse(source)
        if wanted is None:
            return False
        offered = [one for one in map(self._parse, clone_urls) if one is not None]
        same = [one for one in offered if one.transport is wanted.transport]
        if same:
            return wanted in same
        # The forge names no address of this transport: ports of different ones do not compare,
        # so both must be the usual ones.
        return wanted.port is None and any(
            (one.host, one.port, one.path) == (wanted.host, None, wanted.path) for one in offered
        )

    def _parse(self, text: str) -> Address | None:
        address = parse_address(text)
        if address is None or address.transport is not Transport.SSH:
            return address
        alias = self._alias(address)
        if alias is None:
            return address
        host, _, port = alias.lower().partition(":")
        return Address(
            transport=Transport.WEB,
            host=host,
            port=_usual(Transport.WEB, int(port)) if port.isdecimal() else None,
            path=address.path,
        )

    def _alias(self, address: Address) -> str | None:
        known = {**_KNOWN_SSH_HOSTS, **{k.lower(): v for k, v in self.ssh_hosts.items()}}
        return known.get(f"{address.host}:{address.port or 22}") or known.get(address.host)


def _parse_url(text: str) -> Address | None:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    transport, _ = _TRANSPORTS.get(parts.scheme.lower(), (None, 0))
    if transport is None or not host or "?" in text or "#" in text:
        return None
    return _address(transport, host, port, parts.path)


def _address(transport: Transport, host: str, port: int | None, path: str) -> Address | None:
    path = unquote(path).strip("/").lower().removesuffix(".git").rstrip("/")
    if not path or _REFUSED.search(path) or {"", ".", ".."} & set(path.split("/")):
        return None
    return Address(
        transport=transport,
        host=host.strip("[]").lower().rstrip("."),
        port=_usual(transport, port),
        path=path,
    )


def _usual(transport: Transport, port: int | None) -> int | None:
    """Return None for a port that need not be said."""
    usual = {number for name, number in _TRANSPORTS.values() if name is transport}
    return None if port in usual else port
