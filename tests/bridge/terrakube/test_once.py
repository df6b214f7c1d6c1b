"""A job is created once, however often it is asked for and whatever happens to the answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.domain.errors import NotAllowedError, TemporaryRemoteError, UserError
from bridge.http import Retries, Timeouts
from bridge.sandbox.terrakube import CreateFault, StandIn, Timings, start
from bridge.terrakube import (
    Created,
    JobRequest,
    TerrakubeServer,
    WorkspaceRef,
    connect,
    create_once,
    tcl,
)
from bridge.terrakube.once import PAUSES, comment_key
from tests.waiting import until

PLAN_FLOW = tcl.plan_text()


@pytest.fixture
async def terrakube(tmp_path: Path) -> AsyncIterator[StandIn]:
    """A server whose jobs wait until they are old enough to be changed."""
    async with start(tmp_path, executor="instant", seconds=60, timings=Timings()) as stand_in:
        acme = stand_in.add_organization("acme")
        for name in ("net", "app"):
            stand_in.add_workspace(acme, name, "https://git.example.com/acme/infra.git")
        yield stand_in
    assert stand_in.unexpected == []


def a_client(terrakube: StandIn) -> TerrakubeServer:
    client = connect(
        url=terrakube.url,
        token=terrakube.token,
        retries=Retries(attempts=1),
        timeouts=Timeouts(total=0.3),
    )

    async def nap(seconds: float) -> None:
        terrakube.world.clock.advance(timedelta(seconds=seconds))  # type: ignore[attr-defined]

    client.sleep = nap
    return client


@pytest.fixture
async def server(terrakube: StandIn) -> AsyncIterator[TerrakubeServer]:
    async with a_client(terrakube) as client:
        yield client


class Naps:
    """Waits a moment instead of seconds, and remembers how long it would have been."""

    def __init__(self, then: Callable[[], Awaitable[object]] | None = None) -> None:
        self.seconds: list[float] = []
        self._then = then

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0.1)
        if self._then:
            await self._then()


def a_request(terrakube: StandIn, workspace: str = "net", **changes: object) -> JobRequest:
    found = terrakube.world.workspace("acme", workspace)
    ref = WorkspaceRef(
        organization_id=str(found.organization.id),
        organization="acme",
        id=str(found.id),
        name=workspace,
    )
    template = str(terrakube.world.template("acme", "Plan").id)
    request = JobRequest(workspace=ref, comments="nightly plan", template_id=template)
    return replace(request, **changes)  # type: ignore[arg-type]  # named by each test


def posts(terrakube: StandIn) -> int:
    return terrakube.count("POST", "/job")


def summary(created: Created) -> tuple[str, str, bool]:
    return created.job.id, created.job.comments, created.existed


async def test_the_second_call_finds_the_job_of_the_first(
    terrakube: StandIn, server: TerrakubeServer
) -> None:
    naps = Naps()
    request = a_request(terrakube)
    first = await create_once(server, request, "nightly-7", sleep=naps)
    again = await create_once(server, request, "nightly-7", sleep=naps)
    assert summary(first) == ("1", "cli:nightly-7 nightly plan", False)
    assert summary(again) == ("1", "cli:nightly-7 nightly plan", True)
    assert (posts(terrakube), naps.seconds) == (1, [])
    other = await create_once(server, request, "nightly-8", sleep=naps)
    assert summary(other) == ("2", "cli:nightly-8 nightly plan", False)


async def test_an_inline_job_is_known_again_before_and_after_it_ran(
    terrakube: StandIn, server: TerrakubeServer
) -> None:
    request = a_request(terrakube, template_id=None, tcl=PLAN_FLOW, comments="")
    first = await create_once(server, request, "inline")
    assert first.job.comments == "cli:inline"
    await terrakube.until(terrakube.job(1), "running")
    assert (await create_once(server, request, "inline")).existed
    changed = replace(request, tcl=PLAN_FLOW.replace("Plan", "Look"))
    with pytest.raises(UserError, match="'inline' was used for another job: 1 has"):
        await create_once(server, changed, "inline")


@pytest.mark.parametrize(
    ("fault", "naps"),
    [
        (CreateFault.COMMIT_THEN_DROP, [1.0]),
        (CreateFault.COMMIT_THEN_500, [1.0]),
        (CreateFault.COMMIT_THEN_HANG, [1.0]),
        (CreateFault.COMMIT_LATE, [1.0, 2.0, 4.0]),
    ],
)
async def test_a_job_whose_answer_was_lost_is_found(
    fault: CreateFault, naps: list[float], terrakube: StandIn, server: TerrakubeServer
) -> None:
    terrakube.faults.on_create(fault)
    terrakube.faults.seconds_late = 1.0

    async def sleep_until_the_last() -> None:
        if len(slept.seconds) == len(naps):
            await until(terrakube.jobs)

    slept = Naps(sleep_until_the_last)
    created = await create_once(server, a_request(terrakube), "k", sleep=slept)
    assert summary(created) == ("1", "cli:k nightly plan", False)
    assert (terrakube.creates, slept.seconds) == ({"cli:k nightly plan": 1}, naps)


@pytest.mark.parametrize("fault", [CreateFault.DROP, CreateFault.FAIL_500])
async def test_a_job_that_surely_is_not_there_is_posted_once_more(
    fault: CreateFault, terrakube: StandIn, server: TerrakubeServer
) -> None:
    terrakube.faults.on_create(fault)
    slept = Naps()
    created = await create_once(server, a_request(terrakube), "k", sleep=slept)
    assert (created.existed, len(terrakube.jobs())) == (False, 1)
    assert (posts(terrakube), slept.seconds) == (2, list(PAUSES))
    assert sum(PAUSES) == 30


async def test_the_second_post_may_lose_its_answer_too(
    terrakube: StandIn, server: TerrakubeServer
) -> None:
    terrakube.faults.on_create(CreateFault.DROP, CreateFault.COMMIT_THEN_DROP)
    slept = Naps()
    created = await create_once(server, a_request(terrakube), "k", sleep=slept)
    assert (created.existed, len(terrakube.jobs()), posts(terrakube)) == (False, 1, 2)
    assert slept.seconds == [*PAUSES, 1.0]


async def test_two_posts_in_vain_are_an_error(terrakube: StandIn, server: TerrakubeServer) -> None:
    terrakube.faults.on_create(*[CreateFault.FAIL_500] * 3)
    with pytest.raises(TemporaryRemoteError, match="answered 500"):
        await create_once(server, a_request(terrakube), "k", sleep=Naps())
    assert (posts(terrakube), terrakube.jobs()) == (2, [])


async def test_nothing_is_posted_again_while_the_server_cannot_say_what_it_has(
    terrakube: StandIn, server: TerrakubeServer
) -> None:
    terrakube.faults.on_create(CreateFault.COMMIT_THEN_DROP)
    with pytest.raises(TemporaryRemoteError):
        await create_once(server, a_request(terrakube), "k", sleep=Naps(terrakube.down))
    assert (posts(terrakube), len(terrakube.jobs())) == (1, 1)
    await terrakube.up()
    assert (await create_once(server, a_request(terrakube), "k")).existed


async def test_a_refusal_is_not_looked_after(terrakube: StandIn) -> None:
    token = terrakube.mint("reader@example.com", "READERS")
    async with connect(url=terrakube.url, token=token) as reader:
        with pytest.raises(NotAllowedError, match="CreatePermission Denied"):
            await create_once(reader, a_request(terrakube), "k")
    assert posts(terrakube) == 1


async def test_two_at_the_same_time_keep_the_older_job(terrakube: StandIn) -> None:
    # Slow enough that both have looked before either has posted.
    terrakube.faults.seconds_slow = 0.05
    request = a_request(terrakube)
    async with a_client(terrakube) as one, a_client(terrakube) as other:
        both = await asyncio.gather(*(create_once(each, request, "k") for each in (one, other)))
    assert [created.job.id for created in both] == ["1", "1"]
    assert sorted(created.existed for created in both) == [False, True]
    assert posts(terrakube) == 2
    assert [str(job.status) for job in terrakube.jobs()][1] == "cancelled"
    assert str(terrakube.job(1).status) != "cancelled"


async def test_two_at_the_same_time_for_different_jobs_leave_the_older(
    terrakube: StandIn,
) -> None:
    terrakube.faults.seconds_slow = 0.05
    async with a_client(terrakube) as one, a_client(terrakube) as other:
        both = await asyncio.gather(
            create_once(one, a_request(terrakube, "net"), "k"),
            create_once(other, a_request(terrakube, "app"), "k"),
            return_exceptions=True,
        )
    (created,) = [each for each in both if isinstance(each, Created)]
    (refused,) = [each for each in both if isinstance(each, UserError)]
    assert created.job.id == "1"
    assert str(refused).startswith("the key 'k' was used for another job: 1 has")
    assert str(terrakube.job(2).status) == "cancelled"


@pytest.mark.parametrize(
    "changes",
    [
        {"workspace": "app"},
        {"template_id": "00000000-0000-4000-8000-000000000000"},
        {"template_id": None, "tcl": PLAN_FLOW},
        {"override_branch": "hotfix"},
        {"commit_id": "c" * 40},
    ],
    ids=str,
)
async def test_a_key_that_was_used_for_another_job_is_refused(
    changes: dict[str, str | None], terrakube: StandIn, server: TerrakubeServer
) -> None:
    await create_once(server, a_request(terrakube, commit_id="a" * 40), "k")
    workspace = str(changes.pop("workspace", "net"))
    request = a_request(terrakube, workspace, **{"commit_id": "a" * 40, **changes})
    with pytest.raises(UserError) as caught:
        await create_once(server, request, "k")
    assert str(caught.value) == (
        "the key 'k' was used for another job: 1 has another workspace, template, commit or "
        "branch; choose another key"
    )
    assert posts(terrakube) == 1


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("nightly-7", "cli:nightly-7"),
        ("a" * 60, "cli:" + "a" * 60),
        ("a" * 61, "cli:sha256-35d5fc17cfbbadd00f5e710ada39f194c5ad7c766ad67072"),
        ("", "cli:sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c"),
        ("two words", "cli:sha256-a03f1d611645eb53ad16c1af546ca0792dc884505bab57ed"),
        ("größe*", "cli:sha256-eab8edffef11254494d5c4a6f1a54c44938bcca7b93e0784"),
    ],
)
def test_any_key_becomes_a_word(key: str, word: str) -> None:
    assert comment_key(key) == word
    assert len(word) <= 64
