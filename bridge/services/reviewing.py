"""What the engine asks about an apply: may it start, and is its plan the one that was reviewed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.decisions.approving import demand_for
from bridge.decisions.reviewing import (
    Comparison,
    Doubt,
    Stop,
    ask,
    compare,
    delta,
    differs,
    stop_of,
)
from bridge.domain.access import AccessRule
from bridge.domain.errors import PermanentRemoteError
from bridge.domain.runs import Collected, Output, Run
from bridge.domain.terrakube import Job
from bridge.domain.vcs import PullRequest, PullRequestRef
from bridge.services.collecting import Planned


class PullRequests(Protocol):
    """What is needed of ports.Forge."""

    async def pull_request(self, ref: PullRequestRef) -> PullRequest:
        """Read a pull request as it is now."""
        ...


class Plans(Protocol):
    """What is needed of services.collecting.CollectService."""

    async def review(self, run: Run, job: Job) -> Planned:
        """Read the plan of a job that waits for an approval."""
        ...


class Outputs(Protocol):
    """What is needed of ports.RunStore."""

    async def outputs(self, run_id: str) -> Sequence[Output]:
        """Read every stored text of a run."""
        ...


class Gatekeeper(Protocol):
    """Asks again, right before a job is created, whether it may be."""

    async def objection(self, run: Run) -> str:
        """Say what is not as it must be, and who can help; empty when all is well."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What looking at a job that waits led to.

    Attributes:
        collected: What is shown while it waits.
        stop: Why it must not go on; None when it may, or when a person has to decide.
        delta: How the plan differs from the reviewed one.
        question: What a person is asked; empty when none is needed.
    """

    collected: Collected
    stop: Stop | None = None
    delta: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewService:
    """Looks at pull requests and plans again, when it matters.

    Attributes:
        forges: By name.
        command: How people address the bridge, for "say ... again".
        gatekeeper: Asked besides; None for nobody.
        access: Rules, some of which may want people to approve; None when there are none.
    """

    forges: Mapping[str, PullRequests]
    plans: Plans
    store: Outputs
    command: str
    gatekeeper: Gatekeeper | None = None
    access: Sequence[AccessRule] | None = None

    async def stop(self, run: Run) -> Stop | None:
        """Say why the pull request as it is now forbids a run; None when it does not.

        Runs that nothing was reviewed for are not a pull request's.
        """
        request = run.request
        if request.reviewed is None or request.pull_request is None:
            return None
        forge = self.forges.get(request.repository.forge)
        if forge is None:
            name = request.repository.forge
            msg = f"forge {name} is not configured any more"
            raise PermanentRemoteError(msg, service=name)
        ref = PullRequestRef(repository=request.repository, number=request.pull_request)
        return stop_of(run, await forge.pull_request(ref), command=self.command)

    async def objection(self, run: Run) -> str:
        """Say which gate is not open, right before an apply is created; empty when all are."""
        if run.request.reviewed is None or self.gatekeeper is None:
            return ""
        return await self.gatekeeper.objection(run)

    async def look(self, run: Run, job: Job) -> Looked:
        """Compare the plan of a job that waits with the one that was reviewed.

        Raises:
            TemporaryRemoteError: The plan could not be read.
        """
        planned = await self.plans.review(run, job)
        reviewed = run.request.reviewed
        if reviewed is None:
            return Looked(collected=planned.collected)
        if planned.begun:
            return self._asks(planned, Doubt.BEGUN)
        careful = reviewed.ask_when_sensitive and planned.sensitive
        match compare(reviewed.digest, planned.collected.digest):
            case Comparison.DIFFERENT:
                return await self._differs(run, planned.collected)
            case Comparison.UNSURE:
                return self._asks(planned, Doubt.UNLIKE)
            case Comparison.EQUAL if careful:
                return self._asks(planned, Doubt.SENSITIVE)
            case Comparison.EQUAL:
                return self._equal(run, planned)

    def _equal(self, run: Run, planned: Planned) -> Looked:
        if demand_for(run, self.access).needs_people:
            return self._asks(planned, Doubt.PEOPLE)
        return Looked(collected=planned.collected)

    def _asks(self, planned: Planned, doubt: Doubt) -> Looked:
        return Looked(collected=planned.collected, question=ask(doubt))

    async def _differs(self, run: Run, collected: Collected) -> Looked:
        reviewed = run.request.reviewed
        before = await self.store.outputs(reviewed.run_id) if reviewed else ()
        return Looked(
            collected=collected,
            stop=differs(run, command=self.command),
            delta=delta(before, collected.outputs),
        )
