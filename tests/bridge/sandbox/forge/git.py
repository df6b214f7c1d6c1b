"""A person's git: the real binary in a clone of their own."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bridge.sandbox.forge.git import environment


class GitFailedError(Exception):
    """It ended with an error; the text is what it said."""


async def run_git(cwd: Path, *arguments: str) -> str:
    """Run git with nobody's configuration and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        "git",
        "-c",
        "user.name=alice",
        "-c",
        "user.email=alice@example.com",
        *arguments,
        cwd=cwd,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise GitFailedError(err.decode())
    return out.decode().strip()


@dataclass(frozen=True, slots=True)
class Clone:
    """A working copy."""

    folder: Path

    async def git(self, *arguments: str) -> str:
        return await run_git(self.folder, *arguments)

    async def commit(self, files: dict[str, str], message: str = "Change files") -> str:
        """Commit *files* and return the id."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        await self.git("add", "--all")
        await self.git("commit", "--quiet", "--message", message)
        return await self.git("rev-parse", "HEAD")


async def clone(url: str, folder: Path) -> Clone:
    await run_git(folder.parent, "clone", "--quiet", url, str(folder))
    return Clone(folder)
