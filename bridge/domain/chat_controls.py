"""Buttons and forms in the chat: their names, and what they carry.

Whatever they carry comes back from outside, and old buttons stay where they are for ever: it says
what somebody saw, and gives no right to anything.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.domain.runs import Run

_MARK: Final = 12


class Control(StrEnum):
    """``action_id`` of what can be pressed or chosen.

    Several of a kind in one block are told apart by what stands behind a colon:
    ``say:1``, ``say:2``.
    """

    APPROVE = "run.approve"
    REJECT = "run.reject"
    CANCEL = "run.cancel"
    TYPE_NAME = "run.type_name"
    """Approve what needs the workspace's name typed in: opens a modal."""
    LOGS = "run.logs"
    """Shows the end of what a job wrote, to whoever asks."""
    PLAN = "run.plan"
    """Shows the complete plan, to whoever asks."""
    SAY = "say"
    """Says the command that is its value."""
    LINK = "open"
    """A button that opens an address; it is told of, and nothing follows."""
    WORKSPACE = "start.workspace"
    """Chooses a workspace in START, from a list that is searched."""
    VERB = "start.verb"
    TEMPLATE = "start.template"
    """Chooses a template in START, from a list that is searched."""
    BRANCH = "start.branch"
    NAME = "confirm.name"
    """Where a workspace's name is typed in."""


class Form(StrEnum):
    """``callback_id`` of a modal."""

    START = "run_start"
    """Starts a run: WORKSPACE, VERB, TEMPLATE, BRANCH. Its metadata is a FormPlace."""
    CONFIRM = "run_confirm"
    """Approves what was typed in: NAME. Its metadata is a FormPlace with a button."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunButton:
    """What a button about a run carries.

    Attributes:
        step: Number of the step that waited; empty when none did.
        mark: Of the plan that was shown; empty when none was.
    """

    run_id: str
    step: str = ""
    mark: str = ""

    def __str__(self) -> str:
        """``<run id>.<step>.<mark>``, as the button's value."""
        return f"{self.run_id}.{self.step}.{self.mark}"

    @classmethod
    def parse(cls, value: str) -> "RunButton | None":
        """Read a button's value; None for what the bridge never wrote."""
        run_id, *rest = value.split(".")
        if len(rest) != 2 or not run_id.isalnum():  # noqa: PLR2004 - step and mark
            return None
        return cls(run_id=run_id, step=rest[0], mark=rest[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPlace:
    """Where a modal came from, so that what follows is said there.

    Attributes:
        button: That opened it; empty for none.
    """

    channel: str
    thread: str = ""
    button: str = ""

    def __str__(self) -> str:
        """``<channel>|<thread>|<button>``, as ``private_metadata``."""
        return f"{self.channel}|{self.thread}|{self.button}"

    @classmethod
    def parse(cls, text: str) -> "FormPlace":
        """Read what the bridge wrote; whatever is not there is empty."""
        channel, thread, button, *_ = [*text.split("|"), "", "", ""]
        return cls(channel=channel, thread=thread, button=button)


def mark_of(run: Run) -> str:
    """Name the plan a run shows just now, for buttons; empty before there is one."""
    return hashlib.sha256(run.digest.encode()).hexdigest()[:_MARK] if run.digest else ""
