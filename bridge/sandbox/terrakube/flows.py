"""Templates as the server reads them: a snapshot of Base64 YAML becomes steps."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field

import yaml  # type: ignore[import-untyped]  # its type stubs are not among our tools

PLAN = "terraformPlan"
PLAN_DESTROY = "terraformPlanDestroy"
APPLY = "terraformApply"
DESTROY = "terraformDestroy"
APPROVAL = "approval"
SCRIPTS = "customScripts"
TYPES = frozenset({PLAN, PLAN_DESTROY, APPLY, DESTROY, APPROVAL, SCRIPTS, "disableWorkspace"})
TYPES |= {"scheduleTemplates", "yamlError", "policyEvaluation"}

# Model class Flow of the server: an unknown property is a broken template.
_PROPERTIES = frozenset({"type", "name", "step", "team", "error", "ignoreError", "commands"})
_PROPERTIES |= {"onFailure", "onReject", "templates", "inputsEnv", "inputsTerraform"}
_PROPERTIES |= {"importComands", "importCommands", "requireSavedPlan"}


class FlowError(Exception):
    """The template cannot be read: "Template Yaml Error, check API logs"."""


@dataclass(frozen=True, slots=True)
class Command:
    """A script around or instead of terraform; *after* and *before* say when."""

    script: str
    runtime: str = "BASH"
    before: bool = False
    after: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """One step of a template.

    Attributes:
        team: Who approves; None lets every reader.
        known: False for a type that the server does not know: the job hangs.
    """

    type: str
    number: int
    name: str
    team: str | None = None
    commands: Sequence[Command] = field(default=())
    onreject: Sequence[Command] = field(default=())

    @property
    def known(self) -> bool:
        """Whether the server can run this type."""
        return self.type in TYPES


def parse_flow(tcl: str | None) -> Sequence[Flow]:
    """The steps of a template, in order.

    Raises:
        FlowError: It is not Base64 of a YAML flow.
    """
    try:
        loaded = yaml.safe_load(base64.b64decode(tcl or "", validate=True))
    except (binascii.Error, yaml.YAMLError, ValueError) as error:
        raise FlowError from error
    entries = loaded.get("flow") if isinstance(loaded, dict) else None
    if not isinstance(entries, list) or not entries:
        raise FlowError
    return sorted((_flow(entry) for entry in entries), key=lambda flow: flow.number)


def is_plan_only(flows: Sequence[Flow]) -> bool:
    """Whether a flow does nothing but plan: only such stored templates pass a waiting job."""
    return all(flow.type in {PLAN, PLAN_DESTROY} for flow in flows)


def _flow(entry: object) -> Flow:
    if not isinstance(entry, dict) or not entry.keys() <= _PROPERTIES:
        raise FlowError
    try:
        number = int(entry.get("step", 0))
    except (TypeError, ValueError) as error:
        raise FlowError from error
    return Flow(
        type=str(entry.get("type", "")),
        number=number,
        name=str(entry.get("name") or entry.get("type")),
        team=entry.get("team"),
        commands=_commands(entry.get("commands")),
        onreject=_commands(entry.get("onReject")),
    )


def _commands(entries: object) -> Sequence[Command]:
    if not isinstance(entries, list):
        return ()
    return tuple(
        Command(
            script=str(entry.get("script", "")),
            runtime=str(entry.get("runtime", "BASH")),
            before=bool(entry.get("before", False)),
            after=bool(entry.get("after", False)),
        )
        for entry in entries
        if isinstance(entry, dict)
    )
