"""Which comments are listened to, and which of ours are put right."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.decisions.hearing import Account, decide_genuine, decide_hearing, decide_repair
from bridge.decisions.triggers import Ignore
from bridge.domain.commands import Conversation, Misunderstood, PlanCommand
from bridge.domain.events import CommentCreated
from bridge.domain.vcs import Comment, PullRequestRef
from tests.fakes.forge import INFRA

OWN = Account(login="Bridge-Bot[bot]", id="99")
EVENT = CommentCreated(
    delivery_id="d-1",
    received_at=datetime(2026, 11, 24, tzinfo=UTC),
    actor="alice",
    repository=INFRA,
    pull_request=PullRequestRef(repository=INFRA, number=1),
    comment_id="100",
    body="terrakube plan",
    author="alice",
    author_id="1",
    by_bot=False,
)
PLAN = Conversation(commands=(PlanCommand(line=1, text="terrakube plan"),))
FOUND = Comment(id="100", body="terrakube plan", author="alice", author_id="1")


def hear(**changes: object) -> Ignore | Conversation:
    event = replace(EVENT, **changes)  # type: ignore[arg-type]  # named by each case
    return decide_hearing(event, names=("terrakube",), own=OWN)


def test_a_command_of_a_person_is_heard() -> None:
    assert hear() == PLAN
    mentioned = hear(body="@bridge-bot plan")
    assert mentioned == Conversation(commands=(PlanCommand(line=1, text="@bridge-bot plan"),))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"author": "bridge-bot[bot]"}, "the comment is the bridge's own"),
        ({"author": "renamed", "author_id": "99"}, "the comment is the bridge's own"),
        (
            {"author": "renovate[bot]", "author_id": "5", "by_bot": True},
            "the comment was written by a program, renovate[bot]",
        ),
        ({"author": "", "author_id": ""}, "whoever wrote the comment has no account any more"),
        ({"body": "looks good"}, "the comment is no command"),
    ],
)
def test_nobody_else_is_heard(changes: dict[str, object], reason: str) -> None:
    assert hear(**changes) == Ignore(reason=reason)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (FOUND, PLAN),
        (replace(FOUND, body="terrakube plan\r\n"), PLAN),
        (replace(FOUND, author="Alice"), PLAN),
        (replace(FOUND, number=1), PLAN),
        (
            replace(FOUND, number=2),
            Ignore(reason="the comment stands in another pull request than the delivery says"),
        ),
        (None, Ignore(reason="the comment was deleted before it was read")),
        (replace(FOUND, by_bot=True), Ignore(reason="the comment was written by a program")),
        (
            replace(FOUND, author="bridge-bot[bot]"),
            Ignore(reason="the comment was written by a program"),
        ),
        (
            replace(FOUND, author="mallory"),
            Ignore(reason="the comment has another author than the delivery says"),
        ),
        (
            replace(FOUND, body="terrakube plan -w acme/prod"),
            Conversation(
                commands=(
                    Misunderstood(
                        line=1,
                        text="terrakube plan",
                        problem="the comment was edited before it was read, and edits run "
                        "nothing; write a new one",
                    ),
                )
            ),
        ),
    ],
)
def test_a_comment_is_read_again(found: Comment | None, expected: object) -> None:
    assert decide_genuine(EVENT, PLAN, found=found, own=OWN) == expected


@pytest.mark.parametrize(
    ("actor", "is_ours", "expected"),
    [
        ("mallory", True, None),
        ("", True, None),
        ("bridge-bot[bot]", True, Ignore(reason="the bridge changed its own comment")),
        ("mallory", False, Ignore(reason="only new comments are listened to")),
    ],
)
def test_a_comment_of_ours_is_put_right_unless_we_changed_it(
    actor: str, *, is_ours: bool, expected: Ignore | None
) -> None:
    assert decide_repair(replace(EVENT, actor=actor), is_ours=is_ours, own=OWN) == expected
