"""Asking Forgejo about pull requests, and doing with them what people do."""

from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.forgejo.paging import counted_page, page
from bridge.sandbox.forge.forgejo.pulls import pull_request, review
from bridge.sandbox.forge.forgejo.shapes import file
from bridge.sandbox.forge.merging import (
    ConflictError,
    HeadMovedError,
    is_behind,
    merge_pull_request,
    missing_checks,
)
from bridge.sandbox.forge.model import Access, PullRequest, Repository
from bridge.sandbox.forge.pulls import (
    NewPullRequest,
    PullRequestError,
    close_pull_request,
    edit_pull_request,
    open_pull_request,
    reopen_pull_request,
)
from bridge.sandbox.forge.reviewing import (
    dismiss_review,
    missing_approvals,
    rejected,
    review_pull_request,
)
from bridge.sandbox.forge.routes import Answer, Api, Body, Refusal

api = Api()

ALL = "/repos/{owner}/{repo}/pulls"
ONE = f"{ALL}/{{number:int}}"
READ, WRITE = "repository:read", "repository:write"
METHODS = frozenset({"merge", "squash", "rebase", "rebase-merge", "fast-forward-only"})
EVENTS = {
    "APPROVED": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}
SORTS = frozenset({"oldest", "recentupdate", "leastupdate", "mostcomment", "priority"})


@api.on(f"GET {ALL}", right=READ, query=["state", "sort"], paged=True)
async def list_pulls(call: Call) -> Answer:
    """List pull requests: by default the open ones, the newest first."""
    state, sort = call.query.get("state", "open"), call.query.get("sort", "")
    if sort and sort not in SORTS:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"no sort {sort}", surprise=True)
    found = [one for one in call.repository.pull_requests if state in ("all", one.state)]
    if sort != "oldest":
        found.reverse()
    shown, headers = page(call, found)
    reader = call.caller.account
    body = [await pull_request(call.world, one, reader) for one in shown]
    return Answer(body=body, headers=headers)


@api.on(
    f"POST {ALL}",
    right=WRITE,
    body=Body(required={"title": str, "head": str, "base": str}, optional={"body": str}),
    content=True,
)
async def create(call: Call) -> Answer:
    """Open a pull request; *head* is a branch, or ``owner:branch`` of a fork."""
    owner, _, branch = call.text("head").rpartition(":")
    wanted = NewPullRequest(
        title=call.text("title"),
        body=call.text("body"),
        head_repository=_home(call, owner) if owner else call.repository,
        head_branch=branch,
        base_branch=call.text("base"),
    )
    try:
        one = await open_pull_request(call.world, call.repository, wanted, call.actor)
    except PullRequestError as error:
        is_there = "already exists" in str(error)
        status = HTTPStatus.CONFLICT if is_there else HTTPStatus.NOT_FOUND
        raise Refusal(status, str(error)) from error
    return await _shown(call, one, status=HTTPStatus.CREATED)


def _home(call: Call, owner: str) -> Repository:
    """Find the repository that *owner* has of this one: itself or a fork."""
    for one in call.world.repositories.values():
        if call.repository in {one, one.parent} and one.owner.login.lower() == owner.lower():
            return one
    raise not_found()


async def _shown(call: Call, one: PullRequest, *, status: int = HTTPStatus.OK) -> Answer:
    return Answer(status=status, body=await pull_request(call.world, one, call.caller.account))


@api.on(f"GET {ONE}", right=READ)
async def read(call: Call) -> Answer:
    """Show a pull request."""
    return await _shown(call, call.pull_request())


@api.on(
    f"PATCH {ONE}",
    right=WRITE,
    body=Body(optional={"title": str, "body": str, "state": str, "base": str}),
    content=True,
)
async def change(call: Call) -> Answer:
    """Change a pull request's title, text or base; close or reopen it. Answers 201."""
    one = call.pull_request()
    if one.account is not call.actor and call.access(call.actor) < Access.WRITE:
        raise Refusal(HTTPStatus.FORBIDDEN, "")
    values = {name: call.text(name) for name in ("title", "body", "base") if name in call.body}
    try:
        await edit_pull_request(call.world, one, actor=call.actor, **values)
        if call.body.get("state") == "closed":
            await close_pull_request(call.world, one, call.actor)
        if call.body.get("state") == "open" and one.state == "closed":
            await reopen_pull_request(call.world, one, call.actor)
    except PullRequestError as error:
        raise Refusal(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
    return await _shown(call, one, status=HTTPStatus.CREATED)


@api.on(f"GET {ONE}/files", right=READ, query=["skip-to", "whitespace"], paged=True)
async def list_files(call: Call) -> Answer:
    """List what a pull request changes."""
    one = call.pull_request()
    git = one.repository.git
    base = await git.merge_base(one.base_sha, one.head_sha)
    changes = await git.diff(base, one.head_sha) if base else []
    shown, headers = counted_page(call, changes)
    body = [file(call.world, one.repository, each, one.head_sha) for each in shown]
    return Answer(body=body, headers=headers)


@api.on(
    f"POST {ONE}/merge",
    right=WRITE,
    access=Access.WRITE,
    body=Body(
        required={"Do": str},
        optional={
            "MergeTitleField": str,
            "MergeMessageField": str,
            "head_commit_id": str,
            "delete_branch_after_merge": bool,
        },
    ),
    content=True,
)
async def merge(call: Call) -> Answer:
    """Merge a pull request; answers with an empty body."""
    one = call.pull_request()
    if call.text("Do") not in METHODS:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "[Do]: In", surprise=True)
    await _check_rules(call, one)
    parts = (call.text("MergeTitleField"), call.text("MergeMessageField"))
    try:
        await merge_pull_request(
            call.world,
            one,
            actor=call.actor,
            method=call.text("Do"),
            message="\n\n".join(part for part in parts if part),
            head=call.text("head_commit_id") or None,
        )
    except HeadMovedError as error:
        raise Refusal(HTTPStatus.CONFLICT, "head out of date") from error
    except ConflictError as error:
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Please try again later") from error
    except PullRequestError as error:
        raise not_found() from error
    return Answer()


async def _check_rules(call: Call, one: PullRequest) -> None:
    rule = one.repository.protection.get(one.base_branch)
    blocks = rule is not None and rule.block_rejected
    told = (
        (one.draft, "Work in progress PRs cannot be merged"),
        (
            bool(missing_checks(call.world.flavour, one)),
            "Not all required status checks successful",
        ),
        (bool(missing_approvals(call.world, one)), "Does not have enough approvals"),
        (blocks and rejected(call.world, one), "There are requested changes"),
        (await is_behind(one), "The head branch is behind the base branch"),
    )
    for is_so, message in told:
        if is_so:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, message)


@api.on(f"GET {ONE}/reviews", right=READ, paged=True)
async def list_reviews(call: Call) -> Answer:
    """List the reviews, the oldest first."""
    one = call.pull_request()
    shown, headers = page(call, one.reviews)
    return Answer(body=[review(call.world, one, each) for each in shown], headers=headers)


@api.on(
    f"POST {ONE}/reviews",
    right=WRITE,
    body=Body(required={"event": str}, optional={"body": str, "commit_id": str}),
    content=True,
)
async def create_review(call: Call) -> Answer:
    """Review a pull request; nobody approves his own."""
    one, state = call.pull_request(), EVENTS.get(call.text("event"))
    if state is None or (one.account is call.actor and state != "COMMENTED"):
        msg = "approve your own pull is not allowed"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg)
    made = await review_pull_request(
        call.world, one, actor=call.actor, state=state, body=call.text("body")
    )
    return Answer(body=review(call.world, one, made))


@api.on(
    f"POST {ONE}/reviews/{{id:int}}/dismissals",
    right=WRITE,
    access=Access.ADMIN,
    body=Body(optional={"message": str, "priors": bool}),
    content=True,
)
async def dismiss(call: Call) -> Answer:
    """Let a review count no more."""
    one = call.pull_request()
    found = next((each for each in one.reviews if each.id == call.number("id")), None)
    if found is None:
        raise not_found()
    await dismiss_review(call.world, one, found, actor=call.actor)
    return Answer(body=review(call.world, one, found))
