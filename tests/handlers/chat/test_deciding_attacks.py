"""Answers to jobs that are carried out later than they were given."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.rules import Policy
from bridge.domain.runs import Run, RunState, Verb
from bridge.domain.terrakube import JobStatus
from tests.bridge.decisions.applying import a_rule
from tests.handlers.chat.desk import Desk, a_desk
from tests.handlers.chat.speech import said
from tests.handlers.conftest import NOW

PATIENT = timedelta(minutes=10)


def a_run_since(desk: Desk, since: timedelta, **changes: Any) -> Run:  # noqa: ANN401 - its fields
    return desk.follow(verb=Verb.APPLY, created_at=NOW + since, **changes)


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
