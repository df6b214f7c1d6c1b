"""How many people must approve a job, and whether two of them are one.

A person has accounts: one of Slack, and those of forges that are linked to it. Two are the same
when they share an account, and different when they have different ones at one door. Where
neither is so it cannot be told, which is a no where four eyes are wanted, and one person where
several are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from bridge.decisions.access import is_about
from bridge.decisions.wording import code, listed
from bridge.domain.access import SLACK, AccessRule
from bridge.domain.chat import Identity, slack_user_of
from bridge.domain.commands import Word
from bridge.domain.runs import Run, RunRequest, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.work import Answer, Decision, Vote

Accounts: TypeAlias = frozenset[str]
"""What one person is known as: ``slack:u0123``, ``github:ada``; in lower case."""

SAID: Final = {
    Answer.APPROVE: "approved",
    Answer.REJECT: "rejected",
    Answer.CANCEL: "cancelled",
}
"""What an answer makes of a job, the end of a sentence."""

_PROGRAM: Final = "[bot]"
"""What the logins of apps end with on GitHub, and of nobody else."""

_UNSURE: Final = (
    "Whether some of them are one person cannot be told: whoever is known in Slack alone, or on "
    f"the forge alone, has to link the two ({code('link')} in Slack)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Who must approve a job before it goes on.

    Attributes:
        quorum: How many different people.
        four_eyes: Whether whoever asked for it must not be among them.
    """

    quorum: int = 1
    four_eyes: bool = False

    @property
    def needs_people(self) -> bool:
        """Whether no comparison of plans stands in for a person."""
        return self.four_eyes or self.quorum > 1


class Sameness(StrEnum):
    """Whether two are one person."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


def demand_of(rules: Iterable[AccessRule] | None, workspace: WorkspaceRef, verb: Verb) -> Demand:
    """Say who must approve a job: the strictest of all rules that let anybody approve it.

    Whichever of them lets the one who approves: nobody gets around a rule by way of another.
    """
    words = {Word.APPROVE} | ({Word.DESTROY} if verb is Verb.DESTROY else set())
    found = [rule for rule in rules or () if rule.may & words and is_about(rule, workspace)]
    return Demand(
        quorum=max((rule.quorum for rule in found), default=1),
        four_eyes=any(rule.four_eyes for rule in found),
    )


def demand_for(run: Run, rules: Iterable[AccessRule] | None) -> Demand:
    """Say who must approve the job of a run.

    Whoever started a job in Terrakube is known to Terrakube alone, and whoever had a program start
    one, such as a merge queue, to that program: of two different people who approve it, one at
    least is somebody else.
    """
    verb = Verb.DESTROY if is_destroy(run) else run.request.verb
    demand = demand_of(rules, run.request.workspace, verb)
    is_program = run.request.actor.lower().endswith(_PROGRAM)
    if demand.four_eyes and (run.request.verb is Verb.JOB or is_program):
        return Demand(quorum=max(demand.quorum, 2))
    return demand


def accounts_of(actor: str, forge: str, linked: Iterable[Identity] = ()) -> Accounts:
    """List what somebody who is recorded as *actor* is known as.

    Args:
        actor: A login on *forge*, or a user of Slack as they are recorded.
        forge: Of the repository it is about; empty where there is none.
        linked: Which people of Slack and which logins are one, as far as it concerns them.
    """
    user = slack_user_of(actor)
    own = {_key(SLACK, user)} if user else {_key(forge, actor)} if forge and actor else set()
    both = (key for one in linked for key in (_key(SLACK, one.user), _key(one.forge, one.login)))
    return frozenset(own | set(both))


def compare_people(one: Accounts, other: Accounts) -> Sameness:
    """Tell whether two are one person."""
    if one & other:
        return Sameness.SAME
    doors = {_door(key) for key in one} & {_door(key) for key in other}
    return Sameness.OTHER if doors else Sameness.UNKNOWN


def count_people(found: Iterable[Accounts]) -> int:
    """Count the people who are different for sure; of those of whom it cannot be told, one."""
    people: list[Accounts] = []
    for accounts in found:
        same = [one for one in people if one & accounts]
        people = [one for one in people if not one & accounts]
        people.append(accounts.union(*same))
    return _most_different(people)


def _most_different(people: Sequence[Accounts]) -> int:
    if not people:
        return 0
    first, *rest = people
    others = [one for one in rest if compare_people(first, one) is Sameness.OTHER]
    with_first = 1 + _most_different(others)
    return with_first if len(others) == len(rest) else max(with_first, _most_different(rest))


def four_eyes_text(sameness: Sameness, run: Run) -> str:
    """Say why somebody must not approve what they may have asked for; empty when they may."""
    match sameness:
        case Sameness.OTHER:
            return ""
        case Sameness.SAME:
            return (
                "you asked for it yourself, and somebody else has to approve it. You may reject "
                "or cancel it."
            )
        case Sameness.UNKNOWN:
            return (
                f"somebody else than {code(run.request.actor)}, who asked for it, has to approve "
                "it, and whether that is you cannot be told: link your Slack account to the one "
                f"on the forge ({code('link')} in Slack)."
            )


def is_destroy(run: Run) -> bool:
    """Tell whether a run destroys everything in its workspace."""
    return run.request.verb is Verb.DESTROY or run.request.options.destroy


def needs_name(run: Run, *, most: int) -> bool:
    """Tell whether approving a run takes the name of its workspace, typed in.

    *most* resources may be deleted without it.
    """
    return is_destroy(run) or (run.counts is not None and run.counts.destroy > most)


def is_name_of(text: str, workspace: WorkspaceRef) -> bool:
    """Tell whether somebody typed the name of a workspace, with or without its organization."""
    return text.strip() in {workspace.name, str(workspace)}


def late_text(first: Decision | None, wanted: Answer, now: datetime) -> str:
    """Say that somebody's answer came too late, and who was first when."""
    nothing = f"Nothing was {SAID[wanted]}:"
    if first is None:
        return f"{nothing} it does not wait for that any more."
    since = int((now - first.at).total_seconds())
    return f"{nothing} already {SAID[first.answer]} by {code(first.actor)} {_ago(since)}."


def votes_text(votes: Sequence[Vote], quorum: int, *, people: int) -> str:
    """Say how many approvals there are, and how many it takes, the rest of a sentence.

    *people* is how many have given them, as far as it can be told; see count_people.
    """
    names = listed([one.actor for one in votes])
    left = quorum - people
    who = "person has" if left == 1 else "people have"
    more = f"; {left} more {who} to approve it" if left > 0 else ""
    unsure = f" {_UNSURE}" if people < len(votes) else ""
    return f"{people} of {quorum} approvals ({names}){more}.{unsure}"


def counted_text(name: str, standing: str, *, is_new: bool) -> str:
    """Tell somebody that their approval counts, and is not enough alone; see votes_text."""
    said = f"Your approval of {name} counts" if is_new else f"You approved {name} already"
    return f"{said}: {standing}"


def name_of(request: RunRequest) -> str:
    """Name a run in the middle of a sentence."""
    where = code(str(request.workspace))
    match request.verb:
        case Verb.PUSH:
            return f"what a push started in {where}"
        case Verb.JOB:
            return f"what was started in Terrakube in {where}"
        case _:
            return f"the {request.verb} of {where}"


def _ago(seconds: int) -> str:
    if seconds < 1:
        return "just now"
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h ago"
    return f"{minutes} min ago" if minutes else f"{seconds} s ago"


def _key(door: str, name: str) -> str:
    return f"{door}:{name}".lower()


def _door(key: str) -> str:
    return key.partition(":")[0]
