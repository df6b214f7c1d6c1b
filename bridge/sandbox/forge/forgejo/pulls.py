"""Pull requests, comments and reviews as Forgejo shows them; sources as in shapes."""

from bridge.sandbox.forge.forgejo.shapes import repository, user, user_or_ghost
from bridge.sandbox.forge.merging import mergeable
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
from bridge.sandbox.forge.routes import Json
from bridge.sandbox.forge.times import stamp, stamp_or_none
from bridge.sandbox.forge.world import World

REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
REVIEW_STATES = {"CHANGES_REQUESTED": "REQUEST_CHANGES", "COMMENTED": "COMMENT"}


def label(world: World, one: Label) -> Json:
    """Show a label."""
    return {
        "id": one.id,
        "name": one.name,
        "exclusive": False,
        "is_archived": False,
        "color": one.color,
        "description": "",
        "url": f"{world.places.api_url}/labels/{one.id}",
    }


async def pull_request(world: World, one: PullRequest, reader: Account | None) -> Json:
    """Show a pull request to *reader*."""
    web = f"{world.places.url}/{one.repository.slug}/pulls/{one.number}"
    git = one.repository.git
    base = await git.merge_base(one.base_sha, one.head_sha)
    files = await git.diff(base, one.head_sha) if base else []
    merged = one.merged_at is not None
    return {
        "id": one.id,
        "url": web,
        "number": one.number,
        "user": user_or_ghost(world, one.account),
        "title": one.title,
        "body": one.body,
        "labels": [label(world, each) for each in one.labels],
        "milestone": None,
        "assignee": None,
        "assignees": None,
        "requested_reviewers": [],
        "requested_reviewers_teams": [],
        "state": one.state,
        "draft": one.draft,
        "is_locked": False,
        "comments": len(one.comments),
        "review_comments": 0,
        "additions": sum(change.additions for change in files),
        "deletions": sum(change.deletions for change in files),
        "changed_files": len(files),
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        # Never null: false also for drafts, true although checks are missing.
        "mergeable": not one.draft and await mergeable(one),
        "merged": merged,
        "merged_at": stamp_or_none(one.merged_at),
        "merge_commit_sha": one.merge_commit,
        "merged_by": user(world, one.merged_by) if one.merged_by else None,
        "allow_maintainer_edit": False,
        "base": {
            "label": one.base_branch,
            "ref": one.base_branch,
            "sha": one.base_sha,
            "repo_id": one.repository.id,
            "repo": repository(world, one.repository, reader, empty=False),
        },
        "head": _head(world, one, reader),
        "merge_base": base or "",
        "due_date": None,
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "closed_at": stamp_or_none(one.closed_at),
        "pin_order": 0,
        "flow": 0,
    }


def _head(world: World, one: PullRequest, reader: Account | None) -> Json:
    """Show the head: of a branch or fork that is gone only what the base kept."""
    home = one.head_repository
    ref = f"refs/pull/{one.number}/head" if one.head_deleted else one.head_branch
    return {
        "label": one.head_branch,
        "ref": ref,
        "sha": one.head_sha,
        "repo_id": home.id if home else -1,
        "repo": repository(world, home, reader, empty=False) if home else None,
    }


def comment(world: World, one: Comment) -> Json:
    """Show a comment."""
    is_pull = isinstance(one.issue, PullRequest)
    page = "pulls" if is_pull else "issues"
    web = f"{world.places.url}/{one.issue.repository.slug}/{page}/{one.issue.number}"
    return {
        "id": one.id,
        "html_url": f"{web}#issuecomment-{one.id}",
        "pull_request_url": web if is_pull else "",
        "issue_url": "" if is_pull else web,
        "user": user_or_ghost(world, one.account),
        "original_author": "",
        "original_author_id": 0,
        "body": one.body,
        "assets": [],
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
    }


def reaction(world: World, one: Reaction) -> Json:
    """Show a reaction."""
    return {
        "user": user(world, one.account),
        "content": one.content,
        "created_at": stamp(one.created_at),
    }


def issue(world: World, one: Issue) -> Json:
    """Show an issue, or what a pull request has in common with one, as deliveries do."""
    is_pull = isinstance(one, PullRequest)
    where = one.repository
    web = f"{world.places.url}/{where.slug}/{'pulls' if is_pull else 'issues'}/{one.number}"
    return {
        "id": one.id,
        "url": f"{world.places.api_url}/repos/{where.slug}/issues/{one.number}",
        "html_url": web,
        "number": one.number,
        "user": user_or_ghost(world, one.account),
        "original_author": "",
        "original_author_id": 0,
        "title": one.title,
        "body": one.body,
        "ref": "",
        "assets": [],
        "labels": [label(world, each) for each in one.labels],
        "milestone": None,
        "assignee": None,
        "assignees": None,
        "state": one.state,
        "is_locked": False,
        "comments": len(one.comments),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "closed_at": stamp_or_none(one.closed_at),
        "due_date": None,
        "pull_request": _meta(one, web) if isinstance(one, PullRequest) else None,
        "repository": {
            "id": where.id,
            "name": where.name,
            "owner": where.owner.login,
            "full_name": where.slug,
        },
        "pin_order": 0,
    }


def _meta(one: PullRequest, web: str) -> Json:
    return {
        "merged": one.merged_at is not None,
        "merged_at": stamp_or_none(one.merged_at),
        "draft": one.draft,
        "html_url": web,
    }


def review(world: World, pull: PullRequest, one: Review) -> Json:
    """Show a review: *official* when whoever gave it may write."""
    web = f"{world.places.url}/{pull.repository.slug}/pulls/{pull.number}"
    return {
        "id": one.id,
        "user": user(world, one.account),
        "team": None,
        "state": REVIEW_STATES.get(one.state, one.state),
        "body": one.body,
        "commit_id": one.commit,
        "stale": one.commit != pull.head_sha,
        "official": _is_official(world, pull.repository, one.account),
        "dismissed": one.dismissed,
        "comments_count": 0,
        "submitted_at": stamp(one.submitted_at),
        "updated_at": stamp(one.submitted_at),
        "html_url": f"{web}#issuecomment-{one.id}",
        "pull_request_url": web,
    }


def _is_official(world: World, where: Repository, account: Account) -> bool:
    return world.access_of(where, account) >= Access.WRITE
