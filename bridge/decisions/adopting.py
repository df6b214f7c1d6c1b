"""Whose job it is: a key proves little, as everybody with the plan role can read and copy it.

So a job counts as made by a run's own POST only if it also does what the run was to do, where and
when; who made it, the server's driver has looked at already.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from bridge.domain.runs import Run
from bridge.domain.terrakube import Job

_SKEW: Final = timedelta(minutes=5)
"""How far the clocks may differ; Terrakube's dates are precise to the minute besides."""


def jobs_of_run(run: Run, jobs: Iterable[Job]) -> Sequence[Job]:
    """Return those of *jobs* that only the run's own POST can have made, oldest first."""
    return sorted((job for job in jobs if is_of_run(run, job)), key=_age)


def is_of_run(run: Run, job: Job) -> bool:
    """Tell whether key, workspace, commit, template and time fit."""
    request = run.request
    return (
        job.comments.split(" ", 1)[0] == run.key
        and job.workspace_id == request.workspace.id
        and _has_commit(run, job)
        and (job.override_branch or None) == request.override_branch
        and _has_template(run, job)
        and (job.created_at is None or job.created_at >= run.created_at - _SKEW)
    )


def _has_commit(run: Run, job: Job) -> bool:
    # Terrakube forgets the commit of a job that has begun when its clone fails, or when its
    # source is cloned by ssh; nobody but its executor does that.
    forgotten = job.commit_id == "" and bool(job.steps)
    # One that was given none says which it took, once it runs.
    unpinned = not run.request.commit_id
    return unpinned or forgotten or job.commit_id == run.request.commit_id


def _has_template(run: Run, job: Job) -> bool:
    template = run.request.template
    if template.tcl:
        # A job that has not run may show no copy of its flow (contract section 6.2).
        return not job.template_reference and (
            not job.tcl or _decoded(job.tcl) == template.tcl.strip()
        )
    return bool(job.template_reference) and template.id in ("", job.template_reference)


def _decoded(tcl: str) -> str | None:
    try:
        return base64.b64decode(tcl).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _age(job: Job) -> tuple[int, str]:
    return (int(job.id) if job.id.isdigit() else 0, job.id)
