"""What is found out at start, and the periodic work that asks forges."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import (
    BridgeError,
    LeaseLostError,
    NotAllowedError,
    NotFoundError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.redaction import Redactor
from bridge.domain.terrakube import FlowStep, FlowType
from bridge.engine.inbox import Inbox
from bridge.engine.leases import Lease, LeaseKeeper
from bridge.engine.rates import Budgets
from bridge.ports import Forge
from bridge.services.catalog import Catalog
from bridge.settings import Settings, load_settings
from bridge.store.database import Database
from bridge.store.queries.deliveries import waiting_deliveries
from bridge.store.schema import duty
from bridge.wiring.duties import Comparison
from bridge.wiring.inside import budgets_for, derived_key
from bridge.wiring.outside import open_outside, secret_key
from bridge.wiring.starting import Findings, look_at_terrakube
from tests.bridge.store.rows import a_delivery
from tests.bridge.test_settings import ENOUGH
from tests.fakes.forge import FakeForge
from tests.fakes.jobserver import ALLOWED, FakeJobServer


def configured(folder: Path, document: str = "", **more: str) -> Settings:
    (folder / "bridge.yaml").write_text(document)
    return load_settings(ENOUGH | more, folder)


async def look(settings: Settings, server: FakeJobServer) -> Findings:
    return await look_at_terrakube(settings, server, Catalog(server=server))


@pytest.fixture
def server() -> FakeJobServer:
    """Terrakube with what every new organization has, and a workspace."""
    server = FakeJobServer()
    server.add_template("Plan")
    server.add_workspace("network")
    return server


async def test_what_fits_is_no_finding(tmp_path: Path, server: FakeJobServer) -> None:
    document = """
rules:
  - {on: push, template: default}
  - {on: pull_request, template: Plan}
  - {on: tag, template: built-in}
commands: {plan: {template: Plan}}
"""
    assert await look(configured(tmp_path, document), server) == Findings()


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (
            "rules:\n  - {on: push, template: Pla}\n",
            "bridge.yaml line 2: rules[0].template",
        ),
        (
            "commands:\n  plan:\n    template: Pla\n",
            "bridge.yaml line 3: commands.plan.template",
        ),
    ],
)
async def test_a_template_that_is_nowhere_is_a_mistake(
    tmp_path: Path, server: FakeJobServer, document: str, place: str
) -> None:
    findings = await look(configured(tmp_path, document), server)
    text = "there is no template 'Pla' in acme: create it or name another"
    assert [str(one) for one in findings.mistakes] == [f"{place}: {text}"]


async def test_a_template_of_a_variable_is_blamed_on_the_variable(
    tmp_path: Path, server: FakeJobServer
) -> None:
    settings = configured(tmp_path, BRIDGE_COMMANDS__PLAN__TEMPLATE="Pla")
    (mistake,) = (await look(settings, server)).mistakes
    assert str(mistake).startswith("environment: BRIDGE_COMMANDS__PLAN__TEMPLATE: there is no")


async def test_a_rule_is_about_the_organizations_its_workspaces_are_in(
    tmp_path: Path, server: FakeJobServer
) -> None:
    other = server.add_organization("other")
    server.add_template("Release", organization=other)
    server.add_workspace("site", organization=other)
    document = """
rules:
  - {on: push, template: Release, workspaces: ["other/*"]}
  - {on: push, template: Release, workspaces: ["nobody/*"]}
  - {on: tag, template: Release}
"""
    findings = await look(configured(tmp_path, document), server)
    assert findings.mistakes == []
    assert findings.warnings == [
        ("template.missing", "rules[2].template: there is no template 'Release' in acme"),
        ("template.missing", "commands.plan.template: there is no template 'Plan' in other"),
    ]


def flow(*types: str) -> tuple[FlowStep, ...]:
    return tuple(FlowStep(type=kind, number=at * 100) for at, kind in enumerate(types, 1))


ASKING = flow(FlowType.PLAN, FlowType.APPROVAL, FlowType.APPLY)
BLIND = flow(FlowType.PLAN, FlowType.APPLY)


@pytest.mark.parametrize(
    ("steps", "setting", "refused"),
    [
        pytest.param(ASKING, "apply: {template: Mine}", False, id="one that asks"),
        pytest.param(BLIND, "apply: {template: Mine}", True, id="one that does not"),
        pytest.param(None, "apply: {template: Mine}", True, id="one that cannot be read"),
        pytest.param(BLIND, "apply: {template: default}", True, id="a workspace's own"),
        pytest.param(ASKING, "apply: {template: default}", False, id="a workspace's own that asks"),
        pytest.param(ASKING, "destroy: {template: Mine}", True, id="an apply to destroy with"),
        pytest.param(
            BLIND, "apply: {template: Mine, allow_unasked: true}", False, id="explicitly allowed"
        ),
        pytest.param(BLIND, "plan: {template: Mine}", False, id="another command's"),
    ],
)
async def test_a_template_that_would_apply_without_asking_ends_the_start(
    tmp_path: Path,
    server: FakeJobServer,
    steps: tuple[FlowStep, ...] | None,
    setting: str,
    *,
    refused: bool,
) -> None:
    mine = server.add_template("Mine", flow=steps)
    server.add_workspace("app", default_template=mine.id)
    findings = await look(configured(tmp_path, f"commands:\n  {setting}\n"), server)
    verb = setting.partition(":")[0]
    told = [str(one) for one in findings.mistakes]
    assert told == [
        f"bridge.yaml line 2: commands.{verb}.template: template 'Mine' does not wait for an "
        "approval between its plan and its change: "
        f"terraformPlan{'Destroy' if verb == 'destroy' else ''}, approval, terraformApply are "
        "needed, or allow_unasked: true"
        for _ in range(refused)
    ]


@pytest.mark.parametrize(
    ("error", "keys", "warnings"),
    [
        (
            NotFoundError("organization 'acme': it does not exist", service="terrakube"),
            ["BRIDGE_TERRAKUBE__ORGANIZATIONS"],
            [],
        ),
        (
            NotAllowedError("the token is refused", service="terrakube", status=401),
            ["BRIDGE_TERRAKUBE__TOKEN"],
            [],
        ),
        (TemporaryRemoteError("answered 503", service="terrakube"), [], ["terrakube.unreachable"]),
    ],
)
async def test_only_what_the_operator_can_mend_ends_the_start(
    tmp_path: Path,
    server: FakeJobServer,
    error: RemoteError,
    keys: Sequence[str],
    warnings: Sequence[str],
) -> None:
    server.failures["organizations"] = [error]
    findings = await look(configured(tmp_path), server)
    assert [one.key for one in findings.mistakes] == keys
    assert all(str(error) in one.text for one in findings.mistakes)
    assert [event for event, _ in findings.warnings] == warnings


async def test_rights_native_webhooks_and_sections_without_effect_are_warned_about(
    tmp_path: Path, server: FakeJobServer
) -> None:
    server.allowed = replace(ALLOWED, plan_job=False, approve_job=False)
    for number in range(6):
        server.add_workspace(f"w-{number}", native_webhook=True)
    findings = await look(configured(tmp_path, "slack: {mode: http}\n"), server)
    (native, rights, slack) = findings.warnings
    assert findings.mistakes == []
    assert native[0] == "webhook.native"
    assert "is on for acme/w-0, acme/w-1, acme/w-2, acme/w-3, acme/w-4 and 1 more:" in native[1]
    assert rights[0] == "rights.missing"
    assert "in organization acme the token may not start jobs:" in rights[1]
    shut = "Slack's door stays shut: slack.bot_token is missing"
    assert slack == ("settings.without_effect", shut)


async def test_a_token_that_cannot_cancel_is_warned_about(
    tmp_path: Path, server: FakeJobServer
) -> None:
    server.allowed = replace(ALLOWED, approve_job=False)
    ((event, text),) = (await look(configured(tmp_path), server)).warnings
    assert (event, "cancel superseded plans" in text) == ("rights.missing", True)


@dataclass
class Noticing:
    """Stands for NoticeService: what each round finds, or raises."""

    forge: Forge
    rounds: list[Sequence[Delivery] | BridgeError] = field(default_factory=list)

    async def compare(self) -> Sequence[Delivery]:
        found = self.rounds.pop(0)
        if isinstance(found, BridgeError):
            raise found
        return found


@pytest.fixture
async def lease(database: Database) -> Lease:
    """A lease on a duty of its own."""
    row = duty.insert().values(id="x", due_at=0)
    await database.write(lambda connection: connection.execute(row))
    ((_, lease),) = await LeaseKeeper(database).claim(duty, limit=1)
    return lease


async def test_a_forge_that_does_not_answer_does_not_keep_the_others_from_their_round(
    database: Database, lease: Lease
) -> None:
    away = Noticing(FakeForge(name="away"), [TemporaryRemoteError("answered 502", service="away")])
    there = Noticing(FakeForge(name="code"), [[a_delivery("noticed-1")]])
    comparison = Comparison(notices=[away, there], inbox=Inbox(database))
    with structlog.testing.capture_logs() as logs:
        await comparison.compare(lease)
    kept = await database.read(waiting_deliveries)
    assert [one.key for one in kept] == ["noticed-1"]
    assert [(line["event"], line["forge"]) for line in logs] == [("comparison.failed", "away")]


async def test_a_round_ends_when_another_replica_has_it(database: Database, lease: Lease) -> None:
    lease.lost = True
    notice = Noticing(FakeForge(), [[a_delivery()], []])
    comparison = Comparison(notices=[notice, notice], inbox=Inbox(database))
    with pytest.raises(LeaseLostError):
        await comparison.compare(lease)
    assert len(notice.rounds) == 1
    assert await database.read(waiting_deliveries) == []


async def test_the_generated_key_is_kept(tmp_path: Path, database: Database) -> None:
    settings = configured(tmp_path)
    made = await secret_key(settings, database)
    assert len(made) == 64
    assert await secret_key(settings, database) == made
    given = configured(tmp_path, BRIDGE_SECRET_KEY="k" * 32)
    assert await secret_key(given, database) == "k" * 32


def test_github_alone_counts_the_writes_of_an_hour() -> None:
    forges = {
        name: FakeForge(name=name, driver=driver)
        for name, driver in (("hub", "github"), ("code", "forgejo"), ("tea", "gitea"))
    }
    assert budgets_for(forges) == Budgets(counting_hours=frozenset({"hub"}))


def test_no_two_purposes_share_a_key() -> None:
    made = {derived_key(b"key", purpose) for purpose in ("marker", "digest")}
    assert len({*made, b"key"}) == 3


async def test_clients_are_made_from_the_settings_and_closed(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    async with open_outside(settings, key=b"k" * 32, redactor=Redactor()) as outside:
        assert list(outside.forges) == ["code"]
        assert outside.forges["code"].driver == "forgejo"
