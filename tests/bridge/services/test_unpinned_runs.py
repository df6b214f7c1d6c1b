"""Runs of code that no configured forge knows: they take a branch, as nobody can pin a commit."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.decisions.adopting import is_of_run
from bridge.decisions.endings import Ending, ending_at_commit
from bridge.domain.runs import Refusal, Run, RunState, TemplateChoice, Verb
from bridge.domain.terrakube import FlowStep, JobRequest, Workspace
from bridge.domain.vcs import RepositoryRef
from bridge.domain.work import Work
from bridge.services.catalog import Catalog
from bridge.services.runs import RunService
from bridge.store.codecs import RUN_REQUEST
from bridge.store.database import Database
from bridge.store.queries.work import apply_work, share_key
from bridge.store.runs import SqlRunStore
from tests.bridge.store.rows import a_request
from tests.fakes.clock import FakeClock
from tests.fakes.jobserver import APPROVED_FLOW, PLAN_FLOW, FakeJobServer
from tests.fakes.runs import a_run

RUN_ID = "01M86PTPG0JS62R60BEWV6QTT5"
NOWHERE = RepositoryRef(forge="", id="", slug="")
UNPINNED: dict[str, Any] = {
    "trigger": "slack:T1:5.6",
    "actor": "Ada Lovelace (slack:U1)",
    "commit_id": "",
    "repository": NOWHERE,
    "branch": "main",
    "pull_request": None,
    "reports": ("chat:T1:C1::slack:T1:5.6",),
}


class Setting:
    """A server with a workspace and two templates."""

    def __init__(self) -> None:
        self.server = FakeJobServer()
        self.space: Workspace = self.server.add_workspace("network")
        self.plan = self.server.add_template("Plan", flow=PLAN_FLOW)
        self.service = RunService(
            server=self.server,
            catalog=Catalog(server=self.server),
            command="terrakube",
            built_in={Verb.APPLY: "flow: apply"},
        )

    def a_run(self, **changes: Any) -> Run:  # noqa: ANN401 - of the request
        template = TemplateChoice(reference="Plan", id=self.plan.id, name="Plan")
        known = {"workspace": self.space.ref, "template": template}
        return a_run(replace(a_request(), **{**UNPINNED, **known, **changes}), id=RUN_ID)


@pytest.fixture
def setting() -> Setting:
    return Setting()


async def test_it_is_sent_with_its_branch_instead_of_a_commit(setting: Setting) -> None:
    run = setting.a_run()
    request = await setting.service.prepare(run)
    assert request == JobRequest(
        workspace=setting.space.ref,
        comments=f"bridge:{RUN_ID} plan acme/network@main by Ada Lovelace (slack:U1)",
        template_id=setting.plan.id,
        commit_id=None,
        override_branch="main",
    )
    assert isinstance(request, JobRequest)
    job = await setting.server.create_job(request)
    assert is_of_run(run, job)
    assert not is_of_run(setting.a_run(branch="other"), job)


async def test_what_a_forge_should_know_is_still_refused_without_a_commit(
    setting: Setting,
) -> None:
    run = setting.a_run(repository=a_request().repository)
    assert await setting.service.prepare(run) == Refusal(
        reason="The forge did not say which commit to run."
    )


async def test_the_built_in_apply_is_sent_for_a_run_nobody_reviewed(setting: Setting) -> None:
    built_in = TemplateChoice(reference="built-in", name="built-in")
    request = await setting.service.prepare(setting.a_run(verb=Verb.APPLY, template=built_in))
    assert isinstance(request, JobRequest)
    assert (request.tcl, request.template_id) == ("flow: apply", None)


@pytest.mark.parametrize(("asks", "is_sent"), [(True, True), (False, False)])
async def test_a_template_that_asks_nobody_any_more_is_not_sent(
    setting: Setting, *, asks: bool, is_sent: bool
) -> None:
    unasked: tuple[FlowStep, ...] = (APPROVED_FLOW[0], APPROVED_FLOW[2])
    made = setting.server.add_template("Apply", flow=APPROVED_FLOW if asks else unasked)
    template = TemplateChoice(reference="Apply", id=made.id, name="Apply")
    request = await setting.service.prepare(setting.a_run(verb=Verb.APPLY, template=template))
    assert isinstance(request, JobRequest) is is_sent
    if isinstance(request, Refusal):
        assert request.reason.endswith("Correct it in Terrakube, then say it again in Slack.")


def test_it_ran_whatever_its_branch_was_at() -> None:
    good = Ending(state=RunState.SUCCEEDED, reason="")
    assert ending_at_commit(good, Verb.PLAN, asked="", ran="c" * 40) == good


def test_it_is_kept_as_it_is_and_shared_with_none() -> None:
    request = a_request(**UNPINNED)
    assert RUN_REQUEST.load(RUN_REQUEST.dump(request)) == request
    assert share_key(request) is None


async def test_it_makes_no_repository_known(database: Database) -> None:
    work = Work(runs=[a_request(**UNPINNED), a_request("dns", **UNPINNED)])
    made = await database.write(apply_work, work, database.now())
    store = SqlRunStore(
        database=database, job_url=lambda *_: "", command="terrakube", clock=FakeClock()
    )
    assert await store.known_repositories("") == []
    kept = [await store.run(one) for one in made]
    assert [str(one.request.workspace) for one in kept if one] == ["acme/network", "acme/dns"]
