"""Asking whether something may be applied: when somebody says so, and again right before it is.

Only what the configured gates need is asked for. What the forge does not say stays untold, and
the gate is shut. Many applies of one pull request start at the same time: for a moment they share
what was asked, at the same head, so that a hundred workspaces do not use up what a forge lets
everybody ask in an hour.
"""

import asyncio
from collections.abc import Awaitable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import structlog
from cachetools import TTLCache

from bridge.decisions.gates import (
    GateFacts,
    gates_of,
    ignored_contexts,
    unmet_gates,
)
from bridge.domain.errors import PermanentRemoteError, RemoteError
from bridge.domain.rules import ApplyPolicy, Gate, Policy
from bridge.domain.runs import Run, RunOptions, RunState, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import CommitStatus, Mergeability, PullRequest, PullRequestRef, Reviews
from bridge.ports import Forge, RunStore

log = structlog.get_logger(__name__)

T = TypeVar("T")

SHARED_FOR: Final = 3.0
"""Seconds in which applies of the same head share what was asked."""

_APPLYING: Final = frozenset({Verb.APPLY, Verb.DESTROY})

_Key: TypeAlias = tuple[str, str, str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gating:
    """Gathers what the gates of an apply look at.

    Attributes:
        forges: By name.
    """

    forges: Mapping[str, Forge]
    store: RunStore
    policy: Policy
    _known: TTLCache[_Key, "_Answers"] = field(
        default_factory=lambda: TTLCache(maxsize=1_000, ttl=SHARED_FOR), repr=False
    )
    _locks: MutableMapping[_Key, asyncio.Lock] = field(
        default_factory=WeakValueDictionary, repr=False
    )

    async def facts(
        self,
        pull_request: PullRequest,
        plans: Mapping[WorkspaceRef, Run | None],
        *,
        options: RunOptions | None = None,
        destroy: bool = False,
    ) -> GateFacts:
        """Ask the forge for what the gates need; what it does not say is None."""
        answers = await self._ask(pull_request, destroy=destroy, untold=RemoteError)
        return answers.facts(pull_request, plans, options=options, destroy=destroy)

    async def objection(self, run: Run) -> str:
        """Say what keeps an apply from being created now; empty when nothing does.

        See services.reviewing.Gatekeeper. The plan is the one that was reviewed, whatever was
        planned since.

        Raises:
            TemporaryRemoteError: The forge does not answer: ask again.
        """
        request = run.request
        if request.reviewed is None or request.pull_request is None:
            return ""
        verb, destroy = request.verb, request.verb is Verb.DESTROY
        policy = self._policy(destroy=destroy)
        if policy is None:
            return f"`{verb}` was switched off before it started."
        ref = PullRequestRef(repository=request.repository, number=request.pull_request)
        if earlier := await self._applied_before(run, ref):
            return f"{earlier.request.actor} was first: the same plan is applied already."
        pull_request = await self.forges[request.repository.forge].pull_request(ref)
        answers = await self._shared(pull_request, destroy=destroy)
        plans = {request.workspace: await self.store.run(request.reviewed.run_id)}
        facts = answers.facts(pull_request, plans, destroy=destroy)
        command = self.policy.command_names[0]
        unmet = unmet_gates(policy, facts, command=command)
        if not unmet:
            return ""
        # Somebody may clear it at once, and say so again: that is looked at anew.
        self._known.pop(_key_of(pull_request, destroy=destroy), None)
        said = " ".join(f"{one.gate}: {one.text} Who can help: {one.who}." for one in unmet)
        return f"Before it started, something came in the way. {said} Then say `{command} {verb}`."

    def _policy(self, *, destroy: bool) -> ApplyPolicy | None:
        return self.policy.destroy if destroy else self.policy.apply

    async def _applied_before(self, run: Run, ref: PullRequestRef) -> Run | None:
        """Find an older apply of the same plan that went through: two doors, one apply."""
        reviewed = run.request.reviewed
        return next(
            (
                other
                for other in await self.store.shown_runs(ref, run.request.commit_id)
                if other.request.verb in _APPLYING
                and other.id != run.id
                and other.state is RunState.SUCCEEDED
                and other.request.reviewed
                and reviewed
                and other.request.reviewed.run_id == reviewed.run_id
            ),
            None,
        )

    async def _shared(self, pull_request: PullRequest, *, destroy: bool) -> "_Answers":
        """Ask once for all the workspaces of a pull request that start at the same time."""
        key = _key_of(pull_request, destroy=destroy)
        async with self._locks.setdefault(key, asyncio.Lock()):
            found = self._known.get(key)
            if found is None:
                # One that does not answer is asked again: nobody waits in front of a screen.
                found = await self._ask(pull_request, destroy=destroy, untold=PermanentRemoteError)
                self._known[key] = found
            return found

    async def _ask(
        self, pull_request: PullRequest, *, destroy: bool, untold: type[RemoteError]
    ) -> "_Answers":
        forge = self.forges[pull_request.ref.repository.forge]
        wanted = gates_of(self._policy(destroy=destroy) or self.policy.apply)
        where = pull_request.ref.repository

        async def told(gate: Gate, question: Awaitable[T]) -> T | None:
            try:
                return await question
            except untold as error:
                log.warning("gate.unknown", gate=gate.value, reason=str(error))
                return None

        return _Answers(
            reviews=await told(Gate.APPROVED, forge.reviews(pull_request))
            if Gate.APPROVED in wanted
            else None,
            mergeability=await told(
                Gate.MERGEABLE,
                forge.mergeability(pull_request, ignoring=ignored_contexts(self.policy)),
            )
            if Gate.MERGEABLE in wanted
            else None,
            statuses=await told(Gate.STATUSES, forge.statuses(where, pull_request.head_sha))
            if Gate.STATUSES in wanted
            else None,
            diverged=await told(Gate.UNDIVERGED, _diverged(forge, pull_request))
            if Gate.UNDIVERGED in wanted
            else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """What the forge said about a pull request; see GateFacts."""

    reviews: Reviews | None
    mergeability: Mergeability | None
    statuses: Sequence[CommitStatus] | None
    diverged: bool | None

    def facts(
        self,
        pull_request: PullRequest,
        plans: Mapping[WorkspaceRef, Run | None],
        *,
        options: RunOptions | None = None,
        destroy: bool,
    ) -> GateFacts:
        """Put it beside the plans."""
        return GateFacts(
            pull_request=pull_request,
            plans=plans,
            options=options,
            destroy=destroy,
            reviews=self.reviews,
            mergeability=self.mergeability,
            statuses=self.statuses,
            diverged=self.diverged,
        )


def _key_of(pull_request: PullRequest, *, destroy: bool) -> _Key:
    return (pull_request.ref.key, pull_request.head_sha, pull_request.base_branch, destroy)


async def _diverged(forge: Forge, pull_request: PullRequest) -> bool | None:
    """Tell whether the base branch holds commits that the head does not; None: it is gone."""
    where = pull_request.ref.repository
    base = await forge.branch(where, pull_request.base_branch)
    if base is None:
        return None
    return not await forge.is_ancestor(where, base.sha, pull_request.head_sha)
