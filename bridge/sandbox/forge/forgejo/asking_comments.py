"""Asking Forgejo about comments, writing them, reacting to them."""

from datetime import datetime
from http import HTTPStatus

from bridge.sandbox.forge.calls import Call
from bridge.sandbox.forge.commenting import add_comment, delete_comment, edit_comment, react
from bridge.sandbox.forge.forgejo.paging import page
from bridge.sandbox.forge.forgejo.pulls import REACTIONS, comment, reaction
from bridge.sandbox.forge.model import Access, Comment
from bridge.sandbox.forge.routes import Answer, Api, Body, Refusal

api = Api()

READ, WRITE = "issue:read", "issue:write"
ALL = "/repos/{owner}/{repo}/issues/comments"
ONE = f"{ALL}/{{id:int}}"
OF_ISSUE = "/repos/{owner}/{repo}/issues/{number:int}/comments"
TEXT = Body(required={"body": str})


@api.on(f"GET {OF_ISSUE}", right=READ, query=["since", "before"])
async def list_comments(call: Call) -> Answer:
    """List all comments, the oldest first: there are no pages."""
    found = call.issue().comments
    since, before = call.query.get("since"), call.query.get("before")
    if since is not None:
        found = [one for one in found if one.updated_at >= datetime.fromisoformat(since)]
    if before is not None:  # that second included, as with since
        found = [one for one in found if one.updated_at <= datetime.fromisoformat(before)]
    headers = {"X-Total-Count": str(len(found))}
    return Answer(body=[comment(call.world, one) for one in found], headers=headers)


@api.on(f"GET {ALL}", right=READ, paged=True)
async def list_everywhere(call: Call) -> Answer:
    """List the comments of all issues, the oldest first, in pages."""
    issues = call.repository.issues.values()
    found = sorted((one for issue in issues for one in issue.comments), key=lambda one: one.id)
    shown, headers = page(call, found)
    return Answer(body=[comment(call.world, one) for one in shown], headers=headers)


@api.on(f"POST {OF_ISSUE}", right=WRITE, body=TEXT, content=True)
async def create(call: Call) -> Answer:
    """Write a comment of any length; on an issue that is not there it breaks."""
    if call.number("number") not in call.repository.issues:
        raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "issue does not exist")
    one = await add_comment(call.world, call.issue(), _text(call), actor=call.actor)
    return Answer(status=HTTPStatus.CREATED, body=comment(call.world, one))


def _text(call: Call) -> str:
    if call.repository.archived:
        msg = f"{call.repository.slug} is archived"
        raise Refusal(HTTPStatus.LOCKED, msg)
    if not call.text("body"):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "[Body]: Required", surprise=True)
    return call.text("body")


@api.on(f"GET {ONE}", right=READ)
async def read(call: Call) -> Answer:
    """Show a comment."""
    return Answer(body=comment(call.world, call.comment()))


@api.on(f"PATCH {ONE}", right=WRITE, body=TEXT, content=True)
async def edit(call: Call) -> Answer:
    """Change a comment, one's own or with write access anybody's."""
    one, body = _mine(call), _text(call)
    await edit_comment(call.world, one, body, actor=call.actor)
    return Answer(body=comment(call.world, one))


@api.on(f"DELETE {ONE}", right=WRITE, content=True)
async def delete(call: Call) -> Answer:
    """Remove a comment."""
    await delete_comment(call.world, _mine(call), actor=call.actor)
    return Answer(status=HTTPStatus.NO_CONTENT)


def _mine(call: Call) -> Comment:
    one = call.comment()
    if one.account is not call.actor and call.access(call.actor) < Access.WRITE:
        raise Refusal(HTTPStatus.FORBIDDEN, "")
    return one


@api.on(f"GET {ONE}/reactions", right=READ)
async def list_reactions(call: Call) -> Answer:
    """List the reactions to a comment."""
    return Answer(body=[reaction(call.world, one) for one in call.comment().reactions])


@api.on(f"POST {ONE}/reactions", right=WRITE, body=Body(required={"content": str}), content=True)
async def add_reaction(call: Call) -> Answer:
    """React; 200 when it was there already, 403 for one that is not allowed."""
    content = call.text("content")
    if content not in REACTIONS:
        msg = f"{content!r} is not an allowed reaction"
        raise Refusal(HTTPStatus.FORBIDDEN, msg, surprise=True)
    one, is_new = react(call.world, call.comment(), content, actor=call.actor)
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return Answer(status=status, body=reaction(call.world, one))
