"""Channels that go and come back, and the end of the app."""

from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.domain.chat import ChannelSettings, ChatPlace, Subscription
from bridge.domain.chat_events import AppRemoved, ChannelBack, ChannelGone
from bridge.domain.work import AuditEntry, Work
from tests.fakes.chats import TEAM
from tests.handlers.chat.rooms import Room

PARKED = ChannelSettings(team=TEAM, channel="C1", files=True, parked="it was archived")


@pytest.fixture
def room() -> Room:
    return Room()


def values(team: str = TEAM, actor: str = "U1") -> dict[str, Any]:
    return {
        "delivery_id": "d-1",
        "received_at": datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
        "actor": actor,
        "place": ChatPlace(team=team, channel="C1"),
    }


async def test_a_channel_that_is_gone_is_parked_with_what_it_wants(room: Room) -> None:
    room.chats.subscribed.append(Subscription(team=TEAM, channel="C1", pattern="acme/*"))
    room.chats.settings["C1"] = ChannelSettings(team=TEAM, channel="C1", files=True)
    gone = ChannelGone(**values(), why="it was archived")
    with capture_logs() as logs:
        work = await room.happens(gone)
    assert work.channels == [PARKED]
    assert work.audits == [
        AuditEntry(
            actor="slack:U1",
            action="channel.parked",
            door="slack",
            subject="slack:T1:C1",
            result="done",
            detail="it was archived; 1 subscriptions wait",
        )
    ]
    assert logs == [
        {
            "event": "channel.parked",
            "log_level": "warning",
            "subject": "slack:T1:C1",
            "reason": "it was archived",
        }
    ]
    assert len(room.chats.subscribed) == 1
    again = await room.happens(gone)
    assert again == Work(ignored="nothing is sent there already: it was archived")


async def test_a_channel_that_is_back_is_told_again(room: Room) -> None:
    room.chats.settings["C1"] = PARKED
    work = await room.happens(ChannelBack(**values(actor="")))
    assert work.channels == [ChannelSettings(team=TEAM, channel="C1", files=True)]
    assert [(one.actor, one.action, one.detail) for one in work.audits] == [
        ("slack", "channel.unparked", "it was archived")
    ]
    assert await room.happens(ChannelBack(**values())) == Work(ignored="it was not gone")


async def test_channels_of_other_workspaces_are_none_of_the_bridges_business(room: Room) -> None:
    for event in (ChannelGone(**values("T9"), why="it was archived"), ChannelBack(**values("T9"))):
        work = await room.happens(event)
        assert work == Work(ignored="it is about another workspace of Slack than the bridge's")


async def test_the_end_of_the_app_is_said_loudly(room: Room) -> None:
    with capture_logs() as logs:
        work = await room.happens(AppRemoved(**values(actor=""), why="it was uninstalled"))
    assert [(one["event"], one["log_level"]) for one in logs] == [("app.removed", "error")]
    assert [(one.action, one.detail) for one in work.audits] == [
        ("app.removed", "it was uninstalled")
    ]
