"""What tests and the demo do with a stand-in: fill it, use it as people do, look into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bridge.sandbox.forge.apps import APP_PERMISSIONS, make_app
from bridge.sandbox.forge.commenting import add_comment
from bridge.sandbox.forge.delivering import PostOffice
from bridge.sandbox.forge.faults import Faults
from bridge.sandbox.forge.gate import Gate
from bridge.sandbox.forge.git import NOTHING
from bridge.sandbox.forge.model import (
    Access,
    App,
    Comment,
    Flavour,
    Hook,
    PullRequest,
    Repository,
    Token,
)
from bridge.sandbox.forge.pulls import NewPullRequest, open_pull_request
from bridge.sandbox.forge.pushing import compare_refs, move_ref, refs_moved
from bridge.sandbox.forge.records import Record, busiest, content_writes
from bridge.sandbox.forge.repositories import fork
from bridge.sandbox.forge.ruling import Ruling

Files = Mapping[str, str | bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn(Ruling):
    """A running forge.

    Attributes:
        faults: Orders trouble.
        office: Its deliveries (``office.attempts``).
    """

    gate: Gate
    faults: Faults
    office: PostOffice

    @property
    def url(self) -> str:
        """Where the API is."""
        return self.world.places.api_url

    @property
    def web_url(self) -> str:
        """Where people and git go; what a driver's ``url`` setting is."""
        return self.world.places.url

    @property
    def requests(self) -> list[Record]:
        """Every request to the API, in the order they were answered."""
        return self.gate.records

    @property
    def surprises(self) -> list[str]:
        """What no careful client would have sent."""
        return self.gate.surprises

    def assert_no_surprises(self) -> None:
        """Raise AssertionError when something came that no careful client sends."""
        if self.surprises:
            raise AssertionError("; ".join(self.surprises))

    async def settled(self) -> None:
        """Wait until everything that happened has been told to the hooks."""
        await self.office.settled()

    def content_writes(self, account: str | None = None) -> list[Record]:
        """List the requests that wrote something people see, of one account or of all."""
        return content_writes(self.requests, account)

    def busiest_minute(self, account: str | None = None) -> int:
        """Count the most content writes of any sixty seconds."""
        return busiest(self.content_writes(account))

    def token(self, login: str, *, scopes: Sequence[str] | None = None) -> str:
        """Make a token of an account; Forgejo's *scopes*, None for all."""
        held = None if scopes is None else frozenset(scopes)
        return self.world.add_token(self.account(login), scopes=held).text

    def add_app(
        self,
        slug: str,
        *,
        owner: str,
        url: str = "",
        secret: str = "",
        events: Sequence[str] = ("issue_comment", "pull_request", "push"),
        permissions: Mapping[str, str] = APP_PERMISSIONS,
        private_key: str = "",
    ) -> App:
        """Make the GitHub App, with a hook when *url* is given, and install it for *owner*."""
        app = make_app(self.world, slug, owner=owner, private_key=private_key)
        app.permissions = dict(permissions)
        if url:
            app.hook = self._hook(None, url, secret, events, kind="integration")
        self.world.app = app
        self.install_app(owner)
        return app

    def install_app(self, owner: str) -> int:
        """Install the App for one more owner, and return the installation's id."""
        if self.world.app is None:
            msg = "there is no App to install"
            raise LookupError(msg)
        number = self.world.next_id()
        self.world.app.installations[self.world.owner(owner).login.lower()] = number
        return number

    async def create_repository(
        self,
        slug: str,
        *,
        files: Files | None = None,
        private: bool = False,
        access: Mapping[str, Access] | None = None,
        default_branch: str = "main",
    ) -> Repository:
        """Make a repository with a first commit of *files*; nobody is told of it."""
        made = await self.world.add_repository(slug, private=private, default_branch=default_branch)
        for login, held in (access or {}).items():
            self.account(login)
            self.world.give_access(made, login, held)
        if files is not None:
            await self.commit(slug, default_branch, files, message="Initial commit")
        return made

    async def commit(
        self,
        slug: str,
        branch: str,
        files: Files,
        *,
        message: str = "Change files",
        author: str = "alice",
        start: str | None = None,
    ) -> str:
        """Push a commit that changes *files* (None deletes), and return its id.

        A new branch begins at *start*: a branch, or by default the default branch.
        """
        repository, account = self.world.repository(slug), self.account(author)
        git = repository.git
        parent = await git.tip(branch) or await git.tip(start or repository.default_branch)
        sha = await git.write_commit(
            parent,
            files,
            message=message,
            author=(account.login, account.email),
            when=int(self.world.now().timestamp()),
        )
        await move_ref(self.world, repository, f"refs/heads/{branch}", sha, actor=account)
        return sha

    async def delete_branch(self, slug: str, branch: str, *, author: str = "alice") -> None:
        """Delete a branch, as a push would."""
        repository = self.world.repository(slug)
        name = f"refs/heads/{branch}"
        await move_ref(self.world, repository, name, NOTHING, actor=self.account(author))

    async def tag(
        self, slug: str, name: str, sha: str, *, annotated: bool = False, author: str = "alice"
    ) -> str:
        """Push a tag, and return what it points to: of an annotated tag its own object."""
        repository, account = self.world.repository(slug), self.account(author)
        git = repository.git
        if not annotated:
            await move_ref(self.world, repository, f"refs/tags/{name}", sha, actor=account)
            return sha
        async with self.world.lock(repository):
            before = await git.refs()
            identity = ("-c", f"user.name={account.login}", "-c", f"user.email={account.email}")
            await git.run(*identity, "tag", "--annotate", "--message", name, name, sha)
            after = await git.refs()
            updates = await compare_refs(repository, before, after)
        await refs_moved(self.world, repository, updates, actor=account)
        return after[f"refs/tags/{name}"]

    async def fork(self, slug: str, owner: str) -> Repository:
        """Copy a repository to *owner*, who may do everything there."""
        self.account(owner)
        parent = self.world.repository(slug)
        return await fork(self.world, parent, owner, parent.name)

    async def open_pull_request(
        self,
        slug: str,
        head: str,
        *,
        base: str = "main",
        title: str = "Change the network",
        body: str = "",
        author: str = "alice",
        draft: bool = False,
        fork: Repository | None = None,
    ) -> PullRequest:
        """Open a pull request of a branch, of a fork's when one is given."""
        repository = self.world.repository(slug)
        wanted = NewPullRequest(
            title=title,
            body=body,
            head_repository=fork or repository,
            head_branch=head,
            base_branch=base,
            draft=draft,
        )
        return await open_pull_request(self.world, repository, wanted, self.account(author))

    async def comment(self, slug: str, number: int, body: str, *, author: str) -> Comment:
        """Let somebody comment."""
        issue = self.world.repository(slug).issues[number]
        return await add_comment(self.world, issue, body, actor=self.account(author))

    def add_hook(
        self,
        slug: str,
        url: str,
        *,
        secret: str | None,
        events: Sequence[str],
        content_type: str = "json",
    ) -> Hook:
        """Give a repository a hook; *events* in the flavour's own words, nothing expanded."""
        repository = self.world.repository(slug)
        kind = "repository" if self.world.flavour is Flavour.GITHUB else "forgejo"
        hook = self._hook(repository, url, secret, events, kind=kind, content_type=content_type)
        repository.hooks.append(hook)
        return hook

    def _hook(
        self,
        repository: Repository | None,
        url: str,
        secret: str | None,
        events: Sequence[str],
        *,
        kind: str,
        content_type: str = "json",
    ) -> Hook:
        return Hook(
            id=self.world.next_id(),
            kind=kind,
            repository=repository,
            url=url,
            secret=secret,
            events=sorted(events),
            content_type=content_type,
            active=True,
            created_at=self.world.now(),
            updated_at=self.world.now(),
        )

    def clone_url(self, slug: str, login: str | None = None) -> str:
        """Return where git clones from and pushes to, with *login*'s credential in it."""
        scheme, _, host = self.web_url.partition("://")
        who = f"{quote(login)}:{self._token(login).text}@" if login else ""
        return f"{scheme}://{who}{host}/{slug}.git"

    def _token(self, login: str) -> Token:
        for token in self.world.tokens.values():
            if token.account.login == login and token.installation is None:
                return token
        return self.world.add_token(self.account(login))

    def comments(self, slug: str, number: int) -> list[Comment]:
        """List the comments of a pull request, the oldest first."""
        return list(self.world.repository(slug).issues[number].comments)

    def statuses(self, slug: str, sha: str) -> dict[str, str]:
        """Map the contexts of a commit to the states they are in."""
        latest = self.world.repository(slug).latest_statuses(sha)
        return {status.context: status.state for status in latest}
