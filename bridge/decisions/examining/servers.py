"""Terrakube itself: its address, its clock, its version, the bridge's token and rights."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bridge.decisions.examining.wording import TERRAKUBE, judge_expiry
from bridge.domain.examining import Finding, Health, Level
from bridge.domain.terrakube import Organization, Permissions, ServerFeatures

_TOLERATED = timedelta(seconds=30)
_BROKEN = timedelta(seconds=300)


def judge_health(health: Health, url: str) -> list[Finding]:
    """Judge what the health endpoint said, and the clock it said it by."""
    level, detail, advice = _health(health, url)
    return [_finding("API", level, detail, advice), *_clock(health)]


def _health(health: Health, url: str) -> tuple[Level, str, str]:
    if health.is_page:
        return (
            Level.ERROR,
            f"{url} answers with a web page",
            "set BRIDGE_TERRAKUBE__URL to the API's address, not the user interface's",
        )
    if health.is_up:
        return Level.OK, f"{url} is up", ""
    if health.is_up is False:
        return Level.ERROR, f"{url} says that it is down", "look into Terrakube's own log"
    return (
        Level.WARNING,
        f"{url} does not say how it is: answered {health.status}",
        "nothing if the other lines are well: a proxy may keep /actuator/health to itself",
    )


def _clock(health: Health) -> Iterable[Finding]:
    if health.ahead is None:
        return
    seconds = round(abs(health.ahead).total_seconds())
    if abs(health.ahead) <= _TOLERATED:
        yield _finding("clock", Level.OK, "agrees with this machine's")
        return
    where = "ahead of" if health.ahead > timedelta(0) else "behind"
    yield _finding(
        "clock",
        Level.ERROR if abs(health.ahead) > _BROKEN else Level.WARNING,
        f"{seconds} s {where} this machine's",
        "set both clocks by NTP: tokens and signatures are good for minutes only",
    )


def judge_features(features: ServerFeatures, *, wants_hints: bool) -> list[Finding]:
    """Judge what this version can; *wants_hints*: a secret for its notifications is set."""
    newer = features.targets or features.notifications
    version = "2.33 or newer" if newer else "older than 2.33"
    missing = [
        name
        for name, there in (
            ("-target and -replace", features.targets),
            ("notifications", features.notifications),
        )
        if not there
    ]
    told = f"{version}; without {' and '.join(missing)}" if missing else version
    found = [_finding("version", Level.OK, told)]
    if wants_hints and not features.notifications:
        found.append(
            _finding(
                "notifications",
                Level.WARNING,
                "BRIDGE_TERRAKUBE__WEBHOOK_SECRET is set, and this version sends none",
                "nothing: jobs are looked at every few seconds all the same",
            )
        )
    return found


def judge_token(
    *, kind: str, owner: str, expires_at: datetime | None, groups: Sequence[str], now: datetime
) -> Finding:
    """Judge what the token claims about itself, which proves nothing."""
    level, until = judge_expiry(expires_at, now)
    whose = f"{kind} token of {owner}" if owner else f"{kind} token"
    teams = f", teams {', '.join(groups)}" if groups else ", without any team"
    advice = "" if level is Level.OK else "make a new one in Terrakube: BRIDGE_TERRAKUBE__TOKEN"
    if not groups and level is Level.OK:
        level, advice = Level.WARNING, "make it of a team that has rights in the organizations"
    return _finding("token", level, f"{whose}{teams}; {until}", advice)


def judge_unread_token() -> Finding:
    """Judge a token that is no JWT."""
    return _finding(
        "token",
        Level.ERROR,
        "it is not of the kind Terrakube makes",
        "see whether it is whole: BRIDGE_TERRAKUBE__TOKEN",
    )


def judge_organizations(organizations: Sequence[Organization]) -> Finding:
    """Judge which organizations the token sees; one that is missing is an error before."""
    names = ", ".join(one.name for one in organizations)
    return _finding("organizations", Level.OK, f"the token sees {names}")


def judge_rights(organization: str, rights: Permissions) -> Finding:
    """Judge what the token may do in an organization (contract section 2.1)."""
    what = f"rights in {organization}"
    held = [
        name for name, has in (("plan", rights.plan_job), ("approve", rights.approve_job)) if has
    ]
    if not held:
        return _finding(
            what,
            Level.ERROR,
            "it may not start jobs: nothing is planned",
            "give its team the role plan (to plan) or write (to apply and cancel, too)",
        )
    if not rights.approve_job:
        return _finding(
            what,
            Level.WARNING,
            "it may plan, but not approve: nothing is applied, and superseded plans are not "
            "cancelled",
            "give its team the role write, or approveJob",
        )
    beyond = [
        name
        for name, has in (
            ("workspaces", rights.manage_workspace),
            ("templates", rights.manage_template),
        )
        if has
    ]
    more = f"; it may also manage {' and '.join(beyond)}, which the bridge never does"
    return _finding(what, Level.OK, f"it may start, approve and cancel{more if beyond else ''}")


def _finding(what: str, level: Level, detail: str, advice: str = "") -> Finding:
    return Finding(area=TERRAKUBE, what=what, level=level, detail=detail, advice=advice)
