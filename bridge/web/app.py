"""The two applications: what the world may reach, and the metrics on a port of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from bridge.chat.manifest import DOOR
from bridge.metrics import Metrics
from bridge.ports import Clock
from bridge.web.bodies import BodyLimits, BodyReader
from bridge.web.deliveries import DeliveryRoute, Door, Inbox
from bridge.web.health import HealthRoutes, Readiness
from bridge.web.notifications import Hint, HintRoute
from bridge.web.slack import ChatDoor, ChatRoute


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    """Terrakube's notifications; without a secret there is no route for them."""

    secret: str
    hint: Hint

    def __post_init__(self) -> None:
        if not self.secret:
            msg = "notifications need a secret"
            raise ValueError(msg)


def create_app(
    *,
    doors: Mapping[str, Door],
    inbox: Inbox,
    readiness: Readiness,
    clock: Clock,
    metrics: Metrics,
    notifications: Notifications | None = None,
    chat: ChatDoor | None = None,
    limits: BodyLimits | None = None,
) -> web.Application:
    """Build the application for the public port.

    Args:
        doors: By the name in the URL; a forge without a secret has none.
        inbox: Keeps what was verified.
        readiness: Answers for ``/readyz``.
        clock: Dates deliveries.
        metrics: Counts answers; served by create_metrics_app.
        notifications: None leaves ``/webhooks/terrakube`` out.
        chat: Takes in what Slack sends; None leaves ``/slack/events`` out.
        limits: None for the limits of design section 10.14.
    """
    app = web.Application()
    app.on_response_prepare.append(_hide_versions)
    bodies = BodyReader(limits or BodyLimits(), metrics)
    health = HealthRoutes(readiness=readiness)
    app.router.add_get("/healthz", health.healthz)
    app.router.add_get("/readyz", health.readyz)
    if notifications is not None:
        hints = HintRoute(
            secret=notifications.secret.encode(),
            hint=notifications.hint,
            bodies=bodies,
            metrics=metrics,
        )
        app.router.add_post("/webhooks/terrakube", hints.handle)
    if chat is not None:
        slack = ChatRoute(door=chat, bodies=bodies, metrics=metrics)
        app.router.add_post(DOOR, slack.handle)
        app.router.add_get(DOOR, slack.nothing)
    deliveries = DeliveryRoute(
        doors=doors, inbox=inbox, bodies=bodies, metrics=metrics, clock=clock
    )
    app.router.add_post("/webhooks/{forge}", deliveries.handle)
    return app


def create_metrics_app(metrics: Metrics) -> web.Application:
    """Build the application for the second port: ``/metrics`` alone."""

    async def exposition(request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.exposition(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    app = web.Application()
    app.on_response_prepare.append(_hide_versions)
    app.router.add_get("/metrics", exposition)
    return app


async def _hide_versions(request: web.Request, response: web.StreamResponse) -> None:
    # The library names itself and Python with their versions; nobody outside needs them.
    response.headers.popall("Server", None)
