"""Holds: which pull request has a workspace for itself, and who waits for it."""

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import PullRequestRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A workspace that is locked by a pull request.

    Attributes:
        actor: Login of whose command took it.
        web_url: Page of the pull request.
        since: Aware, UTC.
        busy: Whether Terraform may be at work in it: then nobody can free it.
        busy_until: When that is no longer assumed of a cancelled job whose end nobody sees; None
            while its run goes on.
    """

    workspace: WorkspaceRef
    pull_request: PullRequestRef
    actor: str
    web_url: str
    since: datetime
    busy: bool = False
    busy_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """Where a run that waits for a workspace stands.

    Attributes:
        hold: What it waits for.
        position: 1 for the next one.
    """

    hold: Hold
    position: int
