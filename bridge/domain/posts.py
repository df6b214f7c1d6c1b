"""Remote texts the bridge keeps up to date: comments, commit statuses, replies, reactions."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.vcs import RepositoryRef


class PostKind(StrEnum):
    """What kind of remote text a post is."""

    REPORT = "report"
    """The living comment of a pull request (with its continuation comments)."""
    STATUS = "status"
    """One commit status."""
    REPLY = "reply"
    """A comment said once."""
    REACTION = "reaction"
    """A reaction on a comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostTarget:
    """Where a post lives; the fields its kind needs are set.

    Attributes:
        number: Pull request (report, reply).
        sha: Commit (status).
        context: Exact status name (status).
        comment_id: Comment that is answered or reacted to (reply, reaction).
        content: A reaction's name (``eyes``); whom and when a reply is for that answers no one
            comment.
    """

    repository: RepositoryRef
    number: int | None = None
    sha: str = ""
    context: str = ""
    comment_id: str = ""
    content: str = ""

    def key(self, kind: PostKind) -> str:
        """Return what makes the post unique, e.g. ``status:github:1:<sha>:terrakube/plan``."""
        where = self.repository.key
        match kind:
            case PostKind.REPORT:
                return f"report:{where}:{self.number}"
            case PostKind.STATUS:
                return f"status:{where}:{self.sha}:{self.context.lower()}"
            case PostKind.REPLY:
                return f"reply:{where}:{self.number}:{self.comment_id}:{self.content}"
            case PostKind.REACTION:
                return f"reaction:{where}:{self.comment_id}:{self.content}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostUpsert:
    """A post to make, or to bring up to date again.

    Attributes:
        report: Whose changes make it due again: a run's links name reports
            (``pr:<forge>:<repository id>:<n>`` or ``commit:<forge>:<repository id>:<sha>``).
        content: Fixed text (reply), or a status's state and description with a blank between; None
            when it is composed from the store when it is due.
        resend: Whether to send even what was sent already: somebody changed the remote text.
    """

    kind: PostKind
    target: PostTarget
    report: str
    content: str | None = None
    resend: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePart:
    """One remote comment a post consists of.

    Attributes:
        id: The forge's id; empty while it is not known.
        hash: SHA-256 of the text last sent, hexadecimal; empty before the first.
    """

    id: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post as a worker takes it.

    Attributes:
        id: ULID; part of the hidden marker.
        revision: Counts changes; what is written back names the revision that was sent.
        parts: What exists remotely, in order; empty before the first send.
        attempt: How often sending this revision was begun.
    """

    id: str
    kind: PostKind
    target: PostTarget
    report: str
    content: str | None
    revision: int
    parts: tuple[RemotePart, ...]
    attempt: int
