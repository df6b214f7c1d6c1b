"""Every setting there is: what a source may hold, and what the documentation must say."""

import types
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bridge.forges import DRIVERS
from bridge.settings.model import Settings
from bridge.settings.origins import Path, dotted
from bridge.settings.values import Unit

PREFIX = "BRIDGE_"
CONFIG = "BRIDGE_CONFIG"
FILE = "_file"
FORGES = "forges"

_OPTIONS: Mapping[str, str] = {
    "driver": "github, gitea or forgejo; the instance's own name when it is one of these.",
    "url": "Address people use.",
    "api_url": "Address of the API, where a proxy makes it another one than the forge's usual.",
    "webhook_secret": "Secret of an App's or an organization's hook.",
    "previous_webhook_secret": "Accepted, too, while webhook_secret is being changed.",
    "ca_file": "Certificates to trust besides the usual ones, as a PEM file.",
    "token": "Access token of the bridge's own account.",
    "app_id": "Id or client id of a GitHub App, instead of a token.",
    "private_key": "Private key of the GitHub App, PEM; newlines may be written as \\n.",
    "draft_prefixes": "Title prefixes that make a draft: the instance's WORK_IN_PROGRESS_PREFIXES.",
}
"""What the options of forges mean; a test compares the names with the drivers' models."""


class Kind(StrEnum):
    """How a setting is written."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a kind
    LIST = "list"
    MAPPING = "mapping"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, as documented.

    Attributes:
        path: ``("terrakube", "url")``; of a forge's option ``("forges", "<driver>", "token")``.
        unit: What a number counts; empty for what is no number.
        default: As text; None when the setting is needed.
        text: One sentence.
    """

    path: Path
    kind: Kind
    default: str | None
    unit: str
    text: str

    @property
    def key(self) -> str:
        """``terrakube.url``, as in bridge.yaml."""
        return dotted(self.path)

    @property
    def variable(self) -> str:
        """``BRIDGE_TERRAKUBE__URL``."""
        return variable(self.path)


def variable(path: Path) -> str:
    """Write a place as the name of a variable."""
    return PREFIX + "__".join(path).upper()


@cache
def settings() -> tuple[Setting, ...]:
    """List every setting except the options of forges, in the order of the model."""
    return tuple(_settings(Settings, ()))


@cache
def forge_options(driver: str) -> tuple[Setting, ...]:
    """List the options of a driver's section; secrets once, without their ``_file``."""
    fields = DRIVERS[driver].options.model_fields
    return tuple(
        _setting((FORGES, driver, name), info, _OPTIONS.get(name, ""))
        for name, info in fields.items()
        if name != "driver" and not is_file_of(name, fields)
    )


@cache
def option_names() -> frozenset[str]:
    """Return every option any forge may have, ``_file`` included."""
    return frozenset(name for driver in DRIVERS.values() for name in driver.options.model_fields)


@cache
def sections() -> frozenset[Path]:
    """Return the places that hold other settings."""
    inner = {setting.path[:length] for setting in settings() for length in range(len(setting.path))}
    return frozenset({*inner, (FORGES,)} - {()})


@cache
def leaves() -> Mapping[Path, Kind]:
    """Map the place of every setting but the forges' to its kind; secrets have a ``_file``, too."""
    found = {setting.path: setting.kind for setting in settings()}
    for path, kind in list(found.items()):
        if kind is Kind.SECRET:
            found[*path[:-1], path[-1] + FILE] = Kind.TEXT
    return found


def keys_in(section: Path) -> tuple[str, ...]:
    """List what may stand in a section."""
    length = len(section)
    inside = [path for path in (*leaves(), *sections()) if path[:length] == section]
    return tuple(dict.fromkeys(path[length] for path in inside if len(path) > length))


def secrets_of_driver(driver: str) -> frozenset[str]:
    """Name the options of a driver that may be given as a file."""
    found = DRIVERS.get(driver)
    fields = found.options.model_fields if found else {}
    return frozenset(name for name, info in fields.items() if _kind(info) is Kind.SECRET)


def lists_of_driver(driver: str) -> frozenset[str]:
    """Name the options of a driver that are lists."""
    found = DRIVERS.get(driver)
    fields = found.options.model_fields if found else {}
    return frozenset(name for name, info in fields.items() if _kind(info) is Kind.LIST)


def is_file_of(name: str, fields: Container[str]) -> bool:
    """Tell whether an option names the file of another one."""
    base = name.removesuffix(FILE)
    return base != name and base in fields


def as_text(value: object) -> str:
    """Write a value as one would in a variable; a secret in the clear."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(str(one) for one in value)
    if isinstance(value, Mapping):
        return ",".join(f"{name}={one}" for name, one in value.items())
    return "" if value is None else str(value)


def _settings(model: type[BaseModel], above: Path) -> Iterator[Setting]:
    for name, info in model.model_fields.items():
        inner = _section_of(info.annotation)
        if inner is not None:
            yield from _settings(inner, (*above, name))
        elif (*above, name) != (FORGES,):
            yield _setting((*above, name), info, info.description or "")


def _setting(path: Path, info: FieldInfo, text: str) -> Setting:
    units = [one.name for one in info.metadata if isinstance(one, Unit)]
    default = None if info.is_required() else as_text(info.get_default(call_default_factory=True))
    return Setting(
        path=path,
        kind=_kind(info),
        default=default,
        unit=units[0] if units else "",
        text=text,
    )


def _section_of(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any annotation
    for one in _alternatives(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _kind(info: FieldInfo) -> Kind:
    for one in _alternatives(info.annotation):
        if one is SecretStr:
            return Kind.SECRET
        if get_origin(one) is tuple:
            inner = get_args(one)[0]
            is_structure = isinstance(inner, type) and issubclass(inner, BaseModel)
            return Kind.STRUCTURE if is_structure else Kind.LIST
        if get_origin(one) is Mapping:
            return Kind.MAPPING
    return Kind.TEXT


def _alternatives(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - any annotation
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(one for part in get_args(annotation) for one in _alternatives(part))
    return (annotation,)
