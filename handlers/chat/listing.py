"""``workspaces`` and ``templates`` in the chat: what there is, as much as is read."""

from collections import Counter
from typing import cast

import structlog

from bridge.decisions.asking import Refuse
from bridge.decisions.naming import nearest
from bridge.decisions.wording import code, listed
from bridge.domain.commands import TemplatesCommand, Word, WorkspacesCommand
from bridge.domain.errors import RemoteError
from bridge.domain.terrakube import Organization
from bridge.domain.work import Work
from bridge.rendering.answers import Shown, templates_shown, workspaces_shown
from bridge.routing import Router, Said, Services
from handlers.chat.access import refuse_said
from handlers.chat.finding import SILENT
from handlers.chat.offering import answer
from handlers.chat.targets import usual_organization

log = structlog.get_logger(__name__)

router = Router()


@router.on_said(WorkspacesCommand)
async def workspaces(said: Said, services: Services, work: Work) -> str:
    """List the workspaces, or those whose name has a part in it."""
    if refusal := await refuse_said(said.speaker, Word.WORKSPACES, services):
        return refusal.text
    try:
        shown = await _workspaces(said, services)
    except RemoteError as error:
        log.warning("catalog.unread", reason=str(error))
        shown = Shown(text=SILENT)
    return answer(shown, said, services, work)


@router.on_said(TemplatesCommand)
async def templates(said: Said, services: Services, work: Work) -> str:
    """List the templates, with what they do."""
    if refusal := await refuse_said(said.speaker, Word.TEMPLATES, services):
        return refusal.text
    try:
        shown = await _templates(said, services)
    except RemoteError as error:
        log.warning("catalog.unread", reason=str(error))
        shown = Shown(text=SILENT)
    return answer(shown, said, services, work)


async def _workspaces(said: Said, services: Services) -> Shown:
    command = cast("WorkspacesCommand", said.command)
    part = command.containing.casefold()
    # A part with a slash says itself in which organization.
    usual = "" if "/" in part else await usual_organization(said, services)
    organization = await _organization(command.organization or usual, services)
    if isinstance(organization, Refuse):
        return Shown(text=organization.text)
    there = [
        one
        for one in await services.catalog.workspaces()
        if organization is None or one.ref.organization_id == organization.id
    ]
    found = [one for one in there if part in str(one.ref).casefold()]
    what = f" with {code(command.containing)} in its name" if part else ""
    return workspaces_shown(
        sorted(found, key=lambda one: str(one.ref)),
        name_of=services.chat_command,
        what=f"{what}{_within(organization)}",
        near=() if found else nearest(part.rpartition("/")[2], [str(one.ref) for one in there]),
    )


async def _templates(said: Said, services: Services) -> Shown:
    command = cast("TemplatesCommand", said.command)
    wanted = command.organization or await usual_organization(said, services)
    organization = await _organization(wanted, services)
    if isinstance(organization, Refuse):
        return Shown(text=organization.text)
    asked = [organization] if organization else await services.catalog.organizations()
    found = [
        (one.name, template)
        for one in asked
        for template in await services.catalog.templates(one.id)
    ]
    used = Counter(one.default_template for one in await services.catalog.workspaces())
    return templates_shown(
        sorted(found, key=lambda one: (one[0], one[1].name)),
        used,
        name_of=services.chat_command,
        what=_within(organization),
    )


async def _organization(name: str, services: Services) -> Organization | Refuse | None:
    """Find an organization by its name; None when none is named."""
    if not name:
        return None
    known = await services.catalog.organizations()
    for one in known:
        if one.name.casefold() == name.casefold():
            return one
    there = listed([one.name for one in known]) or "none"
    return Refuse(text=f"There is no organization {code(name)}. There is: {there}.")


def _within(organization: Organization | None) -> str:
    return f" in {code(organization.name)}" if organization else ""
