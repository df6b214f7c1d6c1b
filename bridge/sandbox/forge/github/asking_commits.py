"""Asking GitHub about branches, tags and commits, and setting statuses."""

from base64 import b64encode
from http import HTTPStatus
from urllib.parse import unquote

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.github.commits import (
    branch,
    combined,
    commit,
    file,
    short_branch,
    status,
)
from bridge.sandbox.forge.github.paging import page
from bridge.sandbox.forge.github.pulls import pull_request
from bridge.sandbox.forge.github.repositories import api_url, web_url
from bridge.sandbox.forge.model import Access, Status
from bridge.sandbox.forge.pulls import pull_requests_of
from bridge.sandbox.forge.routes import Answer, Api, Body, Json, Refusal
from bridge.sandbox.forge.world import context_key

api = Api(by_id=True)

STATES = frozenset({"error", "failure", "pending", "success"})
MAX_COMMITS = 250


@api.on(
    "GET /repos/{owner}/{repo}/branches", right="contents:read", query=["protected"], paged=True
)
async def list_branches(call: Call) -> Answer:
    """List the branches."""
    refs = await call.repository.git.refs()
    heads = [
        (name.removeprefix("refs/heads/"), sha)
        for name, sha in sorted(refs.items())
        if name.startswith("refs/heads/")
    ]
    shown, headers = page(call, heads)
    body = [short_branch(call.world, call.repository, name, sha) for name, sha in shown]
    return Answer(body=body, headers=headers)


@api.on("GET /repos/{owner}/{repo}/branches/{branch:path}", right="contents:read")
async def read_branch(call: Call) -> Answer:
    """Show a branch and the commit it is at."""
    name = call.parameters["branch"]
    tip = await call.repository.git.tip(name)
    if tip is None:
        raise Refusal(HTTPStatus.NOT_FOUND, "Branch not found")
    one = await call.repository.git.commit(tip)
    return Answer(body=branch(call.world, call.repository, name, one))


@api.on("GET /repos/{owner}/{repo}/git/ref/{ref:path}", right="contents:read")
async def read_ref(call: Call) -> Answer:
    """Show what a ref points to: the tag object of an annotated tag."""
    name = f"refs/{call.parameters['ref']}"
    sha = (await call.repository.git.refs()).get(name)
    if sha is None:
        raise not_found()
    kind = await call.repository.git.kind_of(sha)
    url = api_url(call.world, call.repository)
    return Answer(
        body={
            "ref": name,
            "node_id": f"REF_{name}",
            "url": f"{url}/git/{name}",
            "object": {"sha": sha, "type": kind, "url": f"{url}/git/{kind}s/{sha}"},
        }
    )


@api.on("GET /repos/{owner}/{repo}/commits/{ref}/pulls", right="pull_requests:read", paged=True)
async def pulls_of_commit(call: Call) -> Answer:
    """List the pull requests that brought a commit, or want to."""
    sha = await _commit_id(call, call.parameters["ref"])
    found = await pull_requests_of(call.repository, sha)
    shown, headers = page(call, found)
    return Answer(body=[pull_request(call.world, one) for one in shown], headers=headers)


@api.on("GET /repos/{owner}/{repo}/commits/{ref}/status", right="statuses:read", paged=True)
async def combined_status(call: Call) -> Answer:
    """Show what a commit's statuses come to."""
    sha = await _commit_id(call, call.parameters["ref"])
    shown, headers = page(call, call.repository.latest_statuses(sha))
    return Answer(body=combined(call.world, call.repository, sha, list(shown)), headers=headers)


@api.on("GET /repos/{owner}/{repo}/commits/{ref}/statuses", right="statuses:read", paged=True)
async def list_statuses(call: Call) -> Answer:
    """List a commit's statuses, the newest first."""
    sha = await _commit_id(call, call.parameters["ref"])
    shown, headers = page(call, call.repository.statuses.get(sha, [])[::-1])
    return Answer(body=[status(call.world, call.repository, one) for one in shown], headers=headers)


@api.on(
    "POST /repos/{owner}/{repo}/statuses/{sha}",
    right="statuses:write",
    access=Access.WRITE,
    body=Body(
        required={"state": str},
        optional={
            "context": str,
            "description": (str, type(None)),
            "target_url": (str, type(None)),
        },
    ),
    content=True,
)
async def set_status(call: Call) -> Answer:
    """Add a status to a commit, also to the head of a fork's pull request."""
    sha = call.parameters["sha"]
    if await call.repository.git.kind_of(sha) != "commit":
        msg = f"No commit found for SHA: {sha}"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg)
    context = call.text("context", "default")
    made = call.repository.statuses.setdefault(sha, [])
    key = context_key(call.world.flavour, context)
    _check_sizes(call, context, sum(one.key == key for one in made))
    one = Status(
        id=call.world.next_id(),
        sha=sha,
        context=context,
        key=key,
        state=call.text("state"),
        description=call.text("description") or None,
        target_url=call.text("target_url") or None,
        creator=call.actor,
        created_at=call.world.now(),
    )
    made.append(one)
    return Answer(status=HTTPStatus.CREATED, body=status(call.world, call.repository, one))


def _check_sizes(call: Call, context: str, present: int) -> None:
    """Refuse a status that says too much, or is one too many."""
    limits, url = call.limits, call.text("target_url")
    rules = (
        (call.text("state") in STATES, "state", "state is not included in the list"),
        (
            _fits(call.text("description"), limits.description),
            "description",
            "description is too long (maximum is 140 characters)",
        ),
        (
            _fits(context, limits.context),
            "context",
            "context is too long (maximum is 255 characters)",
        ),
        (
            not url or url.startswith(("http://", "https://")),
            "target_url",
            "target_url must use http(s) scheme",
        ),
        (
            limits.statuses is None or present < limits.statuses,
            "base",
            "This SHA and context has reached the maximum number of statuses.",
        ),
    )
    for is_fine, field, message in rules:
        if not is_fine:
            errors = [{"resource": "Status", "code": "custom", "field": field, "message": message}]
            raise Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", errors=errors, surprise=True
            )


def _fits(text: str, most: int | None) -> bool:
    return most is None or len(text) <= most


@api.on("GET /repos/{owner}/{repo}/commits/{ref:path}", right="contents:read")
async def read_commit(call: Call) -> Answer:
    """Show a commit, by its id or by a branch's or tag's name."""
    sha = await _commit_id(call, call.parameters["ref"])
    one = await call.repository.git.commit(sha)
    return Answer(body=commit(call.world, call.repository, one))


@api.on("GET /repos/{owner}/{repo}/compare/{basehead:path}", right="contents:read", paged=True)
async def compare(call: Call) -> Answer:
    """Compare with the merge base; files come on the first page only."""
    old, separator, new = call.parameters["basehead"].partition("...")
    git = call.repository.git
    base, head = await git.commit_id(unquote(old)), await git.commit_id(unquote(new))
    if not separator or base is None or head is None:
        raise not_found()
    common = await git.merge_base(base, head)
    if common is None:
        msg = f"No common ancestor between {old} and {new}."
        raise Refusal(HTTPStatus.NOT_FOUND, msg)
    return Answer(body=await _comparison(call, base, head, common))


async def _comparison(call: Call, base: str, head: str, common: str) -> Json:
    repository, world = call.repository, call.world
    git = repository.git
    ahead, behind = await git.count(f"{base}..{head}"), await git.count(f"{head}..{base}")
    states = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    web = f"{web_url(world, repository)}/compare/{base}...{head}"
    listed = await git.log(f"{base}..{head}", limit=MAX_COMMITS, oldest_first=True)
    files = (await git.diff(common, head))[: call.limits.compared_files]
    return {
        "url": f"{api_url(world, repository)}/compare/{base}...{head}",
        "html_url": web,
        "permalink_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "base_commit": commit(world, repository, await git.commit(base)),
        "merge_base_commit": commit(world, repository, await git.commit(common)),
        "status": states.get((ahead > 0, behind > 0), "identical"),
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [commit(world, repository, one) for one in listed],
        "files": [file(world, repository, one, head) for one in files],
    }


@api.on("GET /repos/{owner}/{repo}/contents/{path:path}", right="contents:read", query=["ref"])
async def contents(call: Call) -> Answer:
    """Show a file."""
    path, repository = call.parameters["path"], call.repository
    ref = call.query.get("ref", repository.default_branch)
    sha = await repository.git.commit_id(ref)
    found = await repository.git.show(sha, path) if sha else None
    if found is None:
        raise not_found()
    blob, content = found
    url = f"{api_url(call.world, repository)}/contents/{path}?ref={ref}"
    web = f"{web_url(call.world, repository)}/blob/{ref}/{path}"
    git_url = f"{api_url(call.world, repository)}/git/blobs/{blob}"
    return Answer(
        body={
            "type": "file",
            "encoding": "base64",
            "size": len(content),
            "name": path.rpartition("/")[2],
            "path": path,
            "content": b64encode(content).decode(),
            "sha": blob,
            "url": url,
            "git_url": git_url,
            "html_url": web,
            "download_url": None,
            "_links": {"git": git_url, "self": url, "html": web},
        }
    )


async def _commit_id(call: Call, name: str) -> str:
    """Resolve what a path names: tags may be given as ``tags/v1``, branches as ``heads/x``."""
    git = call.repository.git
    for prefix in ("tags/", "heads/"):
        if name.startswith(prefix):
            found = (await git.refs()).get(f"refs/{name}")
            if found:
                return await git.commit_id(found) or found
    found = await git.commit_id(name)
    if found is None:
        msg = f"No commit found for SHA: {name}"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg)
    return found
