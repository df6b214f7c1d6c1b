"""While Terrakube is away: who is told what, and that it never stays."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.decisions.waiting import LASTING, Trouble
from bridge.domain.errors import TemporaryRemoteError
from bridge.domain.events import (
    CommentCreated,
    Event,
    MergeQueueChecked,
    PullRequestClosed,
    PullRequestReviewed,
    PullRequestUpdated,
    TagPushed,
)
from bridge.domain.posts import PostKind
from bridge.domain.reports import CommitReport
from bridge.domain.vcs import PullRequestRef, PullRequestState
from bridge.domain.work import Verdict, Work
from handlers.waiting import conclude_waiting, tell_waiting
from tests.fakes.forge import BASE, HEAD, INFRA
from tests.handlers.conftest import NOW, World, about, on_forge, pushed, replies

LATER = NOW + timedelta(seconds=5)
AWAY = TemporaryRemoteError("no answer", service="terrakube")
PENDING = ("terrakube/plan", "pending Waiting for Terrakube: it does not answer.")
LONG_AWAY = "Since 2026-11-24 12:00 UTC Terrakube does not answer. The bridge keeps trying."


def said(work: Work) -> list[tuple[str, str | None]]:
    """List what statuses and replies are to say: None for what is made from the runs."""
    return [(on_forge(post).context or post.kind.value, post.content) for post in work.posts]


async def tell(world: World, event: Event, **changes: Any) -> Work:  # noqa: ANN401 - of the trouble
    """Let an event be in trouble, and keep what is said, as the engine does."""
    values: dict[str, Any] = {"error": AWAY, "attempt": 2, "since": NOW, "waited": 5.0}
    work = Work()
    await tell_waiting(event, Trouble(**{**values, **changes}), world.services(), work)
    world.store.keep(work)
    return work


async def conclude(world: World, event: Event) -> Work:
    """Handle the event after all."""
    work = Work(attempt=3)
    await world.router.dispatch(event, world.services(), work)
    await conclude_waiting(event, world.services(), work)
    return work


@pytest.fixture
def known(world: World) -> World:
    """A world in which the bridge did something for the repository before."""
    world.store.repositories.append(INFRA)
    world.store.heads[INFRA.key, "main"] = BASE
    world.forge.heads["main"] = HEAD
    return world


def comment(world: World, text: str) -> CommentCreated:
    return CommentCreated(
        delivery_id="d-1",
        received_at=NOW,
        actor="alice",
        repository=INFRA,
        pull_request=PullRequestRef(repository=INFRA, number=1),
        comment_id=world.forge.say(1, text, author="alice"),
        body=text,
        author="alice",
        author_id="1",
        by_bot=False,
    )


QUEUED = MergeQueueChecked(
    delivery_id="d-1",
    received_at=NOW,
    actor="alice",
    repository=INFRA,
    head_sha="e" * 40,
    base_branch="main",
    base_sha=BASE,
)
TAGGED = TagPushed(
    delivery_id="d-1",
    received_at=NOW,
    actor="alice",
    repository=INFRA,
    tag="v1",
    before=None,
    after=HEAD,
    commit=HEAD,
)


class TestTelling:
    async def test_a_pull_request_waits_where_the_bridge_was_before(self, known: World) -> None:
        work = await tell(known, about(known.forge.pulls[1]))
        assert said(work) == [PENDING]
        assert on_forge(work.posts[0]).sha == HEAD

    async def test_a_repository_nobody_knows_hears_nothing(self, world: World) -> None:
        for event in (about(world.forge.pulls[1]), pushed(), comment(world, "terrakube plan")):
            assert said(await tell(world, event, waited=LASTING, final=True)) == []

    async def test_it_is_an_error_after_ten_minutes(self, known: World) -> None:
        work = await tell(known, about(known.forge.pulls[1]), waited=LASTING)
        assert said(work) == [("terrakube/plan", f"error {LONG_AWAY}")]

    async def test_it_stays_one_when_it_is_given_up(self, known: World) -> None:
        work = await tell(known, about(known.forge.pulls[1]), final=True)
        text = "error Not handled: Terrakube does not answer. Say terrakube plan to try again."
        assert said(work) == [("terrakube/plan", text)]

    async def test_a_push_waits_on_a_branch_that_is_followed(self, known: World) -> None:
        assert said(await tell(known, pushed())) == [("terrakube/push", PENDING[1])]
        assert said(await tell(known, pushed(branch="other"))) == []

    async def test_a_merge_queue_waits_too(self, known: World) -> None:
        assert said(await tell(known, QUEUED)) == [PENDING]

    @pytest.mark.parametrize("kind", [PullRequestClosed, PullRequestReviewed])
    async def test_what_leads_to_no_plan_is_not_waited_for(
        self, known: World, kind: type[PullRequestClosed | PullRequestReviewed]
    ) -> None:
        more: dict[str, Any] = (
            {"merged": False, "merge_commit": None} if kind is PullRequestClosed else {}
        )
        assert said(await tell(known, about(known.forge.pulls[1], kind, **more))) == []

    async def test_nothing_is_said_of_tags_and_unnamed_heads(self, known: World) -> None:
        nameless = about(known.forge.pulls[1], head_sha="")
        assert [said(await tell(known, event)) for event in (TAGGED, nameless)] == [[], []]

    async def test_who_asked_sees_that_it_was_read_and_later_why_nothing_comes(
        self, known: World
    ) -> None:
        asked = comment(known, "terrakube plan")
        assert said(await tell(known, asked)) == [("reaction", "eyes")]
        assert replies(await tell(known, asked, waited=LASTING)) == [
            f"{LONG_AWAY} What you asked for is kept for six hours."
        ]
        assert replies(await tell(known, asked, final=True)) == [
            "Not handled: Terrakube does not answer. Say it again."
        ]

    async def test_a_comment_that_asks_for_nothing_is_not_answered(self, known: World) -> None:
        assert said(await tell(known, comment(known, "looks good"), final=True)) == []


class TestConcluding:
    async def test_the_plans_take_the_place_of_the_notice(self, known: World) -> None:
        event = about(known.forge.pulls[1])
        await tell(known, event)
        work = await conclude(known, event)
        assert ("terrakube/plan", None) in said(work)
        assert all(content is None for _, content in said(work))

    async def test_a_head_that_was_overtaken_is_not_left_waiting(self, known: World) -> None:
        event = about(known.forge.pulls[1])
        await tell(known, event)
        newer = known.open(head_sha="d" * 40, updated_at=LATER)
        work = await conclude(known, event)
        mine = [post.content for post in work.posts if on_forge(post).sha == HEAD]
        assert mine == ["error Not planned: the pull request went on, or was closed."]
        assert [run.commit_id for run in work.runs] == [newer.head_sha]

    async def test_nor_is_one_that_was_closed_meanwhile(self, known: World) -> None:
        event = about(known.forge.pulls[1])
        await tell(known, event)
        known.open(state=PullRequestState.CLOSED, updated_at=LATER)
        assert said(await conclude(known, event)) == [
            (
                "terrakube/plan",
                "error Not planned: the pull request is closed and was never followed.",
            )
        ]

    async def test_nor_one_whose_workspaces_are_gone(self, known: World) -> None:
        event = about(known.forge.pulls[1])
        await tell(known, event)
        known.server.spaces.clear()
        assert said(await conclude(known, event)) == [
            ("terrakube/plan", "success No workspace is affected.")
        ]

    async def test_another_pull_request_with_that_head_speaks_again(self, known: World) -> None:
        event = about(known.forge.pulls[1])
        await tell(known, event)
        verdict = Verdict(head_sha=HEAD, kind="fork", text="")
        report = CommitReport(repository=INFRA, sha=HEAD, verdicts=(verdict,), runs=())
        known.store.commit_reports = {(INFRA.key, HEAD): report}
        known.open(head_sha="d" * 40, updated_at=LATER)
        work = await conclude(known, event)
        assert [post.content for post in work.posts if on_forge(post).sha == HEAD] == [None]

    async def test_a_push_that_starts_nothing_is_concluded(self, known: World) -> None:
        await tell(known, pushed())
        known.forge.files = replace(known.forge.files, paths=("README.md",))
        text = (
            "success Nothing is run: no workspace that follows main has a rule for pushes and a "
            "changed file."
        )
        assert said(await conclude(known, pushed())) == [("terrakube/push", text)]

    async def test_a_merge_queue_gets_its_answer(self, known: World) -> None:
        await tell(known, QUEUED)
        known.forge.files = replace(known.forge.files, paths=("README.md",))
        nothing = "success No workspace is affected."
        assert said(await conclude(known, QUEUED)) == [
            ("terrakube/plan", nothing),
            ("terrakube/apply", nothing),
        ]

    async def test_who_asked_is_told_that_it_was_done(self, known: World) -> None:
        asked = comment(known, "terrakube plan")
        await tell(known, asked, waited=LASTING)
        work = await conclude(known, asked)
        assert replies(work) == ["Terrakube answers again. It was carried out."]
        assert len(work.runs) == 1

    async def test_or_what_is_wrong_with_it(self, known: World) -> None:
        asked = comment(known, "terrakube plan -w acme/nothing")
        await tell(known, asked, waited=LASTING)
        (reply,) = replies(await conclude(known, asked))
        assert "acme/nothing" in reply

    async def test_or_that_nothing_was(self, known: World) -> None:
        asked = comment(known, "terrakube plan")
        await tell(known, asked, waited=LASTING)
        known.forge.comments.clear()
        assert replies(await conclude(known, asked)) == [
            "Terrakube answers again. Nothing was done: the comment was deleted before it was read."
        ]

    async def test_what_was_never_waited_for_is_left_alone(self, known: World) -> None:
        newer = known.open(head_sha="d" * 40, updated_at=LATER)
        work = await conclude(
            known, about(newer, PullRequestUpdated, head_sha=HEAD, updated_at=NOW)
        )
        assert {on_forge(post).sha for post in work.posts if post.kind is PostKind.STATUS} == {
            newer.head_sha
        }
        assert replies(await conclude(known, comment(known, "terrakube plan"))) == []

    async def test_another_fixed_text_is_left_alone(self, known: World) -> None:
        await conclude(known, QUEUED)
        known.server.spaces.clear()
        assert said(await conclude(known, QUEUED)) == []
