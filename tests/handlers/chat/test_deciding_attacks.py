"""Answers to jobs that are carried out later than they were given."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.errors import TemporaryRemoteError
from bridge.domain.rules import Policy
from bridge.domain.runs import Run, RunState, Verb
from bridge.domain.terrakube import JobStatus
from bridge.domain.vcs import PullRequest, PullRequestRef
from tests.bridge.decisions.applying import a_rule
from tests.fakes.forge import FakeForge
from tests.handlers.chat.desk import Desk, a_desk
from tests.handlers.chat.speech import said, whispers
from tests.handlers.conftest import NOW

PATIENT = timedelta(minutes=10)


def a_run_since(desk: Desk, since: timedelta, **changes: Any) -> Run:  # noqa: ANN401 - its fields
    return desk.follow(verb=Verb.APPLY, created_at=NOW + since, **changes)


@pytest.mark.parametrize(("age", "is_approved"), [(30, True), (119, True), (121, False)])
async def test_an_approval_that_was_said_long_ago_is_of_something_else(
    age: int, *, is_approved: bool
) -> None:
    """The bridge was away; what people looked at may not be what waits now."""
    desk = a_desk()
    desk.policy = Policy(access=(a_rule("slack:user:U1", may="approve"),))
    run = a_run_since(desk, -PATIENT, state=RunState.WAITING, digest="json1:d")
    known = desk.server.known[run.job_id]
    desk.server.known[run.job_id] = replace(known, status=JobStatus.WAITING_APPROVAL)
    at = NOW - timedelta(seconds=age)
    work = await desk.happens(said("approve acme/network", received_at=at))
    assert bool(work.decides) is is_approved
    assert ("the bridge was away" in whispers(work)[0]) is not is_approved


async def test_an_approval_does_not_wait_for_a_forge_that_is_away() -> None:
    """By the time it answers, something else may wait there than whoever approves has seen."""
    desk = a_desk()
    desk.policy = Policy(access=(a_rule("slack:user:U1", may="approve cancel"),))
    desk.forge = AwayForge()
    work = await desk.happens(said("approve acme/infra#1", received_at=NOW))
    assert work.decides == []
    assert whispers(work)[0].startswith("Nothing was done: the forge does not answer.")
    with pytest.raises(TemporaryRemoteError):
        await desk.happens(said("cancel acme/infra#1", received_at=NOW))


@dataclass(slots=True)
class AwayForge(FakeForge):
    async def pull_request(self, ref: PullRequestRef) -> PullRequest:
        msg = "it does not answer"
        raise TemporaryRemoteError(msg, service=self.name)


@pytest.mark.parametrize("word", ["cancel", "reject"])
async def test_what_began_while_a_word_waited_for_terrakube_is_not_what_it_was_about(
    word: str,
) -> None:
    desk = a_desk()
    desk.policy = Policy(access=(a_rule("slack:user:U1", may="cancel reject"),))
    state = RunState.WAITING if word == "reject" else RunState.RUNNING
    before = a_run_since(desk, -PATIENT, state=state)
    a_run_since(desk, PATIENT, state=state)
    desk.server.known = {
        one.id: one if word == "cancel" else replace(one, status=JobStatus.WAITING_APPROVAL)
        for one in desk.server.known.values()
    }
    work = await desk.happens(said(f"{word} acme/network", received_at=NOW))
    assert [one.run_id for one in work.decides] == [before.id]
    late = await desk.happens(said(f"{word} acme/network", received_at=NOW + 2 * PATIENT))
    assert len(late.decides) == 2
