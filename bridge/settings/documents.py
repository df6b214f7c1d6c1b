"""Reading ``bridge.yaml`` with the line of every key.

Scalars are taken as they are written, so that ``on:`` is a key, ``no`` a branch and ``1.10`` a
version: what a value has to be is the model's business, as with variables. Nothing (``~``) is
like not writing the key.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import yaml  # type: ignore[import-untyped] # its stubs would be one more locked package

from bridge.settings import catalog
from bridge.settings.origins import Given, Mistake, Origin, Path, did_you_mean, dotted

_NULL = "tag:yaml.org,2002:null"
_DEEPEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file holds."""

    given: list[Given] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


def read_document(path: FilePath, name: str) -> Document:
    """Read a file; *name* is how people find it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        root = _compose(text)
    except OSError as error:
        return _unreadable(f"{name} cannot be read: {error.strerror}")
    except ValueError:
        return _unreadable(f"{name!r} is no UTF-8 text, or no path")
    except yaml.YAMLError as error:
        return _unreadable(_problem(error), _where(error, name))
    return _Reading(name).read(root)


class _Reading:
    """One pass through a document."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._document = Document()

    def read(self, root: yaml.Node | None) -> Document:
        if root is not None and not _is_null(root):
            self._section(root, ())
        return self._document

    def _section(self, node: yaml.Node, path: Path) -> None:
        if not isinstance(node, yaml.MappingNode):
            self._say(path, node, "this is a section: keys are needed below it")
            return
        for key, value in self._entries(node, path):
            place = (*path, key)
            if _is_null(value):
                continue
            if place in catalog.sections():
                self._forges(value) if place == (catalog.FORGES,) else self._section(value, place)
            elif place in catalog.leaves():
                self._leaf(value, place)
            else:
                known = catalog.keys_in(path)
                self._say(place, value, f"there is no such setting{did_you_mean(key, known)}")

    def _forges(self, node: yaml.Node) -> None:
        if not isinstance(node, yaml.MappingNode):
            self._say((catalog.FORGES,), node, "this is a section: a forge's name is needed below")
            return
        for name, section in self._entries(node, (catalog.FORGES,)):
            place = (catalog.FORGES, name)
            if not isinstance(section, yaml.MappingNode):
                self._say(place, section, "options are needed below it, such as driver and url")
                continue
            for option, value in self._entries(section, place):
                if not _is_null(value):
                    self._leaf(value, (*place, option))

    def _leaf(self, node: yaml.Node, path: Path) -> None:
        origins: dict[Path, Origin] = {}
        value = self._value(node, path, origins)
        self._document.given.append(Given(path=path, value=value, origins=origins))

    def _value(self, node: yaml.Node, path: Path, origins: dict[Path, Origin]) -> object:
        origins[path] = self._origin(path, node)
        if len(path) > _DEEPEST:
            self._say(path, node, "this is nested too deeply")
            return ""
        match node:
            case yaml.SequenceNode():
                return [
                    self._value(item, (*path, str(number)), origins)
                    for number, item in enumerate(node.value)
                    if not _is_null(item)
                ]
            case yaml.MappingNode():
                return {
                    key: self._value(item, (*path, key), origins)
                    for key, item in self._entries(node, path)
                    if not _is_null(item)
                }
            case _:
                return str(node.value)

    def _entries(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._say(path, key, "a key must be a word")
            elif key.value == "<<":
                self._say(path, key, "merge keys (<<) are not supported: write the keys out")
            elif key.value in seen:
                self._say((*path, key.value), key, "this key is there twice")
            else:
                seen.add(key.value)
                # The line of the key, also where the value begins below it.
                value.start_mark.key_line = key.start_mark.line
                yield str(key.value), value

    def _say(self, path: Path, node: yaml.Node, text: str) -> None:
        origin = self._origin(path, node)
        self._document.mistakes.append(Mistake(key=origin.key, text=text, origin=origin))

    def _origin(self, path: Path, node: yaml.Node) -> Origin:
        mark = node.start_mark
        line = getattr(mark, "key_line", mark.line)
        return Origin(source=self._name, key=dotted(path), line=line + 1)


def _compose(text: str) -> yaml.Node | None:
    loader = yaml.SafeLoader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


def _unreadable(text: str, origin: Origin | None = None) -> Document:
    return Document(mistakes=[Mistake(key="", text=text, origin=origin)])


def _problem(error: yaml.YAMLError) -> str:
    # What the parser quotes may be a secret: only short signs such as ':' are left.
    problem = getattr(error, "problem", None) or "it cannot be read"
    shown = re.sub(r"'[^']{4,}'", "...", str(problem))
    return f"this is no YAML: {shown}"


def _where(error: yaml.YAMLError, name: str) -> Origin | None:
    mark = getattr(error, "problem_mark", None)
    return Origin(source=name, key="", line=None if mark is None else mark.line + 1)
