"""Following, fed with every recorded timeline of both versions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decisions.following import (
    LIMIT,
    OLD_INTERVAL,
    SECOND_LOOK,
    TICK,
    WAITING_INTERVAL,
    YOUNG,
    Followed,
    Look,
    Sight,
    changes_of,
    conclusion_of,
    follow,
    has_ticked,
    is_expired,
    look_interval,
    next_tick,
)
from bridge.domain.runs import CONCLUDED, RunState
from bridge.domain.terrakube import TERMINAL, Job, JobStatus, Step
from tests import recorded

QUEUED, RUNNING, WAITING = RunState.QUEUED, RunState.RUNNING, RunState.WAITING
SUCCEEDED, FAILED = RunState.SUCCEEDED, RunState.FAILED
REJECTED, CANCELLED = RunState.REJECTED, RunState.CANCELLED

# What people are told of each job, in order; "queued" they know from the start.
RAN = (RUNNING, SUCCEEDED)
BROKE = (RUNNING, FAILED)
AT_ONCE = (FAILED,)
ASKED = (RUNNING, WAITING, RUNNING, SUCCEEDED)
TOLD: dict[str, Sequence[tuple[RunState, ...]]] = {
    "after_cancel_of_blockers": [(SUCCEEDED,)],
    "after_cancel_of_unknown_type": [RAN],
    "after_cancel_while_apply_runs": [(CANCELLED,)],
    "after_unlock": [RAN, RAN],
    "after_unlock_midway": [RAN],
    "apply_fails_midway": [BROKE],
    "approval_without_team": [ASKED],
    "approved_by_approval_team": [ASKED],
    "behind_waiting_approval": [(WAITING,), RAN, ()],
    "bogus_template_id": [(), ()],
    "cancel_while_apply_runs": [(RUNNING, CANCELLED)],
    "cancelled_waiting_approval": [(RUNNING, WAITING, CANCELLED)],
    "commit_of_other_branch": [RAN],
    "commit_short": [RAN],
    "commit_unknown": [AT_ONCE],
    "concurrent_creates_one_workspace": [RAN, RAN, RAN, RAN],
    "created_with_planchanges_false": [()],
    "destroy": [RAN],
    "executor_back": [RAN],
    "executor_down": [()],
    "executor_killed_while_apply_runs": [BROKE],
    "expiry_six_hours": [AT_ONCE],
    "failed_branch_missing": [AT_ONCE],
    "failed_folder_missing": [AT_ONCE],
    "failed_incomplete_sensitive_variable": [AT_ONCE],
    "failed_plan_error": [BROKE],
    "failed_repository_missing": [AT_ONCE],
    "failed_syntax_error": [BROKE],
    "large_600_resources": [RAN],
    "local_execution_mode": [RAN],
    "lock_while_plan_runs": [(RUNNING,)],
    "locked_workspace_blocks_others": [(), ()],
    "log_growth_plan_and_apply": [RAN],
    "mixed_plan_and_apply": [RAN],
    "no_changes_plan_and_apply": [RAN],
    "no_template_no_tcl": [AT_ONCE],
    "override_branch_refs_tags": [AT_ONCE],
    "override_branch_tag": [RAN],
    "patched_right_after_create": [RAN],
    "plan_approve_apply_with_changes": [ASKED],
    "plan_mixed_feature_branch": [RAN],
    "plan_no_changes": [RAN],
    "plan_with_script": [RAN],
    "refresh_false_commit": [RAN],
    "refresh_only": [RAN],
    "rejected": [(RUNNING, WAITING, REJECTED)],
    "rejected_with_onreject": [(RUNNING, WAITING, REJECTED)],
    "source_file_url": [RAN],
    "target_addrs": [RAN],
    "tcl_not_base64": [AT_ONCE],
    "template_broken_yaml": [AT_ONCE],
    "template_empty_flow": [AT_ONCE],
    "template_id_not_uuid": [(), ()],
    "template_of_other_organization": [RAN],
    "template_unknown_property": [AT_ONCE],
    "template_unknown_type": [(), RAN],
    "unknown_type_blocks_others": [(), ()],
    "via_github_without_vcs": [RAN],
    "via_github_without_vcs_plan_and_apply": [RAN],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What one look at a job showed; *at* in milliseconds since its POST."""

    at: int
    job: Job


def timeline(name: str) -> list[list[Poll]]:
    """Read a timeline: for each of its jobs what was seen, and when."""
    found = recorded.document(name)
    rows = [row for row in found["rows"] if row[1] != "(stopped watching)"]
    if isinstance(rows[0][2] if len(rows[0]) > 2 else [], str):
        jobs = len(found["columns"]) - 1
        return [[poll(row[0], row[1 + at], []) for row in rows] for at in range(jobs)]
    return [[poll(row[0], row[1], row[2:]) for row in rows]]


def poll(seconds: float, status: str, rest: Sequence[Any]) -> Poll:
    steps = rest[0] if rest and is_steps(rest[0]) else [one[:2] for one in rest if one]
    pairs = [one.split(":") if isinstance(one, str) else one for one in steps]
    return Poll(
        at=int(seconds * 1000),
        job=a_job(status, *[(int(number), str(state)) for number, state in pairs]),
    )


def is_steps(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str | list) and one for one in value)


def a_job(status: str, *steps: tuple[int, str]) -> Job:
    return Job(
        id="1",
        status=status,
        organization_id="o",
        steps=tuple(
            Step(id=f"s{number}", number=number, name="", status=state) for number, state in steps
        ),
    )


FRESH = Followed(status="", steps=(), state=QUEUED, posted_at=0, changed_at=0)


def looks(polls: Sequence[Poll], start: Followed = FRESH) -> Iterator[Look]:
    """Fold what was seen; what was seen last is seen again until it counts."""
    followed = start
    look = None
    for one in polls:
        look = follow(followed, one.job, one.at)
        followed = look.followed
        yield look
        if look.sight is Sight.ENDED:
            return
    while look and look.again_at is not None:
        look = follow(followed, polls[-1].job, look.again_at)
        followed = look.followed
        yield look


def told(polls: Sequence[Poll]) -> tuple[RunState, ...]:
    return tuple(look.followed.state for look in looks(polls) if look.told)


def every(interval: int, polls: Sequence[Poll]) -> list[Poll]:
    """Look at regular moments instead: one sees what was seen last before each."""
    last = polls[-1].at
    moments = range(polls[0].at + interval // 2, last + 2 * interval, interval)
    return [
        replace([one for one in polls if one.at <= moment][-1], at=moment) for moment in moments
    ]


NAMES = recorded.names("timelines/*.json")
# Where 2.32 differs from 2.33.
STABLE: dict[str, Sequence[tuple[RunState, ...]]] = {
    "after_poke_midway": [RAN],
    "after_unlock_midway": [(RUNNING,)],
    "bogus_template_and_other": [(), (), RAN],
    "executor_down": [AT_ONCE],
    "executor_killed_while_apply_runs": [(RUNNING,)],
    "locked_workspace_and_other": [(), RAN],
    "rejected": [(RUNNING, WAITING, REJECTED)],
    "three_workspaces_at_once": [RAN, RAN, RAN],
    "via_github_without_vcs_plan_and_apply": [(RUNNING,)],
}


def expected(name: str) -> Sequence[tuple[RunState, ...]]:
    short = name.rpartition("/")[2]
    return STABLE[short] if name.startswith("stable") and short in STABLE else TOLD[short]


@pytest.mark.parametrize("name", NAMES)
def test_each_state_is_told_once_and_the_end_is_right(name: str) -> None:
    assert [told(polls) for polls in timeline(name)] == list(expected(name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("interval", [700, TICK, 9_000])
def test_seldom_looks_miss_states_but_tell_nothing_else(name: str, interval: int) -> None:
    for polls, all_told in zip(timeline(name), expected(name), strict=True):
        heard = told(every(interval, polls))
        rest = iter(all_told)
        assert all(state in rest for state in heard), heard
        assert heard[-1:] == all_told[-1:] or not set(all_told) & CONCLUDED


def test_a_young_job_that_reads_failed_for_a_moment_has_not_failed() -> None:
    """Recorded after a PATCH in its first second: it ran and completed."""
    (polls,) = timeline("timelines/patched_right_after_create")
    assert "failed" in [one.job.status for one in polls]
    sights = [look.sight for look in looks(polls)]
    assert sights.count(Sight.DOUBTFUL) >= 1
    assert sights[-1] is Sight.ENDED


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_an_early_end_counts_when_it_is_seen_twice(status: str) -> None:
    first = follow(FRESH, a_job(status), 500)
    assert (first.sight, first.told, first.again_at) == (Sight.DOUBTFUL, False, 500 + SECOND_LOOK)
    assert first.followed.state is QUEUED
    too_soon = follow(first.followed, a_job(status), 1_000)
    assert (too_soon.sight, too_soon.again_at) == (Sight.DOUBTFUL, 500 + SECOND_LOOK)
    second = follow(too_soon.followed, a_job(status), 500 + SECOND_LOOK)
    assert (second.sight, second.told) == (Sight.ENDED, True)
    assert second.followed.state is conclusion_of(status)


def test_another_early_end_is_doubted_anew() -> None:
    first = follow(FRESH, a_job("failed"), 500)
    other = follow(first.followed, a_job("completed"), 5_000)
    assert (other.sight, other.again_at) == (Sight.DOUBTFUL, 5_000 + SECOND_LOOK)


def test_a_late_end_counts_at_once() -> None:
    look = follow(FRESH, a_job("completed", (100, "completed")), YOUNG)
    assert (look.sight, look.told, look.followed.state) == (Sight.ENDED, True, SUCCEEDED)


def test_a_job_that_goes_on_after_an_early_end_is_followed_on() -> None:
    doubtful = follow(FRESH, a_job("failed"), 500).followed
    look = follow(doubtful, a_job("running"), 1_000)
    assert (look.sight, look.told, look.followed.state) == (Sight.OPEN, True, RUNNING)
    assert look.followed.ended_seen_at is None


def test_a_missing_job_is_asked_for_by_itself_after_two_looks() -> None:
    running = follow(FRESH, a_job("running"), 1_000).followed
    first = follow(running, None, 4_000)
    assert (first.sight, first.again_at, first.told) == (
        Sight.DOUBTFUL,
        4_000 + SECOND_LOOK,
        False,
    )
    assert follow(first.followed, None, 5_000).sight is Sight.DOUBTFUL
    second = follow(first.followed, None, 4_000 + SECOND_LOOK)
    assert (second.sight, second.followed.state) == (Sight.MISSING, RUNNING)


def test_a_job_that_comes_back_was_never_missing() -> None:
    absent = follow(FRESH, None, 4_000).followed
    back = follow(absent, a_job("running"), 5_000)
    assert (back.sight, back.followed.absent_seen_at) == (Sight.OPEN, None)
    assert follow(back.followed, None, 9_000).sight is Sight.DOUBTFUL


def test_a_word_of_a_newer_server_is_an_open_job() -> None:
    look = follow(FRESH, a_job("hibernating"), 1_000)
    assert (look.sight, look.told, look.followed.state) == (Sight.OPEN, False, QUEUED)
    started = follow(look.followed, a_job("hibernating", (100, "dreaming")), 2_000)
    assert (started.told, started.followed.state) == (True, RUNNING)


def test_pending_between_steps_is_no_new_start() -> None:
    waiting = follow(FRESH, a_job("waitingApproval", (100, "completed")), 9_000).followed
    look = follow(waiting, a_job("pending", (100, "completed"), (150, "completed")), 10_000)
    assert look.followed.state is RUNNING
    assert follow(waiting, a_job("pending"), 10_000).followed.state is RUNNING


def test_what_stays_the_same_changes_nothing() -> None:
    once = follow(FRESH, a_job("running", (100, "running")), 1_000).followed
    again = follow(once, a_job("running", (100, "running")), 4_000)
    assert again == Look(followed=once, sight=Sight.OPEN)
    assert (once.changed_at, once.started_at) == (1_000, 1_000)


STATUSES = [status.value for status in JobStatus] + ["dreaming"]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 20_000),
            st.none() | st.sampled_from(STATUSES),
            st.sampled_from(["pending", "running", "completed", "failed"]),
        ),
        max_size=30,
    )
)
def test_whatever_a_server_shows_a_state_is_told_only_when_it_is_another(
    polls: list[tuple[int, str | None, str]],
) -> None:
    followed, now = FRESH, 0
    for passed, status, step in polls:
        now += passed
        job = None if status is None else a_job(status, (100, step))
        look = follow(followed, job, now)
        assert look.told is (look.followed.state is not followed.state)
        assert (look.again_at is not None) is (look.sight is Sight.DOUBTFUL)
        assert (look.followed.state in CONCLUDED) is (look.sight is Sight.ENDED)
        if look.sight is Sight.ENDED:
            return
        followed = look.followed


@pytest.mark.parametrize(
    ("status", "plan_changes", "changes"),
    [
        ("completed", True, True),
        ("completed", False, False),
        ("noChanges", True, False),
        ("failed", True, None),
        ("failed", False, None),
        ("running", True, None),
    ],
)
def test_changes_are_known_when_a_job_completed(
    status: str,
    plan_changes: bool,  # noqa: FBT001 - a column of the table
    changes: bool | None,  # noqa: FBT001 - a column of the table
) -> None:
    assert changes_of(replace(a_job(status), plan_changes=plan_changes)) is changes


MADE = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "expired"),
    [
        ({"updated_at": MADE + 6 * HOURS}, True),
        ({"updated_at": MADE + 6 * HOURS, "output": " Step a1b2 completed\n"}, True),
        ({"updated_at": MADE + 6 * HOURS, "output": "Run blocked because"}, False),
        ({"updated_at": MADE + 5 * HOURS}, False),
        ({"updated_at": MADE + 6 * HOURS, "status": "cancelled"}, False),
        ({"updated_at": None}, True),
        ({"created_at": None, "updated_at": None}, True),
    ],
)
def test_only_a_late_failure_without_a_word_is_the_time_limit(
    changes: dict[str, object],
    expired: bool,  # noqa: FBT001 - a column of the table
) -> None:
    fields = {"created_at": MADE, **changes}
    job = replace(a_job("failed"), **fields)  # type: ignore[arg-type]  # fields of a job
    posted_at = int(MADE.timestamp() * 1000)
    assert is_expired(job, posted_at=posted_at, now=posted_at + LIMIT) is expired


@pytest.mark.parametrize(
    ("state", "age", "quiet", "interval"),
    [
        (QUEUED, 0, 0, TICK),
        (RUNNING, 20_000, 11_999, TICK),
        (RUNNING, 30_000, 12_000, 6_000),
        (RUNNING, 60_000, 30_000, 9_000),
        (RUNNING, 600_000, 60_000, 15_000),
        (RUNNING, 600_000, 0, TICK),
        (WAITING, 600_000, 0, WAITING_INTERVAL),
        (WAITING, 24 * 3_600_000, 0, OLD_INTERVAL),
        (RUNNING, 24 * 3_600_000, 0, OLD_INTERVAL),
    ],
)
def test_a_quiet_job_is_looked_at_more_seldom(
    state: RunState, age: int, quiet: int, interval: int
) -> None:
    now = 1_000_000_000_000
    found = look_interval(state, posted_at=now - age, changed_at=now - quiet, now=now)
    assert found == interval
    assert found % TICK == 0


@given(
    interval=st.sampled_from([TICK, 6_000, 15_000, WAITING_INTERVAL]),
    now=st.integers(0, 10**13),
    offset=st.integers(0, 10**6),
    passed=st.integers(0, 10**6),
)
def test_ticks_of_an_organization_fall_together(
    interval: int, now: int, offset: int, passed: int
) -> None:
    tick = next_tick(interval, now, offset=offset)
    assert now < tick <= now + interval
    assert (tick - offset) % TICK == 0
    assert has_ticked(interval, now, now + passed, offset=offset) is (
        next_tick(interval, now - 1, offset=offset) <= now + passed
    )
