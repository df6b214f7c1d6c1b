"""Terrakube Configuration Language: the flow of a job, as YAML (contract sections 3 and 6.4).

A stored template is read leniently: a newer server may know types this version does not. A flow
we send is checked strictly, because Terrakube accepts anything with 201 and then fails the job
without a word, or leaves it pending for ever and, on 2.33, every younger job of the instance too.
"""

import base64
import binascii
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml  # type: ignore[import-untyped]  # its type stubs are not among our tools

from bridge.domain.errors import UserError
from bridge.domain.terrakube import FlowStep, FlowType

MAX_TEXT = 64 * 1024
"""Longest TCL that is read, in characters."""

_TYPES = frozenset(kind.value for kind in FlowType) | {"scheduleTemplates", "policyEvaluation"}
# Model class Flow of the server; it refuses what it does not know ("Template Yaml Error").
_PROPERTIES = frozenset(
    {
        "type",
        "name",
        "step",
        "team",
        "error",
        "ignoreError",
        "requireSavedPlan",
        "commands",
        "onFailure",
        "onReject",
        "templates",
        "inputsEnv",
        "inputsTerraform",
        "importCommands",
        "importComands",
    }
)


@dataclass(frozen=True, slots=True)
class _Problem(Exception):  # noqa: N818 -- never leaves this module
    line: int
    text: str


def encode(text: str) -> str:
    """Encode TCL text as the ``tcl`` attribute wants it."""
    return base64.b64encode(text.encode()).decode("ascii")


def decode(tcl: str) -> str:
    """Decode a ``tcl`` attribute; ValueError when it is no Base64 of UTF-8."""
    try:
        return base64.b64decode(tcl, validate=True).decode()
    except binascii.Error as error:
        msg = "the template is not Base64"
        raise ValueError(msg) from error


def check(text: str) -> tuple[FlowStep, ...]:
    """Check TCL before it is sent and return its steps in order of execution.

    Raises:
        UserError: It would fail or hang in Terrakube; the text names the line.
    """
    try:
        return _checked(_steps(text))
    except _Problem as problem:
        msg = f"template, line {problem.line}: {problem.text}"
        raise UserError(msg) from None


def read_flow(tcl: str | None) -> tuple[FlowStep, ...] | None:
    """Read the flow of a stored template; None when there is none or it cannot be read."""
    if not tcl:
        return None
    try:
        steps = list(_steps(decode(tcl)))
    except (ValueError, _Problem):
        return None
    return tuple(sorted((step for _, step in steps), key=lambda step: step.number))


def plan_text() -> str:
    """Return the built-in plan: one step."""
    return _flow_text(_PLAN)


def apply_text(team: str) -> str:
    """Return the built-in apply: plan, approval by *team*, apply.

    *team* is the bridge's own: without one every reader of the workspace could approve
    (contract section 5).
    """
    return _flow_text(_PLAN, _APPROVAL.format(team=_scalar(team)), _APPLY)


def plan_destroy_text() -> str:
    """Return the built-in plan of a destruction: one step."""
    return _flow_text(_PLAN_DESTROY)


def destroy_text(team: str) -> str:
    """Return the built-in destroy: plan of a destroy, approval by *team*, apply of that plan."""
    return _flow_text(_PLAN_DESTROY, _APPROVAL.format(team=_scalar(team)), _APPLY)


_PLAN = """\
  - type: terraformPlan
    step: 100
    name: Plan
"""
_PLAN_DESTROY = """\
  - type: terraformPlanDestroy
    step: 100
    name: Plan destroy
"""
_APPROVAL = """\
  - type: approval
    step: 150
    name: Approve
    team: {team}
"""
_APPLY = """\
  - type: terraformApply
    step: 200
    name: Apply
"""


def _flow_text(*steps: str) -> str:
    return "flow:\n" + "".join(steps)


def _scalar(value: str) -> str:
    if not value.strip() or not value.isprintable():
        msg = "the approval step needs a team: a name of printable characters"
        raise UserError(msg)
    return "'" + value.replace("'", "''") + "'"


def _steps(text: str) -> Iterator[tuple[int, FlowStep]]:
    """Yield each step with its line, as far as it can be read."""
    if len(text) > MAX_TEXT:
        raise _Problem(1, f"longer than {MAX_TEXT} characters")
    root = _compose(text)
    if not isinstance(root, yaml.MappingNode):
        raise _Problem(1, "there must be a list named flow")
    flow = None
    for key, value in root.value:
        if _word(key) != "flow":
            raise _Problem(_line(key), f"{_word(key)!r} is unknown; only flow is allowed here")
        flow = value
    if not isinstance(flow, yaml.SequenceNode) or not flow.value:
        raise _Problem(_line(flow or root), "flow must be a list of at least one step")
    for node in flow.value:
        yield _line(node), _step(node)


def _compose(text: str) -> object:
    # Composed, not loaded: nodes know their lines, and an alias costs nothing until it is read.
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Problem(mark.line + 1 if mark else 1, error.problem or "is no YAML") from None
    except (yaml.YAMLError, RecursionError):
        raise _Problem(1, "is no YAML") from None


def _step(node: object) -> FlowStep:
    if not isinstance(node, yaml.MappingNode):
        raise _Problem(_line(node), "a step must have a type, a name and a step number")
    found: dict[str, str] = {}
    for key, value in node.value:
        name = _word(key)
        if name not in _PROPERTIES:
            raise _Problem(_line(key), f"unknown property {name!r}{_near(name)}")
        if isinstance(value, yaml.ScalarNode):
            found[name] = "" if value.tag.endswith(":null") else value.value
    number = found.get("step", "")
    if not re.fullmatch(r"[0-9]{1,9}", number):
        raise _Problem(_line(node), "step must be a whole number")
    return FlowStep(
        type=found.get("type", ""),
        number=int(number),
        name=found.get("name", ""),
        team=found.get("team", ""),
    )


def _checked(steps: Iterator[tuple[int, FlowStep]]) -> tuple[FlowStep, ...]:
    seen: dict[int, FlowStep] = {}
    for line, step in steps:
        if step.type not in _TYPES:
            what = (
                f"unknown type {step.type!r}{_near(step.type, _TYPES)}" if step.type else "no type"
            )
            raise _Problem(line, what)
        if step.number in seen:
            raise _Problem(line, f"step {step.number} is there twice")
        seen[step.number] = step
    return tuple(seen[number] for number in sorted(seen))


def _word(node: object) -> str:
    """Return a key's text; a list or a mapping as a key is none of ours."""
    return node.value if isinstance(node, yaml.ScalarNode) else "?"


def _near(word: str, words: frozenset[str] = _PROPERTIES) -> str:
    near = difflib.get_close_matches(word, sorted(words), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _line(node: object) -> int:
    mark = getattr(node, "start_mark", None)
    return mark.line + 1 if mark else 1
