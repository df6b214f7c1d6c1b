"""A job as it is shown: one shape for every command, documented in docs/command-line.md.

Only functions import this module.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

import typer

from bridge.cli.outputs import Output, masked, write_listing
from bridge.cli.tables import cells, write_json, write_table
from bridge.decisions.following import changes_of
from bridge.domain.terrakube import (
    Job,
    JobDetails,
    Organization,
    Template,
    Workspace,
    WorkspaceRef,
)
from bridge.terrakube import TerrakubeServer

COLUMNS: Final = (
    *("id", "status", "workspace", "template", "branch", "created_at", "created_by", "comments"),
)
_LINES: Final = (
    *("id", "status", "workspace", "template", "branch", "commit", "plan_changes"),
    *("approval_team", "refresh", "refresh_only", "targets", "replaces", "comments"),
    *("created_by", "created_at", "updated_at", "url"),
)
_MADE_UP_KEY: Final = re.compile(r"^cli:[0-9a-f]{32}( |$)")
_STEP_COLUMNS: Final = ("number", "name", "status", "id")

Row = dict[str, object]


def job_row(
    server: TerrakubeServer,
    organization: Organization,
    job: Job,
    *,
    workspaces: Iterable[Workspace] = (),
    templates: Iterable[Template] = (),
) -> Row:
    """Describe a job.

    Args:
        server: Knows the link for people.
        organization: The job's.
        job: As read.
        workspaces: Among which its own may be; without it, its id is told.
        templates: Among which its own may be.
    """
    own = next((one.ref for one in workspaces if one.ref.id == job.workspace_id), None)
    names = {one.id: one.name for one in templates}
    return {
        "id": job.id,
        "status": job.status,
        "organization": organization.name,
        "workspace": str(own) if own else None,
        "workspace_id": job.workspace_id or None,
        "template": names.get(job.template_reference),
        "template_id": job.template_reference or None,
        "branch": job.override_branch or None,
        "commit": job.commit_id or None,
        "refresh": job.refresh,
        "refresh_only": job.refresh_only,
        "targets": list(job.target_addrs),
        "replaces": list(job.replace_addrs),
        "comments": job.comments,
        "plan_changes": changes_of(job),
        "approval_team": job.approval_team or None,
        "via": job.via or None,
        "created_by": job.created_by or None,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "url": server.job_url(own or _unknown(organization, job), job.id),
        "steps": [asdict(step) for step in job.steps],
    }


async def read_row(server: TerrakubeServer, organization: Organization, job_id: str) -> Row:
    """Read a job and describe it.

    Raises:
        NotFoundError: It is not there (any more).
    """
    found = await server.get_job(organization.id, job_id, include=("workspace", "template"))
    return details_row(server, organization, found)


def details_row(server: TerrakubeServer, organization: Organization, found: JobDetails) -> Row:
    """Describe a job that was read with its workspace and template."""
    return job_row(
        server,
        organization,
        found.job,
        workspaces=[found.workspace] if found.workspace else [],
        templates=[found.template] if found.template else [],
    )


def write_jobs(rows: Sequence[Row], *, output: Output, empty: str) -> None:
    """Write several jobs."""
    if output is Output.TABLE:
        rows = [_in_table(row) for row in rows]
    write_listing(rows, COLUMNS, output=output, empty=empty)


def _in_table(row: Row) -> Row:
    """Leave out what only takes room: a key nobody chose, and seconds Terrakube does not know."""
    made = row["created_at"]
    comments = _MADE_UP_KEY.sub("", str(row["comments"]))
    moment = f"{made:%Y-%m-%d %H:%MZ}" if isinstance(made, datetime) else made
    return row | {"comments": comments, "created_at": moment}


def write_job(row: Row, *, output: Output) -> None:
    """Write one job: its JSON is an object, its table has a line for everything it has."""
    (row,) = masked([row])
    match output:
        case Output.JSON:
            write_json(row)
        case Output.IDS:
            typer.echo(str(row["id"]))
        case Output.TABLE:
            shown = [{"what": name, "value": _value(row[name])} for name in _LINES]
            told = [line for line in shown if line["value"]]
            write_table(("job", ""), cells(told, ("what", "value")))
            write_steps(row)


def write_steps(row: Row) -> None:
    """Write the steps of a job as a table; a job that has not begun has none."""
    steps = row["steps"]
    if isinstance(steps, list) and steps:
        found: list[Mapping[str, object]] = steps
        write_table(_STEP_COLUMNS, cells(found, _STEP_COLUMNS), title="steps")


def _value(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else value


def _unknown(organization: Organization, job: Job) -> WorkspaceRef:
    return WorkspaceRef(
        organization_id=organization.id,
        organization=organization.name,
        id=job.workspace_id,
        name=job.workspace_id,
    )
