"""Commits, files, branches and statuses as GitHub shows them. Source: its OpenAPI description."""

from urllib.parse import quote

from bridge.sandbox.forge.github.people import node_id, user, user_or_none
from bridge.sandbox.forge.github.repositories import api_url, minimal, web_url
from bridge.sandbox.forge.model import CheckRun, Repository, Status
from bridge.sandbox.forge.objects import Commit, FileChange, Person
from bridge.sandbox.forge.routes import Json
from bridge.sandbox.forge.times import stamp
from bridge.sandbox.forge.world import World

_FILE_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "T": "changed"}
_NO_PROTECTION = {
    "enabled": False,
    "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
}


def commit(world: World, repository: Repository, one: Commit) -> Json:
    """Show a commit."""
    url, web = api_url(world, repository), web_url(world, repository)
    return {
        "sha": one.sha,
        "node_id": f"C_{one.sha}",
        "commit": {
            "author": _person(one.author),
            "committer": _person(one.committer),
            "message": one.message,
            "tree": {"sha": one.tree, "url": f"{url}/git/trees/{one.tree}"},
            "url": f"{url}/git/commits/{one.sha}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "url": f"{url}/commits/{one.sha}",
        "html_url": f"{web}/commit/{one.sha}",
        "comments_url": f"{url}/commits/{one.sha}/comments",
        "author": user_or_none(world, world.by_email(one.author.email)),
        "committer": user_or_none(world, world.by_email(one.committer.email)),
        "parents": [
            {
                "sha": sha,
                "url": f"{url}/commits/{sha}",
                "html_url": f"{web}/commit/{sha}",
            }
            for sha in one.parents
        ],
    }


def _person(one: Person) -> Json:
    return {"name": one.name, "email": one.email, "date": one.when}


def pushed_commit(world: World, repository: Repository, one: Commit) -> Json:
    """Show a commit as push deliveries do."""
    return {
        "id": one.sha,
        "tree_id": one.tree,
        "distinct": True,
        "message": one.message,
        "timestamp": one.committer.when,
        "url": f"{web_url(world, repository)}/commit/{one.sha}",
        "author": _pusher(world, one.author),
        "committer": _pusher(world, one.committer),
        "added": list(one.added),
        "removed": list(one.removed),
        "modified": list(one.modified),
    }


def _pusher(world: World, one: Person) -> Json:
    account = world.by_email(one.email)
    return {
        "name": one.name,
        "email": one.email,
        "date": one.when,
        **({"username": account.login} if account else {}),
    }


def file(world: World, repository: Repository, one: FileChange, sha: str) -> Json:
    """Show what happened to a file."""
    web, path = web_url(world, repository), quote(one.path)
    return {
        "sha": one.blob,
        "filename": one.path,
        "status": _FILE_STATUS[one.status],
        "additions": one.additions,
        "deletions": one.deletions,
        "changes": one.additions + one.deletions,
        "blob_url": f"{web}/blob/{sha}/{path}",
        "raw_url": f"{web}/raw/{sha}/{path}",
        "contents_url": f"{api_url(world, repository)}/contents/{path}?ref={sha}",
        **({"previous_filename": one.previous} if one.previous else {}),
    }


def short_branch(world: World, repository: Repository, name: str, sha: str) -> Json:
    """Show a branch in a list."""
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{api_url(world, repository)}/commits/{sha}"},
        "protected": name in repository.protection,
    }


def branch(world: World, repository: Repository, name: str, tip: Commit) -> Json:
    """Show one branch."""
    url = f"{api_url(world, repository)}/branches/{name}"
    rule = repository.protection.get(name)
    own = () if rule is None or rule.ruleset else rule.contexts
    checks = {"enforcement_level": "non_admins", "contexts": list(own)} if rule else {}
    return {
        "name": name,
        "commit": commit(world, repository, tip),
        "_links": {"self": url, "html": f"{web_url(world, repository)}/tree/{name}"},
        "protected": rule is not None,
        "protection": {"enabled": True, "required_status_checks": {**checks, "checks": []}}
        if rule
        else _NO_PROTECTION,
        "protection_url": f"{url}/protection",
    }


def check_run(world: World, repository: Repository, one: CheckRun, sha: str) -> Json:
    """Show what a check came to."""
    url = f"{api_url(world, repository)}/check-runs/{one.id}"
    page = f"{web_url(world, repository)}/runs/{one.id}"
    now = stamp(world.now())
    return {
        "id": one.id,
        "node_id": node_id("CheckRun", one.id),
        "head_sha": sha,
        "external_id": "",
        "name": one.name,
        "url": url,
        "html_url": page,
        "details_url": page,
        "status": one.status,
        "conclusion": one.conclusion,
        "started_at": now,
        "completed_at": now if one.conclusion else None,
        "check_suite": {"id": one.id},
        "output": {
            "title": None,
            "summary": None,
            "text": None,
            "annotations_count": 0,
            "annotations_url": f"{url}/annotations",
        },
        "app": None,
        "pull_requests": [],
    }


def status(world: World, repository: Repository, one: Status) -> Json:
    """Show a status."""
    return {**simple_status(world, repository, one), "creator": user(world, one.creator)}


def simple_status(world: World, repository: Repository, one: Status) -> Json:
    """Show a status without who made it."""
    return {
        "url": f"{api_url(world, repository)}/statuses/{one.sha}",
        "avatar_url": f"{world.places.url}/avatars/u/{one.creator.id}",
        "id": one.id,
        "node_id": node_id("StatusContext", one.id),
        "state": one.state,
        "description": one.description,
        "target_url": one.target_url,
        "context": one.context,
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.created_at),
    }


def combined(world: World, repository: Repository, sha: str, shown: list[Status]) -> Json:
    """Show what a commit's statuses come to (``GET .../commits/{ref}/status``)."""
    latest = repository.latest_statuses(sha)
    url = f"{api_url(world, repository)}/commits/{sha}"
    return {
        "state": _verdict([one.state for one in latest]),
        "statuses": [simple_status(world, repository, one) for one in shown],
        "sha": sha,
        "total_count": len(latest),
        "repository": minimal(world, repository),
        "commit_url": url,
        "url": f"{url}/status",
    }


def _verdict(states: list[str]) -> str:
    if any(state in {"error", "failure"} for state in states):
        return "failure"
    return "success" if states and all(state == "success" for state in states) else "pending"
