"""What must be so in the demo: whatever is not ends it with a sentence."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from bridge.cli.demo import story
from bridge.cli.demo.browser import Statuses
from bridge.cli.demo.conversation import Message
from bridge.cli.demo.processes import DemoError
from bridge.domain.chat_controls import Control

_SUCCESS = "success"


def check_statuses(statuses: Statuses, context: str) -> None:
    """Everything succeeded, and there is a status for each workspace."""
    bad = {name: said for name, said in statuses.items() if said[0] != _SUCCESS}
    if bad:
        msg = f"{context}: not everything succeeded: {bad}"
        raise DemoError(msg)
    names = {f"{context}: {story.ORGANIZATION}/{name}" for name in story.WORKSPACES}
    if missing := names - statuses.keys():
        msg = f"{context}: no status for {', '.join(sorted(missing))}"
        raise DemoError(msg)


def check_comments(comments: Sequence[str], *, replies: int) -> str:
    """One comment tells of the runs, and there are so many replies beside it; returns that one."""
    if len(comments) != 1 + replies:
        msg = f"the bridge wrote {len(comments)} comments instead of {1 + replies}"
        raise DemoError(msg)
    return comments[0]


def check_approvals(text: str, number: int) -> None:
    """So many plans were found to be the reviewed ones, and approved in the author's name."""
    approved = [line for line in _logged(text) if line.get("event") == "job.approved"]
    named = [one for one in approved if str(one.get("actor", "")) == story.PERSON]
    if len(named) != number or len(approved) != number:
        msg = f"{len(named)} applies were approved in {story.PERSON}'s name instead of {number}"
        raise DemoError(msg)


def check_thread(thread: Sequence[Message], *, approver: str) -> None:
    """What was decided in Slack says by whom, and can be decided no more."""
    if any(Control.APPROVE in one.actions for one in thread):
        msg = "what was approved in Slack still has a button that approves it"
        raise DemoError(msg)
    if not any("approved by" in one.shown.lower() and approver in one.shown for one in thread):
        told = "\n".join(one.shown for one in thread)
        msg = f"Slack does not say that {approver} approved it:\n{told}"
        raise DemoError(msg)


def check_jobs(listed: str) -> int:
    """Terrakube holds the jobs that were asked for, each once; returns how many."""
    found = Counter(_template(job) for job in json.loads(listed))
    each = len(story.WORKSPACES)
    wanted = {"Plan": each, "inline": each + 1, "Plan and apply": each}
    if found != wanted:
        msg = f"Terrakube holds other jobs than were asked for: {dict(found)} instead of {wanted}"
        raise DemoError(msg)
    return sum(found.values())


def _template(job: Mapping[str, object]) -> str:
    return str(job.get("template") or "inline")


def _logged(text: str) -> Sequence[Mapping[str, object]]:
    lines = (line for line in text.splitlines() if line.startswith("{"))
    return [json.loads(line) for line in lines]
