"""What is answered in a chat to whoever asks how things are: Markdown, and buttons below it.

Each answer is short, however much there is: what finds no room is counted, and how to see it is
said. Whatever others wrote is inert in it.
"""

from bridge.rendering.answers.lists import templates_shown, workspaces_shown
from bridge.rendering.answers.logs import log_shown, plan_shown
from bridge.rendering.answers.pieces import Shown, offered
from bridge.rendering.answers.status import (
    Space,
    job_shown,
    run_shown,
    space_shown,
    spaces_shown,
    under_way_shown,
)
from bridge.rendering.answers.why import Cause, why_job, why_nothing, why_runs

__all__ = [
    "Cause",
    "Shown",
    "Space",
    "job_shown",
    "log_shown",
    "offered",
    "plan_shown",
    "run_shown",
    "space_shown",
    "spaces_shown",
    "templates_shown",
    "under_way_shown",
    "why_job",
    "why_nothing",
    "why_runs",
    "workspaces_shown",
]
