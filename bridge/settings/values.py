"""Kinds of values: how text becomes a list, a pattern, an address."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

_SLASH_COMMAND = re.compile(r"/[a-z0-9_-]{1,31}")
_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,}")


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts; shown in the documentation."""

    name: str


def split_words(value: object) -> object:
    """Read a list written as text: JSON, or words between commas.

    A comma inside braces (``{main,dev}``) belongs to its word. What only looks like JSON, such as
    the pattern ``[ab]*``, is words.

    Raises:
        ValueError: It is meant as JSON and is none.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if re.match(r"\[\s*([\"'{\]]|$)", text):
        try:
            return json.loads(text)
        except ValueError:
            msg = "this is no JSON list; words between commas will do, too"
            raise ValueError(msg) from None
    return [word.strip() for word in _split_outside_braces(text) if word.strip()]


def split_pairs(value: object) -> object:
    """Read a mapping written as text: JSON, or ``name=value`` between commas.

    Raises:
        ValueError: It is neither.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            msg = "this is no JSON object; name=value between commas will do, too"
            raise ValueError(msg) from None
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if not all(name.strip() and there for name, there, _ in pairs):
        msg = "name=value is needed, several between commas"
        raise ValueError(msg)
    return {name.strip(): given.strip() for name, _, given in pairs}


def read_json(value: object) -> object:
    """Read a structure that was given as text (in a variable) as JSON.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        msg = "JSON is needed here; bridge.yaml is the easier place"
        raise ValueError(msg) from None


def check_web_address(value: str) -> str:
    """Check an address and drop its last slash.

    Raises:
        ValueError: It is no ``http(s)://host``, or it says more than an address should.
    """
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    else:
        good = good and not (parts.username or parts.password or parts.query or parts.fragment)
    if not good or any(sign.isspace() for sign in value):
        msg = "an address is needed as https://host, without credentials, query or fragment"
        raise ValueError(msg)
    return value.rstrip("/")


def check_slash_command(value: str) -> str:
    """Check what Slack would take as a slash command.

    Raises:
        ValueError: It would not.
    """
    if not _SLASH_COMMAND.fullmatch(value):
        msg = "a slash command is needed, such as /terrakube: small letters, digits, - and _"
        raise ValueError(msg)
    return value


def check_channel(value: str) -> str:
    """Check the id of a channel: its name may change, and is not taken.

    Raises:
        ValueError: It is no id.
    """
    if not _CHANNEL.fullmatch(value):
        msg = "the id of a channel is needed, such as C0123: it stands below the channel's details"
        raise ValueError(msg)
    return value


def check_database(value: SecretStr) -> SecretStr:
    """Check that a database address is one of the two kinds; it is opened later.

    Raises:
        ValueError: It is not.
    """
    if not re.match(r"sqlite:///.|postgresql(\+asyncpg)?://.", value.get_secret_value()):
        msg = "must be sqlite:///path or postgresql://user:password@host/name"
        raise ValueError(msg)
    return value


def shown_database(url: str) -> str:
    """Write a database address without its password; SQLite's holds none."""
    if url.startswith("sqlite:"):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(hidden)"
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    who = f"{name}:**********@" if password else f"{name}@" if name else ""
    # The query may hold a password, too; only that there is one is told.
    return f"{parts.scheme}://{who}{host}{parts.path}{'?...' if parts.query else ''}"


def database_passwords(url: str) -> tuple[str, ...]:
    """Return what in a database address must not be shown: the address itself, its password."""
    if url.startswith("sqlite:"):
        return ()
    try:
        password = urlsplit(url).password
    except ValueError:
        password = None
    return (url, password) if password else (url,)


Words = Annotated[tuple[str, ...], BeforeValidator(split_words)]
Pairs = Annotated[Mapping[str, str], BeforeValidator(split_pairs)]
WebAddress = Annotated[str, AfterValidator(check_web_address)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(check_database)]


def _split_outside_braces(text: str) -> list[str]:
    words, depth = [""], 0
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth <= 0:
            words.append("")
        else:
            words[-1] += sign
    return words
