"""How runs end, in words."""

from typing import Any

import pytest

from bridge.decisions.endings import (
    Ending,
    ending_at_commit,
    ending_of_cancelled,
    ending_of_job,
)
from bridge.domain.runs import RunState, Verb

MAY_GO_ON = " Terrakube does not stop Terraform, so a step that was running may still finish."
FACTS: dict[str, Any] = {
    "superseded_by": "",
    "cancel_requested": False,
    "started": False,
    "expired": False,
}


@pytest.mark.parametrize(
    ("status", "facts", "expected"),
    [
        ("completed", {}, Ending(state=RunState.SUCCEEDED)),
        ("noChanges", {}, Ending(state=RunState.SUCCEEDED)),
        ("completed", {"superseded_by": "abc"}, Ending(state=RunState.SUCCEEDED)),
        (
            "completed",
            {"cancel_requested": True},
            Ending(
                state=RunState.SUCCEEDED, reason="It was to be cancelled, but ran all the same."
            ),
        ),
        ("failed", {}, Ending(state=RunState.FAILED)),
        (
            "failed",
            {"expired": True},
            Ending(
                state=RunState.ERROR,
                reason="Terrakube ended the job: none may be open for more than 6 hours.",
            ),
        ),
        ("rejected", {}, Ending(state=RunState.REJECTED, reason="Rejected in Terrakube.")),
        (
            "cancelled",
            {},
            Ending(state=RunState.CANCELLED, reason="Cancelled in Terrakube, not by the bridge."),
        ),
        (
            "cancelled",
            {"started": True},
            Ending(
                state=RunState.CANCELLED,
                reason=f"Cancelled in Terrakube, not by the bridge.{MAY_GO_ON}",
            ),
        ),
        (
            "cancelled",
            {"superseded_by": "abc"},
            Ending(state=RunState.CANCELLED, reason="Cancelled in Terrakube, not by the bridge."),
        ),
        (
            "cancelled",
            {"superseded_by": "abc", "cancel_requested": True},
            Ending(state=RunState.SUPERSEDED, reason="Cancelled, as a newer commit replaced it."),
        ),
        (
            "cancelled",
            {"superseded_by": "closed", "cancel_requested": True, "started": True},
            Ending(
                state=RunState.SUPERSEDED,
                reason=f"Cancelled, as the pull request was closed.{MAY_GO_ON}",
            ),
        ),
        (
            "cancelled",
            {"superseded_by": "retargeted", "cancel_requested": True},
            Ending(
                state=RunState.SUPERSEDED,
                reason="Cancelled, as the pull request goes to another branch now.",
            ),
        ),
        (
            "cancelled",
            {"cancel_requested": True},
            Ending(state=RunState.CANCELLED, reason="Cancelled by the bridge."),
        ),
    ],
)
def test_a_job_ends_its_run(status: str, facts: dict[str, Any], expected: Ending) -> None:
    assert ending_of_job(status, **{**FACTS, **facts}) == expected


def test_a_run_without_a_job_ends_the_same_way() -> None:
    assert ending_of_cancelled("abc").state is RunState.SUPERSEDED
    assert ending_of_cancelled("").state is RunState.CANCELLED


SUCCEEDED = Ending(state=RunState.SUCCEEDED)
FAILED = Ending(state=RunState.FAILED)
ASKED, OTHER = "a" * 40, "b" * 40
AT_ANOTHER = f"Terrakube ran it at commit {'b' * 12} instead of {'a' * 12}."
AT_THE_HEAD = (
    f"Terrakube did not run it at commit {'a' * 12}, but at the head of the workspace's branch: "
    "it heeds commits only of workspaces whose source is an https address."
)


@pytest.mark.parametrize(
    ("ending", "verb", "ran", "expected"),
    [
        (SUCCEEDED, Verb.PLAN, ASKED, SUCCEEDED),
        (SUCCEEDED, Verb.PLAN, None, SUCCEEDED),
        (SUCCEEDED, Verb.PLAN, OTHER, Ending(state=RunState.ERROR, reason=AT_ANOTHER)),
        (SUCCEEDED, Verb.PLAN, "", Ending(state=RunState.ERROR, reason=AT_THE_HEAD)),
        (SUCCEEDED, Verb.PUSH, "", Ending(state=RunState.SUCCEEDED, reason=AT_THE_HEAD)),
        (FAILED, Verb.PLAN, "", FAILED),
    ],
)
def test_a_plan_of_another_commit_is_none_of_the_one_that_was_asked_for(
    ending: Ending, verb: Verb, ran: str | None, expected: Ending
) -> None:
    assert ending_at_commit(ending, verb, asked=ASKED, ran=ran) == expected
