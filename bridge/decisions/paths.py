"""Globs and changed files.

Globs are those of Git hosting: ``*`` stays within one segment, ``**`` crosses them, ``{a,b}``
chooses, ``!`` takes out again what an earlier one let in; hidden names are not special.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice, takewhile

from wcmatch import glob
from wcmatch._wcparse import PatternLimitException
from wcmatch.glob import WcMatcher

from bridge.domain.vcs import ChangedFiles

MOST_ALTERNATIVES = 1_000
"""What the braces of one glob may stand for."""

_FLAGS = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB | glob.NEGATE | glob.FORCEUNIX
_LONGEST = 300
_DEEPEST = 32  # folders
_ANY = 0  # each glob was checked by itself; a list of them may stand for more
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Two slashes are as good as one, so they are left to whoever compares.
_UP_TO_SIGN = re.compile(r"(?:[^*?\[\]{}!\\/|]|/(?!/|$))*")

_PROBLEMS: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda pattern: not pattern.removeprefix("!").strip(), "is empty"),
    (lambda pattern: len(pattern) > _LONGEST, f"is longer than {_LONGEST} characters"),
    (_CONTROL.search, "holds a control character"),
    (lambda pattern: "\\" in pattern, "holds a backslash; nothing needs one here"),
    (lambda pattern: pattern.removeprefix("!").startswith("/"), "begins with a slash"),
    (lambda pattern: ".." in _segments(pattern), "goes up (..)"),
    (lambda pattern: _is_open(pattern, "[", "]"), "has a bracket that is not closed"),
    (lambda pattern: _is_open(pattern, "{", "}"), "has a brace that is not closed"),
)


def check_glob(pattern: str, *, most: int = MOST_ALTERNATIVES) -> str | None:
    """Say what is wrong with a glob; None when it is well formed.

    The sentence begins after the pattern: "has a bracket that is not closed".

    Args:
        pattern: As typed.
        most: Alternatives its braces may stand for: each takes time, and some are typed by anybody.
    """
    for is_wrong, problem in _PROBLEMS:
        if is_wrong(pattern):
            return problem
    try:
        _compile((pattern,), most)
    except (re.error, ValueError, PatternLimitException):
        return "is too complicated, or means nothing"
    return None


def matches(name: str, globs: Sequence[str]) -> bool:
    """Tell whether a path, branch, tag or ``organization/workspace`` matches one of *globs*."""
    return bool(globs) and bool(_compile(tuple(globs), _ANY).match(_composed(name)))


def matched(names: Iterable[str], globs: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Say which of *names* each of *globs* matches, sorted; for many of both.

    Each glob is made ready once, and is compared only with what begins as it does.
    """
    ordered = sorted({_composed(name): name for name in names}.items())
    return {one: _matched(one, ordered) for one in dict.fromkeys(globs)}


def _matched(pattern: str, ordered: Sequence[tuple[str, str]]) -> Sequence[str]:
    start = _UP_TO_SIGN.match(_composed(pattern))[0]  # type: ignore[index] # it matches nothing, too
    at = bisect_left(ordered, (start, ""))
    near = takewhile(lambda one: one[0].startswith(start), islice(ordered, at, None))
    return [name for _, name in near if matches(name, [pattern])]


def is_too_deep(path: str) -> bool:
    """Tell a path that nobody writes from others: several ``**`` would take minutes over it."""
    return path.count("/") > _DEEPEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Changed files, laid out so that a thousand workspaces can ask about three thousand files.

    Attributes:
        files: As the forge listed them.
        ordered: The paths as they compare, each with how it was listed; sorted. Not by folder:
            a stranger's pull request may hold three thousand paths of two thousand folders each.
    """

    files: ChangedFiles
    ordered: Sequence[tuple[str, str]] = field(repr=False)
    _among: dict[tuple[str, ...], str | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, files: ChangedFiles) -> "Changes":
        """Lay out a list of changed files."""
        return cls(files=files, ordered=sorted((_composed(path), path) for path in files.paths))

    def in_folder(self, folder: str) -> str | None:
        """Return the first changed path in *folder*; None when there is none."""
        # Whole segments: "app" must not claim "app-prod/main.tf".
        start = f"{_composed(folder)}/" if folder else ""
        at = bisect_left(self.ordered, (start, ""))
        if at < len(self.ordered) and self.ordered[at][0].startswith(start):
            return self.ordered[at][1]
        return None

    def among(self, globs: Sequence[str]) -> str | None:
        """Return the first changed path that matches one of *globs*; None when none does.

        One that is_too_deep to be compared counts as one that does.
        """
        key = tuple(globs)
        if key not in self._among:  # a rule's globs are asked about once for each workspace
            paths = self.files.paths
            found = (path for path in paths if is_too_deep(path) or matches(path, key))
            self._among[key] = next(found, None)
        return self._among[key]


def clean_folder(text: str) -> str | None:
    """Write a folder as paths are written; ``/``, ``.`` and nothing are the root (empty).

    None when it leaves the repository.
    """
    parts = [part for part in text.strip().split("/") if part not in {"", "."}]
    return None if ".." in parts else "/".join(parts)


@lru_cache(maxsize=1_000)
def _compile(globs: tuple[str, ...], most: int) -> WcMatcher[str]:
    return glob.compile([_composed(one) for one in globs], flags=_FLAGS, limit=most)


def _composed(text: str) -> str:
    # A path typed on a Mac and the same one typed elsewhere differ in their bytes only.
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _segments(pattern: str) -> Sequence[str]:
    return re.split(r"[/,{}]", pattern)


def _is_open(pattern: str, opening: str, closing: str) -> bool:
    depth = 0
    for sign in pattern:
        if sign == opening:
            depth += 1
        elif sign == closing and depth:
            depth -= 1
        elif sign == closing and closing == "}":
            return True
    return depth > 0
