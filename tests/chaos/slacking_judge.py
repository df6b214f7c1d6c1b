"""What was promised to people in Slack against what is there, once the bridge could finish."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, RowMapping

from bridge.domain.access import SLACK
from bridge.domain.chat import slack_user_of
from bridge.store.schema import audit, decision, delivery, post, run, run_link
from tests.bridge.store.rows import rows_in
from tests.chaos.slacking_messages import listen, of_messages
from tests.chaos.slacking_people import TYPE_NAME
from tests.chaos.slacking_reading import (
    ANSWERS,
    action_of,
    is_kept,
    key_of,
    named,
    trigger_of,
    user_of,
)
from tests.chaos.slacking_town import Town

_SENT: Final = {"approve": "approved", "reject": "rejected", "cancel": "cancelled"}
_BEFORE_JOBS: Final = frozenset({"cancelled", "superseded"})
"""How runs may end that have no job."""

_WORDS: Final = re.compile("^(approve|reject|cancel) ")
"""How what is audited of a command begins; of a button it is the run's verb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What the bridge's database holds."""

    deliveries: Sequence[RowMapping]
    runs: Sequence[RowMapping]
    links: Sequence[RowMapping]
    posts: Sequence[RowMapping]
    decisions: Sequence[RowMapping]
    audits: Sequence[RowMapping]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much went on, so that nobody is proud of nothing.

    Attributes:
        acknowledged: Commands, mentions, clicks and forms.
        unheard: Those that nobody acknowledged.
        decisions: Answers that Terrakube was given.
        twice: Messages, whispers and files that came once more, as the bridge died when Slack took
            them: only it could tell, and it is better to say something twice than never.
    """

    kills: int
    acknowledged: int
    unheard: int
    runs: int
    jobs: int
    decisions: int
    messages: int
    files: int
    twice: int
    edits: int
    whispers: int


def read_rows(connection: Connection) -> Rows:
    """Read everything that is compared."""
    return Rows(
        deliveries=[row for row in rows_in(connection, delivery) if row["source"] == SLACK],
        runs=rows_in(connection, run),
        links=rows_in(connection, run_link),
        posts=[row for row in rows_in(connection, post) if row["forge"] == SLACK],
        decisions=rows_in(connection, decision),
        audits=rows_in(connection, audit),
    )


def count(town: Town, rows: Rows) -> Counts:
    """Say how much went on."""
    said = listen(town, rows.posts)
    told = [one for one in town.slack.office.deliveries if is_kept(one)]
    return Counts(
        kills=len(town.deaths),
        acknowledged=sum(one.acked for one in told),
        unheard=sum(not one.acked for one in told),
        runs=len(rows.runs),
        jobs=len(town.server.jobs()),
        decisions=sum(_answered(town).values()),
        messages=len(said.messages),
        files=said.files,
        twice=len(said.again),
        edits=len(town.slack.calls("chat.update")),
        whispers=sum(len(one.ephemerals) for one in town.channels),
    )


def deviations(town: Town, rows: Rows) -> list[str]:
    """Say everything that is not, or not yet, as it was promised."""
    return [
        *_of_deliveries(town, rows),
        *_of_jobs(town, rows),
        *_of_decisions(town, rows),
        *_of_audits(town, rows),
        *of_messages(town, rows.runs, rows.links, listen(town, rows.posts)),
        *_of_posts(rows),
        *_of_surprises(town),
    ]


def _of_deliveries(town: Town, rows: Rows) -> Iterator[str]:
    for row in rows.deliveries:
        if row["outcome"] != "done":
            yield f"{row['kind']} {row['key']} is {row['outcome']}: {row['reason']}"
    kept = {row["key"] for row in rows.deliveries}
    for told in town.slack.office.deliveries:
        if told.acked and is_kept(told) and key_of(told) not in kept:
            yield f"{named(told)} was acknowledged and is lost"
    answered = _answered_triggers(rows)
    for told in town.slack.office.deliveries:
        is_lost = is_kept(told) and key_of(told) in kept and trigger_of(told) not in answered
        # Of buttons that answer to jobs the audit tells.
        if is_lost and action_of(told) in {"", TYPE_NAME}:
            yield f"{named(told)} led to nothing"


def _answered_triggers(rows: Rows) -> set[str]:
    """Name everything that somebody did from which something followed."""
    slots = {json.loads(row["target"])["slot"].partition("|")[0] for row in rows.posts}
    groups = {row["report"].split(":", 4)[-1] for row in rows.links}
    return slots | groups | {row["trigger"] for row in rows.runs}


def _of_jobs(town: Town, rows: Rows) -> Iterator[str]:
    jobs = town.server.jobs()
    keys = Counter((job.comments or "").split(" ", 1)[0] for job in jobs)
    yield from (f"{times} jobs say {key}" for key, times in keys.items() if times != 1)
    numbers = Counter(row["job_id"] for row in rows.runs if row["job_id"])
    for job in jobs:
        if numbers[str(job.id)] != 1:
            yield f"job {job.id} ({job.comments}) belongs to {numbers[str(job.id)]} runs"
        if job.is_open:
            yield f"job {job.id} in {job.workspace.name} is {job.status}"
    known = {str(job.id) for job in jobs}
    for row in rows.runs:
        if row["phase"] != "finished":
            yield f"run {row['id']} is {row['phase']}, {row['state']}: {row['last_error']}"
        if row["job_id"] and row["job_id"] not in known:
            yield f"run {row['id']} has job {row['job_id']}, which is not there"
        if row["verb"] == "job":
            yield f"job {row['job_id']} was taken for somebody else's"
        # Of a pull request that has moved on meanwhile nothing is applied.
        ends = _BEFORE_JOBS if row["pull_request"] is None else {*_BEFORE_JOBS, "error"}
        if not row["job_id"] and row["state"] not in ends:
            yield f"run {row['id']} is {row['state']} without a job"
    asked = Counter(row["trigger"] for row in rows.runs if row["trigger"].startswith(SLACK))
    yield from (f"{times} runs of {one}" for one, times in asked.items() if times != 1)


def _of_decisions(town: Town, rows: Rows) -> Iterator[str]:
    jobs = {row["id"]: row["job_id"] or "none" for row in rows.runs}
    wanted: Counter[tuple[str, str]] = Counter()
    for row in rows.decisions:
        if row["phase"] in {"claimed", "sent"} and row["answer"] != "cancel":
            yield f"{row['answer']} of run {row['run_id']} is {row['phase']}"
        if row["phase"] != "void":
            wanted[jobs[row["run_id"]], row["answer"]] += 1
    given = _answered(town)
    for job, answer in sorted({*wanted, *given}):
        made, sent = wanted[job, answer], given[job, answer]
        if sent > made or (sent < made and answer != "cancel"):
            yield f"{answer} of job {job}: decided {made} times, sent {sent} times"


def _answered(town: Town) -> Counter[tuple[str, str]]:
    """Count the answers that jobs were given, by job and answer."""
    found: Counter[tuple[str, str]] = Counter()
    for one in town.doors.passed:
        job = re.fullmatch(r"PATCH .*/organization/[^/]+/job/([0-9]+)", one.line)
        if one.door == "terrakube" and job and one.status < 300:
            status = json.loads(one.body)["data"]["attributes"]["status"]
            found.update((job[1], name) for name, said in _SENT.items() if said == status)
    return found


def _of_audits(town: Town, rows: Rows) -> Iterator[str]:
    """Compare clicks and what is written down of them, by who clicked what."""
    kept = {row["key"]: row["outcome"] for row in rows.deliveries}
    done = {key_of(one): one for one in town.slack.office.deliveries if is_kept(one)}
    clicks: Counter[tuple[str, str]] = Counter()
    doubtful: Counter[tuple[str, str]] = Counter()
    for key, told in done.items():
        user, action = user_of(told), action_of(told)
        if kept.get(key) != "done" or not action:
            continue
        # A form is opened without a word in the audit, unless somebody may not have it.
        (doubtful if action == TYPE_NAME else clicks)[user, ANSWERS.get(action, "approve")] += 1
    found = Counter(
        (slack_user_of(row["actor"]), row["action"].removesuffix(".requested"))
        for row in rows.audits
        if row["door"] == SLACK
        and row["action"] in {f"{one}.requested" for one in ANSWERS.values()}
        and not _WORDS.match(row["detail"])
    )
    for one in sorted({*clicks, *doubtful, *found}):
        if not clicks[one] <= found[one] <= clicks[one] + doubtful[one]:
            yield f"{one[0]} clicked {one[1]} {clicks[one]} times, audited are {found[one]}"
    approved = Counter(
        row["subject"] for row in rows.audits if re.fullmatch(r"\w+\.approved", row["action"])
    )
    for row in rows.decisions:
        times = approved[row["run_id"]]
        if row["answer"] == "approve" and row["phase"] == "confirmed" and times != 1:
            yield f"approval of run {row['run_id']} is audited {times} times"


def _of_posts(rows: Rows) -> Iterator[str]:
    for row in rows.posts:
        if row["dead"]:
            yield f"post {row['key']} was set aside: {row['last_error']}"
        elif row["revision"] != row["sent_revision"]:
            yield f"post {row['key']} says something older: {row['last_error']}"
        elif row["content"] and not any(one["hash"] for one in json.loads(row["parts"])):
            yield f"post {row['key']} was never said"


def _of_surprises(town: Town) -> Iterator[str]:
    yield from (f"Slack was surprised: {one}" for one in town.slack.surprises)
    yield from (f"Slack was asked again too soon: {one}" for one in town.slack.hasty)
    yield from (f"Terrakube was surprised: {one}" for one in town.server.unexpected)
    yield from (f"the forge was surprised: {one}" for one in town.forge.surprises)
