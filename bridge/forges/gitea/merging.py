"""Whether Gitea or Forgejo would merge a pull request, its statuses, and merging it."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from bridge.decisions.wording import code
from bridge.domain.errors import RemoteError
from bridge.domain.vcs import (
    IS_DRAFT,
    CommitStatus,
    Mergeability,
    MergeMethod,
    PullRequest,
    StatusState,
)
from bridge.forges.gitea.answers import BranchAnswer
from bridge.forges.gitea.api import detail_of, pages, ref_path
from bridge.forges.gitea.reviewing import Rules, complaint, read_rules
from bridge.forges.judging import Contexts, is_meant
from bridge.forges.wire import Answer, not_merged, parse
from bridge.http import HttpClient, segment

PATIENCE: Final = (1.0, 2.0, 3.0)
"""Pauses while it may still find out: ``mergeable`` is never null, and false meanwhile."""

CONTEXTS: Final = Contexts(matches=is_meant)
_STATES: Final = {
    **{state.value: state for state in StatusState},
    "skipped": StatusState.SUCCESS,
    "warning": StatusState.FAILURE,
}
_REFUSALS: Final = frozenset(
    {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
)
_STILL: Final = "Please try again later"


class _Head(Answer):
    sha: str = ""


class _PullRequest(Answer):
    state: str
    draft: bool | None = None
    mergeable: bool = False
    merge_base: str = ""
    merge_commit_sha: str | None = None
    head: _Head


class _Status(Answer):
    id: int
    context: str
    status: str
    description: str = ""
    target_url: str = ""


async def statuses(http: HttpClient, below: str, sha: str) -> list[CommitStatus]:
    """List the newest status of every context; a word that is not known is no success."""
    newest: dict[str, _Status] = {}
    path = f"{below}/commits/{segment(sha)}/statuses"
    async for page in pages(http, path, _Status):
        for one in page:
            known = newest.get(one.context)
            if known is None or one.id > known.id:
                newest[one.context] = one
    return [
        CommitStatus(
            context=one.context,
            state=_STATES.get(one.status, StatusState.ERROR),
            description=one.description,
            target_url=one.target_url,
        )
        for one in newest.values()
    ]


async def mergeability(
    http: HttpClient,
    below: str,
    pull_request: PullRequest,
    ignoring: Sequence[str],
    sleep: Callable[[float], Awaitable[None]],
) -> Mergeability:
    """See Forge.mergeability; the forge tells of conflicts only, the rest is read here."""
    found = await _computed(http, below, pull_request, sleep)
    rules = await read_rules(http, below, pull_request.base_branch)
    problems = _plain_problems(found, pull_request)
    if rules.seen.enable_status_check:
        present = await statuses(http, below, pull_request.head_sha)
        # A rule that names none means all that were reported.
        required = rules.seen.status_check_contexts or [one.context for one in present]
        problems += CONTEXTS.unmet(required, present, ignoring)
    if said := await complaint(http, below, pull_request, rules):
        problems.append(said)
    if await _is_outdated(http, below, pull_request, rules, found.merge_base):
        base = code(pull_request.base_branch)
        problems.append(f"The rule of {base} asks for a head that holds all of it.")
    return Mergeability(mergeable=not problems, problems=tuple(problems))


async def _computed(
    http: HttpClient,
    below: str,
    pull_request: PullRequest,
    sleep: Callable[[float], Awaitable[None]],
) -> _PullRequest:
    path = f"{below}/pulls/{pull_request.ref.number}"
    found = parse(_PullRequest, await http.request("GET", path))
    for pause in PATIENCE:
        if found.mergeable or pull_request.draft or found.state != "open":
            break
        await sleep(pause)
        found = parse(_PullRequest, await http.request("GET", path))
    return found


def _plain_problems(found: _PullRequest, pull_request: PullRequest) -> list[str]:
    base = code(pull_request.base_branch)
    is_draft = found.draft or pull_request.draft
    stuck = found.state == "open" and not found.mergeable and not is_draft
    told = (
        (found.state != "open", "It is not open."),
        (found.head.sha != pull_request.head_sha, "Its head moved just now."),
        (is_draft, IS_DRAFT),
        (stuck, f"It conflicts with {base}, or the forge is still finding out whether it does."),
    )
    return [sentence for is_so, sentence in told if is_so]


async def _is_outdated(
    http: HttpClient, below: str, pull_request: PullRequest, rules: Rules, merge_base: str
) -> bool:
    if rules.whole is None or not rules.whole.block_on_outdated_branch:
        return False
    path = f"{below}/branches/{ref_path(pull_request.base_branch)}"
    return parse(BranchAnswer, await http.request("GET", path)).value().sha != merge_base


async def merge(
    http: HttpClient, below: str, pull_request: PullRequest, method: MergeMethod, sha: str
) -> str:
    """See Forge.merge; the answer is empty, so the merge's commit is asked for."""
    path = f"{below}/pulls/{pull_request.ref.number}"
    response = await http.request(
        "POST",
        f"{path}/merge",
        json={"Do": method.value, "head_commit_id": sha},
        expect={HTTPStatus.OK, *_REFUSALS},
    )
    if response.status in _REFUSALS:
        said = detail_of(response)
        more = " (it conflicts, or is still being looked at)" if said == _STILL else ""
        raise not_merged(response, said + more)
    try:
        merged = parse(_PullRequest, await http.request("GET", path))
    except RemoteError:  # it is merged all the same
        return ""
    return merged.merge_commit_sha or ""
