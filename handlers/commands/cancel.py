"""``cancel``: drops what waits and cancels what runs."""

from bridge.domain.commands import CancelCommand
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.deciding import carry_out_answer

router = Router()


@router.on_command(CancelCommand)
async def cancel(asked: Asked, services: Services, work: Work) -> str:
    """Cancel everything of the pull request that has not ended, or what is named."""
    return await carry_out_answer(asked, services, work)
