"""Which workspaces something is about that is said in a chat: named, or those of its thread."""

from collections.abc import Sequence
from dataclasses import replace

from bridge.decisions.asking import Refuse
from bridge.decisions.naming import decide_named
from bridge.decisions.saying import selection_of
from bridge.decisions.wording import code
from bridge.domain.commands import (
    ApproveCommand,
    CancelCommand,
    LogsCommand,
    RejectCommand,
    Selection,
    word_of,
)
from bridge.domain.runs import Run, RunState
from bridge.domain.terrakube import Workspace
from bridge.routing import Said, Services


async def find_workspaces(said: Said, services: Services) -> Sequence[Workspace] | Refuse:
    """Find the workspaces a command names, sorted; without a name those of its thread's runs.

    A name without an organization means the one the channel has set, or else whichever has it. One
    that nothing has is a decisions.naming.Unknown, which knows names like it.

    Raises:
        RemoteError: Terrakube does not say which there are.
    """
    selection = _selection(said)
    if not selection.workspaces:
        selection = Selection(workspaces=tuple(await _of_thread(said, services)))
    if not selection.workspaces:
        example = code(f"{services.chat_command} {word_of(said.command)} organization/workspace")
        return Refuse(text=f"Nothing was done: it does not say in which workspace. Say {example}.")
    organization = ""
    if services.chats is not None:
        settings = await services.chats.channel(said.place.team, said.place.channel)
        organization = settings.organization
    return decide_named(selection, await services.catalog.workspaces(), organization)


async def in_its_thread(said: Said, services: Services) -> Said:
    """Say of an answer that names nothing what it is for: the runs of the thread it is given in.

    An approval is for the one job that waits there: by its number, as nobody typed the
    workspace's name.
    """
    command = said.command
    if not isinstance(command, ApproveCommand | RejectCommand | CancelCommand):
        return said
    if command.job or command.selection.workspaces or not said.place.thread:
        return said
    runs = [one for one in await _runs(said, services) if not one.concluded]
    if not isinstance(command, CancelCommand):
        runs = [one for one in runs if one.state is RunState.WAITING]
    jobs = [one.job_id for one in runs if one.job_id]
    if len(runs) == len(jobs) == 1:
        return replace(said, command=replace(command, job=jobs[0]))
    if isinstance(command, ApproveCommand) or not runs:
        return said
    names = dict.fromkeys(str(one.request.workspace) for one in runs)
    selection = replace(command.selection, workspaces=tuple(names))
    return replace(said, command=replace(command, selection=selection))


def _selection(said: Said) -> Selection:
    if isinstance(said.command, LogsCommand):
        return said.command.selection
    return selection_of(said.command) or Selection()


async def _of_thread(said: Said, services: Services) -> Sequence[str]:
    runs = await _runs(said, services)
    return list(dict.fromkeys(str(one.request.workspace) for one in runs))


async def _runs(said: Said, services: Services) -> Sequence[Run]:
    if services.chats is None or not said.place.thread:
        return ()
    place = said.place
    return await services.chats.runs_of_message(place.team, place.channel, place.thread)
