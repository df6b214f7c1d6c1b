"""Rows and values that tests of the store and the engine are made of."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, select

from bridge.domain.deliveries import Delivery
from bridge.domain.runs import RunRequest, TemplateChoice, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import (
    PullRequest,
    PullRequestRef,
    PullRequestState,
    Repository,
    RepositoryRef,
)
from bridge.engine.inbox import to_row
from bridge.store.database import Database
from bridge.store.queries.inbox import Row

REPOSITORY = RepositoryRef(forge="code", id="7", slug="acme/infra")
PULL_REQUEST = PullRequestRef(repository=REPOSITORY, number=3)
HEAD = "a" * 40
OLD_HEAD = "b" * 40


def a_delivery(key: str = "d-1", **changes: Any) -> Delivery:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "source": "code",
        "key": key,
        "kind": "push",
        "subject": PULL_REQUEST.key,
        "semantic_key": None,
        "repository_id": "7",
        "headers": {"x-event": "push"},
        "body": key.encode() * 10,
        "received_at": datetime.now(UTC),
    }
    return Delivery(**{**values, **changes})


def a_row(key: str = "d-1", **changes: Any) -> Row:  # noqa: ANN401 - its fields
    return to_row(a_delivery(key, **changes))


def a_workspace(name: str = "network") -> WorkspaceRef:
    return WorkspaceRef(organization_id="o-1", organization="acme", id=f"w-{name}", name=name)


def a_request(workspace: str = "network", **changes: Any) -> RunRequest:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "trigger": f"{PULL_REQUEST.key}@{HEAD}+main",
        "actor": "ada",
        "verb": Verb.PLAN,
        "workspace": a_workspace(workspace),
        "template": TemplateChoice(reference="Plan", id="t-1", name="Plan"),
        "commit_id": HEAD,
        "repository": REPOSITORY,
        "reports": (PULL_REQUEST.key, f"commit:{REPOSITORY.key}:{HEAD}"),
        "pull_request": 3,
    }
    return RunRequest(**{**values, **changes})


def a_push(workspace: str = "network", **changes: Any) -> RunRequest:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "trigger": f"push:{REPOSITORY.key}:main@{OLD_HEAD}..{HEAD}",
        "verb": Verb.PUSH,
        "reports": (f"commit:{REPOSITORY.key}:{HEAD}",),
        "pull_request": None,
        "branch": "main",
    }
    return a_request(workspace, **{**values, **changes})


def a_pull_request(**changes: Any) -> PullRequest:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "ref": PULL_REQUEST,
        "state": PullRequestState.OPEN,
        "draft": False,
        "title": "Widen the subnet",
        "author": "ada",
        "web_url": "https://code.example.com/acme/infra/pulls/3",
        "head_sha": HEAD,
        "head_branch": "subnet",
        "base_branch": "main",
        "base_sha": None,
        "from_fork": False,
        "merge_commit": None,
        "updated_at": None,
        "repository": Repository(ref=REPOSITORY, clone_urls=(), web_url="", default_branch="main"),
    }
    return PullRequest(**{**values, **changes})


async def rows_of(database: Database, table: Table) -> Sequence[RowMapping]:
    """Every row of a table, by its key."""
    return await database.read(rows_in, table)


def rows_in(connection: Connection, table: Table) -> Sequence[RowMapping]:
    """Read every row of a table, by its key, in a transaction that is open."""
    return connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
