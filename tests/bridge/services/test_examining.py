"""Checks run at once, each by itself; what hangs or fails becomes a line."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bridge.decisions.examining.hooks import Door
from bridge.decisions.repositories import Matcher
from bridge.domain.errors import NotAllowedError, RemoteError, TemporaryRemoteError
from bridge.domain.examining import Budget, Credentials, Finding, Level, SentDelivery, Wants
from bridge.domain.vcs import Permission, Repository
from bridge.ports import InstalledHook
from bridge.services.examining.checks import Check, run_checks
from bridge.services.examining.forges import MOST, ForgeExam
from bridge.services.examining.holdings import Holdings
from tests.fakes.clock import FakeClock
from tests.fakes.forge import FakeForge
from tests.fakes.jobserver import FakeJobServer

HOOK = InstalledHook(id="1", url="https://b.example.com/webhooks/code", active=True, events=())
DOOR = Door(forge="code", public_url="https://b.example.com", has_secret=True)


@dataclass(slots=True)
class ExaminedForge(FakeForge):
    """Attributes: what each question leads to; *hangs* and *troubles* are by slug."""

    refused: RemoteError | None = None
    hangs: set[str] = field(default_factory=set)
    troubles: dict[str, RemoteError] = field(default_factory=dict)
    own: InstalledHook | None = None
    sent: Sequence[SentDelivery] | None = None
    left: Budget | None = None
    closed: set[str] = field(default_factory=set)

    async def credentials(self, wants: Wants) -> Credentials:
        if self.refused:
            raise self.refused
        return Credentials(login=self.login, kind="token")

    async def own_hook(self) -> InstalledHook | None:
        return self.own

    async def own_permission(self, repository: Repository) -> Permission | None:
        return Permission.WRITE

    async def in_team(self, login: str, team: str) -> bool:
        if team in self.closed:
            msg = "answered 403"
            raise NotAllowedError(msg, service="code")
        return False

    async def lacking_rights(self, repository: Repository) -> Sequence[str]:
        return ()

    async def last_deliveries(
        self, hook: InstalledHook, repository: Repository | None
    ) -> Sequence[SentDelivery] | None:
        return self.sent

    async def budget(self, repository: Repository | None) -> Budget | None:
        return self.left

    async def repository(self, slug: str) -> Repository:
        if slug in self.hangs:
            await asyncio.sleep(3600)
        if slug in self.troubles:
            raise self.troubles[slug]
        return await FakeForge.repository(self, slug)

    async def hooks(self, repository: Repository) -> Sequence[InstalledHook]:
        return [HOOK]


async def examine(forge: ExaminedForge, *slugs: str) -> list[tuple[str, Level, str]]:
    async def repositories() -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(slugs, ())

    exam = ForgeExam(
        forge=forge,
        door=DOOR,
        matcher=Matcher(),
        clock=FakeClock(),
        repositories=repositories,
        wants=Wants(teams=("acme/platform", "acme/hidden")),
    )
    found = await run_checks(exam.checks(0.2))
    return [(one.what, one.level, one.detail) for one in found]


WELL = ("account", Level.OK, "bridge-bot (token)")
UNTOLD = (
    "rights",
    Level.OK,
    "not told for such a token: what is refused later says what is missing",
)


def seen(number: int) -> tuple[str, Level, str]:
    repositories = "repository" if number == 1 else "repositories"
    detail = f"{number} {repositories} seen, webhook and deliveries as they should be"
    return "repositories", Level.OK, detail


async def test_repositories_that_are_well_are_counted() -> None:
    assert await examine(ExaminedForge(), "a/b", "a/c") == [WELL, UNTOLD, seen(2)]


async def test_one_that_hangs_hides_no_other() -> None:
    forge = ExaminedForge(hangs={"a/b"})
    hanging = ("a/b", Level.ERROR, "no answer within 0.2 s")
    assert await examine(forge, "a/b", "a/c") == [WELL, UNTOLD, seen(1), hanging]


async def test_a_refused_credential_hides_no_repository() -> None:
    forge = ExaminedForge(refused=NotAllowedError("answered 401", service="code"))
    assert await examine(forge, "a/b") == [("account", Level.ERROR, "answered 401"), seen(1)]


async def test_a_forge_that_does_not_answer_is_said_once() -> None:
    silence = TemporaryRemoteError("no connection", service="code")
    forge = ExaminedForge(refused=silence, troubles=dict.fromkeys(("a/b", "a/c"), silence))
    assert await examine(forge, "a/b", "a/c") == [
        ("account", Level.ERROR, "no connection"),
        ("repositories", Level.ERROR, "no answer either"),
    ]


async def test_more_than_can_be_looked_at_are_counted() -> None:
    slugs = [f"a/{number}" for number in range(MOST + 2)]
    more = ("repositories", Level.WARNING, "2 more were not looked at")
    assert await examine(ExaminedForge(), *slugs) == [WELL, UNTOLD, seen(MOST), more]


async def test_without_a_repository_that_is_said() -> None:
    none = ("repositories", Level.WARNING, "none is known here yet, so none was looked at")
    assert await examine(ExaminedForge()) == [WELL, UNTOLD, none]


async def test_teams_that_may_not_be_asked_about_are_told() -> None:
    lacking = (
        "rights",
        Level.ERROR,
        "it may not see who is in acme/hidden, which access names: answered 403",
    )
    forge = ExaminedForge(closed={"acme/hidden"})
    assert await examine(forge, "a/b") == [WELL, UNTOLD, lacking, seen(1)]


async def test_what_was_sent_and_what_is_left_is_judged() -> None:
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    forge = ExaminedForge(
        own=HOOK,
        sent=[SentDelivery(delivered_at=at, status=202)],
        left=Budget(limit=100, remaining=0, resets_at=FakeClock().now()),
    )
    assert await examine(forge, "a/b") == [
        WELL,
        UNTOLD,
        (
            "webhook of the App",
            Level.OK,
            "the last delivery (2026-11-24 12:00 UTC) was accepted",
        ),
        seen(1),
        ("rate limit", Level.ERROR, "0 of 100 requests left for 0 min"),
    ]


async def test_checks_run_at_once_and_are_told_in_their_order() -> None:
    good = Finding(area="a", what="second", level=Level.OK, detail="well")
    began = asyncio.Event()

    async def first() -> Sequence[Finding]:
        await began.wait()
        msg = "odd"
        raise OSError(msg)

    async def second() -> Sequence[Finding]:
        began.set()
        return [good]

    found = await run_checks(
        [
            Check(area="a", what="first", look=first, patience=5),
            Check(area="a", what="second", look=second, patience=5),
        ]
    )
    assert [(one.what, one.detail) for one in found] == [("first", "odd"), ("second", "well")]


async def test_terrakube_is_asked_once_even_if_it_refuses() -> None:
    server = FakeJobServer()
    trouble = TemporaryRemoteError("no connection", service="terrakube")
    server.failures["organizations"] = [trouble]
    holdings = Holdings(server, 5.0)
    asked = (holdings.organizations(), holdings.workspaces(), holdings.templates())
    answers = list[object](await asyncio.gather(*asked, return_exceptions=True))
    assert answers == [trouble] * 3
    assert server.calls == [("organizations",)]
