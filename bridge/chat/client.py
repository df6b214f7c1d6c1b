"""The chat the bridge writes to, behind the port: Slack's Web API."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import structlog

from bridge.chat.calls import TIMEOUT, Caller, open_caller
from bridge.chat.people import FRESH, People
from bridge.domain.access import SLACK
from bridge.domain.chat import ChatMessage, View
from bridge.domain.errors import ChatRefusalError, RemoteError, TemporaryRemoteError
from bridge.http import Exchange

log = structlog.get_logger(__name__)

_OUTSIDE: Final = "not_in_channel"


class SlackClient(People):
    """Slack, as chat_ports.Chat wants it; made by :func:`open_client`.

    Nothing is sent twice in here. Whoever calls pays for it first; see ports.PostLease.pay.
    """

    def __init__(self, caller: Caller, *, team: str = "", fresh: float = FRESH) -> None:
        super().__init__(caller, team=team, fresh=fresh)
        self._caller = caller

    async def post(
        self, channel: str, message: ChatMessage, *, thread: str = "", broadcast: bool = False
    ) -> str:
        """See chat_ports.Chat."""
        answered = await self._caller.write(
            "chat.postMessage",
            {
                "channel": channel,
                **_content(message),
                "thread_ts": thread,
                "reply_broadcast": True if broadcast and thread else None,
                "unfurl_links": False,
                "unfurl_media": False,
            },
        )
        return str(answered.data.get("ts") or "")

    async def update(self, channel: str, ts: str, message: ChatMessage) -> None:
        """See chat_ports.Chat."""
        # What is not said again stays: a message that lost its buttons says so with an empty list.
        content = {"blocks": [], **_content(message), "attachments": []}
        await self._caller.write("chat.update", {"channel": channel, "ts": ts, **content})

    async def whisper(
        self, channel: str, user: str, message: ChatMessage, *, thread: str = ""
    ) -> None:
        """See chat_ports.Chat."""
        await self._caller.write(
            "chat.postEphemeral",
            {"channel": channel, "user": user, **_content(message), "thread_ts": thread},
        )

    async def respond(self, response_url: str, message: ChatMessage) -> bool:
        """See chat_ports.Chat."""
        # Without replace_original Slack may put the answer over the message all can see.
        said = {
            "response_type": "ephemeral",
            "replace_original": False,
            **_content(message),
        }
        status, text = await self._caller.send("response_url", response_url, json=said, writes=True)
        if status != HTTPStatus.OK:
            log.warning("chat.unanswerable", status=status, reason=_shortened(text))
        return status == HTTPStatus.OK

    async def upload(
        self, channel: str, *, name: str, title: str, text: str, thread: str = ""
    ) -> None:
        """See chat_ports.Chat."""
        content = text.encode(errors="replace")
        try:
            await self._upload(channel, content, name=name, title=title, thread=thread)
        except ChatRefusalError as error:
            # Writing to public channels is allowed from outside, files are not.
            if error.code != _OUTSIDE or not await self._join(channel):
                raise
            await self._upload(channel, content, name=name, title=title, thread=thread)

    async def open_view(self, trigger_id: str, view: View) -> None:
        """See chat_ports.Chat."""
        await self._caller.write("views.open", {"trigger_id": trigger_id, "view": dict(view)})

    async def _upload(
        self, channel: str, content: bytes, *, name: str, title: str, thread: str
    ) -> None:
        place = await self._caller.read(
            "files.getUploadURLExternal", "query", filename=name, length=len(content)
        )
        url, file_id = place.data.get("upload_url"), place.data.get("file_id")
        if not isinstance(url, str) or not isinstance(file_id, str):
            msg = "files.getUploadURLExternal: did not say where to"
            raise TemporaryRemoteError(msg, service=SLACK)
        status, _ = await self._caller.send("upload", url, data=content, writes=False)
        if status != HTTPStatus.OK:
            msg = f"upload: answered {status}"
            raise TemporaryRemoteError(msg, service=SLACK, status=status)
        # Only now anybody sees it.
        await self._caller.write(
            "files.completeUploadExternal",
            {
                "files": _json([{"id": file_id, "title": title}]),
                "channel_id": channel,
                "thread_ts": thread,
            },
            "query",
        )

    async def _join(self, channel: str) -> bool:
        """Go into a public channel; a private one has to be invited to."""
        try:
            await self._caller.write("conversations.join", {"channel": channel}, "query")
        except RemoteError as error:
            log.warning("chat.not_joined", channel=channel, reason=str(error))
            return False
        return True


@asynccontextmanager
async def open_client(
    token: str,
    *,
    api_url: str,
    team: str = "",
    redact: Callable[[str], str] = str,
    observe: Callable[[Exchange], None] | None = None,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each call, not of this
) -> AsyncIterator[SlackClient]:
    """Make the client of a bot's token, and close its connections in the end; nothing is asked yet.

    Args:
        token: ``xoxb-...``.
        api_url: Of the Web API: ``https://slack.com/api/``, or GovSlack's.
        team: Id of the workspace, where it is known before ``account`` was asked.
        redact: Masks the secrets the bridge holds in what errors say.
        observe: Told of every request; its method is the Web API's.
        timeout: Seconds an answer may take.
    """
    async with open_caller(
        token, api_url=api_url, redact=redact, observe=observe, timeout=timeout
    ) as caller:
        yield SlackClient(caller, team=team)


def _content(message: ChatMessage) -> Mapping[str, object]:
    blocks = {"blocks": [dict(block) for block in message.blocks]} if message.blocks else {}
    return {"text": message.text, **blocks}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _shortened(text: str) -> str:
    return " ".join(text.split())[:200]
