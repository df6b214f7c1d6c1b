"""Whether a comment is listened to at all, and whether one that changed is put right again."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.decisions.commands import parse_comment
from bridge.decisions.triggers import Ignore
from bridge.domain.commands import Conversation, Misunderstood, Prose
from bridge.domain.events import CommentCreated, CommentEvent
from bridge.domain.vcs import Comment


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The bridge's own account on a forge.

    Attributes:
        id: Numeric, as text; empty when unknown.
    """

    login: str
    id: str = ""

    def is_called(self, login: str, user_id: str = "") -> bool:
        """Tell whether somebody is this account; logins are the same in any case."""
        return (bool(user_id) and user_id == self.id) or login.casefold() == self.login.casefold()

    @property
    def mention(self) -> str:
        """``@login``, as people address it."""
        return f"@{self.login.removesuffix('[bot]')}"


def decide_hearing(
    event: CommentCreated, *, names: Sequence[str], own: Account
) -> Ignore | Conversation:
    """Tell whether a new comment asks for something, and what.

    Own comments and those of other programs run nothing: two of them could talk for ever.
    """
    heard = parse_comment(event.body, (*names, own.mention))
    if isinstance(heard, Prose):
        return Ignore(reason=heard.reason)
    if own.is_called(event.author, event.author_id):
        return Ignore(reason="the comment is the bridge's own")
    if event.by_bot:
        return Ignore(reason=f"the comment was written by a program, {event.author}")
    if not event.author:
        return Ignore(reason="whoever wrote the comment has no account any more")
    return heard


def decide_genuine(
    event: CommentCreated, heard: Conversation, *, found: Comment | None, own: Account
) -> Ignore | Conversation:
    """Compare a comment with what the forge shows now; what was changed since runs nothing.

    Args:
        event: As delivered.
        heard: What it asks for.
        found: As read again; None when it is gone.
        own: The bridge's account.
    """
    if found is None:
        return Ignore(reason="the comment was deleted before it was read")
    if found.by_bot or own.is_called(found.author, found.author_id):
        return Ignore(reason="the comment was written by a program")
    if found.number not in {None, event.pull_request.number}:
        return Ignore(reason="the comment stands in another pull request than the delivery says")
    if found.author.casefold() != event.author.casefold():
        return Ignore(reason="the comment has another author than the delivery says")
    if _words(found.body) == _words(event.body):
        return heard
    first = heard.commands[0]
    problem = "the comment was edited before it was read, and edits run nothing; write a new one"
    edited = Misunderstood(line=first.line, text=first.text, problem=problem)
    return Conversation(commands=(edited,))


def decide_repair(event: CommentEvent, *, is_ours: bool, own: Account) -> Ignore | None:
    """Tell whether somebody changed a comment of ours; None when it is to be written anew.

    Whoever may write can edit anybody's comment, so the sender counts, not the author.
    """
    if not is_ours:
        return Ignore(reason="only new comments are listened to")
    if own.is_called(event.actor):
        return Ignore(reason="the bridge changed its own comment")
    return None


def _words(body: str) -> Sequence[str]:
    # Forges give line ends and outer blanks back in their own way.
    return body.split()
