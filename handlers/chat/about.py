"""What is said in a chat about a pull request: it is answered as in the pull request itself.

It is one that is named, or that of the message in whose thread something is said. Like everything,
it is read again from its forge before anything is decided.
"""

import re
from dataclasses import replace
from typing import Final

from bridge.decisions.approving import is_name_of, needs_name
from bridge.decisions.asking import Refuse
from bridge.decisions.choosing import is_named
from bridge.decisions.repositories import Matcher
from bridge.decisions.saying import may_be_about, refuse_source, selection_of
from bridge.decisions.wording import code, listed
from bridge.domain.access import SLACK
from bridge.domain.commands import ApproveCommand
from bridge.domain.errors import NotFoundError, PermanentRemoteError
from bridge.domain.vcs import PullRequest, PullRequestRef, Repository
from bridge.domain.work import Work
from bridge.ports import Forge
from bridge.routing import Asked, Said, Services
from bridge.services.locating import repository_of
from handlers.chat.writing import follow_here
from handlers.reading import permission_now

_NUMBERED: Final = re.compile(r"(?P<where>.+?)(?:#|/pulls?/)(?P<number>[0-9]+)")


async def find_pull_request(said: Said, services: Services) -> PullRequest | Refuse | None:
    """Find the pull request a command is about, as its forge shows it now; None for none.

    Raises:
        TemporaryRemoteError: Its forge does not answer.
    """
    selection = selection_of(said.command)
    if selection is not None and selection.pull_request:
        return await _named(selection.pull_request, services)
    place = said.place
    if services.chats is None or not place.thread or not may_be_about(said.command):
        return None
    ref = await services.chats.pull_request_of_message(place.team, place.channel, place.thread)
    if ref is None:
        return None
    forge = services.forges.get(ref.repository.forge)
    if forge is None:
        name = code(ref.repository.forge)
        return Refuse(text=f"Nothing was done: the forge {name} is no longer configured.")
    return await _read(forge, ref)


async def answer_about(
    pull_request: PullRequest, said: Said, services: Services, work: Work
) -> str:
    """Answer what is said about a pull request; what starts is shown where it was said, too."""
    ref = pull_request.ref
    refusal = refuse_source(said.command) or await _refuse_unnamed(said, ref, services)
    if refusal is not None:
        return refusal.text
    asked = await _asked(pull_request, said, services)
    before = len(work.runs)
    answer = await services.answer(asked, services, work)
    if len(work.runs) > before:
        report = follow_here(work, said, ref.key)
        work.runs[before:] = [
            replace(one, reports=(*one.reports, report)) for one in work.runs[before:]
        ]
    return answer


async def _asked(pull_request: PullRequest, said: Said, services: Services) -> Asked:
    repository = pull_request.ref.repository
    login = said.speaker.login_on(repository.forge)
    forge = services.forges[repository.forge]
    return Asked(
        command=said.command,
        actor=login or said.speaker.user.actor,
        permission=await permission_now(forge, repository, login) if login else None,
        door=SLACK,
        trigger=said.trigger,
        pull_request=pull_request,
        speaker=said.speaker,
    )


async def _refuse_unnamed(said: Said, ref: PullRequestRef, services: Services) -> Refuse | None:
    """Refuse to approve what destroys something while its workspace was not named in full.

    A button would ask for the name, too.
    """
    command = said.command
    if not isinstance(command, ApproveCommand):
        return None
    typed = command.selection.workspaces
    unnamed = [
        str(run.request.workspace)
        for run in await services.store.runs_waiting(ref)
        if is_named(command.selection, run.request.workspace)
        and needs_name(run, most=services.confirm_deletions)
        and not any(is_name_of(one, run.request.workspace) for one in typed)
    ]
    if not unnamed:
        return None
    again = code(f"{services.chat_command} approve {unnamed[0]}")
    return Refuse(
        text=f"Nothing was approved: what waits in {listed(unnamed)} may destroy something, so "
        f"the workspace's name has to be typed, as in {again}."
    )


async def _named(text: str, services: Services) -> PullRequest | Refuse:
    """Find a pull request by ``owner/name#12`` or its address."""
    parts = _NUMBERED.fullmatch(text)
    if parts is None:
        return _unknown(text)
    where, number = parts["where"], int(parts["number"])
    found = await (_by_address if "://" in where else _by_slug)(where, services)
    if len(found) > 1:
        names = listed([forge.name for forge, _ in found])
        return Refuse(
            text=f"Nothing was done: {code(text)} is on several forges, {names}. Say which by its "
            "address."
        )
    if not found:
        return _unknown(text)
    ((forge, repository),) = found
    return await _read(forge, PullRequestRef(repository=repository.ref, number=number))


async def _by_address(where: str, services: Services) -> list[tuple[Forge, Repository]]:
    matcher = Matcher(ssh_hosts=services.policy.ssh_hosts)
    found = await repository_of(where, services.forges, matcher)
    return [found] if found else []


async def _by_slug(where: str, services: Services) -> list[tuple[Forge, Repository]]:
    found: list[tuple[Forge, Repository]] = []
    for forge in services.forges.values():
        try:
            found.append((forge, await forge.repository(where)))
        except PermanentRemoteError:  # another forge's, or none the bridge may see
            continue
    return found


async def _read(forge: Forge, ref: PullRequestRef) -> PullRequest | Refuse:
    try:
        return await forge.pull_request(ref)
    except NotFoundError:
        return _unknown(f"{ref.repository.slug}#{ref.number}")


def _unknown(name: str) -> Refuse:
    return Refuse(
        text=f"Nothing was done: the bridge finds no pull request {code(name)} on a forge that is "
        "configured."
    )
