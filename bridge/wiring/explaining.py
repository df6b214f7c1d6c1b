"""Deciding about an event without acting: for ``explain``.

The handlers are the real ones. What they write down is shown instead of being committed.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.errors import SettingsError
from bridge.domain.events import Event
from bridge.domain.holds import Hold
from bridge.domain.posts import PostKind, PostTarget, StatusPost
from bridge.domain.redaction import Redactor
from bridge.domain.reports import CommitReport, PullRequestReport
from bridge.domain.rules import Policy
from bridge.domain.runs import Output, Run
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.domain.work import Decision, Vote, Work
from bridge.ports import Forge, PullRequestRecord, RunStore
from bridge.routing import Services
from bridge.services.catalog import Catalog
from bridge.settings import Settings
from bridge.store.database import Database
from bridge.store.runs import SqlRunStore
from bridge.wiring.dispatching import make_dispatcher
from bridge.wiring.facts import Facts, base_of, forge_of, read_facts, server_of
from bridge.wiring.outside import open_outside

__all__ = ["Facts", "decide", "decide_by_facts", "read_facts"]

_PATIENT = 1_000
"""An attempt after which nobody waits any more for what the forge does not show yet."""


async def decide(event: Event, settings: Settings) -> dict[str, object]:
    """Decide as the bridge would now: Terrakube and the forge are asked, the database is read.

    Raises:
        RemoteError: Somebody did not answer.
    """
    key = settings.secret_key.get_secret_value().encode() if settings.secret_key else None
    redactor = Redactor(settings.secrets())
    async with (
        open_outside(settings, key=key, redactor=redactor) as outside,
        _store(settings) as store,
    ):
        catalog = Catalog(server=outside.server)
        return await _decide(event, outside.forges, catalog, store, settings.policy())


async def decide_by_facts(
    event: Event, settings: Settings | None, facts: Facts
) -> dict[str, object]:
    """Decide by written facts and the settings' rules (the built-in ones without); asks nobody."""
    forges = {event.repository.forge: forge_of(event, facts)}
    store = EmptyStore(
        allowed_head=facts.allowed_head,
        base_branch=base_of(event, facts),
        heads=facts.branch_heads,
    )
    policy = settings.policy() if settings else Policy()
    return await _decide(event, forges, Catalog(server=server_of(facts)), store, policy)


async def _decide(
    event: Event,
    forges: Mapping[str, Forge],
    catalog: Catalog,
    store: RunStore,
    policy: Policy,
) -> dict[str, object]:
    services = Services(forges=forges, catalog=catalog, store=store, policy=policy)
    dispatcher = make_dispatcher(services)
    work = Work(attempt=_PATIENT)
    answering = dispatcher.router.equip(dispatcher.services)
    await dispatcher.router.dispatch(event, answering, work)
    return _described(work)


def _described(work: Work) -> dict[str, object]:
    """Say what would be written down."""
    verdicts = [seen.verdict for seen in work.pull_requests if seen.verdict]
    return {
        "ignored": work.ignored,
        "runs": [
            {
                "workspace": str(run.workspace),
                "verb": run.verb.value,
                "template": run.template.name or run.template.reference,
                "commit": run.commit_id,
                "branch": run.branch,
                "tag": run.tag,
                "applies": run.applies,
                "why": run.why,
                "trigger": run.trigger,
            }
            for run in work.runs
        ],
        "verdict": {"kind": verdicts[-1].kind, "text": verdicts[-1].text} if verdicts else None,
        "supersedes": [one.reason for one in work.supersedes],
        "statuses": [
            one.target.context
            for one in work.posts
            if one.kind is PostKind.STATUS and isinstance(one.target, PostTarget)
        ],
        "comment": any(one.kind is PostKind.REPORT for one in work.posts),
        "replies": [one.content for one in work.posts if one.kind is PostKind.REPLY],
        "answers": [{"run": one.run_id, "answer": one.answer.value} for one in work.decides],
        "frees": [one.ends_queued for one in work.frees],
        "allows": [one.head_sha for one in work.allowances],
        "remembers": [f"{one.branch}@{one.sha}" for one in work.branches],
    }


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[RunStore]:
    """Read the bridge's database if there is one; without it nothing happened yet."""
    database: Database | None = None
    with suppress(SettingsError):
        url = settings.database.url.get_secret_value()
        database = await Database.open(url, exclusive=False)
    if database is None:
        yield EmptyStore()
        return
    async with database:
        yield SqlRunStore(database=database, job_url=lambda _, job_id: job_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyStore:
    """A database in which nothing happened yet; see ports.RunStore.

    Attributes:
        allowed_head: Commit of a fork's pull request that somebody allowed to be planned.
        base_branch: Where it was allowed.
        heads: Where branches were last seen; None for nowhere.
    """

    allowed_head: str | None = None
    base_branch: str = ""
    heads: Mapping[str, str] | None = None

    async def pull_request(self, ref: PullRequestRef) -> PullRequestRecord | None:
        """See ports.RunStore."""
        if self.allowed_head is None:
            return None
        return PullRequestRecord(
            ref=ref,
            state="open",
            head_sha=self.allowed_head,
            base_branch=self.base_branch,
            draft=False,
            from_fork=True,
            merge_commit=None,
            verdict=None,
            allowed_head=self.allowed_head,
        )

    async def pull_request_by_merge_commit(
        self, repository: RepositoryRef, sha: str
    ) -> PullRequestRef | None:
        """See ports.RunStore."""
        return None

    async def known_open_pull_requests(
        self, repository: RepositoryRef
    ) -> Sequence[PullRequestRecord]:
        """See ports.RunStore."""
        return ()

    async def known_repositories(self, forge: str) -> Sequence[RepositoryRef]:
        """See ports.RunStore."""
        return ()

    async def branch_head(self, repository: RepositoryRef, branch: str) -> str | None:
        """See ports.RunStore."""
        return (self.heads or {}).get(branch)

    async def pull_request_report(self, ref: PullRequestRef) -> PullRequestReport | None:
        """See ports.RunStore."""
        return None

    async def commit_report(self, repository: RepositoryRef, sha: str) -> CommitReport:
        """See ports.RunStore."""
        return CommitReport(repository=repository, sha=sha, verdicts=(), runs=())

    async def run(self, run_id: str) -> Run | None:
        """See ports.RunStore."""
        return None

    async def votes(self, run_id: str) -> Sequence[Vote]:
        """See ports.RunStore."""
        return ()

    async def status_posts(self, repository: RepositoryRef, sha: str) -> Sequence[StatusPost]:
        """See ports.RunStore."""
        return ()

    async def holders(self, forge: str) -> Sequence[PullRequestRef]:
        """See ports.RunStore."""
        return ()

    async def outputs(self, run_id: str) -> Sequence[Output]:
        """See ports.RunStore."""
        return ()

    async def holds(self, ref: PullRequestRef) -> Sequence[Hold]:
        """See ports.RunStore."""
        return ()

    async def hold_of(self, workspace_id: str) -> Hold | None:
        """See ports.RunStore."""
        return None

    async def queue(self, workspace_id: str) -> Sequence[Run]:
        """See ports.RunStore."""
        return ()

    async def open_runs(self, ref: PullRequestRef) -> Sequence[Run]:
        """See ports.RunStore."""
        return ()

    async def runs_waiting(self, ref: PullRequestRef) -> Sequence[Run]:
        """See ports.RunStore."""
        return ()

    async def shown_runs(self, ref: PullRequestRef, head_sha: str) -> Sequence[Run]:
        """See ports.RunStore."""
        return ()

    async def latest_plans(self, ref: PullRequestRef, head_sha: str) -> Mapping[str, Run]:
        """See ports.RunStore."""
        return {}

    async def decision(self, run_id: str) -> Decision | None:
        """See ports.RunStore."""
        return None

    async def fixed_text(self, post_key: str) -> str | None:
        """See ports.RunStore."""
        return None

    async def own_comment_owner(
        self, repository: RepositoryRef, comment_id: str
    ) -> tuple[PullRequestRef, str] | None:
        """See ports.RunStore."""
        return None

    async def wrong_codes(
        self, ref: PullRequestRef, login: str, *, since: datetime, most: int
    ) -> int:
        """See ports.RunStore."""
        return 0
