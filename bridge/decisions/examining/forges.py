"""A forge: whether it takes the bridge's credential, and what that may do."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bridge.decisions.examining.wording import judge_expiry
from bridge.domain.access import PrincipalKind
from bridge.domain.examining import Budget, Credentials, Finding, Level, Wants
from bridge.domain.rules import Gate, Policy

_LOW = 10
"""Percent of its requests that a forge should have left."""


def wants_of(policy: Policy, forge: str) -> Wants:
    """Find out what the settings ask of a forge, besides planning and telling."""
    ways = [one for one in (policy.apply, policy.destroy) if one]
    people = (who for rule in policy.access or () for who in rule.who)
    teams = (who for who in people if who.kind is PrincipalKind.TEAM and who.door == forge)
    return Wants(
        checks=any(Gate.MERGEABLE in one.require or one.statuses for one in ways),
        merges=policy.apply.auto_merge,
        teams=tuple({who.key: who.name for who in teams}.values()),
    )


def judge_credentials(area: str, seen: Credentials, now: datetime) -> list[Finding]:
    """Judge who the bridge is on a forge, and what it may do there."""
    return [_account(area, seen, now), *_rights(area, seen)]


def judge_budget(area: str, budget: Budget | None, now: datetime) -> list[Finding]:
    """Judge how many requests are left; nothing where they are not counted."""
    if budget is None:
        return []
    minutes = max(0, round((budget.resets_at - now).total_seconds() / 60))
    told = f"{budget.remaining} of {budget.limit} requests left for {minutes} min"
    if budget.remaining == 0:
        level, advice = Level.ERROR, "wait, and see what else uses the credential"
    elif budget.remaining * 100 < budget.limit * _LOW:
        level, advice = Level.WARNING, "see what else uses the credential"
    else:
        level, advice = Level.OK, ""
    return [Finding(area=area, what="rate limit", level=level, detail=told, advice=advice)]


def judge_lacking(area: str, lacking: Sequence[str]) -> list[Finding]:
    """Judge rights that showed to be missing when something was tried."""
    return [_lacking(area, one) for one in lacking]


def _account(area: str, seen: Credentials, now: datetime) -> Finding:
    level, until = judge_expiry(seen.expires_at, now)
    known = f"; {until}" if seen.expires_at else ""
    return Finding(
        area=area,
        what="account",
        level=level,
        detail=f"{seen.login} ({seen.kind}){known}",
        advice="" if level is Level.OK else f"make a new one: BRIDGE_FORGES__{area.upper()}__TOKEN",
    )


def _rights(area: str, seen: Credentials) -> Iterable[Finding]:
    for problem in seen.problems:
        yield _lacking(area, problem)
    if seen.problems:
        return
    if seen.rights is None:
        told = "not told for such a token: what is refused later says what is missing"
    else:
        told = ", ".join(seen.rights)
    yield Finding(area=area, what="rights", level=Level.OK, detail=told)


def _lacking(area: str, problem: str) -> Finding:
    advice = "add it in the forge's settings of the credential"
    return Finding(area=area, what="rights", level=Level.ERROR, detail=problem, advice=advice)
