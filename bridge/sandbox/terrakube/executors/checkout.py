"""A clone of the workspace's repository at the right commit, failing as the server's does."""

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bridge.sandbox.terrakube.model import Job

_FAILED = "Failed to prepare work dir\norg.eclipse.jgit.api.errors."


class CheckoutError(Exception):
    """The work folder cannot be prepared; the text is the whole log of the step."""


async def check_out(job: Job, folder: Path) -> Path:
    """Clone into *folder*, note the commit in the job, and return where terraform runs.

    A branch must exist even when a commit is given; ``refs/tags/x`` is no branch (contract 3.1).

    Raises:
        CheckoutError: The repository, branch, commit or folder does not exist.
    """
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    try:
        commit = await _cloned(job, folder)
    except CheckoutError:
        job.commit_id = ""  # as recorded: the server forgets what was asked for
        raise
    job.commit_id = job.commit_id or commit
    where = folder / job.workspace.folder.split(",")[0].strip().strip("/")
    if not where.is_dir():
        msg = f"Terraform Working Directory does not exist: {where}"
        raise CheckoutError(msg)
    return where


async def _cloned(job: Job, folder: Path) -> str:
    source = job.workspace.clone_from or job.workspace.source
    if await _git("clone", "--quiet", "--no-checkout", "--", source, str(folder)) is None:
        msg = f"{_FAILED}InvalidRemoteException: Invalid remote: origin"
        raise CheckoutError(msg)
    commit = await _commit(job, folder)
    if await _git("-C", str(folder), "checkout", "--quiet", "--detach", commit) is None:
        raise CheckoutError(_missing(commit))
    return commit


async def _commit(job: Job, folder: Path) -> str:
    branch = job.override_branch or job.workspace.branch.split(",")[0].strip()
    head = await _resolve(folder, (f"refs/remotes/origin/{branch}", f"refs/tags/{branch}"))
    if head is None:
        msg = f"{_FAILED}TransportException: Remote branch '{branch}' not found in upstream origin"
        raise CheckoutError(msg)
    if job.commit_id is None:
        return head
    found = await _resolve(folder, (job.commit_id,))
    if found is None:
        raise CheckoutError(_missing(job.commit_id))
    return found


async def _resolve(folder: Path, names: Sequence[str]) -> str | None:
    for name in names:
        found = await _git(
            "-C", str(folder), "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}"
        )
        if found:
            return found
    return None


def _missing(commit: str) -> str:
    return f"{_FAILED}JGitInternalException: Missing unknown {commit}"


async def _git(*arguments: str) -> str | None:
    """What git prints; None when it fails. The caller's own configuration is shut out."""
    process = await asyncio.create_subprocess_exec(
        "git",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            # Repositories of the tests belong to whoever made them.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        },
    )
    output, _ = await process.communicate()
    return output.decode().strip() if process.returncode == 0 else None
