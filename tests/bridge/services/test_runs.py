"""What is checked before a job is created, and what is said about one that waits."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.errors import NotFoundError, TemporaryRemoteError
from bridge.domain.runs import (
    Diagnosis,
    Refusal,
    Reviewed,
    Run,
    RunOptions,
    RunRequest,
    TemplateChoice,
    Verb,
)
from bridge.domain.terrakube import FlowStep, JobRequest, Step, Workspace
from bridge.services.catalog import Catalog
from bridge.services.runs import COMMENTS_LIMIT, RunService
from tests.bridge.store.rows import HEAD, a_push, a_request
from tests.fakes.jobserver import PLAN_FLOW, FakeJobServer, unavailable
from tests.fakes.runs import a_run

ASKING = tuple(
    FlowStep(number=number, type=kind, name=kind)
    for number, kind in ((100, "terraformPlan"), (150, "approval"), (200, "terraformApply"))
)
UNASKED = (ASKING[0], ASKING[2])
RUN_ID = "01M86PTPG0JS62R60BEWV6QTT5"
NO_DEFAULT = (
    "Workspace acme/network has no default template that exists. "
    "Choose one in its settings in Terrakube, or name a template in the rule."
)


class Setting:
    """A server with one workspace and one template, and a run for them."""

    def __init__(self) -> None:
        self.server = FakeJobServer()
        self.space = self.server.add_workspace("network")
        self.template = self.server.add_template("Plan")
        self.service = RunService(
            server=self.server, catalog=Catalog(server=self.server), command="terrakube"
        )

    def a_run(self, request: RunRequest | None = None, **changes: Any) -> Run:  # noqa: ANN401 - of the request
        wanted = request or a_request()
        known = TemplateChoice(reference="Plan", id=self.template.id, name="Plan")
        changes = {"workspace": self.space.ref, "template": known, **changes}
        return a_run(replace(wanted, **changes), id=RUN_ID)


@pytest.fixture
def setting() -> Setting:
    return Setting()


class TestPreparing:
    async def test_a_plan_is_sent_with_its_template_and_pinned_to_its_commit(
        self, setting: Setting
    ) -> None:
        assert await setting.service.prepare(setting.a_run()) == JobRequest(
            workspace=setting.space.ref,
            comments=f"bridge:{RUN_ID} plan acme/infra#3 by ada",
            template_id=setting.template.id,
            commit_id=HEAD,
        )

    async def test_a_tag_is_sent_as_its_bare_name(self, setting: Setting) -> None:
        run = setting.a_run(a_push(), tag="v1.2.3")
        prepared = await setting.service.prepare(run)
        assert isinstance(prepared, JobRequest)
        assert (prepared.override_branch, prepared.commit_id) == ("v1.2.3", HEAD)
        assert prepared.comments == f"bridge:{RUN_ID} push acme/infra@{HEAD[:12]} by ada"

    @pytest.mark.parametrize(
        ("flow", "unasked", "is_sent"),
        [
            (ASKING, set(), True),
            (UNASKED, set(), False),
            (UNASKED, {Verb.DESTROY}, False),
            (UNASKED, {Verb.APPLY}, True),
            (None, set(), False),
        ],
    )
    async def test_a_reviewed_plan_needs_a_template_that_asks_just_now(
        self,
        setting: Setting,
        *,
        flow: tuple[FlowStep, ...] | None,
        unasked: set[Verb],
        is_sent: bool,
    ) -> None:
        service = replace(setting.service, unasked=frozenset(unasked))
        await service.catalog.templates(setting.space.ref.organization_id)
        setting.server.stored_templates[setting.template.id] = replace(setting.template, flow=flow)
        reviewed = Reviewed(run_id="r", digest="json1:a")
        run = setting.a_run(verb=Verb.APPLY, applies=True, reviewed=reviewed)
        prepared = await service.prepare(run)
        assert isinstance(prepared, JobRequest) is is_sent
        if isinstance(prepared, Refusal):
            assert "does not wait for an approval" in prepared.reason

    async def test_an_inline_template_is_sent_as_text(self, setting: Setting) -> None:
        inline = TemplateChoice(reference="built-in", tcl="flow: []\n")
        prepared = await setting.service.prepare(
            setting.a_run(verb=Verb.APPLY, template=inline, applies=True)
        )
        assert isinstance(prepared, JobRequest)
        assert (prepared.tcl, prepared.template_id) == ("flow: []\n", None)

    async def test_where_none_is_named_the_bridge_s_own_is_sent(self, setting: Setting) -> None:
        service = replace(setting.service, built_in={Verb.APPLY: "flow: [own]\n"})
        named = TemplateChoice(reference="built-in")
        prepared = await service.prepare(setting.a_run(verb=Verb.APPLY, template=named))
        assert isinstance(prepared, JobRequest)
        assert (prepared.tcl, prepared.template_id) == ("flow: [own]\n", None)

    async def test_options_reach_the_job(self, setting: Setting) -> None:
        options = RunOptions(refresh=False, refresh_only=True, targets=("a.b",), replaces=("c.d",))
        prepared = await setting.service.prepare(setting.a_run(options=options))
        assert isinstance(prepared, JobRequest)
        assert (
            prepared.refresh,
            prepared.refresh_only,
            prepared.target_addrs,
            prepared.replace_addrs,
        ) == (False, True, ("a.b",), ("c.d",))

    @pytest.mark.parametrize(
        "options", [RunOptions(targets=("a.b",)), RunOptions(replaces=("c.d",))]
    )
    async def test_a_server_that_cannot_choose_resources_is_not_asked_to(
        self, setting: Setting, options: RunOptions
    ) -> None:
        """It would answer with an error about an attribute, which nobody understands."""
        setting.server.has_targets = False
        assert await setting.service.prepare(setting.a_run(options=options)) == Refusal(
            reason="This Terrakube takes no `-target` and no `-replace`: "
            "they need version 2.33 or newer."
        )
        assert isinstance(await setting.service.prepare(setting.a_run()), JobRequest)
        assert setting.server.calls.count(("features",)) == 1

    async def test_a_template_that_was_made_a_moment_ago_is_found(self, setting: Setting) -> None:
        """The catalog is cached; what is not in it is looked up once more."""
        await setting.service.catalog.templates(setting.space.ref.organization_id)
        made = setting.server.add_template("Nightly")
        run = setting.a_run(template=TemplateChoice(reference="Nightly"))
        prepared = await setting.service.prepare(run)
        assert isinstance(prepared, JobRequest)
        assert prepared.template_id == made.id

    @pytest.mark.parametrize("reference", ["id", "name"])
    async def test_a_template_may_be_named_either_way(
        self, setting: Setting, reference: str
    ) -> None:
        named = setting.template.id if reference == "id" else setting.template.name
        prepared = await setting.service.prepare(
            setting.a_run(template=TemplateChoice(reference=named))
        )
        assert isinstance(prepared, JobRequest)
        assert prepared.template_id == setting.template.id

    async def test_no_wildcard_and_no_quote_gets_into_the_comments(self, setting: Setting) -> None:
        """Searches trip over them, and a newline would end the line."""
        run = setting.a_run(actor="a*d'a\"\\\n" + "x" * 600)
        prepared = await setting.service.prepare(run)
        assert isinstance(prepared, JobRequest)
        assert prepared.comments.startswith(f"bridge:{RUN_ID} plan acme/infra#3 by adax")
        assert not set(prepared.comments) & set("*'\"\\\n")
        assert len(prepared.comments) == COMMENTS_LIMIT


class TestRefusing:
    async def test_a_locked_workspace(self, setting: Setting) -> None:
        setting.server.lock(setting.space, "freeze until Monday")
        assert await setting.service.prepare(setting.a_run()) == Refusal(
            reason=(
                "Workspace acme/network is locked in Terrakube (freeze until Monday). "
                "Unlock it there, then say `terrakube plan` again."
            )
        )

    async def test_a_push_is_not_answered_with_a_command_for_pull_requests(
        self, setting: Setting
    ) -> None:
        setting.server.lock(setting.space)
        assert await setting.service.prepare(setting.a_run(a_push())) == Refusal(
            reason=(
                "Workspace acme/network is locked in Terrakube. "
                "Unlock it there, then push again or start the job in Terrakube."
            )
        )

    async def test_a_run_without_a_commit(self, setting: Setting) -> None:
        """Terrakube would take whatever the branch is at, which nobody looked at."""
        run = setting.a_run(commit_id="")
        refused = Refusal(reason="The forge did not say which commit to run.")
        assert await setting.service.prepare(run) == refused

    async def test_a_workspace_that_is_gone(self, setting: Setting) -> None:
        setting.server.spaces.clear()
        assert await setting.service.prepare(setting.a_run()) == Refusal(
            reason="Workspace acme/network no longer exists in Terrakube."
        )

    @pytest.mark.parametrize(
        ("template", "reason"),
        [
            (
                TemplateChoice(reference="Plann"),
                (
                    "Template 'Plann' does not exist in organization acme. "
                    "Create it in Terrakube or correct the rule."
                ),
            ),
            (TemplateChoice(reference="default"), NO_DEFAULT),
            (TemplateChoice(reference="default", id="gone", name="Old"), NO_DEFAULT),
        ],
    )
    async def test_a_template_that_does_not_exist(
        self, setting: Setting, template: TemplateChoice, reason: str
    ) -> None:
        assert await setting.service.prepare(setting.a_run(template=template)) == Refusal(
            reason=reason
        )

    async def test_a_server_that_does_not_answer_is_no_refusal(self, setting: Setting) -> None:
        setting.server.failures["workspace"] = [unavailable("GET workspace")]
        with pytest.raises(TemporaryRemoteError):
            await setting.service.prepare(setting.a_run())

    async def test_an_organization_that_is_gone_is_an_error_of_its_own(
        self, setting: Setting
    ) -> None:
        setting.server.orgs.clear()
        with pytest.raises(NotFoundError):
            await setting.service.prepare(setting.a_run())


class TestInspecting:
    async def diagnosis(self, setting: Setting, **changes: Any) -> Diagnosis:  # noqa: ANN401 - of the request
        job = setting.server.add_job(setting.space.ref)
        return await setting.service.inspect(setting.a_run(**changes), job)

    async def test_an_older_job_of_the_workspace_is_named_first(self, setting: Setting) -> None:
        other = setting.server.add_workspace("other")
        setting.server.add_job(other.ref, status="running")
        setting.server.add_job(setting.space.ref, status="waitingApproval")
        assert await self.diagnosis(setting) == Diagnosis(
            cause="It waits for job 2 of the same workspace, which is waiting for an approval."
        )

    async def test_older_jobs_of_the_organization_come_next(self, setting: Setting) -> None:
        other = setting.server.add_workspace("other")
        for status in ("running", "pending", "completed"):
            setting.server.add_job(other.ref, status=status)
        assert await self.diagnosis(setting) == Diagnosis(
            cause=(
                "It waits for Terrakube: 2 older jobs of the organization are open; "
                "the oldest, job 1, is running."
            )
        )

    async def test_one_older_job_is_one(self, setting: Setting) -> None:
        other = setting.server.add_workspace("other")
        setting.server.add_job(other.ref, status="running")
        assert await self.diagnosis(setting) == Diagnosis(
            cause="It waits for Terrakube: job 1 of the organization is older and running."
        )

    async def test_without_any_the_executor_is_asked_about(self, setting: Setting) -> None:
        assert await self.diagnosis(setting) == Diagnosis(
            cause="It waits for Terrakube: no executor has taken it. Is the executor running?"
        )

    async def test_younger_jobs_are_not_in_the_way(self, setting: Setting) -> None:
        job = setting.server.add_job(setting.space.ref)
        setting.server.add_job(setting.space.ref, status="running")
        found = await setting.service.inspect(setting.a_run(), job)
        assert "executor" in found.cause

    async def test_a_lock_is_hopeless(self, setting: Setting) -> None:
        setting.server.lock(setting.space)
        found = await self.diagnosis(setting)
        assert found.hopeless
        assert found.cause.startswith("Workspace acme/network is locked in Terrakube.")

    async def test_so_is_a_template_that_was_deleted(self, setting: Setting) -> None:
        setting.server.stored_templates.clear()
        found = await self.diagnosis(setting)
        assert found == Diagnosis(
            cause=(
                "Template 'Plan' does not exist in organization acme. "
                "Create it in Terrakube or correct the rule."
            ),
            hopeless=True,
        )

    async def test_and_a_workspace_that_was_deleted(self, setting: Setting) -> None:
        space: Workspace = setting.server.spaces.pop(setting.space.ref.id)
        job = setting.server.add_job(space.ref)
        assert await setting.service.inspect(setting.a_run(), job) == Diagnosis(
            cause="Workspace acme/network no longer exists in Terrakube.", hopeless=True
        )

    async def test_and_a_first_step_of_a_type_nobody_knows(self, setting: Setting) -> None:
        strange = setting.server.add_template(
            "Strange", flow=(FlowStep(type="terraformPlann", number=100),)
        )
        choice = TemplateChoice(reference="Strange", id=strange.id)
        assert await self.diagnosis(setting, template=choice) == Diagnosis(
            cause=(
                "Template 'Strange' begins with a step of type 'terraformPlann', which Terrakube "
                "does not know. Correct it there."
            ),
            hopeless=True,
        )

    async def test_but_not_while_an_older_job_is_in_the_way(self, setting: Setting) -> None:
        """A newer Terrakube may know the type."""
        flow = (FlowStep(type="terraformDream", number=100),)
        dream = setting.server.add_template("Dream", flow=flow)
        setting.server.add_job(setting.server.add_workspace("other").ref, status="running")
        choice = TemplateChoice(reference="Dream", id=dream.id)
        assert not (await self.diagnosis(setting, template=choice)).hopeless

    @pytest.mark.parametrize(
        ("kind", "older", "expected"),
        [
            (
                "terraformAply",
                False,
                Diagnosis(
                    cause=(
                        "Template 'Strange' goes on with a step of type 'terraformAply', which "
                        "Terrakube does not know. Correct it there."
                    ),
                    hopeless=True,
                ),
            ),
            (
                "terraformAply",
                True,
                Diagnosis(
                    cause=(
                        "It waits for Terrakube: job 1 of the organization is older and running."
                    )
                ),
            ),
            (
                "terraformApply",
                False,
                Diagnosis(
                    cause=(
                        "Job 1 waits between two steps. Is the executor running? If its workspace "
                        "was locked meanwhile, Terrakube 2.32 has forgotten it: cancel it there "
                        "and say `terrakube plan` again."
                    )
                ),
            ),
        ],
    )
    async def test_and_a_later_step_of_such_a_type_once_it_is_its_turn(
        self, setting: Setting, kind: str, *, older: bool, expected: Diagnosis
    ) -> None:
        flow = (*PLAN_FLOW, FlowStep(type=kind, number=200))
        strange = setting.server.add_template("Strange", flow=flow)
        if older:
            setting.server.add_job(setting.server.add_workspace("other").ref, status="running")
        made = setting.server.add_job(setting.space.ref)
        steps = (
            Step(id="s-1", number=100, name="Plan", status="completed"),
            Step(id="s-2", number=200, name="", status="pending"),
        )
        run = setting.a_run(template=TemplateChoice(reference="Strange", id=strange.id))
        assert await setting.service.inspect(run, replace(made, steps=steps)) == expected

    @pytest.mark.parametrize(
        ("described", "shown"), [("", ""), ("by alice: state moves", " (by alice: state moves)")]
    )
    async def test_a_lock_in_mid_run_is_told_and_the_job_left_alone(
        self, setting: Setting, described: str, shown: str
    ) -> None:
        made = setting.server.add_job(setting.space.ref)
        setting.server.lock(setting.space, described)
        steps = (
            Step(id="s-1", number=100, name="Plan", status="completed"),
            Step(id="s-2", number=200, name="Apply", status="pending"),
        )
        job = replace(made, steps=steps)
        assert await setting.service.inspect(setting.a_run(), job) == Diagnosis(
            cause=(
                f"Workspace acme/network is locked in Terrakube{shown}, so job 1 does not go on. "
                "Unlock it there. If the job stays pending (Terrakube 2.32), cancel it there and "
                "say `terrakube plan` again."
            )
        )
        setting.server.spaces.clear()
        assert await setting.service.inspect(setting.a_run(), job) == Diagnosis(
            cause="Workspace acme/network no longer exists in Terrakube."
        )

    async def test_our_own_flows_hold_none(self, setting: Setting) -> None:
        inline = TemplateChoice(reference="built-in", tcl="flow: []\n")
        assert not (await self.diagnosis(setting, template=inline)).hopeless
        assert ("templates",) not in {call[:1] for call in setting.server.calls}
