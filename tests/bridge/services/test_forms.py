"""Forms of the chat are looked into without asking Terrakube, and a forge only briefly."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from bridge.decisions.repositories import Matcher
from bridge.domain.chat import ChatPlace
from bridge.domain.chat_controls import Control, Form, FormPlace, RunButton
from bridge.domain.chat_events import FormSent
from bridge.domain.errors import NotFoundError, TemporaryRemoteError
from bridge.domain.runs import Run
from bridge.domain.terrakube import Workspace
from bridge.domain.vcs import Branch, Repository, RepositoryRef
from bridge.services.forms import FormChecks
from tests.bridge.store.rows import a_request
from tests.fakes.forge import FakeForge
from tests.fakes.jobserver import FakeJobServer
from tests.fakes.runs import a_run


@dataclass
class Known:
    there: list[Workspace]

    def workspaces(self) -> Sequence[Workspace]:
        return self.there


@dataclass
class Stored:
    runs: dict[str, Run] = field(default_factory=dict)

    async def run(self, run_id: str) -> Run | None:
        return self.runs.get(run_id)


@dataclass(slots=True)
class Elsewhere(FakeForge):
    """A forge that knows nothing."""

    async def repository(self, slug: str) -> Repository:
        msg = f"{slug}: answered 404"
        raise NotFoundError(msg, service=self.name, status=404)


@dataclass(slots=True)
class Silent(FakeForge):
    """A forge that does not answer, or says that it is not well."""

    unwell: bool = False

    async def branch(self, repository: RepositoryRef, name: str) -> Branch | None:
        if self.unwell:
            msg = "answered 503"
            raise TemporaryRemoteError(msg, service=self.name, status=503)
        await asyncio.Event().wait()
        return None


def a_form(form: str, *, metadata: str = "", **values: str) -> FormSent:
    return FormSent(
        delivery_id="d",
        received_at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
        actor="U1",
        place=ChatPlace(team="T1", channel="C1"),
        trigger="slack:T1:1",
        form=form,
        values={Control[name]: value for name, value in values.items()},
        metadata=metadata,
    )


def checks(*forges: FakeForge, runs: Stored | None = None) -> FormChecks:
    server = FakeJobServer()
    there = [
        server.add_workspace("network"),
        server.add_workspace("foreign", source="https://other.example.com/acme/infra.git"),
        server.add_workspace("bare", source=""),
    ]
    return FormChecks(
        forges={one.name: one for one in forges},
        known=Known(there),
        store=runs or Stored(),
        matcher=Matcher(),
    )


HERE = (Elsewhere(name="first"), FakeForge())
UNKNOWN = {Control.BRANCH: "There is no branch of this name in acme/infra."}


@pytest.mark.parametrize(
    ("workspace", "branch", "wrong"),
    [
        ("acme/network", "main", {}),
        ("acme/network", " main ", {}),
        ("acme/network", "nowhere", UNKNOWN),
        ("acme/network", "", {}),
        ("acme/foreign", "nowhere", {}),
        ("acme/bare", "nowhere", {}),
        ("acme/gone", "nowhere", {}),
    ],
)
async def test_a_branch_has_to_be_where_the_workspace_is_from(
    workspace: str, branch: str, wrong: object
) -> None:
    form = a_form(Form.START, WORKSPACE=workspace, BRANCH=branch)
    assert await checks(*HERE).check(form) == wrong


@pytest.mark.parametrize("unwell", [True, False])
async def test_a_forge_that_does_not_say_keeps_nobody_waiting(*, unwell: bool) -> None:
    form = a_form(Form.START, WORKSPACE="acme/network", BRANCH="nowhere")
    looking = replace(checks(Silent(unwell=unwell)), patience=0.05)
    assert await looking.check(form) == {}


async def test_the_name_that_is_typed_in_is_the_workspaces() -> None:
    run = a_run(a_request())
    workspace = run.request.workspace
    looking = checks(runs=Stored({run.id: run}))
    button = RunButton(run_id=run.id, step="100", mark="m")
    place = str(FormPlace(channel="C1", button=str(button)))
    said = {Control.NAME: f"Type the workspace's name as it is: {workspace.name}"}
    for typed, wrong in (
        (workspace.name, {}),
        (f" {workspace} ", {}),
        (workspace.name.upper(), said),
        ("", said),
    ):
        form = a_form(Form.CONFIRM, metadata=place, NAME=typed)
        assert await looking.check(form) == wrong
    for metadata in ("C1||01GONE.1.m", "C1||", ""):  # whoever carries it out says what is wrong
        assert await looking.check(a_form(Form.CONFIRM, metadata=metadata, NAME="x")) == {}
    assert await looking.check(a_form("another", NAME="x")) == {}
