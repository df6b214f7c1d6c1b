"""What people do in Slack is kept before it is acknowledged, or refused in words."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from bridge.chat.listening import Inbox as InboxLike
from bridge.domain.chat import ChatPlace
from bridge.domain.chat_controls import Control, Form, FormPlace
from bridge.domain.chat_events import (
    AppRemoved,
    ButtonPressed,
    ChannelBack,
    ChannelGone,
    ChatEvent,
    CommandSaid,
    FormSent,
)
from bridge.domain.deliveries import Delivery
from bridge.domain.errors import OverloadedError
from bridge.rendering.slack.views import render_start_view
from bridge.sandbox.slack import Limits
from bridge.store.database import Database
from tests.bridge.chat.doors import Json, Place, a_button, a_place
from tests.waiting import until

DOORS = pytest.mark.parametrize("mode", ["http", "socket"])
NO_RETRIES = Limits(ack=30.0, retries=())


@dataclass
class BrokenInbox:
    """Keeps nothing, each time for another reason; then waits for ever."""

    troubles: list[Exception] = field(default_factory=list)

    async def accept(self, delivery: Delivery, seconds: float, /) -> object:
        if not self.troubles:
            await asyncio.Event().wait()
        raise self.troubles.pop(0)


@DOORS
async def test_commands_mentions_clicks_and_forms_come_in(sqlite: Database, mode: str) -> None:
    async with a_place(sqlite, mode=mode) as place:
        slack, ada, ops = place.slack, place.ada, place.ops
        assert (await slack.command(ada, ops, "plan @ada")).acked
        ts = await place.show(a_button("run.approve"))
        message = ops.messages[ts]
        assert (await slack.press(ada, message, "run.approve")).acked
        await slack.mention(ada, ops, "status <12>", thread=ts)
        form = place.open(render_start_view(FormPlace(channel=ops.id, thread=ts), branch="x"))
        slack._suggested[ada.id, "start.workspace"] = [  # noqa: SLF001 - as if it was searched
            {"text": {"type": "plain_text", "text": "net"}, "value": "acme/net"}
        ]
        assert (await slack.submit(ada, form, {"start.workspace": "acme/net"})).acked
        assert not form.is_open
        slack.assert_no_surprises()
        said, pressed, mentioned, sent = await place.meant()
        deliveries = await place.kept()
    triggers = list(slack.world.triggers)
    team = slack.world.team
    common: dict[str, Any] = {
        "received_at": deliveries[0].received_at,
        "actor": ada.id,
        "user_team": team,
    }
    here = ChatPlace(team=team, channel=ops.id)
    assert said == CommandSaid(
        **common,
        delivery_id=f"{team}:{ada.id}:{triggers[0]}",
        place=here,
        trigger=f"slack:{team}:{triggers[0]}",
        trigger_id=triggers[0],
        response_url=cast("CommandSaid", said).response_url,
        text=f"plan <@{ada.id}|ada>",
    )
    assert pressed == ButtonPressed(
        **common,
        delivery_id=f"{team}:{ada.id}:{triggers[1]}",
        place=here,
        trigger=f"slack:{team}:{triggers[1]}",
        trigger_id=triggers[1],
        response_url=cast("ButtonPressed", pressed).response_url,
        action="run.approve",
        value="01ABC.1.m",
        message=ts,
    )
    assert mentioned == CommandSaid(
        **common,
        delivery_id=deliveries[2].key,
        place=ChatPlace(team=team, channel=ops.id, thread=ts),
        trigger=f"slack:{team}:{deliveries[2].key}",
        text="status &lt;12&gt;",
        mention=True,
    )
    assert sent == FormSent(
        **common,
        delivery_id=f"{team}:{ada.id}:{triggers[2]}",
        place=ChatPlace(team=team, channel=ops.id, thread=ts),
        trigger=f"slack:{team}:{triggers[2]}",
        trigger_id=triggers[2],
        form=Form.START,
        values={Control.WORKSPACE: "acme/net", Control.VERB: "plan", Control.BRANCH: "x"},
        metadata=f"{ops.id}|{ts}|",
    )


@DOORS
async def test_what_happens_to_channels_and_the_app_comes_in(sqlite: Database, mode: str) -> None:
    async with a_place(sqlite, mode=mode) as place:
        slack, ops = place.slack, place.ops
        private = slack.add_channel("secret", place.ada, private=True)
        await slack.archive(ops, place.ada)
        await slack.remove_bot(private)
        await slack.event({"type": "channel_unarchive", "channel": ops.id, "user": place.ada.id})
        for user in (slack.bot, place.ada):
            await slack.event({"type": "member_joined_channel", "channel": "C9", "user": user.id})
        await slack.event({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}})
        await slack.event({"type": "tokens_revoked", "tokens": {"bot": [slack.bot.id]}})
        await slack.event({"type": "app_uninstalled"})
        await slack.event({"type": "reaction_added", "user": place.ada.id})
        group = slack.add_usergroup("platform", place.ada)
        await slack.change_group(group)
        meant = await place.meant()
        assert place.forgotten == ["groups"]
    shown = [
        (type(one), one.place.channel, getattr(one, "why", ""))
        for one in meant
        if isinstance(one, ChatEvent)
    ]
    assert shown == [
        (ChannelGone, ops.id, "it was archived"),
        (ChannelGone, private.id, "the bridge was removed from it"),
        (ChannelBack, ops.id, ""),
        (ChannelBack, "C9", ""),
        (AppRemoved, "", "its token was revoked"),
        (AppRemoved, "", "it was uninstalled"),
    ]
    assert len(meant) == 8


async def test_programs_are_not_listened_to(sqlite: Database) -> None:
    async with a_place(sqlite) as place:
        said: Json = {
            "type": "app_mention",
            "text": f"<@{place.slack.bot.id}> apply",
            "ts": "1.1",
            "channel": place.ops.id,
        }
        for more in (
            {"bot_id": "B9", "user": "U9"},
            {"subtype": "bot_message"},
            {"user": place.slack.bot.id},
        ):
            await place.slack.event(said | more)
        reasons = [getattr(one, "reason", one) for one in await place.meant()]
    assert reasons == ["a program said it"] * 2 + ["the bridge said it itself"]


@DOORS
async def test_an_event_that_is_told_again_is_kept_once(database: Database, mode: str) -> None:
    async with a_place(database, mode=mode) as place:
        told = await place.slack.mention(place.ada, place.ops, "status")
        assert told is not None
        again = await place.slack.retell(told)
        assert (told.acked, again.acked, len(await place.kept())) == (True, True, 1)


@DOORS
async def test_a_button_nobody_knows_and_one_that_opens_an_address_are_acknowledged(
    sqlite: Database, mode: str
) -> None:
    async with a_place(sqlite, mode=mode) as place:
        url = a_button("open:1", url="https://terrakube.example.com")
        ts = await place.show(a_button("old.thing"), url)
        message = place.ops.messages[ts]
        for action in ("old.thing", "open:1"):
            assert (await place.slack.press(place.ada, message, action)).acked
        await until(lambda: place.slack.whispers(place.ada, place.ops))
        (whisper,) = place.slack.whispers(place.ada, place.ops)
        assert await place.kept() == []
        place.slack.assert_no_surprises()
    assert "does not know this button" in whisper.text
    assert (message.text, message.edits) == ("A run", 0)
    (call,) = place.slack.calls("response_url")
    assert call.arguments["replace_original"] is False
    assert call.arguments["response_type"] == "ephemeral"


@asynccontextmanager
async def broken(
    database: Database, *troubles: Exception, mode: str = "http"
) -> AsyncIterator[Place]:
    inbox = cast("InboxLike", BrokenInbox([*troubles]))
    async with a_place(database, mode=mode, inbox=inbox, limits=NO_RETRIES) as place:
        yield place


BUSY = "This was not taken: the bridge has too much to do just now. Please do it again."


@DOORS
async def test_whoever_was_not_heard_is_told_so(sqlite: Database, mode: str) -> None:
    troubles = [OverloadedError("full"), ValueError("the-marker")] * 3
    async with broken(sqlite, *troubles, mode=mode) as place:
        slack, ada, ops = place.slack, place.ada, place.ops
        with capture_logs() as logs:
            for _ in range(2):
                told = await slack.command(ada, ops, "plan")
                assert (told.acked, told.seconds < 0.5) == (True, True)
            ts = await place.show(a_button("run.approve"))
            for _ in range(2):
                assert (await slack.press(ada, ops.messages[ts], "run.approve")).acked
            await until(lambda: len(slack.whispers(ada, ops)) == 4)
            form = place.open(render_start_view(FormPlace(channel=ops.id), workspace="acme/net"))
            shown: list[str] = []
            for _ in range(2):
                await slack.submit(ada, form)
                shown += form.errors.values()
        assert slack.complaints == []
        slack.assert_no_surprises()
        whispers = [one.text for one in slack.whispers(ada, ops)]
    numbers = [one["error_id"] for one in logs if one["event"] == "slack.failed"]
    wrong = [f"This was not taken: something went wrong here (error {one})." for one in numbers]
    assert (*whispers, *shown) == (BUSY, wrong[0], BUSY, wrong[1], BUSY, wrong[2])
    assert ops.messages[ts].edits == 0


@DOORS
async def test_what_breaks_after_the_acknowledgement_takes_nothing_of_it_back(
    sqlite: Database, mode: str
) -> None:
    async with broken(sqlite, *[OverloadedError("full")] * 3, mode=mode) as place:
        slack, ada = place.slack, place.ada
        ts = await place.show(a_button("run.approve"))
        slack.faults.fail("response_url")
        slack.faults.reset("response_url", times=2)  # slack_sdk tries once more
        slack.faults.refuse("response_url", error="expired_url")
        with capture_logs() as logs:
            for said in range(1, 4):
                pressed = await slack.press(ada, place.ops.messages[ts], "run.approve")
                assert (pressed.status, pressed.seconds < 0.5) == (200, True)
                await until(partial(_is_told, logs, said))
        assert slack.complaints == []
        assert slack.whispers(ada, place.ops) == []


def _is_told(logs: Sequence[Mapping[str, object]], times: int) -> bool:
    return [one["event"] for one in logs].count("slack.not_told") == times


@DOORS
async def test_an_event_that_was_not_kept_is_not_acknowledged(sqlite: Database, mode: str) -> None:
    limits = Limits(ack=0.5, retries=())
    inbox = cast("InboxLike", BrokenInbox([OverloadedError("full")]))
    async with a_place(sqlite, mode=mode, inbox=inbox, limits=limits) as place:
        told = await place.slack.mention(place.ada, place.ops, "status")
        assert told is not None
        assert (told.acked, told.status) == (False, 0 if mode == "socket" else 503)


async def test_a_store_that_hangs_is_not_waited_for(sqlite: Database) -> None:
    async with broken(sqlite) as place:
        told = await place.slack.command(place.ada, place.ops, "plan")
        assert (told.acked, told.seconds < 3) == (True, True)
        assert [one.text for one in place.slack.whispers(place.ada, place.ops)] == [BUSY]


@DOORS
async def test_what_is_wrong_with_a_form_is_said_at_its_field(sqlite: Database, mode: str) -> None:
    async with a_place(sqlite, mode=mode) as place:
        slack, ada = place.slack, place.ada
        view = render_start_view(FormPlace(channel=place.ops.id), workspace="acme/net")
        form = place.open(view)
        place.checks.wrong = {Control.BRANCH: "no such branch"}
        await slack.submit(ada, form, {"start.branch": "nowhere"})
        assert (form.errors, form.is_open) == ({"start.branch": "no such branch"}, True)
        assert await place.kept() == []
        place.checks.seconds = 60.0  # whoever cannot say so soon is not waited for
        told = await slack.submit(ada, form, {"start.branch": "nowhere"})
        assert (told.acked, told.seconds < 3, form.is_open) == (True, True, False)
        assert len(await place.kept()) == 1
        assert slack.complaints == []


async def test_slacks_own_variables_change_nothing(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("CLIENT_ID", "CLIENT_SECRET", "BOT_TOKEN", "SIGNING_SECRET", "APP_TOKEN"):
        monkeypatch.setenv(f"SLACK_{name}", "another")
    monkeypatch.setenv("SLACK_VERIFICATION_TOKEN", "legacy-verification-token")
    for mode in ("http", "socket"):
        async with a_place(sqlite, mode=mode) as place:
            assert (await place.slack.command(place.ada, place.ops, "plan")).acked
            assert {one.method for one in place.slack.requests} <= {"apps.connections.open"}
            place.slack.assert_no_surprises()
    assert list(home.rglob("*")) == []


async def test_two_who_send_one_trigger_are_one(sqlite: Database) -> None:
    async with a_place(sqlite) as place:
        told = await place.slack.command(place.ada, place.ops, "plan")
        twice: dict[str, Any] = dict(told.payload) | {"text": "plan again"}
        await place.slack.office.deliver(told.kind, twice)
        assert len(await place.kept()) == 1


def test_nothing_of_bolt_leaves_its_module() -> None:
    bridge = Path(__file__).parents[3] / "bridge"
    found = [
        path.relative_to(bridge).as_posix()
        for path in bridge.rglob("*.py")
        if "sandbox" not in path.parts
        and re.search(r"^(from|import) slack_bolt", path.read_text(), re.MULTILINE)
    ]
    assert found == ["chat/app.py"]
