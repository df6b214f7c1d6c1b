"""``apply``: applies what was reviewed, everything planned at this head or what is named."""

from typing import cast

from bridge.decisions.due_applies import Wanted
from bridge.domain.commands import ApplyCommand
from bridge.domain.runs import Verb
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.applying import carry_out_apply

router = Router()


@router.on_command(ApplyCommand)
async def apply(asked: Asked, services: Services, work: Work) -> str:
    """Apply reviewed plans once every gate is open, or say what is in the way."""
    command = cast("ApplyCommand", asked.command)
    wanted = Wanted(command=command, verb=Verb.APPLY, policy=services.policy.apply)
    return await carry_out_apply(wanted, asked, services, work)
