"""GitHub behind the Forge port. Source of the requests: GitHub's OpenAPI description."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from cachetools import TTLCache

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import NotFoundError, PermanentRemoteError, TooLargeError
from bridge.domain.events import Event
from bridge.domain.examining import Budget, Credentials, SentDelivery, Wants
from bridge.domain.vcs import (
    Branch,
    ChangedFiles,
    Comment,
    CommitStatus,
    Mergeability,
    MergeMethod,
    Permission,
    PullRequest,
    PullRequestRef,
    Repository,
    RepositoryRef,
    Reviews,
)
from bridge.forges.github import checking, examining, hooks, merging, reviewing, teams
from bridge.forges.github.answers import (
    AppAnswer,
    BranchAnswer,
    CommentAnswer,
    CommitAnswer,
    ComparisonAnswer,
    FileAnswer,
    PermissionAnswer,
    PullRequestAnswer,
    ReferenceAnswer,
    RepositoryAnswer,
    UserAnswer,
)
from bridge.forges.github.api import GitHubApi
from bridge.forges.github.receiving import Receiver
from bridge.forges.wire import fit_context, fit_description, parse, repository_path
from bridge.http import Response, segment
from bridge.ports import FailedDelivery, Ignored, InstalledHook

COMMENT_LIMIT = 65_000  # UTF-16 units; GitHub's own word is 65,536 characters
MAX_FILES = 3000  # of a pull request, whatever it changes
MAX_COMPARED_FILES = 300
_MAX_CONTEXT = 255
_MAX_DESCRIPTION = 140

_SLUG_TTL = 600.0
_PERMISSION_TTL = 60.0
# A pull request may answer 404 for a moment after it was announced.
_PATIENCE = (0.5, 1.0, 2.0)

T = TypeVar("T")


@dataclass(slots=True, kw_only=True, eq=False)
class GitHubForge:
    """One GitHub instance, used as an App or with a token.

    Attributes:
        is_app: Whether the bridge is an App there.
        sleep: Waits for seconds; a test need not.
    """

    name: str
    receiver: Receiver
    api: GitHubApi
    is_app: bool
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    driver: str = "github"
    comment_limit: int = COMMENT_LIMIT
    folds: bool = True
    _slugs: TTLCache[str, str] = field(
        default_factory=lambda: TTLCache(10_000, _SLUG_TTL), repr=False
    )
    _reviewers: TTLCache[tuple[str, str], Permission] = field(
        default_factory=lambda: TTLCache(10_000, _PERMISSION_TTL), repr=False
    )
    _self: list[tuple[str, str]] = field(default_factory=list, repr=False)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.api.aclose()

    def measure(self, text: str) -> int:
        """See Forge.measure: UTF-16 units, the safe count of several that GitHub was seen to use.

        A character beyond the basic plane counts as two.
        """
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    def accept_delivery(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        """See Forge.accept_delivery."""
        return self.receiver.accept_delivery(headers, query, body, now)

    def parse_delivery(self, delivery: Delivery) -> Event | Ignored:
        """See Forge.parse_delivery."""
        return self.receiver.reader.parse_delivery(delivery)

    async def whoami(self) -> tuple[str, str]:
        """See Forge.whoami; an App has no id it could ask for: it is told by ``<slug>[bot]``."""
        if not self._self:
            if self.is_app:
                app = parse(AppAnswer, await self.api.request("GET", "/app", slug=None))
                self._self.append((f"{app.slug}[bot]", ""))
            else:
                user = parse(UserAnswer, await self.api.request("GET", "/user", slug=None))
                self._self.append((user.login, str(user.id)))
        return self._self[0]

    async def repository(self, slug: str) -> Repository:
        """See Forge.repository."""
        response = await self.api.request("GET", repository_path(slug), slug=slug)
        repository = parse(RepositoryAnswer, response).value(self.name)
        self._slugs[repository.ref.id] = repository.ref.slug
        return repository

    async def repository_by_id(self, repository: RepositoryRef) -> Repository:
        """See Forge.repository_by_id.

        The last known name leads to the present one; a repository that took the name over has
        another id and is not the one that was meant.
        """
        found = await self.repository(repository.slug)
        self._check_still(repository, found.ref)
        return found

    async def pull_request(self, ref: PullRequestRef) -> PullRequest:
        """See Forge.pull_request."""
        path, slug = await self._path(ref.repository, f"pulls/{ref.number}")
        response = await self._patiently(lambda: self.api.request("GET", path, slug=slug))
        found = parse(PullRequestAnswer, response).value(self.name)
        self._check_still(ref.repository, found.ref.repository)
        return found

    async def open_pull_requests(self, repository: RepositoryRef) -> Sequence[PullRequest]:
        """See Forge.open_pull_requests."""
        found = await self._list(
            PullRequestAnswer, repository, "pulls", {"state": "open", "direction": "asc"}
        )
        return [answer.value(self.name) for answer in found]

    async def branches(self, repository: RepositoryRef) -> Sequence[Branch]:
        """See Forge.branches."""
        return [answer.value() for answer in await self._list(BranchAnswer, repository, "branches")]

    async def branch(self, repository: RepositoryRef, name: str) -> Branch | None:
        """See Forge.branch."""
        path, slug = await self._path(repository, f"branches/{segment(name)}")
        try:
            response = await self.api.request("GET", path, slug=slug)
        except NotFoundError:
            return None
        branch = parse(BranchAnswer, response).value()
        # A renamed branch redirects to its new name: that is another branch.
        return branch if branch.name == name else None

    async def changed_files(self, ref: PullRequestRef) -> ChangedFiles:
        """See Forge.changed_files."""
        try:
            files = await self._patiently(
                lambda: self._list(FileAnswer, ref.repository, f"pulls/{ref.number}/files")
            )
        except TooLargeError:  # it comes with the patches of the files
            return _incomplete("the list of files is larger than the bridge reads")
        return _changed(files, limit=MAX_FILES, what="a pull request")

    async def compared_files(
        self, repository: RepositoryRef, before: str, after: str
    ) -> ChangedFiles:
        """See Forge.compared_files."""
        try:
            forth = await self._compare(repository, before, after)
            # GitHub compares with the merge base: what a rewritten branch lost is on the way back.
            lost = forth.status in {"diverged", "behind"}
            back = await self._compare(repository, after, before) if lost else None
        except NotFoundError:
            return _incomplete("the commits share no history")
        except TooLargeError:  # it comes with the patches of the files
            return _incomplete("the comparison is larger than the bridge reads")
        limited = [
            _changed(one.files, limit=MAX_COMPARED_FILES, what="a comparison")
            for one in (forth, back)
            if one is not None
        ]
        return ChangedFiles(
            paths=tuple(sorted({path for one in limited for path in one.paths})),
            complete=all(one.complete for one in limited),
            reason=next((one.reason for one in limited if not one.complete), ""),
        )

    async def is_ancestor(self, repository: RepositoryRef, older: str, newer: str) -> bool:
        """See Forge.is_ancestor."""
        try:
            found = await self._compare(repository, older, newer)
        except (NotFoundError, TooLargeError):
            return False
        return found.status in {"ahead", "identical"}

    async def tag_commit(self, repository: RepositoryRef, tag: str) -> str | None:
        """See Forge.tag_commit."""
        name = segment(f"tags/{tag}")
        path, slug = await self._path(repository, f"git/ref/{name}")
        try:
            response = await self.api.request("GET", path, slug=slug)
        except NotFoundError:
            return None
        found = parse(ReferenceAnswer, response).object
        if found.type == "commit":
            return found.sha
        # Annotated. The tag exists, so the name cannot mean a branch called "tags/...".
        path, slug = await self._path(repository, f"commits/{name}")
        return parse(CommitAnswer, await self.api.request("GET", path, slug=slug)).sha

    async def pull_requests_of_commit(
        self, repository: RepositoryRef, sha: str
    ) -> Sequence[PullRequestRef]:
        """See Forge.pull_requests_of_commit."""
        try:
            found = await self._list(PullRequestAnswer, repository, f"commits/{segment(sha)}/pulls")
        except PermanentRemoteError as error:
            if error.status in {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}:
                return []  # no such commit
            raise
        values = [answer.value(self.name) for answer in found if answer.merged_at is not None]
        return [value.ref for value in values if value.ref.repository.id == repository.id]

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        """See Forge.permission."""
        who = segment(login)
        path, slug = await self._path(repository, f"collaborators/{who}/permission")
        try:
            response = await self.api.request("GET", path, slug=slug)
        except NotFoundError:
            return Permission.NONE  # no such account; the repository was just found
        return parse(PermissionAnswer, response).value()

    async def in_team(self, login: str, team: str) -> bool:
        """See Forge.in_team."""
        return await teams.in_team(self.api, login, team)

    async def reviews(self, pull_request: PullRequest) -> Reviews:
        """See Forge.reviews."""
        where = pull_request.ref.repository
        _, slug = await self._path(where, "")

        async def permission(login: str) -> Permission:
            key = (where.id, login)
            if key not in self._reviewers:
                self._reviewers[key] = await self.permission(where, login)
            return self._reviewers[key]

        return await reviewing.reviews(self.api, pull_request, slug, permission)

    async def mergeability(
        self, pull_request: PullRequest, *, ignoring: Sequence[str]
    ) -> Mergeability:
        """See Forge.mergeability."""
        _, slug = await self._path(pull_request.ref.repository, "")
        return await merging.mergeability(self.api, pull_request, slug, ignoring, self.sleep)

    async def statuses(self, repository: RepositoryRef, sha: str) -> Sequence[CommitStatus]:
        """See Forge.statuses."""
        _, slug = await self._path(repository, "")
        found, _ = await checking.statuses(self.api, slug, sha)
        return found

    async def merge(self, pull_request: PullRequest, *, method: MergeMethod, sha: str) -> str:
        """See Forge.merge."""
        _, slug = await self._path(pull_request.ref.repository, "")
        return await merging.merge(self.api, pull_request, slug, method, sha)

    async def comment(self, repository: RepositoryRef, comment_id: str) -> Comment:
        """See Forge.comment."""
        path, slug = await self._path(repository, f"issues/comments/{segment(comment_id)}")
        return parse(CommentAnswer, await self.api.request("GET", path, slug=slug)).value()

    async def own_comments(
        self, ref: PullRequestRef, since: datetime | None = None
    ) -> Sequence[Comment]:
        """See Forge.own_comments; comments are short here and come in pages."""
        login, _ = await self.whoami()
        found = await self._patiently(
            lambda: self._list(CommentAnswer, ref.repository, f"issues/{ref.number}/comments")
        )
        comments = [answer.value() for answer in found]
        return [one for one in comments if one.author.lower() == login.lower()]

    async def create_comment(self, ref: PullRequestRef, body: str) -> str:
        """See Forge.create_comment."""
        path, slug = await self._path(ref.repository, f"issues/{ref.number}/comments")
        response = await self.api.request("POST", path, slug=slug, json={"body": body})
        return str(parse(CommentAnswer, response).id)

    async def edit_comment(self, repository: RepositoryRef, comment_id: str, body: str) -> None:
        """See Forge.edit_comment."""
        path, slug = await self._path(repository, f"issues/comments/{segment(comment_id)}")
        await self.api.request("PATCH", path, slug=slug, json={"body": body})

    async def delete_comment(self, repository: RepositoryRef, comment_id: str) -> None:
        """See Forge.delete_comment."""
        path, slug = await self._path(repository, f"issues/comments/{segment(comment_id)}")
        try:
            await self.api.request("DELETE", path, slug=slug)
        except NotFoundError:
            return

    async def set_status(self, repository: RepositoryRef, sha: str, status: CommitStatus) -> None:
        """See Forge.set_status."""
        path, slug = await self._path(repository, f"statuses/{segment(sha)}")
        wanted = {
            "state": status.state.value,
            "context": fit_context(status.context, _MAX_CONTEXT),
            "description": fit_description(status.description, _MAX_DESCRIPTION),
        }
        if status.target_url:
            wanted["target_url"] = status.target_url
        # A commit that was just pushed may not be known everywhere yet; then nothing was written.
        await self._patiently(lambda: self.api.request("POST", path, slug=slug, json=wanted))

    async def react(self, repository: RepositoryRef, comment_id: str, content: str) -> None:
        """See Forge.react."""
        path, slug = await self._path(
            repository, f"issues/comments/{segment(comment_id)}/reactions"
        )
        await self.api.request("POST", path, slug=slug, json={"content": content})

    async def install_hook(self, repository: Repository, url: str, secret: str) -> InstalledHook:
        """See Forge.install_hook."""
        return await hooks.install_hook(self.api, repository, url, secret)

    async def hooks(self, repository: Repository) -> Sequence[InstalledHook]:
        """See Forge.hooks."""
        found = await hooks.list_hooks(self.api, repository.ref.slug)
        return [hooks.installed(hook) for hook in found]

    async def failed_deliveries(
        self, since: datetime, repositories: Sequence[RepositoryRef] = ()
    ) -> Sequence[FailedDelivery] | None:
        """See Forge.failed_deliveries.

        An App asks once for all; with a token each of *repositories* is asked for its hooks.
        """
        if self.is_app:
            return await hooks.failed_of_app(self.api, since)
        route = f"/webhooks/{self.name}"
        return [
            failed
            for repository in repositories
            for failed in await hooks.failed_of_repository(self.api, repository.slug, route, since)
        ]

    async def redeliver(self, delivery: FailedDelivery) -> None:
        """See Forge.redeliver."""
        await hooks.redeliver(self.api, delivery)

    async def credentials(self, wants: Wants) -> Credentials:
        """See ExaminedForge.credentials."""
        if self.is_app:
            return await examining.credentials_of_app(self.api, wants)
        return await examining.credentials_of_token(self.api, wants)

    async def own_hook(self) -> InstalledHook | None:
        """See ExaminedForge.own_hook: an App has one."""
        return await examining.hook_of_app(self.api) if self.is_app else None

    async def own_permission(self, repository: Repository) -> Permission | None:
        """See ExaminedForge.own_permission; an App's rights are the same everywhere."""
        return None if self.is_app else await examining.own_permission(self.api, repository)

    async def lacking_rights(self, repository: Repository) -> Sequence[str]:
        """See ExaminedForge.lacking_rights."""
        return await examining.lacking_rights(self.api, repository)

    async def last_deliveries(
        self, hook: InstalledHook, repository: Repository | None
    ) -> Sequence[SentDelivery] | None:
        """See ExaminedForge.last_deliveries."""
        return await examining.last_deliveries(self.api, hook, repository)

    async def budget(self, repository: Repository | None) -> Budget | None:
        """See ExaminedForge.budget; an App has one for each installation, and none by itself."""
        if self.is_app and repository is None:
            return None
        return await examining.budget(self.api, repository.ref.slug if repository else None)

    def _check_still(self, wanted: RepositoryRef, found: RepositoryRef) -> None:
        if found.id != wanted.id:
            self._slugs.pop(wanted.id, None)
            msg = f"{found.slug} is not repository {wanted.id} any more"
            raise NotFoundError(msg, service=self.name)

    async def _path(self, repository: RepositoryRef, rest: str) -> tuple[str, str]:
        """Return the path below a repository, and the slug whose credential it needs.

        The slug of a delivery is the sender's word. Before it is used, the API must say that it
        belongs to the repository's id: a hook may speak for its own repository only.
        """
        slug = self._slugs.get(repository.id)
        if slug is None:
            slug = (await self.repository_by_id(repository)).ref.slug
        return f"{repository_path(slug)}/{rest}", slug

    async def _list(
        self,
        kind: type[T],
        repository: RepositoryRef,
        rest: str,
        params: Mapping[str, object] | None = None,
    ) -> list[T]:
        path, slug = await self._path(repository, rest)
        pages = self.api.pages(path, slug=slug, params=params)
        return [answer async for page in pages for answer in _parse_list(kind, page)]

    async def _compare(
        self, repository: RepositoryRef, before: str, after: str
    ) -> ComparisonAnswer:
        path, slug = await self._path(repository, f"compare/{segment(before)}...{segment(after)}")
        return parse(ComparisonAnswer, await self.api.request("GET", path, slug=slug))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        for pause in _PATIENCE:
            try:
                return await ask()
            except PermanentRemoteError as error:
                if not (isinstance(error, NotFoundError) or "No commit found" in str(error)):
                    raise
                await self.sleep(pause)
        return await ask()


def _parse_list(kind: type[T], response: Response) -> list[T]:
    return parse(list[kind], response)  # type: ignore[valid-type]  # a model, known at run time


def _incomplete(reason: str) -> ChangedFiles:
    return ChangedFiles(paths=(), complete=False, reason=reason)


def _changed(files: Iterable[FileAnswer], *, limit: int, what: str) -> ChangedFiles:
    listed = list(files)
    names = {name for file in listed for name in (file.filename, file.previous_filename) if name}
    complete = len(listed) < limit
    reason = "" if complete else f"GitHub lists at most {limit} files of {what}"
    return ChangedFiles(paths=tuple(sorted(names)), complete=complete, reason=reason)
