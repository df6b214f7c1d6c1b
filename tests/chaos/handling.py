"""A bridge that accepts deliveries and takes its time to handle them, a process of its own.

``python -m tests.chaos.handling URL SECONDS`` prints its port and stops at SIGTERM, as serve does.
"""

import asyncio
import signal
import sys

from bridge.domain.deliveries import StoredDelivery
from bridge.domain.work import Work
from bridge.engine.leases import LeaseKeeper
from bridge.engine.subjects import Subjects
from bridge.engine.supervisor import Supervisor
from bridge.logs import configure_logs
from bridge.store.database import Database
from bridge.web.server import listening
from tests.bench.server import bridge_app


async def run(url: str, seconds: float) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def dispatch(stored: StoredDelivery) -> Work:
        await asyncio.sleep(seconds)
        return Work()

    database = await Database.open(url)
    keeper = LeaseKeeper(database)
    subjects = Subjects(database, keeper, dispatch)
    async with Supervisor(database, keeper, [subjects.worker], grace=0.5):
        async with listening(bridge_app(database), host="127.0.0.1", port=0) as port:
            print(port, flush=True)  # noqa: T201 - the parent reads it
            await stop.wait()


if __name__ == "__main__":
    configure_logs(level="warning", stream=sys.stderr)  # nobody reads on behind the port
    asyncio.run(run(sys.argv[1], float(sys.argv[2])))
