"""``status`` in the chat: how a job stands, how workspaces stand, what goes on in a channel."""

from collections.abc import Sequence
from typing import Final, cast

from bridge.decisions.asking import Refuse
from bridge.domain.commands import StatusCommand, Word
from bridge.domain.reports import RunReport
from bridge.domain.terrakube import Job, Workspace
from bridge.domain.work import Work
from bridge.rendering.answers import (
    Shown,
    Space,
    job_shown,
    run_shown,
    space_shown,
    spaces_shown,
    under_way_shown,
)
from bridge.rendering.wording import by_rank
from bridge.routing import Router, Said, Services
from handlers.chat.access import refuse_said
from handlers.chat.finding import (
    find_job,
    job_url,
    open_jobs,
    report_of,
    runs_of,
    workspace_now,
)
from handlers.chat.offering import answer, find_or_offer
from handlers.chat.targets import runs_of_thread

router = Router()

_MOST: Final = 20
_LAST: Final = 5
_OPEN: Final = 20


@router.on_said(StatusCommand)
async def status(said: Said, services: Services, work: Work) -> str:
    """Say how what is named stands; without a name, what goes on here."""
    if refusal := await refuse_said(said.speaker, Word.STATUS, services):
        return refusal.text
    command = cast("StatusCommand", said.command)
    if command.job:
        shown = await _of_job(command.job, services)
    elif command.selection.workspaces:
        shown = await _of_workspaces(said, services)
    else:
        shown = await _of_place(said, services)
    return answer(shown, said, services, work)


async def here(said: Said, services: Services) -> tuple[Sequence[RunReport], int, str]:
    """List what goes on where something is said: the first, how many, and where that is.

    In the thread below a message it is what that is about, ended or not.
    """
    place, chats = said.place, services.chats
    runs, where = await runs_of_thread(said, services), "in this thread"
    if chats is not None and not runs:
        runs = await chats.runs_under_way(place.team, place.channel)
        where = "in what this channel shows and hears of"
    first = sorted((RunReport(run=run, job_url="") for run in runs), key=by_rank)[:_MOST]
    return [await report_of(one.run, services) for one in first], len(runs), where


async def _of_place(said: Said, services: Services) -> Shown:
    reports, total, where = await here(said, services)
    hint = ""
    if services.chats is not None and not total:
        place = said.place
        heard = await services.chats.subscriptions(place.team, place.channel)
        how = f"`{services.chat_command} subscribe organization/*` changes that."
        hint = "" if heard else f"It is subscribed to nothing; {how}"
    return under_way_shown(reports, total, services.clock.now(), where=where, hint=hint)


async def _of_job(job_id: str, services: Services) -> Shown:
    found = await find_job(job_id, services)
    if isinstance(found, Refuse):
        return Shown(text=found.text)
    if found.run is not None:
        return run_shown(await report_of(found.run, services), services.clock.now())
    url = job_url(found.workspace, found.id, services)
    job = cast("Job", found.job)  # one of the two is there
    return job_shown(job, found.workspace, url, services.clock.now())


async def _of_workspaces(said: Said, services: Services) -> Shown:
    found = await find_or_offer(said, services)
    if isinstance(found, Shown):
        return found
    now = services.clock.now()
    if len(found) == 1:
        return space_shown(await _space(found[0], services), now)
    spaces = [await _known_space(one, services) for one in found[:_MOST]]
    return spaces_shown(spaces, len(found), now)


async def _space(known: Workspace, services: Services) -> Space:
    """Look at one workspace closely, and ask Terrakube about it."""
    ref = known.ref
    jobs = await open_jobs([ref.organization_id], services)
    workspace = await workspace_now(ref, services) if jobs is not None else None
    runs = await runs_of(ref, services, _OPEN)
    ours = {run.job_id for run in runs}
    others = [
        (job, job_url(ref, job.id, services))
        for job in jobs or ()
        if job.workspace_id == ref.id and job.id not in ours
    ]
    return Space(
        workspace=workspace or known,
        hold=await services.store.hold_of(ref.id),
        open=[await report_of(one, services) for one in reversed(runs) if not one.concluded],
        last=[await report_of(one, services) for one in runs if one.concluded][:_LAST],
        others=others,
        is_silent=jobs is None or workspace is None,
    )


async def _known_space(known: Workspace, services: Services) -> Space:
    """Look at one workspace of several: only what the bridge itself knows."""
    runs = await runs_of(known.ref, services, _LAST)
    return Space(
        workspace=known,
        hold=await services.store.hold_of(known.ref.id),
        open=[await report_of(one, services) for one in reversed(runs) if not one.concluded],
        last=[await report_of(one, services) for one in runs if one.concluded][:1],
    )
