"""Comments through the router: commands, refusals, attacks, and repairs of our own."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bridge.domain.errors import NotAllowedError, RemoteError, TemporaryRemoteError
from bridge.domain.events import (
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    CommentEvent,
    PullRequestClosed,
    PullRequestReopened,
    PullRequestRetargeted,
    PullRequestUpdated,
)
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.rules import Policy
from bridge.domain.runs import RunOptions, RunRequest, TemplateChoice, Verb
from bridge.domain.vcs import ChangedFiles, Permission, PullRequestRef, PullRequestState
from bridge.domain.work import Allowance, AuditEntry, PullRequestSeen, Verdict, Work
from tests.fakes.forge import HEAD, INFRA, FakeForge
from tests.fakes.store import a_record
from tests.handlers.conftest import NOW, World, about, posts, replies, runs

REF = PullRequestRef(repository=INFRA, number=1)
COMMIT = f"commit:code:7:{HEAD}"
NEWER = "d" * 40
EYES = PostUpsert(
    kind=PostKind.REACTION,
    target=PostTarget(repository=INFRA, comment_id="100", content="eyes"),
    report=REF.key,
    content="eyes",
)


async def test_plan_is_seen_started_and_recorded(world: World) -> None:
    work = await world.say("terrakube plan -- -refresh=false")
    (space,) = world.server.spaces.values()
    (plan, _) = world.server.stored_templates.values()
    assert work.runs == [
        RunRequest(
            trigger="comment:code:7:100:1",
            actor="alice",
            verb=Verb.PLAN,
            workspace=space.ref,
            template=TemplateChoice(reference="Plan", id=plan.id, name="Plan"),
            commit_id=HEAD,
            repository=INFRA,
            reports=(REF.key, COMMIT),
            options=RunOptions(refresh=False),
            branch="feature",
            pull_request=1,
            why="Asked for by alice: terrakube plan -- -refresh=false",
        )
    ]
    assert work.posts[0] == EYES
    assert posts(work)[1:] == [
        "report:1",
        "status:terrakube/plan",
        "status:terrakube/plan: acme/network",
    ]
    assert work.pull_requests == [
        PullRequestSeen(
            pull_request=world.forge.pulls[1],
            verdict=Verdict(head_sha=HEAD, kind="planning", text="", workspaces=1),
        )
    ]
    assert work.audits == [
        AuditEntry(
            actor="alice",
            action="plan.requested",
            door="comment",
            subject=REF.key,
            result="done",
            detail="terrakube plan -- -refresh=false: acme/network",
        )
    ]


async def test_several_commands_each_start_something_of_their_own(world: World) -> None:
    world.workspace("dns")
    await world.deliver(about(world.forge.pulls[1]))
    work = await world.say("terrakube plan -w dns\n\nterrakube plan -w network")
    assert [(run.workspace.name, run.trigger) for run in work.runs] == [
        ("dns", "comment:code:7:100:1"),
        ("network", "comment:code:7:100:3"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("looks good", "the comment is no command"),
        ("> terrakube plan", "the comment is empty, a quote or a code block"),
        ("```\nterrakube plan\n```", "the comment is empty, a quote or a code block"),
        ("terrakube plan\nplease", "line 2 of the comment is no command, so none is"),
    ],
)
async def test_prose_is_left_alone(world: World, text: str, reason: str) -> None:
    assert await world.say(text) == Work(ignored=reason)


async def test_the_bridge_does_not_talk_to_itself_or_to_other_programs(world: World) -> None:
    own = await world.say("terrakube plan", author="bridge-bot", author_id="99")
    assert own == Work(ignored="the comment is the bridge's own")
    other = await world.say("terrakube plan", author="renovate[bot]", by_bot=True)
    assert other == Work(ignored="the comment was written by a program, renovate[bot]")


@dataclass(slots=True)
class SilentForge(FakeForge):
    """Does not say what anybody may do."""

    trouble: list[RemoteError] = field(default_factory=list)

    async def permission(self, repository: object, login: str) -> Permission:
        raise self.trouble[0]


@pytest.mark.parametrize("text", ["terrakube plan", f"terrakube ok-to-plan {HEAD}"])
@pytest.mark.parametrize(
    "error",
    [
        TemporaryRemoteError("no answer", service="code"),
        NotAllowedError("answered 403", service="code", status=403),
    ],
)
async def test_a_forge_that_does_not_say_who_may_is_a_no_and_that_is_said(
    world: World, error: RemoteError, text: str
) -> None:
    world.forge = SilentForge(pulls=world.forge.pulls, trouble=[error])
    world.open(from_fork="ok-to-plan" in text)
    work = await world.say(text)
    assert not work.runs
    assert not work.allowances
    (reply,) = replies(work)
    assert reply.startswith("Nothing was done: the forge did not say whether you may write")
    assert [entry.result for entry in work.audits] == ["refused"]


@pytest.mark.parametrize("permission", [Permission.READ, Permission.NONE])
@pytest.mark.parametrize("text", ["terrakube plan", f"terrakube ok-to-plan {HEAD}"])
async def test_whoever_may_not_write_is_refused_and_told(
    world: World, permission: Permission, text: str
) -> None:
    world.forge.permissions["mallory"] = permission
    world.open(from_fork=True)
    work = await world.say(text, author="mallory")
    assert not work.runs
    assert not work.allowances
    assert not work.pull_requests
    assert "this needs write permission on the repository" in replies(work)[0]
    assert replies(work)[0].endswith("Without write permission there is one answer an hour here.")
    assert posts(work) == ["reaction:eyes", "reply:1"]


@pytest.mark.parametrize("text", ["terrakube plan", "terrakube plna", "terrakube help"])
async def test_whoever_may_not_write_is_answered_once_an_hour(world: World, text: str) -> None:
    """Each answer is a write, and all pull requests share those the forge allows."""
    await world.say("terrakube plan", author="mallory")
    again = await world.say(text, author="Mallory", received_at=NOW + timedelta(minutes=59))
    assert not again.posts
    assert again.ignored == "Mallory may not write here and was answered within this hour"
    assert [one.result for one in again.audits] == ["refused"] * (text == "terrakube plan")
    later = await world.say(text, author="mallory", received_at=NOW + timedelta(hours=1))
    assert posts(later) == ["reaction:eyes", "reply:1"]


async def test_an_answer_to_one_of_those_who_may_not_write_silences_no_other(
    world: World,
) -> None:
    await world.say("terrakube plan", author="mallory")
    assert posts(await world.say("terrakube plan", author="eve")) == ["reaction:eyes", "reply:1"]
    assert (await world.say("terrakube plan")).runs
    world.forge.permissions["mallory"] = Permission.WRITE
    assert (await world.say("terrakube plan", author="mallory")).runs


async def test_a_refusal_does_not_wait_for_terrakube(fork: World) -> None:
    fork.server.failures["organizations"] = [TemporaryRemoteError("no answer", service="terrakube")]
    work = await fork.say(f"terrakube ok-to-plan {HEAD}", author="mallory")
    assert posts(work) == ["reaction:eyes", "reply:1"]


async def test_the_permission_of_the_author_counts_not_of_a_name_in_the_text(
    world: World,
) -> None:
    work = await world.say("terrakube plan @alice", author="mallory")
    assert not work.runs


async def test_help_answers_anybody(world: World) -> None:
    work = await world.say("terrakube help", author="mallory")
    assert posts(work) == ["reaction:eyes", "reply:1"]
    assert "| `terrakube version` |" in replies(work)[0]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("terrakube help plan", "`terrakube plan [-w ORGANIZATION/WORKSPACE]... "),
        ("terrakube ok-to-plan -h", "`terrakube ok-to-plan SHA` allows one commit of a fork"),
        ("terrakube lock --help", "`terrakube lock` is not available yet. There is: "),
    ],
)
async def test_help_tells_about_one_command(world: World, text: str, start: str) -> None:
    assert replies(await world.say(text, author="mallory"))[0].startswith(start)


async def test_a_command_that_is_not_there_yet_is_answered(world: World) -> None:
    work = await world.say("terrakube lock -w acme/network")
    (reply,) = replies(work)
    assert reply.startswith("`terrakube lock` is not available yet. There is: `terrakube plan`, ")
    assert not work.runs


async def test_one_line_that_is_not_understood_keeps_the_others_from_running(
    world: World,
) -> None:
    work = await world.say("terrakube plan\nterrakube plna")
    assert not work.runs
    assert replies(work) == [
        (
            "`terrakube plna`: `plna` is no command; did you mean `terrakube plan`?\n\n"
            "Nothing was started, as not every line was understood."
        )
    ]


async def test_nothing_from_a_comment_takes_effect_in_the_reply(world: World) -> None:
    work = await world.say("terrakube `@acme/admins` <!-- x -->")
    (reply,) = replies(work)
    assert "``terrakube `@acme/admins` <!-- x -->``" in reply
    assert "`` `@acme/admins` ``" in reply
    outside = "".join(reply.split("``")[::2])
    assert "@" not in outside
    assert "<" not in outside


async def test_answers_to_several_commands_are_one_reply(world: World) -> None:
    work = await world.say("terrakube lock\nterrakube lock\nterrakube version")
    (reply,) = replies(work)
    assert reply.count("is not available yet") == 1
    assert "\n\nterrakube-bridge " in reply


async def test_what_is_said_in_slack_alone_is_refused_by_name(world: World) -> None:
    work = await world.say("terrakube plan\nterrakube subscribe acme/*")
    assert not work.runs
    assert replies(work) == [
        (
            "`terrakube subscribe acme/*`: `subscribe` is not read here; say it in Slack.\n\n"
            "Nothing was started, as not every line was understood."
        )
    ]


@pytest.mark.parametrize("kind", [CommentEdited, CommentDeleted])
async def test_edits_and_deletions_never_run_anything(
    world: World, kind: type[CommentEvent]
) -> None:
    assert await world.deliver(comment(kind)) == Work(ignored="only new comments are listened to")


async def test_a_comment_that_was_edited_before_it_was_read_runs_nothing(world: World) -> None:
    event = comment(CommentCreated)
    comment_id = world.forge.say(1, "terrakube plan -w acme/prod", author="alice")
    work = await world.deliver(replace(event, comment_id=comment_id))
    assert not work.runs
    assert "was edited before it was read" in replies(work)[0]


async def test_a_comment_that_is_gone_by_now_runs_nothing(world: World) -> None:
    work = await world.deliver(comment(CommentCreated))
    assert work == Work(ignored="the comment was deleted before it was read")


async def test_a_command_about_a_closed_pull_request_is_refused(world: World) -> None:
    world.open(state=PullRequestState.MERGED)
    work = await world.say("terrakube plan")
    assert replies(work) == ["This pull request is merged: nothing was started."]


async def test_a_command_in_a_strange_repository_is_answered(world: World) -> None:
    world.server.spaces.clear()
    work = await world.say("terrakube plan")
    assert replies(work)[0].startswith("No workspace in Terrakube takes its code from")
    assert not work.pull_requests


async def test_all_plans_what_was_asked_about_and_it_stays_so(world: World) -> None:
    world.policy = Policy(max_workspaces=1)
    world.workspace("more", folder="/network")
    asked = await world.deliver(about(world.forge.pulls[1]))
    assert not asked.runs
    refused = await world.say("terrakube plan")
    assert "say:\n\n```\nterrakube plan --all\n```" in replies(refused)[0]
    planned = await world.say("terrakube plan --all")
    assert [name for name, _, _ in runs(planned)] == ["more", "network"]
    again = await world.deliver(about(world.forge.pulls[1], delivery_id="d-9"))
    assert not again.runs
    record = await world.store.pull_request(REF)
    assert record is not None
    assert record.verdict is not None
    assert record.verdict.kind == "planning"


async def test_a_plan_of_a_head_that_moved_drops_the_older_plans(world: World) -> None:
    await world.deliver(about(world.forge.pulls[1]))
    world.open(head_sha=NEWER)
    work = await world.say("terrakube plan")
    assert runs(work) == [("network", "Plan", NEWER)]
    assert [one.keep_head for one in work.supersedes] == [NEWER]


@pytest.fixture
async def fork(world: World) -> World:
    """A fork's pull request that was opened and told how to be allowed."""
    world.open(from_fork=True, author="mallory")
    await world.deliver(about(world.forge.pulls[1], actor="mallory"))
    return world


async def test_an_allowed_commit_of_a_fork_is_planned_once(fork: World) -> None:
    work = await fork.say(f"terrakube ok-to-plan {HEAD}")
    assert runs(work) == [("network", "Plan", HEAD)]
    assert work.runs[0].trigger == "comment:code:7:100:1"
    assert work.allowances == [Allowance(pull_request=REF, head_sha=HEAD, actor="alice")]
    assert [(one.action, one.result) for one in work.audits] == [("fork.allowed", "done")]
    assert not replies(work)
    again = await fork.deliver(about(fork.forge.pulls[1], delivery_id="d-9"))
    assert not again.runs
    assert [seen.verdict.kind for seen in again.pull_requests if seen.verdict] == ["planning"]


async def test_whoever_made_a_fork_gets_no_plan_by_closing_and_reopening_it(fork: World) -> None:
    await fork.say(f"terrakube ok-to-plan {HEAD}")
    for number in range(3):
        closed = fork.open(from_fork=True, author="mallory", state=PullRequestState.CLOSED)
        await fork.deliver(about(closed, PullRequestClosed, merged=False, merge_commit=None))
        opened = fork.open(from_fork=True, author="mallory")
        moment = NOW + timedelta(minutes=number)
        event = about(opened, PullRequestReopened, updated_at=moment, delivery_id=f"d-{number}")
        assert not (await fork.deliver(event)).runs


async def test_a_fork_that_goes_back_to_an_allowed_commit_needs_another_word(fork: World) -> None:
    await fork.say(f"terrakube ok-to-plan {HEAD}")
    for head in (NEWER, HEAD):
        moved = fork.open(from_fork=True, author="mallory", head_sha=head)
        assert not (await fork.deliver(about(moved, PullRequestUpdated))).runs


@pytest.mark.parametrize("text", [f"terrakube ok-to-plan {HEAD}", "terrakube plan"])
async def test_a_writer_may_have_a_fork_planned_again(fork: World, text: str) -> None:
    first = await fork.say(f"terrakube ok-to-plan {HEAD}")
    again = await fork.say(text)
    assert runs(again) == runs(first)
    assert again.runs[0].trigger == "comment:code:7:101:1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"terrakube ok-to-plan {HEAD[:7]}", "is a shortened commit id"),
        (f"terrakube ok-to-plan {HEAD[:39]}", "is a shortened commit id"),
        (f"terrakube ok-to-plan {NEWER}", "is not the head of this pull request (any more)"),
        ("terrakube ok-to-plan", "it takes exactly one commit id"),
        ("terrakube plan", "This pull request comes from a fork"),
        ("terrakube plan -w network", "This pull request comes from a fork"),
        ("terrakube plan --all", "This pull request comes from a fork"),
    ],
)
async def test_nothing_else_gets_a_forks_commit_planned(fork: World, text: str, told: str) -> None:
    work = await fork.say(text)
    assert not work.runs
    assert not work.allowances
    assert told in replies(work)[0]


async def test_whoever_made_the_fork_cannot_allow_it(fork: World) -> None:
    work = await fork.say(f"terrakube ok-to-plan {HEAD}", author="mallory")
    assert not work.runs
    assert not work.allowances


async def test_a_new_push_to_a_fork_needs_to_be_allowed_again(fork: World) -> None:
    await fork.say(f"terrakube ok-to-plan {HEAD}")
    fork.open(from_fork=True, head_sha=NEWER)
    moved = await fork.deliver(about(fork.forge.pulls[1]))
    assert not moved.runs
    assert not (await fork.say("terrakube plan")).runs
    refused = await fork.say(f"terrakube ok-to-plan {HEAD}")
    assert f"terrakube ok-to-plan {NEWER}" in replies(refused)[0]


async def test_a_fork_that_is_turned_to_another_branch_needs_to_be_allowed_again(
    fork: World,
) -> None:
    """Its author may choose the base, and so which workspaces run its code."""
    fork.workspace("release", branch="release")
    fork.forge.files = ChangedFiles(paths=("network/main.tf", "release/main.tf"))
    await fork.say(f"terrakube ok-to-plan {HEAD}")
    fork.open(from_fork=True, author="mallory", base_branch="release")
    early = await fork.say(f"terrakube ok-to-plan {HEAD}")
    assert not early.runs
    assert not early.allowances
    assert "goes to `release` now" in replies(early)[0]
    turned = await fork.deliver(about(fork.forge.pulls[1], PullRequestRetargeted))
    assert not turned.runs
    assert not (await fork.say("terrakube plan")).runs
    allowed = await fork.say(f"terrakube ok-to-plan {HEAD}")
    assert runs(allowed) == [("release", "Plan", HEAD)]


async def test_a_fork_that_affects_nothing_is_allowed_without_a_run(fork: World) -> None:
    fork.forge.files = ChangedFiles(paths=("README.md",))
    work = await fork.say(f"terrakube ok-to-plan {HEAD}")
    assert not work.runs
    assert [seen.verdict.kind for seen in work.pull_requests if seen.verdict] == ["nothing"]


def comment(kind: type[CommentEvent], **changes: object) -> CommentEvent:
    values: dict[str, object] = {
        "delivery_id": "d-1",
        "received_at": NOW,
        "actor": "alice",
        "repository": INFRA,
        "pull_request": REF,
        "comment_id": "100",
        "body": "terrakube plan",
        "author": "alice",
        "author_id": "1",
        "by_bot": False,
    }
    return kind(**{**values, **changes})  # type: ignore[arg-type]  # named by each test


@pytest.mark.parametrize(("kind", "how"), [(CommentEdited, "edited"), (CommentDeleted, "deleted")])
async def test_our_comment_is_put_right_when_somebody_changes_it(
    world: World, kind: type[CommentEvent], how: str
) -> None:
    """Whoever may write can edit the bridge's comment; its author is still the bridge."""
    world.store.records[REF.key] = a_record(world.forge.pulls[1])
    world.store.comments["code:7", "100"] = (REF, "hash")
    work = await world.deliver(comment(kind, actor="mallory", author="bridge-bot", body="approved"))
    assert work == Work(
        posts=[
            PostUpsert(
                kind=PostKind.REPORT,
                target=PostTarget(repository=INFRA, number=1),
                report=REF.key,
                resend=True,
            )
        ],
        audits=[
            AuditEntry(
                actor="mallory",
                action="comment.repaired",
                door="webhook",
                subject=REF.key,
                result="done",
                detail=f"comment 100 was {how}",
            )
        ],
    )


@pytest.mark.parametrize("kind", [CommentEdited, CommentDeleted])
async def test_our_own_edits_do_not_go_round_in_circles(
    world: World, kind: type[CommentEvent]
) -> None:
    world.store.comments["code:7", "100"] = (REF, "hash")
    work = await world.deliver(comment(kind, actor="Bridge-Bot", author="bridge-bot"))
    assert work == Work(ignored="the bridge changed its own comment")


async def test_a_command_typed_into_our_comment_runs_nothing(world: World) -> None:
    world.store.comments["code:7", "100"] = (REF, "hash")
    work = await world.deliver(comment(CommentEdited, actor="alice", author="bridge-bot"))
    assert not work.runs
    assert [post.resend for post in work.posts] == [True]


async def test_names_of_the_command_are_the_operators(world: World) -> None:
    world.policy = Policy(command_names=("tf", "atlantis"))
    assert (await world.say("terrakube plan")).ignored == "the comment is no command"
    for text in ("tf plan", "Atlantis plan", "@bridge-bot plan"):
        assert len((await world.say(text)).runs) == 1
    (reply,) = replies(await world.say("atlantis help"))
    assert "| `tf plan` |" in reply


def kinds(work: Work) -> Sequence[PostKind]:
    return [post.kind for post in work.posts]


async def test_a_command_that_starts_something_needs_no_reply(world: World) -> None:
    assert PostKind.REPLY not in kinds(await world.say("terrakube plan"))
