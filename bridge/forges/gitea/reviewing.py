"""What reviewers said on Gitea and Forgejo, and whether the branch's rule is content with it.

Of the rule every reader sees the number of approvals; the rest is for administrators. Where it may
not be read, the stricter answer is taken: approvals of earlier commits do not count, and whoever
asks for changes blocks. ``official`` says that whoever reviewed could write then, or was one of
those whose reviews the rule counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.domain.errors import NotAllowedError, NotFoundError
from bridge.domain.vcs import PullRequest, Reviews
from bridge.forges.gitea.answers import UserAnswer
from bridge.forges.gitea.api import pages, ref_path
from bridge.forges.judging import Opinion, ReviewRule, judge, rule_problem
from bridge.forges.wire import Answer, parse
from bridge.http import HttpClient, segment


class ReviewAnswer(Answer):
    """A review, or that one is asked for (``REQUEST_REVIEW``)."""

    id: int
    user: UserAnswer | None = None
    state: str
    official: bool = False
    dismissed: bool = False
    commit_id: str = ""


class BranchRuleAnswer(Answer):
    """A branch, as far as it shows its rule to every reader."""

    protected: bool = False
    required_approvals: int = 0
    enable_status_check: bool = False
    status_check_contexts: list[str] | None = None
    effective_branch_protection_name: str = ""


class ProtectionAnswer(Answer):
    """The whole rule, for administrators; Forgejo 8 and newer can ignore stale approvals."""

    block_on_rejected_reviews: bool = False
    block_on_official_review_requests: bool = False
    block_on_outdated_branch: bool = False
    dismiss_stale_approvals: bool = False
    ignore_stale_approvals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A base branch's rule: *seen* by every reader, and *whole*; None when that may not be read."""

    seen: BranchRuleAnswer
    whole: ProtectionAnswer | None


async def read_rules(http: HttpClient, below: str, branch: str) -> Rules:
    """Read the rule of a branch; *below* is the repository's path."""
    try:
        response = await http.request("GET", f"{below}/branches/{ref_path(branch)}")
    except NotFoundError:
        return Rules(seen=BranchRuleAnswer(), whole=None)
    seen = parse(BranchRuleAnswer, response)
    if not seen.protected:
        return Rules(seen=seen, whole=None)
    name = seen.effective_branch_protection_name or branch
    try:
        response = await http.request("GET", f"{below}/branch_protections/{segment(name)}")
    except (NotAllowedError, NotFoundError):
        return Rules(seen=seen, whole=None)
    return Rules(seen=seen, whole=parse(ProtectionAnswer, response))


async def reviews(http: HttpClient, below: str, pull_request: PullRequest) -> Reviews:
    """See Forge.reviews."""
    given = await _given(http, below, pull_request)
    rules = await read_rules(http, below, pull_request.base_branch)
    return judge(
        _opinions(given),
        _rule(rules, given),
        author=pull_request.author,
        head_sha=pull_request.head_sha,
    )


async def complaint(http: HttpClient, below: str, pull_request: PullRequest, rules: Rules) -> str:
    """Say what a branch's rule misses in the reviews; empty where there is no rule."""
    if not rules.seen.protected:
        return ""
    given = await _given(http, below, pull_request)
    return rule_problem(
        _opinions(given),
        _rule(rules, given),
        author=pull_request.author,
        head_sha=pull_request.head_sha,
    )


async def _given(http: HttpClient, below: str, pull_request: PullRequest) -> list[ReviewAnswer]:
    path = f"{below}/pulls/{pull_request.ref.number}/reviews"
    found = [one async for page in pages(http, path, ReviewAnswer) for one in page]
    return sorted(found, key=lambda one: one.id)


def _opinions(reviews: Sequence[ReviewAnswer]) -> list[Opinion]:
    """Return each reviewer's newest opinion; a comment changes none, a dismissal takes it away."""
    newest: dict[str, ReviewAnswer] = {}
    for one in reviews:
        if one.user and one.user.login and one.state in {"APPROVED", "REQUEST_CHANGES"}:
            newest[one.user.login] = one
    return [
        Opinion(
            login=login,
            approves=one.state == "APPROVED",
            sha=one.commit_id,
            may_write=one.official,
        )
        for login, one in newest.items()
        if not one.dismissed
    ]


def _rule(rules: Rules, reviews: Sequence[ReviewAnswer]) -> ReviewRule:
    seen, whole = rules.seen, rules.whole
    if whole is None:
        return ReviewRule(required=seen.required_approvals or None)
    waiting = any(
        one.state == "REQUEST_REVIEW" and one.official and not one.dismissed for one in reviews
    )
    asked = whole.block_on_official_review_requests and waiting
    return ReviewRule(
        required=seen.required_approvals or None,
        old_count=not (whole.dismiss_stale_approvals or whole.ignore_stale_approvals),
        rejections_block=whole.block_on_rejected_reviews,
        complaint="Somebody who was asked for a review has not given it." if asked else "",
    )
