"""The entry of commands: what is typed, said to the bridge in a message, or said by a button.

Everything that is said is answered. Wrong words are told to whoever said them alone, and what
Terrakube or a forge has to do with it waits a while for them (see handlers.waiting).
"""

import re
from dataclasses import fields
from datetime import UTC, datetime
from typing import Final

import structlog

from bridge.decisions.asking import Refuse
from bridge.decisions.commands import parse_command
from bridge.decisions.saying import (
    APPROVED_WITHIN,
    PATIENCE,
    TOO_LATE,
    dropped_text,
    failed_text,
    misunderstood_text,
    refuse_without_pull_request,
)
from bridge.domain.chat_controls import FormPlace
from bridge.domain.chat_events import ButtonPressed, CommandSaid, Interaction
from bridge.domain.commands import ApproveCommand, HelpCommand, Misunderstood, word_of
from bridge.domain.errors import RemoteError, TemporaryRemoteError, UserError
from bridge.domain.vcs import PullRequest
from bridge.domain.work import Work
from bridge.rendering.slack import render_start_view
from bridge.routing import Router, Said, Services
from handlers.chat.about import answer_about, find_pull_request
from handlers.chat.recognising import recognise
from handlers.chat.sharing import is_shared, refuse_before_strangers
from handlers.chat.writing import channel_of, open_view, refuse_stranger, reply, whisper

log = structlog.get_logger(__name__)

router = Router()

_SECONDS: Final = re.compile(r"[0-9]{1,10}\.[0-9]{1,6}")


@router.on(CommandSaid)
async def hear(event: CommandSaid, services: Services, work: Work) -> None:
    """Carry out a command, or say why not."""
    await say_words(event, event.text, services, work, mention=event.mention)


async def say_words(
    event: Interaction, text: str, services: Services, work: Work, *, mention: bool = False
) -> None:
    """Carry out what whoever does something says by it.

    Args:
        event: What they did.
        text: What it says, without the name people address the bridge by.
        services: What there is.
        work: What follows.
        mention: Whether it is answered for all to see.
    """
    speaker = await recognise(event, services)
    if isinstance(speaker, Refuse):
        refuse_unknown(event, speaker.text, work)
        return
    command = parse_command(text, services.chat_command)
    if isinstance(command, Misunderstood):
        whisper(work, event, misunderstood_text(command, services.chat_command))
        return
    # Without rules nobody may start anything, so that help says more than a form.
    is_bare = isinstance(command, HelpCommand) and not command.text
    if is_bare and not mention and services.policy.access is not None:
        place = FormPlace(channel=event.place.channel, thread=event.place.thread)
        open_view(work, event, render_start_view(place))
        return
    # What strangers would read, too, is told to whoever asks alone.
    for_all = mention and await is_shared(event.place, services) is False
    said = Said(
        command=command,
        speaker=speaker,
        place=event.place,
        trigger=event.trigger,
        response_url=event.response_url,
        mention=for_all,
        asked_at=_written_at(event),
        said_at=event.received_at,
    )
    await carry_out(event, said, services, work)


def _written_at(event: Interaction) -> datetime | None:
    """Say when the message was written that somebody pressed a button of: its ``ts`` is a time."""
    if not isinstance(event, ButtonPressed) or not _SECONDS.fullmatch(event.message):
        return None
    return datetime.fromtimestamp(float(event.message), UTC)


async def carry_out(event: Interaction, said: Said, services: Services, work: Work) -> None:
    """Carry out a command and answer it where it was given.

    Raises:
        TemporaryRemoteError: Somebody does not answer, and it is early enough to try again.
    """
    draft = Work(attempt=work.attempt)
    try:
        answer = _too_late(event, said, services) or await _answered(said, services, draft)
    except UserError as error:
        answer, draft = str(error), Work()
    except RemoteError as error:
        answer, draft = _failed(event, said, services, error), Work()
    _take(work, draft)
    if not answer:
        return
    if said.mention:
        reply(work, event, answer)
    else:
        whisper(work, event, answer)


def refuse_unknown(event: Interaction, text: str, work: Work) -> None:
    """Refuse whoever may say nothing here at all."""
    subject = channel_of(event.place)
    refuse_stranger(work, event, text, action="command.said", subject=subject)


def _too_late(event: Interaction, said: Said, services: Services) -> str:
    """Refuse to approve what may not be what was looked at: the bridge was away."""
    is_late = services.clock.now() - event.received_at > APPROVED_WITHIN
    return TOO_LATE if is_late and isinstance(said.command, ApproveCommand) else ""


def _take(work: Work, draft: Work) -> None:
    """Add what follows from a command, now that it is known that nothing went wrong."""
    for each in fields(Work):
        if isinstance(found := getattr(draft, each.name), list):
            getattr(work, each.name).extend(found)
    work.ignored = draft.ignored


async def _answered(said: Said, services: Services, work: Work) -> str:
    if refusal := await refuse_before_strangers(said.command, said.place, services):
        return refusal.text
    match await find_pull_request(said, services):
        case Refuse(text=text):
            return text
        case PullRequest() as pull_request:
            return await answer_about(pull_request, said, services, work)
        case _:
            pass
    if refusal := refuse_without_pull_request(said.command, services.chat_command):
        return refusal.text
    return await services.say(said, services, work)


def _failed(event: Interaction, said: Said, services: Services, error: RemoteError) -> str:
    """Say that nothing comes of a command; raise *error* again while something may."""
    is_late = services.clock.now() - event.received_at >= PATIENCE
    # What waits by then may be something that whoever approves has not seen.
    may_wait = not isinstance(said.command, ApproveCommand)
    if isinstance(error, TemporaryRemoteError) and may_wait and not is_late:
        raise error
    log.warning("command.failed", command=word_of(said.command), reason=str(error))
    waited = isinstance(error, TemporaryRemoteError) and may_wait
    return dropped_text(error) if waited else failed_text(error)
