"""A push whose template asks for an approval: everybody sees that it waits, and how it ended."""

import json
from datetime import timedelta

import httpx
import pytest

from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.terrakube.model import Status
from bridge.store.schema import audit
from tests.e2e.conftest import SetStage
from tests.e2e.stage import SLUG, Stage

RULES = """
rules:
  - {on: push, template: built-in}
  - {on: pull_request, template: Plan}
"""


async def wait_for_approval(set_stage: SetStage) -> tuple[Stage, PullRequest, str]:
    """Merge a change, and let its push come to the approval."""
    stage = await set_stage(document=RULES)
    pull_request = await stage.propose("network")
    await stage.quiet()
    merged = await stage.merge(pull_request)
    await stage.quiet()
    assert [job.status for job in stage.jobs()] == [Status.COMPLETED, Status.WAITING]
    return stage, pull_request, merged


async def decide(stage: Stage, status: str) -> None:
    """Let somebody with the right approve or reject the job in Terrakube."""
    path = f"/api/v1/organization/{stage.acme.id}/job/{stage.jobs()[-1].id}"
    data = {"type": "job", "id": str(stage.jobs()[-1].id), "attributes": {"status": status}}
    kind = "application/vnd.api+json"
    token = stage.server.mint("boss@example.com", "TERRAKUBE_ADMIN")
    async with httpx.AsyncClient() as client:
        answer = await client.patch(
            f"{stage.server.url}{path}",
            content=json.dumps({"data": data}),
            headers={"Authorization": f"Bearer {token}", "Content-Type": kind, "Accept": kind},
        )
    assert answer.status_code == 204


def description(stage: Stage, sha: str, context: str) -> str:
    found = stage.forge.world.repository(SLUG).latest_statuses(sha)
    return next(one.description or "" for one in found if one.context == context)


async def test_comment_and_status_say_that_it_waits_and_for_how_long(
    set_stage: SetStage,
) -> None:
    stage, pull_request, merged = await wait_for_approval(set_stage)
    assert stage.statuses(merged) == {
        "terrakube/push": "pending",
        "terrakube/push: acme/network": "pending",
    }
    waits = "1 waiting for approval: 2 to add, 1 to change, 0 to destroy"
    assert description(stage, merged, "terrakube/push") == waits
    comment = stage.comment(pull_request)
    assert "**After the merge:** 1 waiting for approval" in comment
    assert "✋ waits for approval until " in comment


@pytest.mark.parametrize(
    ("status", "outcome", "told", "action"),
    [
        ("approved", "success", "1 applied", "job.approved"),
        ("rejected", "failure", "1 rejected", "job.rejected"),
    ],
)
async def test_what_somebody_decides_in_terrakube_is_said_and_audited(
    set_stage: SetStage, status: str, outcome: str, told: str, action: str
) -> None:
    stage, pull_request, merged = await wait_for_approval(set_stage)
    await decide(stage, status)
    await stage.quiet()
    assert stage.statuses(merged)["terrakube/push"] == outcome
    assert f"**After the merge:** {told}" in stage.comment(pull_request)
    assert [row["action"] for row in await stage.rows(audit)] == [action]


async def test_six_hours_without_an_approval_end_it_as_an_error(set_stage: SetStage) -> None:
    stage, pull_request, merged = await wait_for_approval(set_stage)
    await stage.skip(timedelta(hours=6, minutes=1))
    await stage.quiet()
    assert stage.statuses(merged) == {
        "terrakube/push": "error",
        "terrakube/push: acme/network": "error",
    }
    ended = "Its approval has expired: Terrakube ends every job 6 hours after it was created."
    assert ended in stage.comment(pull_request)
    assert ended in description(stage, merged, "terrakube/push: acme/network")
    assert "waits for approval" not in stage.comment(pull_request)
