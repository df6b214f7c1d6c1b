"""Whether GitHub would merge a pull request, and merging it."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from bridge.decisions.wording import code
from bridge.domain.vcs import IS_DRAFT, Mergeability, MergeMethod, PullRequest
from bridge.forges.github import checking, reviewing, rules
from bridge.forges.github.api import GitHubApi, detail_of
from bridge.forges.judging import Contexts
from bridge.forges.wire import Answer, not_merged, parse, repository_path

# GitHub computes it after the first question: "poll until it is not null" (docs.github.com,
# "Checking mergeability of pull requests").
PATIENCE: Final = (1.0, 2.0, 3.0)

CONTEXTS: Final = Contexts(key=str.lower)
_REFUSALS: Final = frozenset(
    {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
)
_UNSEEN: Final = "The bridge may not see checks: its App lacks the permission `checks: read`."


class _Head(Answer):
    sha: str


class _PullRequest(Answer):
    state: str
    draft: bool | None = None
    mergeable: bool | None = None
    mergeable_state: str = ""
    head: _Head


class _Merged(Answer):
    sha: str | None = None
    merged: bool
    message: str = ""


async def mergeability(
    api: GitHubApi,
    pull_request: PullRequest,
    slug: str,
    ignoring: Sequence[str],
    sleep: Callable[[float], Awaitable[None]],
) -> Mergeability:
    """See Forge.mergeability.

    Where a status in *ignoring* is required and has not succeeded, GitHub calls the pull request
    blocked, and names no other reason that it may have besides (conversations, signatures): the
    merge itself is refused for those.
    """
    found = await _computed(api, pull_request, slug, sleep)
    if found.state == "open" and found.mergeable is None:
        return Mergeability(mergeable=None)
    problems = _plain_problems(found, pull_request)
    required = await rules.required_contexts(api, slug, pull_request.base_branch)
    statuses, seen = await checking.statuses(api, slug, pull_request.head_sha)
    unmet = CONTEXTS.unmet(required, statuses, ignoring)
    problems += [*unmet, _UNSEEN] if unmet and not seen else unmet
    if found.mergeable_state == "blocked":
        if said := await reviewing.complaint(api, slug, pull_request.ref.number):
            problems.append(said)
        elif not problems and not CONTEXTS.unmet(required, statuses, ()):
            base = code(pull_request.base_branch)
            problems.append(f"GitHub blocks merging by a rule of {base} that it does not name.")
    return Mergeability(mergeable=not problems, problems=tuple(problems))


async def _computed(
    api: GitHubApi,
    pull_request: PullRequest,
    slug: str,
    sleep: Callable[[float], Awaitable[None]],
) -> _PullRequest:
    path = f"{repository_path(slug)}/pulls/{pull_request.ref.number}"
    found = parse(_PullRequest, await api.request("GET", path, slug=slug))
    for pause in PATIENCE:
        if found.state != "open" or found.mergeable is not None:
            break
        await sleep(pause)
        found = parse(_PullRequest, await api.request("GET", path, slug=slug))
    return found


def _plain_problems(found: _PullRequest, pull_request: PullRequest) -> list[str]:
    base = code(pull_request.base_branch)
    told = (
        (found.state != "open", "It is not open."),
        (found.head.sha != pull_request.head_sha, "Its head moved just now."),
        (found.mergeable is False, f"It conflicts with {base}."),
        (bool(found.draft), IS_DRAFT),
        (
            found.mergeable_state == "behind",
            f"The rules of {base} ask for a head that holds all of it, and this one does not.",
        ),
    )
    return [sentence for is_so, sentence in told if is_so]


async def merge(
    api: GitHubApi, pull_request: PullRequest, slug: str, method: MergeMethod, sha: str
) -> str:
    """See Forge.merge."""
    response = await api.request(
        "PUT",
        f"{repository_path(slug)}/pulls/{pull_request.ref.number}/merge",
        slug=slug,
        json={"merge_method": method.value, "sha": sha},
        expect={HTTPStatus.OK, *_REFUSALS},
    )
    if response.status in _REFUSALS:
        raise not_merged(response, detail_of(response))
    merged = parse(_Merged, response)
    if not merged.merged:
        raise not_merged(response, merged.message)
    return merged.sha or ""
