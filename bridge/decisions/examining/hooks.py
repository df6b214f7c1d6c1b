"""The repositories and the webhooks through which a forge delivers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from bridge.decisions.examining.wording import count
from bridge.decisions.repositories import Matcher
from bridge.domain.examining import Finding, HookSeen, Level, RepositorySeen, SentDelivery
from bridge.domain.vcs import Permission

_RANKS = tuple(Permission)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a forge is to deliver, and how that is made sure to be it.

    Attributes:
        forge: Its name in the settings.
        public_url: As configured; empty when it is not.
        has_secret: Whether the instance has a secret of its own, for hooks the bridge did not
            install.
        has_own_hook: Whether one hook serves every repository.
        needs: What the bridge's account must be allowed in a repository; None where the
            repository does not say.
    """

    forge: str
    public_url: str
    has_secret: bool
    has_own_hook: bool = False
    needs: Permission = Permission.WRITE

    @property
    def path(self) -> str:
        """The route of the forge."""
        return f"/webhooks/{self.forge}"

    def is_here(self, url: str) -> bool:
        """Tell whether a hook delivers to this bridge, as far as its address says."""
        told = url.partition("?")[0].rstrip("/")
        return told == self.public_url + self.path if self.public_url else told.endswith(self.path)


def judge_own_hook(door: Door, seen: HookSeen) -> list[Finding]:
    """Judge the one hook that serves every repository."""
    if not seen.url:
        return [_own(door, Level.ERROR, "it has no webhook", f"set it up: {_address(door)}")]
    if not door.is_here(seen.url):
        detail = f"it delivers to {_shown(seen.url)}"
        return [_own(door, Level.ERROR, detail, f"correct its address: {_address(door)}")]
    problems = [*seen.problems, *_unsigned(door, seen.url, "")]
    if problems:
        return [_own(door, Level.ERROR, "; ".join(problems), "correct it in the App's settings")]
    level, detail, advice = judge_deliveries(seen.deliveries)
    return [_own(door, level, detail, advice)]


def judge_repositories(
    door: Door, seen: Sequence[RepositorySeen], matcher: Matcher
) -> list[Finding]:
    """Judge repositories: a line for each that has a problem, one for all that have none."""
    found: list[Finding] = []
    good = 0
    for one in seen:
        problems = list(_repository(door, one, matcher))
        found += problems
        good += not problems
    if good:
        told = f"{count(good, 'repository', 'repositories')} seen"
        detail = f"{told}, webhook and deliveries as they should be"
        found.insert(0, _finding(door, "repositories", Level.OK, detail))
    return found


def judge_deliveries(deliveries: Sequence[SentDelivery] | None) -> tuple[Level, str, str]:
    """Judge what was sent last, newest first: level, what was seen, what to do."""
    if deliveries is None:
        return Level.OK, "the forge tells of its deliveries on the hook's web page only", ""
    if not deliveries:
        return Level.OK, "nothing was delivered yet", ""
    failed = sum(not one.succeeded for one in deliveries)
    last = deliveries[0]
    when = f"{last.delivered_at:%Y-%m-%d %H:%M} UTC"
    if not last.succeeded:
        answered = f"was answered {last.status}" if last.status else "reached nobody"
        return Level.ERROR, f"the last delivery ({when}) {answered}", _cause(last.status)
    if failed:
        detail = f"{failed} of the last {len(deliveries)} deliveries failed, not the last ({when})"
        return Level.WARNING, detail, "see what they were answered, on the hook's web page"
    return Level.OK, f"the last delivery ({when}) was accepted", ""


def _repository(door: Door, seen: RepositorySeen, matcher: Matcher) -> Iterable[Finding]:
    if seen.trouble:
        advice = (
            "correct the workspace's address, or let the bridge's account see the repository"
            if seen.absent
            else "see why, and look again"
        )
        yield _finding(door, seen.slug, Level.ERROR, seen.trouble, advice)
        return
    yield from _access(door, seen)
    yield from _addresses(door, seen, matcher)
    yield from _hooks(door, seen)


def _access(door: Door, seen: RepositorySeen) -> Iterable[Finding]:
    if seen.own is None or _RANKS.index(seen.own) >= _RANKS.index(door.needs):
        return
    if not seen.own.allows_writing():
        detail = f"the bridge's account may only {seen.own.value}: no comment, no status"
        advice = f"give it {door.needs.value} permission"
        yield _finding(door, seen.slug, Level.ERROR, detail, advice)
        return
    detail = (
        "the bridge's account may write, but is no administrator: it is not told what others may "
        "do, so it refuses their commands where an organization owns the repository"
    )
    advice = "make it an administrator of the repository"
    yield _finding(door, seen.slug, Level.WARNING, detail, advice)


def _addresses(door: Door, seen: RepositorySeen, matcher: Matcher) -> Iterable[Finding]:
    for source in seen.sources:
        if not matcher.feeds(seen.clone_urls, source):
            detail = f"a workspace's address {_shown(source)} is none it is cloned under"
            advice = "use the forge's address in the workspace, or name the host in ssh_hosts"
            yield _finding(door, seen.slug, Level.ERROR, detail, advice)


def _hooks(door: Door, seen: RepositorySeen) -> Iterable[Finding]:
    if seen.hooks is None:
        if not door.has_own_hook:
            detail = "its webhooks are not shown to the bridge's account"
            advice = "make it an administrator there to see them, or look at the forge's page"
            yield _finding(door, seen.slug, Level.WARNING, detail, advice)
        return
    ours = [one for one in seen.hooks if door.is_here(one.url)]
    if not ours:
        yield from _no_hook(door, seen)
    for hook in ours:
        yield from _hook(door, seen, hook)


def _no_hook(door: Door, seen: RepositorySeen) -> Iterable[Finding]:
    if door.has_own_hook:
        return
    advice = f"terrakube-bridge webhooks install {seen.slug} --forge {door.forge}"
    if door.has_secret:
        detail = "no webhook of its own delivers here; its organization's may"
        yield _finding(door, seen.slug, Level.WARNING, detail, f"if none does: {advice}")
        return
    detail = "no webhook delivers here: nothing that happens in it is heard of"
    yield _finding(door, seen.slug, Level.ERROR, detail, advice)


def _hook(door: Door, seen: RepositorySeen, hook: HookSeen) -> Iterable[Finding]:
    problems = [*hook.problems, *_unsigned(door, hook.url, seen.id)]
    if problems:
        detail = f"its webhook: {'; '.join(problems)}"
        advice = f"terrakube-bridge webhooks install {seen.slug} --forge {door.forge}"
        yield _finding(door, seen.slug, Level.ERROR, detail, advice)
    level, detail, advice = judge_deliveries(hook.deliveries)
    if level is not Level.OK:
        yield _finding(door, seen.slug, level, detail, advice)


def _unsigned(door: Door, url: str, repository_id: str) -> Iterable[str]:
    """Say why deliveries to *url* would be refused, whatever they are signed with."""
    named = parse_qs(urlsplit(url).query).get("hook")
    if named is None and not door.has_secret:
        yield "the bridge did not install it, and no webhook_secret is set: it is refused"
    if named and repository_id and named[0] != repository_id:
        yield f"it speaks for repository {named[0]}, and this is {repository_id}: it is refused"


_CAUSES = {
    0: "see whether the forge reaches the bridge: its address, proxy, certificate",
    HTTPStatus.UNAUTHORIZED: "give the hook the secret that is configured, or install it anew",
    HTTPStatus.NOT_FOUND: "correct its address, or what stands in front of the bridge",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "let the proxy pass bodies of 26 MiB",
}


def _cause(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "see whether the bridge runs, is reached from the forge, and is ready: /readyz"
    return _CAUSES.get(status, "see the hook's web page, and the bridge's log")


def _address(door: Door) -> str:
    return f"{door.public_url or 'https://...'}{door.path}"


def _shown(url: str) -> str:
    """Leave user and password out of an address."""
    before, at, after = url.rpartition("@")
    scheme = before.partition("://")
    return f"{scheme[0]}://{after}" if at and scheme[1] else url


def _own(door: Door, level: Level, detail: str, advice: str = "") -> Finding:
    return _finding(door, "webhook of the App", level, detail, advice)


def _finding(door: Door, what: str, level: Level, detail: str, advice: str = "") -> Finding:
    return Finding(area=door.forge, what=what, level=level, detail=detail, advice=advice)
