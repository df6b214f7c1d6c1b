"""What tests and the demo do about rules, reviews, teams and the merge queue of a stand-in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.forge.model import Account, CheckRun, Kind, Protection, Review, Team
from bridge.sandbox.forge.queueing import leave_queue, queue_pull_request
from bridge.sandbox.forge.reviewing import dismiss_review, review_pull_request
from bridge.sandbox.forge.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A part of StandIn.

    Attributes:
        world: Its state.
    """

    world: World

    def account(self, login: str, *, kind: Kind = Kind.USER, site_admin: bool = False) -> Account:
        """Return an account, made when it is not there yet."""
        known = self.world.accounts.get(login.lower())
        return known or self.world.add_account(login, kind=kind, site_admin=site_admin)

    async def approve(self, slug: str, number: int, *, by: str) -> Review:
        """Let somebody approve a pull request's present head."""
        return await self._review(slug, number, by, "APPROVED")

    async def request_changes(self, slug: str, number: int, *, by: str) -> Review:
        """Let somebody ask for changes."""
        return await self._review(slug, number, by, "CHANGES_REQUESTED")

    async def _review(self, slug: str, number: int, login: str, state: str) -> Review:
        one = self.world.pull_request(slug, number)
        actor = self.account(login)
        return await review_pull_request(self.world, one, actor=actor, state=state, body="")

    async def dismiss(self, slug: str, number: int, review: Review, *, by: str) -> None:
        """Let somebody dismiss a review."""
        one = self.world.pull_request(slug, number)
        await dismiss_review(self.world, one, review, actor=self.account(by))

    def protect(
        self,
        slug: str,
        branch: str,
        *,
        required_approvals: int = 0,
        required_statuses: Sequence[str] = (),
        **more: Any,  # noqa: ANN401 - further fields of Protection
    ) -> Protection:
        """Give a branch a rule; *more* as in Protection."""
        rule = Protection(contexts=tuple(required_statuses), approvals=required_approvals, **more)
        self.world.repository(slug).protection[branch] = rule
        return rule

    def add_team(
        self, organization: str, slug: str, members: Sequence[str], *, invited: Sequence[str] = ()
    ) -> Team:
        """Make a team of an organization."""
        owner = self.world.owner(organization)
        team = Team(
            id=self.world.next_id(),
            slug=slug,
            organization=owner,
            members={self.account(login).login.lower() for login in members},
            invited={self.account(login).login.lower() for login in invited},
        )
        owner.teams[slug.lower()] = team
        return team

    def add_check(
        self, slug: str, sha: str, name: str, *, conclusion: str | None, status: str = "completed"
    ) -> CheckRun:
        """Let a program report a check of a commit (GitHub)."""
        one = CheckRun(id=self.world.next_id(), name=name, status=status, conclusion=conclusion)
        self.world.repository(slug).checks.setdefault(sha, []).append(one)
        return one

    async def merge_queue(self, slug: str, number: int, *, by: str = "alice") -> str:
        """Put a pull request into the merge queue (GitHub); return the queue's commit."""
        one = self.world.pull_request(slug, number)
        return await queue_pull_request(self.world, one, actor=self.account(by))

    async def leave_merge_queue(self, slug: str, number: int, *, by: str = "alice") -> bool:
        """Let the queue merge it, if the required statuses of its commit succeeded."""
        one = self.world.pull_request(slug, number)
        return await leave_queue(self.world, one, actor=self.account(by))
