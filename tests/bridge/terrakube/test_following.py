"""One job, followed: against a Terrakube in memory, and as recorded servers moved."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bridge.decisions.log_growth import Given, grown
from bridge.domain.errors import (
    MissingError,
    NotAllowedError,
    RemoteError,
    TemporaryRemoteError,
    TooLargeError,
)
from bridge.domain.terrakube import Job, JobStatus, Step
from bridge.terrakube.following import Pace, follow, steady_clock
from bridge.terrakube.updates import (
    Ended,
    Interrupted,
    LogGrew,
    LogUnread,
    Resumed,
    StateChanged,
    StepChanged,
    Update,
)
from tests import recorded
from tests.fakes.clock import FakeClock
from tests.fakes.jobserver import ACME, APPROVED_FLOW, FakeJobServer

Happening = Callable[[], object]


@dataclass
class Play:
    """A job of the fake, and what happens to it when; waiting is free.

    Attributes:
        happenings: What happens at which second.
    """

    server: FakeJobServer
    clock: FakeClock
    job_id: str
    happenings: dict[float, Sequence[Happening]] = field(default_factory=dict)
    seconds: float = 0.0

    def at(self, seconds: float, *happenings: Happening) -> None:
        self.happenings[seconds] = happenings

    async def sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        for at in sorted(moment for moment in self.happenings if moment <= until):
            self.clock.advance(at - self.seconds)
            self.seconds = at
            for happening in self.happenings.pop(at):
                happening()
        self.clock.advance(until - self.seconds)
        self.seconds = until

    def follow(self, **pace: object) -> AsyncGenerator[Update, None]:
        return follow(
            self.server,
            ACME.id,
            self.job_id,
            pace=Pace(**pace),  # type: ignore[arg-type]  # named by each test
            clock=lambda: self.clock.now().timestamp(),
            sleep=self.sleep,
        )

    async def told(self, **pace: object) -> list[str]:
        """Follow to the end, and say shortly what was told."""
        return [short(update) async for update in self.follow(**pace)]


def short(update: Update) -> str:  # noqa: PLR0911 - a line for each
    match update:
        case StateChanged():
            return str(update.state)
        case StepChanged(step=step):
            return f"{step.number} {step.status}"
        case LogGrew(step=step):
            return f"{step.number}{' anew' if update.anew else ''}: {update.text!r}"
        case LogUnread(step=step):
            return f"{step.number} unread: {update.reason}"
        case Interrupted():
            return f"away: {update.reason}"
        case Resumed():
            return "back"
        case Ended():
            return f"ended {update.conclusion}{' expired' if update.expired else ''}"


@pytest.fixture
def play() -> Play:
    """A job that was made an hour ago and runs its plan; then an approval, then its apply."""
    clock = FakeClock()
    server = FakeJobServer(clock=clock)
    job_id = add_job(server)
    clock.advance(3600)
    server.start(job_id)
    return Play(server, clock, job_id)


def add_job(server: FakeJobServer) -> str:
    job = server.add_job(server.add_workspace("app").ref)
    server.flows[job.id] = APPROVED_FLOW
    return job.id


async def test_all_of_a_step_comes_before_the_next_one_and_before_the_wait(play: Play) -> None:
    server, job = play.server, play.job_id
    server.say(job, "one\ntw")
    play.at(1, lambda: server.say(job, "one\ntwo\nthr"))
    play.at(3, lambda: server.say(job, "one\ntwo\nthree"), lambda: server.wait_for_approval(job))
    play.at(30, lambda: server.approve(job))
    play.at(36, lambda: server.start(job, 2), lambda: server.say(job, "apply\n", 2))
    play.at(45, lambda: server.say(job, "apply\ndone\n", 2), lambda: server.complete(job))
    assert await play.told() == [
        "running",
        "100 running",
        "100: 'one\\n'",
        "150 pending",
        "200 pending",
        "100: 'two\\n'",
        "100: 'three'",
        "100 completed",
        "waiting",
        "running",
        "150 completed",
        "200 running",
        "200: 'apply\\n'",
        "200: 'done\\n'",
        "200 completed",
        "ended succeeded",
    ]


@dataclass
class Timeline:
    """A recorded server: the job's status, steps and sizes of logs, by seconds; see Play.sleep."""

    name: str
    texts: dict[int, str]
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.rows = recorded.document(f"timelines/{self.name}")["rows"]

    @property
    def row(self) -> Sequence[object]:
        return next(row for row in reversed(self.rows) if row[0] <= self.seconds)

    async def jobs(self, organization_id: str, ids: Sequence[str]) -> list[Job]:
        _, status, *steps = self.row
        made = tuple(
            Step(id=str(step[0]), number=step[0], name="", status=step[1])  # type: ignore[index]
            for step in steps
        )
        return [Job(id="7", status=str(status), organization_id="o", steps=made)]

    async def step_log(self, organization_id: str, job_id: str, step_id: str) -> str:
        sizes = {str(step[0]): (step[1], step[4]) for step in self.row[2:]}  # type: ignore[index]
        status, size = sizes[step_id]
        assert status != "pending", "this would be the text of another step"
        return self.texts[int(step_id)].encode()[:size].decode(errors="replace")

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


async def test_a_log_that_grew_on_a_real_server_is_given_once_and_whole() -> None:
    # The recording has sizes: the text is made up, and holds characters of several bytes.
    texts = {100: "plan äöü €\n" * 200, 200: "äpply 🙂 \n" * 500}
    server = Timeline("log_growth_plan_and_apply", texts, seconds=0.1)
    updates = [
        update
        async for update in follow(
            server,  # type: ignore[arg-type]  # all of it that is asked
            "o",
            "7",
            clock=lambda: server.seconds,
            sleep=server.sleep,
        )
    ]
    grew = [update for update in updates if isinstance(update, LogGrew)]
    steps = [update.step.number for update in grew]
    read = {n: "".join(one.text for one in grew if one.step.number == n) for n in (100, 200)}
    sizes = {100: 1638, 200: 4204}
    assert read == {
        n: texts[n].encode()[:size].decode(errors="replace") for n, size in sizes.items()
    }
    assert steps == sorted(steps)
    assert len(steps) > 15
    assert not any(update.anew for update in grew)
    told = [short(update) for update in updates if not isinstance(update, LogGrew)]
    assert told == [
        *("queued", "running", "100 running", "200 pending", "100 completed", "200 running"),
        *("200 completed", "ended succeeded"),
    ]


def test_what_is_new_is_whole_lines_until_the_end() -> None:
    first = grown(Given(), "one\ntwo", complete=False)
    second = grown(first.given, "one\ntwo\nthree \N{REPLACEMENT CHARACTER}", complete=False)
    third = grown(second.given, "one\ntwo\nthree ä", complete=False)
    last = grown(third.given, "one\ntwo\nthree ä", complete=True)
    assert [one.text for one in (first, second, third, last)] == ["one\n", "two\n", "", "three ä"]
    assert not any(one.anew for one in (first, second, third, last))


def test_another_text_is_given_anew_and_none_is_no_news() -> None:
    given = grown(Given(), "one\ntwo\n", complete=False).given
    assert grown(given, "", complete=True).text == ""
    assert grown(given, "begun", complete=False).text == ""
    again = grown(given, "other\n", complete=False)
    assert (again.text, again.anew) == ("other\n", True)
    assert grown(again.given, "other\nmore\n", complete=True).text == "more\n"


async def test_a_text_that_was_replaced_is_told_anew(play: Play) -> None:
    server, job = play.server, play.job_id
    server.say(job, "one\ntwo\n")
    play.at(1, lambda: server.say(job, "from the start\n"))
    play.at(3, lambda: server.fail(job))
    told = await play.told()
    assert [line for line in told if "100" in line] == [
        "100 running",
        "100: 'one\\ntwo\\n'",
        "100 anew: 'from the start\\n'",
        "100 failed",
    ]
    assert told[-1] == "ended failed"


async def test_a_long_log_is_read_rarely_and_at_its_end(play: Play) -> None:
    server, job = play.server, play.job_id
    line = "x" * 99 + "\n"
    server.say(job, line * 100_000)  # 10 MB
    play.at(60, lambda: server.say(job, line * 100_001))
    play.at(
        200, lambda: server.say(job, line * 100_002), lambda: server.complete(job, changes=False)
    )
    grew = [len(one.text) async for one in play.follow() if isinstance(one, LogGrew)]
    assert grew == [10_000_000, 100, 100]
    # Every 40 seconds, not every two.
    assert server.count("step_log") == 6
    assert server.count("jobs") > 50


async def test_without_the_log_none_is_read(play: Play) -> None:
    play.at(5, lambda: play.server.complete(play.job_id))
    assert (await play.told(log=False))[-1] == "ended succeeded"
    assert play.server.count("step_log") == 0


async def test_a_log_too_large_to_be_read_is_said_once_and_the_job_followed_on(play: Play) -> None:
    failures: list[RemoteError] = [TooLargeError("too large", service="terrakube")]
    play.server.failures["step_log"] = failures
    play.at(9, lambda: play.server.complete(play.job_id, changes=False))
    told = await play.told()
    assert told.count("100 unread: too large") == 1
    assert told[-1] == "ended succeeded"
    assert play.server.count("step_log") == 1


def away(seconds: float | None = None) -> TemporaryRemoteError:
    return TemporaryRemoteError("answered 503", service="terrakube", retry_after=seconds)


async def test_a_server_that_is_away_for_a_while_is_waited_for(play: Play) -> None:
    server, job = play.server, play.job_id
    play.at(3, lambda: server.failures.update(jobs=[away() for _ in range(5)]))
    play.at(90, lambda: server.complete(job, changes=False))
    server.say(job, "one\n")
    told = await play.told()
    assert [line for line in told if line in {"back", "away: answered 503"}] == [
        "away: answered 503",
        "back",
    ]
    assert told[-1] == "ended succeeded"


async def test_trouble_with_the_log_alone_is_trouble_and_loses_nothing(play: Play) -> None:
    play.server.failures["step_log"] = [away(), away()]
    play.server.say(play.job_id, "one\n")
    play.at(20, lambda: play.server.complete(play.job_id, changes=False))
    told = await play.told()
    assert told[:5] == [
        "running",
        "100 running",
        "away: answered 503",
        "100: 'one\\n'",
        "150 pending",
    ]
    assert told[-1] == "ended succeeded"


async def test_pauses_grow_and_heed_what_the_server_asks_for(play: Play) -> None:
    play.server.failures["jobs"] = [*(away() for _ in range(4)), away(100), away()]
    looked: list[float] = []
    async with aclosing(play.follow()) as updates:
        async for update in updates:
            looked.append(play.seconds)
            if isinstance(update, Resumed):
                break
    assert looked[-1] == 2 + 4 + 8 + 16 + 100 + 30


async def test_after_minutes_it_is_given_up_and_said_that_the_job_may_go_on(play: Play) -> None:
    failures: list[RemoteError] = [away() for _ in range(100)]
    play.server.failures["jobs"] = failures
    with pytest.raises(TemporaryRemoteError) as raised:
        await play.told(patience=60)
    assert str(raised.value) == (
        f"job {play.job_id} is not followed any longer, as Terrakube has not answered for 60 s; "
        "the job may go on: answered 503"
    )


async def test_a_refusal_ends_it_at_once(play: Play) -> None:
    refused = NotAllowedError("the token expired", service="terrakube", status=401)
    play.at(3, lambda: play.server.failures.update(jobs=[refused]))
    with pytest.raises(NotAllowedError):
        await play.told()


async def test_a_job_that_somebody_deleted_is_missed(play: Play) -> None:
    play.at(3, lambda: play.server.delete(play.job_id))
    with pytest.raises(MissingError) as raised:
        await play.told()
    assert str(raised.value) == f"job {play.job_id} was deleted in Terrakube while it was followed"


async def test_a_job_missing_from_one_list_is_followed_on(play: Play) -> None:
    server, job = play.server, play.job_id
    play.at(3, lambda: server.hidden.add(job))
    play.at(30, server.hidden.clear)
    play.at(40, lambda: server.complete(job, changes=False))
    assert (await play.told())[-1] == "ended succeeded"


async def test_an_end_in_the_first_seconds_counts_when_it_is_seen_twice(play: Play) -> None:
    server = play.server
    play.job_id = add_job(server)
    server.fail(play.job_id)
    play.at(1, lambda: server.start(play.job_id))
    play.at(20, lambda: server.complete(play.job_id, changes=False))
    told = await play.told()
    assert told[0] == "running"
    assert told[-1] == "ended succeeded"


async def test_what_ran_when_it_was_cancelled_is_read_to_its_end(play: Play) -> None:
    server, job = play.server, play.job_id
    server.say(job, "one\n")
    play.at(3, lambda: server.say(job, "one\ntwo"), lambda: server.cancel(job))
    assert await play.told() == [
        "running",
        "100 running",
        "100: 'one\\n'",
        "150 pending",
        "200 pending",
        "100: 'two'",
        "100 cancelled",
        "150 cancelled",
        "200 cancelled",
        "ended cancelled",
    ]


async def test_steps_may_end_a_moment_after_their_job(play: Play) -> None:
    server, job = play.server, play.job_id

    def cancel() -> None:
        server.known[job] = replace(server.known[job], status=JobStatus.CANCELLED)

    play.at(3, cancel)
    play.at(4.5, lambda: server.cancel(job))
    assert (await play.told())[-2:] == ["200 cancelled", "ended cancelled"]


async def test_steps_that_never_end_do_not_hold_up_the_end(play: Play) -> None:
    server, job = play.server, play.job_id
    ended = replace(server.known[job], status=JobStatus.COMPLETED)
    play.at(3, lambda: server.known.update({job: ended}))
    assert (await play.told())[-1] == "ended succeeded"


async def test_terrakubes_own_limit_is_told(play: Play) -> None:
    play.clock.advance(timedelta(hours=5).total_seconds())
    play.at(3, lambda: play.server.expire(play.job_id))
    assert (await play.told())[-1] == "ended failed expired"


def test_the_clock_tells_the_time_and_goes_on() -> None:
    clock = steady_clock()
    assert 1.7e9 < clock() <= clock()
