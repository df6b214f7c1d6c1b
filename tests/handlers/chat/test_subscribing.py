"""Subscribing through the router: what a channel hears, who is told, and what is in the way."""

import pytest

from bridge.domain.chat import ChannelSettings, Interest, Subscription
from bridge.domain.commands import (
    SettingsCommand,
    SubscribeCommand,
    SubscriptionsCommand,
    UnsubscribeCommand,
)
from bridge.domain.errors import ChatRefusalError, TemporaryRemoteError
from bridge.domain.posts import ChatTarget, PostKind
from bridge.domain.work import AuditEntry, Unsubscribe, Work
from tests.fakes.chats import TEAM
from tests.fakes.jobserver import FakeJobServer
from tests.handlers.chat.rooms import HOOK, Room, told

HERE = ChannelSettings(team=TEAM, channel="C1")


@pytest.fixture
def room() -> Room:
    room = Room()
    room.server.add_template("Plan and apply")
    room.workspace("network")
    room.workspace("dns")
    return room


def subscribing(*patterns: str, **more: object) -> SubscribeCommand:
    text = f"subscribe {' '.join(patterns)}"
    return SubscribeCommand(line=1, text=text, patterns=patterns, **more)  # type: ignore[arg-type] # its fields


async def test_a_channel_hears_of_workspaces_and_everybody_there_reads_that(room: Room) -> None:
    command = subscribing("acme/*", "d*", interests=("approval", "failed"), quiet=True)
    answer, work = await room.tell(command)
    interests = frozenset({Interest.APPROVAL, Interest.FAILED})
    actor = "Ada Lovelace (slack:U1)"
    assert work.subscribes == [
        Subscription(
            team=TEAM,
            channel="C1",
            pattern=pattern,
            interests=interests,
            quiet=True,
            actor=actor,
        )
        for pattern in ("acme/*", "*/d*")
    ]
    (post,) = work.posts
    assert (answer, post.kind) == ("", PostKind.CHAT_REPLY)
    assert post.target == ChatTarget(
        team=TEAM, channel="C1", slot="slack:T1:1.2", user="U1", response_url=HOOK
    )
    said = post.content or ""
    assert "- `acme/*`: what waits for an approval, what fails, quietly" in said
    assert "2 workspaces at present" in said
    assert "If Terrakube itself sends notifications" in said
    assert work.audits == [
        AuditEntry(
            actor=actor,
            action="channel.subscribed",
            door="slack",
            subject="slack:T1:C1",
            result="done",
            detail="subscribe acme/* d*",
        )
    ]


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (None, "The bridge is not in this channel: it can write here, but put no files. Invite"),
        (
            ChatRefusalError("no", service="slack", code="channel_not_found"),
            "**It hears nothing before the bridge is in it.**",
        ),
        (ChatRefusalError("no", service="slack", code="missing_scope", needed="groups:read"), ""),
    ],
)
async def test_where_the_bridge_is_not_in_the_channel_it_asks_to_be_invited(
    room: Room, trouble: ChatRefusalError | None, says: str
) -> None:
    if trouble:
        room.people.troubles["C9"] = trouble
    _, work = await room.tell(subscribing("acme/*"), channel="C9")
    (said,) = told(work, PostKind.CHAT_REPLY)
    assert says in said
    assert ("bridge is" in said) is bool(says)
    assert len(work.subscribes) == 1


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (None, "people of other organizations are in this channel"),
        (TemporaryRemoteError("no", service="slack"), "Slack did not say whether"),
    ],
)
async def test_strangers_hear_of_nothing_from_now_on(
    room: Room, trouble: TemporaryRemoteError | None, says: str
) -> None:
    room.people.shared.add("C1")
    if trouble:
        room.people.troubles["C1"] = trouble
    text, work = await room.tell(subscribing("acme/*"))
    assert says in text
    assert (work.subscribes, work.posts) == ([], [])
    assert [(one.action, one.result) for one in work.audits] == [("channel.subscribed", "refused")]


async def test_nothing_matching_or_a_silent_terrakube_is_said_and_subscribed_all_the_same(
    room: Room,
) -> None:
    _, work = await room.tell(subscribing("acme/prod-*"))
    assert "**no workspace matches at present**" in told(work, PostKind.CHAT_REPLY)[0]
    room.server = SilentServer()
    _, work = await room.tell(subscribing("acme/*"))
    assert "Terrakube did not say which workspaces that is" in told(work, PostKind.CHAT_REPLY)[0]
    assert [one.pattern for one in room.chats.subscribed] == ["acme/prod-*", "acme/*"]


class SilentServer(FakeJobServer):
    """A Terrakube that does not answer."""

    async def organizations(self) -> list[object]:  # type: ignore[override] # never returns
        msg = "no answer"
        raise TemporaryRemoteError(msg, service="terrakube")


async def test_what_cannot_be_subscribed_is_told_to_whoever_asked_alone(room: Room) -> None:
    answer, work = await room.tell(subscribing("acme/[a"))
    assert answer == ("Nothing was subscribed: `acme/[a` has a bracket that is not closed.")
    assert (work.subscribes, work.posts) == ([], [])
    assert [one.result for one in work.audits] == ["refused"]


async def test_somebody_who_subscribes_brings_a_channel_back(room: Room) -> None:
    room.chats.settings["C1"] = ChannelSettings(
        team=TEAM, channel="C1", organization="acme", parked="it was archived"
    )
    _, work = await room.tell(subscribing("net*"))
    assert work.channels == [ChannelSettings(team=TEAM, channel="C1", organization="acme")]
    assert [one.pattern for one in work.subscribes] == ["acme/net*"]
    assert [one.action for one in work.audits] == ["channel.unparked", "channel.subscribed"]


async def test_a_channel_can_stop_hearing(room: Room) -> None:
    await room.tell(subscribing("acme/*", "dns"))
    answer, work = await room.tell(
        UnsubscribeCommand(line=1, text="unsubscribe dns", patterns=("dns",))
    )
    assert work.unsubscribes == [Unsubscribe(team=TEAM, channel="C1", pattern="*/dns")]
    assert (answer, told(work, PostKind.CHAT_REPLY)) == (
        "",
        ["This channel hears no longer of `*/dns`. It still hears of `acme/*`."],
    )
    answer, work = await room.tell(
        UnsubscribeCommand(line=1, text="unsubscribe dns", patterns=("dns",))
    )
    assert answer == (
        "Nothing was changed: this channel is not subscribed to `*/dns`. It is subscribed to "
        "`acme/*`."
    )
    await room.tell(UnsubscribeCommand(line=1, text="unsubscribe"))
    assert room.chats.subscribed == []


async def test_what_a_channel_hears_is_listed_with_who_wanted_it(room: Room) -> None:
    answer, _ = await room.tell(SubscriptionsCommand(line=1, text="subscriptions"))
    assert answer.startswith("This channel is subscribed to nothing.")
    await room.tell(subscribing("acme/*"))
    room.chats.subscribed.append(Subscription(team=TEAM, channel="C1", pattern="other/*"))
    room.chats.settings["C1"] = ChannelSettings(team=TEAM, channel="C1", parked="it was archived")
    answer, work = await room.tell(SubscriptionsCommand(line=1, text="subscriptions"))
    assert work == Work()
    assert answer.splitlines()[2:4] == [
        "- `acme/*`: everything; 2 workspaces at present (by `Ada Lovelace (slack:U1)`)",
        "- `other/*`: everything; **no workspace matches at present** (by the configuration)",
    ]
    assert "**Nothing is sent here at present**: it was archived." in answer


async def test_settings_are_shown_and_changed_before_everybody(room: Room) -> None:
    answer, work = await room.tell(SettingsCommand(line=1, text="settings"))
    assert "there is no `org` set here" in answer
    assert work == Work()
    command = SettingsCommand(line=1, text="settings org=acme", organization="acme", files=True)
    answer, work = await room.tell(command)
    assert answer == ""
    assert work.channels == [
        ChannelSettings(team=TEAM, channel="C1", organization="acme", files=True)
    ]
    (said,) = told(work, PostKind.CHAT_REPLY)
    assert "`acme` is meant" in said
    assert [(one.action, one.result) for one in work.audits] == [("channel.changed", "done")]
    _, work = await room.tell(
        SettingsCommand(line=1, text="settings org=", organization="", files=False)
    )
    assert work.channels == [HERE]


async def test_an_organization_that_is_not_there_is_refused(room: Room) -> None:
    command = SettingsCommand(line=1, text="settings org=acne", organization="acne")
    answer, work = await room.tell(command)
    assert answer == ("Nothing was changed: there is no organization `acne`. There is: `acme`.")
    assert (work.channels, [one.result for one in work.audits]) == ([], ["refused"])
    room.server = SilentServer()
    answer, _ = await room.tell(command)
    assert answer.startswith("Nothing was changed: Terrakube did not say just now")
