"""The state of one forge, and how to find things in it."""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.sandbox.forge.git import Git
from bridge.sandbox.forge.happenings import Happening
from bridge.sandbox.forge.model import (
    Access,
    Account,
    App,
    Comment,
    Flavour,
    Kind,
    Places,
    PullRequest,
    Repository,
    Token,
)

DRAFT_PREFIXES = ("WIP:", "[WIP]")
"""How a title says draft on Forgejo; ``Draft:`` does not."""

# Beyond 32 bits, as GitHub's are: a column or a parser that is too narrow shows at once.
_FIRST_ID = {Flavour.GITHUB: 3_000_000_000, Flavour.FORGEJO: 100}


class TakenError(Exception):
    """The name is in use."""


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    """Everything the forge knows.

    Attributes:
        announce: Tells hooks about something.
        app: The GitHub App, when there is one.
        skew: Added to the clock: tests let hours pass with it.
        strange: What was accepted although no careful client would send it; in order.
    """

    flavour: Flavour
    places: Places
    announce: Callable[[Happening], Awaitable[None]]
    skew: timedelta = timedelta()
    accounts: dict[str, Account] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    repositories: dict[int, Repository] = field(default_factory=dict)
    renamed: dict[str, int] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    app: App | None = None
    _ids: "itertools.count[int] | None" = None
    _locks: dict[int, asyncio.Lock] = field(default_factory=dict)

    def now(self) -> datetime:
        """Return the time, in UTC and whole seconds: forges tell no less."""
        return (datetime.now(UTC) + self.skew).replace(microsecond=0)

    def next_id(self) -> int:
        """Return a number that nothing else has."""
        if self._ids is None:
            self._ids = itertools.count(_FIRST_ID[self.flavour])
        return next(self._ids)

    def lock(self, repository: Repository) -> asyncio.Lock:
        """Return what must be held while refs of *repository* are changed."""
        return self._locks.setdefault(repository.id, asyncio.Lock())

    def add_account(
        self, login: str, *, kind: Kind = Kind.USER, site_admin: bool = False
    ) -> Account:
        """Make an account.

        Raises:
            TakenError: There is one of that name.
        """
        if login.lower() in self.accounts:
            raise TakenError(login)
        account = Account(
            id=self.next_id(), login=login, email=f"{login}@example.com", kind=kind,
            created_at=self.now(), site_admin=site_admin,
        )  # fmt: skip
        self.accounts[login.lower()] = account
        return account

    def account(self, login: str) -> Account:
        """Find an account; KeyError when there is none."""
        return self.accounts[login.lower()]

    def by_email(self, email: str) -> Account | None:
        """Find whose commits these are."""
        login, _, domain = email.partition("@")
        return self.accounts.get(login.lower()) if domain == "example.com" else None

    def add_token(self, account: Account, *, scopes: frozenset[str] | None = None) -> Token:
        """Make a token for *account*; None as *scopes* means all."""
        prefix = "ghp_" if self.flavour is Flavour.GITHUB else ""
        text = prefix + secrets.token_hex(20)
        self.tokens[text] = Token(text=text, account=account, scopes=scopes)
        return self.tokens[text]

    def find(self, slug: str) -> Repository | None:
        """Find a repository by its present ``owner/name``, in any case."""
        for repository in self.repositories.values():
            if repository.slug.lower() == slug.lower():
                return repository
        return None

    def moved_to(self, slug: str) -> Repository | None:
        """Find what was once called *slug*."""
        number = self.renamed.get(slug.lower())
        return self.repositories.get(number) if number is not None else None

    def repository(self, slug: str) -> Repository:
        """Find a repository; KeyError when there is none."""
        found = self.find(slug)
        if found is None:
            raise KeyError(slug)
        return found

    def pull_request(self, slug: str, number: int) -> PullRequest:
        """Find a pull request; KeyError when there is none."""
        found = self.repository(slug).issues[number]
        if not isinstance(found, PullRequest):
            raise KeyError(number)
        return found

    def comment(self, repository: Repository, number: int) -> Comment | None:
        """Find a comment in *repository* by its id."""
        for issue in repository.issues.values():
            for comment in issue.comments:
                if comment.id == number:
                    return comment
        return None

    def owner(self, login: str) -> Account:
        """Find an account, or make an organization of that name."""
        known = self.accounts.get(login.lower())
        return known or self.add_account(login, kind=Kind.ORGANIZATION)

    def access_of(self, repository: Repository, account: Account | None) -> Access:
        """Tell what *account* may do in *repository*; None is somebody who did not log in."""
        access = repository.access_of(account)
        if account is not None and self.app is not None and account is self.app.bot:
            installed = repository.owner.login.lower() in self.app.installations
            return max(access, Access.WRITE) if installed else access
        return access

    async def add_repository(
        self, slug: str, *, private: bool, default_branch: str, parent: Repository | None = None
    ) -> Repository:
        """Make an empty repository; an owner nobody knows becomes an organization.

        Raises:
            TakenError: There is one of that name.
        """
        if self.find(slug):
            raise TakenError(slug)
        owner, _, name = slug.partition("/")
        number, now = self.next_id(), self.now()
        git = Git(self.places.folder / f"{number}.git")
        git.init(default_branch)
        repository = Repository(
            id=number, owner=self.owner(owner), name=name, git=git, private=private,
            default_branch=default_branch, created_at=now, updated_at=now, pushed_at=now,
            parent=parent,
        )  # fmt: skip
        self.repositories[number] = repository
        self.renamed.pop(slug.lower(), None)
        return repository

    def rename_repository(self, repository: Repository, slug: str) -> None:
        """Give it another name; the old one leads to it from now on."""
        self.renamed[repository.slug.lower()] = repository.id
        owner, _, name = slug.partition("/")
        repository.owner, repository.name = self.owner(owner), name
        self.renamed.pop(slug.lower(), None)

    def give_access(self, repository: Repository, login: str, access: Access) -> None:
        """Say what an account may do in a repository."""
        self.account(login)
        repository.access[login.lower()] = access

    def pull_requests_from(self, repository: Repository) -> list[PullRequest]:
        """List the pull requests, anywhere, whose branch lives in *repository*."""
        return [
            pull_request
            for base in self.repositories.values()
            for pull_request in base.pull_requests
            if pull_request.head_repository is repository
        ]


def make_places(url: str, flavour: Flavour, folder: Path) -> Places:
    """Say where a server at *url* has what: GitHub's API as on an Enterprise Server."""
    version = "v3" if flavour is Flavour.GITHUB else "v1"
    return Places(url=url, api_url=f"{url}/api/{version}", folder=folder)


def titled_draft(title: str) -> bool:
    """Tell whether a title makes a draft on Forgejo."""
    return title.upper().startswith(DRAFT_PREFIXES)


def context_key(flavour: Flavour, context: str) -> str:
    """Return what tells a status context from another: on GitHub not its case."""
    return context.lower() if flavour is Flavour.GITHUB else context
