"""The client of Slack, against a strict Slack: sent once, and every refusal is told by its kind."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from bridge.chat.calls import proxy_for
from bridge.chat.client import SlackClient, open_client
from bridge.chat.errors import limited
from bridge.domain.chat import ChatAccount, ChatMessage, ChatUser
from bridge.domain.errors import (
    ChatRefusalError,
    LeaseLostError,
    MaybeDoneError,
    NotAllowedError,
    NotFoundError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.guarding import guarded
from bridge.http import Exchange
from bridge.sandbox.slack import StandIn, start
from bridge.sandbox.slack.methods import SCOPES
from bridge.sandbox.slack.model import Channel, User

HELLO = ChatMessage(text="hello")
BLOCKS = ChatMessage(
    text="planned",
    blocks=({"type": "section", "text": {"type": "mrkdwn", "text": "*planned*"}},),
)


@dataclass
class Place:
    """A Slack with somebody in a channel, and the client."""

    slack: StandIn
    client: SlackClient
    ada: User
    general: Channel
    seen: list[Exchange] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.slack.messages(self.general)]


@asynccontextmanager
async def a_place(
    *, token: str = "", seconds: float = 10.0, scopes: frozenset[str] = frozenset(SCOPES)
) -> AsyncIterator[Place]:
    seen: list[Exchange] = []
    async with start(scopes=scopes) as slack:
        async with open_client(
            token or slack.bot_token, api_url=slack.url, observe=seen.append, timeout=seconds
        ) as client:
            ada = slack.add_user("ada")
            yield Place(slack, client, ada, slack.add_channel("general", ada), seen)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with a_place() as one:
        yield one
        one.slack.assert_no_surprises()


class TestMessages:
    async def test_a_message_has_blocks_and_text_and_shows_no_previews(self, place: Place) -> None:
        ts = await place.client.post(place.general.id, BLOCKS)
        (message,) = place.slack.messages(place.general)
        assert (message.ts, message.text, len(message.blocks)) == (ts, "planned", 1)
        assert place.slack.requests[-1].arguments == {
            "channel": place.general.id,
            "text": "planned",
            "blocks": list(BLOCKS.blocks),
            "unfurl_links": False,
            "unfurl_media": False,
        }

    async def test_a_reply_may_be_shown_in_the_channel_too(self, place: Place) -> None:
        ts = await place.client.post(place.general.id, HELLO)
        await place.client.post(place.general.id, HELLO, thread=ts, broadcast=True)
        await place.client.post(place.general.id, HELLO, thread=ts)
        await place.client.post(place.general.id, HELLO, broadcast=True)
        sent = [(one.thread, one.broadcast) for one in place.slack.messages(place.general)]
        assert sent == [("", False), (ts, True), (ts, False), ("", False)]

    async def test_what_a_message_says_no_more_goes(self, place: Place) -> None:
        ts = await place.client.post(place.general.id, BLOCKS)
        await place.client.update(place.general.id, ts, HELLO)
        (message,) = place.slack.messages(place.general)
        assert (message.text, message.blocks, message.edits) == ("hello", [], 1)

    async def test_a_whisper_is_seen_by_one_person(self, place: Place) -> None:
        await place.client.whisper(place.general.id, place.ada.id, BLOCKS)
        assert place.texts == []
        assert [one.text for one in place.slack.whispers(place.ada, place.general)] == ["planned"]

    async def test_a_modal_opens_once(self, place: Place) -> None:
        trigger = place.slack.world.add_trigger(place.ada)
        view = {
            "type": "modal",
            "callback_id": "c",
            "title": {"type": "plain_text", "text": "Start"},
            "blocks": list(BLOCKS.blocks),
        }
        await place.client.open_view(trigger.id, view)
        assert place.slack.open_view(place.ada) is not None
        with pytest.raises(ChatRefusalError) as caught:
            await place.client.open_view(trigger.id, view)
        assert caught.value.code == "exchanged_trigger_id"


class TestAnswers:
    async def test_an_answer_to_a_button_leaves_its_message_alone(self, place: Place) -> None:
        ts = await place.client.post(place.general.id, BLOCKS)
        message = place.general.messages[ts]
        hook = place.slack.world.add_hook(place.ada, place.general, message)
        url = f"{place.slack.world.url}/hook/{hook.id}"
        assert await place.client.respond(url, HELLO)
        assert (message.text, message.edits) == ("planned", 0)
        (seen,) = place.slack.whispers(place.ada, place.general)
        assert seen.text == "hello"
        sent = place.slack.calls("response_url")[0].arguments
        assert sent == {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": "hello",
        }

    async def test_an_address_that_is_used_up_is_no_error(self, place: Place) -> None:
        hook = place.slack.world.add_hook(place.ada, place.general)
        url = f"{place.slack.world.url}/hook/{hook.id}"
        with capture_logs() as logs:
            told = [await place.client.respond(url, HELLO) for _ in range(6)]
        assert told == [True, True, True, True, True, False]
        assert [one["event"] for one in logs if one["log_level"] == "warning"] == [
            "chat.unanswerable"
        ]
        assert hook.id not in str(logs)

    @pytest.mark.parametrize("status", [404, 410])
    async def test_an_address_that_is_gone_is_no_error(self, place: Place, status: int) -> None:
        hook = place.slack.world.add_hook(place.ada, place.general)
        place.slack.faults.fail("response_url", status=status)
        assert not await place.client.respond(f"{place.slack.world.url}/hook/{hook.id}", HELLO)

    async def test_an_answer_nobody_knows_of_may_have_arrived(self, place: Place) -> None:
        hook = place.slack.world.add_hook(place.ada, place.general)
        place.slack.faults.store_then_fail("response_url")
        with pytest.raises(MaybeDoneError):
            await place.client.respond(f"{place.slack.world.url}/hook/{hook.id}", HELLO)


WRITES: dict[str, Callable[[Place, str], Awaitable[object]]] = {
    "chat.postMessage": lambda place, _: place.client.post(place.general.id, HELLO),
    "chat.update": lambda place, ts: place.client.update(place.general.id, ts, HELLO),
    "chat.postEphemeral": lambda place, _: place.client.whisper(
        place.general.id, place.ada.id, HELLO
    ),
}
READS: dict[str, Callable[[Place], Awaitable[object]]] = {
    "auth.test": lambda place: place.client.account(),
    "users.info": lambda place: place.client.user(place.ada.id),
    "usergroups.users.list": lambda place: place.client.in_group(place.ada.id, "S1"),
    "conversations.info": lambda place: place.client.is_member(place.general.id),
}


class TestTrouble:
    @pytest.mark.parametrize("method", WRITES)
    @pytest.mark.parametrize("trouble", ["store_then_fail", "store_then_reset", "reset"])
    async def test_a_write_without_an_answer_may_have_been_done_and_is_sent_once(
        self, place: Place, method: str, trouble: str
    ) -> None:
        ts = await place.client.post(place.general.id, HELLO)
        before = len(place.slack.requests)
        getattr(place.slack.faults, trouble)(method)
        with pytest.raises(MaybeDoneError):
            await WRITES[method](place, ts)
        assert len(place.slack.requests) == before + 1

    async def test_slack_that_hangs_is_left_alone(self) -> None:
        async with a_place(seconds=0.2) as place:
            place.slack.faults.store_then_hang("chat.postMessage", seconds=1)
            with pytest.raises(MaybeDoneError, match=r"no answer within 0\.2 s"):
                await place.client.post(place.general.id, HELLO)
            place.slack.faults.hang("users.info", seconds=1)
            with pytest.raises(TemporaryRemoteError, match=r"no answer within 0\.2 s"):
                await place.client.user(place.ada.id)

    @pytest.mark.parametrize("method", READS)
    @pytest.mark.parametrize("trouble", ["fail", "reset"])
    async def test_a_question_without_an_answer_is_asked_later(
        self, place: Place, method: str, trouble: str
    ) -> None:
        # aiohttp repeats what only reads, once, when its connection broke.
        getattr(place.slack.faults, trouble)(method, times=2)
        with pytest.raises(TemporaryRemoteError):
            await READS[method](place)

    async def test_nothing_was_done_without_a_connection(self) -> None:
        async with open_client("xoxb-1", api_url="http://127.0.0.1:9/api/") as client:
            with pytest.raises(TemporaryRemoteError, match="no connection"):
                await client.post("C1", HELLO)

    async def test_a_pause_is_for_the_method_and_as_long_as_slack_says(self, place: Place) -> None:
        place.slack.faults.limit("chat.postMessage", retry_after=2)
        with pytest.raises(TemporaryRemoteError) as caught:
            await place.client.post(place.general.id, HELLO)
        error = caught.value
        assert (error.status, error.retry_after, error.account_wide) == (429, 2.0, False)

    @pytest.mark.parametrize("code", ["internal_error", "fatal_error"])
    async def test_slack_that_broke_may_have_done_it(self, place: Place, code: str) -> None:
        place.slack.faults.refuse("chat.postMessage", error=code)
        with pytest.raises(MaybeDoneError):
            await place.client.post(place.general.id, HELLO)

    @pytest.mark.parametrize("code", ["invalid_auth", "token_revoked", "account_inactive"])
    async def test_a_token_that_is_not_taken_is_an_operators_matter(
        self, place: Place, code: str
    ) -> None:
        place.slack.faults.refuse("chat.postMessage", error=code)
        with pytest.raises(NotAllowedError) as caught:
            await place.client.post(place.general.id, HELLO)
        assert caught.value.status == 401

    async def test_a_refusal_has_slacks_word_and_a_sentence(self, place: Place) -> None:
        place.general.archived = True
        with pytest.raises(ChatRefusalError) as caught:
            await place.client.post(place.general.id, HELLO)
        error = caught.value
        assert (error.code, error.needed) == ("is_archived", "")
        assert str(error) == "chat.postMessage: the channel is archived (is_archived)"

    async def test_a_missing_scope_is_named(self) -> None:
        async with a_place(scopes=frozenset({"chat:write"})) as place:
            with pytest.raises(ChatRefusalError) as caught:
                await place.client.upload(place.general.id, name="n", title="t", text="x")
            assert (caught.value.code, caught.value.needed) == ("missing_scope", "files:write")

    async def test_no_token_is_in_what_is_told_of_trouble(self) -> None:
        async with a_place(token="xoxb-9-marker") as place:
            with capture_logs() as logs, pytest.raises(NotAllowedError) as caught:
                await place.client.post(place.general.id, HELLO)
            error = caught.value
            assert "marker" not in f"{error!r}{error.__cause__!r}{error.__context__!r}{logs}"

    async def test_a_token_with_a_line_break_inside_is_not_told(self) -> None:
        async with a_place(token="xoxb-9\nmarker") as place:
            with pytest.raises(RemoteError, match="cannot be sent") as caught:
                await place.client.post(place.general.id, HELLO)
            assert "marker" not in f"{caught.value!r}{caught.value.__cause__!r}"

    async def test_errors_go_through_the_redactor(self) -> None:
        async with open_client(
            "xoxb-1",
            api_url="http://127.0.0.1:9/api/",
            redact=lambda text: text.replace("127.0.0.1", "[REDACTED]"),
        ) as client:
            with pytest.raises(TemporaryRemoteError, match="REDACTED") as caught:
                await client.account()
            assert "127.0.0.1" not in str(caught.value)

    async def test_what_the_lease_forbids_is_not_sent(self, place: Place) -> None:
        def forbid() -> None:
            raise LeaseLostError

        with guarded(forbid), pytest.raises(LeaseLostError):
            await place.client.post(place.general.id, HELLO)
        assert place.slack.requests == []

    async def test_every_call_is_counted_by_its_method(self, place: Place) -> None:
        await place.client.account()
        place.slack.faults.fail("chat.postMessage")
        with pytest.raises(MaybeDoneError):
            await place.client.post(place.general.id, HELLO)
        assert [(one.service, one.method, one.status) for one in place.seen] == [
            ("slack", "auth.test", 200),
            ("slack", "chat.postMessage", 500),
        ]


@pytest.mark.parametrize(
    ("status", "kind", "body", "error"),
    [
        (200, "text/html", "<h1>Sign in</h1>", TemporaryRemoteError),
        (403, "text/html", "<h1>Blocked</h1>", TemporaryRemoteError),
        (200, "application/json", '{"ok": tr', MaybeDoneError),
        (200, "application/json", "[]", MaybeDoneError),
        (200, "text/plain", "ok", MaybeDoneError),
        (503, "text/plain", "no", MaybeDoneError),
        (200, "application/json", '{"ok": false}', MaybeDoneError),
    ],
)
async def test_what_is_no_answer_of_slacks_is_no_bug(
    status: int, kind: str, body: str, error: type[RemoteError]
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, content_type=kind, text=body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        async with open_client("xoxb-1", api_url=str(server.make_url("/api/"))) as client:
            with pytest.raises(RemoteError) as caught:
                await client.post("C1", HELLO)
            assert type(caught.value) is error
            with pytest.raises(TemporaryRemoteError):
                await client.user("U1")


class TestPeople:
    async def test_the_account_is_asked_for_once(self, place: Place) -> None:
        assert place.client.team == ""
        first = await place.client.account()
        assert first == ChatAccount(
            team=place.slack.world.team,
            team_name="Acme",
            user=place.slack.bot.id,
            scopes=frozenset(SCOPES),
        )
        assert await place.client.account() == first
        assert (place.client.team, len(place.slack.requests)) == (first.team, 1)

    async def test_an_account_nobody_told_of_is_asked_for_again(self, place: Place) -> None:
        place.slack.faults.fail("auth.test")
        with pytest.raises(TemporaryRemoteError):
            await place.client.account()
        assert (await place.client.account()).team == place.slack.world.team

    async def test_somebody_is_what_slack_says_now(self, place: Place) -> None:
        slack, team = place.slack, place.slack.world.team
        gone = slack.add_user("gone")
        gone.deleted = True
        kinds = [
            (place.ada, {}),
            (gone, {"deleted": True}),
            (slack.add_user("robot", is_bot=True), {"is_bot": True}),
            (slack.add_user("guest", is_restricted=True), {"is_guest": True}),
            (slack.add_user("single", is_ultra_restricted=True), {"is_guest": True}),
        ]
        for user, flags in kinds:
            expected = ChatUser(team=team, id=user.id, name=user.real_name, **flags)
            assert await place.client.user(user.id) == expected
        other = slack.add_user("other", team="T9")
        expected = ChatUser(team="T9", id=other.id, name="Other", is_stranger=True)
        assert await place.client.user(other.id) == expected

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("Ada\0 \ud800Lovelace", "Ada Lovelace"),
            ("Ada\u202ecaleve\u00a0L\u200b", "Adacaleve L"),
            ("\u00c5sa \U0001f409 \u674e", "\u00c5sa \U0001f409 \u674e"),
        ],
    )
    async def test_a_name_is_what_people_see_of_it(
        self, place: Place, name: str, shown: str
    ) -> None:
        place.ada.real_name = name
        assert (await place.client.user(place.ada.id)).name == shown

    async def test_nobody_is_not_found(self, place: Place) -> None:
        with pytest.raises(NotFoundError):
            await place.client.user("U404")

    async def test_somebody_of_our_workspace_in_an_organization_is_ours(self) -> None:
        shown = {"id": "W1", "team_id": "T2", "enterprise_user": {"teams": ["T1", "T2"]}}

        async def answer(request: web.Request) -> web.Response:
            return web.json_response({"ok": True, "user": shown})

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        async with TestServer(app) as server:
            url = str(server.make_url("/api/"))
            async with open_client("xoxb-1", api_url=url, team="T1") as client:
                assert (await client.user("W1")).team == "T1"
            async with open_client("xoxb-1", api_url=url, team="T3") as client:
                assert (await client.user("W1")).team == "T2"

    async def test_a_group_is_asked_once_a_minute_and_forgotten_when_it_changes(
        self, place: Place
    ) -> None:
        group = place.slack.add_usergroup("platform", place.ada)
        for _ in range(3):
            assert await place.client.in_group(place.ada.id, group.id)
            assert not await place.client.in_group("U9", group.id)
        assert len(place.slack.requests) == 1
        group.members = []
        place.client.forget_groups()
        assert not await place.client.in_group(place.ada.id, group.id)

    async def test_what_was_known_for_a_minute_is_asked_again(self) -> None:
        async with a_place() as place:
            client = SlackClient(place.client._caller, fresh=0.0)  # noqa: SLF001 - no waiting
            group = place.slack.add_usergroup("platform", place.ada)
            assert await client.in_group(place.ada.id, group.id)
            group.members, place.ada.deleted = [], True
            assert not await client.in_group(place.ada.id, group.id)
            assert (await client.user(place.ada.id)).deleted

    @pytest.mark.parametrize("trouble", ["fail", "limit", "reset"])
    async def test_a_group_that_cannot_be_asked_about_is_no_yes(
        self, place: Place, trouble: str
    ) -> None:
        """Neither then, nor from then on."""
        group = place.slack.add_usergroup("platform", place.ada)
        getattr(place.slack.faults, trouble)("usergroups.users.list", times=4)
        for _ in range(2):
            with pytest.raises(TemporaryRemoteError):
                await place.client.in_group(place.ada.id, group.id)

    async def test_a_group_that_does_not_exist_is_no_yes(self, place: Place) -> None:
        with pytest.raises(ChatRefusalError) as caught:
            await place.client.in_group(place.ada.id, "S404")
        assert caught.value.code == "no_such_subteam"

    async def test_the_bridge_knows_where_it_is(self, place: Place) -> None:
        outside = place.slack.add_channel("other", place.ada, with_bot=False)
        hidden = place.slack.add_channel("secret", place.ada, private=True, with_bot=False)
        told = [await place.client.is_member(one.id) for one in (place.general, outside)]
        assert told == [True, False]
        assert not await place.client.is_shared(outside.id)
        outside.shared = True
        assert await place.client.is_shared(outside.id)
        with pytest.raises(ChatRefusalError) as caught:
            await place.client.is_member(hidden.id)
        assert caught.value.code == "channel_not_found"


class TestFiles:
    async def upload(self, place: Place, channel: Channel, thread: str = "") -> None:
        await place.client.upload(
            channel.id, name="plan.txt", title="Plan of acme/network", text="+ ünï", thread=thread
        )

    async def test_a_file_comes_in_three_steps_into_the_thread(self, place: Place) -> None:
        ts = await place.client.post(place.general.id, HELLO)
        await self.upload(place, place.general, ts)
        message = place.slack.messages(place.general)[-1]
        (file,) = message.files
        assert (message.thread, file.name, file.title, file.content, file.shared) == (
            ts,
            "plan.txt",
            "Plan of acme/network",
            "+ ünï".encode(),
            True,
        )
        assert [one.method for one in place.slack.requests[1:]] == [
            "files.getUploadURLExternal",
            "files.completeUploadExternal",
        ]

    async def test_it_goes_into_a_public_channel_first(self, place: Place) -> None:
        outside = place.slack.add_channel("other", place.ada, with_bot=False)
        await self.upload(place, outside)
        assert place.slack.bot.id in outside.members
        assert len(place.slack.messages(outside)) == 1

    async def test_where_it_may_not_go_it_says_so(self) -> None:
        async with a_place(scopes=frozenset(SCOPES) - {"channels:join"}) as place:
            outside = place.slack.add_channel("other", place.ada, with_bot=False)
            with capture_logs() as logs, pytest.raises(ChatRefusalError) as caught:
                await self.upload(place, outside)
            assert caught.value.code == "not_in_channel"
            assert "channels:join" in str(logs)

    async def test_a_file_may_be_there_although_nobody_says_so(self, place: Place) -> None:
        place.slack.faults.store_then_fail("files.completeUploadExternal")
        with pytest.raises(MaybeDoneError):
            await self.upload(place, place.general)
        assert len(place.slack.messages(place.general)) == 1

    async def test_before_the_third_step_nothing_is_there(self, place: Place) -> None:
        place.slack.faults.fail("files.getUploadURLExternal")
        with pytest.raises(TemporaryRemoteError):
            await self.upload(place, place.general)
        assert place.texts == []


class TestProxies:
    def test_a_proxy_is_for_the_outside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
        monkeypatch.setenv("NO_PROXY", "slack-gov.com")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("https_proxy", raising=False)
        assert [
            proxy_for("https://slack.com/api/"),
            proxy_for("https://slack-gov.com/api/"),
            proxy_for("http://127.0.0.1:8080/api/"),
        ] == ["http://proxy.example:3128", None, None]

    async def test_this_machine_is_reached_without_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        async with a_place() as place:
            await place.client.post(place.general.id, HELLO)
            assert json.dumps(place.texts) == '["hello"]'


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("2", 2.0), ("", 30.0), ("-1", 30.0), ("soon", 30.0), ("9" * 400, 3_600.0)],
)
def test_a_pause_is_never_for_ever(told: str, seconds: float) -> None:
    assert limited("chat.update", told).retry_after == seconds
