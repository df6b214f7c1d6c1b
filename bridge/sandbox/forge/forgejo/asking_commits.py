"""Asking Forgejo about branches, tags and commits, and setting statuses."""

from base64 import b64encode
from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.forgejo.paging import counted_page, page
from bridge.sandbox.forge.forgejo.pulls import pull_request
from bridge.sandbox.forge.forgejo.shapes import branch, commit, status
from bridge.sandbox.forge.forgejo.shapes import repository as show_repository
from bridge.sandbox.forge.model import Access, Status
from bridge.sandbox.forge.pulls import pull_requests_of
from bridge.sandbox.forge.routes import Answer, Api, Body, Refusal
from bridge.sandbox.forge.world import context_key

api = Api()

STATES = frozenset({"pending", "success", "error", "failure", "warning"})
_WORST_FIRST = ("error", "failure", "warning", "pending", "success")
_MAX_COMPARED = 10_000

REPOSITORY = "/repos/{owner}/{repo}"
READ = "repository:read"


@api.on(f"GET {REPOSITORY}/branches", right=READ, paged=True)
async def list_branches(call: Call) -> Answer:
    """List the branches."""
    where = call.repository
    heads = [
        (name.removeprefix("refs/heads/"), sha)
        for name, sha in sorted((await where.git.refs()).items())
        if name.startswith("refs/heads/")
    ]
    shown, headers = page(call, heads)
    may_push = call.access(call.caller.account) >= Access.WRITE
    body = [
        branch(call.world, where, name, await where.git.commit(sha), may_push=may_push)
        for name, sha in shown
    ]
    return Answer(body=body, headers=headers)


@api.on(f"GET {REPOSITORY}/branches/{{branch:path}}", right=READ)
async def read_branch(call: Call) -> Answer:
    """Show a branch, with what readers see of its rule."""
    where, name = call.repository, call.parameters["branch"]
    tip = await where.git.tip(name)
    if tip is None:
        raise not_found()
    may_push = call.access(call.caller.account) >= Access.WRITE
    one = await where.git.commit(tip)
    return Answer(body=branch(call.world, where, name, one, may_push=may_push))


@api.on(f"GET {REPOSITORY}/tags/{{tag:path}}", right=READ)
async def read_tag(call: Call) -> Answer:
    """Show a tag with its peeled commit."""
    where, name = call.repository, call.parameters["tag"]
    sha = (await where.git.refs()).get(f"refs/tags/{name}")
    peeled = await where.git.commit_id(sha) if sha else None
    if peeled is None:
        raise not_found()
    one = await where.git.commit(peeled)
    url = f"{call.world.places.api_url}/repos/{where.slug}"
    web = f"{call.world.places.url}/{where.slug}/archive/{name}"
    return Answer(
        body={
            "name": name,
            "message": one.message,
            "id": sha,
            "commit": {
                "url": f"{url}/git/commits/{peeled}",
                "sha": peeled,
                "created": one.committer.when,
            },
            "zipball_url": f"{web}.zip",
            "tarball_url": f"{web}.tar.gz",
        }
    )


@api.on(f"GET {REPOSITORY}/git/commits/{{sha}}", right=READ, query=["files", "stat"])
async def read_commit(call: Call) -> Answer:
    """Show a commit with the files it touched."""
    found = await call.repository.git.commit_id(call.parameters["sha"])
    if found is None:
        raise not_found()
    one = await call.repository.git.commit(found)
    return Answer(body=commit(call.world, call.repository, one))


@api.on(f"GET {REPOSITORY}/commits/{{sha}}/pull", right=READ)
async def pull_of_commit(call: Call) -> Answer:
    """Show the pull request that brought a commit."""
    sha = await call.repository.git.commit_id(call.parameters["sha"])
    merged = [
        one
        for one in (await pull_requests_of(call.repository, sha) if sha else [])
        if one.merged_at is not None
    ]
    if not merged:
        raise not_found()
    return Answer(body=await pull_request(call.world, merged[0], call.caller.account))


@api.on(f"GET {REPOSITORY}/compare/{{basehead:path}}", right=READ)
async def compare(call: Call) -> Answer:
    """List the commits beyond the merge base, each with its files; there is no list of all."""
    old, separator, new = call.parameters["basehead"].partition("...")
    git = call.repository.git
    base, head = await git.commit_id(old), await git.commit_id(new)
    if not separator or base is None or head is None or not await git.merge_base(base, head):
        raise not_found()
    listed = await git.log(f"{base}..{head}", limit=_MAX_COMPARED)
    body = {
        "total_commits": len(listed),
        "commits": [commit(call.world, call.repository, one) for one in listed],
    }
    return Answer(body=body)


@api.on(f"GET {REPOSITORY}/contents/{{path:path}}", right=READ, query=["ref"])
async def contents(call: Call) -> Answer:
    """Show a file."""
    path, where = call.parameters["path"], call.repository
    ref = call.query.get("ref", where.default_branch)
    sha = await where.git.commit_id(ref)
    found = await where.git.show(sha, path) if sha else None
    if found is None:
        raise not_found()
    blob, content = found
    url = f"{call.world.places.api_url}/repos/{where.slug}/contents/{path}?ref={ref}"
    return Answer(
        body={
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": blob,
            "last_commit_sha": sha,
            "type": "file",
            "size": len(content),
            "encoding": "base64",
            "content": b64encode(content).decode(),
            "url": url,
        }
    )


@api.on(f"GET {REPOSITORY}/commits/{{ref}}/status", right=READ, paged=True)
async def combined_status(call: Call) -> Answer:
    """Show what a commit's statuses come to, as computed per page."""
    sha = await _commit_id(call)
    shown, headers = page(call, call.repository.latest_statuses(sha))
    states = {one.state for one in shown}
    url = f"{call.world.places.api_url}/repos/{call.repository.slug}/commits/{sha}"
    body = {
        "state": next((word for word in _WORST_FIRST if word in states), ""),
        "sha": sha,
        "total_count": len(shown),
        "statuses": [status(call.world, call.repository, one) for one in shown],
        "repository": show_repository(
            call.world, call.repository, call.caller.account, empty=False
        ),
        "commit_url": url,
        "url": f"{url}/status",
    }
    return Answer(body=body, headers=headers)


async def _commit_id(call: Call) -> str:
    found = await call.repository.git.commit_id(call.parameters["ref"])
    if found is None:
        raise not_found()
    return found


@api.on(f"GET {REPOSITORY}/commits/{{ref}}/statuses", right=READ, paged=True)
async def list_statuses(call: Call) -> Answer:
    """List a commit's statuses, the newest first."""
    sha = await _commit_id(call)
    shown, headers = counted_page(call, call.repository.statuses.get(sha, [])[::-1])
    body = [status(call.world, call.repository, one) for one in shown]
    return Answer(body=body, headers=headers)


@api.on(
    f"POST {REPOSITORY}/statuses/{{sha}}",
    right="repository:write",
    access=Access.WRITE,
    body=Body(
        required={"state": str}, optional={"context": str, "description": str, "target_url": str}
    ),
    content=True,
)
async def set_status(call: Call) -> Answer:
    """Add a status to a commit: any word is taken, an unknown one lets required checks pass."""
    sha, state = call.parameters["sha"], call.text("state")
    if await call.repository.git.kind_of(sha) != "commit":
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "")
    if state not in STATES:
        call.world.strange.append(f"a status {state!r}, which lets a required check pass")
    context = call.text("context", "default")
    one = Status(
        id=call.world.next_id(),
        sha=sha,
        context=context,
        key=context_key(call.world.flavour, context),
        state=state,
        description=call.text("description"),
        target_url=call.text("target_url"),
        creator=call.actor,
        created_at=call.world.now(),
    )
    call.repository.statuses.setdefault(sha, []).append(one)
    return Answer(status=HTTPStatus.CREATED, body=status(call.world, call.repository, one))
