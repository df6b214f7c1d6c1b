"""From the three sources to Settings, or to everything that is wrong with them."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.forges import DRIVERS, CheckedForge, OptionsError, check
from bridge.settings import catalog
from bridge.settings.agreeing import check_together
from bridge.settings.catalog import Kind
from bridge.settings.commands import AccessSettings
from bridge.settings.merging import Merged, check_certificates, driver_of, gather, read_secret_files
from bridge.settings.model import Settings
from bridge.settings.origins import (
    InvalidSettingsError,
    Mistake,
    Path,
    did_you_mean,
)
from bridge.settings.sections import AppAccess, RuleSettings, TerrakubeAccess
from bridge.settings.values import split_words

_FORGE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TERRAKUBE = "terrakube"
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
    merged, mistakes = gather(environ, folder)
    merged, unread = read_secret_files(merged, folder)
    merged, untrusted = check_certificates(merged, folder)
    forges, wrong_forges = _check_forges(merged)
    mistakes += unread + untrusted + wrong_forges
    tree = _tree(merged)
    # Checked with whatever forges are right, so that all other mistakes are told as well.
    settings, wrong = _validate(merged, {**tree, catalog.FORGES: forges})
    mistakes += wrong
    if settings is not None:
        mistakes += check_together(settings, merged)
    if not forges and not wrong_forges:
        mistakes.append(_no_forge())
    if not merged.given and not unread:
        mistakes.append(_nothing_given(folder))
    if mistakes or settings is None:
        raise InvalidSettingsError(_sorted(mistakes))
    settings.remember(merged.origins)
    return settings


def load_terrakube_settings(environ: Mapping[str, str], folder: FilePath) -> TerrakubeAccess:
    """Read only what it takes to talk to Terrakube; nothing else needs to be there, or be right.

    Variables and keys that do not exist are mistakes even so: one may be a misspelt token.

    Raises:
        InvalidSettingsError: Something is wrong; it tells every mistake.
    """
    merged, mistakes = gather(environ, folder)
    merged = merged.only(_TERRAKUBE)
    merged, unread = read_secret_files(merged, folder)
    merged, untrusted = check_certificates(merged, folder)
    mistakes += unread + untrusted
    try:
        settings = TerrakubeAccess.model_validate(_tree(merged)[_TERRAKUBE])
    except ValidationError as error:
        wrong = [_explained((_TERRAKUBE,), one, merged, ()) for one in _errors(error)]
        raise InvalidSettingsError(_sorted(mistakes + wrong)) from error
    if mistakes:
        raise InvalidSettingsError(_sorted(mistakes))
    return settings


def load_app_settings(environ: Mapping[str, str], folder: FilePath) -> AppAccess:
    """Read only what a Slack app is made from; nothing needs to be there.

    Variables and keys that do not exist are mistakes even so: one may be a misspelt address.

    Raises:
        InvalidSettingsError: Something is wrong; it tells every mistake.
    """
    merged, mistakes = gather(environ, folder)
    merged, unread = read_secret_files(merged.only(*AppAccess.model_fields), folder)
    mistakes += unread
    tree = {name: one for name, one in _tree(merged).items() if name in AppAccess.model_fields}
    try:
        settings = AppAccess.model_validate(tree)
    except ValidationError as error:
        wrong = [_explained((), one, merged, ()) for one in _errors(error)]
        raise InvalidSettingsError(_sorted(mistakes + wrong)) from error
    if mistakes:
        raise InvalidSettingsError(_sorted(mistakes))
    return settings


def _nothing_given(folder: FilePath) -> Mistake:
    text = f"no BRIDGE_ variable is set, and {folder} has no .env or bridge.yaml with a setting"
    return Mistake(key="", text=f"{text}: is this the right folder?")


def _check_forges(merged: Merged) -> tuple[dict[str, CheckedForge], list[Mistake]]:
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


def _options(name: str, merged: Merged) -> dict[str, Any]:
    lists = catalog.lists_of_driver(driver_of(name, merged))
    return {
        path[2]: split_words(one.value) if path[2] in lists else one.value
        for path, one in merged.given.items()
        if path[:2] == (catalog.FORGES, name)
    }


def _of_forge(name: str, error: OptionsError, merged: Merged) -> list[Mistake]:
    section = (catalog.FORGES, name)
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        known = DRIVERS[driver_of(name, merged)].options.model_fields
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


def _tree(merged: Merged) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, one in merged.given.items():
        if path[0] == catalog.FORGES:
            continue
        section = tree
        for part in path[:-1]:
            section = section.setdefault(part, {})
        section[path[-1]] = one.value
    tree.setdefault(_TERRAKUBE, {})
    return tree


def _validate(merged: Merged, tree: Mapping[str, Any]) -> tuple[Settings | None, list[Mistake]]:
    try:
        return Settings.model_validate(tree), []
    except ValidationError as error:
        return None, [_explained((), one, merged, ()) for one in _errors(error)]


def _errors(error: ValidationError) -> Sequence[ErrorDetails]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [one for one in found if not _is_other_way(one)]


def _is_other_way(error: ErrorDetails) -> bool:
    """Whether it only says that an address is not the empty text it might be as well."""
    return error["type"] == "literal_error" and str(error["loc"][-1]).startswith("literal[")


def _explained(
    section: Path, error: ErrorDetails, merged: Merged, known: Collection[str]
) -> Mistake:
    # Names that pydantic gives to the ways a value may take are no keys.
    path = (*section, *(str(part) for part in error["loc"] if "[" not in str(part)))
    match error["type"]:
        case "missing":
            return merged.blame(path, f"is missing{_how_to_set(path)}")
        case "extra_forbidden":
            names = known or _rule_keys(path)
            return merged.blame(path, f"there is no such setting{did_you_mean(path[-1], names)}")
        case _:
            return merged.blame(path, _plainly(error))


_PLAINLY: Mapping[str, str] = {
    "bool_parsing": "true or false is needed",
    "bool_type": "true or false is needed",
    "int_parsing": "a whole number is needed",
    "int_type": "a whole number is needed",
    "tuple_type": "a list is needed",
}


def _plainly(error: ErrorDetails) -> str:
    said = error["msg"].removeprefix("Value error, ")
    return _PLAINLY.get(error["type"]) or said.replace("Input should be", "must be", 1)


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


def _sorted(mistakes: Sequence[Mistake]) -> Sequence[Mistake]:
    """Put the mistakes of one source together, in the order of its lines."""

    def place(mistake: Mistake) -> tuple[str, int]:
        origin = mistake.origin
        return ("", 0) if origin is None else (origin.source, origin.line or 0)

    return sorted(mistakes, key=place)
