"""Asking GitHub about pull requests, and doing with them what people do."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.github.commits import file
from bridge.sandbox.forge.github.paging import page
from bridge.sandbox.forge.github.pulls import full_pull_request, pull_request, review
from bridge.sandbox.forge.merging import (
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
    decision,
    dismiss_review,
    missing_approvals,
    rejected,
    review_pull_request,
)
from bridge.sandbox.forge.routes import Answer, Api, Body, Refusal

api = Api(by_id=True)

ALL = "/repos/{owner}/{repo}/pulls"
ONE = f"{ALL}/{{number:int}}"
READ, WRITE = "pull_requests:read", "pull_requests:write"
METHODS = frozenset({"merge", "squash", "rebase"})
EVENTS = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}


@api.on(f"GET {ALL}", right=READ, query=["state", "head", "base", "sort", "direction"], paged=True)
async def list_pulls(call: Call) -> Answer:
    """List pull requests: by default the open ones, the newest first."""
    state, base = call.query.get("state", "open"), call.query.get("base")
    found = [
        one
        for one in call.repository.pull_requests
        if state in ("all", one.state) and base in (None, one.base_branch)
    ]
    if call.query.get("direction", "desc") == "desc":
        found.reverse()
    shown, headers = page(call, found)
    return Answer(body=[pull_request(call.world, one) for one in shown], headers=headers)


@api.on(
    f"POST {ALL}",
    right=WRITE,
    body=Body(
        required={"title": str, "head": str, "base": str},
        optional={"body": str, "draft": bool, "maintainer_can_modify": bool},
    ),
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
        draft=call.flag("draft"),
    )
    with _refusing():
        one = await open_pull_request(call.world, call.repository, wanted, call.actor)
    return Answer(status=HTTPStatus.CREATED, body=await full_pull_request(call.world, one))


def _home(call: Call, owner: str) -> Repository:
    """Find the repository that *owner* has of this one: itself or a fork."""
    for one in call.world.repositories.values():
        family = {one, one.parent}
        if call.repository in family and one.owner.login.lower() == owner.lower():
            return one
    msg = "Validation Failed"
    errors = [{"resource": "PullRequest", "field": "head", "code": "invalid"}]
    raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, errors=errors)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except PullRequestError as error:
        errors = [{"resource": "PullRequest", "code": "custom", "message": str(error)}]
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", errors=errors
        ) from error


@api.on(f"GET {ONE}", right=READ)
async def read(call: Call) -> Answer:
    """Show a pull request."""
    return Answer(body=await full_pull_request(call.world, call.pull_request()))


@api.on(
    f"PATCH {ONE}",
    right=WRITE,
    body=Body(optional={"title": str, "body": str, "state": str, "base": str}),
    content=True,
)
async def change(call: Call) -> Answer:
    """Change a pull request's title, text or base; close or reopen it."""
    one = call.pull_request()
    if one.account is not call.actor and call.access(call.actor) < Access.WRITE:
        raise Refusal(HTTPStatus.FORBIDDEN, "Must have push access to the repository.")
    values = {name: call.text(name) for name in ("title", "body", "base") if name in call.body}
    with _refusing():
        await edit_pull_request(call.world, one, actor=call.actor, **values)
        if call.body.get("state") == "closed":
            await close_pull_request(call.world, one, call.actor)
        if call.body.get("state") == "open" and one.state == "closed":
            await reopen_pull_request(call.world, one, call.actor)
    return Answer(body=await full_pull_request(call.world, one))


@api.on(f"GET {ONE}/files", right=READ, paged=True)
async def list_files(call: Call) -> Answer:
    """List what a pull request changes, as far as GitHub lists it."""
    one = call.pull_request()
    git = one.repository.git
    base = await git.merge_base(one.base_sha, one.head_sha)
    changes = await git.diff(base, one.head_sha) if base else []
    shown, headers = page(call, changes[: call.limits.files])
    body = [file(call.world, one.repository, each, one.head_sha) for each in shown]
    return Answer(body=body, headers=headers)


@api.on(
    f"PUT {ONE}/merge",
    right="contents:write",
    access=Access.WRITE,
    body=Body(
        optional={"commit_title": str, "commit_message": str, "sha": str, "merge_method": str}
    ),
    content=True,
)
async def merge(call: Call) -> Answer:
    """Merge a pull request, unless its branch's rule is not kept."""
    one = call.pull_request()
    method = call.text("merge_method", "merge")
    if method not in METHODS:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid request.", surprise=True)
    await _check_rules(call, one)
    message = "\n\n".join(
        part for part in (call.text("commit_title"), call.text("commit_message")) if part
    )
    try:
        commit = await merge_pull_request(
            call.world,
            one,
            actor=call.actor,
            method=method,
            message=message,
            head=call.text("sha") or None,
        )
    except HeadMovedError as error:
        raise Refusal(HTTPStatus.CONFLICT, str(error)) from error
    except PullRequestError as error:
        msg = "Pull Request is not mergeable"
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, msg) from error
    body = {"sha": commit, "merged": True, "message": "Pull Request successfully merged"}
    return Answer(body=body)


async def _check_rules(call: Call, one: PullRequest) -> None:
    missing = missing_checks(call.world.flavour, one)
    asks = decision(call.world, one) is not None
    told = (
        (one.draft, "Pull Request is still a draft"),
        (bool(missing), f'Required status check "{"".join(missing[:1])}" is expected.'),
        (asks and rejected(call.world, one), "Changes have been requested."),
        (
            bool(missing_approvals(call.world, one)),
            "At least 1 approving review is required by reviewers with write access.",
        ),
        (await is_behind(one), "Head branch is out of date. Review and try the merge again."),
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
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Can not approve your own pull request")
    made = await review_pull_request(
        call.world, one, actor=call.actor, state=state, body=call.text("body")
    )
    return Answer(body=review(call.world, one, made))


@api.on(
    f"PUT {ONE}/reviews/{{id:int}}/dismissals",
    right=WRITE,
    access=Access.WRITE,
    body=Body(required={"message": str}, optional={"event": str}),
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
