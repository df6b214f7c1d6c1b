"""Periodic work: asking the forges what no delivery told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import BridgeError, LeaseLostError
from bridge.engine.duties import Duty
from bridge.engine.inbox import Inbox
from bridge.engine.leases import Lease
from bridge.ports import Forge
from bridge.services.redelivering import RedeliverService
from bridge.services.watching import StatusWatch
from bridge.store.database import Database
from bridge.store.queries.resending import resend

log = structlog.get_logger(__name__)

INTERVAL: Final = 600.0
"""Seconds between two rounds."""

_HOURLY: Final = 3600.0
"""Seconds between two rounds that ask about every open pull request."""

_PATIENCE: Final = 10.0
"""Seconds to wait for the inbox."""


class Notices(Protocol):
    """What the comparison needs of services.noticing.NoticeService, or watching.LockWatch."""

    @property
    def forge(self) -> Forge:
        """Whom it asks."""
        ...

    async def compare(self) -> Sequence[Delivery]:
        """Return what no delivery told, as deliveries to store."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Compares pull requests and followed branches with the store."""

    notices: Sequence[Notices]
    inbox: Inbox

    def duty(self) -> Duty:
        """Describe it for Duties."""
        return Duty(name="comparison", interval=INTERVAL, call=self.compare, at_start=True)

    async def compare(self, lease: Lease) -> None:
        """Do a round; a forge that does not answer does not keep the others from theirs."""
        for notice in self.notices:
            try:
                for delivery in await notice.compare():
                    lease.check()
                    await self.inbox.accept(delivery, _PATIENCE)
            except LeaseLostError:
                raise
            except BridgeError as error:
                log.warning("comparison.failed", forge=notice.forge.name, error=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Sends statuses again that do not say on a forge what they should."""

    watches: Sequence[StatusWatch]
    database: Database

    def duty(self) -> Duty:
        """Describe it for Duties."""
        return Duty(name="statuses", interval=_HOURLY, call=self.repair, at_start=True)

    async def repair(self, lease: Lease) -> None:
        """Do a round; a forge that does not answer does not keep the others from theirs."""
        for watch in self.watches:
            try:
                wanted = await watch.compare(lease.check)
                await self.database.write(resend, wanted, self.database.now())
            except LeaseLostError:
                raise
            except BridgeError as error:
                log.warning("repair.failed", forge=watch.forge.name, error=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Redelivery:
    """Asks forges that list failed deliveries to send them again."""

    services: Sequence[RedeliverService]

    def duty(self) -> Duty:
        """Describe it for Duties."""
        return Duty(name="redelivery", interval=INTERVAL, call=self.ask, at_start=True)

    async def ask(self, lease: Lease) -> None:
        """Do a round; a forge that does not answer does not keep the others from theirs."""
        for service in self.services:
            try:
                await service.redeliver(lease.check)
            except LeaseLostError:
                raise
            except BridgeError as error:
                log.warning("redelivery.failed", forge=service.forge.name, error=str(error))
