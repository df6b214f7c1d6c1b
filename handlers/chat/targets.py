"""Which workspaces something is about that is said in a chat: named, or those of its thread."""

from collections.abc import Sequence

from bridge.decisions.asking import Refuse
from bridge.decisions.naming import decide_named
from bridge.decisions.saying import selection_of
from bridge.decisions.wording import code
from bridge.domain.commands import LogsCommand, Selection, word_of
from bridge.domain.runs import Run
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
        runs = await runs_of_thread(said, services)
        names = dict.fromkeys(str(one.request.workspace) for one in runs)
        selection = Selection(workspaces=tuple(names))
    if not selection.workspaces:
        example = code(f"{services.chat_command} {word_of(said.command)} organization/workspace")
        return Refuse(text=f"Nothing was done: it does not say in which workspace. Say {example}.")
    organization = await usual_organization(said, services)
    return decide_named(selection, await services.catalog.workspaces(), organization)


async def usual_organization(said: Said, services: Services) -> str:
    """Return the organization that is meant in a channel where none is named; empty for none."""
    if services.chats is None:
        return ""
    return (await services.chats.channel(said.place.team, said.place.channel)).organization


async def runs_of_thread(said: Said, services: Services) -> Sequence[Run]:
    """List the runs that are shown where something is said, oldest first; none but in a thread."""
    if services.chats is None or not said.place.thread:
        return ()
    place = said.place
    return await services.chats.runs_of_message(place.team, place.channel, place.thread)


def _selection(said: Said) -> Selection:
    if isinstance(said.command, LogsCommand):
        return said.command.selection
    return selection_of(said.command) or Selection()
