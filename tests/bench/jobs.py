"""A job server as cheap as can be: ready-made answers about jobs that never end.

``python -m tests.bench.jobs COUNT`` holds COUNT jobs in 20 organizations, of which 1 % change
each minute. A quarter of them runs, the others wait for an approval: what open jobs mostly do.
Prints its port; GET /asked says how many requests came and how many jobs were asked for. Ends with
its input.
"""

import asyncio
import json
import random
import re
import sys
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from bridge.web.server import listening

ORGANIZATIONS: Final = 20
CHANGING: Final = 0.01
"""Part of the jobs that change in a minute."""

RUNNING: Final = 4
"""One in so many runs; the others wait."""

_IDS: Final = re.compile(r"id=in=\(([0-9,]+)\)|id==([0-9]+)")


def organization_id(number: int) -> str:
    return str(UUID(int=0xA000 + number))


def workspace_id(number: int) -> str:
    return str(UUID(int=0xB000_0000 + number))


def status_of(number: int) -> str:
    """Say what a job does at first."""
    return "waitingApproval" if number % RUNNING else "running"


def included_steps(number: int, status: str) -> list[dict[str, Any]]:
    """Build a job's steps, each an included resource."""
    moving = ("running", "pending") if status == "running" else ("completed", "pending")
    return [
        {
            "type": "step",
            "id": str(UUID(int=number * 4 + at)),
            "attributes": {"name": name, "stepNumber": 100 + 50 * at, "status": word},
        }
        for at, (name, word) in enumerate(
            zip(("Plan", "Approve", "Apply"), (*moving, "pending"), strict=True)
        )
    ]


def job_of(number: int, status: str) -> dict[str, Any]:
    """Build a job as the follower asks for it."""
    steps = [{"type": "step", "id": str(UUID(int=number * 4 + at))} for at in range(3)]
    workspace = {"type": "workspace", "id": workspace_id(number)}
    return {
        "type": "job",
        "id": str(number),
        "attributes": {
            "status": status,
            "planChanges": True,
            "commitId": "c" * 40,
            "approvalTeam": "",
            "templateReference": "2a0676be-272f-453d-b86d-b8d9ee413dc8",
            "output": "",
            "createdDate": "2026-11-24T12:00Z",
            "updatedDate": "2026-11-24T12:00Z",
        },
        "relationships": {"workspace": {"data": workspace}, "step": {"data": steps}},
    }


class Jobs:
    """The jobs, each as the pieces of JSON an answer is put together from."""

    def __init__(self, count: int) -> None:
        self._random = random.Random(1)  # noqa: S311 - not for secrets
        self._count = count
        self._statuses: dict[int, str] = {}
        self._pieces: dict[int, tuple[str, str]] = {}
        self.requests = 0
        self.looks = 0
        for number in range(1, count + 1):
            self._put(number, status_of(number))

    async def change(self) -> None:
        """Let jobs change, one at a time, evenly."""
        while True:
            await asyncio.sleep(60 / max(self._count * CHANGING, 1))
            number = self._random.randint(1, self._count)
            running = self._statuses[number] == "running"
            self._put(number, "waitingApproval" if running else "running")

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one question for many jobs."""
        found = _IDS.search(request.query.get("filter[job]", ""))
        ids = [int(one) for one in (found[1] or found[2]).split(",")] if found else []
        self.requests += 1
        self.looks += len(ids)
        pieces = [self._pieces[number] for number in ids]
        jobs, steps = (",".join(part) for part in zip(*pieces, strict=True))
        return web.Response(
            text=f'{{"data":[{jobs}],"included":[{steps}]}}',
            content_type="application/vnd.api+json",
        )

    async def asked(self, request: web.Request) -> web.Response:
        """Say how much was asked."""
        return web.json_response({"requests": self.requests, "looks": self.looks})

    def _put(self, number: int, status: str) -> None:
        steps = ",".join(json.dumps(step) for step in included_steps(number, status))
        self._statuses[number] = status
        self._pieces[number] = (json.dumps(job_of(number, status)), steps)


async def serve(count: int) -> None:
    jobs = Jobs(count)
    app = web.Application()
    app.router.add_get("/api/v1/organization/{id}/job", jobs.answer)
    app.router.add_get("/asked", jobs.asked)
    changing = asyncio.create_task(jobs.change())
    async with listening(app, host="127.0.0.1", port=0) as port:
        print(port, flush=True)  # noqa: T201 - the parent reads it
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    changing.cancel()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
