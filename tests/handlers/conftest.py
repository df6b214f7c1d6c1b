"""A world for handlers: a forge, Terrakube and a store in memory, and the router around them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.domain.events import (
    BranchPushed,
    CommentCreated,
    Event,
    PullRequestEvent,
    PullRequestOpened,
)
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.rules import Policy
from bridge.domain.runs import (
    CONCLUDED,
    Run,
    RunPhase,
    RunRequest,
    RunState,
    TemplateChoice,
    Verb,
)
from bridge.domain.terrakube import Workspace
from bridge.domain.vcs import PullRequest, PullRequestRef
from bridge.domain.work import Work
from bridge.routing import Router, Services
from bridge.services.catalog import Catalog
from handlers import load_routers
from tests.fakes.forge import BASE, HEAD, INFRA, FakeForge, a_pull_request
from tests.fakes.jobserver import APPLY_FLOW, FakeJobServer
from tests.fakes.runs import a_run
from tests.fakes.store import FakeRunStore

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class World:
    """Everything a handler can see; ``deliver`` hands it an event."""

    forge: FakeForge = field(default_factory=FakeForge)
    server: FakeJobServer = field(default_factory=FakeJobServer)
    store: FakeRunStore = field(default_factory=FakeRunStore)
    policy: Policy = field(default_factory=Policy)
    router: Router = field(default_factory=load_routers)

    async def deliver(self, event: Event, *, attempt: int = 1) -> Work:
        """Handle an event and keep what came of it, as the engine does."""
        work = Work(attempt=attempt)
        await self.router.dispatch(event, self.services(), work)
        self.store.keep(work)
        return work

    def services(self) -> Services:
        services = Services(
            forges={"code": self.forge},
            catalog=Catalog(server=self.server),
            store=self.store,
            policy=self.policy,
            destruction="flow: destruction",
        )
        return self.router.equip(services)

    def workspace(self, name: str = "network", **more: Any) -> Workspace:  # noqa: ANN401 - its fields
        default = next(
            one.id for one in self.server.stored_templates.values() if one.name == "Plan and apply"
        )
        values = {"folder": f"/{name}", "default_template": default} | more
        return self.server.add_workspace(name, **values)

    def open(self, number: int = 1, **changes: Any) -> PullRequest:  # noqa: ANN401 - its fields
        """Let the forge hold a pull request."""
        self.forge.pulls[number] = a_pull_request(number, **changes)
        return self.forge.pulls[number]

    def ran(
        self,
        name: str = "network",
        verb: Verb = Verb.PLAN,
        state: RunState = RunState.SUCCEEDED,
        **changes: Any,  # noqa: ANN401 - fields of the run, or of its request
    ) -> Run:
        """Let the store hold a run of pull request 1, newer than those it holds."""
        number = len(self.store.runs) + 1
        ref = PullRequestRef(repository=INFRA, number=1)
        space = next(one for one in self.server.spaces.values() if one.ref.name == name)
        asked = {one.name for one in fields(RunRequest)}
        values: dict[str, Any] = {
            "trigger": f"comment:code:7:{number}:1",
            "actor": "bob",
            "verb": verb,
            "workspace": space.ref,
            "template": TemplateChoice(reference="Plan", name="Plan"),
            "commit_id": HEAD,
            "repository": INFRA,
            "reports": (ref.key, f"commit:code:7:{HEAD}"),
            "pull_request": 1,
            "applies": verb is not Verb.PLAN,
        }
        values |= {key: value for key, value in changes.items() if key in asked}
        ended = state in CONCLUDED
        run = a_run(
            RunRequest(**values),
            **{
                "id": f"run-{number}",
                "state": state,
                "phase": RunPhase.FINISHED if ended else RunPhase.CREATED,
                "job_id": str(number),
                "plan_changes": True if ended else None,
                "digest": f"json1:{number}" if ended else "",
                "created_at": NOW + timedelta(minutes=number),
                "finished_at": NOW + timedelta(minutes=number + 1) if ended else None,
                **{key: value for key, value in changes.items() if key not in asked},
            },
        )
        self.store.runs = {**self.store.runs, run.id: run}
        return run

    async def say(self, text: str, *, author: str = "alice", **changes: Any) -> Work:  # noqa: ANN401 - its fields
        """Let somebody write a comment in pull request 1."""
        return await self.deliver(replace(self.comment(text, author=author), **changes))

    def comment(self, text: str, *, author: str = "alice") -> CommentCreated:
        """Let the forge hold a comment in pull request 1, and make the event it means."""
        comment_id = self.forge.say(1, text, author=author)
        return CommentCreated(
            delivery_id=f"d-{comment_id}",
            received_at=NOW,
            actor=author,
            repository=INFRA,
            pull_request=PullRequestRef(repository=INFRA, number=1),
            comment_id=comment_id,
            body=text,
            author=author,
            author_id="1",
            by_bot=False,
        )


@pytest.fixture
def world() -> World:
    """One workspace in folder network, one pull request, alice may write."""
    world = World()
    world.server.add_template("Plan")
    world.server.add_template("Plan and apply", flow=APPLY_FLOW)
    world.workspace("network")
    world.open()
    return world


def about(
    pull_request: PullRequest,
    kind: type[PullRequestEvent] = PullRequestOpened,
    **changes: Any,  # noqa: ANN401 - its fields
) -> PullRequestEvent:
    """Make the event a delivery about this pull request would mean."""
    values: dict[str, Any] = {
        "delivery_id": "d-1",
        "received_at": NOW,
        "actor": "alice",
        "repository": pull_request.ref.repository,
        "pull_request": pull_request.ref,
        "head_sha": pull_request.head_sha,
        "head_branch": pull_request.head_branch,
        "base_branch": pull_request.base_branch,
        "from_fork": pull_request.from_fork,
        "updated_at": pull_request.updated_at,
    }
    return kind(**{**values, **changes})


def pushed(**changes: Any) -> BranchPushed:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "delivery_id": "d-1",
        "received_at": NOW,
        "actor": "alice",
        "repository": INFRA,
        "branch": "main",
        "before": BASE,
        "after": HEAD,
        "forced": False,
    }
    return BranchPushed(**{**values, **changes})


def posts(work: Work) -> Sequence[str]:
    """Say in a word each which posts are to be brought up to date."""
    targets = [(post.kind.value, on_forge(post)) for post in work.posts]
    return [f"{kind}:{one.context or one.number or one.content}" for kind, one in targets]


def on_forge(post: PostUpsert) -> PostTarget:
    """Where a post goes, which is to a forge."""
    assert isinstance(post.target, PostTarget)
    return post.target


def replies(work: Work) -> Sequence[str]:
    return [post.content or "" for post in work.posts if post.kind is PostKind.REPLY]


def runs(work: Work) -> Sequence[tuple[str, str, str]]:
    """Say of each run its workspace, its template and its commit."""
    return [
        (run.workspace.name, run.template.name or run.template.reference, run.commit_id)
        for run in work.runs
    ]
