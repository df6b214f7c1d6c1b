"""Webhooks of Gitea and Forgejo from the other side.

Source: a running Forgejo 10. Unknown names of events are accepted and dropped, the default is an
inactive hook, a change of a hook resets what it does not mention and cannot change the secret: so
a hook is made anew and read back.
"""

from collections.abc import Iterable

from bridge.domain.vcs import Repository
from bridge.forges.gitea.answers import HookAnswer
from bridge.forges.gitea.api import pages
from bridge.forges.wire import parse, repository_path
from bridge.http import HttpClient
from bridge.ports import InstalledHook

WANTED_EVENTS = (
    "delete",
    "push",
    "pull_request",
    "pull_request_comment",  # issue_comment alone does not bring those of pull requests
    "pull_request_review_approved",
    "pull_request_review_comment",
    "pull_request_review_rejected",
    "pull_request_sync",
)
"""What a hook of ours subscribes to; "pull_request" alone is not expanded by every version."""


async def list_hooks(http: HttpClient, slug: str) -> list[HookAnswer]:
    """List a repository's hooks, all pages; needs administration rights."""
    path = f"{repository_path(slug)}/hooks"
    return [hook async for page in pages(http, path, HookAnswer) for hook in page]


async def install_hook(
    http: HttpClient, kind: str, repository: Repository, url: str, secret: str
) -> InstalledHook:
    """Make the hook at *url* anew and read it back; *kind* is ``gitea`` or ``forgejo``."""
    slug = repository.ref.slug
    path = f"{repository_path(slug)}/hooks"
    present = [hook for hook in await list_hooks(http, slug) if hook.config.get("url") == url]
    wanted = {
        "type": kind,
        "active": True,
        "events": list(WANTED_EVENTS),
        "branch_filter": "*",
        "config": {"url": url, "content_type": "json", "secret": secret},
    }
    created = parse(HookAnswer, await http.request("POST", path, json=wanted))
    # The old ones go last: between two requests there may be two hooks, but never none.
    for old in present:
        await http.request("DELETE", f"{path}/{old.id}")
    found = parse(HookAnswer, await http.request("GET", f"{path}/{created.id}"))
    return installed(found, url=url)


def installed(hook: HookAnswer, *, url: str | None = None) -> InstalledHook:
    """Compare a hook as read back with what the bridge needs."""
    return InstalledHook(
        id=str(hook.id),
        url=hook.config.get("url", ""),
        active=hook.active,
        events=tuple(sorted(hook.events or [])),
        problems=tuple(_problems(hook, url)),
    )


def _problems(hook: HookAnswer, url: str | None) -> Iterable[str]:
    if url is not None and hook.config.get("url") != url:
        yield "it delivers to another address"
    if not hook.active:
        yield "it is not active"
    missing = sorted(set(WANTED_EVENTS) - set(hook.events or []))
    if missing:
        yield f"it does not send {', '.join(missing)}"
    if hook.branch_filter not in {"", "*"}:
        yield f"it is limited to the branches {hook.branch_filter}"
