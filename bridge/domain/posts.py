"""What the bridge brings about outside: comments, statuses, replies, reactions, merges."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from bridge.domain.access import SLACK
from bridge.domain.vcs import RepositoryRef

MERGED: Final = "merged"
"""Stands for the hash of a part that says that a pull request is merged."""

REFUSED: Final = "refused"
"""Stands for the hash of a part that says why a pull request was not merged."""

SURELY_REFUSED: Final = 3
"""After so many refusals people are told: the first ones may be because of a status of the
bridge's own that is only just being sent."""


class PostKind(StrEnum):
    """What kind of remote text a post is; a merge is none, but is brought about like one."""

    REPORT = "report"
    """The living comment of a pull request (with its continuation comments)."""
    STATUS = "status"
    """One commit status."""
    REPLY = "reply"
    """A comment said once."""
    REACTION = "reaction"
    """A reaction on a comment."""
    MERGE = "merge"
    """Merging a pull request once all that is planned at its head is applied."""
    CHAT_MESSAGE = "chat_message"
    """The live message of a report in a chat."""
    CHAT_PROMPT = "chat_prompt"
    """Asks for an approval: a reply in the live message's thread, one for each step that waits."""
    CHAT_RESULT = "chat_result"
    """Says how what one trigger started came out: a reply in the live message's thread."""
    CHAT_FILE = "chat_file"
    """A complete plan, as a file in the live message's thread."""
    CHAT_REPLY = "chat_reply"
    """Said once, for all to see."""
    CHAT_WHISPER = "chat_whisper"
    """Said once, to one person alone."""
    CHAT_VIEW = "chat_view"
    """A modal, opened within three seconds or not at all."""


CHAT_KINDS: Final = frozenset(
    {
        PostKind.CHAT_MESSAGE,
        PostKind.CHAT_PROMPT,
        PostKind.CHAT_RESULT,
        PostKind.CHAT_FILE,
        PostKind.CHAT_REPLY,
        PostKind.CHAT_WHISPER,
        PostKind.CHAT_VIEW,
    }
)
"""What is sent to a chat; the others go to a forge."""

ALONE: Final = frozenset({PostKind.CHAT_WHISPER, PostKind.CHAT_VIEW})
"""What one person alone sees, wherever they are: a channel has no part in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostTarget:
    """Where a post lives; the fields its kind needs are set.

    Attributes:
        number: Pull request (report, reply, merge).
        sha: Commit (status); the head that is merged (merge).
        context: Exact status name (status).
        comment_id: Comment that is answered or reacted to (reply, reaction).
        content: A reaction's name (``eyes``); whom and when a reply is for that answers no one
            comment; how it is merged, empty when it is not to be merged any more (merge).
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
            case PostKind.MERGE:
                return f"merge:{where}:{self.number}:{self.sha}"
            case _:
                msg = f"{kind} does not go to a forge"
                raise ValueError(msg)

    @property
    def service(self) -> str:
        """Whom it is sent to: the name of a forge."""
        return self.repository.forge

    @property
    def where(self) -> str:
        """Where it is on that service: the repository's id."""
        return self.repository.id


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTarget:
    """Where a post in a chat lives.

    Attributes:
        channel: Id; empty for a modal, and for an answer that has nothing but its *response_url*.
        slot: What it is about, unique in its channel and kind: the group of a report, a run's id,
            a trigger.
        thread: ``ts`` whose thread it belongs to; empty for the channel itself, and for what
            follows a live message, whose ``ts`` is only known when it is sent.
        user: Whom a whisper is for, or who asked.
        run_id: Of a prompt or a file.
        response_url: Answers whoever asked, where the bridge may not write; empty for none.
        trigger_id: Opens a modal.
        expires_at: Milliseconds since 1970 after which it is not sent any more; None for never.
    """

    team: str
    channel: str
    slot: str
    thread: str = ""
    user: str = ""
    run_id: str = ""
    response_url: str = ""
    trigger_id: str = ""
    expires_at: int | None = None

    def key(self, kind: PostKind) -> str:
        """Return what makes the post unique, e.g. ``chat_prompt:T1:C1:<run id>``."""
        return f"{kind.value}:{self.team}:{self.channel}:{self.slot}"

    @property
    def service(self) -> str:
        """Whom it is sent to."""
        return SLACK

    @property
    def where(self) -> str:
        """Where it is on that service: the channel's id."""
        return self.channel


Target: TypeAlias = PostTarget | ChatTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class PostUpsert:
    """A post to make, or to bring up to date again.

    Attributes:
        report: Whose changes make it due again: a run's links name reports
            (``pr:<forge>:<repository id>:<n>`` or ``commit:<forge>:<repository id>:<sha>``).
        content: Fixed text (reply), or a status's state and description with a blank between; None
            when it is composed from the store when it is due. What is fixed in a chat is Markdown
            (reply, whisper), or the JSON of a view; JSON of ``{"text", "blocks"}`` is sent as is.
        resend: Whether to send even what was sent already: somebody changed the remote text.
    """

    kind: PostKind
    target: Target
    report: str
    content: str | None = None
    resend: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPost:
    """A post of a commit status, for the comparison with the forge.

    Attributes:
        key: See PostTarget.key.
        content: What it says for ever; None when it is composed.
        revision: As in a Post: whoever changes it after that knows better.
    """

    key: str
    context: str
    content: str | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    """A post to send again, as somebody lost what it said.

    Attributes:
        revision: It is left alone if it has another one by then.
        content: What it says from now on; None leaves it as it is.
    """

    key: str
    revision: int
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePart:
    """One remote comment a post consists of, or one try to merge.

    Attributes:
        id: The forge's id; empty while it is not known. Of a try: the commit it made, or why it
            was refused; empty while it is under way.
        hash: SHA-256 of the text last sent, hexadecimal; empty before the first. Of a try: MERGED
            or REFUSED; empty while it is under way, or when it counts no more.
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
    target: Target
    report: str
    content: str | None
    revision: int
    parts: tuple[RemotePart, ...]
    attempt: int

    @property
    def forge_target(self) -> PostTarget:
        """Where it lives, of a post to a forge; a chat's raises ValueError."""
        if isinstance(self.target, PostTarget):
            return self.target
        msg = f"post {self.id} does not go to a forge"
        raise ValueError(msg)

    @property
    def chat_target(self) -> ChatTarget:
        """Where it lives, of a post to a chat; a forge's raises ValueError."""
        if isinstance(self.target, ChatTarget):
            return self.target
        msg = f"post {self.id} does not go to a chat"
        raise ValueError(msg)


def merge_refusal(parts: Sequence[RemotePart]) -> str:
    """Say why a pull request is not merged; empty when it is, or when that may still pass."""
    refusals = [part.id for part in parts if part.hash == REFUSED]
    is_merged = any(part.hash == MERGED for part in parts)
    return "" if is_merged or len(refusals) < SURELY_REFUSED else refusals[-1]
