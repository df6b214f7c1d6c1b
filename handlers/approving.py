"""What it takes to approve a job beside a rule that allows it: enough people, and other ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.decisions.approving import (
    Accounts,
    accounts_of,
    compare_people,
    count_people,
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
    """Say that somebody approved it already, and how many have; empty when it changes nothing."""
    counted = await _count(run, actor, services)
    if counted is None or not counted.is_repeated or counted.is_enough:
        return ""
    return f"you approved it already: {counted.text}"


async def standing_with(run: Run, actor: str, services: Services) -> str:
    """Say how many approvals there are with one more; empty when that is enough."""
    counted = await _count(run, actor, services)
    return "" if counted is None or counted.is_enough else counted.text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """The approvals of a job, with that of whoever approves it now.

    Attributes:
        votes: Theirs is the last one, unless they had approved it already.
        people: How many different ones have given them.
        is_repeated: Whether they had.
    """

    votes: Sequence[Vote]
    people: int
    quorum: int
    is_repeated: bool

    @property
    def is_enough(self) -> bool:
        return self.people >= self.quorum

    @property
    def text(self) -> str:
        return votes_text(self.votes, self.quorum, people=self.people)


async def _count(run: Run, actor: str, services: Services) -> _Counted | None:
    """Count the approvals of a job; None where one is enough anyway."""
    quorum = demand_for(run, services.policy.access).quorum
    if quorum <= 1:
        return None
    forge = run.request.repository.forge
    votes = await services.store.votes(run.id)
    known = [await accounts_now(one.actor, forge, services) for one in votes]
    own = await accounts_now(actor, forge, services)
    is_repeated = any(own & one for one in known)
    mine = [] if is_repeated else [Vote(actor=actor, at=services.clock.now())]
    return _Counted(
        votes=[*votes, *mine],
        people=count_people([*known, own]),
        quorum=quorum,
        is_repeated=is_repeated,
    )


async def _linked(actor: str, forge: str, services: Services) -> Sequence[Identity]:
    if services.chats is None or services.chat is None:
        return ()
    if user := slack_user_of(actor):
        return await services.chats.identities(services.chat.team, user)
    found = await services.chats.identities_of_login(forge, actor) if forge else ()
    return [one for each in found for one in await services.chats.identities(each.team, each.user)]
