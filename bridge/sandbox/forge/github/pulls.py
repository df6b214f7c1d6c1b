"""Pull requests, comments and reviews as GitHub shows them. Source: its OpenAPI description."""

from collections import Counter

from bridge.sandbox.forge.github.people import app, node_id, user, user_or_none
from bridge.sandbox.forge.github.repositories import api_url, side_repository, web_url
from bridge.sandbox.forge.merging import is_behind, mergeable, missing_checks
from bridge.sandbox.forge.model import (
    Access,
    Account,
    Comment,
    Issue,
    Label,
    PullRequest,
    Reaction,
    Repository,
    Review,
)
from bridge.sandbox.forge.reviewing import decision, missing_approvals, rejected
from bridge.sandbox.forge.routes import Json
from bridge.sandbox.forge.times import stamp, stamp_or_none
from bridge.sandbox.forge.world import World

REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")

_ASSOCIATIONS = {
    Access.NONE: "NONE",
    Access.READ: "NONE",
    Access.WRITE: "COLLABORATOR",
    Access.ADMIN: "OWNER",
}


def association(world: World, repository: Repository, account: Account | None) -> str:
    """Say who somebody is to a repository; no authority follows from it."""
    return _ASSOCIATIONS[world.access_of(repository, account)] if account else "NONE"


def label(world: World, repository: Repository, one: Label) -> Json:
    """Show a label."""
    return {
        "id": one.id,
        "node_id": node_id("Label", one.id),
        "url": f"{api_url(world, repository)}/labels/{one.name}",
        "name": one.name,
        "color": one.color,
        "default": False,
        "description": "",
    }


def pull_request(world: World, one: PullRequest) -> Json:
    """Show a pull request as lists do."""
    url = f"{api_url(world, one.repository)}/pulls/{one.number}"
    issue_url = f"{api_url(world, one.repository)}/issues/{one.number}"
    statuses = f"{api_url(world, one.repository)}/statuses/{one.head_sha}"
    web = f"{web_url(world, one.repository)}/pull/{one.number}"
    return {
        "url": url,
        "id": one.id,
        "node_id": node_id("PullRequest", one.id),
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "issue_url": issue_url,
        "number": one.number,
        "state": one.state,
        "locked": False,
        "title": one.title,
        "user": user_or_none(world, one.account),
        "body": one.body or None,
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "closed_at": stamp_or_none(one.closed_at),
        "merged_at": stamp_or_none(one.merged_at),
        "merge_commit_sha": one.merge_commit,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [label(world, one.repository, each) for each in one.labels],
        "milestone": None,
        "draft": one.draft,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{api_url(world, one.repository)}/pulls/comments{{/number}}",
        "comments_url": f"{issue_url}/comments",
        "statuses_url": statuses,
        "head": _side(world, one.head_repository, one.head_branch, one.head_sha),
        "base": _side(world, one.repository, one.base_branch, one.base_sha),
        "_links": {
            "self": {"href": url},
            "html": {"href": web},
            "issue": {"href": issue_url},
            "comments": {"href": f"{issue_url}/comments"},
            "review_comments": {"href": f"{url}/comments"},
            "review_comment": {
                "href": f"{api_url(world, one.repository)}/pulls/comments{{/number}}"
            },
            "commits": {"href": f"{url}/commits"},
            "statuses": {"href": statuses},
        },
        "author_association": association(world, one.repository, one.account),
        "auto_merge": None,
        "active_lock_reason": None,
    }


def _side(world: World, repository: Repository | None, branch: str, sha: str) -> Json:
    owner = repository.owner if repository else None
    return {
        "label": f"{owner.login if owner else 'unknown repository'}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": user_or_none(world, owner),
        "repo": side_repository(world, repository) if repository else None,
    }


async def full_pull_request(world: World, one: PullRequest, *, computed: bool = True) -> Json:
    """Show one pull request; deliveries come before anything about merging is *computed*."""
    git = one.repository.git
    base = await git.merge_base(one.base_sha, one.head_sha)
    files = await git.diff(base, one.head_sha) if base else []
    can_merge = await mergeable(one) if computed and one.state == "open" else None
    return {
        **pull_request(world, one),
        "merged": one.merged_at is not None,
        "mergeable": can_merge,
        "rebaseable": can_merge,
        "mergeable_state": await _state(world, one, can_merge=can_merge),
        "merged_by": user_or_none(world, one.merged_by),
        "comments": len(one.comments),
        "review_comments": 0,
        "maintainer_can_modify": one.from_fork,
        "commits": await git.count(f"{one.base_sha}..{one.head_sha}"),
        "additions": sum(change.additions for change in files),
        "deletions": sum(change.deletions for change in files),
        "changed_files": len(files),
    }


async def _state(world: World, one: PullRequest, *, can_merge: bool | None) -> str:
    if can_merge is None:
        return "unknown"
    if not can_merge:
        return "dirty"
    if one.draft:
        return "draft"
    asks = decision(world, one) is not None
    waits = missing_checks(world.flavour, one) or missing_approvals(world, one)
    if waits or (asks and rejected(world, one)):
        return "blocked"
    return "behind" if await is_behind(one) else "clean"


def comment(world: World, one: Comment) -> Json:
    """Show a comment."""
    url, repository = api_url(world, one.issue.repository), one.issue.repository
    page = "pull" if isinstance(one.issue, PullRequest) else "issues"
    web = f"{web_url(world, repository)}/{page}/{one.issue.number}"
    return {
        "url": f"{url}/issues/comments/{one.id}",
        "html_url": f"{web}#issuecomment-{one.id}",
        "issue_url": f"{url}/issues/{one.issue.number}",
        "id": one.id,
        "node_id": node_id("IssueComment", one.id),
        "user": user_or_none(world, one.account),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "author_association": association(world, repository, one.account),
        "body": one.body,
        "reactions": _reactions(f"{url}/issues/comments/{one.id}", one.reactions),
        "performed_via_github_app": app(world, world.app) if one.by_app and world.app else None,
    }


def _reactions(url: str, given: list[Reaction]) -> Json:
    counts = Counter(one.content for one in given)
    return {
        "url": f"{url}/reactions",
        "total_count": len(given),
        **{content: counts[content] for content in REACTIONS},
    }


def reaction(world: World, one: Reaction) -> Json:
    """Show a reaction."""
    return {
        "id": one.id,
        "node_id": node_id("Reaction", one.id),
        "user": user(world, one.account),
        "content": one.content,
        "created_at": stamp(one.created_at),
    }


def issue(world: World, one: Issue) -> Json:
    """Show an issue, or what a pull request has in common with one, as deliveries do."""
    is_pull = isinstance(one, PullRequest)
    url = f"{api_url(world, one.repository)}/issues/{one.number}"
    web = f"{web_url(world, one.repository)}/{'pull' if is_pull else 'issues'}/{one.number}"
    return {
        "url": url,
        "repository_url": api_url(world, one.repository),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": web,
        "id": one.id,
        "node_id": node_id("Issue", one.id),
        "number": one.number,
        "title": one.title,
        "user": user_or_none(world, one.account),
        "labels": [label(world, one.repository, each) for each in one.labels],
        "state": one.state,
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": len(one.comments),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "closed_at": stamp_or_none(one.closed_at),
        "author_association": association(world, one.repository, one.account),
        "type": None,
        "active_lock_reason": None,
        "body": one.body or None,
        "reactions": _reactions(url, []),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": None,
        "state_reason": None,
        **(_of_pull_request(world, one) if isinstance(one, PullRequest) else {}),
    }


def _of_pull_request(world: World, one: PullRequest) -> Json:
    web = f"{web_url(world, one.repository)}/pull/{one.number}"
    return {
        "draft": one.draft,
        "pull_request": {
            "url": f"{api_url(world, one.repository)}/pulls/{one.number}",
            "html_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "merged_at": stamp_or_none(one.merged_at),
        },
    }


def review(world: World, pull: PullRequest, one: Review) -> Json:
    """Show a review."""
    url = f"{api_url(world, pull.repository)}/pulls/{pull.number}"
    web = f"{web_url(world, pull.repository)}/pull/{pull.number}#pullrequestreview-{one.id}"
    return {
        "id": one.id,
        "node_id": node_id("PullRequestReview", one.id),
        "user": user(world, one.account),
        "body": one.body,
        "state": "DISMISSED" if one.dismissed else one.state,
        "html_url": web,
        "pull_request_url": url,
        "_links": {"html": {"href": web}, "pull_request": {"href": url}},
        "submitted_at": stamp(one.submitted_at),
        "commit_id": one.commit,
        "author_association": association(world, pull.repository, one.account),
    }
