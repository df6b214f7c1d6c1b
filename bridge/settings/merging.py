"""Putting the three sources together: of every setting the strongest value, and where it stands."""

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from bridge.settings import catalog
from bridge.settings.catalog import Kind
from bridge.settings.documents import Document, read_document
from bridge.settings.origins import (
    Given,
    Mistake,
    Origin,
    Path,
    dotted,
)
from bridge.settings.variables import read_dotenv, read_environment

DOCUMENT = "bridge.yaml"

_STAND_IN = "x" * 64
"""Stands for a secret that cannot be read, so that nothing else is said about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The winning value of every setting.

    Attributes:
        ranks: How strong the source of each was; the environment's is the highest.
    """

    given: dict[Path, Given] = field(default_factory=dict)
    ranks: dict[Path, int] = field(default_factory=dict)

    @property
    def origins(self) -> dict[Path, Origin]:
        """Where every value, and what lies inside it, was written."""
        return {
            place: origin for one in self.given.values() for place, origin in one.origins.items()
        }

    def add(self, given: Iterable[Given], rank: int) -> None:
        """Take over what a source holds; what was there before is weaker."""
        for one in given:
            self.given[one.path] = one
            self.ranks[one.path] = rank

    def only(self, *sections: str) -> "Merged":
        """Leave out what belongs to other sections."""
        given = {path: one for path, one in self.given.items() if path[0] in sections}
        return Merged(given=given, ranks={path: self.ranks[path] for path in given})

    def blame(self, path: Path, text: str) -> Mistake:
        """Say what is wrong at *path*, with where that, or the nearest thing around it, stands.

        Of what was given nowhere, the place around it in the document is told; that something
        else in its section came from a variable would only mislead.
        """
        origins, place = self.origins, path
        while place and place not in origins:
            place = place[:-1]
        if not place:
            beside = [one.origin for where, one in self.given.items() if where[:-1] == path[:-1]]
            around = [origin for origin in beside if not origin.key.isupper()]
            found = [*self._below(path), *around, None]
            return Mistake(key=dotted(path), text=text, origin=found[0])
        origin = origins[place]
        is_variable = origin.key.isupper()
        key = origin.key + dotted(path[len(place) :]) if is_variable else dotted(path)
        return Mistake(key=key, text=text, origin=origin)

    def _below(self, section: Path) -> list[Origin]:
        """List where the things in a section were written."""
        length = len(section)
        return [one.origin for path, one in self.given.items() if path[:length] == section]


def gather(environ: Mapping[str, str], folder: FilePath) -> tuple[Merged, list[Mistake]]:
    """Read the three sources; the strongest value of each setting wins."""
    process, dotenv = read_environment(environ), read_dotenv(folder / ".env")
    document = _document(process.config or dotenv.config, folder)
    merged = Merged()
    for rank, given in enumerate((document.given, dotenv.given, process.given)):
        merged.add(given, rank)
    return merged, [*process.mistakes, *dotenv.mistakes, *document.mistakes]


def _document(config: str, folder: FilePath) -> Document:
    path = folder / (config or DOCUMENT)
    if not config and not path.exists():
        return Document()
    return read_document(path, _name(path, folder))


def _name(path: FilePath, folder: FilePath) -> str:
    try:
        return str(path.relative_to(folder))
    except ValueError:
        return str(path)


def read_secret_files(merged: Merged, folder: FilePath) -> tuple[Merged, list[Mistake]]:
    """Put the content of files named by ``..._file`` in the place of the secrets themselves."""
    given, ranks, mistakes = dict(merged.given), dict(merged.ranks), list[Mistake]()
    for path, one in merged.given.items():
        secret = _secret_of(path, merged)
        if secret is None:
            continue
        del given[path]
        rank, other = merged.ranks[path], merged.ranks.get(secret, -1)
        if rank == other:
            both = f"{secret[-1]} and {path[-1]} are both given: use one"
            mistakes.append(_mistake(one.origin, both))
        elif rank > other:
            try:
                text = _content(folder / str(one.value))
            except ValueError as error:
                mistakes.append(_mistake(one.origin, str(error)))
                text = _STAND_IN
            given[secret] = Given(path=secret, value=text, origins={secret: one.origin})
            ranks[secret] = rank
    return Merged(given=given, ranks=ranks), mistakes


def _secret_of(path: Path, merged: Merged) -> Path | None:
    base = path[-1].removesuffix(catalog.FILE)
    if base == path[-1]:
        return None
    secret = (*path[:-1], base)
    if path[0] == catalog.FORGES:
        is_secret = base in catalog.secrets_of_driver(driver_of(path[1], merged))
    else:
        is_secret = catalog.leaves().get(secret) is Kind.SECRET
    return secret if is_secret else None


def _content(path: FilePath) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        msg = f"the file cannot be read: {error.strerror}"
        raise ValueError(msg) from error
    except ValueError as error:
        msg = "the file is no UTF-8 text, or this is no path"
        raise ValueError(msg) from error
    if not text:
        msg = "the file is empty"
        raise ValueError(msg)
    return text


def check_certificates(merged: Merged, folder: FilePath) -> tuple[Merged, list[Mistake]]:
    """Read what is to be trusted, and name it by its whole path from then on."""
    given, mistakes = dict(merged.given), list[Mistake]()
    for path, one in merged.given.items():
        if path[-1] != "ca_file":
            continue
        file = str(folder / str(one.value))
        given[path] = replace(one, value=file)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, FileNotFoundError) else "it is no PEM file"
            mistakes.append(_mistake(one.origin, f"certificates cannot be read: {said}"))
    return Merged(given=given, ranks=merged.ranks), mistakes


def driver_of(name: str, merged: Merged) -> str:
    """Name a forge's driver: its own name unless another one is given."""
    given = merged.given.get((catalog.FORGES, name, "driver"))
    return name if given is None else str(given.value)


def _mistake(origin: Origin, text: str) -> Mistake:
    return Mistake(key=origin.key, text=text, origin=origin)
