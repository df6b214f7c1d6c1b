"""What is done with what comes from Slack: it is kept, and then acknowledged. Nothing else.

Slack shows an error to whoever waits longer than three seconds, and tells events again that nobody
acknowledged; both only once nothing was kept. So an acknowledgement means COMMIT, and whoever did
something that was not kept is told to do it again. No exception leaves a listener: bolt would make
an error of what was acknowledged already (slack.md section 3).
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from bridge.chat.deliveries import (
    ACTIONS,
    KEPT_EVENTS,
    SUBMISSION,
    read_form,
    to_delivery,
)
from bridge.chat.options import SUGGESTION, Known, options_for
from bridge.chat.payloads import COMMAND, Payload, action_of, control_of
from bridge.domain.chat_controls import Control
from bridge.domain.chat_events import FormSent
from bridge.domain.deliveries import Delivery
from bridge.domain.errors import DeliveryError, OverloadedError
from bridge.logs import EVENT_TYPE, REASON
from bridge.ports import Clock

log = structlog.get_logger(__name__)

PATIENCE: Final = 2.0
"""Seconds for storing; Slack waits three for the whole answer."""

_LOOK: Final = 1.7
"""Seconds for looking into a form before it is stored."""

_AFTER_LOOK: Final = 1.0

_BUSY: Final = "This was not taken: the bridge has too much to do just now. Please do it again."
_GROUPS: Final = frozenset({"subteam_members_changed", "subteam_updated"})


class Inbox(Protocol):
    """Keeps deliveries."""

    async def accept(self, delivery: Delivery, seconds: float, /) -> object:
        """Store a delivery; returns after COMMIT, for a repeat at once.

        Raises:
            OverloadedError: It could not be stored within *seconds*.
        """
        ...


Check = Callable[[FormSent], Awaitable[Mapping[str, str]]]
"""Says what is wrong with a form, by ``action_id``; asks within a moment, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What Slack is answered.

    Attributes:
        body: Text or JSON; empty for a mere yes.
        whisper: What whoever did it is told besides, they alone.
        taken: False for what was not kept, and that cannot be said in words: Slack tells an event
            again, and people that something went wrong.
    """

    body: str | Mapping[str, Any] = ""
    whisper: str = ""
    taken: bool = True


_TAKEN: Final = Acknowledgement()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """One for each kind of thing that comes in; whichever way it came.

    Attributes:
        forget_groups: Is called when somebody says that the people of a group have changed.
        command_name: How people address the bridge.
    """

    inbox: Inbox
    clock: Clock
    known: Known
    check: Check
    forget_groups: Callable[[], None]
    command_name: str = "/terrakube"

    async def command(self, payload: Payload) -> Acknowledgement:
        """Keep a command."""

        async def keep() -> Acknowledgement:
            await self._keep(COMMAND, payload)
            return _TAKEN

        return await _guarded(COMMAND, keep, lambda text: Acknowledgement(body=_ephemeral(text)))

    async def action(self, payload: Payload) -> Acknowledgement:
        """Keep a click, unless it opened an address or is none of the bridge's."""

        async def keep() -> Acknowledgement:
            action = action_of(payload)
            if action is None:
                text = f"The bridge does not know this button any more: say `{self.command_name}`."
                return Acknowledgement(whisper=text)
            if control_of(action) is not Control.LINK:
                await self._keep(ACTIONS, payload)
            return _TAKEN

        return await _guarded(ACTIONS, keep, lambda text: Acknowledgement(whisper=text))

    async def form(self, payload: Payload) -> Acknowledgement:
        """Look into a form and keep it; it stays open with what is wrong with it."""

        async def keep() -> Acknowledgement:
            form = read_form(payload, self.clock.now())
            wrong = await self._wrong(form)
            errors = _by_block(payload, wrong)
            if errors:
                return Acknowledgement(body={"response_action": "errors", "errors": errors})
            await self._keep(SUBMISSION, payload, seconds=_AFTER_LOOK)
            return _TAKEN

        def failed(text: str) -> Acknowledgement:
            blocks = _inputs(payload)
            if not blocks:  # nowhere to say it: Slack says that something went wrong
                return Acknowledgement(taken=False)
            return Acknowledgement(
                body={"response_action": "errors", "errors": {next(iter(blocks.values())): text}}
            )

        return await _guarded(SUBMISSION, keep, failed)

    async def options(self, payload: Payload) -> Acknowledgement:
        """Say what may be chosen, from what is known already."""

        async def tell() -> Acknowledgement:
            return Acknowledgement(body=options_for(payload, self.known))

        nothing = Acknowledgement(body={"options": []})
        return await _guarded(SUGGESTION, tell, lambda _: nothing)

    async def event(self, payload: Payload) -> Acknowledgement:
        """Keep an event from which something follows."""
        event = payload.get("event")
        kind = str(event.get("type") or "") if isinstance(event, dict) else ""

        async def keep() -> Acknowledgement:
            if kind in _GROUPS:
                self.forget_groups()
            elif kind in KEPT_EVENTS:
                try:
                    await self._keep(kind, payload)
                except DeliveryError as error:  # told again it would be no better
                    log.warning("slack.unreadable", **{EVENT_TYPE: kind, REASON: str(error)})
            return _TAKEN

        return await _guarded(kind, keep, lambda _: Acknowledgement(taken=False))

    async def _keep(self, kind: str, payload: Payload, *, seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            await self.inbox.accept(to_delivery(kind, payload, self.clock.now()), seconds)

    async def _wrong(self, form: FormSent) -> Mapping[str, str]:
        try:
            async with asyncio.timeout(_LOOK):
                return await self.check(form)
        except TimeoutError:
            return {}


async def _guarded(
    kind: str,
    do: Callable[[], Awaitable[Acknowledgement]],
    failed: Callable[[str], Acknowledgement],
) -> Acknowledgement:
    """Do something, and say so in words when it was not done."""
    try:
        return await do()
    except (OverloadedError, TimeoutError) as error:
        log.warning("slack.not_taken", **{EVENT_TYPE: kind, REASON: str(error) or "too slow"})
        return failed(_BUSY)
    except Exception as error:
        number = secrets.token_hex(4)
        # A payload that is none is Slack's doing, and its traceback would tell nothing.
        trace = None if isinstance(error, DeliveryError) else error
        log.exception("slack.failed", exc_info=trace, error_id=number, **{EVENT_TYPE: kind})
        return failed(f"This was not taken: something went wrong here (error {number}).")


def _ephemeral(text: str) -> Mapping[str, str]:
    return {"response_type": "ephemeral", "text": text}


def _inputs(payload: Payload) -> Mapping[str, str]:
    """Map controls that are filled in to the blocks they are in; empty for what is no form."""
    try:
        return {
            str((one.get("element") or {}).get("action_id")): str(one["block_id"])
            for one in (payload.get("view") or {}).get("blocks") or ()
            if one.get("type") == "input"
        }
    except (AttributeError, LookupError, TypeError):
        return {}


def _by_block(payload: Payload, wrong: Mapping[str, str]) -> Mapping[str, str]:
    """Put what is wrong where Slack shows it: at the blocks of the controls."""
    shown = _inputs(payload)
    return {shown[name]: text for name, text in wrong.items() if name in shown}
