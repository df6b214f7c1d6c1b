"""What may have been meant otherwise, and is asked before something starts.

Somebody presses twice when nothing happens at once; and whoever says that a workspace is to be
applied may mean the plan that waits in a pull request. Each question has an answer to press.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bridge.decisions.asking import Refuse
from bridge.decisions.chat_lines import escaped
from bridge.decisions.commands import parse_command
from bridge.decisions.naming import Unknown
from bridge.decisions.starting import StartCommand
from bridge.decisions.wording import code, listed
from bridge.domain.commands import Command, word_of
from bridge.domain.runs import Run, RunRequest, RunState, Verb
from bridge.domain.terrakube import Workspace
from bridge.domain.vcs import PullRequestRef

AGAIN_WITHIN: Final = 30.0
"""Seconds in which the same command of the same person is taken for one that was meant once."""

_AGAIN: Final = re.compile(r"--again(?: |$)")
_CHANGING: Final = frozenset({Verb.APPLY, Verb.DESTROY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Refuse):
    """Nothing was started yet.

    Attributes:
        says: Buttons: what is on them, and the command each says.
    """

    says: tuple[tuple[str, str], ...] = ()


def ask_which(unknown: Unknown, command: Command) -> Question:
    """Offer the workspaces with names like the one that is not there."""
    says = tuple((one, _renamed(command, unknown.name, one)) for one in unknown.near)
    return Question(text=unknown.text, says=says)


def ask_where(
    planned: Mapping[str, Sequence[PullRequestRef]],
    workspaces: Sequence[Workspace],
    branch: str,
    command: str,
) -> Question | None:
    """Ask whether what was reviewed in a pull request is to be applied; None where nothing was.

    Args:
        planned: Open pull requests with a plan that changes something, by the workspace's name.
        workspaces: Those that are to be applied.
        branch: That the only one of them follows.
        command: How people address the bridge in the chat.
    """
    pairs = [(name, ref) for name, refs in planned.items() for ref in refs]
    if not pairs:
        return None
    says = [
        (f"Apply {_slug(ref)}", f"apply {_slug(ref)} -w {shlex.quote(name)}") for name, ref in pairs
    ]
    names = listed([*planned])
    plans = listed(list(dict.fromkeys(_slug(ref) for _, ref in pairs)))
    how = code(f"{command} {says[0][1]}")
    text = (
        f"Nothing was started: a plan of {names} waits in {plans}. {how} applies what was "
        "reviewed there."
    )
    if len(workspaces) == 1 and branch:
        own = f"apply {shlex.quote(str(workspaces[0].ref))} branch={shlex.quote(branch)}"
        says.append((f"Apply {branch}", own))
        text = f"{text} {code(f'{command} {own}')} applies what is on {code(branch)}."
    return Question(text=text, says=tuple(says))


def ask_again(
    requests: Sequence[RunRequest], known: Sequence[Run], command: Command, now: datetime
) -> Question | None:
    """Ask whether the same is to be started once more; None when it is not there already.

    Args:
        requests: That would be made.
        known: The newest runs of their workspaces.
        command: What is said.
        now: When.
    """
    found = next((run for one in requests for run in known if _is_same(run, one, now)), None)
    if found is None:
        return None
    seconds = max(0, int((now - found.created_at).total_seconds()))
    ago = f"{seconds} s ago" if seconds < 100 else f"at {found.created_at:%H:%M} UTC"  # noqa: PLR2004 - then it is no moment any more
    request = found.request
    again = _with_again(command, [str(one.workspace) for one in requests])
    return Question(
        text=f"Nothing was started: {code(request.actor)} started the same {request.verb} of "
        f"{code(str(request.workspace))} {ago}, and it {_stands(found)}. Start another?",
        says=(("Start another", again),),
    )


def _is_same(run: Run, wanted: RunRequest, now: datetime) -> bool:
    one = run.request
    if one.trigger == wanted.trigger or _facts(one) != _facts(wanted):
        return False
    age = (now - run.created_at).total_seconds()
    if one.actor == wanted.actor and age < AGAIN_WITHIN:
        return True
    return wanted.verb in _CHANGING and not run.concluded


def _facts(request: RunRequest) -> tuple[object, ...]:
    return (
        request.workspace.id,
        request.verb,
        request.template,
        request.commit_id,
        request.branch,
        request.options,
        request.pull_request,
    )


def _stands(run: Run) -> str:
    if run.concluded:
        return f"ended as {run.state.value}"
    return "waits for an approval" if run.state is RunState.WAITING else "is under way"


def _with_again(command: Command, workspaces: Sequence[str]) -> str:
    """Write the command anew, with the flag; and with its workspaces, where a thread named them."""
    rest = _AGAIN.sub("", _bare(command).partition(" ")[2])
    selection = command.selection if isinstance(command, StartCommand) else None
    names = [] if selection and selection.names_something else map(shlex.quote, workspaces)
    return " ".join(filter(None, [word_of(command).value, "--again", *names, rest]))


def _renamed(command: Command, before: str, after: str) -> str:
    """Write a command anew about another workspace; empty where that would be read otherwise.

    The name may be a part of the verb, or of a flag's value: what counts is how it is read.
    """
    said = _bare(command)
    if not isinstance(command, StartCommand):
        return ""
    names = tuple(after if one == before else one for one in command.selection.workspaces)
    wanted = replace(command, selection=replace(command.selection, workspaces=names))
    for found in re.finditer(re.escape(before), said):
        text = f"{said[: found.start()]}{after}{said[found.end() :]}"
        read = parse_command(escaped(text), "")
        if isinstance(read, StartCommand) and replace(read, text=command.text) == wanted:
            return text
    return ""


def _bare(command: Command) -> str:
    return command.text.strip("` ")


def _slug(ref: PullRequestRef) -> str:
    return f"{ref.repository.slug}#{ref.number}"
