"""Reviews, rules, teams and the merge queue, as people and programs meet them."""

import pytest

from bridge.sandbox.forge import Access, Flavour
from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.forge.pulls import PullRequestError
from tests.bridge.sandbox.forge.people import INFRA, Person, Place, Reply
from tests.bridge.sandbox.forge.receiving import Receiver

PULL = f"/repos/{INFRA}/pulls/1"


async def opened(place: Place) -> PullRequest:
    place.forge.account("carol")
    where = place.forge.world.repository(INFRA)
    place.forge.world.give_access(where, "carol", Access.WRITE)
    await place.forge.commit(INFRA, "feature", {"network/main.tf": "x\n"})
    return await place.forge.open_pull_request(INFRA, "feature")


async def merge(person: Person, flavour: Flavour) -> Reply:
    if flavour is Flavour.GITHUB:
        return await person.ask(f"PUT {PULL}/merge", {})
    return await person.ask(f"POST {PULL}/merge", {"Do": "merge"})


async def refusal(place: Place) -> str:
    answer = await merge(place.alice, place.flavour)
    assert answer.status == 405
    return str(answer.body["message"])


async def test_only_the_newest_review_of_whoever_may_write_counts(place: Place) -> None:
    await opened(place)
    place.forge.protect(INFRA, "main", required_approvals=1)
    await place.forge.approve(INFRA, 1, by="bob")  # who may only read
    assert "approv" in await refusal(place)
    await place.forge.approve(INFRA, 1, by="carol")
    await place.forge.request_changes(INFRA, 1, by="carol")
    said = "Changes" if place.flavour is Flavour.GITHUB else "approv"
    assert said in await refusal(place)
    await place.forge.approve(INFRA, 1, by="carol")
    assert (await merge(place.alice, place.flavour)).status == 200


async def test_a_push_dismisses_approvals_where_the_rule_says_so(place: Place) -> None:
    await opened(place)
    place.forge.protect(INFRA, "main", required_approvals=1, dismiss_stale=True)
    await place.forge.approve(INFRA, 1, by="carol")
    await place.forge.commit(INFRA, "feature", {"network/main.tf": "y\n"})
    (shown,) = (await place.bob.ask(f"GET {PULL}/reviews")).body
    assert shown["state"] == ("DISMISSED" if place.flavour is Flavour.GITHUB else "APPROVED")
    assert shown.get("dismissed", True)
    assert "approv" in await refusal(place)


async def test_a_review_is_dismissed_by_whoever_may(place: Place) -> None:
    await opened(place)
    given = await place.forge.request_changes(INFRA, 1, by="carol")
    path = f"{PULL}/reviews/{given.id}/dismissals"
    line = f"{'PUT' if place.flavour is Flavour.GITHUB else 'POST'} {path}"
    assert (await place.bob.ask(line, {"message": "no"})).status in {403, 404}
    assert (await place.bridge.ask(line, {"message": "talked it over"})).status == 200
    assert given.dismissed
    gone = await place.bridge.ask(line.replace(str(given.id), "7"), {"message": "x"})
    assert gone.status == 404
    assert (await merge(place.alice, place.flavour)).status == 200


async def test_what_a_rule_asks_for_is_told_with_the_refusal(place: Place) -> None:
    one = await opened(place)
    place.forge.protect(INFRA, "main", required_approvals=1, up_to_date=True)
    await place.forge.approve(INFRA, 1, by="bridge")
    await place.forge.request_changes(INFRA, 1, by="carol")
    assert "hanges" in await refusal(place)
    await place.forge.dismiss(INFRA, 1, one.reviews[-1], by="bridge")
    await place.forge.commit(INFRA, "main", {"README.md": "d\n"})
    said = "out of date" if place.flavour is Flavour.GITHUB else "behind"
    assert said in await refusal(place)


async def test_a_way_to_merge_that_is_none_is_a_surprise(place: Place) -> None:
    await opened(place)
    if place.flavour is Flavour.GITHUB:
        answer = await place.alice.ask(f"PUT {PULL}/merge", {"merge_method": "octopus"})
    else:
        answer = await place.alice.ask(f"POST {PULL}/merge", {"Do": "octopus"})
    assert answer.status == 422
    assert len(place.forge.surprises) == 1


async def test_github_answers_one_question_of_graphql(github: Place) -> None:
    await opened(github)
    github.forge.protect(INFRA, "main", required_approvals=1)
    variables = {"owner": "acme", "name": "infra", "number": 1}
    query = "query($number: Int!) { repository { pullRequest { reviewDecision } } }"
    elsewhere = Person(
        session=github.bob.session,
        url=github.forge.web_url,
        headers=github.bob.headers,
    )

    async def decision() -> object:
        asked = await elsewhere.ask("POST /api/graphql", {"query": query, "variables": variables})
        return asked.body

    for wanted in ("REVIEW_REQUIRED", "APPROVED", "CHANGES_REQUESTED"):
        told = {"data": {"repository": {"pullRequest": {"reviewDecision": wanted}}}}
        assert await decision() == told
        if wanted == "REVIEW_REQUIRED":
            await github.forge.approve(INFRA, 1, by="carol")
        else:
            await github.forge.request_changes(INFRA, 1, by="carol")
    variables["name"] = "gone"
    body = await decision()
    assert isinstance(body, dict)
    assert body["errors"][0]["type"] == "NOT_FOUND"
    github.forge.assert_no_surprises()
    query = "query { viewer { login } }"
    await decision()
    assert "login, viewer" in github.forge.surprises[0]


async def test_forgejo_shows_a_whole_rule_to_administrators(forgejo: Place) -> None:
    forgejo.forge.protect(INFRA, "main", required_approvals=2, block_rejected=False)
    line = f"GET /repos/{INFRA}/branch_protections/main"
    shown = (await forgejo.bridge.ask(line)).body
    assert (shown["required_approvals"], shown["block_on_rejected_reviews"]) == (2, False)
    assert (await forgejo.alice.ask(line)).status == 403
    assert (await forgejo.bridge.ask(line.replace("main", "release"))).status == 404


async def test_a_queue_asks_for_the_statuses_of_a_commit_of_its_own(
    github: Place, receiver: Receiver
) -> None:
    one = await opened(github)
    forge, where = github.forge, github.forge.world.repository(INFRA)
    forge.protect(INFRA, "main", required_statuses=["terrakube/plan"])
    forge.add_hook(INFRA, receiver.url, secret="s", events=["merge_group", "pull_request"])
    with pytest.raises(PullRequestError, match="waits for terrakube/plan"):
        await forge.merge_queue(INFRA, 1)
    status = {"state": "success", "context": "terrakube/plan"}
    await github.alice.ask(f"POST /repos/{INFRA}/statuses/{one.head_sha}", status)
    commit = ""
    for answered in (False, True):
        commit = await forge.merge_queue(INFRA, 1)
        name = f"gh-readonly-queue/main/pr-1-{await where.git.tip('main')}"
        assert await where.git.tip(name) == commit
        if answered:
            await github.alice.ask(f"POST /repos/{INFRA}/statuses/{commit}", status)
        assert await forge.leave_merge_queue(INFRA, 1) is answered
        assert await where.git.tip(name) is None
    with pytest.raises(PullRequestError, match="in no queue"):
        await forge.leave_merge_queue(INFRA, 1)
    assert (one.merge_commit, await where.git.tip("main")) == (commit, commit)
    await forge.settled()
    assert receiver.labels == [
        "merge_group.checks_requested",
        "merge_group.destroyed",
        "merge_group.checks_requested",
        "pull_request.closed",
        "merge_group.destroyed",
    ]
