"""What a plan says: how much it changes, what it destroys, and a digest to compare it by.

The structured plan is taken before the text, but it may be missing although the plan succeeded,
and an empty one does not prove that nothing changes (contract section 8): so status comes first,
then ``planChanges``, then the rows, then the last line of the log.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bridge.decisions.step_logs import (
    Role,
    applied_addresses,
    destroyed_addresses,
    planned_counts,
    resource_plan,
    role_of,
)
from bridge.domain.terrakube import (
    Job,
    JobContext,
    JobStatus,
    PlanCounts,
    ResourceChange,
    Step,
)

NOTHING: Final = PlanCounts(add=0, change=0, destroy=0)

_CHANGING: Final = frozenset({"create", "update", "delete"})
# The log of a step that has not begun is that of the one that runs (contract section 7).
_HAS_LOG: Final = frozenset({"running", "completed", "failed", "cancelled", "rejected"})


def steps_with_logs(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return the steps that may have a log of their own, in order of execution."""
    return tuple(step for step in steps if step.status in _HAS_LOG)


def all_rows(context: JobContext) -> Iterator[ResourceChange]:
    """Yield the rows of all steps of a job, planned and applied."""
    for by_step in (context.plans, context.applies):
        for rows in by_step.values():
            yield from rows


def role_of_step(step: Step, text: str, context: JobContext) -> Role:
    """Tell what a step did: the structured output knows, or the banner of its plain log."""
    if step.id in context.applies:
        return Role.APPLY
    if step.id in context.plans:
        return Role.PLAN
    return role_of(text)


def changing(rows: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    """Return the rows that change something, sorted; what is only read or refreshed is left out."""
    found = (row for row in rows if _CHANGING.intersection(row.actions))
    return tuple(sorted(found, key=lambda row: (row.address, _canonical([_reduced(row)]))))


def confirmed(rows: Iterable[ResourceChange], text: str) -> tuple[ResourceChange, ...]:
    """Return the rows that change something, or none when the plan's text counts others.

    Rows may be missing from the structured plan (contract section 8); a plan that is compared, or
    warns of what it destroys, must not be half of one.
    """
    found = changing(rows)
    told = planned_counts(text)
    return found if told is None or told == counts_of_rows(found) else ()


def counts_of_rows(rows: Iterable[ResourceChange]) -> PlanCounts:
    """Count rows as terraform does: a replacement is one to add and one to destroy."""
    actions = [row.actions for row in rows]
    return PlanCounts(
        add=sum("create" in one for one in actions),
        change=sum("update" in one for one in actions),
        destroy=sum("delete" in one for one in actions),
    )


def is_unchanged(job: Job) -> bool:
    """Tell whether the job says itself that there is nothing to do."""
    return job.status == JobStatus.NO_CHANGES or (
        job.status == JobStatus.COMPLETED and not job.plan_changes
    )


def counts_of_plan(job: Job, rows: Sequence[ResourceChange], text: str) -> PlanCounts | None:
    """Count what a plan changes; None when nothing tells.

    Args:
        job: The ended job.
        rows: Those of its structured plan that change something.
        text: Plain log of its plan step; empty when it was not read.
    """
    if is_unchanged(job):
        return NOTHING
    if rows:
        return counts_of_rows(rows)
    return planned_counts(text)


def destroyed_by(rows: Sequence[ResourceChange], text: str) -> tuple[str, ...]:
    """List the addresses a plan deletes or replaces, sorted."""
    if rows:
        return tuple(sorted({row.address for row in rows if "delete" in row.actions}))
    return destroyed_addresses(text)


def digest_of_plan(job: Job, rows: Sequence[ResourceChange], text: str, *, key: bytes) -> str:
    """Return the typed digests of what would change, separated by a blank.

    ``json1:`` is made from the rows as they came, before anything is redacted, sorted by address
    and reduced to what decides: so it is equal for two plans of one commit and one state
    (contract section 8). ``text1:`` is made from the plan's text, for another plan of which the
    rows get lost. Only equal types compare; what is not known for sure has no digest.
    """
    said = resource_plan(text)
    digests = {
        "json1": _canonical([_reduced(row) for row in rows]) if rows or is_unchanged(job) else "",
        "text1": said or "",
    }
    return " ".join(f"{kind}:{_hmac(key, kind, one)}" for kind, one in digests.items() if one)


def applied_by(
    planned: Sequence[ResourceChange], rows: Iterable[ResourceChange], text: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Say what an apply that did not come to its end has changed, and what it has not.

    Args:
        planned: What it was to change; empty when that is not known.
        rows: Of its structured output; empty on servers that have none.
        text: Plain log of its step.
    """
    found = changing(rows)
    if found:
        done = {row.address for row in found if row.status == "applied"}
        wanted = {row.address for row in found}
    else:
        done = set(applied_addresses(text))
        wanted = {row.address for row in planned}
    # An address may be done in part: a replacement that was only destroyed.
    failed = {row.address for row in found if row.status != "applied"}
    return tuple(sorted(done - failed)), tuple(sorted((wanted - done) | failed))


def _reduced(row: ResourceChange) -> dict[str, object]:
    return {
        "address": row.address,
        "actions": row.actions,
        "before": row.before,
        "after": row.after,
        "afterUnknown": row.after_unknown,
        "beforeSensitive": row.before_sensitive,
        "afterSensitive": row.after_sensitive,
    }


def _canonical(rows: Sequence[dict[str, object]]) -> str:
    return json.dumps(rows, sort_keys=True, separators=(",", ":"))


def _hmac(key: bytes, kind: str, text: str) -> str:
    return hmac.new(key, f"{kind}\n{text}".encode(), hashlib.sha256).hexdigest()
