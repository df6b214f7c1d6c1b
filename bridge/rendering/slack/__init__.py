"""What is said in Slack, as Block Kit: pure, plain dicts, always within what Slack takes.

Whatever others wrote is inert in it: it pings nobody, links nowhere and looks like nothing it is
not. What comes in is redacted already, and nothing is made from anything else.
"""

from bridge.rendering.slack.answers import render_answer
from bridge.rendering.slack.checking import check_message, check_view
from bridge.rendering.slack.degrading import degrade
from bridge.rendering.slack.files import ChatFile, render_excerpt, render_file
from bridge.rendering.slack.live import render_live
from bridge.rendering.slack.prompts import render_prompts
from bridge.rendering.slack.results import render_result
from bridge.rendering.slack.shapes import Problem
from bridge.rendering.slack.views import render_confirm_view, render_error, render_start_view

__all__ = [
    "ChatFile",
    "Problem",
    "check_message",
    "check_view",
    "degrade",
    "render_answer",
    "render_confirm_view",
    "render_error",
    "render_excerpt",
    "render_file",
    "render_live",
    "render_prompts",
    "render_result",
    "render_start_view",
]
