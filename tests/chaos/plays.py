"""What people do to have something applied, and the steps at which the bridge dies of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.chaos.doors import Moment, Wanted

_MERGE: Final = "the merge"
_BEFORE, _LATE, _AFTER, _SOON = Moment.BEFORE, Moment.LATE, Moment.AFTER, Moment.SOON


class Play(StrEnum):
    """How it goes when nothing dies."""

    APPLIED = "applied"
    """What was reviewed is planned again, approved by the bridge and applied."""
    DIFFERENT = "different"
    """The plan is another one by then: the bridge rejects it."""
    ASKED = "asked"
    """Nothing can compare the plans: a person approves."""
    CANCELLED = "cancelled"
    """Somebody cancels while it is applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A point at which the bridge dies.

    Attributes:
        step: Name of the request.
    """

    step: str
    moment: Moment

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.moment} {self.step}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One play with its kills; a step that is named twice kills twice."""

    play: Play
    kills: Sequence[Kill]

    @property
    def merges(self) -> bool:
        """Whether it is only come to where the bridge merges what is applied."""
        return any(kill.step == _MERGE for kill in self.kills)

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.play}: {', '.join(str(kill) for kill in self.kills)}"


def _status(state: str) -> Wanted:
    body = rf'(?s)(?=.*"state": ?"{state}")(?=.*"context": ?"terrakube/apply")'
    return Wanted(door="forge", line=r"POST .*/statuses/[0-9a-f]+", body=body)


def _comment(text: str) -> Wanted:
    return Wanted(door="forge", line=r"PATCH .*/issues/comments/[0-9]+", body=text)


def _said(text: str) -> Wanted:
    return Wanted(door="hooks", line=r"POST /webhooks/code", body=rf'"terrakube {text}"')


def _answer(status: str) -> Wanted:
    line = r"PATCH /api/v1/organization/[^/]+/job/[0-9]+"
    return Wanted(door="terrakube", line=line, body=rf'"status": ?"{status}"')


_PLANS: Final = r"GET /context/v1/[0-9]+"
STEPS: Final[Mapping[str, Wanted]] = {
    "the command": _said("apply"),
    "the reaction": Wanted(door="forge", line=r"POST .*/reactions"),
    "the first word": _comment(""),
    "the pending status": _status("pending"),
    "the create": Wanted(door="terrakube", line=r"POST .*/job"),
    "a look": Wanted(door="terrakube", line=r"GET /api/v1/organization/[^/]+/job"),
    "the waiting job": Wanted(door="terrakube", line=r"GET .*/organization/[^/]+/job/[0-9]+"),
    "the comparison": Wanted(door="terrakube", line=_PLANS),
    "the approval": _answer("approved"),
    "the rejection": _answer("rejected"),
    "the cancel": _answer("cancelled"),
    "the outcome": Wanted(door="terrakube", line=_PLANS, skip=1),
    "the comment": _comment(r"\*\*Applied: "),
    "the comment with the difference": _comment("not the one that was reviewed"),
    "the question": _comment("terrakube approve -w"),
    "the comment of the cancel": _comment("Terrakube does not stop Terraform"),
    "the status": _status("success"),
    "the status of the failure": _status("failure"),
    "the status of the cancel": _status("(error|failure)"),
    _MERGE: Wanted(door="forge", line=r"(POST|PUT) .*/pulls/[0-9]+/merge"),
    "the person's approval": _said("approve"),
    "the person's cancel": _said("cancel"),
}
"""The requests of an apply, by name."""

_EVERY: Final = (_BEFORE, _AFTER, _SOON)
_POINTS: Final[Mapping[Play, Mapping[str, Sequence[Moment]]]] = {
    Play.APPLIED: {
        # What is delivered to nobody was never accepted.
        "the command": (_AFTER, _SOON),
        "the reaction": _EVERY,
        "the first word": _EVERY,
        "the pending status": _EVERY,
        "the create": (_BEFORE, _LATE, _AFTER, _SOON),
        "a look": (_AFTER, _SOON),
        "the waiting job": (_AFTER, _SOON),
        "the comparison": (_AFTER, _SOON),
        "the approval": _EVERY,
        "the outcome": (_AFTER, _SOON),
        "the comment": _EVERY,
        "the status": _EVERY,
        _MERGE: _EVERY,
    },
    Play.DIFFERENT: {
        "the create": (_AFTER,),
        "the comparison": (_SOON,),
        "the rejection": _EVERY,
        "the comment with the difference": _EVERY,
        "the status of the failure": (_AFTER,),
    },
    Play.ASKED: {
        "the comparison": (_SOON,),
        "the question": _EVERY,
        "the person's approval": (_AFTER, _SOON),
        "the approval": _EVERY,
        "the comment": (_AFTER,),
    },
    Play.CANCELLED: {
        "the person's cancel": (_AFTER, _SOON),
        "the cancel": _EVERY,
        "the comment of the cancel": _EVERY,
        "the status of the cancel": (_AFTER,),
    },
}

FIRST: Final[Mapping[Play, frozenset[str]]] = {
    Play.ASKED: frozenset({"the create", "the waiting job", "the comparison", "the question"}),
    Play.CANCELLED: frozenset({"the create", "the comparison", "the approval"}),
}
"""Steps that follow from the first command, where a second one is said."""


def points() -> Sequence[Round]:
    """List every point of every play, each in a round of its own."""
    return [
        Round(play=play, kills=(Kill(step=step, moment=moment),))
        for play, steps in _POINTS.items()
        for step, moments in steps.items()
        for moment in moments
    ]


def _chain(play: Play, *kills: tuple[str, Moment]) -> Round:
    return Round(play=play, kills=[Kill(step=step, moment=moment) for step, moment in kills])


ALL_THE_WAY: Final = _chain(
    Play.APPLIED,
    ("the create", _BEFORE),
    ("the create", _AFTER),
    ("the approval", _BEFORE),
    ("the approval", _AFTER),
    ("the comment", _BEFORE),
)
"""One apply of which the bridge dies at every step."""

CHAINS: Final = (
    ALL_THE_WAY,
    _chain(
        Play.APPLIED,
        ("the command", _SOON),
        ("the create", _BEFORE),
        ("the create", _LATE),
        ("the waiting job", _SOON),
        ("the comparison", _SOON),
        ("the approval", _SOON),
        ("the comment", _AFTER),
        ("the status", _AFTER),
    ),
    _chain(
        Play.DIFFERENT,
        ("the create", _AFTER),
        ("the rejection", _BEFORE),
        ("the rejection", _AFTER),
        ("the comment with the difference", _BEFORE),
        ("the comment with the difference", _AFTER),
    ),
    _chain(
        Play.ASKED,
        ("the question", _BEFORE),
        ("the person's approval", _SOON),
        ("the approval", _BEFORE),
        ("the approval", _AFTER),
        ("the comment", _BEFORE),
    ),
    _chain(
        Play.CANCELLED,
        ("the approval", _AFTER),
        ("the person's cancel", _SOON),
        ("the cancel", _BEFORE),
        ("the cancel", _AFTER),
        ("the comment of the cancel", _BEFORE),
    ),
)
"""Rounds in which the bridge dies again while it recovers."""
