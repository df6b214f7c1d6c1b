"""GitHub's webhooks from the other side: installing them, and asking for what did not arrive."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from http import HTTPStatus

from bridge.domain.errors import NotAllowedError, NotFoundError, PermanentRemoteError
from bridge.domain.vcs import Repository
from bridge.forges.github.answers import HookAnswer, HookDeliveryAnswer
from bridge.forges.github.api import GitHubApi
from bridge.forges.github.deliveries import WANTED_EVENTS
from bridge.forges.wire import parse, repository_path
from bridge.ports import FailedDelivery, InstalledHook

APP_DELIVERIES = "/app/hook/deliveries"

_MAX_ATTEMPTS = 3
_ID = re.compile(r"(?:(?P<slug>[^|]+)\|(?P<hook>[0-9]+)/)?(?P<attempt>[0-9]+)")
# Answers that are the bridge's own verdict on the body: sending it again changes nothing.
_VERDICTS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


async def list_hooks(api: GitHubApi, slug: str) -> list[HookAnswer]:
    """List a repository's hooks, all pages; needs administration rights."""
    path = f"{repository_path(slug)}/hooks"
    return [
        hook async for page in api.pages(path, slug=slug) for hook in parse(list[HookAnswer], page)
    ]


async def install_hook(
    api: GitHubApi, repository: Repository, url: str, secret: str
) -> InstalledHook:
    """Bring the repository to exactly one hook at *url*, and read it back."""
    slug = repository.ref.slug
    path = f"{repository_path(slug)}/hooks"
    present = [hook for hook in await list_hooks(api, slug) if hook.config.url == url]
    wanted = {
        "active": True,
        "events": list(WANTED_EVENTS),
        "config": {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"},
    }
    if present:
        # GitHub lets the secret be changed, so there is no moment without a hook.
        hook_path = f"{path}/{present[0].id}"
        await api.request("PATCH", hook_path, slug=slug, json=wanted)
    else:
        created = await api.request("POST", path, slug=slug, json={"name": "web", **wanted})
        hook_path = f"{path}/{parse(HookAnswer, created).id}"
    for extra in present[1:]:
        await api.request("DELETE", f"{path}/{extra.id}", slug=slug)
    return installed(parse(HookAnswer, await api.request("GET", hook_path, slug=slug)), url=url)


def installed(hook: HookAnswer, *, url: str | None = None) -> InstalledHook:
    """Compare a hook as read back with what the bridge needs."""
    return InstalledHook(
        id=str(hook.id),
        url=hook.config.url,
        active=hook.active,
        events=tuple(sorted(hook.events)),
        problems=tuple(_problems(hook, url)),
    )


def _problems(hook: HookAnswer, url: str | None) -> Iterable[str]:
    if url is not None and hook.config.url != url:
        yield "it delivers to another address"
    if not hook.active:
        yield "it is not active"
    missing = [] if "*" in hook.events else sorted(set(WANTED_EVENTS) - set(hook.events))
    if missing:
        yield f"it does not send {', '.join(missing)}"
    if not hook.config.secret:
        yield "it has no secret"
    if str(hook.config.insecure_ssl) != "0":
        yield "it does not verify certificates"
    code = hook.last_response.code if hook.last_response else None
    if code is not None and not HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES:
        yield f"its last delivery was answered {code}"


async def failed_of_app(api: GitHubApi, since: datetime) -> Sequence[FailedDelivery]:
    """List the App's deliveries since *since* that never succeeded."""
    return await _failed(api, APP_DELIVERIES, None, since)


async def failed_of_repository(
    api: GitHubApi, slug: str, route: str, since: datetime
) -> Sequence[FailedDelivery]:
    """List deliveries that never succeeded, of a repository's hooks whose path ends in *route*.

    Empty where the bridge's account may not see the hooks.
    """
    found: list[FailedDelivery] = []
    try:
        hooks = await list_hooks(api, slug)
    except (NotAllowedError, NotFoundError):
        return found
    for hook in hooks:
        if hook.config.url.partition("?")[0].endswith(route):
            path = f"{repository_path(slug)}/hooks/{hook.id}/deliveries"
            found += await _failed(api, path, slug, since)
    return found


async def redeliver(api: GitHubApi, delivery: FailedDelivery) -> None:
    """Ask for another attempt; its id is as the lists above make it."""
    named = _ID.fullmatch(delivery.id)
    if named is None:
        msg = f"{delivery.id!r} names no delivery"
        raise PermanentRemoteError(msg, service=api.http.service)
    slug, hook, attempt = named.group("slug", "hook", "attempt")
    path = f"{repository_path(slug)}/hooks/{hook}/deliveries" if slug else APP_DELIVERIES
    await api.request("POST", f"{path}/{attempt}/attempts", slug=slug)


async def _failed(
    api: GitHubApi, path: str, slug: str | None, since: datetime
) -> list[FailedDelivery]:
    if not await _listed(api, path, slug, since, only_failures=True):
        return []
    # One that failed and was sent again keeps its guid: only the whole list tells.
    attempts: dict[str, list[HookDeliveryAnswer]] = {}
    for attempt in await _listed(api, path, slug, since, only_failures=False):
        attempts.setdefault(attempt.guid, []).append(attempt)
    return sorted(
        (
            FailedDelivery(
                id=_id(path, slug, tries[0]), key=guid, delivered_at=tries[0].delivered_at
            )
            for guid, tries in attempts.items()
            if len(tries) < _MAX_ATTEMPTS and all(_is_failure(one) for one in tries)
        ),
        key=lambda failed: failed.delivered_at,
    )


def _id(path: str, slug: str | None, attempt: HookDeliveryAnswer) -> str:
    """Name an attempt: ``<id>`` of an App, ``<owner/name>|<hook>/<id>`` of a repository."""
    return f"{slug}|{path.split('/')[-2]}/{attempt.id}" if slug else str(attempt.id)


async def _listed(
    api: GitHubApi, path: str, slug: str | None, since: datetime, *, only_failures: bool
) -> list[HookDeliveryAnswer]:
    """List attempts since *since*, newest first as GitHub does, and look no further back."""
    found: list[HookDeliveryAnswer] = []
    params = {"status": "failure"} if only_failures else {}
    async for page in api.pages(path, slug=slug, params=params):
        attempts = parse(list[HookDeliveryAnswer], page)
        recent = [one for one in attempts if one.delivered_at >= since]
        # A server too old for the parameter lists everything.
        found += [one for one in recent if not only_failures or _is_failure(one)]
        if len(recent) < len(attempts) or (only_failures and found):
            break
    return found


def _is_failure(attempt: HookDeliveryAnswer) -> bool:
    code = attempt.status_code
    return not HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES and code not in _VERDICTS
