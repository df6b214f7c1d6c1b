"""Terrakube is away while deliveries are handled: the status says so, and concludes."""

from datetime import timedelta

from bridge.store.schema import delivery
from tests.e2e.stage import SLUG, Stage

LONG = timedelta(minutes=11)


def description(stage: Stage, sha: str, context: str = "terrakube/plan") -> str:
    """Return what the newest status of that name says."""
    found = stage.forge.world.repository(SLUG).statuses[sha]
    return [one.description or "" for one in found if one.context == context][-1]


async def lose_terrakube(stage: Stage) -> None:
    """Take Terrakube away, and what the bridge remembers of it."""
    await stage.server.down()
    stage.bridge.inside.catalog.forget()


async def test_a_pull_request_says_that_terrakube_is_away_until_it_is_planned(
    github: Stage,
) -> None:
    stage = github
    await stage.propose("app", branch="earlier")
    await stage.quiet()
    await lose_terrakube(stage)

    pull_request = await stage.propose("network")
    head = pull_request.head_sha
    await stage.until(lambda: stage.statuses(head) == {"terrakube/plan": "pending"})
    assert description(stage, head) == "Waiting for Terrakube: it does not answer."
    await stage.skip(LONG)
    await stage.until(lambda: stage.statuses(head) == {"terrakube/plan": "error"})
    assert "Terrakube does not answer. The bridge keeps trying." in description(stage, head)

    await stage.server.up()
    await stage.quiet()
    assert stage.statuses(head) == {
        "terrakube/plan": "success",
        "terrakube/plan: acme/network": "success",
    }
    assert [name for name, _, _ in stage.started()] == ["app", "network"]


async def test_a_delivery_that_is_given_up_ends_as_an_error_and_is_made_up_for(
    stage: Stage,
) -> None:
    stage.tolerated |= {"delivery.dead"}
    await stage.propose("app", branch="earlier")
    await stage.quiet()
    await lose_terrakube(stage)
    pull_request = await stage.propose("network")
    head = pull_request.head_sha
    await stage.until(lambda: stage.statuses(head))

    await stage.skip(timedelta(hours=6))
    await stage.until(lambda: "Not handled" in description(stage, head))
    text = "Not handled: Terrakube does not answer. Say terrakube plan to try again."
    assert (stage.statuses(head), description(stage, head)) == ({"terrakube/plan": "error"}, text)
    assert "dead" in [row["outcome"] for row in await stage.rows(delivery)]

    await stage.server.up()
    await stage.ten_minutes_later()
    assert stage.statuses(head)["terrakube/plan"] == "success"


async def test_whoever_says_plan_is_answered_when_terrakube_stays_away(stage: Stage) -> None:
    pull_request = await stage.propose("network")
    await stage.quiet()
    await lose_terrakube(stage)
    await stage.say(pull_request, "terrakube plan")
    await stage.until(lambda: stage.logs("delivery.postponed"))
    await stage.skip(LONG)
    await stage.until(lambda: "is kept for six hours" in stage.comments(pull_request)[-1])
    await stage.server.up()
    await stage.quiet()
    assert len(stage.jobs()) == 2
    assert "Terrakube answers again. It was carried out." in stage.comments(pull_request)[-1]


async def test_a_repository_nobody_knows_is_told_nothing(stage: Stage) -> None:
    await lose_terrakube(stage)
    pull_request = await stage.propose("network")
    await stage.until(lambda: len(stage.logs("delivery.postponed")) > 1)
    await stage.skip(LONG)
    await stage.until(lambda: len(stage.logs("delivery.postponed")) > 3)
    assert stage.statuses(pull_request.head_sha) == {}
