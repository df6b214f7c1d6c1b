"""Whether what was reviewed may go on by itself, or people have to approve it all the same."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bridge.domain.access import AccessRule
from bridge.domain.runs import Reviewed, Verb
from bridge.domain.terrakube import Job
from bridge.services.reviewing import ReviewService
from tests.bridge.decisions.applying import a_rule
from tests.bridge.engine.stage import COLLECTED, FakeCollector
from tests.bridge.store.rows import a_request
from tests.fakes.runs import a_run
from tests.fakes.store import FakeRunStore

ANYBODY = a_rule("*", may="approve")
ASKS = (
    "A person has to decide, as the rules want people to approve what is done in this workspace. "
    "Look at the plan, then approve or reject it."
)


@pytest.mark.parametrize(
    ("rules", "question"),
    [
        (None, ""),
        ((ANYBODY,), ""),
        ((replace(ANYBODY, quorum=2),), ASKS),
        ((replace(ANYBODY, four_eyes=True),), ASKS),
        ((replace(ANYBODY, quorum=2, workspaces=("acme/dns",)),), ""),
    ],
)
async def test_an_equal_plan_goes_on_by_itself_unless_rules_want_people(
    rules: Sequence[AccessRule] | None, question: str
) -> None:
    reviewed = Reviewed(run_id="01PLAN", digest=COLLECTED.digest)
    run = a_run(replace(a_request(), verb=Verb.APPLY, reviewed=reviewed))
    service = ReviewService(
        forges={}, plans=FakeCollector(), store=FakeRunStore(), command="tk", access=rules
    )
    looked = await service.look(run, Job(id="1", status="waitingApproval", organization_id="o-1"))
    assert (looked.question, looked.stop) == (question, None)
