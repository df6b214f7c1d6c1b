"""The workspaces: what the bridge would do for them, and what it cannot."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.decisions.examining.wording import TERRAKUBE, count, few
from bridge.decisions.repositories import Matcher, Transport, parse_address
from bridge.domain.examining import Finding, Level
from bridge.domain.terrakube import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A configured forge: its name in the settings, and the address people use."""

    forge: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository on a configured forge, as a workspace's address names it; lower case."""

    forge: str
    slug: str


def place_of(source: str, homes: Sequence[Home], matcher: Matcher) -> Place | None:
    """Tell which repository of which forge an address means; None when of none of them."""
    address = parse_address(source)
    if address is None:
        return None
    slug = "/".join(address.path.split("/")[-2:])
    for home in homes:
        at = parse_address(f"{home.url}/{slug}")
        # ssh has ports of its own, which nobody configured: the host decides.
        port = address.port or 22
        ssh = f"ssh://git@{at.host}:{port}/{slug}" if at else ""
        if slug.count("/") == 1 and matcher.feeds((f"{home.url}/{slug}", ssh), source):
            return Place(forge=home.forge, slug=slug)
    return None


def places_of(
    workspaces: Sequence[Workspace], homes: Sequence[Home], matcher: Matcher
) -> Mapping[Place, tuple[Workspace, ...]]:
    """Group workspaces by the repository they belong to; those of none are left out."""
    found: dict[Place, tuple[Workspace, ...]] = {}
    for one in workspaces:
        place = place_of(one.source, homes, matcher)
        if place is not None:
            found[place] = (*found.get(place, ()), one)
    return found


def judge_workspaces(
    workspaces: Sequence[Workspace], homes: Sequence[Home], matcher: Matcher
) -> list[Finding]:
    """Judge all workspaces: how many there are, and groups that need a word."""
    if not workspaces:
        detail, advice = "there are none, so nothing is ever planned", "create one in Terrakube"
        return [_finding("workspaces", Level.WARNING, detail, advice)]
    served = sum(map(len, places_of(workspaces, homes, matcher).values()))
    told = f"{count(len(workspaces), 'workspace')}, {served} of repositories on configured forges"
    level, advice = (Level.OK, "") if served else (Level.WARNING, _NONE_SERVED)
    return [
        _finding("workspaces", level, told, advice),
        *_groups(workspaces, homes, matcher),
    ]


def _groups(
    workspaces: Sequence[Workspace], homes: Sequence[Home], matcher: Matcher
) -> Iterable[Finding]:
    strange = [
        str(one.ref)
        for one in workspaces
        if one.source and place_of(one.source, homes, matcher) is None
    ]
    if strange:
        detail = f"belong to no configured forge: {few(strange)}"
        yield _finding("other workspaces", Level.OK, f"{len(strange)} {detail}")
    for what, is_one, detail, advice in _GROUPS:
        names = [str(one.ref) for one in workspaces if is_one(one)]
        if names:
            yield _finding(what, Level.WARNING, f"{few(names)}: {detail}", advice)


def _is_ssh(workspace: Workspace) -> bool:
    address = parse_address(workspace.source)
    return address is not None and address.transport is Transport.SSH


_GROUPS: tuple[tuple[str, Callable[[Workspace], bool], str, str], ...] = (
    (
        "webhooks of Terrakube",
        lambda one: one.native_webhook,
        "Terrakube's own webhook is on, so each push runs twice",
        "turn it off in the workspace's settings",
    ),
    (
        "workspaces without a branch",
        lambda one: bool(one.source) and not one.branch.strip(),
        "no branch is set, so no push and no pull request concerns them",
        "set the branch in the workspace's settings",
    ),
    (
        "ssh workspaces",
        _is_ssh,
        "over ssh Terrakube clones the branch's head and heeds no commit of a pull request",
        "give them an https address, with a VCS connection where the repository is private",
    ),
    (
        "locked workspaces",
        lambda one: one.locked,
        "they are locked, so their jobs do not begin",
        "unlock them in Terrakube, unless somebody holds them on purpose",
    ),
)

_NONE_SERVED = "see whether the forges' addresses are those of the workspaces; see ssh_hosts, too"


def _finding(what: str, level: Level, detail: str, advice: str = "") -> Finding:
    return Finding(area=TERRAKUBE, what=what, level=level, detail=detail, advice=advice)
