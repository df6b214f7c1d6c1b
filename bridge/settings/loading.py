"""From the three sources to Settings, or to everything that is wrong with them."""

import re
import ssl
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.forges import DRIVERS, CheckedForge, OptionsError, check
from bridge.settings import catalog
from bridge.settings.catalog import Kind
from bridge.settings.documents import Document, read_document
from bridge.settings.model import AccessSettings, RuleSettings, Settings
from bridge.settings.origins import (
    Given,
    InvalidSettingsError,
    Mistake,
    Origin,
    Path,
    did_you_mean,
    dotted,
)
from bridge.settings.values import split_words
from bridge.settings.variables import read_dotenv, read_environment

DOCUMENT = "bridge.yaml"

_FORGE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TAKEN = frozenset({"terrakube", "noticed", "reconcile", "slack"})
"""Names no forge may have: other routes, and the deliveries the bridge writes itself."""


def load_settings(environ: Mapping[str, str], folder: FilePath) -> Settings:
    """Read and check everything.

    Args:
        environ: Variables of the process.
        folder: Working directory: where ``.env`` is, and what relative paths start from.

    Raises:
        InvalidSettingsError: Something is wrong; it tells every mistake.
    """
    merged, mistakes = _gather(environ, folder)
    merged, unread = _read_secret_files(merged, folder)
    merged, untrusted = _check_certificates(merged, folder)
    forges, wrong_forges = _check_forges(merged)
    mistakes += unread + untrusted + wrong_forges
    tree = _tree(merged)
    # Checked with whatever forges are right, so that all other mistakes are told as well.
    settings, wrong = _validate(merged, {**tree, catalog.FORGES: forges})
    mistakes += wrong
    if not forges and not wrong_forges:
        mistakes.append(_no_forge())
    if mistakes or settings is None:
        raise InvalidSettingsError(_sorted(mistakes))
    settings.remember(merged.origins)
    return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Merged:
    """The winning value of every setting.

    Attributes:
        ranks: How strong the source of each was; the environment's is the highest.
    """

    given: dict[Path, Given] = field(default_factory=dict)
    ranks: dict[Path, int] = field(default_factory=dict)

    @property
    def origins(self) -> dict[Path, Origin]:
        return {
            place: origin for one in self.given.values() for place, origin in one.origins.items()
        }

    def add(self, given: Iterable[Given], rank: int) -> None:
        for one in given:
            self.given[one.path] = one
            self.ranks[one.path] = rank

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


def _gather(environ: Mapping[str, str], folder: FilePath) -> tuple[_Merged, list[Mistake]]:
    process, dotenv = read_environment(environ), read_dotenv(folder / ".env")
    document = _document(process.config or dotenv.config, folder)
    merged = _Merged()
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


def _read_secret_files(merged: _Merged, folder: FilePath) -> tuple[_Merged, list[Mistake]]:
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
                text = "unknown"
            given[secret] = Given(path=secret, value=text, origins={secret: one.origin})
            ranks[secret] = rank
    return _Merged(given=given, ranks=ranks), mistakes


def _secret_of(path: Path, merged: _Merged) -> Path | None:
    base = path[-1].removesuffix(catalog.FILE)
    if base == path[-1]:
        return None
    secret = (*path[:-1], base)
    if path[0] == catalog.FORGES:
        is_secret = base in catalog.secrets_of_driver(_driver(path[1], merged))
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


def _check_certificates(merged: _Merged, folder: FilePath) -> tuple[_Merged, list[Mistake]]:
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
    return _Merged(given=given, ranks=merged.ranks), mistakes


def _driver(name: str, merged: _Merged) -> str:
    given = merged.given.get((catalog.FORGES, name, "driver"))
    return name if given is None else str(given.value)


def _check_forges(merged: _Merged) -> tuple[dict[str, CheckedForge], list[Mistake]]:
    key = merged.given.get(("secret_key",))
    names = dict.fromkeys(path[1] for path in merged.given if path[0] == catalog.FORGES)
    forges: dict[str, CheckedForge] = {}
    mistakes: list[Mistake] = []
    for name in names:
        section = (catalog.FORGES, name)
        if not _FORGE_NAME.fullmatch(name) or name in _TAKEN:
            text = (
                "this name is taken: use another"
                if name in _TAKEN
                else "a forge's name is made of a-z and 0-9, its words joined by one _ (gitea_eu)"
            )
            mistakes.append(merged.blame(section, text))
            continue
        try:
            forges[name] = check(
                name, _options(name, merged), hook_key=str(key.value).encode() if key else None
            )
        except OptionsError as error:
            mistakes += _of_forge(name, error, merged)
    return forges, mistakes


def _options(name: str, merged: _Merged) -> dict[str, Any]:
    lists = catalog.lists_of_driver(_driver(name, merged))
    return {
        path[2]: split_words(one.value) if path[2] in lists else one.value
        for path, one in merged.given.items()
        if path[:2] == (catalog.FORGES, name)
    }


def _of_forge(name: str, error: OptionsError, merged: _Merged) -> list[Mistake]:
    section = (catalog.FORGES, name)
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        known = DRIVERS[_driver(name, merged)].options.model_fields
        return [_explained(section, one, merged, known) for one in _errors(cause)]
    text = str(error).removeprefix(f"forge {name!r}: ").removeprefix(f"forge {name!r} ")
    path = (*section, error.key) if error.key else section
    if error.key == "webhook_secret" and path not in merged.given:
        text = (
            "there is none, so deliveries could not be verified and its route does not start: set "
            f"{catalog.variable(path)} (for an App's or an organization's hook), or "
            "BRIDGE_SECRET_KEY and let webhooks install make the hooks"
        )
    return [merged.blame(path, text)]


def _no_forge() -> Mistake:
    text = (
        "at least one is needed: set BRIDGE_FORGES__GITHUB__TOKEN and "
        "BRIDGE_FORGES__GITHUB__WEBHOOK_SECRET, for example"
    )
    return Mistake(key=catalog.FORGES, text=text)


def _tree(merged: _Merged) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, one in merged.given.items():
        if path[0] == catalog.FORGES:
            continue
        section = tree
        for part in path[:-1]:
            section = section.setdefault(part, {})
        section[path[-1]] = one.value
    tree.setdefault("terrakube", {})
    return tree


def _validate(merged: _Merged, tree: Mapping[str, Any]) -> tuple[Settings | None, list[Mistake]]:
    try:
        return Settings.model_validate(tree), []
    except ValidationError as error:
        return None, [_explained((), one, merged, ()) for one in _errors(error)]


def _errors(error: ValidationError) -> Sequence[ErrorDetails]:
    return error.errors(include_url=False, include_context=False, include_input=False)


def _explained(
    section: Path, error: ErrorDetails, merged: _Merged, known: Collection[str]
) -> Mistake:
    path = (*section, *(str(part) for part in error["loc"]))
    match error["type"]:
        case "missing":
            return merged.blame(path, f"is missing{_how_to_set(path)}")
        case "extra_forbidden":
            names = known or _rule_keys(path)
            return merged.blame(path, f"there is no such setting{did_you_mean(path[-1], names)}")
        case _:
            return merged.blame(path, error["msg"].removeprefix("Value error, "))


def _how_to_set(path: Path) -> str:
    if any(part.isdigit() for part in path):
        return ""
    kinds = catalog.leaves()
    is_secret = kinds.get(path) is Kind.SECRET or path[-1] == "token"
    name = catalog.variable(path)
    return f": set {name} or {name}_FILE" if is_secret else f": set {name}"


def _rule_keys(path: Path) -> Collection[str]:
    models: Mapping[str, type[BaseModel]] = {"rules": RuleSettings, "access": AccessSettings}
    model = models.get(path[0])
    return model.model_fields if model else ()


def _mistake(origin: Origin, text: str) -> Mistake:
    return Mistake(key=origin.key, text=text, origin=origin)


def _sorted(mistakes: Sequence[Mistake]) -> Sequence[Mistake]:
    """Put the mistakes of one source together, in the order of its lines."""

    def place(mistake: Mistake) -> tuple[str, int]:
        origin = mistake.origin
        return ("", 0) if origin is None else (origin.source, origin.line or 0)

    return sorted(mistakes, key=place)
