"""The resolved settings for people: every value, where it came from, no secret."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, SecretStr

from bridge.settings import catalog
from bridge.settings.catalog import as_text
from bridge.settings.model import Settings
from bridge.settings.origins import Path, dotted
from bridge.settings.sections import DatabaseSettings
from bridge.settings.values import shown_database

MASK = "**********"
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One resolved setting.

    Attributes:
        value: Masked if secret; empty when it is not set.
        source: ``environment``, ``.env line 3``, ``bridge.yaml line 14`` or ``default``.
    """

    key: str
    value: str
    source: str


def resolved(settings: Settings) -> list[Line]:
    """List every setting in the order of the model, the forges' options among them."""
    return [
        Line(key=dotted(path), value=value, source=_source(settings, path))
        for path, value in _values(settings, ())
    ]


def _values(section: BaseModel, above: Path) -> Iterator[tuple[Path, str]]:
    fields = type(section).model_fields
    for name in fields:
        if catalog.is_file_of(name, fields):
            continue  # the secret itself stands for it: its file was read
        path = (*above, name)
        value = getattr(section, name)
        if path == (catalog.FORGES,) and isinstance(section, Settings):
            for forge in section.forges.values():
                yield from _values(forge.options, (*path, forge.name))
        elif isinstance(value, BaseModel):
            yield from _values(value, path)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for number, one in enumerate(value):
                yield from _values(one, (*path, str(number)))
        else:
            yield path, _shown(section, value)


def _shown(section: BaseModel, value: object) -> str:
    if isinstance(value, SecretStr):
        if isinstance(section, DatabaseSettings):
            return shown_database(value.get_secret_value())
        return MASK
    return as_text(value)


def _source(settings: Settings, path: Path) -> str:
    origin = settings.origin(*path) if settings.is_given(*path) else None
    return DEFAULT if origin is None else str(origin)
