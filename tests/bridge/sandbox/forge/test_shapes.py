"""Deliveries have the fields that recorded ones have.

The recordings are kept beside this project and are not part of it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.merging import merge_pull_request
from bridge.sandbox.forge.reviewing import review_pull_request
from tests.bridge.sandbox.forge.people import INFRA, Place
from tests.bridge.sandbox.forge.receiving import Receiver

PAYLOADS = Path(__file__).parents[5] / "shared" / "payloads"

# By the recording: the delivery it is compared with. Of GitHub's those that pass its present
# schema (forges.md, section 12); of the others those with the most fields.
GITHUB = {
    "push_forced.json": "push",
    "push_tag_create.json": "push",
    "pull_request.opened.json": "pull_request.opened",
    "pull_request.closed.merged.json": "pull_request.closed",
    "pull_request.reopened.json": "pull_request.opened",
    "pull_request.synchronize.json": "pull_request.synchronize",
    "issue_comment.created.pr_member.json": "issue_comment.created",
    "ping.json": "ping",
    "pull_request_review.submitted.json": "pull_request_review.submitted",
}
FORGEJO = {
    "forgejo/push.json": "push",
    "forgejo/pull_request.synchronized.fork.json": "pull_request.synchronized",
    "forgejo/issue_comment.pr.json": "issue_comment.created",
    "gitea/create_tag.json": "create",
    "gitea/pull_request.reviewed.approved.json": "pull_request_approved.reviewed",
}

# What only some deliveries have, and what is inside of what only some repositories have.
OPTIONAL = {"installation", "enterprise", "organization", "master_branch", "stargazers"}
NOT_LOOKED_INTO = {
    *OPTIONAL, "license", "parent", "assignee", "requested_reviewers", "labels", "milestone",
    "verification",
}  # fmt: skip


def fields(value: object, where: str = "") -> Iterator[str]:
    """List the fields of a document by their names, those of lists by the first item's."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield f"{where}{name}"
            yield from fields(inner, f"{where}{name}.")
    if isinstance(value, list) and value:
        yield from fields(value[0], f"{where.removesuffix('.')}[].")


def missing(recorded: object, made: object) -> list[str]:
    """List what a recording has and a delivery has not, where there is something to compare."""
    have = set(fields(made))
    nothing = {name for name, value in _leaves(made) if value in (None, [], {})}
    return sorted(
        name
        for name in set(fields(recorded)) - have
        if not any(name.startswith((f"{empty}.", f"{empty}[]")) for empty in nothing)
        and not _is_left_out(name)
    )


def _leaves(value: object, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield f"{where}{name}", inner
            yield from _leaves(inner, f"{where}{name}.")
    if isinstance(value, list) and value:
        yield from _leaves(value[0], f"{where.removesuffix('.')}[].")


def _is_left_out(name: str) -> bool:
    *around, last = [part.removesuffix("[]") for part in name.split(".")]
    return last in OPTIONAL or not NOT_LOOKED_INTO.isdisjoint(around)


async def deliveries(place: Place, receiver: Receiver) -> dict[str, Any]:
    """Let everything happen once, and return the deliveries by their labels."""
    forge, world = place.forge, place.forge.world
    if place.flavour is Flavour.GITHUB:
        events = ["*"]
        config = {"url": receiver.url, "content_type": "json", "secret": "x"}
        await place.bridge.ask(f"POST /repos/{INFRA}/hooks", {"events": events, "config": config})
    else:
        config = {"url": receiver.url, "content_type": "json", "secret": "x"}
        events = ["create", "delete", "push", "pull_request"]
        body = {"type": "gitea", "active": True, "events": events, "config": config}
        await place.bridge.ask(f"POST /repos/{INFRA}/hooks", body)
    copy = await forge.fork(INFRA, "carol")
    await forge.commit(copy.slug, "feature", {"network/main.tf": "x\n"}, author="carol")
    pull = await forge.open_pull_request(INFRA, "feature", author="carol", fork=copy)
    await forge.commit(copy.slug, "feature", {"network/main.tf": "y\n"}, author="carol")
    await forge.comment(INFRA, 1, "hi", author="alice")
    alice = forge.account("alice")
    await review_pull_request(world, pull, actor=alice, state="APPROVED", body="fine")
    await merge_pull_request(world, pull, actor=alice)
    sha = await world.repository(INFRA).git.tip("main")
    assert sha
    await forge.tag(INFRA, "v1", sha)
    await forge.commit(INFRA, "main", {"a.tf": "x\n"})
    await forge.settled()
    return {one.label: one.payload for one in receiver.received}


@pytest.mark.skipif(not PAYLOADS.exists(), reason=f"../shared is absent: {len(GITHUB)} recordings")
async def test_githubs_deliveries_have_the_fields_of_recorded_ones(
    github: Place, receiver: Receiver
) -> None:
    made = await deliveries(github, receiver)
    lacking = {
        name: missing(json.loads((PAYLOADS / "github" / name).read_text()), made[label])
        for name, label in GITHUB.items()
    }
    assert lacking == {name: [] for name in GITHUB}


@pytest.mark.skipif(not PAYLOADS.exists(), reason=f"../shared is absent: {len(FORGEJO)} recordings")
async def test_forgejos_deliveries_have_the_fields_of_recorded_ones(
    forgejo: Place, receiver: Receiver
) -> None:
    made = await deliveries(forgejo, receiver)
    lacking = {
        name: missing(json.loads((PAYLOADS / name).read_text()), made[label])
        for name, label in FORGEJO.items()
    }
    assert lacking == {name: [] for name in FORGEJO}
