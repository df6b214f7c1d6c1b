"""Refs as the files git keeps them in: reading one takes a hundredth of what asking git does.

Nothing here packs refs; where something did, and for names that are not plain, git is asked.
"""

import re
from pathlib import Path
from typing import Final

_PART: Final = r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*"
_PLAIN: Final = re.compile(rf"{_PART}(?:/{_PART})*")
_OBJECT: Final = re.compile(r"[0-9a-f]{40}")


def is_readable(repository: Path, name: str) -> bool:
    """Tell whether a file says all there is to know about a ref, or refs under a folder."""
    plain = _PLAIN.fullmatch(name) and not re.search(r"\.\.|\.lock(?:/|$)|\.(?:/|$)", name)
    return bool(plain) and not (repository / "packed-refs").exists()


def is_object_id(name: str) -> bool:
    """Tell whether it is a whole id, which means the same object for ever."""
    return _OBJECT.fullmatch(name) is not None


def read_ref(repository: Path, name: str) -> str | None:
    """Return what a ref points at, None when there is none."""
    try:
        said = (repository / name).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return said if is_object_id(said) else None


def read_refs(repository: Path, *folders: str) -> dict[str, str]:
    """Map the full names of all refs under these folders to what they point at, by name."""
    files = (path for folder in folders for path in (repository / folder).rglob("*"))
    names = sorted(path.relative_to(repository).as_posix() for path in files)
    found = ((name, read_ref(repository, name)) for name in names if not name.endswith(".lock"))
    return {name: sha for name, sha in found if sha is not None}
