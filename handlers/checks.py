"""Checks: the bridge has none, so that somebody asks for one again is nothing to it."""

from bridge.domain.events import CheckRerequested
from bridge.domain.work import Work
from bridge.routing import Router, Services

router = Router()


@router.on(CheckRerequested)
async def ignore_check(event: CheckRerequested, services: Services, work: Work) -> None:
    """Start nothing: the bridge sets commit statuses, so the check is somebody else's."""
    command = services.policy.command_names[0]
    work.ignored = f"the bridge has no checks; `{command} plan` in a comment plans again"
