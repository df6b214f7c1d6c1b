"""What webhook deliveries of Gitea and Forgejo mean.

Source of the fields: Forgejo's ``modules/structs/hook.go`` and deliveries of a running Forgejo 10;
Gitea shares them. Old versions leave fields out, so all but a few are optional.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
)

from bridge.domain.errors import PayloadError
from bridge.domain.events import (
    BranchPushed,
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    Event,
    PullRequestClosed,
    PullRequestDrafted,
    PullRequestEvent,
    PullRequestOpened,
    PullRequestReady,
    PullRequestReopened,
    PullRequestRetargeted,
    PullRequestReviewed,
    PullRequestUpdated,
    RefDeleted,
    TagPushed,
)
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.forges.wire import (
    Id,
    Login,
    Moment,
    Number,
    RefName,
    Sent,
    Sha,
    Slug,
    damaged,
    is_zero,
    kind_told,
    utc,
)
from bridge.ports import Ignored

DRAFT_PREFIXES = ("WIP:", "[WIP]")
"""What makes a pull request a draft, at the start of its title; an instance may choose others."""

_LONGEST_COMMENT = 200_000  # characters

PULLS = "refs/pull/"
"""Where the forge keeps heads; a pull request whose head is named so has no branch (any more)."""


_MaybeSha = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})?$")]


class _Wire(Sent):
    secret: str | None = None


class _User(BaseModel):
    model_config = _Wire.model_config

    login: Login | None = None
    username: Login | None = None
    id: int = 0

    def name(self) -> str:
        """Return the login; versions differ in the field they fill."""
        return self.login or self.username or ""


class _Repository(BaseModel):
    model_config = _Wire.model_config

    id: Id
    full_name: Slug
    updated_at: Moment | None = None


class _Commit(BaseModel):
    model_config = _Wire.model_config

    id: Sha


class _Push(_Wire):
    ref: RefName
    before: Sha
    after: Sha
    head_commit: _Commit | None = None
    pusher: _User | None = None
    repository: _Repository
    sender: _User | None = None


class _Ref(_Wire):
    """A ``create`` or ``delete``: *ref* is short for hooks of type gitea, full for forgejo."""

    ref: RefName
    ref_type: str
    sha: _MaybeSha = ""
    repository: _Repository
    sender: _User | None = None


class _SideRepository(BaseModel):
    model_config = _Wire.model_config

    id: int = 0


class _Side(BaseModel):
    model_config = _Wire.model_config

    ref: RefName | None = None
    sha: _MaybeSha = ""
    repo_id: int = 0
    repo: _SideRepository | None = None

    def home(self) -> int:
        """Return the id of the repository the branch is in; 0 or less when that is gone."""
        return self.repo_id or (self.repo.id if self.repo else 0)


class _PullRequest(BaseModel):
    model_config = _Wire.model_config

    number: Number
    title: str = ""
    draft: bool | None = None
    merged: bool | None = None
    merge_commit_sha: _MaybeSha | None = None
    head: _Side
    base: _Side
    updated_at: AwareDatetime | None = None


class _From(BaseModel):
    model_config = _Wire.model_config

    from_: str = Field(default="", alias="from")


class _Changes(BaseModel):
    model_config = _Wire.model_config

    title: _From | None = None
    ref: _From | None = None


class _Issue(BaseModel):
    model_config = _Wire.model_config

    number: Number
    pull_request: dict[str, object] | None = None


class _Comment(BaseModel):
    model_config = _Wire.model_config

    id: Id
    body: str = ""
    user: _User | None = None


class _PullRequestDelivery(_Wire):
    action: str
    pull_request: _PullRequest
    changes: _Changes | None = None
    repository: _Repository
    sender: _User | None = None


class _CommentDelivery(_Wire):
    action: str
    issue: _Issue
    comment: _Comment
    is_pull: bool | None = None
    repository: _Repository
    sender: _User | None = None


class _Shape(_Wire):
    """Which fields are there: enough to tell what kind of delivery a body is."""

    ref: object = None
    ref_type: object = None
    sha: object = None
    before: object = None
    after: object = None
    pusher_type: object = None
    action: object = None
    pull_request: object = None
    review: object = None
    issue: object = None
    comment: object = None
    release: object = None
    forkee: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What an event takes from the delivery around its body, and from the configuration."""

    forge: str
    delivery_id: str
    received_at: datetime
    draft_prefixes: tuple[str, ...] = DRAFT_PREFIXES


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """An event with the keys it is stored under (see Delivery).

    Attributes:
        has_secret: Whether the body holds the hook's secret, as old Gitea sends it.
    """

    event: Event
    subject: str
    semantic_key: str | None
    has_secret: bool


def read_body(kind: str, body: bytes, arrival: Arrival) -> Meaning | Ignored:
    """Translate the JSON of a delivery whose event header is *kind*.

    Raises:
        PayloadError: The body is not what the forge documents.
    """
    reader = _READERS.get(kind) or (_read_any_pull_request if _is_pull_request(kind) else None)
    if reader is None:
        return Ignored(reason=f"the bridge has no use for {kind[:64]!r} events")
    try:
        return reader(body, arrival)
    except ValidationError as error:
        raise damaged(kind, error) from error


def kind_of(body: bytes) -> str | None:
    """Tell from the fields of a JSON body which event it was sent as; None when none fits.

    The forge says it in a header only; this is for replaying a body that was kept without it.
    """
    return kind_told(body, _Shape, _TELLING)


# The first that fits: a comment of a pull request has an issue and may have the pull request...
_TELLING: tuple[tuple[str, frozenset[str]], ...] = (
    ("issue_comment", frozenset({"action", "issue", "comment"})),
    ("pull_request_comment", frozenset({"action", "pull_request", "review"})),
    ("pull_request", frozenset({"action", "pull_request"})),
    ("push", frozenset({"ref", "before", "after"})),
    ("delete", frozenset({"ref", "ref_type", "pusher_type"})),
    ("create", frozenset({"ref", "ref_type", "sha"})),
    ("issues", frozenset({"action", "issue"})),
    ("release", frozenset({"action", "release"})),
    ("fork", frozenset({"forkee"})),
)


def _read_push(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    push = _Push.model_validate_json(body)
    if push.before == push.after:
        return Ignored(reason="a test delivery: before and after are one commit", test=True)
    if not push.ref.startswith(("refs/heads/", "refs/tags/")):
        return Ignored(reason=f"{push.ref} is neither a branch nor a tag")
    event = _pushed(push, arrival)
    return Meaning(
        event=event,
        subject=f"branch:{event.repository.key}:{push.ref}",
        semantic_key=None
        if isinstance(event, RefDeleted)
        else _push_key(push.repository, push.ref, push.before, push.after),
        has_secret=bool(push.secret),
    )


def _pushed(push: _Push, arrival: Arrival) -> BranchPushed | TagPushed | RefDeleted:
    is_tag, name = push.ref.startswith("refs/tags/"), push.ref.split("/", 2)[2]
    actor, repository = _login(push.sender or push.pusher), _reference(push.repository, arrival)
    before = None if is_zero(push.before) else push.before
    if is_zero(push.after):
        return RefDeleted(
            delivery_id=arrival.delivery_id,
            received_at=arrival.received_at,
            actor=actor,
            repository=repository,
            ref=name,
            is_tag=is_tag,
        )
    if is_tag:
        return TagPushed(
            delivery_id=arrival.delivery_id,
            received_at=arrival.received_at,
            actor=actor,
            repository=repository,
            tag=name,
            before=before,
            after=push.after,  # the tag object of an annotated tag; head_commit is the commit
            commit=push.head_commit.id if push.head_commit else None,
        )
    return BranchPushed(
        delivery_id=arrival.delivery_id,
        received_at=arrival.received_at,
        actor=actor,
        repository=repository,
        branch=name,
        before=before,
        after=push.after,
        forced=None,  # not said
    )


def _read_create(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    created = _Ref.model_validate_json(body)
    if created.ref_type != "tag":
        return Ignored(reason="the push of the same branch says it")
    if not created.sha or is_zero(created.sha):
        msg = "the delivery does not say what the tag points to"
        raise PayloadError(msg)
    repository = _reference(created.repository, arrival)
    tag = created.ref.removeprefix("refs/tags/")
    event = TagPushed(
        delivery_id=arrival.delivery_id,
        received_at=arrival.received_at,
        actor=_login(created.sender),
        repository=repository,
        tag=tag,
        before=None,
        after=created.sha,
        commit=None,  # whether the tag is annotated is not said
    )
    ref = f"refs/tags/{tag}"
    return Meaning(
        event=event,
        subject=f"branch:{repository.key}:{ref}",
        # The key of the push that comes with it, so that one of the two is enough.
        semantic_key=_push_key(created.repository, ref, "0" * len(created.sha), created.sha),
        has_secret=bool(created.secret),
    )


def _read_delete(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    deleted = _Ref.model_validate_json(body)
    is_tag = deleted.ref_type == "tag"
    folder = "refs/tags/" if is_tag else "refs/heads/"
    event = RefDeleted(
        delivery_id=arrival.delivery_id,
        received_at=arrival.received_at,
        actor=_login(deleted.sender),
        repository=_reference(deleted.repository, arrival),
        ref=deleted.ref.removeprefix(folder),
        is_tag=is_tag,
    )
    return Meaning(
        event=event,
        subject=f"branch:{event.repository.key}:{folder}{event.ref}",
        semantic_key=None,
        has_secret=bool(deleted.secret),
    )


def _read_any_pull_request(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    """Read ``pull_request*``: the same word may mean a review or a comment.

    ``pull_request_comment`` is a review's event and an ordinary comment's event type.
    """
    shape = _Shape.model_validate_json(body)
    if shape.comment is not None and shape.issue is not None:
        return _read_comment(body, arrival)
    return _read_pull_request(body, arrival)


_PULL_REQUEST_EVENTS: dict[str, type[PullRequestEvent]] = {
    "opened": PullRequestOpened,
    "synchronized": PullRequestUpdated,
    "reopened": PullRequestReopened,
    "reviewed": PullRequestReviewed,
}


def _read_pull_request(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    payload = _PullRequestDelivery.model_validate_json(body)
    if payload.action == "closed":
        return _of_pull_request(_closed(payload, arrival), payload)
    if payload.action == "edited":
        kind = _edited(payload, arrival.draft_prefixes)
        if kind is None:
            return Ignored(reason="only the pull request's title or description was edited")
        return _of_pull_request(_changed(kind, payload, arrival), payload)
    kind = _PULL_REQUEST_EVENTS.get(payload.action)
    if kind is None:
        return Ignored(reason=f"pull request {payload.action[:64]!r} changes nothing to plan")
    return _of_pull_request(_changed(kind, payload, arrival), payload)


def _edited(
    payload: _PullRequestDelivery, draft_prefixes: tuple[str, ...]
) -> type[PullRequestEvent] | None:
    """Tell an edit of the base or of the draft state from one that changes nothing for us."""
    changes = payload.changes
    if changes is None:
        return None
    if changes.ref is not None:  # its "from" is the new base: what it was is not said
        return PullRequestRetargeted
    if changes.title is None:
        return None
    was = is_draft_title(changes.title.from_, draft_prefixes)
    now = is_draft_title(payload.pull_request.title, draft_prefixes)
    if was == now:
        return None
    return PullRequestDrafted if now else PullRequestReady


def is_draft_title(title: str, prefixes: tuple[str, ...] = DRAFT_PREFIXES) -> bool:
    """Tell whether a title marks a draft; capitals do not matter (Gitea: HasWIPPrefix)."""
    return title.upper().startswith(tuple(prefix.upper() for prefix in prefixes))


def _changed(
    kind: type[PullRequestEvent], payload: _PullRequestDelivery, arrival: Arrival
) -> PullRequestEvent:
    repository = _reference(payload.repository, arrival)
    return kind(
        delivery_id=arrival.delivery_id,
        received_at=arrival.received_at,
        actor=_login(payload.sender),
        repository=repository,
        pull_request=PullRequestRef(repository=repository, number=payload.pull_request.number),
        head_sha=payload.pull_request.head.sha,
        head_branch=_branch(payload.pull_request.head),
        base_branch=_branch(payload.pull_request.base),
        from_fork=_is_fork(payload.pull_request),
        updated_at=utc(payload.pull_request.updated_at),
    )


def _closed(payload: _PullRequestDelivery, arrival: Arrival) -> PullRequestClosed:
    repository = _reference(payload.repository, arrival)
    merged = payload.pull_request.merged is True
    return PullRequestClosed(
        delivery_id=arrival.delivery_id,
        received_at=arrival.received_at,
        actor=_login(payload.sender),
        repository=repository,
        pull_request=PullRequestRef(repository=repository, number=payload.pull_request.number),
        head_sha=payload.pull_request.head.sha,
        head_branch=_branch(payload.pull_request.head),
        base_branch=_branch(payload.pull_request.base),
        from_fork=_is_fork(payload.pull_request),
        updated_at=utc(payload.pull_request.updated_at),
        merged=merged,
        merge_commit=(payload.pull_request.merge_commit_sha or None) if merged else None,
    )


def _of_pull_request(event: PullRequestEvent, payload: _PullRequestDelivery) -> Meaning:
    key = None
    # Not for what may happen again with the same head: reopened, closed, another base, draft.
    # Without a time a forced return to an earlier head would look like the first time.
    if isinstance(event, (PullRequestOpened, PullRequestUpdated)) and event.updated_at:
        ref = event.pull_request
        key = _key(
            "pull_request", ref.repository.id, ref.number, payload.action, event.head_sha,
            event.updated_at,
        )  # fmt: skip
    return Meaning(
        event=event,
        subject=event.pull_request.key,
        semantic_key=key,
        has_secret=bool(payload.secret),
    )


def _branch(side: _Side) -> str:
    """Return the branch's name; a deleted one is given as ``refs/pull/<n>/head``."""
    name = (side.ref or "").removeprefix("refs/heads/")
    return "" if name.startswith(PULLS) else name


def _is_fork(pull_request: _PullRequest) -> bool:
    # A deleted fork has no repository and repo_id -1. What was pushed to refs/for/<branch> (AGit)
    # claims the base repository, where reading is enough to push it.
    head, base = pull_request.head, pull_request.base
    if head.repo is None or (head.ref or "").startswith(PULLS):
        return True
    return head.home() <= 0 or head.home() != base.home()


_COMMENT_EVENTS: dict[str, type[CommentCreated | CommentEdited | CommentDeleted]] = {
    "created": CommentCreated,
    "edited": CommentEdited,
    "deleted": CommentDeleted,
}


def _read_comment(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    payload = _CommentDelivery.model_validate_json(body)
    # Old versions do not send is_pull.
    if payload.is_pull is False or (payload.is_pull is None and payload.issue.pull_request is None):
        return Ignored(reason="the comment is on an issue, not on a pull request")
    kind = _COMMENT_EVENTS.get(payload.action)
    if kind is None:
        return Ignored(reason=f"comment {payload.action[:64]!r} changes no text")
    if kind is CommentCreated and len(payload.comment.body) > _LONGEST_COMMENT:
        # Not even kept: anybody may write any number of comments of 25 MB.
        return Ignored(reason="the comment is longer than any command")
    repository = _reference(payload.repository, arrival)
    author = payload.comment.user or _User()
    event = kind(
        delivery_id=arrival.delivery_id,
        received_at=arrival.received_at,
        actor=_login(payload.sender),  # on an edit perhaps not the author: any writer may edit
        repository=repository,
        pull_request=PullRequestRef(repository=repository, number=payload.issue.number),
        comment_id=str(payload.comment.id),
        # PostgreSQL's text cannot hold NUL.
        body=payload.comment.body.replace("\0", ""),
        author=author.name(),
        author_id=str(author.id) if author.id > 0 else "",
        by_bot=author.id < 0,  # the ghost of a deleted account and the runner of Actions
    )
    # A comment may be edited twice, but is written and deleted once.
    again = payload.action == "edited"
    key = None if again else _key("comment", repository.id, event.comment_id, payload.action)
    return Meaning(
        event=event,
        subject=event.pull_request.key,
        semantic_key=key,
        has_secret=bool(payload.secret),
    )


_READERS: dict[str, Callable[[bytes, Arrival], Meaning | Ignored]] = {
    "create": _read_create,
    "delete": _read_delete,
    "issue_comment": _read_comment,
    "pull_request": _read_pull_request,
    "push": _read_push,
}


def _is_pull_request(kind: str) -> bool:
    return kind.startswith("pull_request_")


def _reference(repository: _Repository, arrival: Arrival) -> RepositoryRef:
    return RepositoryRef(forge=arrival.forge, id=str(repository.id), slug=repository.full_name)


def _login(user: _User | None) -> str:
    return user.name() if user else ""


def _push_key(repository: _Repository, ref: str, before: str, after: str) -> str:
    return _key("push", str(repository.id), ref, before, after, repository.updated_at)


def _key(*of: object) -> str:
    return ":".join("" if part is None else str(part) for part in of)
