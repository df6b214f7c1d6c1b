"""The sections about what people may say, and who: see sections."""

import re
from dataclasses import replace
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from bridge.domain.access import SLACK, AccessRule, Principal, PrincipalKind
from bridge.domain.commands import Word
from bridge.domain.rules import ApplyPolicy, Gate, Locks, Policy
from bridge.domain.vcs import MergeMethod
from bridge.settings.origins import did_you_mean
from bridge.settings.sections import Globs, Section
from bridge.settings.values import Words, split_words

ALL: Final = "*"
"""Stands for anybody, and for every verb."""

_POLICY = Policy()
_APPLY = ApplyPolicy()
_WORD = re.compile(r"[A-Za-z0-9][\w-]*")
_LONGEST_TEAM = 100
_REQUIRABLE = tuple(gate for gate in Gate if gate not in (Gate.OPEN, Gate.NOT_FORK))

_PRINCIPALS: Final = (
    (re.compile(r"slack:user:([UW][A-Z0-9]+)"), PrincipalKind.USER),
    (re.compile(r"slack:group:(S[A-Z0-9]+)"), PrincipalKind.GROUP),
    (re.compile(r"(?!slack:)[a-z0-9_]+:user:([^\s/:]+)"), PrincipalKind.USER),
    (re.compile(r"(?!slack:)[a-z0-9_]+:team:([^\s/:]+/[^\s/:]+)"), PrincipalKind.TEAM),
)


def principal_of(text: str) -> Principal | None:
    """Read whom a rule names; None when it is nobody."""
    if text == ALL:
        return Principal(door="", kind=PrincipalKind.ANYBODY, name="")
    for pattern, kind in _PRINCIPALS:
        if found := pattern.fullmatch(text):
            return Principal(door=text.partition(":")[0], kind=kind, name=found[1])
    return None


def _check_principal(text: str) -> str:
    if principal_of(text) is None:
        msg = (
            f"{text!r} is nobody: it must be <forge>:user:login, <forge>:team:organization/team, "
            f"{SLACK}:user:U0123, {SLACK}:group:S0123 or {ALL}"
        )
        raise ValueError(msg)
    return text


def _check_verb(text: str) -> str:
    verbs = [word.value for word in Word]
    if text not in (*verbs, ALL):
        hint = did_you_mean(text, verbs) or f": use {', '.join(verbs)} or {ALL}"
        msg = f"there is no verb {text!r}{hint}"
        raise ValueError(msg)
    return text


def _check_gate(text: str) -> str:
    gates = [gate.value for gate in _REQUIRABLE]
    if text not in gates:
        hint = did_you_mean(text, gates) or f": use {', '.join(gates)}"
        msg = f"there is no requirement {text!r}{hint}"
        raise ValueError(msg)
    return text


def _check_team(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST_TEAM:
        msg = f"a team's name is needed: up to {_LONGEST_TEAM} printable characters"
        raise ValueError(msg)
    return text


Requirements = Annotated[
    tuple[Annotated[str, AfterValidator(_check_gate)], ...], BeforeValidator(split_words)
]
Principals = Annotated[
    tuple[Annotated[str, AfterValidator(_check_principal)], ...],
    BeforeValidator(split_words),
    Field(min_length=1),
]
Verbs = Annotated[
    tuple[Annotated[str, AfterValidator(_check_verb)], ...],
    BeforeValidator(split_words),
    Field(min_length=1),
]
Template = Annotated[str, Field(min_length=1)]


class PlanSettings(Section):
    """The plan command."""

    template: Template = _POLICY.plan_template
    """Template the plan command starts; a stored one that only plans passes waiting jobs."""


class ChangeSettings(Section):
    """A command that changes infrastructure."""

    template: Template = _APPLY.template
    """Template that is started: it plans, waits for an approval, and only then changes anything."""
    require: Requirements = tuple(gate.value for gate in _APPLY.require)
    """What must hold: approved, mergeable, undiverged, not_draft, statuses; planned always must."""
    statuses: Words = _APPLY.statuses
    """Exact names of commit statuses that must have succeeded."""
    allow_unasked: bool = _APPLY.allow_unasked
    """Whether a template may be used that changes things without waiting for an approval."""
    ask_when_sensitive: bool = _APPLY.ask_when_sensitive
    """Whether a person decides when a changed row holds sensitive values."""

    @model_validator(mode="after")
    def _check_statuses(self) -> Self:
        if Gate.STATUSES in self.require and not self.statuses:
            msg = "require names statuses, and there are none: list their names in statuses"
            raise ValueError(msg)
        return self

    def policy(self) -> ApplyPolicy:
        """Reduce the section to what decides."""
        return ApplyPolicy(
            template=self.template,
            require=tuple(Gate(name) for name in self.require),
            statuses=self.statuses,
            allow_unasked=self.allow_unasked,
            ask_when_sensitive=self.ask_when_sensitive,
        )


class DestroySettings(ChangeSettings):
    """The destroy command: nobody may destroy anything where this section is not."""


class ApplySettings(ChangeSettings):
    """The apply command."""

    auto_merge: bool = _APPLY.auto_merge
    """Whether the bridge merges the pull request once all its plans are applied."""
    merge_method: MergeMethod = _APPLY.merge_method
    """How the bridge merges: merge, squash or rebase."""
    follow_up: bool = _APPLY.follow_up
    """Whether a workspace is planned again when its apply failed."""
    locks: Locks = _POLICY.locks
    """From when on a pull request has a workspace for itself: none, apply or plan."""
    approval_team: Annotated[str, AfterValidator(_check_team)] = _POLICY.approval_team
    """Team that the built-in approval step names: the bridge's own, which nobody need be in."""

    def policy(self) -> ApplyPolicy:
        """Reduce the section to what decides."""
        return replace(
            super().policy(),
            auto_merge=self.auto_merge,
            merge_method=self.merge_method,
            follow_up=self.follow_up,
        )


class CommandSettings(Section):
    """What people may say in comments."""

    names: Annotated[Words, Field(min_length=1)] = _POLICY.command_names
    """Words a command begins with; the first is the one shown to people."""
    plan: PlanSettings = PlanSettings()
    apply: ApplySettings = ApplySettings()
    destroy: DestroySettings | None = None

    @field_validator("names")
    @classmethod
    def _check_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_WORD.fullmatch(name) for name in names):
            msg = "a command's name is one word of letters, digits, - and _"
            raise ValueError(msg)
        return names


class AccessSettings(Section):
    """Who may say what; whatever no rule allows is denied."""

    who: Principals
    """People and teams, such as github:team:acme/platform; * for anybody who may write."""
    may: Verbs
    """Verbs, such as plan and apply; * for all of them."""
    workspaces: Globs = ()
    """Patterns of organization/workspace; empty: all."""
    quorum: Annotated[int, Field(ge=1, le=10)] = 1
    """How many different people must approve a job in these workspaces."""
    four_eyes: bool = False
    """Whether somebody else than who asked for a job must approve it."""

    def rule(self, name: str) -> AccessRule:
        """Reduce the section to what decides; *name* is where it stands."""
        found = (principal_of(text) for text in self.who)
        return AccessRule(
            who=tuple(one for one in found if one is not None),
            may=frozenset(Word) if ALL in self.may else frozenset(Word(one) for one in self.may),
            workspaces=self.workspaces,
            quorum=self.quorum,
            four_eyes=self.four_eyes,
            name=name,
        )
