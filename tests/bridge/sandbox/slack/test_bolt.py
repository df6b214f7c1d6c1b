"""An app made with slack-bolt understands everything the stand-in delivers."""

from collections.abc import AsyncIterator

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_bolt.authorization import AuthorizeResult

from bridge.sandbox.slack import Limits
from tests.bridge.sandbox.slack.apps import Json, Place, settled
from tests.bridge.sandbox.slack.test_acting import APPROVE, MODAL, OPTION
from tests.waiting import until


def made(place: Place) -> tuple[AsyncApp, list[str]]:
    """An app that does a little of everything, and what it heard."""
    heard: list[str] = []

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_token=place.slack.bot_token,
            bot_id="B00000001",
            bot_user_id=place.slack.bot.id,
        )

    app = AsyncApp(client=place.client, authorize=authorize, signing_secret="x")

    @app.command("/terrakube")
    async def command(ack: AsyncAck, body: Json) -> None:
        await ack(f"Doing {body['text']}")
        await app.client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        heard.append("command")

    @app.action("approve")
    async def action(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        await respond("Approved", replace_original=False, response_type="ephemeral")
        heard.append("action")

    @app.options("workspace")
    async def options(ack: AsyncAck) -> None:
        await ack(options=[OPTION])

    @app.view("run")
    async def view(ack: AsyncAck) -> None:
        await ack(response_action="errors", errors={"what": "no such branch"})

    @app.event("app_mention")
    async def mention(event: Json) -> None:
        heard.append(event["text"].partition("> ")[2])

    return app, heard


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with settled(http=False, limits=Limits(ack=30.0)) as one:
        yield one


async def test_the_whole_way_over_socket_mode(place: Place) -> None:
    app, heard = made(place)
    handler = AsyncSocketModeHandler(app, place.slack.app_token)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # slack-bolt has no types here
    try:
        await until(lambda: place.slack.sockets.open)
        told = await place.slack.command(place.alice, place.ops, "plan acme/net")
        assert told.answer == {"text": "Doing plan acme/net"}
        await until(lambda: heard == ["command"])
        view = place.slack.open_view(place.alice)
        assert view is not None
        assert await place.slack.suggest(place.alice, view, "workspace", "n") == [OPTION]
        await place.slack.submit(place.alice, view, {"workspace": "net", "branch": "x"})
        assert view.errors == {"what": "no such branch"}
        await place.post(blocks=[APPROVE])
        (message,) = place.slack.messages(place.ops)
        assert (await place.slack.press(place.alice, message, "approve")).acked
        await until(lambda: heard == ["command", "action"])
        await place.slack.mention(place.alice, place.ops, "status 12")
        await until(lambda: heard == ["command", "action", "status 12"])
        whispers = place.slack.whispers(place.alice, place.ops)
        assert [one.text for one in whispers] == ["Doing plan acme/net", "Approved"]
        assert message.text == "Hello"
        place.slack.assert_no_surprises()
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]  # slack-bolt has no types here
