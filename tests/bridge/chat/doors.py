"""Slack's two doors as they are: a strict Slack, the bridge's own server, and a real store."""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
from sqlalchemy import Connection, select

from bridge.chat.app import SlackApp
from bridge.chat.calls import Caller, open_caller
from bridge.chat.deliveries import parse
from bridge.chat.door import HttpDoor
from bridge.chat.gate import Gate, verifier_of
from bridge.chat.listening import Inbox as InboxLike
from bridge.chat.listening import Listeners
from bridge.chat.socket import Socket
from bridge.domain.chat import View
from bridge.domain.chat_events import ChatEvent, FormSent
from bridge.domain.deliveries import Delivery
from bridge.domain.terrakube import Template, Workspace
from bridge.engine.inbox import Inbox
from bridge.metrics import Metrics
from bridge.ports import Ignored
from bridge.sandbox.slack import Limits, StandIn, start
from bridge.sandbox.slack.model import Channel, User
from bridge.sandbox.slack.model import View as Shown
from bridge.store.database import Database
from bridge.store.schema import delivery, delivery_body
from bridge.web.app import create_app
from bridge.web.server import listening
from tests.bridge.sandbox.slack.apps import Frozen
from tests.bridge.web.doors import Ready
from tests.waiting import until

Json = dict[str, Any]


@dataclass
class SlackTime:
    """The bridge's clock, which goes by Slack's."""

    seconds: Frozen

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)


@dataclass
class KnownPlaces:
    """What is known of Terrakube; nobody can be asked."""

    there: Sequence[Workspace] = ()
    flows: Mapping[str, Sequence[Template]] = field(default_factory=dict)

    def workspaces(self) -> Sequence[Workspace]:
        return self.there

    def templates(self) -> Mapping[str, Sequence[Template]]:
        return self.flows


@dataclass
class Checks:
    """Says what is wrong with forms, after a while."""

    wrong: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    seen: list[FormSent] = field(default_factory=list)

    async def __call__(self, form: FormSent) -> Mapping[str, str]:
        self.seen.append(form)
        await asyncio.sleep(self.seconds)
        return self.wrong


@dataclass
class Place:
    """Ada in #ops, who talks to the bridge."""

    slack: StandIn
    database: Database
    clock: Frozen
    ada: User
    ops: Channel
    known: KnownPlaces
    checks: Checks
    listeners: Listeners
    url: str = ""
    socket: Socket | None = None
    forgotten: list[str] = field(default_factory=list)

    async def kept(self) -> Sequence[Delivery]:
        """What is stored, in order."""
        return await self.database.read(_kept)

    async def meant(self) -> Sequence[ChatEvent | Ignored]:
        """What is stored, in its meaning."""
        return [parse(one) for one in await self.kept()]

    async def show(self, *elements: Json) -> str:
        """Let the bridge's own message stand in #ops; its ts."""
        block = {"type": "actions", "block_id": "b", "elements": list(elements)}
        message = self.slack.world.add_message(self.ops, self.slack.bot, "A run", blocks=[block])
        return message.ts

    def open(self, view: View) -> Shown:
        """Let a form of the bridge's stand open before Ada."""
        return self.slack.world.add_view(self.ada.id, dict(view))

    async def send(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Post bytes as anybody may."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url, data=io.BytesIO(body), headers=dict(headers)) as answer,
        ):
            return answer.status, await answer.text()


def a_button(action: str, value: str = "01ABC.1.m", **more: object) -> Json:
    text = {"type": "plain_text", "text": "Press"}
    return {"type": "button", "action_id": action, "value": value, "text": text, **more}


def _kept(connection: Connection) -> Sequence[Delivery]:
    rows = connection.execute(
        select(delivery, delivery_body.c.body)
        .join(delivery_body, delivery_body.c.delivery_id == delivery.c.id)
        .order_by(delivery.c.id)
    )
    return [
        Delivery(
            source=row.source,
            key=row.key,
            kind=row.kind,
            subject=row.subject,
            semantic_key=row.semantic_key,
            repository_id=row.repository_id,
            headers={},
            body=row.body,
            received_at=datetime.fromtimestamp(row.received_at / 1000, UTC),
        )
        for row in rows
    ]


@asynccontextmanager
async def a_place(
    database: Database,
    *,
    mode: str = "http",
    inbox: InboxLike | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[Place]:
    """Let Slack, the bridge's door and Ada meet."""
    clock = Frozen()
    async with start(clock=clock, limits=limits or Limits(ack=30.0)) as slack:
        ada = slack.add_user("ada")
        place = Place(
            slack=slack,
            database=database,
            clock=clock,
            ada=ada,
            ops=slack.add_channel("ops", ada),
            known=(known := KnownPlaces()),
            checks=(checks := Checks()),
            listeners=Listeners(
                inbox=inbox or Inbox(database),
                clock=SlackTime(clock),
                known=known,
                check=checks,
                forget_groups=lambda: place.forgotten.append("groups"),
            ),
        )
        async with socket_door(place) if mode == "socket" else http_door(place):
            yield place


@asynccontextmanager
async def http_door(place: Place) -> AsyncIterator[str]:
    """Open the door over HTTP, one more if there is one; Slack delivers to the last one."""
    clock = SlackTime(place.clock)
    secret = place.slack.signing_secret
    app = a_slack_app(place, secret)
    edge: web.Application = create_app(
        doors={},
        inbox=Inbox(place.database),
        readiness=Ready(),
        clock=clock,
        metrics=Metrics(),
        chat=HttpDoor(Gate(secret, clock), app),
    )
    async with listening(edge, host="127.0.0.1", port=0, linger=0.1) as port:
        place.url = f"http://127.0.0.1:{port}/slack/events"
        place.slack.deliver_to(place.url)
        yield place.url


@asynccontextmanager
async def socket_door(place: Place, *, app_token: str = "") -> AsyncIterator[Socket]:
    """Let the bridge connect to Slack."""
    token = app_token or place.slack.app_token
    async with open_caller(token, api_url=place.slack.url) as caller:
        socket = place.socket = a_socket(place, caller, token)
        running = asyncio.create_task(socket.run())
        try:
            await until(socket.is_connected)
            yield socket
        finally:
            socket.stop()
            await running


def a_socket(
    place: Place, caller: Caller, token: str, *, ping: float = 1.0, url: str = ""
) -> Socket:
    return Socket(a_slack_app(place, ""), caller, app_token=token, ping=ping, url=url)


def a_slack_app(place: Place, secret: str) -> SlackApp:
    return SlackApp(
        place.listeners,
        bot_token=place.slack.bot_token,
        api_url=place.slack.url,
        verifier=verifier_of(secret, SlackTime(place.clock)) if secret else None,
    )
