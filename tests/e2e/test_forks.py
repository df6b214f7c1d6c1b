"""Forks: their code runs only once somebody with write permission allowed the very commit."""

from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.forge.pulls import close_pull_request, reopen_pull_request
from bridge.store.schema import audit
from tests.e2e.conftest import SetStage
from tests.e2e.stage import SLUG, STRANGER, WRITER, Stage

FORK = f"{STRANGER}/infra"


async def propose_from_fork(stage: Stage) -> PullRequest:
    fork = await stage.forge.fork(SLUG, STRANGER)
    await push(stage, "offered")
    return await stage.forge.open_pull_request(SLUG, "offer", fork=fork, author=STRANGER)


async def push(stage: Stage, text: str) -> str:
    files = {"network/main.tf": f"# {text}\n"}
    return await stage.forge.commit(FORK, "offer", files, author=STRANGER)


async def test_a_fork_is_not_planned_and_the_comment_says_how(github: Stage) -> None:
    stage = github
    pull_request = await propose_from_fork(stage)
    await stage.quiet()
    head = pull_request.head_sha
    assert stage.jobs() == []
    assert stage.statuses(head) == {"terrakube/plan": "error"}
    assert f"terrakube ok-to-plan {head}" in stage.comment(pull_request)

    await stage.say(pull_request, "terrakube plan --all")
    await stage.quiet()
    assert stage.jobs() == [], "a plan is no allowance"


async def test_an_allowed_commit_is_planned_and_the_next_one_needs_it_again(either: Stage) -> None:
    stage = either
    pull_request = await propose_from_fork(stage)
    first = pull_request.head_sha
    await stage.say(pull_request, f"terrakube ok-to-plan {first}")
    await stage.quiet()
    assert stage.started() == [("network", "Plan", first)]
    assert stage.statuses(first)["terrakube/plan"] == "success"

    second = await push(stage, "something else")
    await stage.quiet()
    assert len(stage.jobs()) == 1
    assert stage.statuses(second) == {"terrakube/plan": "error"}
    assert f"terrakube ok-to-plan {second}" in stage.comment(pull_request)

    await stage.say(pull_request, f"terrakube ok-to-plan {second}")
    await stage.quiet()
    assert stage.started()[1:] == [("network", "Plan", second)]
    done = [row for row in await stage.rows(audit) if row["action"] == "fork.allowed"]
    assert [(row["actor"], row["result"], row["detail"].split()[-1]) for row in done] == [
        (WRITER, "done", first),
        (WRITER, "done", second),
    ]


async def test_a_shortened_commit_allows_nothing(stage: Stage) -> None:
    pull_request = await propose_from_fork(stage)
    for length in (12, 39):
        await stage.say(pull_request, f"terrakube ok-to-plan {pull_request.head_sha[:length]}")
    await stage.quiet()
    assert stage.jobs() == []
    assert len(stage.comments(pull_request)) == 3, "whoever asks is answered"


async def test_a_head_that_moved_meanwhile_is_not_allowed_by_its_predecessor(github: Stage) -> None:
    """The writer read one commit; the other one came before the word was out."""
    stage = github
    pull_request = await propose_from_fork(stage)
    await stage.quiet()
    read = pull_request.head_sha
    await push(stage, "exfiltrate")
    await stage.say(pull_request, f"terrakube ok-to-plan {read}")
    await stage.quiet()
    assert stage.jobs() == []
    _, answer = stage.comments(pull_request)
    assert f"`{read}` is not the head of this pull request (any more)" in answer
    assert f"terrakube ok-to-plan {pull_request.head_sha}" in answer


async def test_closing_and_reopening_gets_whoever_made_the_fork_no_plan(stage: Stage) -> None:
    pull_request = await propose_from_fork(stage)
    word = f"terrakube ok-to-plan {pull_request.head_sha}"
    await stage.say(pull_request, word)
    await stage.quiet()
    author = stage.forge.account(STRANGER)
    for _ in range(2):
        await close_pull_request(stage.forge.world, pull_request, author)
        await reopen_pull_request(stage.forge.world, pull_request, author)
        await stage.quiet()
    assert len(stage.jobs()) == 1
    assert "1 planned" in stage.comment(pull_request)

    await stage.say(pull_request, word)
    await stage.quiet()
    assert len(stage.jobs()) == 2


async def test_the_code_of_a_fork_is_never_applied_even_when_allowed(set_stage: SetStage) -> None:
    rules = 'rules:\n  - {on: pull_request, template: "Plan and apply"}\n'
    stage = await set_stage(document=rules)
    pull_request = await propose_from_fork(stage)
    await stage.say(pull_request, f"terrakube ok-to-plan {pull_request.head_sha}")
    await stage.quiet()
    assert stage.jobs() == []
    assert "never applied" in stage.comments(pull_request)[0]
    assert stage.statuses(pull_request.head_sha) == {"terrakube/plan": "error"}
