"""Where things are in what Slack sends: who did it, where, and what was entered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bridge.domain.chat import ChatPlace
from bridge.domain.chat_controls import Control, FormPlace

Payload: TypeAlias = Mapping[str, Any]

COMMAND: Final = "command"
"""Kind of a delivery that a slash command made; the others bear Slack's own words."""

_CONTROLS: Final = {str(one): one for one in Control}


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who did something, where; *thread* is empty outside of one."""

    team: str
    user: str
    user_team: str
    channel: str = ""
    thread: str = ""

    @property
    def place(self) -> ChatPlace:
        """Where it was done."""
        return ChatPlace(team=self.team, channel=self.channel, thread=self.thread)


def who_of(kind: str, payload: Payload) -> Who:
    """Say who did something, and where; *kind* is that of its delivery."""
    if kind == COMMAND:
        team = text_of(payload, "team_id")
        return Who(
            team=team,
            user=text_of(payload, "user_id"),
            user_team=team,
            channel=text_of(payload, "channel_id"),
        )
    if "event" in payload:
        return _who_of_event(payload)
    return _who_of_interaction(payload)


def _who_of_interaction(payload: Payload) -> Who:
    user: Payload = payload["user"]
    team: Payload = payload.get("team") or {}
    view: Payload = payload.get("view") or {}
    # A form that was opened out of a channel of somebody else's comes from their workspace.
    own = view.get("app_installed_team_id") or team.get("id") or user.get("team_id")
    place = _form_place(payload) if view else _message_place(payload)
    return Who(
        team=str(own or ""),
        user=text_of(user, "id"),
        user_team=_workspace(user.get("team_id"), team.get("enterprise_id")),
        channel=place.channel,
        thread=place.thread,
    )


def _who_of_event(payload: Payload) -> Who:
    event: Payload = payload["event"]
    own: Payload = next(iter(payload.get("authorizations") or ()), {})
    channel = event.get("channel") or ""
    return Who(
        # In channels of several workspaces the outer one may be that of whoever did it.
        team=text_of(own, "team_id") if own.get("team_id") else text_of(payload, "team_id"),
        user=str(event.get("user") or event.get("actor_id") or ""),
        user_team=_workspace(event.get("user_team") or event.get("team"), own.get("enterprise_id")),
        channel=str(channel.get("id") or "") if isinstance(channel, dict) else str(channel),
        thread=str(event.get("thread_ts") or ""),
    )


def _workspace(named: object, organization: object) -> str:
    """Say which workspace somebody is of; empty where only our own *organization* is named."""
    return "" if named == organization else str(named or "")


def _form_place(payload: Payload) -> FormPlace:
    return FormPlace.parse(str(payload["view"].get("private_metadata") or ""))


def _message_place(payload: Payload) -> FormPlace:
    shown, message = payload.get("container") or {}, payload.get("message") or {}
    thread = str(shown.get("thread_ts") or message.get("thread_ts") or "")
    return FormPlace(
        channel=str((payload.get("channel") or {}).get("id") or shown.get("channel_id") or ""),
        # A message that was answered bears its own thread, and stands in the channel all the same.
        thread="" if thread == shown.get("message_ts") else thread,
    )


def action_of(payload: Payload) -> Payload | None:
    """Find what was pressed or chosen; None when it is nothing the bridge ever showed."""
    actions: Iterable[Payload] = payload.get("actions") or ()
    return next((one for one in actions if control_of(one) is not None), None)


def control_of(action: Payload) -> Control | None:
    """Say which control an ``action_id`` names; None for none of the bridge's."""
    return _CONTROLS.get(str(action.get("action_id") or "").partition(":")[0])


def values_of(view: Payload) -> Mapping[str, str]:
    """List what is entered in a view by ``action_id``, without what was left empty."""
    blocks: Mapping[str, Payload] = (view.get("state") or {}).get("values") or {}
    entered = {name: entered_in(one) for block in blocks.values() for name, one in block.items()}
    return {name: value for name, value in entered.items() if value}


def entered_in(state: Payload) -> str:
    """Return what was typed, chosen, or stands behind a button."""
    chosen = state.get("selected_option") or {}
    return str(state.get("value") or chosen.get("value") or "")


def own_users(payload: Payload) -> frozenset[str]:
    """Return the ids of the bridge's own user, as the event names it."""
    shown: Iterable[Payload] = payload.get("authorizations") or ()
    return frozenset(str(one["user_id"]) for one in shown if one.get("user_id"))


def text_of(payload: Payload, name: str) -> str:
    """Return a text that has to be there; ValueError or LookupError when it is not."""
    value = payload[name]
    if not isinstance(value, str) or not value:
        msg = f"{name} is missing"
        raise ValueError(msg)
    return value
