"""Asking whether somebody may say something: what is known of them, gathered just now."""

from collections.abc import Sequence

import structlog

from bridge.decisions.access import Denied, decide_access, teams_to_ask
from bridge.decisions.asking import Refuse
from bridge.domain.access import Person
from bridge.domain.commands import Word
from bridge.domain.errors import RemoteError
from bridge.domain.terrakube import WorkspaceRef
from bridge.routing import Asked, Services

log = structlog.get_logger(__name__)


async def refuse(
    asked: Asked,
    word: Word,
    services: Services,
    workspaces: Sequence[WorkspaceRef] = (),
    *,
    own: bool = True,
) -> Refuse | None:
    """Refuse whoever may not say *word* about all of *workspaces*; None for whoever may.

    Without workspaces it is asked whether they may say it at all: a look-up of those would let
    anybody make the bridge work.
    """
    rules = services.policy.access
    person = await gather_person(asked, word, services, workspaces)
    match decide_access(person, word, workspaces, rules, own=own):
        case Denied(text=text):
            return Refuse(text=text)
        case _:
            return None


async def gather_person(
    asked: Asked, word: Word, services: Services, workspaces: Sequence[WorkspaceRef]
) -> Person:
    """Find out which of the teams that matter somebody is in."""
    name = asked.pull_request.ref.repository.forge
    forge = services.forges[name]
    teams: set[str] = set()
    unsure: set[str] = set()
    for team in teams_to_ask(services.policy.access, name, word, workspaces):
        try:
            if await forge.in_team(asked.actor, team.name):
                teams.add(team.key)
        except RemoteError as error:
            log.warning("team.unknown", actor=asked.actor, reason=f"{team}: {error}")
            unsure.add(team.key)
    return Person(
        forge=name,
        login=asked.actor,
        permission=asked.permission,
        teams=frozenset(teams),
        unsure=frozenset(unsure),
    )
