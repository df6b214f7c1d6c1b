"""Jobs that others started: found where a channel hears of their workspace, and left to them."""

import asyncio
import base64
from dataclasses import replace
from typing import Any

import pytest
from structlog.typing import EventDict

from bridge.decisions.approving import is_destroy
from bridge.domain.chat import ALL_INTERESTS, Subscription
from bridge.domain.errors import NotAllowedError, TemporaryRemoteError
from bridge.domain.runs import RunPhase, RunState, TemplateChoice, Verb
from bridge.domain.terrakube import FlowStep, FlowType, Job, JobStatus, PlanCounts
from bridge.domain.vcs import RepositoryRef
from bridge.domain.work import AdoptJob, Answer, Decide, Supersede, Work
from bridge.engine.duties import Duties
from bridge.engine.job_watch import JobWatch
from bridge.engine.leases import Lease, boot_time
from bridge.engine.reviewing import LONGEST_PAUSE, SHOW_TRIES
from bridge.engine.sweeping import Sweep
from bridge.services.catalog import Catalog
from bridge.store.database import Database
from bridge.store.queries.adopting_jobs import INTERVAL, PAUSE
from bridge.store.queries.leases import Held
from bridge.store.queries.work import apply_work
from bridge.store.schema import duty, organization, run, run_link
from tests.bridge.engine.stage import COLLECTED, PLAN, Stage, open_stage
from tests.bridge.store.rows import PULL_REQUEST, rows_of
from tests.fakes.jobserver import ACME, unavailable


def a_lease(seconds: float = 30.0) -> Lease:
    return Lease(duty, Held("job_watch", 1), boot_time() + seconds)


class Watched:
    """A stage whose channel hears of a pattern, and the watch."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.workspace = stage.server.add_workspace("network").ref
        self.template = stage.server.add_template("Nightly")
        self.watch = self.another()

    def another(self) -> JobWatch:
        server = self.stage.server
        return JobWatch(self.stage.database, server, Catalog(server=server))

    async def subscribe(self, pattern: str = "acme/net*") -> None:
        wanted = Subscription(team="T1", channel="C1", pattern=pattern, interests=ALL_INTERESTS)
        await self.stage.work(Work(subscribes=[wanted]))

    def start_job(self, **fields: Any) -> Job:  # noqa: ANN401 - its fields
        job = self.stage.server.add_job(self.workspace, **fields)
        self.stage.server.flows[job.id] = self.stage.server.inline_flow
        return job

    async def look(self) -> None:
        await self.watch.watch(a_lease())

    def asked(self) -> int:
        return self.stage.server.count("open_jobs")


@pytest.fixture
def watched(stage: Stage) -> Watched:
    return Watched(stage)


async def test_a_job_somebody_started_becomes_a_run_that_is_followed(watched: Watched) -> None:
    await watched.subscribe()
    stage = watched.stage
    job = watched.start_job(template_reference=watched.template.id)
    stage.server.wait_for_approval(job.id)
    await watched.look()

    found = await stage.run()
    assert (found.phase, found.state, found.job_id) == (RunPhase.REVIEWING, RunState.WAITING, "1")
    request = found.request
    assert (request.trigger, request.verb, request.workspace) == (
        f"terrakube:{ACME.id}:1",
        Verb.JOB,
        watched.workspace,
    )
    assert (request.actor, request.commit_id, request.pull_request, request.reports) == (
        "mallory@example.com",
        "",
        None,
        (),
    )
    assert request.template == TemplateChoice(
        reference="Nightly", id=watched.template.id, name="Nightly"
    )
    assert request.repository == RepositoryRef(forge="", id="", slug="")
    links = await rows_of(stage.database, run_link)
    assert [row["report"] for row in links] == [f"chat:T1:C1::terrakube:{ACME.id}:1"]

    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    assert (await stage.run()).phase is RunPhase.CREATED
    assert await stage.store.outputs(found.id) == [PLAN], "people see what they are to approve"

    stage.server.approve("1")
    stage.server.complete("1")
    await stage.after(61)
    ended = await stage.run()
    assert (ended.phase, ended.state) == (RunPhase.FINISHED, RunState.SUCCEEDED)
    assert ended.counts == COLLECTED.counts


@pytest.mark.parametrize(
    ("flow", "tcl", "destroys"),
    [
        ((FlowType.PLAN, FlowType.APPROVAL, FlowType.APPLY), None, False),
        ((FlowType.PLAN_DESTROY, FlowType.APPROVAL, FlowType.APPLY), None, True),
        ((FlowType.APPROVAL, FlowType.DESTROY), None, True),
        (None, None, False),
        (None, "flow:\n- type: terraformDestroy\n  step: 100\n", True),
        # What the job does counts, and not what its template has become since.
        ((FlowType.DESTROY,), "flow:\n- type: terraformPlan\n  step: 100\n", False),
        ((FlowType.DESTROY,), "no flow", True),
    ],
)
async def test_a_job_that_destroys_is_known_as_one_that_does(
    watched: Watched, flow: tuple[FlowType, ...] | None, tcl: str | None, *, destroys: bool
) -> None:
    """Else whoever may only approve could destroy everything: see decisions.approving."""
    await watched.subscribe()
    steps = tuple(FlowStep(type=one, number=100 + n) for n, one in enumerate(flow or ()))
    template = watched.stage.server.add_template("Some", flow=steps or None)
    encoded = None if tcl is None else base64.b64encode(tcl.encode()).decode()
    watched.start_job(template_reference=template.id, tcl=encoded)
    await watched.look()
    found = await watched.stage.run()
    assert (found.request.options.destroy, is_destroy(found)) == (destroys, destroys)


async def test_what_is_adopted_once_is_not_found_again(watched: Watched) -> None:
    await watched.subscribe()
    watched.start_job()
    for _ in range(3):
        await watched.look()
    assert len(await watched.stage.all_runs()) == 1
    assert watched.stage.server.count("templates") == 1, "names are asked for when there is one"


class TestOwn:
    """What the bridge made is its own."""

    async def test_a_job_of_a_run_stays_that_runs(self, watched: Watched) -> None:
        await watched.subscribe()
        stage = watched.stage
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        await watched.look()
        assert [one.request.verb for one in await stage.all_runs()] == [Verb.PLAN]

    async def test_so_does_one_the_run_does_not_know_of_yet(
        self, watched: Watched, logs: list[EventDict]
    ) -> None:
        await watched.subscribe()
        stage = watched.stage
        (run_id,) = await stage.want(stage.a_plan())
        watched.start_job(comments=f"bridge:{run_id} plan")
        await watched.look()
        assert len(await stage.all_runs()) == 1
        assert "job.adopted" not in [entry["event"] for entry in logs]

    async def test_a_key_of_another_bridge_is_somebody_elses(self, watched: Watched) -> None:
        await watched.subscribe()
        watched.start_job(comments="bridge:01K0000000000000000000000A plan")
        await watched.look()
        assert (await watched.stage.run()).request.verb is Verb.JOB


class TestAsking:
    """One request for each organization that a channel hears of."""

    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_nothing_is_asked_while_no_channel_hears_of_anything(
        self, watched: Watched
    ) -> None:
        await watched.look()
        await watched.subscribe("other/*")
        await watched.look()
        assert watched.asked() == 0

    async def test_only_jobs_of_those_workspaces_are_told_of(self, watched: Watched) -> None:
        await watched.subscribe()
        other = watched.stage.server.add_workspace("dns")
        watched.stage.server.add_job(other.ref)
        await watched.look()
        assert (watched.asked(), len(await watched.stage.all_runs())) == (1, 0)

    async def test_workspaces_are_listed_once_in_a_while(self, watched: Watched) -> None:
        await watched.subscribe("acme/*")
        for _ in range(4):
            await watched.look()
            watched.stage.clock.advance(15)
        assert watched.stage.server.count("workspaces") == 1

        newer = watched.stage.server.add_workspace("brand-new")
        watched.stage.server.add_job(newer.ref)
        watched.watch = watched.another()  # whose catalog is as fresh
        await watched.look()
        assert [str(one.request.workspace) for one in await watched.stage.all_runs()] == [
            "acme/brand-new"
        ]

    async def test_a_workspace_nobody_knows_of_is_looked_for(self, watched: Watched) -> None:
        await watched.subscribe("acme/*")
        await watched.look()
        newer = watched.stage.server.add_workspace("brand-new")
        watched.stage.server.add_job(newer.ref)
        await watched.look()
        assert await watched.stage.all_runs() == []
        watched.watch._places = Catalog(server=watched.stage.server)  # noqa: SLF001 - a cache of its own, by the machine's clock
        watched.stage.clock.advance(61)
        await watched.look()
        assert len(await watched.stage.all_runs()) == 1

    async def test_an_organization_that_does_not_answer_is_left_alone(
        self, watched: Watched
    ) -> None:
        await watched.subscribe("*/*")
        beta = watched.stage.server.add_organization("beta")
        ref = watched.stage.server.add_workspace("app", organization=beta).ref
        watched.stage.server.add_job(ref)
        busy = TemporaryRemoteError("429", service="terrakube", status=429, retry_after=40.0)
        watched.stage.server.failures["open_jobs"] = [busy]
        await watched.look()
        assert [str(one.request.workspace) for one in await watched.stage.all_runs()] == [
            "beta/app"
        ], "the others have their round"
        watched.start_job()
        watched.stage.clock.advance(39)
        await watched.another().watch(a_lease())  # on whichever replica
        assert len(await watched.stage.all_runs()) == 1
        watched.stage.clock.advance(2)
        await watched.look()
        assert len(await watched.stage.all_runs()) == 2

    async def test_one_that_does_not_let_the_bridge_look_is_not_asked_all_the_time(
        self, watched: Watched, logs: list[EventDict]
    ) -> None:
        await watched.subscribe()
        refused = NotAllowedError("403", service="terrakube", status=403)
        watched.stage.server.failures["open_jobs"] = [refused]
        for _ in range(5):
            await watched.look()
            watched.stage.clock.advance(60)
        assert watched.asked() == 1
        await watched.look()
        assert watched.asked() == 2
        assert [entry["error"] for entry in logs if entry["event"] == "job_watch.failed"] == ["403"]

    async def test_one_whose_polls_fail_is_not_asked_either(self, watched: Watched) -> None:
        await watched.subscribe()
        watched.start_job()
        await watched.look()
        not_before = watched.stage.database.now() + 10_000
        await watched.stage.set_organization(not_before=not_before)
        await watched.look()
        assert watched.asked() == 1

    async def test_terrakube_away_costs_a_round(
        self, watched: Watched, logs: list[EventDict]
    ) -> None:
        await watched.subscribe()
        away = TemporaryRemoteError("no answer", service="terrakube")
        watched.stage.server.failures["organizations"] = [away]
        await watched.look()
        assert [entry["event"] for entry in logs] == ["job_watch.failed"]
        watched.start_job()
        watched.stage.server.failures["templates"] = [away]
        await watched.look()
        assert (await watched.stage.run()).request.template.name == "its own"


class TestNobodysToTouch:
    """The bridge did not start it, so it ends it for no reason of its own."""

    async def test_it_is_neither_superseded_nor_swept_nor_dropped(self, watched: Watched) -> None:
        await watched.subscribe()
        stage = watched.stage
        watched.start_job()
        stage.server.lock(stage.server.spaces[watched.workspace.id])
        await watched.look()
        stage.play(stage.runs.worker, stage.organizations.worker)
        gone = Supersede(pull_request=PULL_REQUEST, keep_head=None, reason="It was closed.")
        await stage.work(Work(supersedes=[gone]))
        for _ in range(8):
            await stage.after(60)
        await Sweep(stage.database, stage.server).sweep(a_lease())
        found = await stage.run()
        assert (found.phase, found.cancel_requested) == (RunPhase.CREATED, False)
        assert "locked" in found.trouble
        assert stage.server.count("cancel_job") == 0

    async def test_a_person_may_cancel_it(self, watched: Watched) -> None:
        await watched.subscribe()
        stage = watched.stage
        watched.start_job()
        await watched.look()
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.after(12)
        await stage.decide(Answer.CANCEL, (await stage.run()).id)
        await stage.after(61)
        assert (await stage.run()).state is RunState.CANCELLED


class TestAdopting:
    async def test_a_handler_adopts_and_answers_one_at_once(self, watched: Watched) -> None:
        stage = watched.stage
        job = watched.start_job()
        waiting = stage.server.wait_for_approval(job.id)
        adopted = AdoptJob(
            workspace=watched.workspace, job=waiting, reports=("chat:T1:C1::slack:T1:1",)
        )
        answer = Decide(
            run_id=adopted.trigger, answer=Answer.APPROVE, actor="Bob (slack:U2)", door="slack"
        )
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.work(Work(adopts=[adopted], decides=[answer]))
        found = await stage.run()
        assert (found.state, found.decided_by) == (RunState.RUNNING, "Bob (slack:U2)")
        assert stage.server.known[job.id].status == JobStatus.APPROVED
        links = await rows_of(stage.database, run_link)
        assert [(row["report"], row["asked"]) for row in links] == [("chat:T1:C1::slack:T1:1", 1)]

    async def test_one_that_has_ended_is_left_alone(self, watched: Watched) -> None:
        job = watched.start_job(status=JobStatus.COMPLETED)
        adopted = AdoptJob(workspace=watched.workspace, job=job)
        await watched.stage.work(Work(adopts=[adopted]))
        assert await rows_of(watched.stage.database, run) == []
        assert await rows_of(watched.stage.database, organization) == []


async def test_a_notification_about_it_brings_the_round_forward(watched: Watched) -> None:
    stage = watched.stage
    duties = Duties(stage.database, stage.keeper, [watched.watch.duty()])
    await duties.register()
    stage.play(duties.worker)
    await stage.settle()
    await watched.subscribe()

    async def due_in() -> int:
        (row,) = await rows_of(stage.database, duty)
        return int(row["due_at"]) - stage.database.now()

    assert await due_in() == INTERVAL
    stage.organizations.hint("acme", "network")
    await asyncio.sleep(0.05)
    assert await due_in() == PAUSE, "as the last round is a moment ago"
    watched.start_job()
    await stage.after(PAUSE / 1000)
    found = await stage.run()
    assert found.request.verb is Verb.JOB


@pytest.mark.postgres
async def test_replicas_make_one_run_of_it(postgres_url: str) -> None:
    async with open_stage(postgres_url) as stage, await Database.open(postgres_url) as other:
        watched = Watched(stage)
        await watched.subscribe()
        jobs = [watched.start_job() for _ in range(10)]
        for job in jobs:
            adopted = AdoptJob(workspace=watched.workspace, job=job)
            works = [Work(adopts=[adopted]), Work(adopts=[replace(adopted, template="x")])]
            await asyncio.gather(
                *(
                    database.write(apply_work, work, stage.database.now())
                    for database, work in zip((stage.database, other), works, strict=True)
                )
            )
        assert len(await stage.all_runs()) == 10
        assert len(await rows_of(stage.database, run_link)) == 10


class TestShowing:
    """What a job that waits is going to do is read for those who answer it."""

    async def test_it_is_read_again_at_each_step(self, watched: Watched) -> None:
        stage = watched.stage
        await stage.want(stage.an_apply())
        stage.server.inline_flow = (*stage.server.inline_flow, *stage.server.inline_flow)
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        await stage.until_it_waits()
        assert (await stage.run()).counts == COLLECTED.counts

        other = replace(COLLECTED, counts=PlanCounts(add=0, change=0, destroy=7))
        stage.collector.planned = replace(stage.collector.planned, collected=other)
        stage.server.wait_for_approval("1", 2)  # somebody was quick
        await stage.after(61)
        await stage.after(3)
        found = await stage.run()
        assert (found.state, found.phase) == (RunState.WAITING, RunPhase.CREATED)
        assert found.counts == other.counts

    async def test_without_it_people_may_answer_all_the_same(self, watched: Watched) -> None:
        stage = watched.stage
        (run_id,) = await stage.want(stage.an_apply())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.collector.failures = [unavailable()] * SHOW_TRIES
        await stage.until_it_waits()
        for _ in range(SHOW_TRIES):
            await stage.after(LONGEST_PAUSE)
        found = await stage.run()
        assert (found.phase, found.state, found.counts) == (
            RunPhase.CREATED,
            RunState.WAITING,
            None,
        )
        await stage.decide(Answer.APPROVE, run_id)
        assert (await stage.run()).state is RunState.RUNNING
