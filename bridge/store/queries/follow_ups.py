"""Following up failed applies: the workspace is planned again, in the transaction of their end."""

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from bridge.domain.runs import RunRequest, RunState, Verb
from bridge.domain.vcs import PullRequestState
from bridge.domain.work import Work
from bridge.store.codecs import RUN_REQUEST
from bridge.store.queries.work import apply_work
from bridge.store.schema import pull_request, run

_TOLD: Final = "It is planned again by itself, to show what is left to do."


def follow_up(connection: Connection, ended: Row[Any], now: int) -> None:
    """Plan the workspace of a failed apply again, if that was asked for; once for each.

    Not where the pull request is closed or has another head by now: that one has a plan of its
    own.
    """
    request = RUN_REQUEST.load(ended.request)
    if ended.state != RunState.FAILED or not request.follow_up or request.reviewed is None:
        return
    planned = connection.scalar(select(run.c.request).where(run.c.id == request.reviewed.run_id))
    if planned is None or not _is_current(connection, request):
        return
    again = replace(
        request,
        trigger=f"follow-up:{ended.id}",
        verb=Verb.PLAN,
        template=RUN_REQUEST.load(planned).template,
        why=f"Planned again by itself, as the {request.verb} failed.",
        applies=False,
        reviewed=None,
        merges=False,
        merge_method=None,
        follow_up=False,
    )
    apply_work(connection, Work(runs=[again]), now)
    reason = " ".join(part for part in (ended.reason, _TOLD) if part)
    connection.execute(update(run).where(run.c.id == ended.id).values(reason=reason))


def _is_current(connection: Connection, request: RunRequest) -> bool:
    """Tell whether the pull request is open, and its head is what was to be applied."""
    found = connection.scalar(
        select(pull_request.c.id).where(
            pull_request.c.id == f"pr:{request.repository.key}:{request.pull_request}",
            pull_request.c.state == PullRequestState.OPEN.value,
            pull_request.c.head_sha == request.commit_id,
        )
    )
    return found is not None
