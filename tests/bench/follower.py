"""The part of the bridge that follows jobs, a process of its own.

``python -m tests.bench.follower JOBS_PORT COUNT FILE`` writes down COUNT runs whose jobs are open
and follows them with the engine's organizations and the real client. Prints ``ready``, and ends
with its input.
"""

import asyncio
import gc
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from bridge.domain.runs import RunRequest, TemplateChoice, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import RepositoryRef
from bridge.engine.leases import LeaseKeeper
from bridge.engine.organizations import Organizations
from bridge.engine.supervisor import Supervisor
from bridge.logs import configure_logs
from bridge.services.catalog import Catalog
from bridge.services.runs import RunService
from bridge.store.codecs import RUN_REQUEST, STEPS
from bridge.store.database import Database
from bridge.store.schema import organization, run
from bridge.terrakube import connect
from bridge.terrakube.payloads import Resource, steps_of
from tests.bench.jobs import (
    ORGANIZATIONS,
    included_steps,
    organization_id,
    status_of,
    workspace_id,
)
from tests.bench.processes import profiled

_REPOSITORY = RepositoryRef(forge="github", id="7", slug="acme/infra")
_INTERVALS = {"running": 15_000, "waitingApproval": 60_000}
"""Milliseconds between looks at a job that has not changed for long."""

_CHUNK = 500


def a_run(number: int, now: int) -> dict[str, Any]:
    """Build the row of a run whose job has been open for ten minutes."""
    owner = organization_id(number % ORGANIZATIONS)
    workspace = WorkspaceRef(
        organization_id=owner,
        organization=f"org-{number % ORGANIZATIONS}",
        id=workspace_id(number),
        name=f"ws-{number}",
    )
    request = RunRequest(
        trigger=f"push:github:7:refs/heads/main@{number:040x}",
        actor="ada",
        verb=Verb.PUSH,
        workspace=workspace,
        template=TemplateChoice(reference="Plan and apply", id="t-1", name="Plan and apply"),
        commit_id=f"{number:040x}",
        repository=_REPOSITORY,
        reports=(),
    )
    status = status_of(number)
    steps = steps_of([Resource.model_validate(step) for step in included_steps(number, status)])
    return {
        "id": f"01J{number:023}",
        "trigger": request.trigger,
        "workspace_id": workspace.id,
        "workspace_name": workspace.name,
        "verb": request.verb.value,
        "organization_id": owner,
        "forge": "github",
        "repository_id": "7",
        "commit_id": request.commit_id,
        "request": RUN_REQUEST.dump(request),
        "phase": "created",
        "state": "running" if status == "running" else "waiting",
        "job_id": str(number),
        "job_status": status,
        "steps": STEPS.dump(steps),
        "look_interval": _INTERVALS[status],
        "next_look": now,
        "posted_at": now - 600_000,
        "changed_at": now - 600_000,
        "created_at": now - 600_000,
    }


def seed(connection: Connection, count: int, now: int) -> None:
    owners = [
        {"id": organization_id(at), "name": f"org-{at}", "due_at": now}
        for at in range(ORGANIZATIONS)
    ]
    connection.execute(insert(organization), owners)
    for start in range(1, count + 1, _CHUNK):
        last = min(start + _CHUNK, count + 1)
        connection.execute(insert(run), [a_run(number, now) for number in range(start, last)])


async def follow(port: int, count: int, file: Path) -> None:
    database = await Database.open(f"sqlite:///{file}")
    await database.write(seed, count, database.now())
    server = connect(url=f"http://127.0.0.1:{port}", token="token", organizations=())
    keeper = LeaseKeeper(database)
    service = RunService(server=server, catalog=Catalog(server=server), command="terrakube")
    organizations = Organizations(database, keeper, server, service)
    async with Supervisor(database, keeper, [organizations.worker]):
        gc.collect()
        gc.freeze()  # as serve does
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.aclose()


def main() -> None:
    configure_logs(level="warning", stream=sys.stderr)  # nobody reads on behind the first line
    following = follow(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
    with profiled("follower"):
        asyncio.run(following)


if __name__ == "__main__":
    main()
