"""Reading what people did in Slack as Slack told it: by whom, which key, and what it was."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.domain.access import SLACK
from bridge.sandbox.slack.delivering import Delivery, Kind
from tests.chaos.slacking_people import APPROVE, CANCEL, REJECT, TYPE_NAME

ANSWERS: Final = {APPROVE: "approve", REJECT: "reject", CANCEL: "cancel"}
"""Buttons that answer a job, and their answer."""


def is_kept(told: Delivery) -> bool:
    """Tell whether something was done that must not be forgotten once it is acknowledged."""
    match told.kind:
        case Kind.COMMAND:
            return told.answer is None  # else it was refused in words
        case Kind.EVENT:
            return bool(told.payload["event"]["type"] == "app_mention")
        case Kind.INTERACTION:
            is_asked = isinstance(told.answer, dict) and "errors" in told.answer
            return told.payload["type"] in {"block_actions", "view_submission"} and not is_asked


def key_of(told: Delivery) -> str:
    """Return under which key it is kept."""
    payload = told.payload
    if told.kind is Kind.EVENT:
        return str(payload["event_id"])
    team = payload["team_id"] if told.kind is Kind.COMMAND else payload["team"]["id"]
    return f"{team}:{user_of(told)}:{payload['trigger_id']}"


def user_of(told: Delivery) -> str:
    """Return who did it."""
    payload = told.payload
    if told.kind is Kind.EVENT:
        return str(payload["event"]["user"])
    return str(payload["user_id"] if told.kind is Kind.COMMAND else payload["user"]["id"])


def trigger_of(told: Delivery) -> str:
    """Name this one happening, as runs and answers do."""
    payload = told.payload
    team = payload["team"]["id"] if told.kind is Kind.INTERACTION else payload["team_id"]
    return f"{SLACK}:{team}:{payload.get('trigger_id') or payload['event_id']}"


def action_of(told: Delivery) -> str:
    """Say which answer to a job it is, if it is one: a button, or the form for the name."""
    payload = told.payload
    if told.kind is not Kind.INTERACTION:
        return ""
    if payload["type"] == "view_submission":
        return APPROVE if payload["view"]["callback_id"] == "run_confirm" else ""
    action = str(payload["actions"][0]["action_id"])
    return action if action in {*ANSWERS, TYPE_NAME} else ""


def named(told: Delivery) -> str:
    """Name it, for people."""
    return f"{told.kind.value} {key_of(told)} {_what(told.payload)!r}"


def _what(payload: Mapping[str, Any]) -> str:
    match payload:
        case {"actions": [{"action_id": action}, *_]}:
            return str(action)
        case {"view": {"callback_id": form}}:
            return str(form)
        case {"event": {"text": text}} | {"text": text}:
            return str(text)
        case _:
            return str(payload.get("type", ""))
