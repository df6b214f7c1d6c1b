"""Terrakube: its JSON:API, its refusals, its flows.

What a script needs is here: ``async with connect(url=..., token=...) as server`` and the nouns its
methods take and return; their errors are in ``bridge.domain.errors``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import stamina
import structlog

from bridge.decisions.step_logs import plain as strip_ansi
from bridge.domain.terrakube import (
    TERMINAL,
    Job,
    JobChange,
    JobDetails,
    JobRequest,
    JobSearch,
    JobStatus,
    Organization,
    Template,
    Workspace,
    WorkspaceRef,
)
from bridge.http import Exchange, HttpClient, Retries, Timeouts
from bridge.terrakube.client import TerrakubeServer
from bridge.terrakube.following import Pace, follow
from bridge.terrakube.once import Created, create_once
from bridge.terrakube.queries import JSON_API
from bridge.terrakube.refusals import Refusals
from bridge.terrakube.tokens import TokenFacts, TokenKind, facts_of
from bridge.terrakube.updates import Ended, LogGrew, StepChanged

__all__ = [
    "TERMINAL",
    "Created",
    "Ended",
    "Job",
    "JobChange",
    "JobDetails",
    "JobRequest",
    "JobSearch",
    "JobStatus",
    "LogGrew",
    "Organization",
    "Pace",
    "StepChanged",
    "Template",
    "TerrakubeServer",
    "TokenFacts",
    "TokenKind",
    "Workspace",
    "WorkspaceRef",
    "connect",
    "create_once",
    "follow",
    "strip_ansi",
]


def connect(
    *,
    url: str,
    token: str,
    organizations: Sequence[str] = (),
    ui_url: str = "",
    redact: Callable[[str], str] = str,
    observe: Callable[[Exchange], None] | None = None,
    ca_file: Path | None = None,
    retries: Retries | None = None,
    timeouts: Timeouts | None = None,
) -> TerrakubeServer:
    """Make a client of the API at *url*; nothing is asked yet.

    In a process that has not configured structlog nothing is logged; *observe* sees everything.

    Args:
        url: Base of the API, without ``/api/v1``.
        token: Personal or team token.
        organizations: Names of those that are served; none: all the token may see.
        ui_url: Base of the user interface, for links.
        redact: Applied to every error text.
        observe: Told about every attempt.
        ca_file: Certificates to trust besides the usual ones.
        retries: How reads are repeated; None: as usual.
        timeouts: How long a request may take; None: as usual.
    """
    if not structlog.is_configured():
        stamina.instrumentation.set_on_retry_hooks([])
    bearer = f"Bearer {token.strip()}"

    async def authorization() -> str:
        return bearer

    refusals = Refusals()
    http = HttpClient(
        service="terrakube",
        base_url=url,
        authorization=authorization,
        headers={"Accept": JSON_API},
        refine=refusals.refine,
        redact=redact,
        observe=observe,
        ca_file=ca_file,
        retries=retries,
        timeouts=timeouts,
    )
    return TerrakubeServer(
        http,
        refusals,
        organizations=organizations,
        ui_url=ui_url,
        token_facts=facts_of(token.strip()),
    )
