"""Asking whether somebody in the chat may say something, at the moment they say it."""

from collections.abc import Sequence

from bridge.decisions.access import Allowed, decide_access
from bridge.decisions.asking import Refuse
from bridge.domain.access import Person, Principal
from bridge.domain.commands import Word
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import RepositoryRef
from bridge.routing import Services, Speaker
from handlers.allowing import with_teams
from handlers.reading import permission_now


async def refuse_said(
    speaker: Speaker,
    word: Word,
    services: Services,
    workspaces: Sequence[WorkspaceRef] = (),
    repository: RepositoryRef | None = None,
) -> Refuse | None:
    """Refuse whoever may not say *word* about all of *workspaces*; None for whoever may.

    Args:
        speaker: Who says it, as they were recognised just now.
        word: What they say.
        services: What there is.
        workspaces: What it is about; empty to ask whether they may say it at all.
        repository: Where those have their code; None, or one of a forge that is not configured,
            when the bridge does not know it: then only rules that name people of Slack's count.
    """
    rules = services.policy.access
    asked: dict[Principal, bool | None] = {}
    # Whom a rule names on Slack may, even while the forge does not answer.
    unasked = Person(
        forge="",
        login="",
        permission=None,
        slack_user=speaker.user.id,
        has_repository=False,
    )
    if isinstance(decide_access(unasked, word, workspaces, rules), Allowed):
        return None
    person = await with_teams(unasked, word, services, workspaces, known=asked)
    decision = decide_access(person, word, workspaces, rules)
    known = repository is not None and repository.forge in services.forges
    if repository is not None and known and not isinstance(decision, Allowed):
        linked = await _on_forge(speaker, repository, services)
        person = await with_teams(linked, word, services, workspaces, known=asked)
        decision = decide_access(person, word, workspaces, rules)
    return None if isinstance(decision, Allowed) else Refuse(text=decision.text)


async def _on_forge(speaker: Speaker, repository: RepositoryRef, services: Services) -> Person:
    login = speaker.login_on(repository.forge)
    forge = services.forges[repository.forge]
    return Person(
        forge=repository.forge,
        login=login,
        permission=await permission_now(forge, repository, login) if login else None,
        slack_user=speaker.user.id,
    )
