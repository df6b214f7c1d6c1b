"""What it takes to approve a job beside a rule that allows it: enough people, and other ones."""

from collections.abc import Sequence

from bridge.decisions.approving import (
    Accounts,
    accounts_of,
    compare_people,
    demand_for,
    four_eyes_text,
    votes_text,
)
from bridge.domain.chat import Identity, slack_user_of
from bridge.domain.runs import Run
from bridge.domain.work import Vote
from bridge.routing import Services


async def accounts_now(actor: str, forge: str, services: Services) -> Accounts:
    """List what somebody is known as just now, by what they are recorded as."""
    return accounts_of(actor, forge, await _linked(actor, forge, services))


async def refuse_own(run: Run, actor: str, services: Services) -> str:
    """Say why somebody must not approve what they may have asked for; empty when they may."""
    if not demand_for(run, services.policy.access).four_eyes:
        return ""
    forge = run.request.repository.forge
    asker = await accounts_now(run.request.actor, forge, services)
    approver = await accounts_now(actor, forge, services)
    return four_eyes_text(compare_people(asker, approver), run)


async def refuse_twice(run: Run, actor: str, services: Services) -> str:
    """Say that somebody approved it already, and how many have; empty when they did not."""
    quorum = demand_for(run, services.policy.access).quorum
    votes = await services.store.votes(run.id) if quorum > 1 else ()
    if not votes:
        return ""
    forge = run.request.repository.forge
    own = await accounts_now(actor, forge, services)
    mine = [one for one in votes if own & await accounts_now(one.actor, forge, services)]
    return f"you approved it already: {votes_text(votes, quorum)}" if mine else ""


async def standing_with(run: Run, actor: str, services: Services) -> str:
    """Say how many approvals there are with one more; empty when that is enough."""
    quorum = demand_for(run, services.policy.access).quorum
    if quorum <= 1:
        return ""
    votes: Sequence[Vote] = await services.store.votes(run.id)
    votes = [*votes, Vote(actor=actor, at=services.clock.now())]
    return votes_text(votes, quorum) if len(votes) < quorum else ""


async def _linked(actor: str, forge: str, services: Services) -> Sequence[Identity]:
    if services.chats is None or services.chat is None:
        return ()
    if user := slack_user_of(actor):
        return await services.chats.identities(services.chat.team, user)
    found = await services.chats.identities_of_login(forge, actor) if forge else ()
    return [one for each in found for one in await services.chats.identities(each.team, each.user)]
