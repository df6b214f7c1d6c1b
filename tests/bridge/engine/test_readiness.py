"""What a probe is told about the database, and what it is not."""

from dataclasses import dataclass
from typing import cast

from bridge.domain.errors import OverloadedError
from bridge.engine.readiness import Readiness
from bridge.engine.supervisor import Supervisor
from bridge.store.database import Database
from bridge.store.writer import refusal


@dataclass(frozen=True, slots=True)
class Refusing:
    """A database whose disk is full."""

    healthy: bool = True

    async def write(self, query: object) -> None:
        raise refusal(OSError("db.internal.example.com: INSERT INTO delivery: disk is full"))


async def test_a_stranger_is_told_no_more_than_that_the_database_refuses() -> None:
    refusing = Refusing()
    readiness = Readiness(
        database=cast("Database", refusing), supervisor=cast("Supervisor", refusing)
    )
    assert await readiness.problems() == ["the database refuses writes"]


async def test_a_probe_of_a_working_bridge_finds_nothing(database: Database) -> None:
    readiness = Readiness(database=database, supervisor=cast("Supervisor", Refusing()))
    assert await readiness.problems() == []


def test_what_refuses_says_why_in_the_log() -> None:
    assert str(refusal(ValueError("disk is full"))) == "the database refuses writes: disk is full"
    assert isinstance(refusal(ValueError("x")), OverloadedError)
