"""Reviews as the rules of a branch count them."""

from bridge.sandbox.forge.happenings import Reviewed
from bridge.sandbox.forge.model import Access, Account, PullRequest, Review
from bridge.sandbox.forge.world import World

_OPINIONS = ("APPROVED", "CHANGES_REQUESTED")


async def review_pull_request(
    world: World, pull_request: PullRequest, *, actor: Account, state: str, body: str
) -> Review:
    """Review it; *state* is ``APPROVED``, ``CHANGES_REQUESTED`` or ``COMMENTED``."""
    review = Review(
        id=world.next_id(), account=actor, state=state, body=body, commit=pull_request.head_sha,
        submitted_at=world.now(),
    )  # fmt: skip
    pull_request.reviews.append(review)
    await _tell(world, pull_request, review, actor)
    return review


async def dismiss_review(
    world: World, pull_request: PullRequest, review: Review, *, actor: Account
) -> None:
    """Let a review count no more."""
    review.dismissed = True
    await _tell(world, pull_request, review, actor)


async def _tell(world: World, pull_request: PullRequest, review: Review, actor: Account) -> None:
    await world.announce(
        Reviewed(
            repository=pull_request.repository,
            actor=actor,
            pull_request=pull_request,
            review=review,
        )
    )


def dismiss_stale(pull_request: PullRequest) -> None:
    """Dismiss approvals after a push, where the base branch's rule says so."""
    rule = pull_request.repository.protection.get(pull_request.base_branch)
    if rule is None or not rule.dismiss_stale:
        return
    for review in pull_request.reviews:
        if review.state == "APPROVED" and review.commit != pull_request.head_sha:
            review.dismissed = True


def opinions(world: World, pull_request: PullRequest) -> dict[str, Review]:
    """Return the newest opinion of everybody who may write, the author left out, by login."""
    newest: dict[str, Review] = {}
    for review in pull_request.reviews:
        if review.state in _OPINIONS:
            newest[review.account.login] = review
    return {
        login: review
        for login, review in newest.items()
        if not review.dismissed
        and review.account is not pull_request.account
        and world.access_of(pull_request.repository, review.account) >= Access.WRITE
    }


def rejected(world: World, pull_request: PullRequest) -> bool:
    """Tell whether somebody who counts asks for changes."""
    given = opinions(world, pull_request).values()
    return any(review.state == "CHANGES_REQUESTED" for review in given)


def missing_approvals(world: World, pull_request: PullRequest) -> int:
    """Count the approvals that are still missing: in number, or at least one of a code owner."""
    rule = pull_request.repository.protection.get(pull_request.base_branch)
    if rule is None:
        return 0
    given = opinions(world, pull_request).items()
    approving = {login for login, review in given if review.state == "APPROVED"}
    missing = max(0, rule.approvals - len(approving))
    lacks_owner = bool(rule.code_owners) and not approving & set(rule.code_owners)
    return max(missing, int(lacks_owner))


def decision(world: World, pull_request: PullRequest) -> str | None:
    """Say what GitHub's ``reviewDecision`` would; None where no rule asks for reviews."""
    rule = pull_request.repository.protection.get(pull_request.base_branch)
    if rule is None or not (rule.approvals or rule.code_owners):
        return None
    if rejected(world, pull_request):
        return "CHANGES_REQUESTED"
    return "REVIEW_REQUIRED" if missing_approvals(world, pull_request) else "APPROVED"
