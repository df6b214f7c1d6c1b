"""Asking forges to send again what they could not hand over."""

from datetime import timedelta

import pytest

from bridge.domain.errors import LeaseLostError
from bridge.ports import FailedDelivery
from bridge.services.redelivering import MOST, TIMES, RedeliverService, memory
from tests.fakes.clock import FakeClock
from tests.fakes.forge import FakeForge
from tests.fakes.store import FakeRunStore


def failed(number: int) -> FailedDelivery:
    moment = FakeClock().now() - timedelta(minutes=number)
    return FailedDelivery(id=str(number), key=f"d-{number}", delivered_at=moment)


def service(forge: FakeForge) -> RedeliverService:
    return RedeliverService(forge=forge, store=FakeRunStore(), clock=FakeClock(), asked=memory())


def nothing() -> None:
    """Keep the right to go on."""


async def test_a_forge_without_a_list_is_asked_for_nothing() -> None:
    forge = FakeForge(failed=None)
    assert await service(forge).redeliver(nothing) == 0


async def test_failed_deliveries_are_asked_for_oldest_first() -> None:
    forge = FakeForge(failed=[failed(1), failed(3), failed(2)])
    assert await service(forge).redeliver(nothing) == 3
    assert forge.redelivered == ["3", "2", "1"]


async def test_what_keeps_failing_is_left_alone_after_a_few_times() -> None:
    forge = FakeForge(failed=[failed(1)])
    asking = service(forge)
    assert [await asking.redeliver(nothing) for _ in range(TIMES + 2)] == [1] * TIMES + [0, 0]
    assert forge.redelivered == ["1"] * TIMES


async def test_a_long_outage_is_worked_off_in_rounds() -> None:
    forge = FakeForge(failed=[failed(number) for number in range(MOST + 5)])
    assert await service(forge).redeliver(nothing) == MOST
    assert len(forge.redelivered) == MOST


async def test_whoever_lost_the_right_asks_for_nothing_more() -> None:
    forge = FakeForge(failed=[failed(1)])

    def lost() -> None:
        raise LeaseLostError

    with pytest.raises(LeaseLostError):
        await service(forge).redeliver(lost)
    assert forge.redelivered == []
