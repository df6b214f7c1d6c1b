"""Runs as they are read back, with everything a test does not care about filled in."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bridge.domain.runs import Run, RunPhase, RunRequest, RunState

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def a_run(request: RunRequest, **changes: Any) -> Run:  # noqa: ANN401 - its fields
    """A run that has just been wanted, changed as a test needs it."""
    run = Run(
        id="01M86PTPG0JS62R60BEWV6QTT5",
        request=request,
        phase=RunPhase.PLANNED,
        state=RunState.QUEUED,
        job_id="",
        job_status="",
        steps=(),
        plan_changes=None,
        counts=None,
        digest="",
        trouble="",
        reason="",
        superseded_by="",
        cancel_requested=False,
        attempts=1,
        created_at=NOON,
        started_at=None,
        finished_at=None,
    )
    return replace(run, **changes)
