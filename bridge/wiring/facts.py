"""Facts somebody wrote down: what Terrakube and a forge would say, to decide by without asking.

For ``explain --facts``. The file is JSON or YAML; docs/command-line.md describes it. What it does
not say is taken from the delivery, or is as usual.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import yaml  # type: ignore[import-untyped] # its stubs would be one more locked package
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge.domain.errors import NotFoundError, UserError
from bridge.domain.events import CommentEvent, Event, PullRequestEvent
from bridge.domain.terrakube import (
    FlowStep,
    FlowType,
    Organization,
    Permissions,
    Template,
    Workspace,
    WorkspaceRef,
)
from bridge.domain.vcs import (
    Branch,
    ChangedFiles,
    Comment,
    CommitStatus,
    Mergeability,
    Permission,
    PullRequest,
    PullRequestRef,
    PullRequestState,
    Repository,
    RepositoryRef,
    Reviews,
    StatusState,
)
from bridge.ports import Forge, JobServer

_SHA = "0" * 40
_PLAN = (FlowType.PLAN.value,)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorkspaceFacts(_Part):
    """A workspace; *name* is ``organization/workspace``, *default_template* a template's name."""

    name: str = Field(pattern=r"^[^/]+/[^/]+$")
    source: str
    branch: str = "main"
    folder: str = "/"
    locked: bool = False
    default_template: str = ""


class TemplateFacts(_Part):
    """A template; *flow* are the types of its steps in order, such as ``terraformPlan``."""

    name: str
    flow: tuple[str, ...] = _PLAN


class PullRequestFacts(_Part):
    """What the delivery does not say of a pull request."""

    state: PullRequestState = PullRequestState.OPEN
    draft: bool = False
    title: str = ""
    author: str = ""
    head_sha: str = ""
    head_branch: str = ""
    base_branch: str = ""
    base_sha: str = ""
    from_fork: bool | None = None
    merge_commit: str | None = None


class Facts(_Part):
    """Everything a decision may ask for."""

    workspaces: tuple[WorkspaceFacts, ...] = ()
    templates: tuple[TemplateFacts, ...] = (TemplateFacts(name="Plan"),)
    clone_urls: tuple[str, ...] = ()
    default_branch: str = "main"
    changed_files: tuple[str, ...] | None = None
    permission: Permission = Permission.NONE
    pull_request: PullRequestFacts = PullRequestFacts()
    merged_pull_request: int | None = None
    tag_commit: str | None = None
    branch_heads: Mapping[str, str] = {}
    allowed_head: str | None = None
    teams: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()
    mergeable: bool = True
    statuses: Mapping[str, StatusState] = {}


def read_facts(path: Path) -> Facts:
    """Read a file of facts.

    Raises:
        UserError: It cannot be read, or says something else.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Facts.model_validate(said or {})
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise UserError(msg) from error
    except (UnicodeError, yaml.YAMLError) as error:
        msg = f"{path} is neither JSON nor YAML"
        raise UserError(msg) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"{path}: {where}: {first['msg']}"
        raise UserError(msg) from error


def base_of(event: Event, facts: Facts) -> str:
    """Return the branch the pull request goes to: as the facts say, else the delivery."""
    told = event.base_branch if isinstance(event, PullRequestEvent) else ""
    return facts.pull_request.base_branch or told or facts.default_branch


def forge_of(event: Event, facts: Facts) -> Forge:
    """Make a forge that says what the facts and the delivery say; it takes no writes."""
    return cast("Forge", _FactsForge(event=event, facts=facts))


def server_of(facts: Facts) -> JobServer:
    """Make a job server that holds the facts' workspaces and templates; it starts no jobs."""
    return cast("JobServer", _FactsServer(facts=facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _FactsForge:
    """The part of ports.Forge that only reads."""

    event: Event
    facts: Facts

    async def whoami(self) -> tuple[str, str]:
        return "terrakube-bridge", "0"

    async def repository_by_id(self, repository: RepositoryRef) -> Repository:
        return Repository(
            ref=repository,
            clone_urls=self.facts.clone_urls,
            web_url="",
            default_branch=self.facts.default_branch,
        )

    async def pull_request(self, ref: PullRequestRef) -> PullRequest:
        told = self.event if isinstance(self.event, PullRequestEvent) else None
        said = self.facts.pull_request
        from_fork = bool(told and told.from_fork) if said.from_fork is None else said.from_fork
        return PullRequest(
            ref=ref,
            state=said.state,
            draft=said.draft,
            title=said.title,
            author=said.author or self.event.actor,
            web_url="",
            head_sha=said.head_sha or (told.head_sha if told else "") or _SHA,
            head_branch=said.head_branch or (told.head_branch if told else ""),
            base_branch=base_of(self.event, self.facts),
            base_sha=said.base_sha or None,
            from_fork=from_fork,
            merge_commit=said.merge_commit,
            updated_at=told.updated_at if told else None,
            repository=await self.repository_by_id(ref.repository),
        )

    async def changed_files(self, ref: PullRequestRef) -> ChangedFiles:
        return self._files()

    async def compared_files(
        self, repository: RepositoryRef, before: str, after: str
    ) -> ChangedFiles:
        return self._files()

    async def branch(self, repository: RepositoryRef, name: str) -> Branch | None:
        sha = self.facts.branch_heads.get(name) or getattr(self.event, "after", None)
        return Branch(name=name, sha=sha) if sha else None

    async def branches(self, repository: RepositoryRef) -> Sequence[Branch]:
        return [Branch(name=name, sha=sha) for name, sha in self.facts.branch_heads.items()]

    async def is_ancestor(self, repository: RepositoryRef, older: str, newer: str) -> bool:
        return False

    async def tag_commit(self, repository: RepositoryRef, tag: str) -> str | None:
        return self.facts.tag_commit or getattr(self.event, "commit", None)

    async def pull_requests_of_commit(
        self, repository: RepositoryRef, sha: str
    ) -> Sequence[PullRequestRef]:
        number = self.facts.merged_pull_request
        return [PullRequestRef(repository=repository, number=number)] if number else []

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        return self.facts.permission

    async def in_team(self, login: str, team: str) -> bool:
        return team in self.facts.teams

    async def reviews(self, pull_request: PullRequest) -> Reviews:
        others = tuple(one for one in self.facts.approved_by if one != pull_request.author)
        problem = "" if others else "The facts name nobody who approved it."
        return Reviews(approved=bool(others), approved_by=others, problem=problem)

    async def mergeability(
        self, pull_request: PullRequest, *, ignoring: Sequence[str]
    ) -> Mergeability:
        return Mergeability(mergeable=self.facts.mergeable)

    async def statuses(self, repository: RepositoryRef, sha: str) -> Sequence[CommitStatus]:
        return [
            CommitStatus(context=name, state=state, description="")
            for name, state in self.facts.statuses.items()
        ]

    async def comment(self, repository: RepositoryRef, comment_id: str) -> Comment:
        told = self.event
        if not isinstance(told, CommentEvent):
            msg = f"comment {comment_id}: the facts do not say"
            raise NotFoundError(msg, service="facts")
        return Comment(
            id=comment_id,
            body=told.body,
            author=told.author,
            author_id=told.author_id,
            by_bot=told.by_bot,
        )

    async def own_comments(
        self, ref: PullRequestRef, since: datetime | None = None
    ) -> Sequence[Comment]:
        return []

    def _files(self) -> ChangedFiles:
        if self.facts.changed_files is None:
            reason = "the facts name no changed files"
            return ChangedFiles(paths=(), complete=False, reason=reason)
        return ChangedFiles(paths=tuple(sorted(self.facts.changed_files)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _FactsServer:
    """The part of ports.JobServer that only reads; names stand for ids."""

    facts: Facts

    async def organizations(self) -> Sequence[Organization]:
        names = sorted({one.name.partition("/")[0] for one in self.facts.workspaces})
        return [Organization(id=name, name=name) for name in names]

    async def workspaces(self, organization: Organization) -> Sequence[Workspace]:
        return [
            _workspace(one)
            for one in self.facts.workspaces
            if one.name.partition("/")[0] == organization.name
        ]

    async def workspace(self, ref: WorkspaceRef) -> Workspace:
        return next(_workspace(one) for one in self.facts.workspaces if one.name == str(ref))

    async def templates(self, organization_id: str) -> Sequence[Template]:
        return [
            Template(
                id=one.name,
                name=one.name,
                organization_id=organization_id,
                flow=tuple(
                    FlowStep(type=kind, number=number * 100)
                    for number, kind in enumerate(one.flow, start=1)
                ),
            )
            for one in self.facts.templates
        ]

    async def permissions(self, organization_id: str) -> Permissions:
        return Permissions(
            plan_job=True,
            approve_job=True,
            manage_job=True,
            manage_workspace=True,
            manage_template=True,
        )


def _workspace(said: WorkspaceFacts) -> Workspace:
    organization, _, name = said.name.partition("/")
    return Workspace(
        ref=WorkspaceRef(
            organization_id=organization, organization=organization, id=said.name, name=name
        ),
        source=said.source,
        branch=said.branch,
        folder=said.folder,
        locked=said.locked,
        default_template=said.default_template,
    )
