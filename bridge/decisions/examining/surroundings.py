"""The bridge itself: its public address, its database, its key."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from bridge.decisions.examining.wording import BRIDGE, count
from bridge.domain.examining import Finding, Level

_MIB = 1024 * 1024
_SCARCE, _FULL = 1024 * _MIB, 100 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSeen:
    """The database.

    Attributes:
        where: For people, without a password.
        deliveries: Set aside for a person.
        posts: Ditto.
        free: Bytes left on its disk; None where that does not matter.
    """

    where: str
    deliveries: int
    posts: int
    free: int | None = None


def judge_public_url(url: str) -> list[Finding]:
    """Judge the address under which forges reach the bridge, by its looks."""
    if not url:
        return [
            _finding(
                "public_url",
                Level.WARNING,
                "it is not set: webhooks cannot be installed or recognised, pages not linked",
                "set BRIDGE_PUBLIC_URL to the address under which forges reach the bridge",
            )
        ]
    if urlsplit(url).scheme != "https":
        detail = f"{url}: deliveries come without encryption"
        advice = "put a proxy with TLS in front, and set the https address"
        return [_finding("public_url", Level.WARNING, detail, advice)]
    return [_finding("public_url", Level.OK, url)]


def judge_reached(url: str, status: int, text: str) -> Finding:
    """Judge what was answered under the public address."""
    if status == 200 and text.strip() == "ok":  # noqa: PLR2004 - as /healthz says it
        return _finding("reachable", Level.OK, f"{url} answers from here")
    detail = f"{url}/healthz answers {status}, and not as the bridge does"
    advice = "see whether the address leads to the bridge, and the bridge runs"
    return _finding("reachable", Level.WARNING, detail, advice)


def judge_unreached(url: str, why: str) -> Finding:
    """Judge a public address that does not answer from here, which need not mean anything."""
    detail = f"{url} does not answer from here: {why}"
    advice = "see whether the bridge runs; from outside it may answer all the same"
    return _finding("reachable", Level.WARNING, detail, advice)


def judge_store(seen: StoreSeen) -> list[Finding]:
    """Judge the database, which opened and has the schema this version needs."""
    found = [_finding("database", Level.OK, f"{seen.where}, schema as needed")]
    aside = [
        count(number, one, many)
        for number, one, many in (
            (seen.deliveries, "delivery", "deliveries"),
            (seen.posts, "post", "posts"),
        )
        if number
    ]
    if aside:
        detail = f"{' and '.join(aside)} set aside after several tries"
        advice = "terrakube-bridge deliveries --failed, posts --failed; then replay"
        found.append(_finding("set aside", Level.WARNING, detail, advice))
    if seen.free is not None and seen.free < _SCARCE:
        level = Level.ERROR if seen.free < _FULL else Level.WARNING
        detail = f"{seen.free // _MIB} MiB are left on the disk of the database"
        found.append(_finding("disk", level, detail, "make room, or shorten retention"))
    return found


def judge_no_store(where: str) -> Finding:
    """Judge a file that is not there: the bridge makes it when it starts first."""
    detail, advice = f"there is none at {where} yet", "nothing before the first start"
    return _finding("database", Level.WARNING, detail, advice)


def judge_broken_store(why: str) -> Finding:
    """Judge a database that cannot be used."""
    advice = "see whether it runs and may be written, and run terrakube-bridge migrate"
    return _finding("database", Level.ERROR, why, advice)


def judge_key(*, is_set: bool) -> Finding:
    """Judge where the bridge's secret key comes from: without one it makes its own."""
    told = "BRIDGE_SECRET_KEY is set"
    made = "BRIDGE_SECRET_KEY is not set: one is made and kept in the database, so back that up"
    return _finding("secret key", Level.OK, told if is_set else made)


def _finding(what: str, level: Level, detail: str, advice: str = "") -> Finding:
    return Finding(area=BRIDGE, what=what, level=level, detail=detail, advice=advice)
