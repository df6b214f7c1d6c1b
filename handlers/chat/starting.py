"""``plan``, ``apply``, ``destroy`` in the chat, of workspaces: no pull request is needed.

What starts is shown to all where it was said, with the name of whoever said it. It runs the commit
its branch is at just now, where a configured forge can say which that is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from bridge.decisions.asking import Refuse
from bridge.decisions.naming import Unknown
from bridge.decisions.starting import (
    Flow,
    StartCommand,
    choose_branch,
    choose_flow,
    options_of,
    refuse_form,
    refuse_held,
    refuse_many,
    verb_of,
    word_to_have,
)
from bridge.decisions.starting_twice import Question, ask_again, ask_where, ask_which
from bridge.decisions.triggers import Facts
from bridge.domain.commands import ApplyCommand, DestroyCommand, PlanCommand, word_of
from bridge.domain.runs import RunRequest
from bridge.domain.terrakube import Workspace
from bridge.domain.work import Work
from bridge.rendering.slack import render_answer
from bridge.routing import Router, Said, Services
from handlers.chat.access import refuse_said
from handlers.chat.sources import Code, Heads, Place, find_code, find_places
from handlers.chat.targets import find_workspaces
from handlers.chat.writing import answer_said, audit_said, channel_of, follow_here

router = Router()


@router.on_said(PlanCommand)
async def plan(said: Said, services: Services, work: Work) -> str:
    """Show what would change in workspaces."""
    return await _start(said, services, work)


@router.on_said(ApplyCommand)
async def apply(said: Said, services: Services, work: Work) -> str:
    """Plan workspaces, ask, and change them when somebody approves."""
    return await _start(said, services, work)


@router.on_said(DestroyCommand)
async def destroy(said: Said, services: Services, work: Work) -> str:
    """Plan the destruction of workspaces, ask, and destroy them when somebody approves."""
    return await _start(said, services, work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What is started in one workspace."""

    place: Place
    code: Code
    flow: Flow


async def _start(said: Said, services: Services, work: Work) -> str:
    decision = await _decide(said, services)
    match decision:
        case Question(text=text, says=says) if says:
            _audit(said, work, "asked", text)
            message = render_answer(text, says)
            answer_said(work, said, message, now=services.clock.now())
            return ""
        case Refuse(text=text):
            _audit(said, work, "refused", text)
            return text
        case requests:
            report = follow_here(work, said)
            work.runs += [replace(one, reports=(report,)) for one in requests]
            _audit(said, work, "done", ", ".join(str(one.workspace) for one in requests))
            return ""


async def _decide(said: Said, services: Services) -> Refuse | Sequence[RunRequest]:
    command = cast("StartCommand", said.command)
    found = await _find(said, command, services)
    if isinstance(found, Refuse):
        return found
    places = await find_places(found, services)
    refusal = await _refuse_person(said, places, services)
    if refusal := refusal or await _refuse_moment(command, found, services):
        return refusal
    starts = await _starts(command, places, services)
    if isinstance(starts, Refuse):
        return starts
    requests = [_request(said, one) for one in starts]
    return await _ask_again(requests, said, services) or requests


async def _find(
    said: Said, command: StartCommand, services: Services
) -> Refuse | Sequence[Workspace]:
    """Find the workspaces, as far as there is anything to look for."""
    refusal = refuse_form(command, services.policy)
    if refusal is None and services.policy.access is None:
        # Whoever it is, and wherever: nobody is asked, and nothing is looked up.
        refusal = await refuse_said(said.speaker, word_to_have(command), services)
    if refusal is not None:
        return refusal
    found = await find_workspaces(said, services)
    if isinstance(found, Unknown):
        return ask_which(found, command)
    if isinstance(found, Refuse):
        return found
    return refuse_many(command, len(found), services.policy.max_workspaces) or found


async def _refuse_person(said: Said, places: Sequence[Place], services: Services) -> Refuse | None:
    """Refuse whoever may not say it about all of the workspaces, one repository after another."""
    word = word_to_have(cast("StartCommand", said.command))
    grouped: dict[str, list[Place]] = {}
    for one in places:
        grouped.setdefault(one.ref.key, []).append(one)
    for group in grouped.values():
        workspaces = [one.workspace.ref for one in group]
        repository = group[0].ref if group[0].found else None
        refusal = await refuse_said(said.speaker, word, services, workspaces, repository)
        if refusal is not None:
            return refusal
    return None


async def _refuse_moment(
    command: StartCommand, workspaces: Sequence[Workspace], services: Services
) -> Refuse | None:
    """Refuse to change what a pull request has for itself, and ask where one waits for it."""
    if isinstance(command, PlanCommand):
        return None
    for one in workspaces:
        hold = await services.store.hold_of(one.ref.id)
        if refusal := refuse_held(one, hold, services.chat_command):
            return refusal
    source = command.source
    is_plain = isinstance(command, ApplyCommand) and not (source.branch or source.template)
    if services.chats is None or not is_plain:
        return None
    planned = {
        str(one.ref): await services.chats.planned_pull_requests(one.ref.id) for one in workspaces
    }
    branch = choose_branch(command, workspaces[0])
    return ask_where(
        {name: refs for name, refs in planned.items() if refs},
        workspaces,
        branch if isinstance(branch, str) else "",
        services.chat_command,
    )


async def _starts(
    command: StartCommand, places: Sequence[Place], services: Services
) -> Refuse | Sequence[_Start]:
    facts = await _facts(places, services)
    starts: list[_Start] = []
    heads: Heads = {}
    for place in places:
        flow = choose_flow(command, place.workspace, facts)
        if isinstance(flow, Refuse):
            return flow
        code = await find_code(command, place, heads)
        if isinstance(code, Refuse):
            return code
        starts.append(_Start(place=place, code=code, flow=flow))
    return starts


async def _facts(places: Sequence[Place], services: Services) -> Facts:
    organizations = {one.workspace.ref.organization_id for one in places}
    return Facts(
        bindings=(),
        policy=services.policy,
        templates={one: await services.catalog.templates(one) for one in sorted(organizations)},
        built_in=services.built_in,
        destruction=services.destruction,
    )


def _request(said: Said, start: _Start) -> RunRequest:
    command = cast("StartCommand", said.command)
    actor = said.speaker.user.actor
    why = command.source.message or command.text
    return RunRequest(
        trigger=said.trigger,
        actor=actor,
        verb=verb_of(command),
        workspace=start.place.workspace.ref,
        template=start.flow.template,
        commit_id=start.code.commit,
        repository=start.place.ref,
        reports=(),
        options=options_of(command),
        branch=start.code.branch,
        why=f"Asked for by {actor} in Slack: {why}",
        applies=start.flow.may_change,
        verbose=command.verbose,
    )


async def _ask_again(
    requests: Sequence[RunRequest], said: Said, services: Services
) -> Question | None:
    command = cast("StartCommand", said.command)
    if services.chats is None or (command.source.again and said.asked_at is None):
        return None
    known = [
        run for one in requests for run in await services.chats.runs_of_workspace(one.workspace.id)
    ]
    if command.source.again:
        # What was there when it was asked is known; what is new, this button started already.
        known = [run for run in known if said.asked_at and run.created_at > said.asked_at]
    return ask_again(requests, known, command, services.clock.now())


def _audit(said: Said, work: Work, result: str, detail: str) -> None:
    audit_said(
        work,
        said.speaker,
        action=f"{word_of(said.command)}.requested",
        subject=channel_of(said.place),
        result=result,
        detail=f"{said.command.text}: {detail}",
    )
