"""What git prints about commits and files, read."""

from dataclasses import dataclass

_UNIT, _RECORD = "\x1f", "\x1e"
LOG_FORMAT = _UNIT.join(("%x1e%H", "%T", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An author or committer; *when* is ISO 8601 with an offset."""

    name: str
    email: str
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit, with the paths it changed against its first parent."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    modified: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What happened to one file.

    Attributes:
        status: Git's letter: A, M, D, R or T.
        path: The new name; of a deleted file the only one.
        previous: The old name of a renamed file.
        additions: Lines; 0 in binary files.
        blob: Object id of the new content; of the old one when the file is gone.
    """

    status: str
    path: str
    previous: str | None
    additions: int
    deletions: int
    blob: str


def read_log(printed: bytes) -> list[Commit]:
    """Read what ``log -z --name-status`` prints in `LOG_FORMAT`."""
    return [_commit(record) for record in printed.decode(errors="replace").split(_RECORD)[1:]]


def _commit(record: str) -> Commit:
    sha, tree, parents, *people, message, rest = record.split(_UNIT)
    words = [word for word in rest.lstrip("\n").split("\0") if word.strip("\n")]
    changes = list(zip(words[::2], words[1::2], strict=True))
    return Commit(
        sha=sha,
        tree=tree,
        parents=tuple(parents.split()),
        author=Person(name=people[0], email=people[1], when=people[2]),
        committer=Person(name=people[3], email=people[4], when=people[5]),
        message=message.rstrip("\n"),
        added=tuple(path for letter, path in changes if letter.strip() == "A"),
        removed=tuple(path for letter, path in changes if letter.strip() == "D"),
        modified=tuple(path for letter, path in changes if letter.strip() in {"M", "T"}),
    )


def read_diff(printed: bytes) -> list[FileChange]:
    """Read what ``diff --raw --numstat -z`` prints: first the raw entries, then the counts."""
    words = printed.decode(errors="surrogateescape").split("\0")
    raw: dict[str, tuple[str, str | None, str]] = {}
    counts: dict[str, tuple[int, int]] = {}
    at = 0
    while at < len(words) and words[at].startswith(":"):
        _, _, old, new, letter = words[at].split(" ")
        renamed = letter[0] in "RC"
        previous, path = (words[at + 1], words[at + 2]) if renamed else (None, words[at + 1])
        raw[path] = (letter[0], previous, old if letter[0] == "D" else new)
        at += 3 if renamed else 2
    while at < len(words) and words[at]:
        added, deleted, path = words[at].split("\t")
        at += 1
        if not path:
            path = words[at + 1]
            at += 2
        counts[path] = (int(added) if added != "-" else 0, int(deleted) if deleted != "-" else 0)
    return [
        FileChange(
            status=letter, path=path, previous=previous, blob=blob,
            additions=counts.get(path, (0, 0))[0], deletions=counts.get(path, (0, 0))[1],
        )
        for path, (letter, previous, blob) in raw.items()
    ]  # fmt: skip
