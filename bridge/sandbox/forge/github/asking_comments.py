"""Asking GitHub about comments, writing them, reacting to them."""

from http import HTTPStatus

from bridge.sandbox.forge.calls import Call
from bridge.sandbox.forge.commenting import add_comment, delete_comment, edit_comment, react
from bridge.sandbox.forge.github.paging import page
from bridge.sandbox.forge.github.pulls import REACTIONS, comment, reaction
from bridge.sandbox.forge.model import Access, Comment
from bridge.sandbox.forge.routes import Answer, Api, Body, Refusal

api = Api(by_id=True)

READ, WRITE = "issues|pull_requests:read", "issues|pull_requests:write"
ALL = "/repos/{owner}/{repo}/issues/comments"
ONE = f"{ALL}/{{id:int}}"
OF_ISSUE = "/repos/{owner}/{repo}/issues/{number:int}/comments"
TEXT = Body(required={"body": str})


@api.on(f"GET {OF_ISSUE}", right=READ, query=["since"], paged=True)
async def list_comments(call: Call) -> Answer:
    """List the comments, the oldest first."""
    shown, headers = page(call, call.issue().comments)
    return Answer(body=[comment(call.world, one) for one in shown], headers=headers)


@api.on(f"GET {ALL}", right=READ, paged=True)
async def list_everywhere(call: Call) -> Answer:
    """List the comments of all issues, the oldest first."""
    issues = call.repository.issues.values()
    found = sorted((one for issue in issues for one in issue.comments), key=lambda one: one.id)
    shown, headers = page(call, found)
    return Answer(body=[comment(call.world, one) for one in shown], headers=headers)


@api.on(f"POST {OF_ISSUE}", right=WRITE, body=TEXT, content=True)
async def create(call: Call) -> Answer:
    """Write a comment."""
    issue, body = call.issue(), _text(call)
    by_app = call.caller.token is not None and call.caller.token.installation is not None
    one = await add_comment(call.world, issue, body, actor=call.actor, by_app=by_app)
    return Answer(status=HTTPStatus.CREATED, body=comment(call.world, one))


@api.on(f"GET {ONE}", right=READ)
async def read(call: Call) -> Answer:
    """Show a comment."""
    return Answer(body=comment(call.world, call.comment()))


@api.on(f"PATCH {ONE}", right=WRITE, body=TEXT, content=True)
async def edit(call: Call) -> Answer:
    """Change a comment."""
    one, body = _mine(call), _text(call)
    await edit_comment(call.world, one, body, actor=call.actor)
    return Answer(body=comment(call.world, one))


@api.on(f"DELETE {ONE}", right=WRITE, content=True)
async def delete(call: Call) -> Answer:
    """Remove a comment."""
    await delete_comment(call.world, _mine(call), actor=call.actor)
    return Answer(status=HTTPStatus.NO_CONTENT)


@api.on(f"POST {ONE}/reactions", right=WRITE, body=Body(required={"content": str}), content=True)
async def add_reaction(call: Call) -> Answer:
    """React; 200 when it was there already."""
    content = call.text("content")
    if content not in REACTIONS:
        msg = "Validation Failed"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, surprise=True)
    one, is_new = react(call.world, call.comment(), content, actor=call.actor)
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return Answer(status=status, body=reaction(call.world, one))


def _text(call: Call) -> str:
    """Return the text of a comment, which must be there and not too long."""
    body, most = call.text("body"), call.limits.comment
    if not body.strip():
        msg = "Body cannot be blank"
        raise _invalid(msg)
    # Counted as UTF-16 units: of the counts that were seen the one that refuses first.
    if most is not None and len(body.encode("utf-16-le", "surrogatepass")) // 2 > most:
        msg = f"Body is too long (maximum is {most} characters)"
        raise _invalid(msg)
    if call.repository.archived:
        msg = "Repository was archived so is read-only."
        raise Refusal(HTTPStatus.FORBIDDEN, msg)
    return body


def _invalid(message: str) -> Refusal:
    errors = [
        {"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": message}
    ]
    return Refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", errors=errors, surprise=True
    )


def _mine(call: Call) -> Comment:
    """Return a comment that the account may change: its own, or with write access any."""
    one = call.comment()
    if one.account is not call.actor and call.access(call.actor) < Access.WRITE:
        raise Refusal(HTTPStatus.FORBIDDEN, "Must have admin rights to Repository.")
    return one
