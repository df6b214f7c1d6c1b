"""What the demo does not take for a good end."""

import json
from collections.abc import Callable

import pytest

from bridge.cli.demo.browser import Statuses
from bridge.cli.demo.checks import (
    check_approvals,
    check_comments,
    check_jobs,
    check_statuses,
    check_thread,
)
from bridge.cli.demo.conversation import Message
from bridge.cli.demo.processes import DemoError

GOOD: Statuses = {
    "terrakube/apply": ("success", "2 applied"),
    "terrakube/apply: acme/app": ("success", "Applied"),
    "terrakube/apply: acme/network": ("success", "Applied"),
}
PLAN, INLINE, PUSH = {"template": "Plan"}, {"template": None}, {"template": "Plan and apply"}
JOBS = [PLAN, PLAN, INLINE, INLINE, INLINE, PUSH, PUSH]
APPROVED = json.dumps({"event": "job.approved", "actor": "dana"})
BY_ROBIN = json.dumps({"event": "job.approved", "actor": "robin"})


def message(shown: str, *actions: str) -> Message:
    return Message(ts="2.0", thread="1.0", shown=shown, actions=actions)


DECIDED = message("terrakube:\n  Approved by @dana")


def test_a_good_end_passes() -> None:
    check_statuses(GOOD, "terrakube/apply")
    check_approvals(f"starting\n{APPROVED}\n{APPROVED}\n", 2)
    assert check_comments(["all of it", "a reply"], replies=1) == "all of it"
    assert check_jobs(json.dumps(JOBS)) == 7
    check_thread([message("It is applied", "open"), DECIDED], approver="dana")


FAILURES: dict[str, tuple[Callable[[], object], str]] = {
    "a status that failed": (
        lambda: check_statuses({**GOOD, "terrakube/plan": ("failure", "1 failed")}, "terrakube/x"),
        "not everything succeeded: {'terrakube/plan': ('failure', '1 failed')}",
    ),
    "a workspace without a status": (
        lambda: check_statuses({"terrakube/apply": GOOD["terrakube/apply"]}, "terrakube/apply"),
        "no status for terrakube/apply: acme/app, terrakube/apply: acme/network",
    ),
    "a second comment": (
        lambda: check_comments(["one", "two", "three"], replies=1),
        "the bridge wrote 3 comments instead of 2",
    ),
    "an approval that is missing": (
        lambda: check_approvals(APPROVED, 2),
        "1 applies were approved in dana's name instead of 2",
    ),
    "an approval in somebody else's name": (
        lambda: check_approvals(f"{APPROVED}\n{BY_ROBIN}", 2),
        "1 applies were approved in dana's name instead of 2",
    ),
    "a job that was started twice": (
        lambda: check_jobs(json.dumps([*JOBS, INLINE])),
        "Terrakube holds other jobs than were asked for",
    ),
    "a button that is left": (
        lambda: check_thread([DECIDED, message("Still here", "run.approve")], approver="dana"),
        "still has a button that approves it",
    ),
    "an approval without a name": (
        lambda: check_thread([message("Approved by @robin")], approver="dana"),
        "Slack does not say that dana approved it",
    ),
}


@pytest.mark.parametrize(("check", "says"), FAILURES.values(), ids=FAILURES)
def test_anything_else_ends_it_with_a_sentence(check: Callable[[], object], says: str) -> None:
    with pytest.raises(DemoError) as raised:
        check()
    assert says in str(raised.value)
