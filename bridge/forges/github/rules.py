"""The rules of a branch on GitHub: rulesets, which readers may see, and the branch's own page."""

from dataclasses import dataclass

from pydantic import Field

from bridge.domain.errors import NotAllowedError, NotFoundError
from bridge.forges.github.api import GitHubApi
from bridge.forges.wire import Answer, parse, repository_path
from bridge.http import segment


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchRules:
    """What rulesets ask for.

    Attributes:
        approvals: How many.
        asks_for_more: Whether a number of approvals is not all (code owners, the last push...).
        contexts: Statuses that must succeed.
    """

    approvals: int = 0
    asks_for_more: bool = False
    contexts: tuple[str, ...] = ()


class _RequiredCheck(Answer):
    context: str


class _Parameters(Answer):
    required_approving_review_count: int = 0
    require_code_owner_review: bool = False
    require_last_push_approval: bool = False
    required_reviewers: list[object] = Field(default_factory=list)
    required_status_checks: list[_RequiredCheck] = Field(default_factory=list)

    def asks_for_more(self) -> bool:
        return bool(
            self.require_code_owner_review
            or self.require_last_push_approval
            or self.required_reviewers
        )


class _Rule(Answer):
    type: str
    parameters: _Parameters | None = None


class _RequiredChecks(Answer):
    contexts: list[str] = Field(default_factory=list)
    checks: list[_RequiredCheck] = Field(default_factory=list)


class _Protection(Answer):
    required_status_checks: _RequiredChecks | None = None


class _ProtectedBranch(Answer):
    protection: _Protection | None = None


async def read_rules(api: GitHubApi, slug: str, branch: str) -> BranchRules:
    """Read the rulesets of a branch; none where the server or the plan knows no rulesets.

    A refusal is no reason to ask for more: what rulesets block shows in the pull request itself.
    """
    path = f"{repository_path(slug)}/rules/branches/{segment(branch)}"
    try:
        rules = [
            rule async for page in api.pages(path, slug=slug) for rule in parse(list[_Rule], page)
        ]
    except (NotFoundError, NotAllowedError):
        return BranchRules()
    asked = [one.parameters for one in rules if one.parameters]
    return BranchRules(
        approvals=max((one.required_approving_review_count for one in asked), default=0),
        asks_for_more=any(one.asks_for_more() for one in asked),
        contexts=tuple(check.context for one in asked for check in one.required_status_checks),
    )


async def required_contexts(api: GitHubApi, slug: str, branch: str) -> tuple[str, ...]:
    """List the statuses that must succeed before anything is merged into a branch."""
    path = f"{repository_path(slug)}/branches/{segment(branch)}"
    try:
        found = parse(_ProtectedBranch, await api.request("GET", path, slug=slug))
    except NotFoundError:
        return ()
    own = found.protection.required_status_checks if found.protection else None
    listed = [*own.contexts, *(one.context for one in own.checks)] if own else []
    rules = await read_rules(api, slug, branch)
    return tuple(dict.fromkeys([*listed, *rules.contexts]))
