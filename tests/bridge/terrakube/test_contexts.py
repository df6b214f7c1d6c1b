"""The structured output of jobs, as recorded on both versions."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.terrakube import Diagnostic, JobContext, ResourceChange
from bridge.terrakube import TerrakubeServer
from tests.bridge.terrakube.replay import Asked, Replay
from tests.recorded import names, recording

LINE = "GET /context/v1/8"
NAMES = [
    *names("context/*.json"),
    "errors/context_stranger",
    "errors/context_unknown_job",
]
ACTIONS: dict[str, tuple[str, ...]] = {"replace": ("delete", "create")}


@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_context_is_read(
    name: str, replay: Replay, server: TerrakubeServer
) -> None:
    found: Any = recording(name).body
    replay.on(LINE, name)
    read = await server.context("8")
    assert replay.asked == [Asked(line=LINE, accept="application/json")]
    for by_step, sent in (
        (read.plans, found.get("planStructuredOutput", {})),
        (read.applies, found.get("applyStructuredOutput", {})),
    ):
        assert {step: [summary_of(row) for row in rows] for step, rows in by_step.items()} == {
            step: [summary_sent(row) for row in rows] for step, rows in sent.items()
        }
    assert {step: len(found) for step, found in read.diagnostics.items()} == {
        step: len(rows) for step, rows in found.get("jobDiagnostics", {}).items()
    }


def summary_of(row: ResourceChange) -> tuple[object, ...]:
    return (
        row.address,
        row.actions,
        row.status,
        row.before,
        row.after,
        row.before_sensitive,
        row.after_sensitive,
        row.after_unknown,
        [(one.summary, one.address) for one in row.diagnostics],
    )


def summary_sent(row: dict[str, Any]) -> tuple[object, ...]:
    action: str = row["action"]
    return (
        row["address"],
        tuple(row.get("actions") or ACTIONS.get(action, (action,))),
        row.get("status", ""),
        row.get("before"),
        row.get("after"),
        row.get("beforeSensitive"),
        row.get("afterSensitive"),
        row.get("afterUnknown"),
        [(one["summary"], row["address"]) for one in row.get("diagnostics", [])],
    )


async def test_a_failed_row_brings_its_diagnostics(replay: Replay, server: TerrakubeServer) -> None:
    replay.on(LINE, "context/apply_fails_midway")
    (rows,) = (await server.context("8")).applies.values()
    assert [row.status for row in rows] == ["applied", "errored", "planned"]
    assert rows[1].diagnostics == (
        Diagnostic(
            severity="error",
            summary="local-exec provisioner error",
            detail="Error running command 'echo about to fail >&2; exit 3': exit status 3. "
            "Output: about to fail\n",
            address="terraform_data.second",
            location="main.tf:7",
        ),
    )


async def test_a_server_without_structured_output_has_none(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(LINE, "errors/unknown_path")
    assert await server.context("8") == JobContext(plans={}, applies={}, diagnostics={})


async def test_nulls_are_as_good_as_absent(replay: Replay, server: TerrakubeServer) -> None:
    body = {
        "planStructuredOutput": {"s1": None, "s2": [{"address": "a"}, {"action": "replace"}]},
        "applyStructuredOutput": None,
        "jobDiagnostics": {"s1": None, "s2": [{"summary": None}]},
    }
    replay.on(LINE, replace(recording("context/destroy"), body=body))
    assert await server.context("8") == JobContext(
        plans={
            "s1": (),
            "s2": (
                ResourceChange(address="a", actions=("no-op",)),
                ResourceChange(address="", actions=("delete", "create")),
            ),
        },
        applies={},
        diagnostics={"s1": (), "s2": (Diagnostic(severity="", summary=""),)},
    )
