"""What people do with comments, and what it sets off."""

from bridge.sandbox.forge.happenings import CommentChanged, Writing
from bridge.sandbox.forge.model import Account, Comment, Issue, Reaction, Repository
from bridge.sandbox.forge.world import World


async def add_comment(
    world: World, issue: Issue, body: str, *, actor: Account, by_app: bool = False
) -> Comment:
    """Write a comment and tell."""
    now = world.now()
    comment = Comment(
        id=world.next_id(), issue=issue, account=actor, body=body, created_at=now, updated_at=now,
        by_app=by_app,
    )  # fmt: skip
    issue.comments.append(comment)
    issue.updated_at = now
    await _tell(world, comment, Writing.CREATED, actor)
    return comment


async def edit_comment(world: World, comment: Comment, body: str, *, actor: Account) -> None:
    """Change a comment and tell, even when nothing changed."""
    before, comment.body, comment.updated_at = comment.body, body, world.now()
    comment.issue.updated_at = comment.updated_at
    await _tell(world, comment, Writing.EDITED, actor, before)


async def delete_comment(world: World, comment: Comment, *, actor: Account) -> None:
    """Remove a comment and tell."""
    comment.issue.comments.remove(comment)
    await _tell(world, comment, Writing.DELETED, actor)


async def _tell(
    world: World, comment: Comment, writing: Writing, actor: Account, before: str = ""
) -> None:
    await world.announce(
        CommentChanged(
            repository=comment.issue.repository, actor=actor, comment=comment, writing=writing,
            before=before,
        )
    )  # fmt: skip


def react(world: World, comment: Comment, content: str, *, actor: Account) -> tuple[Reaction, bool]:
    """Add a reaction; also return whether it is new."""
    for reaction in comment.reactions:
        if reaction.account is actor and reaction.content == content:
            return reaction, False
    reaction = Reaction(id=world.next_id(), account=actor, content=content, created_at=world.now())
    comment.reactions.append(reaction)
    return reaction, True


def add_issue(
    world: World, repository: Repository, *, title: str, body: str, actor: Account
) -> Issue:
    """Open an issue; nobody is told, the bridge has no use for it."""
    now = world.now()
    issue = Issue(
        id=world.next_id(), number=repository.take_number(), repository=repository,
        account=actor, title=title, body=body, created_at=now, updated_at=now,
    )  # fmt: skip
    repository.issues[issue.number] = issue
    return issue
