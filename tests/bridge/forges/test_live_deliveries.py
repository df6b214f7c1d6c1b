"""A real push and a real comment, signed by a whole forge, become the event they should be."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import SignatureError
from bridge.domain.events import (
    BranchPushed,
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    Event,
    MergeQueueChecked,
    MergeQueueLeft,
    PullRequestClosed,
    PullRequestDrafted,
    PullRequestEvent,
    PullRequestOpened,
    PullRequestReady,
    PullRequestReopened,
    PullRequestRetargeted,
    PullRequestReviewed,
    PullRequestUpdated,
    RefDeleted,
    TagPushed,
)
from bridge.forges.signatures import hook_secret
from bridge.ports import Ignored
from bridge.sandbox.forge.commenting import add_issue, delete_comment, edit_comment
from bridge.sandbox.forge.merging import merge_pull_request
from bridge.sandbox.forge.pulls import (
    close_pull_request,
    delete_repository,
    edit_pull_request,
    reopen_pull_request,
    set_draft,
    set_labels,
)
from bridge.sandbox.forge.reviewing import review_pull_request
from tests.bridge.forges.living import FORGEJO, GITEA, INFRA, KEY, TOKEN, Live, living
from tests.bridge.sandbox.forge.git import clone
from tests.bridge.sandbox.forge.receiving import Received, Receiver, receiving

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A forge whose hook, installed by the bridge itself, is listened to."""

    live: Live
    receiver: Receiver

    def accept(self, one: Received, body: bytes | None = None) -> Delivery | Ignored:
        return self.live.forge.accept_delivery(one.headers, one.query, body or one.body, NOW)

    async def heard(self) -> list[Event | Ignored]:
        """Return what came since the last look, as the events it means."""
        await self.live.world.settled()
        received = list(self.receiver.received)
        self.receiver.received.clear()
        accepted = [self.accept(one) for one in received]
        return [
            one if isinstance(one, Ignored) else self.live.forge.parse_delivery(one)
            for one in accepted
        ]

    async def kinds(self) -> list[type]:
        """Return their types, without what is ignored."""
        return [type(one) for one in await self.heard() if not isinstance(one, Ignored)]


@pytest.fixture(params=[TOKEN, FORGEJO, GITEA], ids=lambda credential: credential.name)
async def listening(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Listening]:
    async with living(tmp_path / "forge", request.param) as live, receiving() as receiver:
        number = live.repository.ref.id
        url = f"{receiver.url}?hook={number}"
        secret = hook_secret(KEY, "code", number)
        made = await live.forge.install_hook(live.repository, url, secret)
        assert made.problems == ()
        one = Listening(live=live, receiver=receiver)
        assert all(isinstance(each, Ignored) and each.test for each in await one.heard())
        yield one


async def test_a_real_push_becomes_an_event(listening: Listening, tmp_path: Path) -> None:
    live = listening.live
    mine = await clone(live.world.clone_url(INFRA, "alice"), tmp_path / "clone")
    before = await mine.git("rev-parse", "HEAD")
    after = await mine.commit({"network/main.tf": "x\n"})
    await mine.git("push", "--quiet", "origin", "main")
    await live.world.settled()
    (one,) = listening.receiver.received
    (event,) = await listening.heard()
    assert event == BranchPushed(
        delivery_id=f"{live.repository.ref.id}:{one.guid}",
        received_at=NOW,
        actor="alice",
        repository=live.repository.ref,
        branch="main",
        before=before,
        after=after,
        forced=False if live.is_github else None,
    )


async def test_branches_and_tags_come_move_and_go(listening: Listening, tmp_path: Path) -> None:
    live = listening.live
    mine = await clone(live.world.clone_url(INFRA, "alice"), tmp_path / "clone")
    await mine.git("switch", "--quiet", "--create", "feature/x")
    sha = await mine.commit({"network/main.tf": "x\n"})
    await mine.git("push", "--quiet", "origin", "feature/x")
    (made,) = [one for one in await listening.heard() if isinstance(one, BranchPushed)]
    assert (made.branch, made.before, made.after) == ("feature/x", None, sha)
    await mine.git("commit", "--quiet", "--amend", "--message", "again")
    await mine.git("push", "--quiet", "--force", "origin", "feature/x")
    (moved,) = [one for one in await listening.heard() if isinstance(one, BranchPushed)]
    assert (moved.before, moved.forced) == (sha, True if live.is_github else None)
    await mine.git("tag", "--annotate", "--message", "x", "v1")
    await mine.git("push", "--quiet", "origin", "v1", ":feature/x")
    events = [one for one in await listening.heard() if not isinstance(one, Ignored)]
    (tag,) = [one for one in events if isinstance(one, TagPushed)]
    assert (tag.tag, tag.after, tag.commit) == (
        "v1",
        await mine.git("rev-parse", "v1"),
        await mine.git("rev-parse", "HEAD"),
    )
    (gone,) = [one for one in events if isinstance(one, RefDeleted)]
    assert (gone.ref, gone.is_tag) == ("feature/x", False)


async def test_the_life_of_a_pull_request_becomes_events(listening: Listening) -> None:
    live, world = listening.live, listening.live.world.world
    alice, bob = live.world.account("alice"), live.world.account("bob")
    await live.open({"network/main.tf": "x\n"})
    known = world.pull_request(INFRA, 1)
    opened, *rest = [one for one in await listening.heard() if isinstance(one, PullRequestOpened)]
    assert rest == []
    assert (opened.pull_request, opened.head_sha, opened.head_branch, opened.base_branch) == (
        live.ref(), known.head_sha, "feature", "main",
    )  # fmt: skip
    assert (opened.from_fork, opened.actor, opened.updated_at) == (
        False, "alice", known.updated_at,
    )  # fmt: skip
    await live.change({"network/main.tf": "y\n"})
    assert await listening.kinds() == [BranchPushed, PullRequestUpdated]
    await set_draft(world, known, draft=True, actor=alice)
    await set_draft(world, known, draft=False, actor=alice)
    assert await listening.kinds() == [PullRequestDrafted, PullRequestReady]
    await edit_pull_request(world, known, actor=alice, title="Better", body="because")
    await set_labels(world, known, ["big"], actor=alice)
    assert await listening.kinds() == []
    await live.change({"dns/main.tf": "z\n"}, "release")
    await listening.heard()
    await edit_pull_request(world, known, actor=alice, base="release")
    (retargeted,) = await listening.heard()
    assert isinstance(retargeted, PullRequestRetargeted)
    assert retargeted.base_branch == "release"
    await review_pull_request(world, known, actor=bob, state="APPROVED", body="fine")
    assert await listening.kinds() == [PullRequestReviewed]
    await close_pull_request(world, known, alice)
    await reopen_pull_request(world, known, alice)
    assert await listening.kinds() == [PullRequestClosed, PullRequestReopened]
    commit = await merge_pull_request(world, known, actor=alice)
    events = await listening.heard()
    (closed,) = [one for one in events if isinstance(one, PullRequestClosed)]
    assert (closed.merged, closed.merge_commit) == (True, commit)
    (pushed,) = [one for one in events if isinstance(one, BranchPushed)]
    assert (pushed.branch, pushed.after) == ("release", commit)


async def test_a_review_that_is_dismissed_is_told_by_github_only(listening: Listening) -> None:
    live = listening.live
    await live.open({"network/main.tf": "x\n"})
    given = await live.world.approve(INFRA, 1, by="bob")
    await listening.heard()
    await live.world.dismiss(INFRA, 1, given, by="root")
    assert await listening.kinds() == ([PullRequestReviewed] if live.is_github else [])


async def test_a_merge_queue_asks_for_statuses(tmp_path: Path) -> None:
    async with living(tmp_path / "forge", TOKEN) as live, receiving() as receiver:
        url = f"{receiver.url}?hook={live.repository.ref.id}"
        secret = hook_secret(KEY, "code", live.repository.ref.id)
        await live.forge.install_hook(live.repository, url, secret)
        listening = Listening(live=live, receiver=receiver)
        await live.open({"network/main.tf": "x\n"})
        await listening.heard()
        commit = await live.world.merge_queue(INFRA, 1)
        (asked,) = [one for one in await listening.heard() if not isinstance(one, Ignored)]
        assert isinstance(asked, MergeQueueChecked)
        assert (asked.head_sha, asked.base_branch, asked.actor) == (commit, "main", "alice")
        await live.world.leave_merge_queue(INFRA, 1)
        assert await listening.kinds() == [BranchPushed, PullRequestClosed, MergeQueueLeft]


async def test_a_pull_request_of_a_fork_is_told_as_one(listening: Listening) -> None:
    live = listening.live
    copy = await live.world.fork(INFRA, "carol")
    await live.world.commit(copy.slug, "feature", {"a.tf": "x"}, author="carol")
    await live.world.open_pull_request(INFRA, "feature", author="carol", fork=copy)
    await delete_repository(live.world.world, copy, live.world.account("carol"))
    events = [one for one in await listening.heard() if isinstance(one, PullRequestEvent)]
    assert [(type(one), one.from_fork) for one in events] == [
        (PullRequestOpened, True),
        (PullRequestClosed, True),
    ]


async def test_comments_become_events(listening: Listening) -> None:
    live, world = listening.live, listening.live.world.world
    await live.open({"network/main.tf": "x\n"})
    await listening.heard()
    written = await live.world.comment(INFRA, 1, "terrakube plan\r\n", author="bob")
    (created,) = await listening.heard()
    bob = live.world.account("bob")
    assert isinstance(created, CommentCreated)
    assert (created.comment_id, created.body, created.author, created.author_id) == (
        str(written.id), "terrakube plan\r\n", "bob", str(bob.id),
    )  # fmt: skip
    assert (created.pull_request, created.by_bot) == (live.ref(), False)
    # Whoever may write edits anybody's comment: the author stays, the actor is somebody else.
    await edit_comment(world, written, "terrakube apply", actor=live.world.account("alice"))
    (edited,) = await listening.heard()
    assert isinstance(edited, CommentEdited)
    assert (edited.author, edited.actor) == ("bob", "alice")
    await delete_comment(world, written, actor=bob)
    assert await listening.kinds() == [CommentDeleted]
    number = await live.forge.create_comment(live.ref(), "ours")
    (own,) = await listening.heard()
    assert isinstance(own, CommentCreated)
    assert (own.comment_id, own.author) == (number, live.login)


async def test_a_comment_on_an_issue_is_ignored(listening: Listening) -> None:
    world = listening.live.world.world
    alice = world.account("alice")
    issue = add_issue(world, world.repository(INFRA), title="x", body="", actor=alice)
    await listening.live.world.comment(INFRA, issue.number, "terrakube plan", author="alice")
    assert await listening.kinds() == []


async def test_an_empty_comment_is_no_trouble(listening: Listening) -> None:
    await listening.live.open({"network/main.tf": "x\n"})
    await listening.live.world.comment(INFRA, 1, "", author="bob")
    assert CommentCreated in await listening.kinds()


async def test_a_changed_byte_or_another_hook_is_refused(listening: Listening) -> None:
    live = listening.live
    await live.change({"network/main.tf": "x\n"}, "main")
    await live.world.settled()
    (one,) = listening.receiver.received
    assert isinstance(listening.accept(one), Delivery)
    for at in range(0, len(one.body), len(one.body) // 50):
        damaged = one.body[:at] + bytes([one.body[at] ^ 1]) + one.body[at + 1 :]
        with pytest.raises(SignatureError):
            listening.accept(one, damaged)
    for query in ({}, {"hook": "7"}, {"hook": ""}):
        with pytest.raises(SignatureError):
            live.forge.accept_delivery(one.headers, query, one.body, NOW)


async def test_a_hook_speaks_for_its_own_repository_only(listening: Listening) -> None:
    """Another repository's hook with the first one's address and secret is found out."""
    live = listening.live
    other = await live.world.create_repository("acme/other", files={"a": "b"})
    (mine,) = live.world.world.repository(INFRA).hooks
    live.world.add_hook("acme/other", mine.url, secret=mine.secret, events=["push"])
    await live.world.commit(other.slug, "main", {"a": "c"})
    await live.world.settled()
    (one,) = listening.receiver.received
    with pytest.raises(SignatureError, match="speaks for repository"):
        listening.accept(one)


async def test_the_same_happening_again_has_the_same_key(listening: Listening) -> None:
    """GitHub sends it again under the old id, a replay on Forgejo has a new one."""
    live = listening.live
    live.world.faults.deliver_twice(event="push")
    await live.change({"network/main.tf": "x\n"}, "main")
    await live.world.settled()
    first, second = (listening.accept(one) for one in listening.receiver.received)
    assert isinstance(first, Delivery)
    assert isinstance(second, Delivery)
    assert (first.key == second.key) is live.is_github
    assert first.semantic_key == second.semantic_key is not None


@pytest.mark.parametrize("content_type", ["json", "form"])
async def test_forms_are_read_like_json(listening: Listening, content_type: str) -> None:
    live = listening.live
    (mine,) = live.world.world.repository(INFRA).hooks
    mine.content_type = content_type
    sha = await live.change({"é ü.tf": "x\n"}, "main")
    (event,) = await listening.heard()
    assert isinstance(event, BranchPushed)
    assert event.after == sha
