"""The two servers that are compared, each a process of its own.

``python -m tests.bench.server bare`` verifies and decodes, and keeps nothing; ``... bridge URL``
is the bridge's own edge, GitHub driver and inbox. Prints its port, and ends with its input.
"""

import asyncio
import gc
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from aiohttp import web

from bridge.engine.inbox import Inbox
from bridge.forges.github.receiving import SIGNATURE, DeliveryReader, Receiver
from bridge.forges.signatures import HookSecrets, check_hmac_sha256
from bridge.logs import configure_logs
from bridge.metrics import Metrics
from bridge.store.database import Database, SystemClock
from bridge.web.app import create_app
from bridge.web.deliveries import Door
from bridge.web.server import listening
from tests.bench.payloads import SECRET
from tests.bench.processes import profiled


class Ready:
    """Always ready."""

    async def problems(self) -> Sequence[str]:
        return ()


def bare_app() -> web.Application:
    """The least a webhook receiver does."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        check_hmac_sha256(body, request.headers.get(SIGNATURE), (SECRET,), prefix="sha256=")
        json.loads(body)
        return web.Response(status=202)

    app = web.Application(client_max_size=2**25)
    app.router.add_post("/webhooks/github", handle)
    return app


def bridge_app(database: Database) -> web.Application:
    """The bridge's own edge and inbox."""
    receiver = Receiver(
        secrets=HookSecrets(forge="github", own=(SECRET,), key=None),
        reader=DeliveryReader(forge="github"),
    )
    return create_app(
        doors={"github": Door(forge=receiver)},
        inbox=Inbox(database),
        readiness=Ready(),
        clock=SystemClock(),
        metrics=Metrics(),
    )


async def serve(kind: str, url: str) -> None:
    async with AsyncExitStack() as stack:
        if kind == "bare":
            app = bare_app()
        else:
            app = bridge_app(await stack.enter_async_context(await Database.open(url)))
        port = await stack.enter_async_context(listening(app, host="127.0.0.1", port=0))
        gc.collect()
        gc.freeze()  # as serve does
        print(port, flush=True)  # noqa: T201 - the parent reads it
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    configure_logs(level="warning", stream=sys.stderr)  # nobody reads on behind the port
    kind, *url = sys.argv[1:]
    with profiled(kind):
        asyncio.run(serve(kind, *url or [""]))


if __name__ == "__main__":
    main()
