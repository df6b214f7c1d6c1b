"""Gitea and Forgejo behind the Forge port. Source: a running Forgejo 10, and its swagger file."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from cachetools import TTLCache

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    TemporaryRemoteError,
    TooLargeError,
)
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
from bridge.forges.gitea import examining, hooks, merging, reviewing, teams
from bridge.forges.gitea.answers import (
    BranchAnswer,
    CommentAnswer,
    ComparisonAnswer,
    FileAnswer,
    PermissionAnswer,
    PullRequestAnswer,
    RepositoryAnswer,
    TagAnswer,
    UserAnswer,
)
from bridge.forges.gitea.api import pages, parse_list, ref_path
from bridge.forges.gitea.receiving import Receiver
from bridge.forges.gitea.searching import comments_since
from bridge.forges.wire import fit_context, fit_description, parse, repository_path
from bridge.http import HttpClient, Response, segment
from bridge.ports import FailedDelivery, Ignored, InstalledHook

COMMENT_LIMIT = 65_536  # bytes; the forge has no limit, a reader does
MAX_FILES = 10_000  # of a pull request; beyond it everything may be affected
_MAX_CONTEXT = 255  # ditto
_MAX_DESCRIPTION = 255

_SLUG_TTL = 600.0
# A pull request may answer 404 for a moment after it was announced.
_PATIENCE = (0.5, 1.0, 2.0)

T = TypeVar("T")


@dataclass(slots=True, kw_only=True, eq=False)
class GiteaForge:
    """One instance of Gitea or Forgejo.

    Attributes:
        driver: ``gitea`` or ``forgejo``.
        web_url: Configured address of the instance; repositories are cloned below it, too, where
            the instance believes to have another one (its ROOT_URL). Empty for none.
        sleep: Waits for seconds; a test need not.
    """

    name: str
    driver: str
    receiver: Receiver
    http: HttpClient
    web_url: str = ""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    comment_limit: int = COMMENT_LIMIT
    folds: bool = True
    _slugs: TTLCache[str, str] = field(
        default_factory=lambda: TTLCache(10_000, _SLUG_TTL), repr=False
    )
    _self: list[tuple[str, str]] = field(default_factory=list, repr=False)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    def measure(self, text: str) -> int:
        """See Forge.measure: bytes of UTF-8."""
        return len(text.encode("utf-8", "surrogatepass"))

    def accept_delivery(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        """See Forge.accept_delivery."""
        return self.receiver.accept_delivery(headers, query, body, now)

    def parse_delivery(self, delivery: Delivery) -> Event | Ignored:
        """See Forge.parse_delivery."""
        return self.receiver.reader.parse_delivery(delivery)

    async def whoami(self) -> tuple[str, str]:
        """See Forge.whoami."""
        if not self._self:
            user = parse(UserAnswer, await self.http.request("GET", "/user"))
            self._self.append((user.login, str(user.id)))
        return self._self[0]

    async def repository(self, slug: str) -> Repository:
        """See Forge.repository."""
        return self._known(await self.http.request("GET", repository_path(slug)))

    async def repository_by_id(self, repository: RepositoryRef) -> Repository:
        """See Forge.repository_by_id."""
        response = await self.http.request("GET", f"/repositories/{segment(repository.id)}")
        return self._known(response)

    async def pull_request(self, ref: PullRequestRef) -> PullRequest:
        """See Forge.pull_request."""
        path = await self._path(ref.repository, f"pulls/{ref.number}")
        response = await self._patiently(lambda: self.http.request("GET", path))
        found = self._pull_request(parse(PullRequestAnswer, response))
        if found.ref.repository.id != ref.repository.id:
            # Its name was given to another one since it was looked up.
            self._slugs.pop(ref.repository.id, None)
            msg = f"{found.ref.repository.slug} is not repository {ref.repository.id} any more"
            raise NotFoundError(msg, service=self.name)
        return found

    async def open_pull_requests(self, repository: RepositoryRef) -> Sequence[PullRequest]:
        """See Forge.open_pull_requests."""
        found = await self._list(
            PullRequestAnswer, repository, "pulls", {"state": "open", "sort": "oldest"}
        )
        return [self._pull_request(answer) for answer in found]

    async def branches(self, repository: RepositoryRef) -> Sequence[Branch]:
        """See Forge.branches."""
        return [answer.value() for answer in await self._list(BranchAnswer, repository, "branches")]

    async def branch(self, repository: RepositoryRef, name: str) -> Branch | None:
        """See Forge.branch."""
        path = await self._path(repository, f"branches/{ref_path(name)}")
        try:
            response = await self.http.request("GET", path)
        except NotFoundError:
            return None
        branch = parse(BranchAnswer, response).value()
        # A renamed branch may redirect to its new name: that is another branch.
        return branch if branch.name == name else None

    async def changed_files(self, ref: PullRequestRef) -> ChangedFiles:
        """See Forge.changed_files.

        The forge lists them all, however many; whoever can fork chooses how many there are.
        """
        return await self._patiently(lambda: self._changed_files(ref))

    async def _changed_files(self, ref: PullRequestRef) -> ChangedFiles:
        path = await self._path(ref.repository, f"pulls/{ref.number}/files")
        files: list[FileAnswer] = []
        async for page in pages(self.http, path, FileAnswer):
            files += page
            if len(files) > MAX_FILES:
                return _incomplete(f"it changes more than {MAX_FILES:,} files")
        return ChangedFiles(paths=_paths(files))

    async def compared_files(
        self, repository: RepositoryRef, before: str, after: str
    ) -> ChangedFiles:
        """See Forge.compared_files.

        Both ways, because the forge compares with the merge base: what a rewritten branch lost is
        on the way back.
        """
        names: set[str] = set()
        for old, new in ((before, after), (after, before)):
            path = await self._path(repository, f"compare/{segment(old)}...{segment(new)}")
            try:
                answer = parse(ComparisonAnswer, await self.http.request("GET", path))
            except NotFoundError:
                return _incomplete("the commits share no history")
            except TooLargeError:  # every commit is listed with its message and its files
                return _incomplete("the comparison is larger than the bridge reads")
            found = _compared(answer)
            if found is None:
                return _incomplete("the forge does not list the files of every commit")
            names |= set(found)
        return ChangedFiles(paths=tuple(sorted(names)))

    async def is_ancestor(self, repository: RepositoryRef, older: str, newer: str) -> bool:
        """See Forge.is_ancestor: then *older* has no commit that *newer* has not."""
        path = await self._path(repository, f"compare/{segment(newer)}...{segment(older)}")
        try:
            found = parse(ComparisonAnswer, await self.http.request("GET", path))
        except (NotFoundError, TooLargeError):  # what is too large holds commits
            return False
        return found.total_commits == 0 and not found.commits

    async def tag_commit(self, repository: RepositoryRef, tag: str) -> str | None:
        """See Forge.tag_commit."""
        path = await self._path(repository, f"tags/{ref_path(tag)}")
        try:
            return parse(TagAnswer, await self.http.request("GET", path)).commit.sha
        except NotFoundError:
            return None

    async def pull_requests_of_commit(
        self, repository: RepositoryRef, sha: str
    ) -> Sequence[PullRequestRef]:
        """See Forge.pull_requests_of_commit; these forges name one at most."""
        path = await self._path(repository, f"commits/{segment(sha)}/pull")
        try:
            response = await self.http.request("GET", path)
        except NotFoundError:
            return []
        found = parse(PullRequestAnswer, response)
        value = self._pull_request(found)
        mine = found.merged and value.ref.repository.id == repository.id
        return [value.ref] if mine else []

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        """See Forge.permission.

        Only administrators of the repository may ask about others. An account with write
        permission is refused and asks who may be assigned instead.
        """
        path = await self._path(repository, f"collaborators/{segment(login)}/permission")
        try:
            return parse(PermissionAnswer, await self.http.request("GET", path)).value()
        except NotFoundError:
            return Permission.NONE  # no such account; the repository was just found
        except NotAllowedError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            if not await self._is_personal(repository):
                msg = (
                    f"the bridge's account must be an administrator of {repository.slug} to ask "
                    "what others may do there"
                )
                raise NotAllowedError(msg, service=self.name, status=error.status) from error
        return await self._assignable(repository, login)

    async def in_team(self, login: str, team: str) -> bool:
        """See Forge.in_team."""
        return await teams.in_team(self.http, login, team)

    async def reviews(self, pull_request: PullRequest) -> Reviews:
        """See Forge.reviews."""
        below = await self._below(pull_request.ref.repository)
        return await reviewing.reviews(self.http, below, pull_request)

    async def mergeability(
        self, pull_request: PullRequest, *, ignoring: Sequence[str]
    ) -> Mergeability:
        """See Forge.mergeability."""
        below = await self._below(pull_request.ref.repository)
        return await merging.mergeability(self.http, below, pull_request, ignoring, self.sleep)

    async def statuses(self, repository: RepositoryRef, sha: str) -> Sequence[CommitStatus]:
        """See Forge.statuses."""
        return await merging.statuses(self.http, await self._below(repository), sha)

    async def merge(self, pull_request: PullRequest, *, method: MergeMethod, sha: str) -> str:
        """See Forge.merge."""
        below = await self._below(pull_request.ref.repository)
        return await merging.merge(self.http, below, pull_request, method, sha)

    async def comment(self, repository: RepositoryRef, comment_id: str) -> Comment:
        """See Forge.comment."""
        path = await self._path(repository, f"issues/comments/{segment(comment_id)}")
        response = await self.http.request("GET", path)
        if response.status == HTTPStatus.NO_CONTENT:  # something else than a comment has this id
            msg = f"GET {path}: there is no such comment"
            raise NotFoundError(msg, service=self.name, status=response.status)
        return parse(CommentAnswer, response).value()

    async def own_comments(
        self, ref: PullRequestRef, since: datetime | None = None
    ) -> Sequence[Comment]:
        """See Forge.own_comments; the forge does not page comments, and bounds none."""
        _, own_id = await self.whoami()
        path = await self._path(ref.repository, f"issues/{ref.number}/comments")
        try:
            found = parse_list(CommentAnswer, await self.http.request("GET", path))
        except TooLargeError:
            if since is None:
                raise
            found = await comments_since(self.http, path, since)
        comments = [answer.value() for answer in sorted(found, key=lambda answer: answer.id)]
        return [one for one in comments if one.author_id == own_id]

    async def create_comment(self, ref: PullRequestRef, body: str) -> str:
        """See Forge.create_comment; a 500 with a web page was seen although it was stored."""
        path = await self._path(ref.repository, f"issues/{ref.number}/comments")
        response = await self.http.request("POST", path, json={"body": body})
        return str(parse(CommentAnswer, response).id)

    async def edit_comment(self, repository: RepositoryRef, comment_id: str, body: str) -> None:
        """See Forge.edit_comment."""
        path = await self._path(repository, f"issues/comments/{segment(comment_id)}")
        await self.http.request("PATCH", path, json={"body": body})

    async def delete_comment(self, repository: RepositoryRef, comment_id: str) -> None:
        """See Forge.delete_comment."""
        path = await self._path(repository, f"issues/comments/{segment(comment_id)}")
        try:
            await self.http.request("DELETE", path)
        except NotFoundError:
            return

    async def set_status(self, repository: RepositoryRef, sha: str, status: CommitStatus) -> None:
        """See Forge.set_status.

        The states are those of StatusState and no others: an unknown word would be accepted, and
        let a required check pass.
        """
        path = await self._path(repository, f"statuses/{segment(sha)}")
        wanted = {
            "state": status.state.value,
            "context": fit_context(status.context, _MAX_CONTEXT),
            "description": fit_description(status.description, _MAX_DESCRIPTION),
            "target_url": status.target_url,
        }
        try:
            await self.http.request("POST", path, json=wanted)
        except TemporaryRemoteError as error:
            # An unknown commit is answered 500, too: that will not pass by itself.
            if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                await self._check_commit(repository, sha)
            raise

    async def _check_commit(self, repository: RepositoryRef, sha: str) -> None:
        """Raise NotFoundError when the repository does not have the commit."""
        query = {"stat": "false", "files": "false"}
        path = await self._path(repository, f"git/commits/{segment(sha)}")
        await self.http.request("GET", path, params=query)

    async def react(self, repository: RepositoryRef, comment_id: str, content: str) -> None:
        """See Forge.react."""
        path = await self._path(repository, f"issues/comments/{segment(comment_id)}/reactions")
        await self.http.request("POST", path, json={"content": content})

    async def install_hook(self, repository: Repository, url: str, secret: str) -> InstalledHook:
        """See Forge.install_hook."""
        return await hooks.install_hook(self.http, self.driver, repository, url, secret)

    async def hooks(self, repository: Repository) -> Sequence[InstalledHook]:
        """See Forge.hooks."""
        found = await hooks.list_hooks(self.http, repository.ref.slug)
        return [hooks.installed(hook) for hook in found]

    async def failed_deliveries(
        self, since: datetime, repositories: Sequence[RepositoryRef] = ()
    ) -> Sequence[FailedDelivery] | None:
        """See Forge.failed_deliveries: there is no such list here."""
        return None

    async def redeliver(self, delivery: FailedDelivery) -> None:
        """See Forge.redeliver."""
        msg = "deliveries are sent again by hand, on the hook's web page"
        raise PermanentRemoteError(msg, service=self.name)

    async def credentials(self, wants: Wants) -> Credentials:
        """See ExaminedForge.credentials; a token's scopes are not told."""
        return await examining.credentials(self.http, self.driver)

    async def own_hook(self) -> InstalledHook | None:
        """See ExaminedForge.own_hook: every repository has its own."""
        return None

    async def own_permission(self, repository: Repository) -> Permission | None:
        """See ExaminedForge.own_permission."""
        return await examining.own_permission(self.http, repository)

    async def lacking_rights(self, repository: Repository) -> Sequence[str]:
        """See ExaminedForge.lacking_rights."""
        return await examining.lacking_rights(self.http, repository)

    async def last_deliveries(
        self, hook: InstalledHook, repository: Repository | None
    ) -> Sequence[SentDelivery] | None:
        """See ExaminedForge.last_deliveries: only the hook's web page tells."""
        return None

    async def budget(self, repository: Repository | None) -> Budget | None:
        """See ExaminedForge.budget: requests are not counted."""
        return None

    async def _path(self, repository: RepositoryRef, rest: str) -> str:
        """Return the path below a repository.

        The slug of a delivery is the sender's word. Before it is used, the API must say that it
        belongs to the repository's id: a hook may speak for its own repository only.
        """
        slug = self._slugs.get(repository.id)
        if slug is None:
            slug = (await self.repository_by_id(repository)).ref.slug
        return f"{repository_path(slug)}/{rest}"

    async def _below(self, repository: RepositoryRef) -> str:
        return (await self._path(repository, "")).rstrip("/")

    def _known(self, response: Response) -> Repository:
        repository = parse(RepositoryAnswer, response).value(self.name)
        self._slugs[repository.ref.id] = repository.ref.slug
        return self._at_its_address(repository)

    def _pull_request(self, answer: PullRequestAnswer) -> PullRequest:
        found = answer.value(self.name, self.receiver.reader.draft_prefixes)
        return replace(found, repository=self._at_its_address(found.repository))

    def _at_its_address(self, repository: Repository) -> Repository:
        """Add the address below the configured one: the operator's word for where it is."""
        address = f"{self.web_url}/{repository.ref.slug}.git"
        if not self.web_url or address in repository.clone_urls:
            return repository
        return replace(repository, clone_urls=(*repository.clone_urls, address))

    async def _list(
        self,
        kind: type[T],
        repository: RepositoryRef,
        rest: str,
        params: Mapping[str, object] | None = None,
    ) -> list[T]:
        path = await self._path(repository, rest)
        return [one async for page in pages(self.http, path, kind, params) for one in page]

    async def _is_personal(self, repository: RepositoryRef) -> bool:
        """Tell whether a person owns the repository; False also when that is not told.

        In an organization, readers of pull requests may be assigned, too (``GetRepoAssignees``):
        there the list says nothing about writing.
        """
        owner = (await self._path(repository, "")).split("/")[2]
        try:
            await self.http.request("GET", f"/orgs/{owner}")
        except NotFoundError:
            return True
        except NotAllowedError:
            return False
        return False

    async def _assignable(self, repository: RepositoryRef, login: str) -> Permission:
        path = await self._path(repository, "assignees")
        users = parse_list(UserAnswer, await self.http.request("GET", path))
        writers = {user.login.lower() for user in users}
        return Permission.WRITE if login.lower() in writers else Permission.NONE

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        for pause in _PATIENCE:
            try:
                return await ask()
            except NotFoundError:
                await self.sleep(pause)
        return await ask()


def _compared(answer: ComparisonAnswer) -> tuple[str, ...] | None:
    """Gather what a comparison's commits touched; None when it does not tell of all of them."""
    commits = answer.commits or []
    if len(commits) < answer.total_commits or any(commit.files is None for commit in commits):
        return None
    touched = [file for commit in commits for file in commit.files or []]
    return _paths([*touched, *(answer.files or [])])


def _paths(files: Iterable[FileAnswer]) -> tuple[str, ...]:
    names = {name for file in files for name in (file.filename, file.previous_filename) if name}
    return tuple(sorted(names))


def _incomplete(reason: str) -> ChangedFiles:
    return ChangedFiles(paths=(), complete=False, reason=reason)
