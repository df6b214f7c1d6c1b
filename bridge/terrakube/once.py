"""Creating a job once, however often a script asks for it and whatever happens to the answers.

Terrakube knows no idempotency and does not keep ``comments`` unique (contract section 3.1). So
the first word of the comments is a key, and the key is looked up: before the POST, after an
answer that leaves open whether the job exists, and once more afterwards, as another may have been
as quick.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from bridge.domain.errors import TemporaryRemoteError, UserError
from bridge.domain.terrakube import Job, JobRequest
from bridge.ports import JobServer
from bridge.terrakube import tcl

PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between looks for a job whose POST was not answered: 30 in all, as a server that is
cut off may commit long after."""

_MAY_BE_KEY: Final = re.compile(r"[A-Za-z0-9:_-]{1,60}")

Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A job that exists exactly once.

    Attributes:
        existed: Whether an earlier call, or another at the same time, made it.
    """

    job: Job
    existed: bool


def comment_key(key: str) -> str:
    """Return the word that stands for *key* in a job's comments.

    ``cli:`` and the key itself, or, when the key is longer than 60 characters or has others than
    letters, digits, ``:``, ``_`` and ``-``, a part of its SHA-256.
    """
    if _MAY_BE_KEY.fullmatch(key):
        return f"cli:{key}"
    return f"cli:sha256-{sha256(key.encode()).hexdigest()[:48]}"


async def create_once(
    server: JobServer, request: JobRequest, key: str, *, sleep: Sleep = asyncio.sleep
) -> Created:
    """Create the job unless the same *key* already did.

    The comments of *request* come after the key. A second POST is sent only when none of the
    looks during 30 s found a job after the first.

    Raises:
        UserError: The key was used for another job, which is named.
        TemporaryRemoteError: Whether the job exists could not be found out: call again.
    """
    word = comment_key(key)
    once = _Once(server, replace(request, comments=f"{word} {request.comments}".strip()), key, word)
    found = await once.found()
    if found:
        return Created(job=found[0], existed=True)
    try:
        made = await server.create_job(once.request)
    except TemporaryRemoteError:
        made = await _appeared(once, sleep) or await _again(once, sleep)
    return await once.settled(made)


@dataclass(frozen=True, slots=True)
class _Once:
    server: JobServer
    request: JobRequest
    key: str
    word: str

    async def found(self) -> Sequence[Job]:
        """Find the jobs of the key, oldest first.

        Raises:
            UserError: It was used for another job.
        """
        jobs = await self._look()
        if jobs:
            self._check(jobs[0])
        return jobs

    async def settled(self, made: Job) -> Created:
        """Keep the oldest job of the key; whoever sees younger ones cancels them."""
        first, *younger = await self._look() or [made]
        for job in younger:
            await self._cancel(job)
        if first.id == made.id:
            return Created(job=made, existed=False)
        self._check(first)
        return Created(job=first, existed=True)

    async def _look(self) -> Sequence[Job]:
        organization_id = self.request.workspace.organization_id
        return await self.server.jobs_with_key(organization_id, self.word)

    def _check(self, job: Job) -> None:
        if not _is_for(self.request, job):
            msg = (
                f"the key {self.key!r} was used for another job: {job.id} has another "
                "workspace, template, commit or branch; choose another key"
            )
            raise UserError(msg)

    async def _cancel(self, job: Job) -> None:
        await self.server.cancel_job(job.organization_id, job.id)


async def _appeared(once: _Once, sleep: Sleep) -> Job | None:
    """Look for a job whose POST was not answered; None when it surely is not there."""
    for pause in PAUSES[:-1]:
        await sleep(pause)
        try:
            found = await once.found()
        except TemporaryRemoteError:
            continue
        if found:
            return found[0]
    # Only what the last look says counts: what it cannot find out is raised, never guessed.
    await sleep(PAUSES[-1])
    return next(iter(await once.found()), None)


async def _again(once: _Once, sleep: Sleep) -> Job:
    try:
        return await once.server.create_job(once.request)
    except TemporaryRemoteError:
        made = await _appeared(once, sleep)
        if made is None:
            raise
        return made


def _is_for(request: JobRequest, job: Job) -> bool:
    """Tell whether a job is what *request* asks for."""
    return (
        job.workspace_id == request.workspace.id
        and (job.override_branch or None) == request.override_branch
        and _has_commit(request, job)
        and _has_template(request, job)
    )


def _has_commit(request: JobRequest, job: Job) -> bool:
    # A job that was given none says which one it took; and Terrakube forgets the commit of a job
    # that has begun when its clone fails.
    return request.commit_id is None or job.commit_id in {request.commit_id, ""}


def _has_template(request: JobRequest, job: Job) -> bool:
    if request.tcl is None:
        return job.template_reference == request.template_id
    # A job that has not run may show no copy of its flow (contract section 6.2).
    return not job.template_reference and (not job.tcl or job.tcl == tcl.encode(request.tcl))
