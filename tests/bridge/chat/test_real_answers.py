"""What Slack's Web API is asked and how it answers, as its own papers and libraries have it.

``docs`` stands for https://docs.slack.dev, ``java`` for github.com/slackapi/java-slack-sdk.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.chat.client import SlackClient, open_client
from bridge.domain.chat import ChatMessage
from bridge.domain.errors import NotFoundError, TemporaryRemoteError
from tests.bridge.chat.doors import Json

TOKEN = "xoxb-1"
HELLO = ChatMessage(text="hello")
JSON = "application/json"


@dataclass
class Answers:
    """Answers what it is told to, and remembers how it was asked."""

    given: Json = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str, str, bool]] = field(default_factory=list)
    sent: bytes = b""

    async def answer(self, request: web.Request) -> web.Response:
        authorized = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        kind = request.content_type if request.can_read_body else ""
        name = request.path.rpartition("/")[2]
        self.asked.append((request.method, name, kind, ",".join(request.query), authorized))
        if name == "v1":
            self.sent = await request.read()
            return web.Response(text=f"OK - {len(self.sent)}")
        url = str(request.url.origin() / "upload/v1")
        shown = {"ok": True, "upload_url": url, "file_id": "F1", "ts": "1.1", **self.given}
        return web.json_response(shown, status=self.status, headers=self.headers)


@asynccontextmanager
async def a_client(answers: Answers, team: str = "T1") -> AsyncIterator[SlackClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answers.answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/api/"))
        async with open_client(TOKEN, api_url=url, team=team) as client:
            yield client


CALLS: list[tuple[Callable[[SlackClient], Awaitable[object]], list[tuple[str, ...]]]] = [
    (lambda one: one.account(), [("POST", "auth.test", "", "")]),
    (lambda one: one.in_group("U1", "S1"), [("GET", "usergroups.users.list", "", "usergroup")]),
    (lambda one: one.is_member("C1"), [("GET", "conversations.info", "", "channel")]),
    (lambda one: one.post("C1", HELLO), [("POST", "chat.postMessage", JSON, "")]),
    (lambda one: one.update("C1", "1.1", HELLO), [("POST", "chat.update", JSON, "")]),
    (lambda one: one.whisper("C1", "U1", HELLO), [("POST", "chat.postEphemeral", JSON, "")]),
    (lambda one: one.open_view("1.2", {"type": "modal"}), [("POST", "views.open", JSON, "")]),
]


@pytest.mark.parametrize(("call", "asked"), CALLS)
async def test_a_method_is_asked_as_slack_documents_it(
    call: Callable[[SlackClient], Awaitable[object]], asked: list[tuple[str, ...]]
) -> None:
    """docs/reference/methods; warnings of docs/apis/web-api change nothing."""
    warned = {"warning": "missing_charset", "response_metadata": {"warnings": ["missing_charset"]}}
    answers = Answers({"users": ["U1"], "channel": {}, **warned})
    async with a_client(answers) as client:
        await call(client)
    assert answers.asked == [(*one, True) for one in asked]


async def test_a_file_is_sent_as_it_is_to_whoever_slack_names() -> None:
    """docs/messaging/working-with-files: the token is not for that address."""
    answers = Answers()
    async with a_client(answers) as client:
        await client.upload("C1", name="plan.txt", title="Plan", text="+ ü", thread="1.1")
    assert answers.sent == "+ ü".encode()
    assert answers.asked == [
        ("POST", "files.getUploadURLExternal", "", "filename,length", True),
        ("POST", "v1", "application/octet-stream", "", False),
        ("POST", "files.completeUploadExternal", "", "files,channel_id,thread_ts", True),
    ]


@pytest.mark.parametrize(
    ("status", "headers", "code", "seconds"),
    [
        # docs/apis/web-api/rate-limits
        (429, {"Retry-After": "7"}, "ratelimited", 7.0),
        (429, {}, "ratelimited", 30.0),
        (200, {}, "ratelimited", 30.0),
        (200, {}, "rate_limited", 30.0),
    ],
)
async def test_too_often_is_a_pause_however_slack_says_it(
    status: int, headers: dict[str, str], code: str, seconds: float
) -> None:
    answers = Answers({"ok": False, "error": code}, status, headers)
    async with a_client(answers) as client:
        with pytest.raises(TemporaryRemoteError) as caught:
            await client.post("C1", HELLO)
    assert (caught.value.status, caught.value.retry_after) == (429, seconds)


@pytest.mark.parametrize(
    ("shown", "is_shared"),
    [
        # java, conversations.info.json
        ({}, False),
        ({"is_shared": True, "is_ext_shared": True}, True),
        ({"is_shared": True, "is_org_shared": True, "is_ext_shared": False}, False),
        ({"is_pending_ext_shared": True, "pending_shared": ["T2"]}, True),
        ({"is_im": True, "is_org_shared": False, "user": "U1"}, False),
    ],
)
async def test_only_another_organization_makes_a_channel_a_shared_one(
    shown: Json, *, is_shared: bool
) -> None:
    async with a_client(Answers({"channel": {"id": "C1", **shown}})) as client:
        assert await client.is_shared("C1") is is_shared


@pytest.mark.parametrize(
    ("shown", "team", "is_stranger"),
    [
        # java, users.info.json; slack-morphism-rust 1.15: an organization's people have no team_id
        ({"team_id": "T1"}, "T1", False),
        ({"enterprise_user": {"id": "U1", "enterprise_id": "E1", "teams": ["T1"]}}, "T1", False),
        ({"enterprise_user": {"id": "U1", "enterprise_id": "E1", "teams": ["T3"]}}, "", False),
        ({"team_id": "E2", "is_stranger": True}, "E2", True),
        ({"team_id": "T2", "profile": {"team": "T2"}, "is_stranger": False}, "T2", False),
    ],
)
async def test_somebody_is_of_the_workspace_slack_names(
    shown: Json, team: str, *, is_stranger: bool
) -> None:
    async with a_client(Answers({"user": {"id": "U1", **shown}})) as client:
        found = await client.user("U1")
    assert (found.team, found.is_stranger) == (team, is_stranger)


@pytest.mark.parametrize("code", ["user_not_found", "user_not_visible"])
async def test_whom_slack_does_not_show_is_nobody(code: str) -> None:
    """docs/reference/methods/users.info."""
    async with a_client(Answers({"ok": False, "error": code})) as client:
        with pytest.raises(NotFoundError):
            await client.user("U1")
