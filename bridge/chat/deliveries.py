"""What Slack sends, as a delivery to keep, and what a kept one means.

A command, a click and a form are known for ever by who did them and their ``trigger_id``; an event
by its ``event_id``, which Slack repeats when it tells it again. Whoever sends the same once more,
at whatever replica and after whatever restart, gives something the store has already.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from bridge.chat.payloads import (
    COMMAND,
    Payload,
    action_of,
    entered_in,
    own_users,
    text_of,
    values_of,
    who_of,
)
from bridge.domain.access import SLACK
from bridge.domain.chat_events import (
    AppRemoved,
    ButtonPressed,
    ChannelBack,
    ChannelGone,
    ChatEvent,
    CommandSaid,
    FormSent,
)
from bridge.domain.commands import Word
from bridge.domain.deliveries import Delivery
from bridge.domain.errors import PayloadError, TemporaryRemoteError
from bridge.ports import Ignored

ACTIONS: Final = "block_actions"
SUBMISSION: Final = "view_submission"
MENTION: Final = "app_mention"
MEMBER: Final = "member_joined_channel"
UNINSTALLED: Final = "app_uninstalled"
REVOKED: Final = "tokens_revoked"

_GONE: Final[Mapping[str, str]] = {
    "channel_archive": "it was archived",
    "channel_deleted": "it was deleted",
    "channel_left": "the bridge was removed from it",
    "group_archive": "it was archived",
    "group_deleted": "it was deleted",
    "group_left": "the bridge was removed from it",
}
_REMOVED: Final = {UNINSTALLED: "it was uninstalled", REVOKED: "its token was revoked"}
_BACK: Final = frozenset({"channel_unarchive", "group_unarchive", MEMBER})

KEPT_EVENTS: Final = frozenset({MENTION, *_GONE, *_BACK, *_REMOVED})
"""Events that are kept; of the others nothing follows that could be lost."""

_BY_THEMSELVES: Final = frozenset(
    {
        *(Word.APPROVE, Word.REJECT, Word.CANCEL),
        *(Word.STATUS, Word.WHY, Word.LOGS, Word.WORKSPACES, Word.TEMPLATES),
        *(Word.SUBSCRIPTIONS, Word.WHOAMI, Word.VERSION, Word.HELP),
    }
)
_SECRETS: Final = frozenset({"token", "bot_access_token"})
_MENTION: Final = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")
_NOT_YET: Final = "Slack has not said yet which workspace the bridge is in"


def to_delivery(kind: str, payload: Payload, now: datetime) -> Delivery:
    """Lay out what came in for the store, without the tokens that Slack still sends along.

    What is laid out can be read: whoever did it is told at once when it cannot, or never.

    Raises:
        PayloadError: It is not what Slack documents.
    """
    with _Reading(kind):
        kept = {name: _storable(one) for name, one in payload.items() if name not in _SECRETS}
        delivery = Delivery(
            source=SLACK,
            key=_key(kind, kept),
            kind=kind,
            subject=_subject(kind, kept),
            semantic_key=None,
            repository_id="",
            headers={},
            body=json.dumps(kept, separators=(",", ":")).encode(),
            received_at=now,
        )
    parse(delivery)
    return delivery


def _storable(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Leave out what PostgreSQL keeps in no text: NUL, and halves of signs."""
    match value:
        case str():
            return (
                value.replace("\0", "")
                .encode("utf-16-le", "surrogatepass")
                .decode("utf-16-le", "replace")
            )
        case list():
            return [_storable(one) for one in value]
        case dict():
            return {_storable(name): _storable(one) for name, one in value.items()}
        case _:
            return value


def _subject(kind: str, payload: Payload) -> str:
    """Say whose order matters: of one person in one channel, or of a channel itself.

    What only asks, or answers a job, waits for nothing else that the same person said, which may
    take long while a forge does not answer: of two answers the database lets the first one count.
    """
    who = who_of(kind, payload)
    if kind in _GONE or kind in _BACK:
        return f"{SLACK}:{who.team}:{who.channel}:"
    lane = _lane(kind, payload)
    return f"{SLACK}:{who.team}:{who.channel}:{who.user}{f':{lane}' if lane else ''}"


def _lane(kind: str, payload: Payload) -> str:
    """Name what something is in order with; empty for what the person starts and changes."""
    if kind == ACTIONS:
        return str((payload.get("container") or {}).get("message_ts") or "")
    if kind == COMMAND:
        text = str(payload.get("text") or "")
    elif kind == MENTION:
        text = _after_mention(str(payload["event"].get("text") or ""), own_users(payload))
    else:
        return ""
    # Nothing at all opens the form, for which there are seconds, or asks for help.
    word = text.strip("` ").partition(" ")[0].casefold() or Word.HELP.value
    return word if word in _BY_THEMSELVES else ""


def parse(delivery: Delivery) -> ChatEvent | Ignored:
    """Say what a kept delivery means.

    Raises:
        PayloadError: It is not what Slack documents.
    """
    with _Reading(delivery.kind):
        payload = json.loads(delivery.body)
        who = who_of(delivery.kind, payload)
        known = {
            "delivery_id": delivery.key,
            "received_at": delivery.received_at,
            "actor": who.user,
            "place": who.place,
            "user_team": who.user_team,
        }
        match delivery.kind:
            case "command":
                return _command(payload, known)
            case "block_actions":
                return _button(payload, known)
            case "view_submission":
                return _form(payload, known)
            case kind:
                return _event(kind, payload, known)


def parser(team: Callable[[], str]) -> Callable[[Delivery], ChatEvent | Ignored]:
    """Make what reads deliveries as soon as *team* says which workspace the bridge is in.

    Before that nobody could tell its people from strangers: deliveries wait.
    """

    def read(delivery: Delivery) -> ChatEvent | Ignored:
        if not team():
            raise TemporaryRemoteError(_NOT_YET, service=SLACK)
        return parse(delivery)

    return read


class _Reading:
    """Turns whatever is wrong with a payload into one error."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(
            error, LookupError | TypeError | ValueError | AttributeError | RecursionError
        ):
            msg = f"reading a {self._kind} of Slack's: it is not what Slack documents"
            raise PayloadError(msg) from error


def _key(kind: str, payload: Payload) -> str:
    if "event" in payload:
        return text_of(payload, "event_id")
    who = who_of(kind, payload)
    return f"{who.team}:{who.user}:{text_of(payload, 'trigger_id')}"


def _interaction(payload: Payload, known: Mapping[str, Any], *, name: str = "") -> dict[str, Any]:
    """Gather what everything has in common that is answered where it was done."""
    trigger_id = "" if name else text_of(payload, "trigger_id")
    return {
        **known,
        "trigger": f"{SLACK}:{known['place'].team}:{name or trigger_id}",
        "trigger_id": trigger_id,
        "response_url": str(payload.get("response_url") or ""),
    }


def _command(payload: Payload, known: Mapping[str, Any]) -> ChatEvent:
    return CommandSaid(**_interaction(payload, known), text=str(payload.get("text") or ""))


def _button(payload: Payload, known: Mapping[str, Any]) -> ChatEvent | Ignored:
    action = action_of(payload)
    if action is None:
        return Ignored(reason="nothing was pressed that the bridge knows")
    return ButtonPressed(
        **_interaction(payload, known),
        action=text_of(action, "action_id"),
        value=entered_in(action),
        message=str((payload.get("container") or {}).get("message_ts") or ""),
    )


def read_form(payload: Payload, now: datetime) -> FormSent:
    """Read a form just as it comes in, to look at it before it is acknowledged.

    Raises:
        PayloadError: It is not what Slack documents.
    """
    found = parse(to_delivery(SUBMISSION, payload, now))
    if not isinstance(found, FormSent):
        msg = f"a form of Slack's was read as {type(found).__name__}"
        raise TypeError(msg)
    return found


def _form(payload: Payload, known: Mapping[str, Any]) -> FormSent:
    view = payload["view"]
    answers = payload.get("response_urls") or [{}]
    given = {"response_url": answers[0].get("response_url"), **payload}
    return FormSent(
        **_interaction(given, known),
        form=str(view.get("callback_id") or ""),
        values=values_of(view),
        metadata=str(view.get("private_metadata") or ""),
    )


def _event(kind: str, payload: Payload, known: Mapping[str, Any]) -> ChatEvent | Ignored:
    event = payload["event"]
    if kind == MENTION:
        return _mention(event, payload, known)
    if kind in _GONE:
        return ChannelGone(**known, why=_GONE[kind])
    is_other = kind == MEMBER and event.get("user") not in own_users(payload)
    if kind in _BACK and not is_other:
        return ChannelBack(**known)
    if kind == UNINSTALLED or (kind == REVOKED and (event.get("tokens") or {}).get("bot")):
        return AppRemoved(**known, why=_REMOVED[kind])
    return Ignored(reason=f"nothing follows from this {kind}")


def _mention(event: Payload, payload: Payload, known: Mapping[str, Any]) -> ChatEvent | Ignored:
    if event.get("bot_id") or event.get("subtype") == "bot_message" or not known["actor"]:
        return Ignored(reason="a program said it")
    if event.get("edited"):
        # Slack tells of the message once more, as news: what it says was carried out already.
        return Ignored(reason="a message was edited")
    own = own_users(payload)
    if known["actor"] in own:
        return Ignored(reason="the bridge said it itself")
    return CommandSaid(
        **_interaction({}, known, name=known["delivery_id"]),
        text=_after_mention(str(event.get("text") or ""), own),
        mention=True,
    )


def _after_mention(text: str, own: frozenset[str]) -> str:
    """Return what follows the bridge's name; the first name counts where nobody says which."""
    for match in _MENTION.finditer(text):
        if match[1] in own or not own:
            return text[match.end() :].strip()
    return text.strip()
