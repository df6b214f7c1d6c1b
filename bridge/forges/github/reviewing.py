"""What reviewers said on GitHub, and whether its rules are content with it.

Only GitHub itself knows that: code owners, the last push's approval and rules that may not be
read count, too. Its GraphQL API says it to everybody who may read (``reviewDecision``); the
branch's rules and the reviews themselves are read beside it. Whoever reviews is asked for what
they may do: ``author_association`` authorizes nobody.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pydantic import Field

from bridge.domain.vcs import Permission, PullRequest, Reviews
from bridge.forges.github.answers import UserAnswer
from bridge.forges.github.api import GitHubApi
from bridge.forges.github.rules import BranchRules, read_rules
from bridge.forges.judging import Opinion, ReviewRule, judge
from bridge.forges.wire import Answer, parse, repository_path

QUERY: Final = """\
query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewDecision
      baseRef { refUpdateRule { requiredApprovingReviewCount } }
    }
  }
}
"""

_COMPLAINTS: Final = {
    "REVIEW_REQUIRED": "The rules of the base branch ask for reviews that are missing.",
    "CHANGES_REQUESTED": "Somebody whose review counts asks for changes.",
}
_UNTOLD: Final = (
    "The rules of the base branch ask for more than a number of approvals, and GitHub does not say "
    "whether they are content."
)


class ReviewAnswer(Answer):
    """A review; *commit_id* is null when the commit is gone."""

    user: UserAnswer | None = None
    state: str
    commit_id: str | None = None


class _UpdateRule(Answer):
    count: int | None = Field(default=None, alias="requiredApprovingReviewCount")


class _BaseRef(Answer):
    rule: _UpdateRule | None = Field(default=None, alias="refUpdateRule")


class _PullRequest(Answer):
    decision: str | None = Field(default=None, alias="reviewDecision")
    base: _BaseRef | None = Field(default=None, alias="baseRef")


class _Repository(Answer):
    pull_request: _PullRequest = Field(alias="pullRequest")


class _Told(Answer):
    repository: _Repository


async def reviews(
    api: GitHubApi,
    pull_request: PullRequest,
    slug: str,
    permission: Callable[[str], Awaitable[Permission]],
) -> Reviews:
    """See Forge.reviews."""
    path = f"{repository_path(slug)}/pulls/{pull_request.ref.number}/reviews"
    given = [
        one async for page in api.pages(path, slug=slug) for one in parse(list[ReviewAnswer], page)
    ]
    opinions = [
        Opinion(
            login=login,
            approves=one.state == "APPROVED",
            sha=one.commit_id or "",
            may_write=(await permission(login)).allows_writing(),
        )
        for login, one in _newest(given).items()
        if login.lower() != pull_request.author.lower()
    ]
    told = await _ask(api, slug, pull_request.ref.number)
    rules = await read_rules(api, slug, pull_request.base_branch)
    return judge(
        opinions,
        _rule(told, rules),
        author=pull_request.author,
        head_sha=pull_request.head_sha,
    )


async def complaint(api: GitHubApi, slug: str, number: int) -> str:
    """Say what GitHub misses in the reviews; empty when it is content, or asks for none."""
    return _COMPLAINTS.get((await _ask(api, slug, number)).decision or "", "")


async def _ask(api: GitHubApi, slug: str, number: int) -> _PullRequest:
    owner, _, name = slug.partition("/")
    variables = {"owner": owner, "name": name, "number": number}
    data = await api.graphql(_Told, QUERY, variables, slug=slug)
    return data.repository.pull_request


def _newest(reviews: Sequence[ReviewAnswer]) -> dict[str, ReviewAnswer]:
    """Return each reviewer's newest opinion; a comment changes none, a dismissal takes it away."""
    found: dict[str, ReviewAnswer] = {}
    for one in reviews:  # oldest first
        login = one.user.login if one.user else ""
        if login and one.state in {"APPROVED", "CHANGES_REQUESTED"}:
            found[login] = one
        elif one.state == "DISMISSED":
            found.pop(login, None)
    return found


def _rule(told: _PullRequest, rules: BranchRules) -> ReviewRule:
    base = told.base.rule if told.base else None
    count = max(rules.approvals, (base.count if base else None) or 0)
    silent = told.decision is None and rules.asks_for_more
    return ReviewRule(
        required=count or None,
        # Where a rule dismisses stale reviews, GitHub has done so: what still approves counts.
        old_count=True,
        complaint=_UNTOLD if silent else _COMPLAINTS.get(told.decision or "", ""),
    )
