"""Repositories as GitHub shows them. Source of the fields: its OpenAPI description."""

from bridge.sandbox.forge.github.people import node_id, user
from bridge.sandbox.forge.model import Access, Account, Kind, Repository
from bridge.sandbox.forge.routes import Json
from bridge.sandbox.forge.times import stamp
from bridge.sandbox.forge.world import World

_URLS = {
    "forks_url": "/forks",
    "keys_url": "/keys{/key_id}",
    "collaborators_url": "/collaborators{/collaborator}",
    "teams_url": "/teams",
    "hooks_url": "/hooks",
    "issue_events_url": "/issues/events{/number}",
    "events_url": "/events",
    "assignees_url": "/assignees{/user}",
    "branches_url": "/branches{/branch}",
    "tags_url": "/tags",
    "blobs_url": "/git/blobs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "trees_url": "/git/trees{/sha}",
    "statuses_url": "/statuses/{sha}",
    "languages_url": "/languages",
    "stargazers_url": "/stargazers",
    "contributors_url": "/contributors",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "commits_url": "/commits{/sha}",
    "git_commits_url": "/git/commits{/sha}",
    "comments_url": "/comments{/number}",
    "issue_comment_url": "/issues/comments{/number}",
    "contents_url": "/contents/{+path}",
    "compare_url": "/compare/{base}...{head}",
    "merges_url": "/merges",
    "archive_url": "/{archive_format}{/ref}",
    "downloads_url": "/downloads",
    "issues_url": "/issues{/number}",
    "pulls_url": "/pulls{/number}",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "labels_url": "/labels{/name}",
    "releases_url": "/releases{/id}",
    "deployments_url": "/deployments",
}
_MERGING = {
    "allow_squash_merge": True,
    "allow_merge_commit": True,
    "allow_rebase_merge": True,
    "allow_auto_merge": False,
    "delete_branch_on_merge": False,
    "allow_update_branch": False,
    "use_squash_pr_title_as_default": False,
    "squash_merge_commit_message": "COMMIT_MESSAGES",
    "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
    "merge_commit_message": "PR_TITLE",
    "merge_commit_title": "MERGE_MESSAGE",
}


def api_url(world: World, one: Repository) -> str:
    """Return where a repository is in the API."""
    return f"{world.places.api_url}/repos/{one.slug}"


def web_url(world: World, one: Repository) -> str:
    """Return where people look at a repository."""
    return f"{world.places.url}/{one.slug}"


def minimal(world: World, one: Repository) -> Json:
    """Show a repository with its addresses only."""
    url = api_url(world, one)
    return {
        "id": one.id,
        "node_id": node_id("Repository", one.id),
        "name": one.name,
        "full_name": one.slug,
        "private": one.private,
        "owner": user(world, one.owner),
        "html_url": web_url(world, one),
        "description": None,
        "fork": one.parent is not None,
        "url": url,
        **{name: url + rest for name, rest in _URLS.items()},
    }


def repository(world: World, one: Repository) -> Json:
    """Show a repository as deliveries do."""
    web = web_url(world, one)
    host = world.places.url.partition("://")[2]
    pulls = sum(pull_request.state == "open" for pull_request in one.pull_requests)
    forks = sum(other.parent is one for other in world.repositories.values())
    return {
        **minimal(world, one),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "pushed_at": stamp(one.pushed_at),
        "git_url": f"git://{host}/{one.slug}.git",
        "ssh_url": f"git@{host.partition(':')[0]}:{one.slug}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "homepage": None,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": "HCL",
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": True,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": forks,
        "mirror_url": None,
        "archived": one.archived,
        "disabled": False,
        "open_issues_count": pulls,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "has_pull_requests": True,
        "pull_request_creation_policy": "all",
        "topics": [],
        "custom_properties": {},
        "visibility": "private" if one.private else "public",
        "forks": forks,
        "open_issues": pulls,
        "watchers": 0,
        "default_branch": one.default_branch,
    }


def side_repository(world: World, one: Repository) -> Json:
    """Show the repository of a pull request's head or base."""
    return {**repository(world, one), **_MERGING}


def full(world: World, one: Repository, reader: Account | None) -> Json:
    """Show a repository to *reader* (``GET /repos/{owner}/{repo}``)."""
    return {
        **side_repository(world, one),
        "permissions": permissions(world.access_of(one, reader)),
        "network_count": 0,
        "subscribers_count": 0,
        **({"parent": repository(world, one.parent)} if one.parent else {}),
        **({"source": repository(world, one.parent)} if one.parent else {}),
    }


def pushed(world: World, one: Repository) -> Json:
    """Show a repository as push deliveries do: moments are numbers, some names are older."""
    owner = {**user(world, one.owner), "name": one.owner.login, "email": one.owner.email}
    return {
        **repository(world, one),
        "owner": owner,
        "url": web_url(world, one),
        "created_at": int(one.created_at.timestamp()),
        "pushed_at": int(one.pushed_at.timestamp()),
        "stargazers": 0,
        "master_branch": one.default_branch,
        **({"organization": one.owner.login} if one.owner.kind is Kind.ORGANIZATION else {}),
    }


def permissions(access: Access) -> Json:
    """Say in GitHub's words what may be done."""
    return {
        "admin": access >= Access.ADMIN,
        "maintain": access >= Access.ADMIN,
        "push": access >= Access.WRITE,
        "triage": access >= Access.WRITE,
        "pull": access >= Access.READ,
    }
