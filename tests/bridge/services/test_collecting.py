"""What is kept of an ended job, over the recordings of both versions."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from bridge.decisions.step_logs import plain
from bridge.domain.errors import NotFoundError, TemporaryRemoteError
from bridge.domain.redaction import REDACTED, Redactor
from bridge.domain.runs import (
    Collected,
    OutputKind,
    Run,
    RunPhase,
    RunRequest,
    RunState,
    TemplateChoice,
    Verb,
)
from bridge.domain.terrakube import (
    FlowStep,
    Job,
    JobContext,
    PlanCounts,
    ResourceChange,
    Workspace,
)
from bridge.domain.vcs import RepositoryRef
from bridge.services.collecting import CollectService, Planned
from bridge.terrakube import contexts, payloads
from tests import recorded
from tests.fakes import runs
from tests.fakes.jobserver import APPLY_FLOW, PLAN_FLOW, FakeJobServer, unavailable

MADE = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
STABLE = "stable_2_32_2/"
FILES = {OutputKind.PLAN: "plan", OutputKind.APPLY: "apply"}


def a_run(workspace: Workspace) -> Run:
    request = RunRequest(
        trigger="pr:code:7:1@a+b",
        actor="alice",
        verb=Verb.PLAN,
        workspace=workspace.ref,
        template=TemplateChoice(reference="Plan"),
        commit_id="a" * 40,
        repository=RepositoryRef(forge="code", id="7", slug="acme/infra"),
        reports=(),
    )
    return runs.a_run(
        request,
        id="01JRUN",
        phase=RunPhase.COLLECTING,
        state=RunState.RUNNING,
        job_id="1",
        job_status="completed",
        created_at=MADE,
    )


@dataclass(slots=True)
class Scene:
    """A server with one job that ended."""

    server: FakeJobServer = field(default_factory=FakeJobServer)
    redactor: Redactor = field(default_factory=Redactor)
    key: bytes = b"key of the digests"

    def recorded(self, state: str, context: str = "", *logs: str) -> Job:
        """Put a recorded job, its structured output and the logs of its first steps there."""
        document = payloads.parse(payloads.Document, recorded.recording(state).body)
        (job,) = payloads.jobs_of(document, organization_id="o")
        if context:
            self.server.contexts[job.id] = contexts.context_of(recorded.recording(context).body)
        for step, log in zip(job.steps, logs, strict=False):
            self.server.logs[job.id, step.id] = recorded.log(log)
        return job

    def made(self, *flow: FlowStep) -> Job:
        """Make a job of our own that completed; its logs are empty."""
        space = self.server.add_workspace("net")
        job = self.server.add_job(space.ref)
        self.server.flows[job.id] = flow
        return self.server.complete(job.id)

    def say(self, job: Job, *texts: str) -> None:
        for at, text in enumerate(texts):
            self.server.say(job.id, text, at)

    async def collect(self, job: Job) -> Collected:
        run = a_run(self.server.add_workspace("dev"))
        return await CollectService(self.server, self.redactor, self.key).collect(run, job)

    async def review(self, job: Job) -> Planned:
        run = a_run(self.server.add_workspace("dev"))
        return await CollectService(self.server, self.redactor, self.key).review(run, job)


@pytest.fixture
def scene() -> Scene:
    """An empty server."""
    return Scene()


def kinds(collected: Collected) -> list[str]:
    return [output.kind.value for output in collected.outputs]


def text_of(collected: Collected, kind: OutputKind) -> str:
    return next(output.text for output in collected.outputs if output.kind is kind)


def counts(add: int, change: int, destroy: int) -> PlanCounts:
    return PlanCounts(add=add, change=change, destroy=destroy)


PLAN_ROWS = ("plan", "changes")
BOTH = ("plan", "apply", "changes")
GONE = ("terraform_data.destroy", "terraform_data.replace")
EVERYTHING = (
    "module.app.terraform_data.this",
    "terraform_data.created",
    "terraform_data.keep",
    "terraform_data.replace",
    "terraform_data.update",
)
RAW = "logs/raw/"


class Left(NamedTuple):
    """What a job leaves behind: kinds of output, counts, kind of digest, what is destroyed."""

    outputs: tuple[str, ...]
    counts: PlanCounts | None
    digest: str
    destroyed: tuple[str, ...]


# state, context, logs -> what is left
RECORDED: list[tuple[tuple[str, ...], Left]] = [
    (("states/completed_plan_mixed_feature_branch", "context/plan_mixed_feature_branch",
      f"{RAW}plan_mixed_create_update_replace_destroy"),
     Left(PLAN_ROWS, counts(2, 2, 2), "json1", GONE)),
    (("states/completed_plan_no_changes", "context/plan_no_changes", f"{RAW}plan_no_changes"),
     Left(("plan",), counts(0, 0, 0), "json1", ())),
    (("states/completed_refresh_only", "context/refresh_only", f"{RAW}plan_refresh_only"),
     Left(("plan",), counts(0, 0, 0), "json1", ())),
    (("states/completed_target_addrs", "context/target_addrs", f"{RAW}plan_target"),
     Left(("plan",), counts(0, 0, 0), "json1", ())),
    (("states/completed_mixed_plan_and_apply", "context/mixed_plan_and_apply",
      f"{RAW}plan_mixed_create_update_replace_destroy", f"{RAW}apply_mixed"),
     Left(BOTH, counts(2, 2, 2), "json1", GONE)),
    (("states/completed_no_changes_plan_and_apply", "context/no_changes_plan_and_apply",
      f"{RAW}plan_no_changes"),
     Left(("plan",), counts(0, 0, 0), "json1", ())),
    (("states/completed_large_600_resources", "context/large_600_resources",
      f"{RAW}plan_large_600_resources", f"{RAW}apply_large_600_resources"),
     Left(BOTH, counts(600, 0, 0), "json1", ())),
    (("states/completed_destroy", "context/destroy", f"{RAW}destroy_ok"),
     Left(("apply", "changes"), counts(0, 0, 5), "", EVERYTHING)),
    (("states/failed_apply_fails_midway", "context/apply_fails_midway",
      f"{RAW}plan_before_failing_apply", f"{RAW}apply_failed_midway"),
     Left(("error", *BOTH), counts(3, 0, 0), "json1", ())),
    (("states/failed_plan_error", "context/failed_plan_error",
      f"{RAW}plan_failed_undeclared_variable"),
     Left(("error",), None, "", ())),
    (("states/failed_syntax_error", "context/failed_syntax_error",
      f"{RAW}init_failed_syntax_error"),
     Left(("error",), None, "", ())),
    (("states/failed_folder_missing", "", f"{RAW}failed_folder_missing"),
     Left(("error",), None, "", ())),
    (("states/failed_expired_after_six_hours", "", f"{RAW}plan_create_only"),
     Left(("plan",), counts(5, 0, 0), "text1", ())),
    # 2.32: rows of the plan only, and those may be missing
    ((f"{STABLE}states/completed_plan_mixed_feature_branch",
      f"{STABLE}context/plan_mixed_feature_branch", f"{STABLE}{RAW}plan_mixed"),
     Left(PLAN_ROWS, counts(2, 2, 2), "json1", GONE)),
    ((f"{STABLE}states/completed_large_600_resources", f"{STABLE}context/large_600_resources",
      f"{STABLE}{RAW}plan_large_600_resources", f"{STABLE}{RAW}apply_ok"),
     Left(("plan", "apply"), counts(5, 0, 0), "text1", ())),
    ((f"{STABLE}states/failed_apply_fails_midway", f"{STABLE}context/apply_fails_midway",
      f"{STABLE}{RAW}plan_before", f"{STABLE}{RAW}apply_failed_midway"),
     Left(("error", *BOTH), counts(3, 0, 0), "json1", ())),
    ((f"{STABLE}states/failed_plan_error", f"{STABLE}context/failed_plan_error",
      f"{STABLE}{RAW}plan_failed_undeclared_variable"),
     Left(("error",), None, "", ())),
    # the log contradicts the rows: half a plan is not compared
    (("states/completed_plan_mixed_feature_branch", "context/plan_no_changes",
      f"{RAW}plan_create_only"),
     Left(("plan",), counts(5, 0, 0), "text1", ())),
]  # fmt: skip


@pytest.mark.parametrize(
    ("recorded", "left"),
    RECORDED,
    ids=[f"{at}-{row[0][0].rpartition('/')[2]}" for at, row in enumerate(RECORDED)],
)
async def test_a_recorded_job_leaves_this_behind(
    recorded: Sequence[str], left: Left, scene: Scene
) -> None:
    collected = await scene.collect(scene.recorded(*recorded))
    found = Left(
        tuple(kinds(collected)),
        collected.counts,
        collected.digest.partition(":")[0],
        collected.destroyed,
    )
    assert (found, collected.reason) == (left, "")


async def test_a_plan_step_that_failed_in_the_end_is_not_compared(scene: Scene) -> None:
    """A script after the plan may have refused it."""
    job = scene.server.fail(scene.made(*PLAN_FLOW).id)
    scene.say(job, f"{recorded.log(f'{RAW}plan_create_only')}\nthe policy says no\n")
    collected = await scene.collect(job)
    assert (collected.digest, collected.counts) == ("", counts(5, 0, 0))


async def test_only_logs_of_their_own_are_asked_for(scene: Scene) -> None:
    job = scene.recorded("states/completed_no_changes_plan_and_apply")
    await scene.collect(job)
    asked = [call for call in scene.server.calls if call[0] in {"step_log", "context"}]
    assert asked == [
        ("context", job.id),
        ("step_log", job.organization_id, job.id, job.steps[0].id),
    ]


async def test_a_failed_apply_is_told_with_its_diagnostics(scene: Scene) -> None:
    job = scene.recorded(
        "states/failed_apply_fails_midway",
        "context/apply_fails_midway",
        f"{RAW}plan_before_failing_apply",
        f"{RAW}apply_failed_midway",
    )
    assert text_of(await scene.collect(job), OutputKind.ERROR) == (
        "Error: local-exec provisioner error\n\n  with terraform_data.second,\n  on main.tf:7\n\n"
        "Error running command 'echo about to fail >&2; exit 3': exit status 3. "
        "Output: about to fail"
    )


@pytest.mark.parametrize("version", ["", STABLE])
async def test_a_failed_apply_says_what_it_changed_and_what_not(version: str, scene: Scene) -> None:
    """2.33 has rows; of 2.32 the log tells, and the plan says the rest."""
    plan = "plan_before" if version else "plan_before_failing_apply"
    job = scene.recorded(
        f"{version}states/failed_apply_fails_midway",
        f"{version}context/apply_fails_midway",
        f"{version}{RAW}{plan}",
        f"{version}{RAW}apply_failed_midway",
    )
    collected = await scene.collect(job)
    assert collected.applied == ("terraform_data.first",)
    assert collected.not_applied == ("terraform_data.second", "terraform_data.third")


async def test_the_plan_of_a_job_that_waits_is_read(scene: Scene) -> None:
    job = scene.recorded(
        "states/waitingApproval_approve_flow",
        "",
        f"{RAW}plan_create_only",
    )
    planned = await scene.review(job)
    assert kinds(planned.collected) == ["plan"]
    assert (planned.collected.counts, planned.sensitive) == (counts(5, 0, 0), False)
    assert planned.collected.digest.startswith("text1:")
    assert (planned.collected.applied, planned.collected.not_applied) == ((), ())


async def test_a_plan_that_cannot_be_read_whole_is_not_compared(scene: Scene) -> None:
    scene.server.failures["context"] = [unavailable("GET context")]
    job = scene.recorded("states/waitingApproval_approve_flow", "", f"{RAW}plan_create_only")
    with pytest.raises(TemporaryRemoteError):
        await scene.review(job)


REASONS = [
    ("states/failed_template_empty_flow", "cannot read the flow of the template"),
    ("states/failed_no_template_no_tcl", "cannot read the flow of the template"),
    ("states/failed_incomplete_sensitive_variable", "a sensitive variable of the workspace"),
    (f"{STABLE}states/executor_down", "could not reach its executor"),
    ("states/failed_executor_lost", "does not say why the job failed"),
    # The engine says these itself.
    ("states/failed_expired_after_six_hours", ""),
    ("states/cancelled_while_apply_runs", ""),
    ("states/rejected", ""),
]


@pytest.mark.parametrize(("state", "said"), REASONS)
async def test_an_end_that_needs_a_sentence_has_one(state: str, said: str, scene: Scene) -> None:
    collected = await scene.collect(scene.recorded(state))
    assert said in collected.reason
    assert bool(said) is bool(collected.reason)


UNREACHABLE = "Terrakube could not reach its executor. Is it running?"
CANNOT = "Error sending to executor: Cannot run job 5: workspace 'net' has variable 'x' with no"


@pytest.mark.parametrize(
    ("name", "reason", "error"),
    [
        ("Error sending to", UNREACHABLE, "Error sending to"),
        ("Error sending to executor: null", UNREACHABLE, "Error sending to executor: null"),
        (CANNOT, "", CANNOT),
    ],
)
async def test_a_job_that_could_not_be_sent_says_why(
    name: str, reason: str, error: str, scene: Scene
) -> None:
    job = scene.server.fail(scene.made(*PLAN_FLOW).id)
    (step,) = job.steps
    job = replace(job, steps=(replace(step, name=name, status="failed"),))
    collected = await scene.collect(job)
    assert (collected.reason, text_of(collected, OutputKind.ERROR)) == (reason, error)


async def test_a_commit_the_executor_cannot_fetch_is_explained(scene: Scene) -> None:
    job = scene.recorded("states/failed_commit_unknown", "", f"{RAW}failed_commit_missing")
    collected = await scene.collect(job)
    assert collected.reason == (
        "Terrakube did not find the commit in the repository: it fetches branches and tags only. "
        "A commit of a fork is on none of them, and one that was pushed over is no longer; "
        "push it to a branch of this repository."
    )


async def test_a_reviewed_plan_and_the_same_plan_of_an_apply_have_one_digest(
    scene: Scene,
) -> None:
    """Row order and rows that change nothing may differ (contract section 8)."""
    first = scene.made(*PLAN_FLOW)
    second = scene.made(*APPLY_FLOW)
    rows = (
        ResourceChange(address="a.b", actions=("update",), before={"x": 1}, after={"x": 2}),
        ResourceChange(address="a.a", actions=("create",), after={"x": 1}),
    )
    same = ResourceChange(address="a.c", actions=("no-op",))
    scene.server.contexts[first.id] = a_context(first, rows)
    scene.server.contexts[second.id] = a_context(second, (same, *reversed(rows)))
    digests = [(await scene.collect(job)).digest for job in (first, second)]
    assert digests[0] == digests[1]
    assert digests[0].startswith("json1:")
    scene.key = b"another"
    assert (await scene.collect(first)).digest != digests[0]


def a_context(job: Job, rows: tuple[ResourceChange, ...]) -> JobContext:
    return JobContext(plans={job.steps[0].id: rows}, applies={}, diagnostics={})


SECRET = "correct-horse-battery"
PLANNED = (
    "Running Terraform PLAN\nTerraform will perform the following actions:\n\n"
    f'  # a.b["{SECRET}"] will be destroyed\n  - x = "{SECRET}"\n\n'
    "Plan: 0 to add, 0 to change, 1 to destroy.\n"
)


def a_secret_row(**more: object) -> ResourceChange:
    row = ResourceChange(
        address=f'a.b["{SECRET}"]', actions=("delete",), before={"x": SECRET, "y": "other"}
    )
    return replace(row, **more)  # type: ignore[arg-type]  # fields of a row


def secrets(collected: Collected) -> Iterator[str]:
    yield from (output.text for output in collected.outputs)
    yield from collected.destroyed
    yield collected.reason


async def test_known_secrets_leave_nothing_but_their_place(scene: Scene) -> None:
    scene.redactor = Redactor([SECRET])
    job = scene.made(*PLAN_FLOW)
    scene.say(job, PLANNED)
    scene.server.contexts[job.id] = a_context(job, (a_secret_row(),))
    collected = await scene.collect(job)
    assert kinds(collected) == ["plan", "changes"]
    assert not [text for text in secrets(collected) if SECRET in text]
    assert collected.destroyed == (f'a.b["{REDACTED}"]',)
    assert json.loads(text_of(collected, OutputKind.CHANGES))[0]["before"] == {
        "x": REDACTED,
        "y": "other",
    }


async def test_what_a_plan_marks_as_sensitive_is_redacted_everywhere(scene: Scene) -> None:
    job = scene.made(*PLAN_FLOW)
    scene.say(job, PLANNED)
    row = a_secret_row(before_sensitive={"x": True})
    scene.server.contexts[job.id] = a_context(job, (row,))
    collected = await scene.collect(job)
    assert not [text for text in secrets(collected) if SECRET in text]


async def test_a_digest_tells_secrets_apart_that_are_redacted(scene: Scene) -> None:
    scene.redactor = Redactor([SECRET, "another-secret"])
    digests = []
    for secret in (SECRET, "another-secret"):
        job = scene.made(*PLAN_FLOW)
        row = a_secret_row(address="a.b", before={"x": secret}, before_sensitive={"x": True})
        scene.server.contexts[job.id] = a_context(job, (row,))
        collected = await scene.collect(job)
        assert secret not in text_of(collected, OutputKind.CHANGES)
        digests.append(collected.digest)
    assert digests[0] != digests[1]


async def test_the_key_is_not_shown() -> None:
    assert "key of the digests" not in repr(
        CollectService(FakeJobServer(), Redactor(), b"key of the digests")
    )


GONE_LOG = NotFoundError("GET /log: answered 404", service="terrakube", status=404)


@pytest.mark.parametrize("error", [unavailable("GET log"), GONE_LOG])
async def test_a_log_that_cannot_be_read_does_not_lose_the_rest(
    error: TemporaryRemoteError | NotFoundError, scene: Scene
) -> None:
    job = scene.recorded(
        "states/completed_mixed_plan_and_apply",
        "context/mixed_plan_and_apply",
        f"{RAW}plan_mixed_create_update_replace_destroy",
        f"{RAW}apply_mixed",
    )
    scene.server.failures["step_log"] = [error]
    collected = await scene.collect(job)
    assert kinds(collected) == ["apply", "changes"]
    assert (collected.counts, collected.destroyed) == (counts(2, 2, 2), GONE)
    assert collected.digest.startswith("json1:")
    assert collected.reason == f"The log of step 'Plan' could not be read: {error}."


async def test_without_structured_output_the_log_is_enough(scene: Scene) -> None:
    job = scene.recorded(
        "states/completed_plan_mixed_feature_branch",
        "",
        f"{RAW}plan_mixed_create_update_replace_destroy",
    )
    scene.server.failures["context"] = [unavailable("GET context")]
    collected = await scene.collect(job)
    assert (kinds(collected), collected.counts) == (["plan"], counts(2, 2, 2))
    assert (collected.destroyed, collected.reason) == (GONE, "")
    assert collected.digest.startswith("text1:")


async def test_when_nothing_can_be_read_it_is_tried_again_later(scene: Scene) -> None:
    job = scene.recorded("states/completed_plan_no_changes")
    scene.server.failures = {
        "context": [unavailable("GET context")],
        "step_log": [GONE_LOG],
    }
    with pytest.raises(TemporaryRemoteError, match="GET context"):
        await scene.collect(job)


async def test_what_is_refused_for_good_is_said(scene: Scene) -> None:
    job = scene.recorded("states/completed_plan_no_changes")
    scene.server.failures = {"context": [GONE_LOG], "step_log": [GONE_LOG]}
    collected = await scene.collect(job)
    assert (collected.outputs, collected.counts) == ((), counts(0, 0, 0))
    assert "could not be read" in collected.reason


async def test_a_job_that_never_had_a_step_leaves_nothing(scene: Scene) -> None:
    job = scene.recorded("states/cancelled_pending_without_steps")
    assert await scene.collect(job) == Collected(counts=None, digest="", outputs=())


async def test_a_late_failure_of_an_old_job_is_its_time_limit(scene: Scene) -> None:
    job = scene.made(*PLAN_FLOW)
    late = replace(scene.server.fail(job.id), created_at=MADE, updated_at=MADE + timedelta(hours=6))
    assert (await scene.collect(late)).reason == ""
    early = replace(late, updated_at=MADE + timedelta(hours=1))
    assert "does not say why" in (await scene.collect(early)).reason


async def test_the_whole_plan_is_kept(scene: Scene) -> None:
    name = f"{RAW}plan_large_600_resources"
    job = scene.recorded(
        "states/completed_large_600_resources", "context/large_600_resources", name
    )
    text = text_of(await scene.collect(job), OutputKind.PLAN)
    whole = plain(recorded.log(name))
    begin = whole.index("Terraform used the selected providers")
    assert text == "\n".join(line.rstrip() for line in whole[begin:].splitlines()).strip("\n")


async def test_masking_a_large_plan_keeps_nobody_waiting(scene: Scene) -> None:
    """A plan chooses how much there is to mask; deliveries must be answered meanwhile."""
    job = scene.made(*PLAN_FLOW)
    names = [f"a-sensitive-name-{number:05}" for number in range(600)]
    scene.say(job, "Terraform will perform the following actions:\n" + "value\n" * 100_000)
    rows = tuple(
        ResourceChange(address="a.b", actions=("create",), after=one, after_sensitive=True)
        for one in names
    )
    scene.server.contexts[job.id] = a_context(job, rows)
    collecting = asyncio.create_task(scene.collect(job))
    turns = 0
    while not collecting.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert kinds(await collecting) == ["plan", "changes"]
    assert turns > 20
