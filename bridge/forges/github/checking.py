"""Statuses of a commit on GitHub: what programs set, and what checks came to."""

from typing import Final

from pydantic import Field

from bridge.domain.errors import NotAllowedError, NotFoundError
from bridge.domain.vcs import CommitStatus, StatusState
from bridge.forges.github.api import GitHubApi
from bridge.forges.wire import Answer, parse, repository_path
from bridge.http import segment

_STATES: Final = {state.value: state for state in StatusState}
_GOOD: Final = frozenset({"success", "neutral", "skipped"})
_WORST_LAST: Final = (
    StatusState.SUCCESS,
    StatusState.PENDING,
    StatusState.ERROR,
    StatusState.FAILURE,
)


class _Status(Answer):
    context: str
    state: str
    description: str | None = None
    target_url: str | None = None

    def value(self) -> CommitStatus:
        return CommitStatus(
            context=self.context,
            state=_STATES.get(self.state, StatusState.ERROR),  # a word of next year's is no success
            description=self.description or "",
            target_url=self.target_url or "",
        )


class _Combined(Answer):
    statuses: list[_Status]


class _Output(Answer):
    title: str | None = None


class _CheckRun(Answer):
    name: str
    status: str
    conclusion: str | None = None
    details_url: str | None = None
    output: _Output | None = None

    def value(self) -> CommitStatus:
        return CommitStatus(
            context=self.name,
            state=self._state(),
            description=(self.output.title if self.output else None) or "",
            target_url=self.details_url or "",
        )

    def _state(self) -> StatusState:
        if self.status != "completed":
            return StatusState.PENDING
        return StatusState.SUCCESS if self.conclusion in _GOOD else StatusState.FAILURE


class _CheckRuns(Answer):
    check_runs: list[_CheckRun] = Field(default_factory=list)


async def statuses(api: GitHubApi, slug: str, sha: str) -> tuple[list[CommitStatus], bool]:
    """List the newest status of every context, and tell whether checks could be seen, too.

    Several of one name (a status and a check, checks of two Apps) come to the worst of them. An
    App without the permission ``checks: read`` sees none: what is required and not seen is shut.
    """
    path = f"{repository_path(slug)}/commits/{segment(sha)}"
    found = [
        one.value()
        async for page in api.pages(f"{path}/status", slug=slug)
        for one in parse(_Combined, page).statuses
    ]
    checks = await _check_runs(api, f"{path}/check-runs", slug)
    worst: dict[str, CommitStatus] = {}
    for one in [*found, *(checks or [])]:
        key = one.context.lower()
        if key not in worst or _badness(one) > _badness(worst[key]):
            worst[key] = one
    return list(worst.values()), checks is not None


async def _check_runs(api: GitHubApi, path: str, slug: str) -> list[CommitStatus] | None:
    try:
        return [
            one.value()
            async for page in api.pages(path, slug=slug, params={"filter": "latest"})
            for one in parse(_CheckRuns, page).check_runs
        ]
    except NotFoundError:
        return []
    except NotAllowedError:
        return None


def _badness(status: CommitStatus) -> int:
    return _WORST_LAST.index(status.state)
