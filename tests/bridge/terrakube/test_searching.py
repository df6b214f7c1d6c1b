"""Searching jobs: the filter that is sent, and what a server with many jobs makes of it."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.domain.errors import UserError
from bridge.domain.terrakube import Job
from bridge.sandbox.terrakube import StandIn, Status, start
from bridge.terrakube import JobSearch, TerrakubeServer, connect
from bridge.terrakube.searches import matching
from tests.bridge.terrakube.nouns import ACME, COMMIT, JOBS, PLAN, Q3
from tests.bridge.terrakube.replay import Asked, Replay

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
FILTERS: list[tuple[JobSearch, str]] = [
    (JobSearch(ids=("1", "2")), "id=in=(1,2)"),
    (JobSearch(statuses=("failed", "newStatus")), "status=in=(failed,newStatus)"),
    (JobSearch(workspace_ids=(Q3.id,)), f"workspace.id=='{Q3.id}'"),
    (JobSearch(workspace_ids=("a", "b")), "workspace.id=in=('a','b')"),
    (JobSearch(templates=(PLAN,)), f"templateReference=='{PLAN}'"),
    (JobSearch(branches=("feature/x", "v1")), "overrideBranch=in=('feature/x','v1')"),
    (JobSearch(key="cli:a"), "comments=='cli:a',comments=='cli:a *'"),
    (JobSearch(text="it's"), "comments=='*it\\'s*'"),
    (JobSearch(commit=COMMIT[:7]), f"commitId=='{COMMIT[:7]}*'"),
    (JobSearch(created_since=SINCE), "createdDate=ge=2026-01-01T00:00Z"),
    (JobSearch(created_until=SINCE), "createdDate=le=2026-01-01T00:00Z"),
    (JobSearch(created_by="a@example.com"), "createdBy=='a@example.com'"),
    (JobSearch(via="UI"), "via=='UI'"),
    (
        JobSearch(key="cli:a", statuses=("failed",), via="UI"),
        "status=in=(failed);(comments=='cli:a',comments=='cli:a *');via=='UI'",
    ),
]


@pytest.mark.parametrize(("search", "text"), FILTERS, ids=[text for _, text in FILTERS])
async def test_what_is_searched_for_becomes_a_filter(
    search: JobSearch, text: str, replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(JOBS, "search/open_jobs")
    assert await server.search_jobs(ACME.id, search) == []
    query = {"filter[job]": text, "include": "step", "sort": "-id"}
    assert replay.asked == [Asked(line=JOBS, query=query)]


async def test_without_a_search_every_job_is_asked_for(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(JOBS, "search/list_all_sparse")
    found = await server.search_jobs(ACME.id)
    assert replay.asked == [Asked(line=JOBS, query={"include": "step", "sort": "-id"})]
    numbers = [int(job.id) for job in found]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) > 1


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (JobSearch(ids=("1", "x")), "'x' is no job: jobs have numbers"),
        (JobSearch(ids=("1",) * 401), "401 jobs by number in one search: at most 400"),
        (JobSearch(statuses=("failed,pending)",)), "searching by status: plain words are needed"),
        (JobSearch(key="two words"), "'two words' is no key of a job"),
        (JobSearch(workspace_ids=(Q3.id,) * 250), "too much for one search"),
        (JobSearch(branches=("feature/*",)), "begins or ends with [*]"),
    ],
)
def test_what_cannot_be_searched_for_is_named(search: JobSearch, said: str) -> None:
    with pytest.raises(UserError, match=said):
        matching(search)


@pytest.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[StandIn]:
    """A server with 1,200 jobs; every hundredth failed, on a branch, with a key of its own."""
    async with start(tmp_path, executor="instant") as stand_in:
        acme = stand_in.add_organization("acme")
        spaces = [stand_in.add_workspace(acme, name, "https://git.example.com/a") for name in "ab"]
        plan = str(stand_in.world.template("acme", "Plan").id)
        both = str(stand_in.world.template("acme", "Plan and apply").id)
        for number in range(1, 1201):
            special = number % 100 == 0
            job = stand_in.world.add_job(
                acme,
                spaces[number % 2],
                by="mallory@example.com" if special else "bridge@example.com",
                status=Status.FAILED if special else Status.COMPLETED,
                template_reference=both if special else plan,
                override_branch="hotfix" if special else None,
                comments=f"cli:{number} of many" if special else f"cli:{number}",
                commit_id=f"{number:040x}",
                via="CI" if special else "UI",
                created_date=SINCE + timedelta(minutes=number),
            )
            if number > 1190:
                stand_in.world.add_step(job, 100, "Plan", status=Status.COMPLETED)
        yield stand_in


def ids(jobs: Sequence[Job]) -> list[int]:
    return [int(job.id) for job in jobs]


async def test_each_of_1200_jobs_comes_once_the_newest_first(crowded: StandIn) -> None:
    async with connect(url=crowded.url, token=crowded.token) as client:
        acme = await client.organization("acme")
        before = crowded.count("GET", "/job")
        found = await client.search_jobs(acme.id)
        assert ids(found) == list(range(1200, 0, -1))
        assert [step.name for step in found[0].steps] == ["Plan"]
        assert crowded.count("GET", "/job") - before == 4
        assert ids(await client.search_jobs(acme.id, limit=600)) == list(range(1200, 600, -1))
        assert ids(await client.search_jobs(acme.id, limit=3)) == [1200, 1199, 1198]
        assert await client.search_jobs(acme.id, limit=0) == []


async def test_what_is_searched_for_is_found(crowded: StandIn) -> None:
    both = str(crowded.world.template("acme", "Plan and apply").id)
    space = str(crowded.world.workspace("acme", "b").id)
    hundreds = list(range(1200, 0, -100))
    odd = list(range(1199, 0, -2))
    minute = SINCE + timedelta(minutes=1)
    cases: list[tuple[JobSearch, list[int]]] = [
        (JobSearch(statuses=("failed", "rejected")), hundreds),
        (JobSearch(templates=(both,)), hundreds),
        (JobSearch(branches=("hotfix",)), hundreds),
        (JobSearch(created_by="mallory@example.com"), hundreds),
        (JobSearch(via="CI"), hundreds),
        (JobSearch(text="of many"), hundreds),
        (JobSearch(key="cli:100"), [100]),
        (JobSearch(key="cli:10"), [10]),
        (JobSearch(commit=f"{255:040x}"), [255]),
        (JobSearch(workspace_ids=(space,)), odd),
        (JobSearch(workspace_ids=(space,), statuses=("failed",)), []),
        (JobSearch(ids=("7", "9999")), [7]),
        (JobSearch(created_since=minute, created_until=minute + timedelta(minutes=1)), [2, 1]),
    ]
    async with connect(url=crowded.url, token=crowded.token) as client:
        acme = await client.organization("acme")
        for search, expected in cases:
            assert ids(await client.search_jobs(acme.id, search)) == expected, search
    assert crowded.unexpected == []
