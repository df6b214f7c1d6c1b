"""``doctor`` looks at everything at once, says what to do, and changes nothing."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.cli.doctor import show
from bridge.domain.examining import Finding, Level
from bridge.sandbox import forge, terrakube
from bridge.sandbox.forge import Access, Flavour
from bridge.sandbox.forge.model import Hook, Repository
from bridge.sandbox.terrakube.model import Workspace
from tests.bridge.cli.conftest import CommandLine, Said
from tests.golden import check_golden

KEY = "canary-key-0123456789-0123456789-0123456789"
GOLDEN = Path(__file__).parent / "golden"
LOGIN = "bridge-bot"
MINT = "/app/installations/{id:int}/access_tokens"


@dataclass
class Town:
    """A bridge as it is set up, and everything it works with.

    Attributes:
        settings: Changed by a test before the command runs.
        page: An address where a web page is.
        without: Settings that are left out.
    """

    line: CommandLine
    code: forge.StandIn
    server: terrakube.StandIn
    repository: Repository
    workspace: Workspace
    settings: dict[str, str]
    page: str
    without: tuple[str, ...] = ()

    async def doctor(self, *arguments: str) -> Said:
        """Run the command; nothing secret may be in what it says, nothing may be changed."""
        self.line.configure(**self.settings)
        self._drop()
        seen = len(self.code.requests), len(self.server.requests)
        said = await asyncio.to_thread(self.line, "doctor", *arguments)
        told = said.out + "".join(said.err)
        secrets = [value for name, value in self.settings.items() if name.endswith(SECRET)]
        assert [one for one in [*secrets, KEY] if one in told] == []
        asked = {one.method for one in self.code.requests[seen[0] :] if one.template != MINT}
        asked |= {one.method for one in self.server.requests[seen[1] :]}
        assert asked <= {"GET"}
        return said

    async def findings(self, *arguments: str) -> list[Finding]:
        said = await self.doctor("--json", *arguments)
        document = said.json()
        assert isinstance(document, dict)
        findings = [
            Finding(**{**one, "level": Level(one["level"])}) for one in document["findings"]
        ]
        levels = [one.level for one in findings]
        assert document["counts"] == {level: levels.count(level) for level in Level}
        assert said.code == (3 if Level.ERROR in levels else 0)
        return findings

    def _drop(self) -> None:
        """Leave out what is set by default and not wanted."""
        path = self.line.folder / ".env"
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if line.partition("=")[0] not in self.without]
        path.write_text("".join(kept))

    def hook(self) -> Hook:
        (hook,) = self.repository.hooks
        return hook


SECRET = ("TOKEN", "SECRET", "KEY")


@pytest.fixture
async def bridge_address() -> AsyncIterator[str]:
    """What answers under the public address, and a web page of somebody else's."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/healthz":
            return web.Response(text="ok\n")
        if request.path.startswith("/webhooks/"):
            return web.Response(status=202)
        return web.Response(text="<!DOCTYPE html><title>UI</title>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture(params=[Flavour.FORGEJO])
async def town(
    request: pytest.FixtureRequest,
    command_line: CommandLine,
    tmp_path: Path,
    bridge_address: str,
    sqlite_template: Path,
) -> AsyncIterator[Town]:
    async with (
        forge.start(tmp_path / "forge", flavour=request.param) as code,
        terrakube.start(tmp_path / "terrakube", executor="instant") as server,
    ):
        organization = server.add_organization("acme")
        repository = await code.create_repository(
            "acme/infra", files={"a.tf": "x"}, access={LOGIN: Access.ADMIN}
        )
        workspace = server.add_workspace(
            organization,
            "network",
            code.clone_url("acme/infra"),
            default_template="Plan and apply",
        )
        settings = {
            "BRIDGE_TERRAKUBE__URL": server.url,
            "BRIDGE_TERRAKUBE__TOKEN": server.token,
            "BRIDGE_FORGES__CODE__DRIVER": request.param.value,
            "BRIDGE_FORGES__CODE__URL": code.web_url,
            "BRIDGE_FORGES__CODE__API_URL": code.url,
            "BRIDGE_FORGES__CODE__TOKEN": code.token(LOGIN),
            "BRIDGE_SECRET_KEY": KEY,
            "BRIDGE_PUBLIC_URL": bridge_address,
        }
        town = Town(
            line=command_line,
            code=code,
            server=server,
            repository=repository,
            workspace=workspace,
            settings=settings,
            page=bridge_address,
        )
        (tmp_path / "data").mkdir()
        shutil.copy(sqlite_template, tmp_path / "data" / "bridge.db")
        command_line.configure(**settings)
        said = await asyncio.to_thread(command_line, "webhooks", "install", "acme/infra")
        assert (said.code, said.err) == (0, [])
        await code.settled()
        yield town


@pytest.mark.parametrize("town", list(Flavour), indirect=True)
async def test_all_is_well(town: Town) -> None:
    said = await town.doctor("--json")
    findings = await town.findings()
    worse = [(one.what, one.detail) for one in findings if one.level is not Level.OK]
    insecure = f"{town.page}: deliveries come without encryption"
    assert (said.code, said.err, worse) == (0, [], [("public_url", insecure)])
    areas = [one.area for one in findings]
    assert list(dict.fromkeys(areas)) == ["terrakube", "code", "bridge"]
    assert (await town.doctor("--strict")).code == 3
    town.code.assert_no_surprises()
    assert town.server.unexpected == []


def token_of(town: Town, *groups: str, left: timedelta = timedelta(days=90)) -> None:
    until = int((datetime.now(UTC) + left).timestamp())
    town.settings["BRIDGE_TERRAKUBE__TOKEN"] = town.server.mint("b@example.com", *groups, exp=until)


def scopes(town: Town, *held: str) -> None:
    for token in town.code.world.tokens.values():
        token.scopes = frozenset(held)


def access(town: Town, held: Access) -> None:
    town.code.world.give_access(town.repository, LOGIN, held)


def template_text(town: Town, text: str) -> None:
    town.server.world.template("acme", "Plan").tcl = text


def another_version(town: Town) -> None:
    with sqlite3.connect(town.line.folder / "data" / "bridge.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()


def set_to(name: str, value: str) -> Callable[[Town], object]:
    return lambda town: town.settings.update({name: value})


BROKEN: dict[str, tuple[Callable[[Town], object], str, Level, str, str]] = {
    "the address of the user interface": (
        lambda town: town.settings.update({"BRIDGE_TERRAKUBE__URL": town.page}),
        "API",
        Level.ERROR,
        "answers with a web page",
        "set BRIDGE_TERRAKUBE__URL to the API's address",
    ),
    "a token that ended": (
        lambda town: token_of(town, "DEVELOPERS", left=timedelta(hours=-1)),
        "token",
        Level.ERROR,
        "it ended at",
        "make a new one in Terrakube",
    ),
    "a token that ends soon": (
        lambda town: token_of(town, "DEVELOPERS", left=timedelta(days=3, hours=1)),
        "token",
        Level.WARNING,
        "it ends in 3 days",
        "make a new one in Terrakube",
    ),
    "a token of another server": (
        set_to("BRIDGE_TERRAKUBE__TOKEN", "e30.e30.canary-of-nobody"),
        "organizations",
        Level.ERROR,
        "answered 500",
        "see whether it runs",
    ),
    "a token that only reads": (
        lambda town: token_of(town, "READERS"),
        "rights in acme",
        Level.ERROR,
        "it may not start jobs",
        "give its team the role plan",
    ),
    "a token that only plans": (
        lambda town: token_of(town, "PLANNERS"),
        "rights in acme",
        Level.WARNING,
        "it may plan, but not approve",
        "give its team the role write",
    ),
    "an organization that is not there": (
        set_to("BRIDGE_TERRAKUBE__ORGANIZATIONS", "acme,nowhere"),
        "organizations",
        Level.ERROR,
        "organization 'nowhere': it does not exist",
        "correct the name",
    ),
    "a plan that applies": (
        set_to("BRIDGE_COMMANDS__PLAN__TEMPLATE", "Plan and apply"),
        "template of plan",
        Level.ERROR,
        "it is to plan, and it applies",
        "name a template that only plans",
    ),
    "an apply that does not ask": (
        set_to("BRIDGE_COMMANDS__APPLY__TEMPLATE", "Plan and apply"),
        "template of apply",
        Level.ERROR,
        "it applies without an approval",
        "name built-in or one that asks",
    ),
    "a template that is not there": (
        set_to("BRIDGE_COMMANDS__PLAN__TEMPLATE", "Pln"),
        "template of plan",
        Level.ERROR,
        "there is no template 'Pln' in acme",
        "create it, or name another",
    ),
    "a template that cannot be read": (
        lambda town: template_text(town, "!"),
        "template of plan",
        Level.ERROR,
        "its text cannot be read",
        "correct it in Terrakube",
    ),
    "a webhook of Terrakube's own": (
        lambda town: town.server.world.add_webhook(town.workspace),
        "webhooks of Terrakube",
        Level.WARNING,
        "acme/network",
        "turn it off",
    ),
    "a locked workspace": (
        lambda town: town.server.lock(town.workspace),
        "locked workspaces",
        Level.WARNING,
        "acme/network",
        "unlock",
    ),
    "a workspace without a branch": (
        lambda town: setattr(town.workspace, "branch", ""),
        "workspaces without a branch",
        Level.WARNING,
        "acme/network",
        "set the branch",
    ),
    "a workspace of a repository that is gone": (
        lambda town: setattr(town.workspace, "source", town.code.clone_url("acme/gone")),
        "acme/gone",
        Level.ERROR,
        "answered 404",
        "correct the workspace's address",
    ),
    "a forge that refuses the credential": (
        set_to("BRIDGE_FORGES__CODE__TOKEN", "canary-of-nobody"),
        "account",
        Level.ERROR,
        "answered 401",
        "give the bridge's account the right",
    ),
    "a token without a scope": (
        lambda town: scopes(town, "read:user", "write:repository"),
        "rights",
        Level.ERROR,
        "[read:issue]",
        "add it",
    ),
    "an account that may only read": (
        lambda town: access(town, Access.READ),
        "acme/infra",
        Level.ERROR,
        "may only read",
        "give it admin permission",
    ),
    "an account that is no administrator": (
        lambda town: access(town, Access.WRITE),
        "acme/infra",
        Level.WARNING,
        "is no administrator",
        "make it an administrator",
    ),
    "no hook": (
        lambda town: town.repository.hooks.clear(),
        "acme/infra",
        Level.WARNING,
        "no webhook of its own delivers here",
        "if none does: terrakube-bridge webhooks install acme/infra --forge code",
    ),
    "an inactive hook": (
        lambda town: setattr(town.hook(), "active", False),
        "acme/infra",
        Level.ERROR,
        "it is not active",
        "terrakube-bridge webhooks install acme/infra --forge code",
    ),
    "a hook of another repository": (
        lambda town: setattr(town.hook(), "url", f"{town.page}/webhooks/code?hook=4"),
        "acme/infra",
        Level.ERROR,
        "it speaks for repository 4",
        "terrakube-bridge webhooks install",
    ),
    "no public address": (
        set_to("BRIDGE_PUBLIC_URL", ""),
        "public_url",
        Level.WARNING,
        "it is not set",
        "set BRIDGE_PUBLIC_URL",
    ),
    "a public address that leads nowhere": (
        set_to("BRIDGE_PUBLIC_URL", "https://127.0.0.1:1"),
        "reachable",
        Level.WARNING,
        "does not answer from here",
        "see whether the bridge runs",
    ),
    "a database of another version": (
        another_version,
        "database",
        Level.ERROR,
        "the database is at version 0000",
        "see whether it runs",
    ),
    "no database": (
        set_to("BRIDGE_DATABASE__URL", "sqlite:///elsewhere.db"),
        "database",
        Level.WARNING,
        "there is none at",
        "nothing before the first start",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_broken_has_its_line(town: Town, case: str) -> None:
    break_it, what, level, detail, advice = BROKEN[case]
    break_it(town)
    findings = await town.findings()
    lines = [one for one in findings if what in one.what.split(", ") and one.level is level]
    assert [one for one in lines if detail in one.detail and one.advice.startswith(advice)], lines


@pytest.mark.parametrize("town", [Flavour.GITHUB], indirect=True)
async def test_a_delivery_that_failed_is_told_by_github(town: Town) -> None:
    (attempt,) = town.code.office.attempts
    town.code.office.attempts[0] = replace(attempt, status_code=401)
    found = {one.detail: one.advice for one in await town.findings() if one.level is Level.ERROR}
    (told,) = [detail for detail in found if detail.startswith("the last delivery")]
    assert told.endswith("was answered 401")
    assert found[told] == "give the hook the secret that is configured, or install it anew"


@pytest.mark.parametrize("town", [Flavour.GITHUB], indirect=True)
async def test_an_app_needs_one_hook_for_everything(town: Town) -> None:
    events = ("issue_comment", "pull_request", "push")
    url = f"{town.page}/webhooks/code"
    app = town.code.add_app("tb", owner="acme", url=url, secret="s", events=events)
    town.repository.hooks.clear()
    del town.settings["BRIDGE_FORGES__CODE__TOKEN"]
    town.without = ("BRIDGE_FORGES__CODE__TOKEN",)
    town.settings["BRIDGE_FORGES__CODE__APP_ID"] = str(app.id)
    town.settings["BRIDGE_FORGES__CODE__PRIVATE_KEY"] = app.private_key.replace("\n", "\\n")
    well = [(one.what, one.level) for one in await town.findings() if one.area == "code"]
    assert app.hook
    app.hook.url = "https://old.example.com/webhooks/code"
    moved = [one for one in await town.findings() if one.level is Level.ERROR]
    app.hook = None
    without = [one for one in await town.findings() if one.level is Level.ERROR]
    names = ("account", "rights", "webhook of the App", "repositories", "rate limit")
    assert well == [(name, Level.OK) for name in names]
    assert [one.detail for one in moved] == ["it delivers to https://old.example.com/webhooks/code"]
    assert (without[0].detail, without[0].advice) == ("it has no webhook", f"set it up: {url}")


async def test_terrakube_is_down_and_the_forge_is_fine(town: Town) -> None:
    await town.server.down()
    findings = await town.findings()
    told = {(one.area, one.what): one for one in findings}
    assert told["terrakube", "API"].level is Level.ERROR
    rest = told["terrakube", "version, organizations, rights, templates, workspaces"]
    assert rest.detail == "no answer either"
    assert told["code", "account"].level is Level.OK
    assert told["bridge", "database"].level is Level.OK


async def test_a_forge_is_down_and_terrakube_is_fine(town: Town) -> None:
    town.settings["BRIDGE_FORGES__CODE__API_URL"] = "http://127.0.0.1:1/api/v1"
    findings = await town.findings()
    levels = {(one.area, one.level) for one in findings if one.area != "bridge"}
    assert levels == {("terrakube", Level.OK), ("code", Level.ERROR)}
    assert [one.what for one in findings if one.area == "code"] == [
        "account",
        "repositories",
    ]


async def test_a_server_that_hangs_hides_nothing_and_ends(town: Town) -> None:
    town.server.faults.seconds_slow = 600.0
    began = time.monotonic()
    findings = await town.findings("--timeout", "0.7")
    assert time.monotonic() - began < 10.0
    told = {(one.area, one.what): one.detail for one in findings}
    assert told["terrakube", "API"] == "no answer within 0.7 s"
    assert told["code", "account"].startswith(LOGIN)


def test_a_configuration_that_cannot_be_read_ends_with_2(command_line: CommandLine) -> None:
    said = command_line("doctor")
    assert (said.code, said.out) == (2, "")
    assert said.err


def test_people_read_a_table(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    well = Finding(
        area="terrakube", what="API", level=Level.OK, detail="https://t.example.com is up"
    )
    show([well])
    assert capsys.readouterr().out.splitlines()[-1] == "All is well."
    wrong = Finding(
        area="terrakube",
        what="template of plan",
        level=Level.ERROR,
        detail="'Plan and apply' in acme: it is to plan, and it applies (step 200)",
        advice="name a template that only plans, such as Plan",
    )
    unseen = Finding(
        area="code",
        what="acme/infra",
        level=Level.WARNING,
        detail="its webhooks are not shown to the bridge's account \x1b[31m",
    )
    show([well, wrong, unseen])
    check_golden(request, GOLDEN / "doctor.txt", capsys.readouterr().out)
