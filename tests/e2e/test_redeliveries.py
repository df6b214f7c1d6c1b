"""What GitHub could not deliver while the bridge was away is asked for again."""

from tests.e2e.stage import Stage


async def test_deliveries_that_failed_are_sent_again_and_handled(github: Stage) -> None:
    """A comment shows it: comparing with the store finds pull requests, but no comments."""
    stage = github
    earlier = await stage.propose("app", branch="earlier")
    await stage.quiet()
    async with stage.unreachable():
        pull_request = await stage.propose("network")
        await stage.say(earlier, "terrakube plan")
    assert [name for name, _, _ in stage.started()] == ["app"]

    await stage.ten_minutes_later()

    assert stage.logs("delivery.asked_again")
    again = [one for one in stage.forge.office.attempts if one.redelivery]
    assert {(one.event, one.status_code) for one in again} == {
        ("push", 202),
        ("pull_request", 202),
        ("issue_comment", 202),
    }
    assert sorted(name for name, _, _ in stage.started()) == ["app", "app", "network"]
    assert set(stage.statuses(pull_request.head_sha).values()) == {"success"}
    assert "1 planned" in stage.comment(pull_request)

    await stage.ten_minutes_later()
    assert len([one for one in stage.forge.office.attempts if one.redelivery]) == len(again)
