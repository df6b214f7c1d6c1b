"""Real git, as little of it as a forge needs.

Repositories are bare; every call runs the ``git`` binary with the caller's own configuration shut
out. Object ids are 40 hexadecimal digits throughout.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.sandbox.forge.loose import is_object_id, is_readable, read_ref, read_refs
from bridge.sandbox.forge.objects import (
    LOG_FORMAT,
    Commit,
    FileChange,
    read_diff,
    read_log,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTHING = "0" * 40
"""Stands for "no object": before a ref was made, after it was deleted."""

_CONFIG = """\
[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	logAllRefUpdates = false
[http]
	receivepack = true
[uploadpack]
	allowAnySHA1InWant = true
[receive]
	hideRefs = refs/pull
	autogc = false
[gc]
	auto = 0
"""
_FOLLOWED = ("refs/heads", "refs/tags")


class GitError(Exception):
    """Git refused; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Git:
    """One bare repository.

    What is asked about commits by their ids never changes, and is asked once.
    """

    path: Path
    _known: dict[tuple[str, ...], bytes] = field(default_factory=dict, repr=False, compare=False)

    def init(self, default_branch: str) -> None:
        """Create it empty, open to HTTP pushes (the server checks who may).

        By hand: it takes a twentieth of what ``git init`` does.
        """
        for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (self.path / folder).mkdir(parents=True)
        (self.path / "HEAD").write_text(f"ref: refs/heads/{default_branch}\n")
        (self.path / "config").write_text(_CONFIG)

    async def run(self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> bytes:
        """Run one command and return what it printed.

        Raises:
            GitError: It ended with another exit code than 0.
        """
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=cwd or self.path,
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin)
        if process.returncode:
            msg = f"git {arguments[0]}: {(err or out).decode(errors='replace').strip()}"
            raise GitError(msg)
        return out

    async def recall(self, *arguments: str) -> bytes:
        """Run a command whose answer is settled by the object ids in it; see run."""
        known = self._known.get(arguments)
        if known is None:
            known = self._known[arguments] = await self.run(*arguments)
        return known

    async def ask(self, *arguments: str) -> str | None:
        """Return one line of answer, None when git says there is none.

        What is said about a whole object id stays so, that there is none does not.
        """
        settled = is_object_id(arguments[-1].removesuffix("^{commit}"))
        try:
            said = await (self.recall if settled else self.run)(*arguments)
        except GitError:
            return None
        return said.decode().strip() or None

    async def refs(self) -> dict[str, str]:
        """Map branches and tags, by full name, to what they point at (a tag object, if so)."""
        if all(is_readable(self.path, folder) for folder in _FOLLOWED):
            return read_refs(self.path, *_FOLLOWED)
        listed = await self.run("for-each-ref", "--format=%(objectname) %(refname)", *_FOLLOWED)
        pairs = (line.split(" ", 1) for line in listed.decode().splitlines())
        return {name: sha for sha, name in pairs}

    async def tip(self, branch: str) -> str | None:
        """Return the commit a branch is at, None when there is no such branch."""
        return await self._ref(f"refs/heads/{branch}")

    async def commit_id(self, name: str) -> str | None:
        """Resolve a branch, tag or (shortened) id to a commit; None when it is none."""
        if not name or name.startswith("-") or ":" in name or "^" in name:
            return None
        for candidate in (f"refs/heads/{name}", f"refs/tags/{name}"):
            tip = await self._ref(candidate)
            found = await self._peel(tip) if tip else None
            if found:
                return found
        return await self._peel(name)

    async def kind_of(self, sha: str) -> str | None:
        """Return commit, tag, tree or blob; None when there is no such object."""
        return await self.ask("cat-file", "-t", sha)

    async def _ref(self, name: str) -> str | None:
        if is_readable(self.path, name):
            return read_ref(self.path, name)
        return await self.ask("rev-parse", "--verify", "--quiet", name)

    async def _peel(self, name: str) -> str | None:
        return await self.ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    async def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor, None for unrelated histories."""
        try:
            return (await self.recall("merge-base", one, other)).decode().strip() or None
        except GitError:
            return None

    async def merges_cleanly(self, one: str, other: str) -> bool:
        """Tell whether two commits go together without a person."""
        try:
            await self.recall("merge-tree", "--write-tree", one, other)
        except GitError:
            return False
        return True

    async def contains(self, tip: str, commit: str) -> bool:
        """Tell whether *commit* is *tip* or an ancestor of it."""
        return await self.merge_base(tip, commit) == commit

    async def count(self, span: str) -> int:
        """Count the commits of a range of ids, ``old..new``."""
        return int(await self.recall("rev-list", "--count", span))

    async def log(self, *span: str, limit: int, oldest_first: bool = False) -> list[Commit]:
        """List the newest *limit* commits of a range of ids, in topological order."""
        order = ["--reverse"] if oldest_first else []
        printed = await self.recall(
            "log", "-z", f"--format={LOG_FORMAT}", "--name-status", "--no-renames",
            "--diff-merges=first-parent", "--topo-order", *order, f"--max-count={limit}",
            *span, "--",
        )  # fmt: skip
        return read_log(printed)

    async def commit(self, sha: str) -> Commit:
        """Read one commit."""
        return (await self.log(sha, limit=1))[0]

    async def diff(self, old: str, new: str) -> list[FileChange]:
        """Compare two commits, renames detected, by path."""
        printed = await self.recall(
            "diff", "--raw", "--numstat", "-z", "--no-abbrev", "--find-renames", "-l0", old, new
        )
        return read_diff(printed)

    async def show(self, commit: str, path: str) -> tuple[str, bytes] | None:
        """Return a file's blob id and content, None when it is not there."""
        blob = await self.ask("rev-parse", "--verify", "--quiet", f"{commit}:{path}")
        if blob is None or await self.kind_of(blob) != "blob":
            return None
        return blob, await self.run("cat-file", "blob", blob)

    async def set_ref(self, name: str, sha: str) -> None:
        """Point a ref somewhere; `NOTHING` deletes it."""
        if sha == NOTHING:
            await self.run("update-ref", "-d", name)
        else:
            await self.run("update-ref", name, sha)

    async def fetch(self, source: Path, *refspecs: str) -> None:
        """Copy objects and refs from another repository on this disk."""
        await self.run("fetch", "--quiet", "--no-tags", str(source), *refspecs)

    async def write_commit(
        self,
        parent: str | None,
        files: Mapping[str, str | bytes | None],
        *,
        message: str,
        author: tuple[str, str],
        when: int,
    ) -> str:
        """Make a commit and return its id; no ref moves, a file that is None goes away.

        One ``fast-import`` whatever the number of files: thousands take a moment.
        """
        name, email = author
        stamp = f"{name} <{email}> {when} +0000\n".encode()
        ref = self.spare_ref()
        parts = [f"commit {ref}\nmark :1\n".encode(), b"author ", stamp, b"committer ", stamp]
        parts.append(_data(message.encode()))
        if parent:
            parts.append(f"from {parent}\n".encode())
        parts += [_file(path, content) for path, content in files.items()]
        # Say what was made, and let go of the ref it was made on.
        parts.append(f"get-mark :1\nreset {ref}\nfrom {NOTHING}\n".encode())
        return (
            (await self.run("fast-import", "--quiet", "--force", stdin=b"".join(parts)))
            .decode()
            .strip()
        )

    def spare_ref(self) -> str:
        """Name a ref that nobody else uses, for the moment between two commands."""
        return f"refs/sandbox/{secrets.token_hex(8)}"

    async def merge(
        self, base: str, head: str, *, method: str, message: str, author: tuple[str, str]
    ) -> str:
        """Combine two commits as *method* (merge, squash, rebase) does; no ref moves.

        Raises:
            GitError: They do not go together without a person.
        """
        identity = ["-c", f"user.name={author[0]}", "-c", f"user.email={author[1]}"]
        async with self._worktree(head if method == "rebase" else base) as tree:
            for command in _MERGES[method]:
                words = [word.format(base=base, head=head, message=message) for word in command]
                await self.run(*identity, *words, cwd=tree)
            return (await self.run("rev-parse", "HEAD", cwd=tree)).decode().strip()

    @asynccontextmanager
    async def _worktree(self, commit: str) -> "AsyncIterator[Path]":
        folder = Path(tempfile.mkdtemp(prefix="merge-", dir=self.path.parent))
        tree = folder / "tree"
        await self.run("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            await self.run("worktree", "prune")


_MERGES: Mapping[str, Sequence[Sequence[str]]] = {
    "merge": (("merge", "--quiet", "--no-ff", "-m", "{message}", "{head}"),),
    "squash": (
        ("merge", "--quiet", "--squash", "{head}"),
        ("commit", "--quiet", "--allow-empty", "-m", "{message}"),
    ),
    "rebase": (("rebase", "--quiet", "{base}"),),
}


def environment() -> dict[str, str]:
    """Return the variables git runs with: nobody's configuration, no questions."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


def _data(content: bytes) -> bytes:
    return b"data %d\n" % len(content) + content + b"\n"


def _file(path: str, content: str | bytes | None) -> bytes:
    # fast-import takes everything up to the end of the line as the name, unless it is quoted.
    name = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if content is None:
        return f"D {name}\n".encode()
    raw = content.encode() if isinstance(content, str) else content
    return f"M 100644 inline {name}\n".encode() + _data(raw)
