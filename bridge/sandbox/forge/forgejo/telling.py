"""What Forgejo's hooks hear. Source: deliveries of a running Forgejo 10."""

import hashlib
import hmac
from json import dumps
from urllib.parse import quote

from bridge.sandbox.forge.dialects import Envelope, Message
from bridge.sandbox.forge.forgejo.pulls import comment, issue, label, pull_request
from bridge.sandbox.forge.forgejo.shapes import pushed_commit, repository, user
from bridge.sandbox.forge.happenings import (
    Change,
    CommentChanged,
    Happening,
    HookTested,
    PullRequestChanged,
    Pushed,
    RefUpdate,
    Reviewed,
)
from bridge.sandbox.forge.model import Hook, PullRequest
from bridge.sandbox.forge.objects import Commit
from bridge.sandbox.forge.routes import Json
from bridge.sandbox.forge.world import World

MAX_COMMITS = 5
MAX_NEW = 10

_ACTIONS = {
    Change.OPENED: "opened",
    Change.EDITED: "edited",
    Change.MOVED: "synchronized",
    Change.LABELED: "label_updated",
    Change.UNLABELED: "label_updated",
    Change.CLOSED: "closed",
    Change.REOPENED: "reopened",
}
_FINE = {
    Change.MOVED: "pull_request_sync",
    Change.LABELED: "pull_request_label",
    Change.UNLABELED: "pull_request_label",
}
_REVIEWS = {
    "APPROVED": ("pull_request_approved", "pull_request_review_approved"),
    "CHANGES_REQUESTED": ("pull_request_rejected", "pull_request_review_rejected"),
    "COMMENTED": ("pull_request_comment", "pull_request_review_comment"),
}
_BRANDS = ("Forgejo", "Gitea", "Gogs", "GitHub")


async def tell(world: World, happening: Happening) -> list[Message]:
    """Say what hooks hear of a happening, in order."""
    match happening:
        case Pushed():
            return await _pushed(world, happening)
        case PullRequestChanged():
            return [await _changed(world, happening)]
        case CommentChanged():
            return [await _commented(world, happening)]
        case Reviewed(review=review):
            # That one is dismissed is told nobody.
            return [] if review.dismissed else [await _reviewed(world, happening)]
        case HookTested():
            return await _tested(world, happening)
        case _:
            return []


def _ending(world: World, happening: Happening) -> Json:
    return {
        "repository": repository(world, happening.repository, happening.actor, empty=False),
        "sender": user(world, happening.actor),
    }


async def _tested(world: World, happening: HookTested) -> list[Message]:
    """Send a push that goes nowhere: before and after are one commit."""
    where = happening.repository
    tip = await where.git.tip(where.default_branch)
    if tip is None:
        return []
    name = f"refs/heads/{where.default_branch}"
    update = RefUpdate(name=name, before=tip, after=tip)
    head = await where.git.commit(tip)
    return [_push(world, happening, update, commits=[head], total=1, head=head)]


async def _pushed(world: World, happening: Pushed) -> list[Message]:
    messages: list[Message] = []
    for update in happening.updates:
        messages += await _moved(world, happening, update)
    return messages


async def _moved(world: World, happening: Pushed, update: RefUpdate) -> list[Message]:
    """Say what became of one ref, in the order that was observed."""
    if update.deleted:
        gone = _ref_message(world, happening, update, "delete")
        return [_push(world, happening, update), gone] if update.is_tag else [gone]
    head = await _commit_of(happening, update.after)
    commits, total = ([], 0) if update.is_tag else await _new_commits(happening, update)
    push = _push(world, happening, update, commits=commits, total=total, head=head)
    if not update.created:
        return [push]
    made = _ref_message(world, happening, update, "create")
    return [push, made] if update.is_tag else [made, push]


async def _commit_of(happening: Happening, sha: str) -> Commit | None:
    git = happening.repository.git
    found = await git.commit_id(sha)
    return await git.commit(found) if found else None


async def _new_commits(happening: Happening, update: RefUpdate) -> tuple[list[Commit], int]:
    """List the newest commits, newest first, and count them all; of a new branch ten at most."""
    git, where = happening.repository.git, happening.repository
    if not update.created:
        span = [f"{update.before}..{update.after}"]
        return await git.log(*span, limit=MAX_COMMITS), await git.count(span[0])
    default = await where.git.tip(where.default_branch)
    known = [f"^{default}"] if default and update.short != where.default_branch else []
    listed = await git.log(update.after, *known, limit=MAX_NEW)
    return listed[:MAX_COMMITS], len(listed)


def _push(
    world: World,
    happening: Happening,
    update: RefUpdate,
    *,
    commits: list[Commit] | None = None,
    total: int = 0,
    head: Commit | None = None,
) -> Message:
    where = happening.repository
    web = f"{world.places.url}/{where.slug}"
    payload: Json = {
        "ref": update.name,
        "before": update.before,
        "after": update.after,
        "compare_url": f"{web}/compare/{update.before}...{update.after}",
        "commits": [pushed_commit(world, where, one) for one in commits or []],
        "total_commits": total,
        "head_commit": pushed_commit(world, where, head) if head else None,
        "pusher": user(world, happening.actor),
        **_ending(world, happening),
    }
    return Message(
        event="push",
        subscription="push",
        fine="push",
        action=None,
        payload=payload,
        ref=update.short,
    )


def _ref_message(world: World, happening: Pushed, update: RefUpdate, event: str) -> Message:
    payload: Json = {
        "ref": update.name,  # the envelope shortens it for hooks of type gitea
        "ref_type": "tag" if update.is_tag else "branch",
        **(
            {"sha": update.after, "default_branch": happening.repository.default_branch}
            if event == "create"
            else {"pusher_type": "user"}
        ),
        **_ending(world, happening),
    }
    return Message(
        event=event, subscription=event, fine=event, action=None, payload=payload, ref=update.short
    )


async def _changed(world: World, happening: PullRequestChanged) -> Message:
    action = _ACTIONS[happening.change]
    payload = await _about(world, happening, happening.pull_request, action)
    if happening.changes:
        payload["changes"] = _changes(happening)
    if happening.label:
        payload["label"] = label(world, happening.repository.labels[happening.label])
    fine = _FINE.get(happening.change, "pull_request")
    return Message(
        event="pull_request", subscription=fine, fine=fine, action=action, payload=payload
    )


async def _about(world: World, happening: Happening, pull: PullRequest, action: str) -> Json:
    return {
        "action": action,
        "number": pull.number,
        "pull_request": await pull_request(world, pull, happening.actor),
        "requested_reviewer": None,
        **_ending(world, happening),
        "commit_id": "",
        "review": None,
    }


def _changes(happening: PullRequestChanged) -> Json:
    if "base" in happening.changes:
        # The old base is asked for when the new one is stored already.
        return {"ref": {"from": happening.pull_request.base_branch}}
    return {name: {"from": value} for name, value in happening.changes.items()}


async def _commented(world: World, happening: CommentChanged) -> Message:
    one = happening.comment
    is_pull = isinstance(one.issue, PullRequest)
    shown = (
        await pull_request(world, one.issue, happening.actor)
        if isinstance(one.issue, PullRequest)
        else None
    )
    action = happening.writing.value
    payload: Json = {
        "action": action,
        "issue": issue(world, one.issue),
        "pull_request": shown,
        "comment": comment(world, one),
        **({"changes": {"body": {"from": happening.before}}} if action == "edited" else {}),
        **_ending(world, happening),
        "is_pull": is_pull,
    }
    fine = "pull_request_comment" if is_pull else "issue_comment"
    return Message(
        event="issue_comment", subscription=fine, fine=fine, action=action, payload=payload
    )


async def _reviewed(world: World, happening: Reviewed) -> Message:
    event, kind = _REVIEWS[happening.review.state]
    payload = await _about(world, happening, happening.pull_request, "reviewed")
    payload["review"] = {"type": kind, "content": happening.review.body}
    return Message(event=event, subscription=kind, fine=kind, action="reviewed", payload=payload)


def envelope(world: World, hook: Hook, message: Message, guid: str) -> Envelope:
    """Make the delivery of a message to a hook; the JSON is signed, also inside a form."""
    payload = dict(message.payload)
    if message.event in {"create", "delete"} and hook.kind != "forgejo":
        payload["ref"] = message.ref
    text = _encoded(payload)
    is_form = hook.content_type == "form"
    body = b"payload=" + quote(text, safe="").encode() if is_form else text
    headers = {
        "Content-Type": "application/x-www-form-urlencoded" if is_form else "application/json",
        "User-Agent": "Go-http-client/1.1",
    }
    for brand in _BRANDS:
        headers[f"X-{brand}-Delivery"] = guid
        headers[f"X-{brand}-Event"] = message.event
        headers[f"X-{brand}-Event-Type"] = message.fine
    headers |= _signatures(hook.secret or "", text)
    if hook.authorization:
        headers["Authorization"] = hook.authorization
    return Envelope(headers=headers, body=body)


def _encoded(payload: Json) -> bytes:
    """Write JSON as Go does: indented, no final newline, three characters escaped."""
    text = dumps(payload, ensure_ascii=False, indent=2)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def _signatures(secret: str, text: bytes) -> dict[str, str]:
    """Return all signature headers: of a hook without a secret they are empty."""
    key = secret.encode()
    long = hmac.new(key, text, "sha256").hexdigest() if secret else ""
    short = hmac.new(key, text, hashlib.sha1).hexdigest() if secret else ""
    return {
        **{f"X-{brand}-Signature": long for brand in _BRANDS[:3]},
        "X-Hub-Signature": f"sha1={short}",
        "X-Hub-Signature-256": f"sha256={long}",
    }
