"""``jobs delete``: remove the record of jobs for good."""

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.jobs import app
from bridge.cli.jobs.getting import OrganizationOption

if TYPE_CHECKING:
    from bridge.domain.terrakube import Job, Organization
    from bridge.terrakube import TerrakubeServer


@app.command()
def delete(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Their numbers.")],
    organization: OrganizationOption = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also jobs that have not ended; stops nothing.")
    ] = False,
) -> None:
    """Remove jobs with their steps and logs for good.

    It stops nothing: Terraform goes on where it runs, and its result is then nowhere to be seen.
    So a job that has not ended is refused; cancel it first. All are looked at before the first is
    removed.
    """
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.asking import confirm  # noqa: PLC0415

    found = asyncio.run(_find(list(dict.fromkeys(jobs)), organization))
    _check_ended([job for _, job in found], force=force)
    what = ", ".join(f"job {job.id} ({job.status})" for _, job in found)
    confirm(
        f"This removes {what} with all steps and logs, for good. It does not stop Terraform.",
        yes=yes,
    )
    asyncio.run(_delete(found))


async def _find(numbers: list[str], where: str) -> "list[tuple[Organization, Job]]":
    from bridge.cli.terrakube import find_job, open_server  # noqa: PLC0415 - see the package

    async with open_server() as server:
        return [await find_job(server, number, where or None) for number in numbers]


async def _delete(found: "list[tuple[Organization, Job]]") -> None:
    from bridge.cli.terrakube import open_server  # noqa: PLC0415 - see the package

    async with open_server() as server:
        for organization, job in found:
            await _remove(server, organization, job)


def _check_ended(jobs: "list[Job]", *, force: bool) -> None:
    from bridge.domain.errors import JobStateError  # noqa: PLC0415 - see the package
    from bridge.domain.terrakube import TERMINAL  # noqa: PLC0415

    still = [job for job in jobs if job.status not in TERMINAL]
    if still and not force:
        msg = "\n".join(
            f"job {job.id} is {job.status}: cancel it first (jobs cancel {job.id}), as deleting "
            "stops nothing; --force deletes it even so"
            for job in still
        )
        raise JobStateError(msg)


async def _remove(server: "TerrakubeServer", organization: "Organization", job: "Job") -> None:
    from bridge.domain.errors import NotFoundError  # noqa: PLC0415 - see the package

    try:
        await server.delete_job(organization.id, job.id)
    except NotFoundError:
        typer.echo(f"Job {job.id} was deleted by somebody else.")
    else:
        typer.echo(f"Job {job.id} is deleted.")
