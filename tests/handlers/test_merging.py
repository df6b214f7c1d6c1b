"""The wish to merge after an apply: asked for, taken back, or left as it is."""

import pytest

from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.rules import ApplyPolicy, Policy
from bridge.domain.runs import Reviewed, Verb
from bridge.domain.vcs import MergeMethod, Reviews
from bridge.domain.work import Work
from tests.fakes.forge import HEAD, INFRA
from tests.handlers.conftest import World

ALWAYS = Policy(apply=ApplyPolicy(auto_merge=True, merge_method=MergeMethod.REBASE))


def wishes(work: Work) -> list[PostUpsert]:
    return [one for one in work.posts if one.kind is PostKind.MERGE]


def a_wish(method: str) -> PostUpsert:
    return PostUpsert(
        kind=PostKind.MERGE,
        target=PostTarget(repository=INFRA, number=1, sha=HEAD, content=method),
        report="pr:code:7:1",
        resend=True,
    )


@pytest.mark.parametrize(
    ("policy", "text", "expected"),
    [
        (Policy(), "terrakube apply", []),
        (Policy(), "terrakube apply --auto-merge-method squash", [a_wish("squash")]),
        (Policy(), "terrakube apply --auto-merge-disabled", [a_wish("")]),
        (ALWAYS, "terrakube apply", [a_wish("rebase")]),
        (ALWAYS, "terrakube apply --auto-merge-method merge", [a_wish("merge")]),
        (ALWAYS, "terrakube apply --auto-merge-disabled", [a_wish("")]),
    ],
)
async def test_a_merge_follows_when_somebody_or_the_settings_say_so(
    world: World, policy: Policy, text: str, expected: list[PostUpsert]
) -> None:
    world.forge.reviewed[1] = Reviews(approved=True, approved_by=("bob",))
    world.ran()
    world.policy = policy
    work = await world.say(text)
    assert wishes(work) == expected
    assert [run.follow_up for run in work.runs] == [False]


@pytest.mark.parametrize("text", ["terrakube apply", "terrakube apply --auto-merge-method squash"])
async def test_what_is_applied_already_may_still_be_merged(world: World, text: str) -> None:
    """Somebody mended what the forge refused a merge for, or thinks of the merge only now."""
    plan = world.ran()
    reviewed = Reviewed(run_id=plan.id, digest=plan.digest)
    world.ran(verb=Verb.APPLY, reviewed=reviewed)
    world.policy = ALWAYS
    work = await world.say(text)
    assert work.runs == []
    assert wishes(work) == [a_wish("squash" if "squash" in text else "rebase")]


async def test_a_refused_apply_wishes_for_nothing(world: World) -> None:
    world.policy = ALWAYS
    work = await world.say("terrakube apply")
    assert (wishes(work), work.runs) == ([], [])


async def test_a_failed_apply_is_followed_up_when_the_settings_say_so(world: World) -> None:
    world.forge.reviewed[1] = Reviews(approved=True, approved_by=("bob",))
    world.ran()
    world.policy = Policy(apply=ApplyPolicy(follow_up=True))
    work = await world.say("terrakube apply")
    assert [run.follow_up for run in work.runs] == [True]
