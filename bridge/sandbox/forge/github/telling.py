"""What GitHub's hooks hear. Source: docs.github.com, "Webhook events and payloads"."""

import hashlib
import hmac
from json import dumps
from urllib.parse import quote

from bridge.sandbox.forge.dialects import Envelope, Message
from bridge.sandbox.forge.github.commits import pushed_commit
from bridge.sandbox.forge.github.hooks import hook as show_hook
from bridge.sandbox.forge.github.people import node_id, organization, user
from bridge.sandbox.forge.github.pulls import (
    comment,
    full_pull_request,
    issue,
    label,
    pull_request,
    review,
)
from bridge.sandbox.forge.github.repositories import pushed, repository, web_url
from bridge.sandbox.forge.happenings import (
    Change,
    CommentChanged,
    Happening,
    HookTested,
    PullRequestChanged,
    Pushed,
    QueueAsked,
    RefUpdate,
    Reviewed,
)
from bridge.sandbox.forge.limits import LIMITS
from bridge.sandbox.forge.model import Flavour, Hook, Kind
from bridge.sandbox.forge.routes import Json
from bridge.sandbox.forge.world import World

MAX_COMMITS = 2048

_ACTIONS = {
    Change.OPENED: "opened",
    Change.EDITED: "edited",
    Change.MOVED: "synchronize",
    Change.READY: "ready_for_review",
    Change.DRAFTED: "converted_to_draft",
    Change.LABELED: "labeled",
    Change.UNLABELED: "unlabeled",
    Change.CLOSED: "closed",
    Change.REOPENED: "reopened",
}
_SHORT = 12


async def tell(world: World, happening: Happening) -> list[Message]:
    """Say what hooks hear of a happening, in order."""
    match happening:
        case Pushed():
            return await _pushed(world, happening)
        case PullRequestChanged():
            return [await _changed(world, happening)]
        case CommentChanged():
            return [_commented(world, happening)]
        case Reviewed():
            return [_reviewed(world, happening)]
        case QueueAsked():
            return [await _queue_asked(world, happening)]
        case _:
            pass
    return [_pinged(world, happening)] if isinstance(happening, HookTested) else []


def _pinged(world: World, happening: HookTested) -> Message:
    payload: Json = {
        "zen": "Keep it logically awesome.",
        "hook_id": happening.hook.id,
        "hook": show_hook(world, happening.hook),
    }
    return _message("ping", None, {**payload, **_ending(world, happening)})


def _message(event: str, action: str | None, payload: Json) -> Message:
    return Message(event=event, subscription=event, fine="", action=action, payload=payload)


def _ending(world: World, happening: Happening) -> Json:
    """Return what every delivery ends with."""
    owner = happening.repository.owner
    is_organization = owner.kind is Kind.ORGANIZATION
    return {
        "repository": repository(world, happening.repository),
        **({"organization": organization(world, owner)} if is_organization else {}),
        "sender": user(world, happening.actor),
    }


async def _pushed(world: World, happening: Pushed) -> list[Message]:
    most = LIMITS[Flavour.GITHUB].tags_per_push or 0
    tags = [update for update in happening.updates if update.is_tag]
    messages: list[Message] = []
    for update in happening.updates:
        if update.is_tag and len(tags) > most:
            continue
        if update.created or update.deleted:
            messages.append(_ref_changed(world, happening, update))
        messages.append(_message("push", None, await _push(world, happening, update)))
    return messages


def _ref_changed(world: World, happening: Pushed, update: RefUpdate) -> Message:
    payload: Json = {
        "ref": update.short,
        "ref_type": "tag" if update.is_tag else "branch",
        "pusher_type": "user",
        **_ending(world, happening),
    }
    if update.created:
        payload |= {"master_branch": happening.repository.default_branch, "description": None}
    return _message("create" if update.created else "delete", None, payload)


async def _push(world: World, happening: Pushed, update: RefUpdate) -> Json:
    where, git = happening.repository, happening.repository.git
    head = None if update.deleted else await git.commit_id(update.after)
    commits: list[Json] = []
    if head and not update.is_tag:
        start = await _start(happening, update)
        listed = await git.log(*start, limit=MAX_COMMITS, oldest_first=True)
        commits = [pushed_commit(world, where, one) for one in listed]
    return {
        "ref": update.name,
        "before": update.before,
        "after": update.after,
        **_ending(world, happening),
        "repository": pushed(world, where),
        "pusher": {"name": happening.actor.login, "email": happening.actor.email},
        "created": update.created,
        "deleted": update.deleted,
        "forced": update.forced,
        "base_ref": await _base_ref(happening, update),
        "compare": _compare(f"{web_url(world, where)}/compare/", update),
        "commits": commits,
        "head_commit": pushed_commit(world, where, await git.commit(head)) if head else None,
    }


async def _start(happening: Pushed, update: RefUpdate) -> list[str]:
    """Return the range of new commits: of a new branch those that are nowhere else."""
    if not update.created:
        return [f"{update.before}..{update.after}"]
    refs = await happening.repository.git.refs()
    others = [
        f"^{sha}"
        for name, sha in refs.items()
        if name.startswith("refs/heads/") and name != update.name
    ]
    return [update.after, *others]


async def _base_ref(happening: Pushed, update: RefUpdate) -> str | None:
    if not update.created:
        return None
    refs = await happening.repository.git.refs()
    same = [name for name, sha in refs.items() if sha == update.after and name != update.name]
    return next((name for name in same if name.startswith("refs/heads/")), None)


def _compare(url: str, update: RefUpdate) -> str:
    if update.created:
        return url + update.short
    return f"{url}{update.before[:_SHORT]}...{update.after[:_SHORT]}"


async def _changed(world: World, happening: PullRequestChanged) -> Message:
    pull, action = happening.pull_request, _ACTIONS[happening.change]
    payload: Json = {
        "action": action,
        "number": pull.number,
        "pull_request": await full_pull_request(world, pull, computed=False),
    }
    if happening.change is Change.MOVED:
        payload |= {"before": happening.before, "after": pull.head_sha}
    if happening.changes:
        payload["changes"] = _changes(dict(happening.changes))
    if happening.label:
        known = happening.repository.labels[happening.label]
        payload["label"] = label(world, happening.repository, known)
    return _message("pull_request", action, {**payload, **_ending(world, happening)})


def _changes(old: dict[str, str]) -> Json:
    if "base" in old:
        return {"base": {"ref": {"from": old["base"]}, "sha": {"from": old["base_sha"]}}}
    return {name: {"from": value} for name, value in old.items()}


def _commented(world: World, happening: CommentChanged) -> Message:
    action = happening.writing.value
    payload: Json = {
        "action": action,
        "issue": issue(world, happening.comment.issue),
        "comment": comment(world, happening.comment),
    }
    if action == "edited":
        payload["changes"] = {"body": {"from": happening.before}}
    return _message("issue_comment", action, {**payload, **_ending(world, happening)})


def _reviewed(world: World, happening: Reviewed) -> Message:
    shown = review(world, happening.pull_request, happening.review)
    action = "dismissed" if happening.review.dismissed else "submitted"
    payload: Json = {
        "action": action,
        "review": {**shown, "state": str(shown["state"]).lower()},
        "pull_request": pull_request(world, happening.pull_request),
        **_ending(world, happening),
    }
    return _message("pull_request_review", action, payload)


async def _queue_asked(world: World, happening: QueueAsked) -> Message:
    action = "destroyed" if happening.reason else "checks_requested"
    commit = await happening.repository.git.commit(happening.head_sha)
    payload: Json = {
        "action": action,
        **({"reason": happening.reason} if happening.reason else {}),
        "merge_group": {
            "head_sha": happening.head_sha,
            "head_ref": happening.head_ref,
            "base_sha": happening.base_sha,
            "base_ref": happening.base_ref,
            "head_commit": pushed_commit(world, happening.repository, commit),
        },
        **_ending(world, happening),
    }
    return _message("merge_group", action, payload)


def envelope(world: World, hook: Hook, message: Message, guid: str) -> Envelope:
    """Make the delivery of a message to a hook, signed over the bytes that are sent."""
    payload, target = dict(message.payload), hook.repository.id if hook.repository else 0
    app = world.app
    if app is not None and hook is app.hook:
        payload["installation"] = _installation(world, payload)
        target = app.id
    text = dumps(payload, ensure_ascii=False, separators=(",", ":"))
    is_form = hook.content_type == "form"
    body = f"payload={quote(text, safe='')}".encode() if is_form else text.encode()
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded" if is_form else "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Enterprise-Host": world.places.url.partition("://")[2],
        "X-GitHub-Enterprise-Version": "3.19.0",
        "X-GitHub-Event": message.event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(target),
        "X-GitHub-Hook-Installation-Target-Type": hook.kind,
    }
    if hook.secret:
        key = hook.secret.encode()
        headers["X-Hub-Signature"] = "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest()
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(key, body, "sha256").hexdigest()
    return Envelope(headers=headers, body=body)


def _installation(world: World, payload: Json) -> Json:
    where = payload["repository"]
    owner = str(where["owner"]["login"]).lower() if isinstance(where, dict) else ""
    number = world.app.installations[owner] if world.app else 0
    return {"id": number, "node_id": node_id("IntegrationInstallation", number)}
