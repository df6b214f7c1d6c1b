"""The form that starts a run: what it says is carried out as if it had been typed."""

from typing import Final

from bridge.decisions.asking import Refuse
from bridge.decisions.forms import command_of
from bridge.domain.chat_controls import Form
from bridge.domain.chat_events import FormSent
from bridge.domain.work import Work
from bridge.routing import Router, Said, Services
from handlers.chat.commands import carry_out, refuse_unknown
from handlers.chat.recognising import recognise, where_opened
from handlers.chat.writing import whisper

router = Router()

_NOWHERE: Final = (
    "Nothing was started: there is no channel in which it could be shown. Open the form in one."
)


@router.on(FormSent)
async def start(event: FormSent, services: Services, work: Work) -> None:
    """Start what a form says, and show it where the form was opened."""
    if event.form != Form.START:
        return
    event = where_opened(event)
    speaker = await recognise(event, services)
    if isinstance(speaker, Refuse):
        refuse_unknown(event, speaker.text, work)
        return
    # What starts is shown to all: whoever sends a form from nowhere is asked to open it somewhere.
    command = command_of(event.values) if event.place.channel else Refuse(text=_NOWHERE)
    if isinstance(command, Refuse):
        whisper(work, event, command.text)
        return
    said = Said(
        command=command,
        speaker=speaker,
        place=event.place,
        trigger=event.trigger,
        response_url=event.response_url,
    )
    await carry_out(event, said, services, work)
