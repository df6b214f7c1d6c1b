"""What GitHub's webhook deliveries mean.

Source of the fields: docs.github.com, "Webhook events and payloads"; a dozen of them are read, the
rest is ignored, because real deliveries leave out, null and add fields that the schema does not
admit.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from bridge.domain.errors import PayloadError
from bridge.domain.events import (
    BranchPushed,
    CheckRerequested,
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    Event,
    MergeQueueChecked,
    MergeQueueLeft,
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

WANTED_EVENTS = (
    "issue_comment",
    "merge_group",
    "pull_request",
    "pull_request_review",
    "push",
)
"""What a hook of ours subscribes to; sorted.

Not the checks: every other tool's would be a delivery or two, and nothing follows from any.
"""

_QUEUE = "refs/heads/gh-readonly-queue/"  # branches a merge queue makes for itself
_QUEUED = re.compile(r"/pr-([1-9][0-9]{0,9})-(?:[0-9a-f]{40}|[0-9a-f]{64})$")


class _User(Sent):
    login: Login = ""
    id: int = 0
    type: str = ""


class _Repository(Sent):
    id: Id
    full_name: Slug | None = None
    name: Login = ""
    owner: _User | None = None
    pushed_at: int | Moment | None = None

    def slug(self) -> str:
        """``owner/name``; some events spell it in two fields only."""
        if self.full_name:
            return self.full_name
        owner = self.owner.login if self.owner else ""
        if not owner or not self.name or "/" in owner + self.name:
            msg = "the delivery does not name its repository"
            raise PayloadError(msg)
        return f"{owner}/{self.name}"


class _Commit(Sent):
    id: Sha


class _Push(Sent):
    ref: RefName
    before: Sha
    after: Sha
    forced: bool | None = None
    head_commit: _Commit | None = None
    pusher: "_Pusher | None" = None
    repository: _Repository
    sender: _User | None = None


class _Pusher(Sent):
    name: Login = ""


class _HeadRepository(Sent):
    id: Id


class _Side(Sent):
    ref: RefName
    sha: Sha
    repo: _HeadRepository | None = None


class _PullRequest(Sent):
    number: Number
    merged: bool | None = None
    merge_commit_sha: Sha | None = None
    head: _Side
    base: _Side
    updated_at: AwareDatetime | None = None


class _Changes(Sent):
    base: dict[str, object] | None = None


class _PullRequestDelivery(Sent):
    action: str
    before: Sha | None = None
    pull_request: _PullRequest
    changes: _Changes | None = None
    repository: _Repository
    sender: _User | None = None


class _Issue(Sent):
    number: Number
    pull_request: dict[str, object] | None = None


class _Comment(Sent):
    id: Id
    body: str | None = None
    user: _User | None = None


class _CommentDelivery(Sent):
    action: str
    issue: _Issue
    comment: _Comment
    repository: _Repository
    sender: _User | None = None


class _MergeGroup(Sent):
    head_sha: Sha
    head_ref: RefName
    base_ref: RefName
    base_sha: Sha | None = None


class _MergeGroupDelivery(Sent):
    action: str
    reason: str = ""
    merge_group: _MergeGroup
    repository: _Repository
    sender: _User | None = None


class _Check(Sent):
    head_sha: Sha
    external_id: str | None = None


class _CheckDelivery(Sent):
    action: str
    check_run: _Check | None = None
    check_suite: _Check | None = None
    repository: _Repository
    sender: _User | None = None


class _Hook(Sent):
    events: list[str] = Field(default_factory=list)


class _Ping(Sent):
    hook: _Hook | None = None


class _Shape(Sent):
    """Which fields are there: enough to tell what kind of delivery a body is."""

    zen: object = None
    hook_id: object = None
    ref: object = None
    ref_type: object = None
    before: object = None
    after: object = None
    pusher: object = None
    action: object = None
    pull_request: object = None
    review: object = None
    issue: object = None
    comment: object = None
    merge_group: object = None
    check_run: object = None
    check_suite: object = None
    installation: object = None
    repositories: object = None
    repositories_added: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What an event takes from the delivery around its body."""

    forge: str
    delivery_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """An event with the keys it is stored under; see Delivery."""

    event: Event
    subject: str
    semantic_key: str | None


def read_body(kind: str, body: bytes, arrival: Arrival) -> Meaning | Ignored:
    """Translate the JSON of a delivery whose ``X-GitHub-Event`` is *kind*.

    Raises:
        PayloadError: The body is not what GitHub documents.
    """
    reader = _READERS.get(kind)
    if reader is None:
        return Ignored(reason=_UNUSED.get(kind, f"the bridge has no use for {kind[:64]!r} events"))
    try:
        return reader(body, arrival)
    except ValidationError as error:
        raise damaged(kind, error) from error


def kind_of(body: bytes) -> str | None:
    """Tell from the fields of a JSON body which event it was sent as; None when none fits.

    GitHub says it in a header only; this is for replaying a body that was kept without it.
    """
    return kind_told(body, _Shape, _TELLING)


# The first that fits: a comment of a pull request has an issue, a review has a pull request...
_TELLING: tuple[tuple[str, frozenset[str]], ...] = (
    ("ping", frozenset({"hook_id"})),
    ("ping", frozenset({"zen"})),
    ("issue_comment", frozenset({"action", "issue", "comment"})),
    ("pull_request_review_comment", frozenset({"action", "pull_request", "comment"})),
    ("pull_request_review", frozenset({"action", "pull_request", "review"})),
    ("pull_request", frozenset({"action", "pull_request"})),
    ("merge_group", frozenset({"action", "merge_group"})),
    ("check_run", frozenset({"action", "check_run"})),
    ("check_suite", frozenset({"action", "check_suite"})),
    ("push", frozenset({"ref", "before", "after"})),
    ("create", frozenset({"ref", "ref_type"})),
    ("issues", frozenset({"action", "issue"})),
    ("installation_repositories", frozenset({"action", "installation", "repositories_added"})),
    ("installation", frozenset({"action", "installation", "repositories"})),
)


def _read_push(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    push = _Push.model_validate_json(body)
    if push.ref.startswith(_QUEUE):
        return Ignored(reason="the branch belongs to a merge queue, which asks by itself")
    if not push.ref.startswith(("refs/heads/", "refs/tags/")):
        return Ignored(reason=f"{push.ref} is neither a branch nor a tag")
    event = _pushed(push, arrival)
    gone = isinstance(event, RefDeleted)
    moment = (push.ref, push.before, push.after, push.repository.pushed_at)
    return Meaning(
        event=event,
        subject=f"branch:{event.repository.key}:{push.ref}",
        semantic_key=None if gone else _key("push", event.repository, *moment),
    )


def _pushed(push: _Push, arrival: Arrival) -> BranchPushed | TagPushed | RefDeleted:
    is_tag, name = push.ref.startswith("refs/tags/"), push.ref.split("/", 2)[2]
    pusher = _User(login=push.pusher.name) if push.pusher else None
    delivered_at, delivery_id = arrival.received_at, arrival.delivery_id
    actor, repository = _login(push.sender or pusher), _reference(push.repository, arrival)
    before = None if is_zero(push.before) else push.before
    if is_zero(push.after):
        return RefDeleted(
            delivery_id=delivery_id,
            received_at=delivered_at,
            actor=actor,
            repository=repository,
            ref=name,
            is_tag=is_tag,
        )
    if is_tag:
        return TagPushed(
            delivery_id=delivery_id,
            received_at=delivered_at,
            actor=actor,
            repository=repository,
            tag=name,
            before=before,
            after=push.after,
            commit=push.head_commit.id if push.head_commit else None,
        )
    return BranchPushed(
        delivery_id=delivery_id,
        received_at=delivered_at,
        actor=actor,
        repository=repository,
        branch=name,
        before=before,
        after=push.after,
        forced=push.forced,
    )


_PULL_REQUEST_EVENTS: dict[str, type[PullRequestEvent]] = {
    "opened": PullRequestOpened,
    "synchronize": PullRequestUpdated,
    "reopened": PullRequestReopened,
    "ready_for_review": PullRequestReady,
    "converted_to_draft": PullRequestDrafted,
}


def _read_pull_request(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    payload = _PullRequestDelivery.model_validate_json(body)
    if payload.action == "closed":
        return _of_pull_request(_closed(payload, arrival), None)
    if payload.action == "edited":
        if payload.changes is None or payload.changes.base is None:
            return Ignored(reason="only the pull request's title or description was edited")
        return _of_pull_request(_changed(PullRequestRetargeted, payload, arrival), None)
    kind = _PULL_REQUEST_EVENTS.get(payload.action)
    if kind is None:
        return Ignored(reason=f"pull request {payload.action[:64]!r} changes nothing to plan")
    event = _changed(kind, payload, arrival)
    # Not for what may happen again with the same head: reopened, ready, draft.
    if kind not in {PullRequestOpened, PullRequestUpdated}:
        return _of_pull_request(event, None)
    moment = (event.pull_request.number, payload.action, event.head_sha, payload.before)
    return _of_pull_request(
        event, _key("pull_request", event.repository, *moment, event.updated_at)
    )


def _read_review(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    payload = _PullRequestDelivery.model_validate_json(body)
    if payload.action not in {"submitted", "dismissed"}:
        return Ignored(reason=f"review {payload.action[:64]!r} changes no approval")
    return _of_pull_request(_changed(PullRequestReviewed, payload, arrival), None)


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
        head_branch=payload.pull_request.head.ref,
        base_branch=payload.pull_request.base.ref,
        from_fork=_is_fork(payload),
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
        head_branch=payload.pull_request.head.ref,
        base_branch=payload.pull_request.base.ref,
        from_fork=_is_fork(payload),
        updated_at=utc(payload.pull_request.updated_at),
        merged=merged,
        # Before merging the field holds a test merge that is on no branch.
        merge_commit=payload.pull_request.merge_commit_sha if merged else None,
    )


def _is_fork(payload: _PullRequestDelivery) -> bool:
    # Not head.repo.fork: that is true for a pull request inside a forked repository, too.
    head = payload.pull_request.head.repo
    return head is None or head.id != payload.repository.id


_COMMENT_EVENTS: dict[str, type[CommentCreated | CommentEdited | CommentDeleted]] = {
    "created": CommentCreated,
    "edited": CommentEdited,
    "deleted": CommentDeleted,
}


def _read_comment(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    payload = _CommentDelivery.model_validate_json(body)
    if payload.issue.pull_request is None:
        return Ignored(reason="the comment is on an issue, not on a pull request")
    kind = _COMMENT_EVENTS.get(payload.action)
    if kind is None:
        return Ignored(reason=f"comment {payload.action[:64]!r} changes no text")
    repository = _reference(payload.repository, arrival)
    author = payload.comment.user or _User()
    event = kind(
        delivery_id=arrival.delivery_id,
        received_at=arrival.received_at,
        actor=_login(payload.sender),
        repository=repository,
        pull_request=PullRequestRef(repository=repository, number=payload.issue.number),
        comment_id=str(payload.comment.id),
        # PostgreSQL's text cannot hold NUL.
        body=(payload.comment.body or "").replace("\0", ""),
        author=author.login,
        author_id=str(author.id) if author.id > 0 else "",
        by_bot=author.type == "Bot" or author.login.endswith("[bot]"),
    )
    # A comment may be edited twice, but is written and deleted once.
    again = payload.action == "edited"
    key = None if again else _key("comment", repository, event.comment_id, payload.action)
    return Meaning(event=event, subject=event.pull_request.key, semantic_key=key)


def _read_merge_group(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    payload = _MergeGroupDelivery.model_validate_json(body)
    event = _queue_event(payload, arrival)
    if event is None:
        return Ignored(reason=f"merge group {payload.action[:64]!r} asks for no status")
    subject = f"branch:{event.repository.key}:{payload.merge_group.head_ref}"
    return Meaning(event=event, subject=subject, semantic_key=None)


def _queue_event(
    payload: _MergeGroupDelivery, arrival: Arrival
) -> MergeQueueChecked | MergeQueueLeft | None:
    repository, group = _reference(payload.repository, arrival), payload.merge_group
    actor = _login(payload.sender)
    match payload.action:
        case "checks_requested":
            return MergeQueueChecked(
                delivery_id=arrival.delivery_id,
                received_at=arrival.received_at,
                actor=actor,
                repository=repository,
                head_sha=group.head_sha,
                base_branch=group.base_ref.removeprefix("refs/heads/"),
                base_sha=group.base_sha or "",
                pull_request=_queued(repository, group.head_ref),
            )
        case "destroyed":
            return MergeQueueLeft(
                delivery_id=arrival.delivery_id,
                received_at=arrival.received_at,
                actor=actor,
                repository=repository,
                head_sha=group.head_sha,
                merged=payload.reason == "merged",
            )
        case _:
            return None


def _queued(repository: RepositoryRef, head_ref: str) -> PullRequestRef | None:
    """Read which pull request a queue's branch is for: ``.../<base>/pr-<n>-<sha>``."""
    found = _QUEUED.search(head_ref) if head_ref.startswith(_QUEUE) else None
    return PullRequestRef(repository=repository, number=int(found[1])) if found else None


def _read_check(body: bytes, arrival: Arrival) -> Meaning | Ignored:
    payload = _CheckDelivery.model_validate_json(body)
    if payload.action != "rerequested":
        return Ignored(reason=f"check {payload.action[:64]!r} asks for nothing")
    # A check_suite delivery may hold a check_run instead.
    check = payload.check_run or payload.check_suite
    if check is None:
        msg = "the delivery has neither check_run nor check_suite"
        raise PayloadError(msg)
    repository = _reference(payload.repository, arrival)
    event = CheckRerequested(
        delivery_id=arrival.delivery_id,
        received_at=arrival.received_at,
        actor=_login(payload.sender),
        repository=repository,
        head_sha=check.head_sha,
        external_id=(check.external_id or "").replace("\0", ""),
    )
    subject = f"branch:{repository.key}:{check.head_sha}"
    return Meaning(event=event, subject=subject, semantic_key=None)


def _read_ping(body: bytes, arrival: Arrival) -> Ignored:
    hook = _Ping.model_validate_json(body).hook
    events = set(hook.events) if hook else {"*"}
    missing = [] if "*" in events else sorted(set(WANTED_EVENTS) - events)
    note = f"; it does not send {', '.join(missing)}" if missing else ""
    return Ignored(reason=f"a ping: the hook reaches the bridge{note}", test=True)


_READERS: dict[str, Callable[[bytes, Arrival], Meaning | Ignored]] = {
    "check_run": _read_check,
    "check_suite": _read_check,
    "issue_comment": _read_comment,
    "merge_group": _read_merge_group,
    "ping": _read_ping,
    "pull_request": _read_pull_request,
    "pull_request_review": _read_review,
    "push": _read_push,
}

_UNUSED = {
    "create": "the push of the same ref says it",
    "delete": "the push of the same ref says it",
    "installation": "repositories are found through Terrakube's workspaces, not installations",
    "installation_repositories": "repositories are found through Terrakube's workspaces",
    "pull_request_review_comment": "comments on lines of code hold no commands",
}


def _of_pull_request(event: PullRequestEvent, semantic_key: str | None) -> Meaning:
    return Meaning(event=event, subject=event.pull_request.key, semantic_key=semantic_key)


def _reference(repository: _Repository, arrival: Arrival) -> RepositoryRef:
    return RepositoryRef(forge=arrival.forge, id=str(repository.id), slug=repository.slug())


def _login(user: _User | None) -> str:
    return user.login if user else ""


def _key(what: Literal["push", "pull_request", "comment"], ref: RepositoryRef, *of: object) -> str:
    return ":".join([what, ref.id, *("" if part is None else str(part) for part in of)])
