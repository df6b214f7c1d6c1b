"""Asking whether somebody may say something: what is known of them, gathered just now."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from bridge.decisions.access import Allowed, Denied, decide_access, teams_to_ask
from bridge.decisions.asking import Refuse
from bridge.domain.access import SLACK, Person, Principal
from bridge.domain.commands import Word
from bridge.domain.errors import RemoteError
from bridge.domain.terrakube import WorkspaceRef
from bridge.routing import Asked, Services

log = structlog.get_logger(__name__)


async def sayable(asked: Asked, words: Sequence[Word], services: Services) -> Sequence[Word]:
    """List the words somebody may say here, about some workspaces at least."""
    rules = services.policy.access
    known: dict[Principal, bool | None] = {}
    found: list[Word] = []
    for word in words:
        person = await gather_person(asked, word, services, (), known=known)
        if isinstance(decide_access(person, word, (), rules, own=True), Allowed):
            found.append(word)
    return found


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
    asked: Asked,
    word: Word,
    services: Services,
    workspaces: Sequence[WorkspaceRef],
    *,
    known: dict[Principal, bool | None] | None = None,
) -> Person:
    """Find out which of the teams and groups that matter somebody is in.

    Args:
        asked: Who says it, and where.
        word: On which it depends which teams matter.
        services: What there is.
        workspaces: As for *word*.
        known: Answers of this moment, which are not asked for again; None when they could not be.
    """
    forge, speaker = asked.pull_request.ref.repository.forge, asked.speaker
    person = Person(
        forge=forge,
        login=speaker.login_on(forge) if speaker else asked.actor,
        permission=asked.permission,
        slack_user=speaker.user.id if speaker else "",
    )
    return await with_teams(person, word, services, workspaces, known=known)


async def with_teams(
    person: Person,
    word: Word,
    services: Services,
    workspaces: Sequence[WorkspaceRef],
    *,
    known: dict[Principal, bool | None] | None = None,
) -> Person:
    """Ask the forge and Slack which of their teams and groups that matter somebody is in."""
    answers = {} if known is None else known
    rules = services.policy.access
    doors = [person.forge] if person.login else []
    doors += [SLACK] if person.slack_user else []
    teams = [one for door in doors for one in teams_to_ask(rules, door, word, workspaces)]
    for team in teams:
        if team not in answers:
            answers[team] = await _is_in(person, team, services)
    return replace(
        person,
        teams=frozenset(team.key for team in teams if answers[team]),
        unsure=frozenset(team.key for team in teams if answers[team] is None),
    )


async def _is_in(person: Person, team: Principal, services: Services) -> bool | None:
    try:
        if team.door != SLACK:
            return await services.forges[team.door].in_team(person.login, team.name)
        return services.chat is not None and await services.chat.in_group(
            person.slack_user, team.name
        )
    except RemoteError as error:
        log.warning("team.unknown", actor=_named(person), reason=f"{team}: {error}")
        return None


def _named(person: Person) -> str:
    return person.login or f"{SLACK}:{person.slack_user}"
