"""What was promised against what is there, once the bridge has had time to finish."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from multidict import CIMultiDict
from sqlalchemy import Connection, RowMapping

from bridge.domain.deliveries import Delivery
from bridge.forges.gitea import receiving as gitea
from bridge.forges.github import receiving as github
from bridge.sandbox.forge.delivering import Attempt
from bridge.store.schema import delivery, post, run
from tests.bridge.store.rows import rows_in
from tests.chaos.towns import BRIDGE, Town, World

_READERS: Final[Mapping[str, Any]] = {
    "github": github.DeliveryReader(forge="github"),
    "code": gitea.DeliveryReader(forge="code"),
}
_MARKER: Final = re.compile(r"<!-- bridge:([0-9A-Za-z]+(?::[0-9]+)?) [0-9a-f]{32} -->")
_UNKNOWN: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What the bridge's database holds."""

    deliveries: Sequence[RowMapping]
    runs: Sequence[RowMapping]
    posts: Sequence[RowMapping]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much went on, so that nobody is proud of nothing."""

    acknowledged: int
    refused: int
    runs: int
    jobs: int
    comments: int
    edits: int
    statuses: int


def read_rows(connection: Connection) -> Rows:
    """Read everything that is compared."""
    return Rows(
        deliveries=rows_in(connection, delivery),
        runs=rows_in(connection, run),
        posts=rows_in(connection, post),
    )


def count(world: World, rows: Rows) -> Counts:
    """Say how much went on."""
    towns = world.towns.values()
    attempts = [one for town in towns for one in town.stand_in.office.attempts]
    requests = [seen for town in towns for seen in town.stand_in.requests]
    return Counts(
        acknowledged=sum(one.succeeded for one in attempts),
        refused=sum(not one.succeeded for one in attempts),
        runs=len(rows.runs),
        jobs=len(world.server.jobs()),
        comments=sum(len(list(_own_comments(town))) for town in towns),
        edits=sum(seen.method == "PATCH" and "comments" in seen.path for seen in requests),
        statuses=sum(seen.method == "POST" and "statuses" in seen.path for seen in requests),
    )


def deviations(world: World, rows: Rows) -> list[str]:
    """Say everything that is not, or not yet, as it was promised."""
    found = [*_of_runs(world, rows), *_of_posts(rows)]
    found += [f"Terrakube was asked what nobody plays: {one}" for one in world.server.unexpected]
    for town in world.towns.values():
        found += _of_deliveries(town, rows)
        found += _of_pull_requests(town, world)
        found += _of_pushes(town, world)
        found += _of_statuses(town)
        found += [f"{town.name} was surprised: {one}" for one in town.stand_in.surprises]
    return found


def _of_deliveries(town: Town, rows: Rows) -> Iterator[str]:
    mine = [row for row in rows.deliveries if row["source"] == town.name]
    for row in mine:
        if row["outcome"] not in {"done", "ignored"}:
            yield f"delivery {town.name} {row['key']} is {row['outcome']}: {row['reason']}"
    keys = {row[name] for row in mine for name in ("key", "body_hash", "semantic_key")}
    for attempt in town.stand_in.office.attempts:
        # 200 is for what the bridge has no use for.
        if attempt.status_code == 202 and not keys.intersection(_names(town, attempt)):
            yield f"delivery {town.name} {attempt.guid} was acknowledged and is lost"


def _names(town: Town, attempt: Attempt) -> Iterator[str]:
    """List everything a repeat may have been recognised by."""
    yield attempt.guid
    yield hashlib.sha256(attempt.body).hexdigest()
    read = _READERS[town.name].read_delivery(CIMultiDict(attempt.headers), attempt.body, _UNKNOWN)
    if isinstance(read, Delivery) and read.semantic_key:
        yield read.semantic_key


def _of_runs(world: World, rows: Rows) -> Iterator[str]:
    jobs = world.server.jobs()
    keys = Counter((job.comments or "").split(" ", 1)[0] for job in jobs)
    numbers = Counter(row["job_id"] for row in rows.runs if row["job_id"])
    for key, times in keys.items():
        if times != 1:
            yield f"{times} jobs say {key}"
    for job in jobs:
        if numbers[str(job.id)] != 1:
            yield f"job {job.id} ({job.comments}) belongs to {numbers[str(job.id)]} runs"
        if job.is_open:
            yield f"job {job.id} is {job.status}"
    known = {str(job.id) for job in jobs}
    for row in rows.runs:
        if row["phase"] != "finished":
            yield f"run {row['id']} is {row['phase']}, {row['state']}: {row['last_error']}"
        if row["job_id"] and row["job_id"] not in known:
            yield f"run {row['id']} has job {row['job_id']}, which is not there"


def _of_posts(rows: Rows) -> Iterator[str]:
    for row in rows.posts:
        if row["dead"]:
            yield f"post {row['key']} was set aside: {row['last_error']}"
        elif row["revision"] != row["sent_revision"]:
            yield f"post {row['key']} says something older: {row['last_error']}"


def _of_pull_requests(town: Town, world: World) -> Iterator[str]:
    repository = town.stand_in.world.repository(town.slug)
    for one in repository.pull_requests:
        for folder in sorted(town.folders[one.number]):
            times = _jobs(world, town, folder, one.head_sha)
            if not 1 <= times <= 1 + town.commands[one.number]:
                yield f"{times} jobs of {town.name} #{one.number} {folder} at {one.head_sha[:8]}"
        aggregate = town.stand_in.statuses(town.slug, one.head_sha).get("terrakube/plan")
        if aggregate is None:
            yield f"{town.name} #{one.number} has no aggregate status at {one.head_sha[:8]}"
        markers = Counter(_markers(town, one.number))
        if not markers:
            yield f"{town.name} #{one.number} has no comment"
        for marker, times in markers.items():
            if times != 1:
                yield f"{town.name} #{one.number} has {times} comments {marker}"


def _of_pushes(town: Town, world: World) -> Iterator[str]:
    order = {sha: at for at, sha in enumerate(town.pushed)}
    for sha, folder in town.pushed.items():
        times = _jobs(world, town, folder, sha)
        # A push that came late, or was not told of, is made up for by the one after it.
        later = any(_jobs(world, town, folder, one) for one in order if order[one] > order[sha])
        if times > 1 or (times == 0 and not later and _was_told(town, sha)):
            yield f"{times} jobs of the push {town.name} {sha[:8]} to {folder}"
    for folder in sorted(set(town.pushed.values())):
        ran = [
            order[job.commit_id or ""]
            for job in world.server.jobs()
            if job.workspace.name == f"{town.name}-{folder}" and job.commit_id in order
        ]
        if ran != sorted(ran):
            yield f"pushes to {town.name} {folder} ran in the order {ran}"


def _was_told(town: Town, sha: str) -> bool:
    return any(
        attempt.event == "push"
        and attempt.status_code == 202
        and json.loads(attempt.body)["after"] == sha
        for attempt in town.stand_in.office.attempts
    )


def _of_statuses(town: Town) -> Iterator[str]:
    repository = town.stand_in.world.repository(town.slug)
    for sha in repository.statuses:
        for context, state in town.stand_in.statuses(town.slug, sha).items():
            if state == "pending":
                yield f"status {context} of {town.name} {sha[:8]} is pending"


def _jobs(world: World, town: Town, folder: str, sha: str) -> int:
    name = f"{town.name}-{folder}"
    return sum(job.workspace.name == name and job.commit_id == sha for job in world.server.jobs())


def _markers(town: Town, number: int) -> Iterator[str]:
    for issue, body in _own_comments(town):
        found = _MARKER.match(body)
        if issue == number:
            yield found[1] if found else f"without a marker: {body[:80]!r}"


def _own_comments(town: Town) -> Iterator[tuple[int, str]]:
    for issue in town.stand_in.world.repository(town.slug).issues.values():
        for comment in issue.comments:
            if comment.account and comment.account.login == BRIDGE:
                yield issue.number, comment.body
