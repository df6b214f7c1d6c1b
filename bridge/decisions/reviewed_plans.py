"""Which plans may be applied: of this head, with the options that were asked for, and good ones.

A plan without changes is nothing to apply and no obstacle either: its workspace is left out, with
a word. Without any plan that changes something, nothing is applied, and that is no success.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.decisions.endings import DELETED
from bridge.decisions.wording import code, listed
from bridge.domain.runs import RETARGETED, Run, RunOptions, RunState
from bridge.domain.terrakube import WorkspaceRef

_SHORT_SHA: Final = 12
_MOST_NAMED: Final = 3
_LONGEST_COMMAND: Final = 110
"""Characters; a longer code span is shortened, and no command any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why some workspaces have no plan that may be applied.

    Attributes:
        text: A sentence of Markdown.
        who: Who can help and how, the end of a sentence.
    """

    text: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be applied.

    Attributes:
        head_sha: Present head of the pull request.
        plans: Newest plan of every workspace that is meant; None where there is none.
        options: That the plans must have been made with; None: as they were.
        destroy: Whether plans of a destruction are meant, or the others.
    """

    head_sha: str
    plans: Mapping[WorkspaceRef, Run | None]
    options: RunOptions | None = None
    destroy: bool = False


def ready_plans(asked: Asked) -> tuple[Run, ...]:
    """List the plans that may be applied and change something, by workspace."""
    return tuple(run for _, run in _good(asked) if run.plan_changes is not False)


def unchanged(asked: Asked) -> tuple[WorkspaceRef, ...]:
    """List the workspaces that are left out, as their plans are good and change nothing."""
    return tuple(workspace for workspace, run in _good(asked) if run.plan_changes is False)


def left_out_text(workspaces: Sequence[WorkspaceRef]) -> str:
    """Say which workspaces are left out, and why; empty when none are."""
    if not workspaces:
        return ""
    return f"Left out, as they are planned without changes: {_names(workspaces)}."


def obstacles(asked: Asked, *, command: str) -> tuple[Obstacle, ...]:
    """Say what is wrong with the plans: once for all workspaces with the same trouble.

    Args:
        asked: What is to be applied.
        command: How people address the bridge.
    """
    found: dict[_Trouble, list[WorkspaceRef]] = {}
    for workspace, run in _sorted(asked):
        if trouble := _trouble(run, asked):
            found.setdefault(trouble, []).append(workspace)
    if found:
        return tuple(
            Obstacle(
                text=f"{trouble.text}: {_names(workspaces)}.",
                who=trouble.who or _planners(workspaces, command, asked),
            )
            for trouble, workspaces in found.items()
        )
    return () if ready_plans(asked) else (_nothing(asked, command),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trouble:
    """What is wrong with a plan.

    Attributes:
        text: Without the workspaces and the full stop.
        who: Empty: whoever plans it (again).
    """

    text: str
    who: str = ""


_WAIT: Final = "nobody needs to: say it again when the plan has ended"
_PUSHERS: Final = "whoever can push to the head branch: the output of the plan says what is wrong"
_BAD: Final[Mapping[RunState, _Trouble]] = {
    RunState.QUEUED: _Trouble(text="The plan has not started yet", who=_WAIT),
    RunState.RUNNING: _Trouble(text="Still being planned", who=_WAIT),
    RunState.WAITING: _Trouble(
        text="The plan waits for an approval",
        who="whoever may approve the job in Terrakube",
    ),
    RunState.FAILED: _Trouble(text="The plan failed", who=_PUSHERS),
    RunState.ERROR: _Trouble(text="The plan did not come about, and not because of Terraform"),
    RunState.REJECTED: _Trouble(text="The plan was rejected"),
    RunState.CANCELLED: _Trouble(text="The plan was cancelled"),
    RunState.SUPERSEDED: _Trouble(text="The plan was dropped"),
}


def _trouble(run: Run | None, asked: Asked) -> _Trouble | None:
    """Say what is wrong with a plan; None when it may be applied."""
    if run is None:
        return _Trouble(text="No plan of this head")
    if other := _other_plan(run, asked):
        return _Trouble(text=other)
    if run.state is RunState.ERROR and run.reason == DELETED.reason:
        return _Trouble(text="The job of the plan was deleted in Terrakube")
    return _BAD.get(run.state)


def _other_plan(run: Run, asked: Asked) -> str:
    """Say how it is another plan than the one that is meant; empty when it is that one."""
    commit, options = run.request.commit_id, run.request.options
    if commit != asked.head_sha:
        shown = code(commit[:_SHORT_SHA])
        return f"Planned at {shown} only, which is not the head of this pull request"
    if run.superseded_by == RETARGETED:
        return "Planned only while the pull request went to another branch"
    if options.destroy != asked.destroy:
        meant, other = ("destroyed", "changed") if asked.destroy else ("changed", "destroyed")
        return f"Planned to be {other}, not to be {meant}"
    if asked.options is not None and options != asked.options:
        return f"Planned with other options ({_options(options)})"
    return ""


def _good(asked: Asked) -> Iterable[tuple[WorkspaceRef, Run]]:
    return ((one, run) for one, run in _sorted(asked) if run and not _trouble(run, asked))


def _sorted(asked: Asked) -> Sequence[tuple[WorkspaceRef, Run | None]]:
    return sorted(asked.plans.items(), key=lambda item: str(item[0]))


def _nothing(asked: Asked, command: str) -> Obstacle:
    if asked.plans:
        return Obstacle(
            text=f"There is nothing to do: planned without changes: {_names([*asked.plans])}.",
            who="nobody needs to",
        )
    return Obstacle(
        text="There is nothing to do: no workspace is planned at this head.",
        who=_planners((), command, asked),
    )


def _planners(workspaces: Sequence[WorkspaceRef], command: str, asked: Asked) -> str:
    named = [f"-w {shlex.quote(str(one))}" for one in workspaces]
    options = _words(asked.options or RunOptions())
    options += ["-- -destroy"] if asked.destroy else []
    words = [command, "plan", *named, *options]
    if len(named) > _MOST_NAMED or len(" ".join(words)) > _LONGEST_COMMAND:
        words = [command, "plan", *options]
    return f"anybody who may plan: {code(' '.join(words))}"


def _names(workspaces: Sequence[WorkspaceRef]) -> str:
    return listed(sorted(str(one) for one in workspaces))


def _options(options: RunOptions) -> str:
    words = _words(options)
    return code(" ".join(words)) if words else "none"


def _words(options: RunOptions) -> list[str]:
    return [
        *(f"--target {shlex.quote(one)}" for one in options.targets),
        *(f"--replace {shlex.quote(one)}" for one in options.replaces),
        *(["--refresh-only"] if options.refresh_only else []),
        *([] if options.refresh else ["--no-refresh"]),
    ]
