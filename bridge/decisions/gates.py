"""What must hold before something is applied: all that does not is named at once, with who helps.

A gate that could not be looked at is shut, and says so. Pull requests that are not open, and those
of forks, are refused whatever else holds: there is nothing anybody could clear one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.decisions.reviewed_plans import Asked, obstacles
from bridge.decisions.wording import code, listed
from bridge.domain.rules import ALWAYS, ApplyPolicy, Gate, Policy
from bridge.domain.runs import Run, RunOptions, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import (
    IS_DRAFT,
    CommitStatus,
    Mergeability,
    PullRequest,
    PullRequestState,
    Reviews,
    StatusState,
)

_AGAIN: Final = (
    "nobody here: say it again in a while, and if it stays so, ask whoever runs the bridge: its "
    "log says why"
)
_PUSHERS: Final = "whoever can push to the head branch"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """What the forge and the store say just now; what no gate asks for may be left out.

    Attributes:
        plans: Newest plan of every workspace that is meant; None where there is none.
        options: That the plans must have been made with; None: as they were.
        destroy: Whether everything is to be destroyed instead of applied.
        reviews: None when the forge could not be asked; as the three below.
        mergeability: The bridge's own statuses left out: see ignored_contexts.
        statuses: Of the head, the newest of each name.
        diverged: Whether the base branch holds commits that the head does not.
    """

    pull_request: PullRequest
    plans: Mapping[WorkspaceRef, Run | None]
    options: RunOptions | None = None
    destroy: bool = False
    reviews: Reviews | None = None
    mergeability: Mergeability | None = None
    statuses: Sequence[CommitStatus] | None = None
    diverged: bool | None = None

    @property
    def asked(self) -> Asked:
        """What is to be applied, and with which plans."""
        return Asked(
            head_sha=self.pull_request.head_sha,
            plans=self.plans,
            options=self.options,
            destroy=self.destroy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """A gate that is shut.

    Attributes:
        text: Why, a sentence or more of Markdown.
        who: Who can clear it and how, the end of a sentence.
    """

    gate: Gate
    text: str
    who: str


def gates_of(policy: ApplyPolicy) -> tuple[Gate, ...]:
    """List the gates to look at, in the order they are told: so the shell asks for no other facts.

    Those that always hold are among them, and ``statuses`` wherever some are named.
    """
    named = (Gate.STATUSES,) if policy.statuses else ()
    wanted = {*ALWAYS, *policy.require, *named}
    return tuple(gate for gate in _ORDER if gate in wanted)


def ignored_contexts(policy: Policy) -> tuple[str, ...]:
    """Name the bridge's own statuses, as Forge.mergeability is told them.

    A required status that only an apply can satisfy would otherwise keep it from being applied.
    Nobody else's is left out, however much its name looks like one of them.
    """
    names = [f"{policy.status_prefix}/{verb}" for verb in Verb]
    return (*names, *(f"{name}: *" for name in names))


def unmet_gates(policy: ApplyPolicy, facts: GateFacts, *, command: str) -> tuple[Unmet, ...]:
    """List every gate that is shut; empty: it may be applied.

    Args:
        policy: What is asked of an apply, or of a destroy.
        facts: As they are now.
        command: How people address the bridge.
    """
    wanted = gates_of(policy)
    hopeless = [one for gate in _HOPELESS if (one := _LOOKS[gate](facts))]
    if hopeless:
        return tuple(hopeless)
    found = [one for gate in wanted if gate in _LOOKS and (one := _LOOKS[gate](facts))]
    if any(one.gate is Gate.NOT_DRAFT for one in found):
        found = [one for one in found if one.text != IS_DRAFT]
    if Gate.STATUSES in wanted and (statuses := _statuses(policy.statuses, facts)):
        found.append(statuses)
    plans = obstacles(facts.asked, command=command)
    return (*found, *(Unmet(gate=Gate.PLANNED, text=one.text, who=one.who) for one in plans))


def refusal_text(unmet: Sequence[Unmet], *, destroy: bool = False) -> str:
    """Answer somebody whose apply (or destroy) does not start, in Markdown."""
    done = "destroyed" if destroy else "applied"
    lines = [f"- **{one.gate.value}**: {one.text} *Who can help*: {one.who}." for one in unmet]
    return "\n".join([f"Nothing was {done}. What is in the way:", "", *lines])


def destroy_off_text() -> str:
    """Answer somebody who wants to destroy where nobody may."""
    return (
        f"Nothing was destroyed: {code('destroy')} is switched off here. Whoever runs the bridge "
        f"can switch it on ({code('commands.destroy')}) and say who may ({code('access')})."
    )


def _open(facts: GateFacts) -> Unmet | None:
    state = facts.pull_request.state
    if state is PullRequestState.OPEN:
        return None
    merged = state is PullRequestState.MERGED
    who = "nobody: a pull request that was merged stays so"
    return Unmet(
        gate=Gate.OPEN,
        text=f"This pull request is {state.value}.",
        who=who if merged else "whoever may open it again",
    )


def _not_fork(facts: GateFacts) -> Unmet | None:
    if not facts.pull_request.from_fork:
        return None
    return Unmet(
        gate=Gate.NOT_FORK,
        text="The code of a fork is planned at most, never applied.",
        who="whoever can push to this repository: with a pull request from a branch in it",
    )


def _not_draft(facts: GateFacts) -> Unmet | None:
    if not facts.pull_request.draft:
        return None
    return Unmet(
        gate=Gate.NOT_DRAFT,
        text="This pull request is a draft.",
        who=f"{_author(facts)} or anybody who can write here, by saying that it is ready",
    )


def _approved(facts: GateFacts) -> Unmet | None:
    reviews = facts.reviews
    if reviews is None:
        return _untold(Gate.APPROVED, "whether this pull request is approved")
    if reviews.approved:
        return None
    said = [reviews.problem or "It is not approved as the forge's rules for its base ask."]
    if reviews.required is not None and len(reviews.approved_by) < reviews.required:
        said.append(f"Approvals: {len(reviews.approved_by)} of {reviews.required}.")
    if reviews.rejected_by:
        said.append(f"Changes are asked for by {listed(reviews.rejected_by)}.")
    who = f"somebody other than {_author(facts)}, by approving its head as it is now"
    if reviews.rejected_by:
        who += f"; and {listed(reviews.rejected_by)}, or whoever may dismiss a review"
    return Unmet(gate=Gate.APPROVED, text=" ".join(said), who=who)


def _mergeable(facts: GateFacts) -> Unmet | None:
    found = facts.mergeability
    if found is None:
        return _untold(Gate.MERGEABLE, "whether it would merge this")
    if found.mergeable:
        return None
    if found.mergeable is None:
        return Unmet(
            gate=Gate.MERGEABLE,
            text="The forge is still finding out whether it would merge this.",
            who="nobody needs to: say it again in a moment",
        )
    return Unmet(
        gate=Gate.MERGEABLE,
        text=" ".join(found.problems) or "The forge would not merge this.",
        who=f"{_PUSHERS}, and whoever the rules of {_base(facts)} name",
    )


def _undiverged(facts: GateFacts) -> Unmet | None:
    if facts.diverged is None:
        return _untold(Gate.UNDIVERGED, f"whether the head holds all of {_base(facts)}")
    if not facts.diverged:
        return None
    return Unmet(
        gate=Gate.UNDIVERGED,
        text=f"{_base(facts)} has commits that the head does not hold.",
        who=f"{_PUSHERS}: merge {_base(facts)} into it, or rebase it",
    )


def _statuses(names: Sequence[str], facts: GateFacts) -> Unmet | None:
    if facts.statuses is None:
        return _untold(Gate.STATUSES, "which statuses the head has")
    states = {one.context: one.state for one in facts.statuses}
    missing = [name for name in names if name not in states]
    bad = [
        name for name in names if states.get(name, StatusState.SUCCESS) is not StatusState.SUCCESS
    ]
    said = [f"The status {code(name)} is {states[name].value}." for name in bad]
    if missing:
        said.append(f"Not reported for this head: {listed(missing)}.")
    if not said:
        return None
    who = "whoever runs what reports them; where one failed, whoever can push to the head branch"
    return Unmet(gate=Gate.STATUSES, text=" ".join(said), who=who)


def _untold(gate: Gate, what: str) -> Unmet:
    text = f"The forge did not say {what}, and without that the answer is no."
    return Unmet(gate=gate, text=text, who=_AGAIN)


def _author(facts: GateFacts) -> str:
    author = facts.pull_request.author
    return f"the author ({code(author)})" if author else "the author"


def _base(facts: GateFacts) -> str:
    return code(facts.pull_request.base_branch)


_HOPELESS: Final = (Gate.OPEN, Gate.NOT_FORK)
_ORDER: Final = (
    *_HOPELESS,
    Gate.NOT_DRAFT,
    Gate.APPROVED,
    Gate.MERGEABLE,
    Gate.UNDIVERGED,
    Gate.STATUSES,
    Gate.PLANNED,
)
_LOOKS: Final[Mapping[Gate, Callable[[GateFacts], Unmet | None]]] = {
    Gate.OPEN: _open,
    Gate.NOT_FORK: _not_fork,
    Gate.NOT_DRAFT: _not_draft,
    Gate.APPROVED: _approved,
    Gate.MERGEABLE: _mergeable,
    Gate.UNDIVERGED: _undiverged,
}
"""Those that need the facts alone; statuses and plans have more to them."""
