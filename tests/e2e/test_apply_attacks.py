"""Applies somebody should not get: refused, dropped or rejected, with a word, and all concludes."""

import base64
import json
from datetime import timedelta
from time import process_time
from typing import Final

import httpx
import pytest

from bridge.sandbox.forge import Access, Flavour
from bridge.sandbox.forge.commenting import edit_comment
from bridge.sandbox.forge.model import Kind, PullRequest
from bridge.sandbox.forge.pulls import close_pull_request
from bridge.sandbox.forge.pushing import move_ref
from bridge.sandbox.terrakube import CreateFault, Plan, make_plan, make_row, plan_of
from bridge.sandbox.terrakube.model import Organization
from bridge.sandbox.terrakube.standin import StandIn
from bridge.store.schema import run
from tests.bridge.rendering.markdown import read
from tests.e2e.applies import (
    APPLY,
    answers,
    applied,
    applies,
    assert_concluded,
    audited,
    held,
    living,
    of_apply,
    planned,
    said,
    ways,
)
from tests.e2e.conftest import SetStage
from tests.e2e.stage import BRIDGE, READER, REVIEWER, SLUG, STRANGER, WRITER, Stage

FORK: Final = f"{STRANGER}/infra"
UNASKED: Final = base64.b64encode(
    b"flow:\n  - {type: terraformPlan, step: 100}\n  - {type: terraformApply, step: 200}\n"
).decode()
ASKING: Final = """
flow:
  - {type: terraformPlan, name: Plan, step: 100}
  - {type: approval, name: Approve, step: 150, team: TERRAKUBE_ADMIN}
  - {type: terraformApply, name: Apply, step: 200}
"""
CONFIRMED: Final = "commands: {apply: {template: Confirmed}}\n"


async def move(stage: Stage, pull_request: PullRequest, *, told: bool) -> str:
    """Push another commit, of which the bridge hears or does not."""
    if not told:
        stage.forge.faults.drop_delivery(event="pull_request", times=1)
    sha = await stage.push("network", branch=pull_request.head_branch, text="exfiltrate")
    stage.forge.faults.deliveries.clear()
    return sha


async def begun(stage: Stage, pull_request: PullRequest) -> None:
    """Say apply, and stop its job in the middle of its plan."""
    stage.executor.hold()
    number = len(stage.jobs())
    await stage.say(pull_request, APPLY)
    await stage.until(lambda: [one for one in stage.jobs()[number:] if one.status == "running"])


async def decide(stage: Stage, status: str) -> int:
    """Let an administrator say something to the newest job in Terrakube itself."""
    job = stage.jobs()[-1]
    data = {"type": "job", "id": str(job.id), "attributes": {"status": status}}
    kind = "application/vnd.api+json"
    token = stage.server.mint("boss@example.com", "TERRAKUBE_ADMIN")
    async with httpx.AsyncClient() as client:
        answer = await client.patch(
            f"{stage.server.url}/api/v1/organization/{stage.acme.id}/job/{job.id}",
            content=json.dumps({"data": data}),
            headers={"Authorization": f"Bearer {token}", "Content-Type": kind, "Accept": kind},
        )
    return answer.status_code


async def report(stage: Stage, sha: str, context: str, state: str, *, by: str) -> None:
    """Let somebody set a status."""
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{stage.forge.url}/repos/{SLUG}/statuses/{sha}",
            json={"context": context, "state": state},
            headers={"Authorization": f"token {stage.forge.token(by)}", "User-Agent": by},
        )
    assert answer.status_code == 201


@pytest.mark.parametrize(("flavour", "told"), [(Flavour.GITHUB, True), (Flavour.FORGEJO, False)])
async def test_what_was_pushed_after_the_review_is_not_applied(
    set_stage: SetStage, flavour: Flavour, *, told: bool
) -> None:
    stage = await set_stage(flavour=flavour)
    pull_request = await planned(stage)
    reviewed = pull_request.head_sha
    if told:
        stage.executor.hold()
    pushed = await move(stage, pull_request, told=told)
    await said(stage, pull_request)
    (refusal,) = answers(stage, pull_request)
    assert "**planned**" in refusal
    assert "An earlier commit was approved, not the head as it is now." in refusal
    assert (ways(stage), of_apply(stage, reviewed), of_apply(stage, pushed)) == ([], {}, {})

    stage.executor.let_go()
    await stage.ten_minutes_later()
    await stage.approve(pull_request)
    await said(stage, pull_request)
    assert (ways(stage), stage.jobs()[-1].commit_id) == (["completed"], pushed)
    assert of_apply(stage, pushed)["terrakube/apply"] == "success"
    assert of_apply(stage, reviewed) == {}
    await assert_concluded(stage)


@pytest.mark.parametrize(("flavour", "told"), [(Flavour.GITHUB, True), (Flavour.FORGEJO, False)])
async def test_a_push_while_an_apply_waits_for_its_workspace_drops_it(
    set_stage: SetStage, flavour: Flavour, *, told: bool
) -> None:
    stage = await set_stage(flavour=flavour)
    first = await planned(stage, branch="first")
    second = await planned(stage, branch="second")
    reviewed = second.head_sha
    await said(stage, first)
    await said(stage, second)
    await move(stage, second, told=told)
    await stage.merge(first)
    await stage.quiet()

    assert ways(stage) == ["completed", "completed"], "the first's, and its merge"
    assert set(of_apply(stage, reviewed).values()) == {"error"}
    assert await held(stage) == []
    await assert_concluded(stage)


async def test_a_push_while_terrakube_is_away_drops_the_apply_that_waits_for_it(
    stage: Stage,
) -> None:
    pull_request = await planned(stage)
    reviewed = pull_request.head_sha
    await stage.bridge.inside.catalog.workspaces()
    await stage.bridge.inside.catalog.templates(str(stage.acme.id))
    await stage.server.down()
    await stage.say(pull_request, APPLY)
    await stage.until(lambda: stage.logs("run.postponed"))
    await move(stage, pull_request, told=False)
    await stage.server.up()
    await stage.quiet()
    assert ways(stage) == []
    assert set(of_apply(stage, reviewed).values()) == {"error"}
    assert "The pull request moved to" in living(stage, pull_request)
    await assert_concluded(stage)


@pytest.mark.parametrize(("flavour", "told"), [(Flavour.GITHUB, True), (Flavour.FORGEJO, False)])
async def test_a_push_between_the_job_and_its_approval_rejects_it(
    set_stage: SetStage, flavour: Flavour, *, told: bool
) -> None:
    stage = await set_stage(flavour=flavour)
    pull_request = await planned(stage)
    reviewed = pull_request.head_sha
    await begun(stage, pull_request)
    await move(stage, pull_request, told=told)
    stage.executor.let_go()
    await stage.quiet()

    assert (ways(stage), applied(stage)) == (["rejected"], 0)
    assert set(of_apply(stage, reviewed).values()) == {"error"}
    assert await held(stage) == []
    await assert_concluded(stage)


async def test_a_head_that_went_away_and_came_back_is_the_reviewed_one_and_its_twin_is_not(
    github: Stage,
) -> None:
    """What counts is the commit, not what is in it."""
    stage = github
    pull_request = await planned(stage)
    reviewed = pull_request.head_sha
    repository, alice = stage.forge.world.repository(SLUG), stage.forge.account(WRITER)
    twin = await repository.git.write_commit(
        reviewed, {}, message="The same again", author=("alice", "a@example.com"), when=1
    )
    await begun(stage, pull_request)
    for sha in (twin, reviewed):
        await move_ref(stage.forge.world, repository, "refs/heads/change", sha, actor=alice)
    stage.executor.let_go()
    await stage.quiet()
    # The twin may have been planned last, or have been gone before that.
    (apply,) = applies(stage)
    assert (ways(stage), apply.commit_id) == (["completed"], reviewed)
    assert of_apply(stage, reviewed)["terrakube/apply"] == "success"

    await said(stage, pull_request, "terrakube plan")
    await begun(stage, pull_request)
    await move_ref(stage.forge.world, repository, "refs/heads/change", twin, actor=alice)
    stage.executor.let_go()
    await stage.quiet()
    assert (ways(stage), applied(stage)) == (["completed", "rejected"], 1)
    assert of_apply(stage, reviewed)["terrakube/apply"] == "error"
    await assert_concluded(stage)


async def test_what_is_no_command_of_a_person_applies_nothing(either: Stage) -> None:
    stage = either
    bot = stage.forge.account("helper[bot]", kind=Kind.BOT).login
    if stage.flavour is Flavour.GITHUB:
        stage.forge.world.give_access(stage.forge.world.repository(SLUG), bot, Access.WRITE)
        await stage.say(await planned(stage, "app", branch="other"), APPLY, author=bot)
    pull_request = await planned(stage)
    harmless = await stage.say(pull_request, "Looks good.")
    await edit_comment(stage.forge.world, harmless, APPLY, actor=stage.forge.account(WRITER))
    for text in (
        f"> {APPLY}",
        f"```\n{APPLY}\n```",
        f"    {APPLY}",
        f"<!--\n{APPLY}\n-->",
        f"<details>\n\n{APPLY}\n</details>",
        f"{APPLY}\nas soon as you can",
        f"{APPLY}#",
        f"~~~\n```\n{APPLY}",
    ):
        await stage.say(pull_request, text)
    for text in (APPLY, f"@{BRIDGE} apply"):
        await stage.say(pull_request, text, author=BRIDGE)
    before = len(stage.all_comments(pull_request))
    await stage.quiet()
    assert (ways(stage), of_apply(stage, pull_request.head_sha)) == ([], {})
    assert await audited(stage) == []
    assert len(stage.all_comments(pull_request)) <= before + 1
    await assert_concluded(stage)


async def test_a_fork_applies_nothing_whatever_it_is_called_and_whatever_was_allowed(
    github: Stage,
) -> None:
    """Its branch has the name of one of ours, with a plan that was approved."""
    stage = github
    ours = await planned(stage, branch="change")
    fork = await stage.forge.fork(SLUG, STRANGER)
    files = {"network/main.tf": "# exfiltrate\n"}
    await stage.forge.commit(FORK, "change", files, author=STRANGER)
    theirs = await stage.forge.open_pull_request(SLUG, "change", fork=fork, author=STRANGER)
    await stage.quiet()
    await stage.approve(theirs)
    for sha in (ours.head_sha, "0" * 40):
        await said(stage, theirs, f"terrakube ok-to-plan {sha}")
    assert len(stage.jobs()) == 1

    await said(stage, theirs, f"terrakube ok-to-plan {theirs.head_sha}")
    assert len(stage.jobs()) == 2
    await said(stage, theirs)
    await said(stage, theirs, f"{APPLY} -w acme/network")
    refusals = [text for text in answers(stage, theirs) if "never applied" in text]
    assert (len(refusals), ways(stage)) == (2, [])
    assert of_apply(stage, theirs.head_sha) == {}

    await said(stage, ours)
    assert (ways(stage), stage.jobs()[-1].commit_id) == (["completed"], ours.head_sha)
    await assert_concluded(stage)


async def test_what_is_not_planned_or_not_open_is_refused_and_says_no_success(
    github: Stage,
) -> None:
    stage = github
    stage.executor.hold()
    running = await stage.propose("network", branch="running")
    await stage.until(stage.jobs)
    await stage.say(running, APPLY)
    await stage.until(lambda: len(answers(stage, running)) == 1)
    assert "nobody needs to: say it again when the plan has ended" in answers(stage, running)[0]
    stage.executor.let_go()

    await stage.forge.commit(SLUG, "docs", {"README.md": "# more\n"})
    nothing = await stage.forge.open_pull_request(SLUG, "docs")
    for text in (APPLY, f"{APPLY} -w 'nobody/*'", f"{APPLY} --all", f"{APPLY} -d nowhere"):
        await said(stage, nothing, text)
    assert all(text.count("Nothing was applied") == 1 for text in answers(stage, nothing))
    assert len(answers(stage, nothing)) == 4
    assert stage.statuses(nothing.head_sha) == {"terrakube/plan": "success"}

    alice = stage.forge.account(WRITER)
    await close_pull_request(stage.forge.world, running, alice)
    merged = await planned(stage, "app", branch="merged")
    await stage.merge(merged)
    for pull_request in (running, merged):
        await said(stage, pull_request)
        assert "**open**" in answers(stage, pull_request)[-1]
        for word in ("approve", "cancel", "unlock"):
            await said(stage, pull_request, f"terrakube {word}")
    assert ways(stage) == ["completed"], "the merge itself"
    assert [of_apply(stage, one.head_sha) for one in (running, nothing, merged)] == [{}] * 3
    await assert_concluded(stage)


async def test_enormous_selections_are_answered_at_once(stage: Stage) -> None:
    pull_request = await planned(stage)
    star = "*a" * 400
    many = " ".join(f"-w acme/{number}-*" for number in range(300))
    for text in (f"{APPLY} -w {star}b", f"{APPLY} {many}", f"{APPLY} -w [[[[!{'?' * 500}"):
        begun = process_time()
        await said(stage, pull_request, text)
        assert process_time() - begun < 5
    assert (len(answers(stage, pull_request)), ways(stage)) == (3, [])
    await said(stage, pull_request, f"{APPLY} -w '*work' -w acme/n* -w acme/network")
    assert ways(stage) == ["completed"]
    await assert_concluded(stage)


async def test_whoever_may_not_write_just_now_applies_nothing(stage: Stage) -> None:
    pull_request = await planned(stage)
    for who in (READER, STRANGER):
        for text in (APPLY, "terrakube approve", "terrakube unlock"):
            await said(stage, pull_request, text, author=who)
    await said(stage, pull_request, "terrakube help")  # so that there is an answer to remember
    stage.forge.faults.fail(match=r"GET .*/(permission|collaborators)", times=9)
    await said(stage, pull_request)
    stage.forge.faults.requests.clear()
    assert "the answer is no" in answers(stage, pull_request)[-1]

    stage.forge.office.latency = 0.2
    comment = await stage.say(pull_request, APPLY)
    assert comment.account is stage.forge.account(WRITER)
    stage.forge.world.give_access(stage.forge.world.repository(SLUG), WRITER, Access.READ)
    await stage.quiet()
    assert (ways(stage), of_apply(stage, pull_request.head_sha)) == ([], {})
    assert await audited(stage, "apply.requested") == [
        ("apply.requested", who, "refused") for who in (READER, STRANGER, WRITER, WRITER)
    ]
    await assert_concluded(stage)


async def test_a_team_the_forge_does_not_tell_is_a_no(set_stage: SetStage) -> None:
    document = 'access:\n  - {who: ["github:team:acme/platform"], may: [apply]}\n'
    stage = await set_stage(flavour=Flavour.GITHUB, document=document)
    stage.forge.add_team("acme", "platform", [WRITER])
    pull_request = await planned(stage)
    await said(stage, pull_request, author=REVIEWER)
    assert "no `access` rule lets you say `apply`" in answers(stage, pull_request)[-1]
    stage.forge.faults.fail(match=r"GET .*/(teams|memberships)", times=9)
    await said(stage, pull_request)
    stage.forge.faults.requests.clear()
    assert "could not be asked just now" in answers(stage, pull_request)[-1]
    assert ways(stage) == []
    await said(stage, pull_request)
    assert ways(stage) == ["completed"]
    await assert_concluded(stage)


async def test_an_approval_that_is_dismissed_while_the_apply_waits_counts_no_more(
    github: Stage,
) -> None:
    stage = github
    first = await planned(stage, branch="first")
    second = await planned(stage, branch="second")
    await said(stage, first)
    await said(stage, second)
    (review,) = second.reviews
    await stage.forge.dismiss(SLUG, second.number, review, by=WRITER)
    await stage.merge(first)
    await stage.quiet()
    assert ways(stage) == ["completed", "completed"], "the first's, and its merge"
    assert of_apply(stage, second.head_sha)["terrakube/apply"] == "error"
    assert "Nobody approved it yet." in living(stage, second)
    assert await held(stage) == []

    await stage.approve(second)
    await said(stage, second)
    assert of_apply(stage, second.head_sha)["terrakube/apply"] == "success"
    await assert_concluded(stage)


async def test_a_required_status_of_the_bridge_never_dead_locks_and_others_count(
    either: Stage,
) -> None:
    stage = either
    own = ["terrakube/apply", "terrakube/apply: acme/network", "terrakube/plan"]
    stage.forge.protect(SLUG, "main", required_approvals=1, required_statuses=own)
    first = await planned(stage, branch="first")
    await said(stage, first)
    assert of_apply(stage, first.head_sha)["terrakube/apply"] == "success"
    await stage.merge(first)
    await stage.quiet()

    stage.forge.protect(
        SLUG, "main", required_approvals=1, required_statuses=[*own, "terrakube/applyx"]
    )
    second = await planned(stage, branch="second")
    for state in (None, "pending"):
        if state:
            await report(stage, second.head_sha, "terrakube/applyx", state, by=REVIEWER)
        await said(stage, second)
        (*_, refusal) = answers(stage, second)
        assert "**mergeable**" in refusal
        assert "The required status `terrakube/applyx`" in refusal
    await report(stage, second.head_sha, "terrakube/applyx", "success", by=REVIEWER)
    await said(stage, second)
    assert of_apply(stage, second.head_sha)["terrakube/apply"] == "success"
    await assert_concluded(stage)


async def test_statuses_that_somebody_sets_in_our_name_open_nothing(github: Stage) -> None:
    stage = github
    stage.server.plan_for(stage.workspace("network"), Plan(error="no such zone"))
    pull_request = await planned(stage)
    head = pull_request.head_sha
    for context in ("terrakube/plan", "terrakube/plan: acme/network", "terrakube/apply"):
        await report(stage, head, context, "success", by=REVIEWER)
    await said(stage, pull_request)
    assert "The plan failed" in answers(stage, pull_request)[0]
    assert ways(stage) == []

    stage.server.plan_for(stage.workspace("network"), make_plan(create=1))
    stage.executor.apply_errors[stage.workspace("network").id] = "no more addresses"
    await said(stage, pull_request, "terrakube plan")
    await said(stage, pull_request)
    assert of_apply(stage, head)["terrakube/apply"] == "failure"
    await assert_concluded(stage)


@pytest.mark.parametrize(
    ("create", "word", "seen", "outcome"),
    [
        (2, "approved", True, "success"),
        (2, "approved", False, "success"),
        (7, "approved", True, "error"),
        (7, "approved", False, "error"),
        (2, "rejected", False, "failure"),
        (2, "cancelled", True, "error"),
    ],
)
async def test_what_somebody_decides_in_terrakube_before_the_bridge_does_is_told_and_audited(
    github: Stage, *, create: int, word: str, seen: bool, outcome: str
) -> None:
    """Be it that the bridge is about to compare, or that it has not seen yet that a job waits."""
    stage = github
    pull_request = await planned(stage)
    stage.server.plan_for(stage.workspace("network"), make_plan(create=create, update=1))
    await begun(stage, pull_request)
    stage.forge.faults.slow(0.4, match=r"GET .*/pulls/1$", times=1)
    (slow,) = stage.forge.faults.requests
    stage.executor.let_go()
    await stage.server.until(stage.jobs()[-1], "waitingApproval")
    if seen:
        await stage.until(lambda: slow.times == 0)
    assert await decide(stage, word) == 204
    await stage.quiet()

    assert ways(stage) == ["completed" if word == "approved" else word]
    assert of_apply(stage, pull_request.head_sha)["terrakube/apply"] == outcome
    patched = [one.email for one in stage.server.requests if one.method == "PATCH"]
    assert patched == ["boss@example.com"], "nobody said it twice"
    comment = living(stage, pull_request)
    for text in ("plan was not the one that was reviewed", "new: terraform_data.create_6 (create)"):
        assert (text in comment) is (create == 7)
    by = [one for one in await audited(stage) if one[0] != "apply.requested"]
    # Nobody can tell who was first where both say the same.
    both = [[("apply.approved", WRITER, "approved")]] if outcome == "success" else []
    assert by in [[(f"job.{word}", "somebody in Terrakube", "seen")], *both]
    await assert_concluded(stage)


async def test_without_the_right_to_approve_it_is_said_and_goes_on_once_it_is_given(
    stage: Stage,
) -> None:
    pull_request = await planned(stage)
    await begun(stage, pull_request)
    team = next(one for one in stage.acme.teams.values() if one.name == "DEVELOPERS")
    role, team.role = team.role, "plan"
    stage.executor.let_go()
    told = "Give the team of its token the right to approve jobs"
    await stage.until(lambda: told in living(stage, pull_request))
    assert of_apply(stage, pull_request.head_sha)["terrakube/apply"] == "pending"
    assert (ways(stage), applied(stage)) == (["waitingApproval"], 0)
    team.role = role
    await stage.quiet()
    assert (ways(stage), applied(stage)) == (["completed"], 1)
    assert told not in living(stage, pull_request)
    await assert_concluded(stage)


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (CreateFault.COMMIT_THEN_DROP, 1),
        (CreateFault.DROP, 2),
    ],
)
async def test_a_lost_answer_to_the_approval_approves_once(
    stage: Stage, fault: CreateFault, sent: int
) -> None:
    pull_request = await planned(stage)
    await begun(stage, pull_request)
    stage.server.faults.on_change(fault)
    stage.executor.let_go()
    await stage.quiet()
    assert (ways(stage), applied(stage)) == (["completed"], 1)
    assert stage.server.count("PATCH", "/job/") == sent
    assert of_apply(stage, pull_request.head_sha)["terrakube/apply"] == "success"
    assert await audited(stage, "apply.approved") == [("apply.approved", WRITER, "approved")]
    await assert_concluded(stage)


async def test_without_the_forge_nothing_is_created_and_nothing_approved_until_it_is_back(
    stage: Stage,
) -> None:
    first = await planned(stage, branch="first")
    second = await planned(stage, branch="second")
    await said(stage, first)
    await said(stage, second)
    away = r"GET .*/pulls/2"
    stage.forge.faults.fail(match=away, times=500)
    await stage.merge(first)
    await stage.until(lambda: stage.logs("run.postponed"))
    assert ways(stage) == ["completed", "completed"]
    stage.forge.faults.requests.clear()
    stage.executor.hold()
    await stage.until(lambda: [one for one in stage.jobs()[4:] if one.status == "running"])

    stage.forge.faults.fail(match=away, times=500)
    stage.executor.let_go()
    await stage.until(lambda: stage.logs("review.postponed"))
    assert (ways(stage)[2:], of_apply(stage, second.head_sha)["terrakube/apply"]) == (
        ["waitingApproval"],
        "pending",
    )
    stage.forge.faults.requests.clear()
    await stage.quiet()
    assert ways(stage)[2:] == ["completed"]
    assert of_apply(stage, second.head_sha)["terrakube/apply"] == "success"
    await assert_concluded(stage)


async def test_a_job_that_is_deleted_while_it_waits_ends_the_apply_and_frees_the_workspace(
    stage: Stage,
) -> None:
    stage.workspace("network").structured = False
    stage.server.plan_for(stage.workspace("network"), Plan(rows=make_plan().rows))
    pull_request = await planned(stage)
    await said(stage, pull_request)
    assert ways(stage) == ["waitingApproval"]
    stage.server.delete(stage.jobs()[-1])
    await said(stage, pull_request, "terrakube approve")
    assert set(of_apply(stage, pull_request.head_sha).values()) == {"error"}
    assert "deleted in Terrakube" in living(stage, pull_request)
    assert (await held(stage), applied(stage)) == ([], 0)
    await assert_concluded(stage)


async def test_a_job_that_copies_the_key_of_an_apply_is_not_adopted(stage: Stage) -> None:
    """It would apply without asking anybody; whoever made it uses the account of the bridge."""
    pull_request = await planned(stage)
    stage.server.faults.on_create(CreateFault.DROP)
    await stage.say(pull_request, APPLY)
    await stage.until(lambda: stage.logs("job.unanswered"))
    key = next(row["id"] for row in await stage.rows(run) if row["verb"] == "apply")
    foreign = stage.server.world.add_job(
        stage.acme,
        stage.workspace("app"),
        by="bridge@example.com",
        comments=f"bridge:{key} apply {SLUG}#1 by alice",
        commit_id=pull_request.head_sha,
        tcl=UNASKED,
    )
    stage.server.scheduler.created(foreign)
    await stage.quiet()
    (row,) = [row for row in await stage.rows(run) if row["verb"] == "apply"]
    assert row["job_id"] not in {None, str(foreign.id)}
    assert stage.logs("run.started")[-1]["how"] == "posted"
    assert of_apply(stage, pull_request.head_sha)["terrakube/apply"] == "success"
    assert f"/runs/{foreign.id})" not in living(stage, pull_request)


async def test_a_workspace_that_is_locked_in_terrakube_is_an_error_at_once(stage: Stage) -> None:
    pull_request = await planned(stage)
    stage.server.lock(stage.workspace("network"), "migration by @ops")
    await stage.say(pull_request, APPLY)
    await stage.quiet(within=timedelta(seconds=20))
    assert (ways(stage), await held(stage)) == ([], [])
    assert set(of_apply(stage, pull_request.head_sha).values()) == {"error"}
    assert "is locked in Terrakube" in living(stage, pull_request)
    stage.server.unlock(stage.workspace("network"))
    await said(stage, pull_request)
    assert of_apply(stage, pull_request.head_sha)["terrakube/apply"] == "success"
    await assert_concluded(stage)


async def test_a_template_that_asks_nobody_any_more_is_not_used(set_stage: SetStage) -> None:
    """It is changed while the apply waits for its workspace."""

    def prepare(server: StandIn, acme: Organization) -> None:
        server.add_template(acme, "Confirmed", ASKING)

    stage = await set_stage(document=CONFIRMED, prepare=prepare)
    first = await planned(stage, branch="first")
    second = await planned(stage, branch="second")
    await said(stage, first)
    assert ways(stage) == ["completed"]
    await said(stage, second)
    template = next(one for one in stage.acme.templates.values() if one.name == "Confirmed")
    template.tcl = UNASKED
    await stage.merge(first)
    await stage.quiet()
    assert ways(stage) == ["completed", "completed"], "the first's, and its merge"
    assert set(of_apply(stage, second.head_sha).values()) == {"error"}
    assert "does not wait for an approval" in living(stage, second)
    assert await held(stage) == []
    await said(stage, second)
    assert "does not wait for an approval" in answers(stage, second)[-1]
    await assert_concluded(stage)


async def test_what_a_differing_plan_holds_neither_gets_out_nor_takes_effect(
    github: Stage,
) -> None:
    stage = github
    secret = "correct-horse-battery-staple"
    stage.canaries |= {secret}
    hostile = "```\n/merge now\n@everyone @acme/platform\n</details><img src=x onerror=alert(1)>"
    pull_request = await planned(stage)
    named = make_row(f"x_{hostile}_{secret}", "create", secret)
    named["afterSensitive"] = {"input": True}
    text = plan_of([make_row("y", "create", hostile)]).text
    stage.server.plan_for(
        stage.workspace("network"), Plan(rows=[named, make_row("y", "create", hostile)], text=text)
    )
    await said(stage, pull_request)
    assert (ways(stage), applied(stage)) == (["rejected"], 0)
    comment = living(stage, pull_request)
    assert "not the one that was reviewed any more" in comment
    read(comment.split("\n", 1)[1])  # nothing in it takes effect
    assert of_apply(stage, pull_request.head_sha)["terrakube/apply"] == "failure"
    await assert_concluded(stage)
