"""``reject``: ends jobs that wait for an approval."""

from bridge.domain.commands import RejectCommand
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.deciding import carry_out_answer

router = Router()


@router.on_command(RejectCommand)
async def reject(asked: Asked, services: Services, work: Work) -> str:
    """Reject the jobs that wait, all of them or those that are named."""
    return await carry_out_answer(asked, services, work)
