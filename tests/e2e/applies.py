"""What plays about applies have in common: how they begin, and what to look at afterwards."""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.domain.runs import RunPhase
from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.terrakube.model import Job
from bridge.store.schema import audit, hold, run
from tests.e2e.stage import BRIDGE, SLUG, WRITER, Stage

APPLY: Final = "terrakube apply"


async def planned(stage: Stage, *names: str, branch: str = "change") -> PullRequest:
    """Open a pull request, plan it and let somebody approve it."""
    files = {f"{name}/{branch}.tf": f"# {branch}\n" for name in names or ("network",)}
    await stage.forge.commit(SLUG, branch, files)
    pull_request = await stage.forge.open_pull_request(SLUG, branch)
    await stage.quiet()
    await stage.approve(pull_request)
    return pull_request


async def said(
    stage: Stage, pull_request: PullRequest, text: str = APPLY, *, author: str = WRITER
) -> None:
    """Say something, and let everything happen that follows from it."""
    await stage.say(pull_request, text, author=author)
    await stage.quiet()


def living(stage: Stage, pull_request: PullRequest) -> str:
    """Return the comment that tells of the runs."""
    (found,) = (text for text in stage.comments(pull_request) if "### Terrakube at" in text)
    return found


def answers(stage: Stage, pull_request: PullRequest) -> Sequence[str]:
    """List what the bridge answered, besides the living comment."""
    return [text for text in stage.comments(pull_request) if "### Terrakube at" not in text]


def ways(stage: Stage, name: str | None = None) -> Sequence[str]:
    """List how the applies ended, the oldest first, or where they are."""
    return [str(job.status) for job in applies(stage, name)]


def applies(stage: Stage, name: str | None = None) -> Sequence[Job]:
    """List the jobs that apply something, the oldest first."""
    found = zip(stage.jobs(name), _templates(stage, name), strict=True)
    return [job for job, template in found if template != "Plan"]


def _templates(stage: Stage, name: str | None) -> Sequence[str]:
    return [template for where, template, _ in stage.started() if name in (None, where)]


def of_apply(stage: Stage, sha: str) -> Mapping[str, str]:
    """Return the statuses of applies at a commit."""
    return {name: state for name, state in stage.statuses(sha).items() if "/apply" in name}


def applied(stage: Stage) -> int:
    """Count the steps that applied something."""
    steps = [step for job in stage.jobs() for step in job.steps.values()]
    return sum("Apply complete!" in step.text for step in steps)


async def held(stage: Stage) -> Sequence[int]:
    """List the numbers of the pull requests that have a workspace for themselves."""
    return [int(row["pull_request"].rpartition(":")[2]) for row in await stage.rows(hold)]


async def audited(stage: Stage, *actions: str) -> Sequence[tuple[str, str, str]]:
    """List what was audited: action, who, result."""
    found = [(row["action"], row["actor"], row["result"]) for row in await stage.rows(audit)]
    return [one for one in found if not actions or one[0] in actions]


async def assert_concluded(stage: Stage) -> None:
    """Check that what is pending has something behind it that ends, and all else has ended.

    Whoever set a status last must have been the bridge, too.
    """
    rows = await stage.rows(run)
    going_on = {row["commit_id"] for row in rows if row["phase"] != RunPhase.FINISHED.value}
    open_jobs = {str(job.id) for job in stage.jobs() if job.is_open}
    expected = {row["job_id"] for row in rows if row["phase"] != RunPhase.FINISHED.value}
    assert open_jobs == expected - {None}
    statuses = stage.forge.world.repository(SLUG).statuses
    pending = {
        (sha, one.context)
        for sha in statuses
        for one in stage.forge.world.repository(SLUG).latest_statuses(sha)
        if one.state == "pending" and one.creator.login == BRIDGE and sha not in going_on
    }
    assert pending == set()
    assert set(stage.server.creates.values()) <= {1}
