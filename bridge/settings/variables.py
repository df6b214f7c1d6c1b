"""Reading the environment and ``.env``: the same names, with the line where there is one."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from dotenv.parser import parse_stream

from bridge.settings import catalog
from bridge.settings.origins import ENVIRONMENT, Given, Mistake, Origin, Path, did_you_mean

DOTENV = ".env"

_FORGE_OPTION_PARTS = 3
_KUBERNETES = re.compile(r"BRIDGE_(PORT|SERVICE)(_.*)?")
"""What Kubernetes injects for a Service named bridge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """What one of the two sources holds.

    Attributes:
        config: Path of bridge.yaml as given; empty when it is not.
    """

    given: list[Given] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    config: str = ""


def read_environment(environ: Mapping[str, str]) -> Variables:
    """Read the variables of the process."""
    return _read(
        (Origin(source=ENVIRONMENT, key=name), value) for name, value in sorted(environ.items())
    )


def read_dotenv(path: FilePath) -> Variables:
    """Read a ``.env`` file; names without the prefix belong to somebody else.

    Values are taken as they are: ``${...}`` is not replaced, so that no password breaks.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return Variables()
    except (OSError, UnicodeError) as error:
        return Variables(mistakes=[Mistake(key=DOTENV, text=f"cannot be read: {_cause(error)}")])
    bindings = list(parse_stream(io.StringIO(text)))
    read = _read(
        (Origin(source=DOTENV, key=one.key, line=_line(one.original)), one.value or "")
        for one in bindings
        if one.key and not one.error
    )
    broken = [
        Mistake(
            key="",
            text="NAME=value is needed here",
            origin=Origin(source=DOTENV, key="", line=_line(one.original)),
        )
        for one in bindings
        if one.error
    ]
    return Variables(given=read.given, mistakes=broken + read.mistakes, config=read.config)


def _read(named: Iterable[tuple[Origin, str]]) -> Variables:
    read, config = Variables(), ""
    for origin, value in named:
        name = origin.key.upper()
        if not name.startswith(catalog.PREFIX) or not value.strip():
            continue  # somebody else's; or set to nothing, which is how compose says "not set"
        if name == catalog.CONFIG:
            config = value
        elif _is_kubernetes(name, value):
            continue
        else:
            _take(read, name, value, origin)
    return Variables(given=read.given, mistakes=read.mistakes, config=config)


def _take(read: Variables, name: str, value: str, origin: Origin) -> None:
    path = tuple(name.removeprefix(catalog.PREFIX).lower().split("__"))
    if path in catalog.leaves() or _is_forge_option(path):
        read.given.append(Given(path=path, value=value, origins={path: origin}))
        return
    if path in catalog.sections():
        text = f"this is a section: set {name}__... for what is in it"
    else:
        text = f"there is no such setting{_suggestion(name, path)}"
    read.mistakes.append(Mistake(key=origin.key, text=text, origin=origin))


def _is_forge_option(path: Path) -> bool:
    # Which options there are is the driver's business; it is asked when the driver is known.
    return len(path) == _FORGE_OPTION_PARTS and path[0] == catalog.FORGES and all(path)


def _is_kubernetes(name: str, value: str) -> bool:
    # Kubernetes never writes a bare number into BRIDGE_PORT; somebody who wants a port does.
    return bool(_KUBERNETES.fullmatch(name)) and not (name == "BRIDGE_PORT" and value.isdigit())


def _suggestion(name: str, path: Path) -> str:
    if name == "BRIDGE_PORT":
        return "; did you mean BRIDGE_LISTEN__PORT?"
    return did_you_mean(name, _known(path))


def _known(path: Path) -> Sequence[str]:
    names = [catalog.variable(known) for known in catalog.leaves()]
    names.append(catalog.CONFIG)
    instance = path[1] if len(path) > 1 else "github"
    names += [
        catalog.variable((catalog.FORGES, instance, option)) for option in catalog.option_names()
    ]
    return names


def _line(original: object) -> int:
    # The parser counts a statement from the blank lines and comments before it.
    text, line = str(getattr(original, "string", "")), int(getattr(original, "line", 1))
    return line + len(re.match(r"\s*", text)[0].split("\n")) - 1  # type: ignore[index] # it always matches


def _cause(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is no UTF-8 text"
