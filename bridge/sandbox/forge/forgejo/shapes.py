"""Accounts, repositories, commits and statuses as Forgejo shows them.

Source of the fields: recorded deliveries of a running Forgejo, and its ``modules/structs``.
"""

from bridge.sandbox.forge.model import Access, Account, Hook, Kind, Repository, Status
from bridge.sandbox.forge.objects import Commit, FileChange
from bridge.sandbox.forge.routes import Json
from bridge.sandbox.forge.times import stamp
from bridge.sandbox.forge.world import World

NEVER = "0001-01-01T00:00:00Z"
FILE_STATUS = {"A": "added", "D": "deleted", "M": "changed", "R": "renamed", "T": "changed"}


def user(world: World, one: Account) -> Json:
    """Show an account."""
    return {
        "id": one.id,
        "login": one.login,
        "login_name": "",
        "source_id": 0,
        "full_name": one.login.title(),
        "email": one.email if one.kind is Kind.USER else "",
        "avatar_url": f"{world.places.url}/avatars/{one.id}",
        "html_url": f"{world.places.url}/{one.login}",
        "language": "",
        "is_admin": one.site_admin,
        "last_login": NEVER,
        "created": stamp(one.created_at),
        "restricted": False,
        "active": False,
        "prohibit_login": False,
        "location": "",
        "pronouns": "",
        "website": "",
        "description": "",
        "visibility": "public",
        "followers_count": 0,
        "following_count": 0,
        "starred_repos_count": 0,
        "username": one.login,
    }


GHOST: Json = {"id": -1, "login": "Ghost", "username": "Ghost", "full_name": ""}
"""Stands for an account that is gone."""


def user_or_ghost(world: World, one: Account | None) -> Json:
    """Show an account, or the ghost of one."""
    return GHOST if one is None else user(world, one)


def permissions(access: Access) -> Json:
    """Say what may be done."""
    return {
        "admin": access >= Access.ADMIN,
        "push": access >= Access.WRITE,
        "pull": access >= Access.READ,
    }


def repository(world: World, one: Repository, reader: Account | None, *, empty: bool) -> Json:
    """Show a repository to *reader*."""
    web = f"{world.places.url}/{one.slug}"
    host = world.places.url.partition("://")[2].partition(":")[0]
    parent = repository(world, one.parent, reader, empty=empty) if one.parent else None
    pulls = sum(pull_request.state == "open" for pull_request in one.pull_requests)
    return {
        "id": one.id,
        "owner": user(world, one.owner),
        "name": one.name,
        "full_name": one.slug,
        "description": "",
        "empty": empty,
        "private": one.private,
        "fork": one.parent is not None,
        "template": False,
        "parent": parent,
        "mirror": False,
        "size": 100,
        "language": "",
        "languages_url": f"{world.places.api_url}/repos/{one.slug}/languages",
        "html_url": web,
        "url": f"{world.places.api_url}/repos/{one.slug}",
        "link": "",
        "ssh_url": f"git@{host}:{one.slug}.git",
        "clone_url": f"{web}.git",
        "original_url": "",
        "website": "",
        "stars_count": 0,
        "forks_count": sum(other.parent is one for other in world.repositories.values()),
        "watchers_count": 1,
        "open_issues_count": sum(issue.state == "open" for issue in one.issues.values()) - pulls,
        "open_pr_counter": pulls,
        "release_counter": 0,
        "default_branch": one.default_branch,
        "archived": one.archived,
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "archived_at": "1970-01-01T00:00:00Z",
        "permissions": permissions(world.access_of(one, reader)),
        "has_issues": True,
        "internal_tracker": {
            "enable_time_tracker": True,
            "allow_only_contributors_to_track_time": True,
            "enable_issue_dependencies": True,
        },
        "has_wiki": True,
        "has_wiki_contents": False,
        "wiki_branch": "main",
        "wiki_ssh_url": f"git@{host}:{one.slug}.wiki.git",
        "wiki_clone_url": f"{web}.wiki.git",
        "globally_editable_wiki": False,
        "has_pull_requests": True,
        "has_projects": True,
        "has_releases": True,
        "has_packages": True,
        "has_actions": True,
        "ignore_whitespace_conflicts": False,
        "allow_merge_commits": True,
        "allow_rebase": True,
        "allow_rebase_explicit": True,
        "allow_squash_merge": True,
        "allow_fast_forward_only_merge": True,
        "allow_rebase_update": True,
        "default_delete_branch_after_merge": False,
        "default_merge_style": "merge",
        "default_allow_maintainer_edit": False,
        "default_update_style": "merge",
        "avatar_url": "",
        "internal": False,
        "mirror_interval": "",
        "object_format_name": "sha1",
        "mirror_updated": NEVER,
        "repo_transfer": None,
        "topics": [],
    }


def pushed_commit(world: World, where: Repository, one: Commit) -> Json:
    """Show a commit as push deliveries and branches do."""
    return {
        "id": one.sha,
        "message": f"{one.message}\n",
        "url": f"{world.places.url}/{where.slug}/commit/{one.sha}",
        "author": _person(world, one.author.name, one.author.email),
        "committer": _person(world, one.committer.name, one.committer.email),
        "verification": None,
        "timestamp": one.committer.when,
        "added": list(one.added),
        "removed": list(one.removed),
        "modified": list(one.modified),
    }


def _person(world: World, name: str, email: str) -> Json:
    account = world.by_email(email)
    return {"name": name, "email": email, "username": account.login if account else ""}


def commit(world: World, where: Repository, one: Commit) -> Json:
    """Show a commit as the API does, with the files it touched."""
    url = f"{world.places.api_url}/repos/{where.slug}/git/commits/{one.sha}"
    author, committer = world.by_email(one.author.email), world.by_email(one.committer.email)
    touched = (
        *((name, "added") for name in one.added),
        *((name, "removed") for name in one.removed),
        *((name, "modified") for name in one.modified),
    )
    return {
        "url": url,
        "sha": one.sha,
        "created": one.committer.when,
        "html_url": f"{world.places.url}/{where.slug}/commit/{one.sha}",
        "commit": {
            "url": url,
            "author": {"name": one.author.name, "email": one.author.email, "date": one.author.when},
            "committer": {
                "name": one.committer.name,
                "email": one.committer.email,
                "date": one.committer.when,
            },
            "message": f"{one.message}\n",
            "tree": {"url": url, "sha": one.tree, "created": one.committer.when},
            "verification": None,
        },
        "author": user(world, author) if author else None,
        "committer": user(world, committer) if committer else None,
        "parents": [
            {"url": url.replace(one.sha, sha), "sha": sha, "created": NEVER} for sha in one.parents
        ],
        "files": [{"filename": name, "status": status} for name, status in touched],
        "stats": {"total": 0, "additions": 0, "deletions": 0},
    }


def file(world: World, where: Repository, one: FileChange, sha: str) -> Json:
    """Show what happened to a file of a pull request."""
    web = f"{world.places.url}/{where.slug}"
    return {
        "filename": one.path,
        "previous_filename": one.previous or "",
        "status": FILE_STATUS[one.status],
        "additions": one.additions,
        "deletions": one.deletions,
        "changes": one.additions + one.deletions,
        "html_url": f"{web}/src/commit/{sha}/{one.path}",
        "contents_url": f"{world.places.api_url}/repos/{where.slug}/contents/{one.path}?ref={sha}",
        "raw_url": f"{web}/raw/commit/{sha}/{one.path}",
    }


def branch(world: World, where: Repository, name: str, tip: Commit, *, may_push: bool) -> Json:
    """Show a branch, with what readers see of its rule."""
    rule = where.protection.get(name)
    return {
        "name": name,
        "commit": pushed_commit(world, where, tip),
        "protected": rule is not None,
        "required_approvals": rule.approvals if rule else 0,
        "enable_status_check": bool(rule and rule.contexts),
        "status_check_contexts": list(rule.contexts) if rule else [],
        "user_can_push": may_push and rule is None,
        "user_can_merge": may_push,
        "effective_branch_protection_name": name if rule else "",
    }


def status(world: World, where: Repository, one: Status) -> Json:
    """Show a status: what was sent as ``state`` is read as ``status``."""
    return {
        "id": one.id,
        "status": one.state,
        "target_url": one.target_url or "",
        "description": one.description or "",
        "url": f"{world.places.api_url}/repos/{where.slug}/statuses/{one.sha}",
        "context": one.context,
        "creator": user(world, one.creator),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.created_at),
    }


def hook(one: Hook) -> Json:
    """Show a hook: its secret is not told."""
    return {
        "id": one.id,
        "type": one.kind,
        "branch_filter": one.branch_filter,
        "config": {"content_type": one.content_type, "url": one.url},
        "events": list(one.events),
        "authorization_header": one.authorization,
        "active": one.active,
        "content_type": one.content_type,
        "url": one.url,
        "metadata": None,
        "updated_at": stamp(one.updated_at),
        "created_at": stamp(one.created_at),
    }
