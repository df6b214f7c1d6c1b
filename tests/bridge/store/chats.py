"""Values that tests of what is stored of a chat are made of."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, update

from bridge.domain.chat import ALL_INTERESTS, Identity, LinkOffer, Subscription
from bridge.domain.runs import RunRequest
from bridge.domain.terrakube import Job, JobStatus, Step
from bridge.domain.work import Work
from bridge.store.chat import SqlChatStore
from bridge.store.codecs import STEPS
from bridge.store.database import Database
from bridge.store.queries.work import apply_work
from bridge.store.schema import post, run, run_link
from tests.bridge.store.rows import a_request, rows_of
from tests.fakes.clock import FakeClock

TEAM = "T1"
NOW = 1_700_000_000_000
MINUTE = 60_000
WAITING = (
    Step(id="s-1", number=100, name="plan", status="completed"),
    Step(id="s-2", number=150, name="ask", status="pending"),
)


def a_subscription(channel: str = "C1", pattern: str = "acme/*", **changes: Any) -> Subscription:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {"interests": ALL_INTERESTS, "actor": "Ada (slack:U1)", **changes}
    return Subscription(team=TEAM, channel=channel, pattern=pattern, **values)


def an_offer(code_hash: str = "h-1", user: str = "U1", **changes: Any) -> LinkOffer:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "team": TEAM,
        "team_name": "Acme",
        "name": "Ada Lovelace",
        "expires_at": datetime.fromtimestamp(NOW / 1000 + 600, UTC),
    }
    return LinkOffer(code_hash=code_hash, user=user, **{**values, **changes})


def an_identity(login: str = "alice", **changes: Any) -> Identity:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {"user": "U1", "name": "Ada Lovelace", "forge": "code"}
    return Identity(team=TEAM, login=login, **{**values, **changes})


def asked_in(
    channel: str,
    trigger: str,
    workspace: str = "network",
    **changes: Any,  # noqa: ANN401 - its fields
) -> RunRequest:
    """What somebody asked for in a channel, about no pull request."""
    values: dict[str, Any] = {
        "trigger": trigger,
        "pull_request": None,
        "reports": (f"chat:{TEAM}:{channel}::{trigger}",),
        "actor": "Ada (slack:U1)",
    }
    return a_request(workspace, **{**values, **changes})


def a_job(number: int = 7, **changes: Any) -> Job:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "status": JobStatus.WAITING_APPROVAL,
        "organization_id": "o-1",
        "workspace_id": "w-network",
        "template_reference": "t-9",
        "created_by": "mallory@example.com",
        "created_at": datetime.fromtimestamp(NOW / 1000 - 90, UTC),
        "steps": WAITING,
        "commit_id": None,
    }
    return Job(id=str(number), **{**values, **changes})


async def apply(database: Database, work: Work, now: int = NOW) -> list[str]:
    return list(await database.write(apply_work, work, now))


async def subscribed(database: Database, *subscriptions: Subscription) -> None:
    await apply(database, Work(subscribes=list(subscriptions)))


def a_store(database: Database) -> SqlChatStore:
    return SqlChatStore(
        database=database,
        job_url=lambda workspace, job_id: f"https://tk/{workspace.id}/{job_id}",
        clock=FakeClock(),
    )


async def chat_posts(database: Database) -> set[tuple[str, str]]:
    """Every composed post in a chat, with its report."""
    rows = await rows_of(database, post)
    return {(row["key"], row["report"]) for row in rows if row["forge"] == "slack"}


async def messages(database: Database) -> list[str]:
    """The keys of live messages, in order."""
    return sorted(key for key, _ in await chat_posts(database) if key.startswith("chat_message:"))


async def chat_links(database: Database) -> set[tuple[str, str, int]]:
    rows = await rows_of(database, run_link)
    return {
        (row["run_id"], row["report"], row["asked"])
        for row in rows
        if row["report"].startswith("chat:")
    }


async def set_run(database: Database, run_id: str, **values: object) -> None:
    await database.write(_set, run, run_id, values)


async def set_post(database: Database, key: str, **values: object) -> None:
    await database.write(_set_post, key, values)


def _set(connection: Connection, table: Any, key: str, values: dict[str, object]) -> None:  # noqa: ANN401 - a table
    connection.execute(update(table).where(table.c.id == key).values(values))


def _set_post(connection: Connection, key: str, values: dict[str, object]) -> None:
    connection.execute(update(post).where(post.c.key == key).values(values))


async def let_wait(database: Database, run_id: str, job_id: str = "7") -> None:
    """Let the job of a run wait for an approval."""
    await set_run(
        database,
        run_id,
        phase="created",
        state="waiting",
        job_id=job_id,
        job_status="waitingApproval",
        steps=STEPS.dump(WAITING),
    )
