"""The structured output of a job (contract section 8), as pydantic models; private to this package.

2.32 sends the plan only; 2.33 what was applied and the diagnostics, too.
"""

from collections.abc import Mapping
from typing import Any

from bridge.domain.terrakube import Diagnostic, JobContext, ResourceChange
from bridge.terrakube.payloads import Text, Wire, parse


class _Diagnostic(Wire):
    severity: Text = ""
    summary: Text = ""
    detail: Text = ""
    location: Text = ""


class _Row(Wire):
    address: Text = ""
    module_address: Text = ""
    resource_type: Text = ""
    resource_name: Text = ""
    action: Text = ""
    actions: list[str] | None = None
    status: Text = ""
    before: Any = None
    after: Any = None
    before_sensitive: Any = None
    after_sensitive: Any = None
    after_unknown: Any = None
    diagnostics: list[_Diagnostic] | None = None


class _Context(Wire):
    plan_structured_output: dict[str, list[_Row] | None] | None = None
    apply_structured_output: dict[str, list[_Row] | None] | None = None
    job_diagnostics: dict[str, list[_Diagnostic] | None] | None = None


def context_of(value: object) -> JobContext:
    """Translate the structured output; what a server leaves out is an empty map."""
    read = parse(_Context, value)
    return JobContext(
        plans=_changes(read.plan_structured_output),
        applies=_changes(read.apply_structured_output),
        diagnostics={
            step_id: tuple(_diagnostic(one) for one in found or ())
            for step_id, found in (read.job_diagnostics or {}).items()
        },
    )


def _changes(
    by_step: Mapping[str, list[_Row] | None] | None,
) -> dict[str, tuple[ResourceChange, ...]]:
    return {
        step_id: tuple(_change(row) for row in rows or ())
        for step_id, rows in (by_step or {}).items()
    }


def _change(row: _Row) -> ResourceChange:
    return ResourceChange(
        address=row.address,
        actions=tuple(row.actions or _ACTIONS.get(row.action, (row.action,))),
        before=row.before,
        after=row.after,
        before_sensitive=row.before_sensitive,
        after_sensitive=row.after_sensitive,
        after_unknown=row.after_unknown,
        module_address=row.module_address,
        resource_type=row.resource_type,
        resource_name=row.resource_name,
        status=row.status,
        diagnostics=tuple(_diagnostic(one, row.address) for one in row.diagnostics or ()),
    )


_ACTIONS = {"replace": ("delete", "create"), "": ("no-op",)}
"""What *action* means when a row has no *actions* (contract section 8)."""


def _diagnostic(found: _Diagnostic, address: str = "") -> Diagnostic:
    return Diagnostic(
        severity=found.severity,
        summary=found.summary,
        detail=found.detail,
        address=address,
        location=found.location,
    )
