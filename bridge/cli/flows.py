"""The flow of a template in words: ``plan -> approval (platform) -> apply``."""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.domain.terrakube import FlowStep, FlowType

_WORDS: Final[Mapping[str, str]] = {
    FlowType.PLAN: "plan",
    FlowType.PLAN_DESTROY: "plan to destroy",
    FlowType.APPLY: "apply",
    FlowType.DESTROY: "destroy",
    FlowType.APPROVAL: "approval",
    FlowType.SCRIPTS: "scripts",
    FlowType.DISABLE_WORKSPACE: "disable workspace",
}


def in_words(flow: Sequence[FlowStep] | None) -> str:
    """Describe a flow; one that cannot be read is said to be so."""
    if flow is None:
        return "cannot be read"
    return " -> ".join(_step(step) for step in flow)


def _step(step: FlowStep) -> str:
    words = _WORDS.get(step.type, step.type)
    if step.type != FlowType.APPROVAL:
        return words
    return f"{words} ({step.team or 'anybody'})"
