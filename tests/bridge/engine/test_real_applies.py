"""An apply against a server that is strict: approved once, and honestly cancelled."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bridge.domain.runs import Reviewed, Run, RunRequest, RunState, TemplateChoice, Verb
from bridge.domain.work import Answer, FreeHolds, Work
from bridge.engine.holding import HoldWatch
from bridge.engine.leases import Lease
from bridge.sandbox.terrakube import StandIn, Timings, start
from bridge.terrakube import TerrakubeServer, connect, tcl
from tests.bridge.engine.stage import COLLECTED, Stage, Terrakube, open_stage
from tests.bridge.sandbox.terrakube.held import HeldExecutor
from tests.bridge.store.rows import PULL_REQUEST, a_request
from tests.waiting import until

QUICK = Timings(first_run=0.005, tick=0.02, between=0.005, settle=0.01, lost=0.02)


@pytest.fixture
def executor() -> HeldExecutor:
    return HeldExecutor()


@pytest.fixture
async def stand_in(tmp_path: Path, executor: HeldExecutor) -> AsyncIterator[StandIn]:
    async with start(tmp_path / "terrakube", executor=executor, timings=QUICK) as started:
        acme = started.add_organization("acme")
        started.add_workspace(acme, "net", "https://git.example.com/acme/infra.git")
        yield started
    assert started.unexpected == []


@pytest.fixture
async def server(stand_in: StandIn) -> AsyncIterator[TerrakubeServer]:
    async with connect(url=stand_in.url, token=stand_in.token) as client:

        async def nap(_: float) -> None:
            """Take a young job for an old one: here, no change of one gets lost."""

        client.sleep = nap
        yield client


@pytest.fixture
async def real(sqlite_url: str, server: TerrakubeServer) -> AsyncIterator[Stage]:
    async with open_stage(sqlite_url, server=cast("Terrakube", server)) as stage:
        stage.play(stage.runs.worker, stage.organizations.worker)
        yield stage


async def an_apply(server: TerrakubeServer) -> RunRequest:
    acme = await server.organization("acme")
    workspace = await server.workspace_by_name(acme, "net")
    assert workspace
    apply = a_request(
        trigger="comment:1:1",
        verb=Verb.APPLY,
        applies=True,
        reviewed=Reviewed(run_id="01PLAN", digest=COLLECTED.digest),
        template=TemplateChoice(reference="built-in", tcl=tcl.apply_text("terrakube-bridge")),
    )
    return replace(apply, workspace=workspace.ref)


async def state(stage: Stage, wanted: RunState) -> Run:
    """Let time pass until the run says so."""

    async def reached() -> bool:
        stage.clock.advance(3)
        await stage.wake()
        return (await stage.run()).state is wanted

    await until(reached)
    return await stage.run()


async def watch(stage: Stage) -> None:
    lease = cast("Lease", SimpleNamespace(check=lambda: None))
    await HoldWatch(stage.database, stage.server).watch(lease)


async def test_what_was_reviewed_is_approved_and_applied(
    real: Stage, server: TerrakubeServer, executor: HeldExecutor
) -> None:
    await real.want(await an_apply(server))
    await state(real, RunState.RUNNING)
    await executor.end(1)
    await executor_runs(real, executor)
    await executor.end(1, 200)
    run = await state(real, RunState.SUCCEEDED)
    assert (run.review.value, run.decided_by) == ("approved", "ada")
    assert [hold.busy for hold in await real.store.holds(PULL_REQUEST)] == [False]


async def test_a_cancelled_apply_keeps_its_workspace_until_terraform_has_ended(
    real: Stage, server: TerrakubeServer, executor: HeldExecutor
) -> None:
    (run_id,) = await real.want(await an_apply(server))
    await state(real, RunState.RUNNING)
    await executor.end(1)
    await executor_runs(real, executor)
    await real.decide(Answer.CANCEL, run_id, actor="alice")
    run = await state(real, RunState.CANCELLED)
    assert run.reason.startswith("Cancelled by alice. Terrakube does not stop Terraform")
    await real.work(Work(frees=[FreeHolds(pull_request=PULL_REQUEST)]))
    await watch(real)
    assert [hold.busy for hold in await real.store.holds(PULL_REQUEST)] == [True]

    await executor.end(1, 200)

    async def freed() -> bool:
        await watch(real)
        return not await real.store.holds(PULL_REQUEST)

    await until(freed)
    assert (await real.run()).reason.endswith(
        "The cancelled apply went through after all: Terraform was not stopped."
    )


async def executor_runs(stage: Stage, executor: HeldExecutor) -> None:
    """Let time pass until terraform applies, and the bridge has seen it."""

    async def applying() -> bool:
        stage.clock.advance(3)
        await stage.wake()
        run = await stage.run()
        return (1, 200) in executor.started and run.state is RunState.RUNNING

    await until(applying)
