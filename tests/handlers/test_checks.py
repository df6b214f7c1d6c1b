"""Checks that are asked for again."""

import pytest

from bridge.domain.events import CheckRerequested
from bridge.domain.work import Work
from tests.fakes.forge import HEAD, INFRA
from tests.handlers.conftest import NOW, World


@pytest.mark.parametrize("external_id", ["", "somebody's"])
async def test_a_check_is_somebody_elses(world: World, external_id: str) -> None:
    event = CheckRerequested(
        delivery_id="d-1",
        received_at=NOW,
        actor="alice",
        repository=INFRA,
        head_sha=HEAD,
        external_id=external_id,
    )
    assert await world.deliver(event) == Work(
        ignored="the bridge has no checks; `terrakube plan` in a comment plans again"
    )
