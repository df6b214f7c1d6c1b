"""A complete plan, as a file in the thread: what no message holds."""

import re
from dataclasses import dataclass
from typing import Final

from bridge.domain.chat import ChatMessage
from bridge.domain.reports import ChatRun
from bridge.domain.runs import OutputKind
from bridge.rendering.escaping import clean
from bridge.rendering.slack.degrading import degrade
from bridge.rendering.slack.escaping import code
from bridge.rendering.slack.excerpts import plan_excerpt, text_of
from bridge.rendering.slack.pieces import preformatted, section
from bridge.rendering.slack.words import about, numbers

_UNFIT: Final = re.compile(r"[^A-Za-z0-9.\-]+")
_LONGEST: Final = 100
_EXCERPT: Final = 2_500


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFile:
    """A text that is put into the chat as a file.

    Attributes:
        name: With its ending; letters, digits, dots and hyphens.
        title: For people.
    """

    name: str
    title: str
    text: str


def render_file(one: ChatRun) -> ChatFile | None:
    """Write the complete plan of a run; None when there is none to read."""
    text = clean(text_of(one.report, OutputKind.PLAN)).strip("\n")
    run = one.report.run
    if not text.strip() or run.plan_changes is False:
        return None
    workspace = str(run.request.workspace)
    job = f"job {run.job_id}" if run.job_id else run.id
    named = " ".join(clean(workspace).split())[:_LONGEST]
    title = ", ".join(filter(None, (f"Plan of {named}", job, numbers(run))))
    name = _UNFIT.sub("-", f"plan-{workspace[:_LONGEST]}-{job}").strip("-.")
    return ChatFile(name=f"{name}.txt", title=title, text=f"{text}\n")


def render_excerpt(one: ChatRun) -> ChatMessage:
    """Show the beginning of a plan, and where all of it is: where no file can be put."""
    changes = code(numbers(one.report.run))
    said = " ".join(filter(None, (f"Plan of {about(one.report)}", changes)))
    excerpt = plan_excerpt(one.report, _EXCERPT)
    return degrade(ChatMessage(text=said, blocks=(section(said), preformatted(excerpt))))
