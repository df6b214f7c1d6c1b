"""Buttons that say a command, those nothing follows from, and those nobody knows any more.

A button stays where it is for ever, so that of an older bridge may be pressed: no press is without
an answer. Whoever presses is who speaks, whoever was answered first.
"""

from typing import Final

from bridge.decisions.asking import Refuse
from bridge.decisions.chat_lines import escaped
from bridge.domain.chat_controls import Control
from bridge.domain.chat_events import ButtonPressed
from bridge.domain.work import Work
from bridge.routing import Router, Services
from handlers.chat.commands import say_words
from handlers.chat.recognising import recognise
from handlers.chat.writing import whisper

router = Router()

_ELSEWHERE: Final = frozenset(
    {Control.APPROVE, Control.TYPE_NAME, Control.REJECT, Control.CANCEL}
    | {Control.LOGS, Control.PLAN}
)
_OLDER: Final = (
    "Nothing was done: that button is of another version of the bridge. What it was for can be "
    "said, too: {help} shows how."
)


@router.on(ButtonPressed)
async def say_button(event: ButtonPressed, services: Services, work: Work) -> None:
    """Say what a button says; tell whoever presses one that means nothing any more."""
    control = event.control
    if control in _ELSEWHERE:
        return
    if control == Control.SAY and event.value.strip():
        await say_words(event, escaped(event.value), services, work)
    elif control != Control.SAY and control in list(Control):
        # A page was opened, or something was chosen in a form that is not sent yet.
        work.ignored = f"nothing follows from {control}"
    else:
        await _tell_older(event, services, work)


async def _tell_older(event: ButtonPressed, services: Services, work: Work) -> None:
    speaker = await recognise(event, services)
    said = _OLDER.format(help=f"`{services.chat_command} help`")
    whisper(work, event, speaker.text if isinstance(speaker, Refuse) else said)
