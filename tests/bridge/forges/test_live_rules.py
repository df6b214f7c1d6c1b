"""Reviews, mergeability, statuses, merging and teams, asked of a whole forge with real commits."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bridge.domain.errors import NotAllowedError, PermanentRemoteError
from bridge.domain.vcs import (
    CommitStatus,
    Mergeability,
    MergeMethod,
    PullRequest,
    PullRequestState,
    Reviews,
    StatusState,
)
from bridge.sandbox.forge import Access
from tests.bridge.forges.living import APP, FORGEJO, INFRA, TOKEN, Credential, Live, living

MORE = "The rules of the base branch ask for more approvals."
MISSING = "The rules of the base branch ask for reviews that are missing."
COUNTS = "Somebody whose review counts asks for changes."
CHANGES = "Somebody who may write here asks for changes."
STALE = "An earlier commit was approved, not the head as it is now."
CONFLICT = "It conflicts with `main`."
OWN = ("terrakube/*",)


async def opened(live: Live) -> PullRequest:
    """Let alice open a pull request; carol and dave may write, too."""
    where = live.world.world.repository(INFRA)
    for login in ("carol", "dave"):
        live.world.account(login)
        live.world.world.give_access(where, login, Access.WRITE)
    return await live.forge.pull_request(await live.open({"network/main.tf": "x\n"}))


def grant(live: Live, name: str, level: str) -> None:
    """Let an App do more, also with the tokens it has."""
    for token in live.world.world.tokens.values():
        if token.permissions is not None:
            token.permissions[name] = level


async def pushed(live: Live) -> None:
    await live.change({"network/main.tf": "y\n"})


Deed = Callable[[Live], Awaitable[object]]


def approve(login: str) -> Deed:
    return lambda live: live.world.approve(INFRA, 1, by=login)


def reject(login: str) -> Deed:
    return lambda live: live.world.request_changes(INFRA, 1, by=login)


async def dismissed(live: Live) -> None:
    newest = live.world.world.pull_request(INFRA, 1).reviews[-1]
    await live.world.dismiss(INFRA, 1, newest, by="root")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What people did, the branch's rule, and what comes of it; *told* where a forge differs."""

    name: str
    deeds: tuple[Deed, ...]
    rule: Mapping[str, object] | None = None
    reviews: Reviews
    told: Mapping[str, str] = field(default_factory=dict)


def good(*by: str, required: int | None = None, against: tuple[str, ...] = ()) -> Reviews:
    return Reviews(approved=True, approved_by=by, required=required, rejected_by=against)


def bad(
    problem: str, *by: str, required: int | None = None, against: tuple[str, ...] = ()
) -> Reviews:
    return Reviews(
        approved=False, approved_by=by, required=required, problem=problem, rejected_by=against
    )


TWO = {"required_approvals": 2}
CASES = (
    Case(name="nobody", deeds=(), reviews=bad("Nobody approved it yet.")),
    Case(name="somebody who may write", deeds=(approve("carol"),), reviews=good("carol")),
    Case(
        name="a reader",
        deeds=(approve("bob"),),
        reviews=bad("Nobody who approved it may write here."),
    ),
    Case(name="an earlier head", deeds=(approve("carol"), pushed), reviews=bad(STALE)),
    Case(
        name="the earlier head and the present one",
        deeds=(approve("carol"), pushed, approve("carol")),
        reviews=good("carol"),
    ),
    Case(
        name="changes after an approval",
        deeds=(approve("carol"), reject("carol")),
        reviews=bad(CHANGES, against=("carol",)),
    ),
    Case(
        name="an approval after changes",
        deeds=(reject("carol"), approve("carol")),
        reviews=good("carol"),
    ),
    Case(
        name="changes of a reader",
        deeds=(reject("bob"), approve("carol")),
        reviews=good("carol"),
    ),
    Case(
        name="changes that were dismissed",
        deeds=(approve("dave"), reject("carol"), dismissed),
        reviews=good("dave"),
    ),
    Case(
        name="an approval that was dismissed",
        deeds=(approve("carol"), dismissed),
        reviews=bad("Nobody approved it yet."),
    ),
    Case(
        name="one of two",
        deeds=(approve("carol"), approve("bob")),
        rule=TWO,
        reviews=bad(MORE, "carol", required=2),
        told={"github": MISSING},
    ),
    Case(
        name="two of two",
        deeds=(approve("carol"), approve("dave")),
        rule=TWO,
        reviews=good("carol", "dave", required=2),
    ),
    Case(
        name="two of two, one of an earlier head",
        deeds=(approve("carol"), pushed, approve("dave")),
        rule=TWO,
        reviews=good("carol", "dave", required=2),
    ),
    Case(
        name="two of two, all of an earlier head",
        deeds=(approve("carol"), approve("dave"), pushed),
        rule=TWO,
        reviews=bad(STALE, "carol", "dave", required=2),
    ),
    Case(
        name="one of one, dismissed by a push",
        deeds=(approve("carol"), pushed),
        rule={"required_approvals": 1, "dismiss_stale": True},
        reviews=bad(MORE, required=1),
        told={"github": MISSING},
    ),
    Case(
        name="changes beside enough approvals",
        deeds=(approve("carol"), reject("dave")),
        rule={"required_approvals": 1},
        reviews=bad(CHANGES, "carol", required=1, against=("dave",)),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("credential", [TOKEN, FORGEJO], ids=lambda one: one.name)
async def test_reviews(credential: Credential, case: Case, tmp_path: Path) -> None:
    async with living(tmp_path, credential) as live:
        ref = (await opened(live)).ref
        if case.rule is not None:
            live.world.protect(INFRA, "main", **case.rule)  # type: ignore[arg-type]  # a table's column
        for deed in case.deeds:
            await deed(live)
        found = await live.forge.reviews(await live.forge.pull_request(ref))
        told = case.told.get(credential.name, case.reviews.problem)
        assert found == Reviews(
            approved=case.reviews.approved,
            approved_by=case.reviews.approved_by,
            rejected_by=case.reviews.rejected_by,
            required=case.reviews.required,
            problem=told,
        )


async def test_on_forgejo_whoever_asks_for_changes_blocks_unless_the_rule_says_otherwise(
    live_forgejo: Live,
) -> None:
    live = live_forgejo
    pull_request = await opened(live)
    live.world.protect(INFRA, "main", required_approvals=1, block_rejected=False)
    await live.world.approve(INFRA, 1, by="carol")
    await live.world.request_changes(INFRA, 1, by="dave")
    found = await live.forge.reviews(pull_request)
    assert found == good("carol", required=1, against=("dave",))
    # Whoever may not read the rule takes the stricter answer.
    live.world.world.give_access(live.world.world.repository(INFRA), "bridge", Access.WRITE)
    found = await live.forge.reviews(pull_request)
    assert found == bad(CHANGES, "carol", required=1, against=("dave",))
    await pushed(live)
    await live.world.approve(INFRA, 1, by="dave")
    moved = await live.forge.pull_request(pull_request.ref)
    assert await live.forge.reviews(moved) == good("dave", required=1)


@pytest.mark.parametrize("ruleset", [False, True])
@pytest.mark.parametrize("credential", [TOKEN, APP], ids=lambda one: one.name)
async def test_on_github_a_code_owner_may_have_to_approve(
    credential: Credential,
    ruleset: bool,  # noqa: FBT001 - a table's column
    tmp_path: Path,
) -> None:
    async with living(tmp_path, credential) as live:
        pull_request = await opened(live)
        live.world.protect(
            INFRA, "main", required_approvals=1, code_owners=("dave",), ruleset=ruleset
        )
        await live.world.approve(INFRA, 1, by="carol")
        found = await live.forge.reviews(pull_request)
        assert found == bad(MISSING, "carol", required=1)
        await live.world.approve(INFRA, 1, by="dave")
        assert await live.forge.reviews(pull_request) == good("carol", "dave", required=1)


def status(context: str, state: StatusState, description: str = "") -> CommitStatus:
    return CommitStatus(context=context, state=state, description=description)


async def report(live: Live, sha: str, context: str, state: StatusState) -> None:
    await live.forge.set_status(live.repository.ref, sha, status(context, state))


async def mergeability(live: Live, pull_request: PullRequest) -> Mergeability:
    return await live.forge.mergeability(pull_request, ignoring=OWN)


FINE = Mergeability(mergeable=True)


def stuck(*problems: str) -> Mergeability:
    return Mergeability(mergeable=False, problems=problems)


async def test_what_conflicts_or_is_no_longer_open_is_not_mergeable(live: Live) -> None:
    pull_request = await opened(live)
    assert await mergeability(live, pull_request) == FINE
    await live.world.commit(INFRA, "main", {"network/main.tf": "z\n"})
    still = "It conflicts with `main`, or the forge is still finding out whether it does."
    assert await mergeability(live, pull_request) == stuck(CONFLICT if live.is_github else still)
    await pushed(live)
    found = await mergeability(live, pull_request)
    assert "Its head moved just now." in found.problems
    await live.world.delete_branch(INFRA, "feature")
    found = await mergeability(live, await live.forge.pull_request(pull_request.ref))
    assert found.problems[0] == "It is not open."


async def test_a_draft_is_not_mergeable(live: Live) -> None:
    await live.change({"network/main.tf": "x\n"})
    await live.world.open_pull_request(INFRA, "feature", draft=True)
    found = await mergeability(live, await live.forge.pull_request(live.ref()))
    assert found == stuck("It is a draft.")
    assert live.naps == []


@pytest.mark.parametrize("credential", [TOKEN, APP, FORGEJO], ids=lambda one: one.name)
@pytest.mark.parametrize("ruleset", [False, True])
async def test_required_statuses_must_succeed_but_for_the_bridges_own(
    credential: Credential,
    ruleset: bool,  # noqa: FBT001 - a table's column
    tmp_path: Path,
) -> None:
    async with living(tmp_path, credential) as live:
        grant(live, "checks", "read")
        pull_request = await opened(live)
        sha = pull_request.head_sha
        statuses = ("terrakube/plan", "terrakube/apply", "ci/test")
        live.world.protect(INFRA, "main", required_statuses=statuses, ruleset=ruleset)
        unreported = "The required status `ci/test` was not reported."
        assert await mergeability(live, pull_request) == stuck(unreported)
        await report(live, sha, "ci/test", StatusState.FAILURE)
        await report(live, sha, "ci/other", StatusState.FAILURE)
        failed = "The required status `ci/test` is failure."
        assert await mergeability(live, pull_request) == stuck(failed)
        await report(live, sha, "ci/test", StatusState.SUCCESS)
        # The apply that asks is what these wait for.
        await report(live, sha, "terrakube/apply", StatusState.PENDING)
        assert await mergeability(live, pull_request) == FINE
        assert (await live.forge.mergeability(pull_request, ignoring=())).problems == (
            "The required status `terrakube/plan` was not reported.",
            "The required status `terrakube/apply` is pending.",
        )


async def test_missing_reviews_are_in_the_way_too(live: Live) -> None:
    pull_request = await opened(live)
    live.world.protect(INFRA, "main", required_approvals=1, required_statuses=["terrakube/apply"])
    assert await mergeability(live, pull_request) == stuck(MISSING if live.is_github else MORE)
    await live.world.request_changes(INFRA, 1, by="carol")
    assert await mergeability(live, pull_request) == stuck(COUNTS if live.is_github else CHANGES)
    await live.world.approve(INFRA, 1, by="carol")
    assert await mergeability(live, pull_request) == FINE


async def test_a_head_may_have_to_hold_all_of_its_base(live: Live) -> None:
    pull_request = await opened(live)
    live.world.protect(INFRA, "main", up_to_date=True)
    assert await mergeability(live, pull_request) == FINE
    await live.world.commit(INFRA, "main", {"README.md": "d\n"})
    (problem,) = (await mergeability(live, pull_request)).problems
    assert "a head that holds all of it" in problem


async def test_the_newest_status_of_every_context_is_read(live: Live) -> None:
    sha = (await opened(live)).head_sha
    await report(live, sha, "ci/0", StatusState.ERROR)
    made = live.world.world.repository(INFRA).statuses[sha]
    for number in range(120):
        name, one = f"ci/{number}", live.world.world.next_id()
        made.append(replace(made[0], id=one, context=name, key=name))
    await report(live, sha, "ci/7", StatusState.SUCCESS)
    found = await live.forge.statuses(live.repository.ref, sha)
    assert {one.context: one.state for one in found} == {
        f"ci/{number}": StatusState.SUCCESS if number == 7 else StatusState.ERROR
        for number in range(120)
    }
    assert len(found) == 120


CONCLUSIONS = {
    "success": StatusState.SUCCESS,
    "neutral": StatusState.SUCCESS,
    "skipped": StatusState.SUCCESS,
    "failure": StatusState.FAILURE,
    "cancelled": StatusState.FAILURE,
    "timed_out": StatusState.FAILURE,
    "action_required": StatusState.FAILURE,
}


async def test_on_github_checks_are_statuses_too(live_github: Live) -> None:
    live = live_github
    pull_request = await opened(live)
    sha = pull_request.head_sha
    for conclusion in CONCLUSIONS:
        live.world.add_check(INFRA, sha, conclusion, conclusion=conclusion)
    live.world.add_check(INFRA, sha, "queued", conclusion=None, status="queued")
    live.world.add_check(INFRA, sha, "Both", conclusion="failure")
    await report(live, sha, "both", StatusState.SUCCESS)
    found = {one.context: one.state for one in await live.forge.statuses(live.repository.ref, sha)}
    more = {"queued": StatusState.PENDING, "Both": StatusState.FAILURE}
    assert found == {**CONCLUSIONS, **more}
    live.world.protect(INFRA, "main", required_statuses=["success", "both"])
    assert await mergeability(live, pull_request) == stuck("The required status `Both` is failure.")


async def test_an_app_that_may_not_see_checks_is_told_what_it_lacks(tmp_path: Path) -> None:
    async with living(tmp_path, APP) as live:
        assert live.world.world.app is not None
        del live.world.world.app.permissions["checks"]
        live.world.world.tokens.clear()  # what it may is minted into each token
        pull_request = await opened(live)
        live.world.protect(INFRA, "main", required_statuses=["build"])
        live.world.add_check(INFRA, pull_request.head_sha, "build", conclusion="success")
        assert await live.forge.statuses(live.repository.ref, pull_request.head_sha) == []
        assert await mergeability(live, pull_request) == stuck(
            "The required status `build` was not reported.",
            "The bridge may not see checks: its App lacks the permission `checks: read`.",
        )


@pytest.mark.parametrize("method", list(MergeMethod))
@pytest.mark.parametrize("credential", [TOKEN, FORGEJO], ids=lambda one: one.name)
async def test_the_head_that_was_looked_at_is_merged(
    credential: Credential, method: MergeMethod, tmp_path: Path
) -> None:
    async with living(tmp_path, credential) as live:
        pull_request = await opened(live)
        merged = await live.forge.merge(pull_request, method=method, sha=pull_request.head_sha)
        now = await live.forge.pull_request(pull_request.ref)
        assert (now.state, now.merge_commit) == (PullRequestState.MERGED, merged)
        git = live.world.world.repository(INFRA).git
        assert await git.tip("main") == merged
        assert await git.show(merged, "network/main.tf") is not None
        parents = (await git.commit(merged)).parents
        assert len(parents) == (2 if method is MergeMethod.MERGE else 1)
        with pytest.raises(PermanentRemoteError):
            await live.forge.merge(pull_request, method=method, sha=pull_request.head_sha)


async def test_a_merge_that_is_refused_says_why(live: Live) -> None:
    grant(live, "contents", "write")
    pull_request = await opened(live)
    sha = pull_request.head_sha

    async def refusal(sha: str) -> tuple[str, int | None]:
        with pytest.raises(PermanentRemoteError) as caught:
            await live.forge.merge(pull_request, method=MergeMethod.MERGE, sha=sha)
        return str(caught.value), caught.value.status

    live.world.protect(INFRA, "main", required_statuses=["ci"])
    said, code = await refusal(sha)
    assert said.startswith("the forge refused to merge it: ")
    assert ("required status check" in said.lower(), code) == (True, 405)
    live.world.protect(INFRA, "main")
    await pushed(live)
    said, code = await refusal(sha)
    assert ("head" in said.lower(), code) == (True, 409)
    await live.world.commit(INFRA, "main", {"network/main.tf": "z\n"})
    said, code = await refusal((await live.forge.pull_request(pull_request.ref)).head_sha)
    assert code == 405
    assert said.endswith(
        "Pull Request is not mergeable"
        if live.is_github
        else "Please try again later (it conflicts, or is still being looked at)"
    )
    assert (await live.forge.pull_request(pull_request.ref)).state is PullRequestState.OPEN


async def test_an_app_that_may_not_write_contents_merges_nothing(tmp_path: Path) -> None:
    async with living(tmp_path, APP) as live:
        pull_request = await opened(live)
        with pytest.raises(NotAllowedError, match="Resource not accessible"):
            await live.forge.merge(
                pull_request, method=MergeMethod.MERGE, sha=pull_request.head_sha
            )


async def test_members_of_a_team(live: Live) -> None:
    grant(live, "members", "read")
    live.world.add_team("acme", "platform", ["alice", "bridge"], invited=["carol"])
    live.world.add_team("acme", "owners", ["root"])
    asked = ("alice", "Alice", "carol", "bob", "ghost")
    found = [await live.forge.in_team(login, "acme/platform") for login in asked]
    assert found == [True, True, False, False, False]
    assert await live.forge.in_team("alice", "ACME/Platform")
    assert not await live.forge.in_team("alice", "acme/gone")
    if live.credential is not APP:
        assert not await live.forge.in_team("alice", "nowhere/platform")


async def test_a_question_about_a_team_may_be_refused(tmp_path: Path) -> None:
    async with living(tmp_path / "app", APP) as live:
        live.world.add_team("acme", "platform", ["alice"])
        with pytest.raises(NotAllowedError):  # without the permission "members"
            await live.forge.in_team("alice", "acme/platform")
        with pytest.raises(NotAllowedError, match="not installed in nowhere"):
            await live.forge.in_team("alice", "nowhere/platform")
    async with living(tmp_path / "forgejo", FORGEJO) as live:
        live.world.add_team("acme", "platform", ["alice"])
        with pytest.raises(NotAllowedError, match="organization member"):
            await live.forge.in_team("alice", "acme/platform")
        live.world.add_team("acme", "bots", ["bridge"])
        with pytest.raises(NotAllowedError, match="team member"):
            await live.forge.in_team("alice", "acme/platform")
