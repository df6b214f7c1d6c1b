"""Codes that were wrong are counted, so that nobody can try them all."""

from datetime import timedelta

import pytest

from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.domain.work import LINKING, WRONG_CODE, AuditEntry, Work
from bridge.store.codecs import from_ms
from bridge.store.database import Database
from bridge.store.queries.audits import count_wrong_codes
from bridge.store.queries.work import apply_work

HERE = PullRequestRef(repository=RepositoryRef(forge="code", id="7", slug="acme/infra"), number=1)
NEXT = PullRequestRef(repository=HERE.repository, number=11)
ELSEWHERE = PullRequestRef(
    repository=RepositoryRef(forge="code_2", id="7", slug="acme/infra"), number=1
)
HOUR = 3_600_000


def wrong(login: str, ref: PullRequestRef, result: str = WRONG_CODE) -> Work:
    entry = AuditEntry(actor=login, action=LINKING, door="comment", subject=ref.key, result=result)
    return Work(audits=[entry])


@pytest.mark.parametrize(
    ("ref", "login", "count"),
    [
        pytest.param(HERE, "bob", 3, id="of anybody in a pull request"),
        pytest.param(NEXT, "alice", 3, id="of a login anywhere on its forge"),
        pytest.param(NEXT, "bob", 1, id="others elsewhere do not count"),
        pytest.param(ELSEWHERE, "alice", 1, id="nor the same name on another forge"),
    ],
)
async def test_they_are_counted_within_an_hour(
    database: Database, ref: PullRequestRef, login: str, count: int
) -> None:
    now = 100 * HOUR
    for work, at in [
        (wrong("alice", HERE), now - HOUR - 1),
        (wrong("alice", HERE), now - HOUR),
        (wrong("alice", HERE), now),
        (wrong("alice", HERE, "refused"), now),
        (wrong("carol", HERE), now),
        (wrong("alice", NEXT, "done"), now),
        (wrong("alice", NEXT), now),
        (wrong("alice", ELSEWHERE), now),
    ]:
        await database.write(apply_work, work, at)
    since = from_ms(now) - timedelta(hours=1)
    assert await database.read(count_wrong_codes, ref, login, since, 9) == count
    assert await database.read(count_wrong_codes, ref, login, since, 1) == 1
