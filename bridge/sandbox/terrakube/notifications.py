"""Native notifications of 2.33: a signed POST per change of a job's status (contract 9)."""

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterable, Sequence

from aiohttp import ClientError, ClientSession, ClientTimeout

from bridge.sandbox.terrakube.model import Job, Notifier, Sent
from bridge.sandbox.terrakube.world import World

SIGNATURE = "X-Terrakube-Signature"
_TIMEOUT = ClientTimeout(total=10)


class Notifications:
    """Delivers what notifiers want to say, and keeps the log of it in the world.

    Unlike the real server's default, loopback destinations are allowed.
    """

    def __init__(self, world: World, retries: Sequence[float], ui_url: str) -> None:
        self._world = world
        self._retries = retries
        self._ui_url = ui_url
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def job_changed(self, job: Job) -> None:
        """Tell whoever wants to know about the job's present status."""
        for notifier in self._interested(job):
            sent = self._record(job, notifier)
            task = asyncio.get_running_loop().create_task(self._deliver(sent))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is still to be delivered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _interested(self, job: Job) -> Iterable[Notifier]:
        for notifier in (*job.organization.notifiers.values(), *job.workspace.notifiers.values()):
            wanted = {trigger.job_status for trigger in notifier.triggers.values()}
            if notifier.active and job.status in wanted:
                yield notifier

    def _record(self, job: Job, notifier: Notifier) -> Sent:
        body = json.dumps(self._body(job, notifier), separators=(",", ":")).encode()
        sent = Sent(
            id=str(uuid.uuid4()),
            job_id=job.number,
            notifier=notifier,
            body=body,
            created_date=self._world.clock(),
        )
        self._world.sent.append(sent)
        return sent

    def _body(self, job: Job, notifier: Notifier) -> dict[str, object]:
        organization, workspace = job.organization, job.workspace
        place = f"{self._ui_url}/organizations/{organization.id}/workspaces/{workspace.id}"
        return {
            "jobId": job.number,
            "workspace": workspace.name,
            "organization": organization.name,
            "failureReason": job.output or None,
            "runUrl": f"{place}/runs/{job.id}",
            "configurationName": notifier.name,
            "commitId": job.commit_id,
            "status": str(job.status),
            "workspaceUrl": place,
        }

    async def _deliver(self, sent: Sent) -> None:
        for pause in (0.0, *self._retries):
            await asyncio.sleep(pause)
            sent.attempts += 1
            sent.last_error = await self._post(sent)
            if sent.last_error is None:
                sent.status = "SENT"
                return
        sent.status = "FAILED"

    async def _post(self, sent: Sent) -> str | None:
        headers = {"Content-Type": "application/json"}
        secret = sent.notifier.signing_secret
        if secret:
            headers[SIGNATURE] = hmac.new(secret.encode(), sent.body, hashlib.sha256).hexdigest()
        self._session = self._session or ClientSession(timeout=_TIMEOUT)
        try:
            async with self._session.post(
                sent.notifier.destination_url, data=sent.body, headers=headers
            ) as answer:
                if answer.ok:
                    return None
                return f"Webhook endpoint returned status {answer.status}"
        except (ClientError, TimeoutError, OSError) as error:
            return str(error)
