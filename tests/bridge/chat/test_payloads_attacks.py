"""Payloads that are not what Slack documents: answered or left alone, and nobody stumbles."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.chat.deliveries import parse
from bridge.chat.listening import Acknowledgement, Listeners
from bridge.domain.chat_events import ButtonPressed, ChatEvent, CommandSaid, FormSent
from bridge.domain.deliveries import Delivery
from bridge.ports import Ignored
from tests.bridge.chat.doors import Checks, Json, KnownPlaces
from tests.fakes.clock import FakeClock

COMMAND: Json = {
    "token": "t",
    "team_id": "T1",
    "channel_id": "C1",
    "user_id": "U1",
    "command": "/terrakube",
    "text": "plan acme/network",
    "trigger_id": "1.2",
    "response_url": "https://hooks.slack.example/1",
}
CLICK: Json = {
    "type": "block_actions",
    "team": {"id": "T1"},
    "user": {"id": "U1", "team_id": "T1"},
    "channel": {"id": "C1"},
    "container": {"message_ts": "1.1", "channel_id": "C1", "thread_ts": "1.0"},
    "message": {"ts": "1.1", "thread_ts": "1.0"},
    "trigger_id": "1.2",
    "response_url": "https://hooks.slack.example/1",
    "actions": [
        {"action_id": "run.approve", "block_id": "b", "value": "01A.1.m"},
        {"action_id": "start.verb", "selected_option": {"value": "plan"}},
    ],
}
FORM: Json = {
    "type": "view_submission",
    "team": {"id": "T1"},
    "user": {"id": "U1", "team_id": "T1"},
    "trigger_id": "1.2",
    "response_urls": [{"response_url": "https://hooks.slack.example/1"}],
    "view": {
        "callback_id": "run_confirm",
        "private_metadata": "C1|1.0|01A.1.m",
        "blocks": [{"type": "input", "block_id": "b", "element": {"action_id": "confirm.name"}}],
        "state": {"values": {"b": {"confirm.name": {"type": "x", "value": "network"}}}},
    },
}
SEARCH: Json = {
    "type": "block_suggestion",
    "team": {"id": "T1"},
    "user": {"id": "U1", "team_id": "T1"},
    "action_id": "start.template",
    "value": "x",
    "view": {
        "state": {"values": {"b": {"start.workspace": {"selected_option": {"value": "acme/n"}}}}}
    },
}


def an_event(**event: object) -> Json:
    return {
        "team_id": "T1",
        "event_id": "Ev1",
        "authorizations": [{"user_id": "UBOT"}],
        "event": {"user": "U1", "channel": "C1", **event},
    }


EVENTS = [
    an_event(type="app_mention", text="<@UBOT> status", thread_ts="1.0", ts="1.1"),
    an_event(type="channel_archive"),
    an_event(type="member_joined_channel", user="UBOT"),
    an_event(type="tokens_revoked", tokens={"bot": ["UBOT"]}),
    an_event(type="channel_rename", channel={"id": "C1", "name": "ops"}),
    an_event(type="subteam_updated", subteam={"id": "S1"}),
]
SHAPES = [
    ("command", COMMAND),
    ("action", CLICK),
    ("form", FORM),
    ("options", SEARCH),
    *(("event", one) for one in EVENTS),
]
JUNK: list[object] = [
    None, 0, 1.5, True, "", "x", "a:b:c", "\0", "\ud800", "x" * 5_000, [], {}, [None], ["x"],
    [[]], [{}], {"id": 7}, {"id": None}, {"": []}, {"value": {}}, {"x": {"y": 1}},
]  # fmt: skip


@dataclass
class Kept:
    """Keeps everything."""

    deliveries: list[Delivery] = field(default_factory=list)

    async def accept(self, delivery: Delivery, seconds: float, /) -> object:
        self.deliveries.append(delivery)
        return None


def listeners(inbox: Kept) -> Listeners:
    return Listeners(
        inbox=inbox,
        clock=FakeClock(),
        known=KnownPlaces(),
        check=Checks(),
        forget_groups=lambda: None,
    )


def places(value: object) -> Iterator[tuple[Any, Any]]:
    """Yield everything that can be put in another's place: what holds it, and its name there."""
    members = value if isinstance(value, dict) else {}
    if isinstance(value, list):
        members = dict(enumerate(value))
    for name, member in members.items():
        yield value, name
        yield from places(member)


@st.composite
def broken(draw: st.DrawFn) -> tuple[str, Json]:
    """Break a payload in one place or several."""
    kind, shape = draw(st.sampled_from(SHAPES))
    payload = deepcopy(shape)
    for _ in range(draw(st.integers(0, 3))):
        holder, name = draw(st.sampled_from(list(places(payload)) or [({}, "")]))
        if draw(st.booleans()):
            holder[name] = deepcopy(draw(st.sampled_from(JUNK)))
        elif isinstance(holder, dict):
            holder.pop(name, None)
    return kind, payload


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from texts(name)
            yield from texts(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from texts(member)


async def heard(kind: str, payload: Json) -> tuple[Acknowledgement, list[Delivery]]:
    inbox = Kept()
    said: Acknowledgement = await getattr(listeners(inbox), kind)(payload)
    return said, inbox.deliveries


@given(broken())
async def test_what_is_kept_can_be_read_and_stored_and_the_rest_is_answered(
    given_: tuple[str, Json],
) -> None:
    kind, payload = given_
    said, kept = await heard(kind, payload)
    for one in kept:
        meant = parse(one)
        assert isinstance(meant, ChatEvent | Ignored)
        for text in texts(asdict(meant)):
            assert "\0" not in text, "PostgreSQL keeps none"
            text.encode()
    if kind in {"command", "action"} and not kept and said.taken:
        is_link = kind == "action" and not said.whisper and not said.body
        assert said.body or said.whisper or is_link


@pytest.mark.parametrize(("kind", "shape"), SHAPES)
async def test_the_unbroken_ones_are_taken(kind: str, shape: Json) -> None:
    said, kept = await heard(kind, deepcopy(shape))
    assert said.taken
    assert len(kept) == (kind in {"command", "action", "form"} or shape in EVENTS[:4])


@pytest.mark.parametrize(
    ("kind", "shape", "broken_part"),
    [
        ("command", COMMAND, {"text": "plan a\0b\ud800c"}),
        ("action", CLICK, {"actions": [{"action_id": "say:1", "value": "a\0b\ud800c"}]}),
        ("form", FORM, {"view": {**FORM["view"], "private_metadata": "C1\0|a\ud800|"}}),
    ],
)
async def test_signs_that_no_database_keeps_are_left_out(
    kind: str, shape: Json, broken_part: Json
) -> None:
    _, (kept,) = await heard(kind, {**shape, **broken_part})
    meant = parse(kept)
    match meant:
        case CommandSaid():
            assert meant.text == "plan ab\ufffdc"
        case ButtonPressed():
            assert meant.value == "ab\ufffdc"
        case FormSent():
            assert (meant.metadata, meant.place.channel) == ("C1|a\ufffd|", "C1")
        case _:
            pytest.fail(f"{meant} is none of them")


async def test_what_happens_to_a_channel_is_in_order_whoever_did_it() -> None:
    """Else one that was archived by one person and taken out by another could stay parked."""
    _, (gone,) = await heard("event", an_event(type="channel_archive", user="U1"))
    _, (back,) = await heard("event", an_event(type="channel_unarchive", user="U2"))
    assert (gone.subject, back.subject) == ("slack:T1:C1:", "slack:T1:C1:")


@pytest.mark.parametrize(
    ("kind", "payload", "lane"),
    [
        ("command", {**COMMAND, "text": "plan acme/network"}, ""),
        ("command", {**COMMAND, "text": "unlock acme/infra#1"}, ""),
        ("command", {**COMMAND, "text": "cancelled"}, ""),
        ("command", {**COMMAND, "text": " `Cancel 12`"}, ":cancel"),
        ("command", {**COMMAND, "text": "approve acme/network"}, ":approve"),
        ("command", {**COMMAND, "text": "status"}, ":status"),
        ("command", {**COMMAND, "text": "workspaces net"}, ":workspaces"),
        ("command", {**COMMAND, "text": ""}, ":help"),
        ("event", an_event(type="app_mention", text="<@UBOT>", ts="1.1"), ":help"),
        ("event", an_event(type="app_mention", text="<@UBOT> logs 1", ts="1.1"), ":logs"),
        ("event", an_event(type="app_mention", text="<@UBOT> apply x", ts="1.1"), ""),
        ("action", {**CLICK, "container": {"message_ts": "7.1", "channel_id": "C1"}}, ":7.1"),
        ("form", FORM, ""),
    ],
)
async def test_what_asks_or_answers_a_job_waits_for_nothing_that_is_to_start(
    kind: str, payload: Json, lane: str
) -> None:
    """Else nobody could cancel while a plan of theirs waits for a forge that is away."""
    _, (kept,) = await heard(kind, payload)
    assert kept.subject == f"slack:T1:C1:U1{lane}"


async def test_a_message_that_is_edited_says_nothing_again() -> None:
    """Else whoever corrects a word of what they said starts it a second time."""
    said: Json = {"type": "app_mention", "text": "<@UBOT> apply acme/network", "ts": "1.1"}
    _, (first,) = await heard("event", an_event(**said))
    _, (again,) = await heard("event", an_event(**said, edited={"user": "U1", "ts": "2.0"}))
    assert isinstance(parse(first), CommandSaid)
    assert parse(again) == Ignored(reason="a message was edited")


async def test_a_click_that_cannot_be_read_is_answered_and_not_kept() -> None:
    said, kept = await heard("action", {**CLICK, "actions": [{"action_id": "say", "value": {}}]})
    assert (said.whisper, len(kept)) == ("", 1), "an empty value is one"
    nonsense = {**CLICK, "actions": [{"action_id": "say", "selected_option": "x"}]}
    said, kept = await heard("action", nonsense)
    assert kept == []
    assert said.whisper.startswith("This was not taken")
    assert json.dumps(nonsense) not in said.whisper
