"""``destroy``: carries out what a reviewed plan of a destruction shows."""

from typing import cast

from bridge.decisions.due_applies import Wanted
from bridge.decisions.gates import destroy_off_text
from bridge.domain.commands import DestroyCommand
from bridge.domain.runs import Verb
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.applying import carry_out_apply
from handlers.writing import audit

router = Router()


@router.on_command(DestroyCommand)
async def destroy(asked: Asked, services: Services, work: Work) -> str:
    """Destroy what was reviewed, where the settings let anybody; or say what is in the way."""
    policy = services.policy.destroy
    if policy is None:
        text = destroy_off_text()
        audit(work, asked, action="destroy.requested", result="refused", detail=text)
        return text
    command = cast("DestroyCommand", asked.command)
    wanted = Wanted(command=command, verb=Verb.DESTROY, policy=policy)
    return await carry_out_apply(wanted, asked, services, work)
