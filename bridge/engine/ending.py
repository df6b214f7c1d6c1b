"""Concluding runs: written once, counted and logged in one place."""

from dataclasses import dataclass

import structlog

from bridge.decisions.endings import Ending
from bridge.domain.runs import Collected, Run
from bridge.engine.leases import Lease
from bridge.metrics import Metrics
from bridge.store.database import Database
from bridge.store.queries import runs as queries
from bridge.store.queries.runs import Bypass

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ender:
    """Writes how runs end."""

    database: Database
    metrics: Metrics

    async def end(
        self,
        run: Run,
        lease: Lease,
        ending: Ending,
        collected: Collected | None = None,
        bypass: Bypass | None = None,
    ) -> None:
        """Conclude a run; LeaseLostError when somebody else has it."""
        await self.database.write_for(
            run.id,
            queries.end,
            lease.held,
            ending,
            self.database.now(),
            collected,
            bypass=bypass,
        )
        self.note(run, ending)

    def note(self, run: Run, ending: Ending) -> None:
        """Count and log an end that is written."""
        self.metrics.runs_concluded.labels(run.request.verb.value, ending.state.value).inc()
        log.info("run.concluded", state=ending.state.value, reason=ending.reason)
