"""The sweep: a job that a run did not mean to have is cancelled."""

import pytest

from bridge.domain.errors import RemoteError, TemporaryRemoteError
from bridge.engine.leases import Lease, boot_time
from bridge.engine.runs import GRACE
from bridge.engine.sweeping import Sweep
from bridge.store.queries.leases import Held
from bridge.store.schema import duty
from tests.bridge.engine.stage import Stage
from tests.bridge.store.rows import HEAD
from tests.fakes.jobserver import unavailable


def a_lease(seconds: float = 30.0) -> Lease:
    return Lease(duty, Held("sweep", 1), boot_time() + seconds)


async def twice(stage: Stage) -> None:
    """Let a POST be committed after the grace period, when another one was sent already."""
    stage.server.commits_late = 1
    await stage.want(stage.a_plan())
    stage.play(stage.runs.worker)
    await stage.settle()
    await stage.after(GRACE + 1)
    stage.server.commit()


async def test_a_second_job_is_cancelled_and_the_runs_own_left_alone(stage: Stage) -> None:
    await twice(stage)
    stage.clock.advance(70)
    await Sweep(stage.database, stage.server).sweep(a_lease())

    assert (await stage.run()).job_id == "2"
    assert {job.id: job.status for job in stage.server.known.values()} == {
        "1": "cancelled",
        "2": "pending",
    }
    (entry,) = await stage.audits()
    assert (entry["action"], entry["result"], entry["detail"]) == (
        "job.swept",
        "cancelled",
        "Job 1 was a second one of its run; job 2 stands for it.",
    )


async def test_it_is_never_touched_in_its_first_seconds(stage: Stage) -> None:
    stage.server.commits_late = 1
    stage.clock.advance(59)  # its date will be cut to the minute
    await twice(stage)
    stage.server.known["1"] = stage.server.add_job(
        stage.a_plan().workspace,
        **{
            name: getattr(stage.server.known["1"], name)
            for name in ("comments", "commit_id", "template_reference", "created_by")
        },
    )
    stage.clock.advance(9)
    await Sweep(stage.database, stage.server).sweep(a_lease())
    assert stage.server.known["3"].status == "pending"


async def test_a_run_that_was_given_up_has_its_late_job_cancelled(stage: Stage) -> None:
    stage.server.commits_late = 1
    await stage.want(stage.a_plan())
    stage.play(stage.runs.worker)
    await stage.settle()
    await stage.supersede("c" * 40)
    await stage.after(GRACE + 1)
    assert (await stage.run()).concluded

    stage.server.commit()
    await Sweep(stage.database, stage.server).sweep(a_lease())

    assert stage.server.known["1"].status == "cancelled"


async def test_a_copy_of_the_key_that_does_something_else_is_left_alone(stage: Stage) -> None:
    await twice(stage)
    other = stage.server.add_workspace("other").ref
    stage.server.add_job(
        other, comments=stage.server.known["1"].comments, commit_id=HEAD, created_by=stage.server.me
    )
    stage.clock.advance(70)
    await Sweep(stage.database, stage.server).sweep(a_lease())
    assert stage.server.known["3"].status == "pending"


async def test_a_run_in_doubt_is_left_to_its_worker(stage: Stage) -> None:
    await twice(stage)
    await stage.set_run(phase="unknown", job_id=None)
    await Sweep(stage.database, stage.server).sweep(a_lease())
    assert stage.server.count("cancel_job") == 0


async def test_runs_that_were_sent_once_are_not_asked_about(stage: Stage) -> None:
    await stage.want(stage.a_plan())
    stage.play(stage.runs.worker)
    await stage.settle()
    before = len(stage.server.calls)
    await Sweep(stage.database, stage.server).sweep(a_lease())
    assert len(stage.server.calls) == before


@pytest.mark.parametrize("error", [unavailable(), TemporaryRemoteError("x", service="terrakube")])
async def test_trouble_ends_the_round_only(stage: Stage, error: RemoteError) -> None:
    await twice(stage)
    stage.clock.advance(70)
    sweep = Sweep(stage.database, stage.server)
    stage.server.failures["jobs_with_key"] = [error]
    await sweep.sweep(a_lease())
    assert stage.server.known["1"].status == "pending"
    await sweep.duty().call(a_lease())
    assert stage.server.known["1"].status == "cancelled"
