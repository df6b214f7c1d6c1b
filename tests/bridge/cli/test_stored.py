"""Commands that look into the database, or write to it, beside a running bridge."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Connection, insert, update

from bridge.domain.runs import OutputKind
from bridge.domain.work import AuditEntry, Work
from bridge.store.codecs import compress
from bridge.store.database import Database
from bridge.store.queries.work import apply_work
from bridge.store.schema import delivery, output, subject
from tests.bridge.cli.conftest import CommandLine
from tests.bridge.store.rows import a_request, a_row

Fill = Callable[[Database], Awaitable[None]]


@pytest.fixture
def stored(command_line: CommandLine, sqlite_url: str) -> Callable[[Fill], CommandLine]:
    """A command line over a database with something in it."""

    def fill(work: Fill) -> CommandLine:
        async def run() -> None:
            async with await Database.open(sqlite_url) as database:
                await work(database)

        asyncio.run(run())
        command_line.configure(BRIDGE_DATABASE__URL=sqlite_url)
        return command_line

    return fill


async def two_deliveries(database: Database) -> None:
    """One that waits, one that was set aside."""
    await database.accept(a_row("d-1", kind="push\x1b[31m"), 10)
    await database.accept(a_row("d-2"), 10)
    await database.write(_bury)


def _bury(connection: Connection) -> None:
    values = {"outcome": "dead", "reason": "KeyError: 'ref'", "attempts": 8}
    connection.execute(update(delivery).where(delivery.c.key == "d-1").values(values))
    connection.execute(update(subject).values(pending=1, due_at=None))


def keys(found: object) -> list[tuple[object, object, object]]:
    assert isinstance(found, list)
    return [(one["id"], one["key"], one["outcome"]) for one in found]


def test_deliveries_lists_what_arrived_what_waits_and_what_was_set_aside(
    stored: Callable[[Fill], CommandLine],
) -> None:
    command_line = stored(two_deliveries)
    assert keys(command_line("deliveries").json()) == [(2, "d-2", "none"), (1, "d-1", "dead")]
    assert keys(command_line("deliveries", "--limit", "1").json()) == [(2, "d-2", "none")]
    assert keys(command_line("deliveries", "--waiting").json()) == [(2, "d-2", "none")]
    assert keys(command_line("deliveries", "--failed", "--json").json()) == [(1, "d-1", "dead")]


def test_a_table_for_people_holds_no_control_sequence_of_a_sender(
    stored: Callable[[Fill], CommandLine],
) -> None:
    command_line = stored(two_deliveries)
    command_line.monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    command_line.monkeypatch.setenv("COLUMNS", "200")
    command_line.monkeypatch.setenv("NO_COLOR", "1")
    said = command_line("deliveries")
    assert "KeyError: 'ref'" in said.out
    assert "\x1b[31m" not in said.out
    assert [word for word in said.out.split() if word in _OUTCOMES] == ["waiting", "failed"]


_OUTCOMES = {"waiting", "failed", "none", "dead"}


def test_what_waits_was_not_set_aside(command_line: CommandLine) -> None:
    said = command_line("deliveries", "--waiting", "--failed")
    assert said.code == 2
    assert said.err == ["a delivery waits or was set aside: give --waiting or --failed"]


def test_replay_queues_a_delivery_again(stored: Callable[[Fill], CommandLine]) -> None:
    command_line = stored(two_deliveries)
    assert command_line("replay", "1").code == 0
    assert keys(command_line("deliveries", "--failed").json()) == []
    assert keys(command_line("deliveries").json()) == [(2, "d-2", "none"), (1, "d-1", "none")]


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        ("99", 8, "there is no delivery 99"),
        ("2", 2, "delivery 2 is waiting to be handled already"),
    ],
)
def test_replay_says_why_not(
    stored: Callable[[Fill], CommandLine], number: str, code: int, said: str
) -> None:
    ended = stored(two_deliveries)("replay", number)
    assert (ended.code, ended.err) == (code, [said])


async def a_run(database: Database) -> None:
    """A run with a plan, an error and a structured plan."""
    await database.write(_make_run)


def _make_run(connection: Connection) -> None:
    (run_id,) = apply_work(connection, Work(runs=[a_request()]), 1_000)
    texts = {
        OutputKind.PLAN: "Plan: 1 to add",
        OutputKind.ERROR: "Error: no\n",
        OutputKind.CHANGES: '[{"address": "a"}]',
    }
    rows = [
        {"run_id": run_id, "kind": kind.value, "body": compress(text), "created_at": 1_000}
        for kind, text in texts.items()
    ]
    connection.execute(insert(output), rows)
    connection.execute(update(output).values(created_at=1_000))


@pytest.fixture
def run_id(stored: Callable[[Fill], CommandLine]) -> str:
    found: list[str] = []

    async def remember(database: Database) -> None:
        await a_run(database)
        found.append(await database.read(_run_id))

    stored(remember)
    return found[0]


def _run_id(connection: Connection) -> str:
    return str(connection.execute(output.select()).mappings().all()[0]["run_id"])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "Error: no\nPlan: 1 to add\n"),
        (["--kind", "plan"], "Plan: 1 to add\n"),
        (["--kind", "changes"], '[{"address": "a"}]\n'),
    ],
)
def test_output_prints_what_a_run_left_behind(
    command_line: CommandLine, run_id: str, options: list[str], text: str
) -> None:
    said = command_line("output", run_id, *options)
    assert (said.code, said.out) == (0, text)


def test_output_as_json_has_every_text(command_line: CommandLine, run_id: str) -> None:
    said = command_line("output", run_id, "--json")
    assert said.json() == {
        "run": run_id,
        "outputs": {
            "changes": '[{"address": "a"}]',
            "error": "Error: no\n",
            "plan": "Plan: 1 to add",
        },
    }


def test_output_without_a_run_lists_them(command_line: CommandLine, run_id: str) -> None:
    assert command_line("output").json() == [
        {
            "run": run_id,
            "made_at": "1970-01-01T00:00:01+00:00",
            "verb": "plan",
            "workspace": "acme/network",
            "state": "queued",
            "job": "",
            "commit": "aaaaaaaa",
            "reason": "",
        }
    ]
    command_line.monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    command_line.monkeypatch.setenv("COLUMNS", "200")
    assert f"{run_id}  1970-01-01 00:00:01Z" in command_line("output").out


def test_output_says_what_is_not_there(command_line: CommandLine, run_id: str) -> None:
    stranger = command_line("output", "01M000000000000000000000")
    nothing = command_line("output", run_id, "--kind", "apply")
    assert (stranger.code, stranger.err) == (8, ["there is no run 01M000000000000000000000"])
    assert nothing.code == 8
    assert nothing.err == [
        f"run {run_id} has no apply: it has not ended yet, left none, or its time was over"
    ]


async def two_entries(database: Database) -> None:
    entries = [
        AuditEntry(
            actor=actor,
            action="plan.requested",
            door="comment",
            subject="pr:code:7:3",
            result="started",
        )
        for actor in ("ada", "bob")
    ]
    await database.write(apply_work, Work(audits=entries), 1_000)


def test_audit_prints_who_did_what_newest_first(stored: Callable[[Fill], CommandLine]) -> None:
    command_line = stored(two_entries)
    entry = {
        "at": "1970-01-01T00:00:01+00:00",
        "actor": "bob",
        "action": "plan.requested",
        "door": "comment",
        "subject": "pr:code:7:3",
        "result": "started",
        "detail": "",
    }
    assert command_line("audit").json() == [entry, entry | {"actor": "ada"}]
    assert command_line("audit", "--actor", "ada").json() == [entry | {"actor": "ada"}]
    assert command_line("audit", "--subject", "pr:code:7:4").json() == []
    assert command_line("audit", "--limit", "1").json() == [entry]


@pytest.mark.parametrize("arguments", [["deliveries"], ["audit"], ["output", "x"], ["replay", "1"]])
def test_without_a_database_it_is_told_where_one_was_looked_for(
    command_line: CommandLine, arguments: list[str]
) -> None:
    command_line.configure()
    said = command_line(*arguments)
    assert said.code == 2
    path = command_line.folder / "data" / "bridge.db"
    assert said.err == [f"there is no database at {path}: has the bridge run here?"]


@pytest.mark.parametrize("command", ["deliveries", "migrate"])
def test_a_database_that_does_not_answer_is_no_mistake(
    command_line: CommandLine, command: str
) -> None:
    command_line.configure(BRIDGE_DATABASE__URL="postgresql://bridge:secret@127.0.0.1:1/bridge")
    said = command_line(command)
    assert said.code == 6
    assert [line.partition(": ")[0] for line in said.err] == ["the database does not answer"]
    assert "secret" not in said.err[0]


def test_migrate_makes_a_database_that_can_be_looked_into(command_line: CommandLine) -> None:
    command_line.configure()
    said = command_line("migrate")
    assert (said.code, said.out) == (0, "sqlite:///data/bridge.db is at version 0001\n")
    assert command_line("deliveries").json() == []
