"""Too much at once, and trouble on order."""

import time
from dataclasses import replace
from pathlib import Path

from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.limits import LIMITS
from bridge.sandbox.forge.records import busiest
from tests.bridge.sandbox.forge.people import INFRA, Person, Place, inhabited

COMMENTS = f"/repos/{INFRA}/issues/1/comments"


async def with_a_pull_request(place: Place) -> str:
    sha = await place.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
    await place.forge.open_pull_request(INFRA, "feature")
    return sha


async def say(person: Person, text: str = "x") -> int:
    return (await person.ask(f"POST {COMMENTS}", {"body": text})).status


async def test_github_limits_what_an_account_writes_in_a_minute(tmp_path: Path) -> None:
    limits = replace(LIMITS[Flavour.GITHUB], writes_per_minute=2)
    async with inhabited(tmp_path, Flavour.GITHUB, limits=limits) as github:
        await with_a_pull_request(github)
        assert [await say(github.alice) for _ in range(2)] == [201, 201]
        reply = await github.alice.ask(f"POST {COMMENTS}", {"body": "x"})
        assert reply.status == 403
        assert "secondary rate limit" in reply.body["message"]
        assert 0 < int(reply.headers["Retry-After"]) <= 60
        assert (await github.alice.ask(f"GET {COMMENTS}")).status == 200
        assert await say(github.bob) == 201
        github.forge.assert_no_surprises()


async def test_content_writes_are_counted_by_account(place: Place) -> None:
    sha = await with_a_pull_request(place)
    await say(place.alice)
    await place.alice.ask(f"POST /repos/{INFRA}/statuses/{sha}", {"state": "success"})
    await place.alice.ask(f"GET {COMMENTS}")
    await say(place.bob)
    await place.bob.ask(f"POST /repos/{INFRA}/statuses/{sha}", {"state": "success"})  # refused
    lines = [record.line for record in place.forge.content_writes("alice")]
    assert lines == [f"POST {COMMENTS}", f"POST /repos/{INFRA}/statuses/{sha}"]
    assert (place.forge.busiest_minute("bob"), place.forge.busiest_minute()) == (1, 3)


async def test_the_busiest_minute_slides(place: Place) -> None:
    await place.alice.ask(f"GET /repos/{INFRA}")
    record = place.forge.requests[0]
    records = [replace(record, at=at) for at in (0.0, 59.0, 60.0, 61.0, 119.5)]
    assert busiest(records) == 3
    assert busiest([]) == 0


async def test_a_comment_may_be_stored_although_the_answer_says_no(place: Place) -> None:
    await with_a_pull_request(place)
    place.forge.faults.store_then_fail()
    reply = await place.alice.ask(f"POST {COMMENTS}", {"body": "x"})
    assert (reply.status, reply.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert await say(place.alice, "y") == 201
    assert [one.body for one in place.forge.comments(INFRA, 1)] == ["x", "y"]


async def test_other_trouble_comes_as_ordered_and_ends(place: Place) -> None:
    await with_a_pull_request(place)
    faults = place.forge.faults
    faults.limit(status=403, retry_after=7)
    limited = await place.alice.ask(f"POST {COMMENTS}", {"body": "x"})
    assert (limited.status, limited.headers["Retry-After"]) == (403, "7")
    faults.fail(match="GET /user", status=502, times=2)
    assert [(await place.alice.ask("GET /user")).status for _ in range(3)] == [502, 502, 200]
    faults.slow(0.2, match="GET /user")
    started = time.monotonic()
    await place.alice.ask("GET /user")
    assert time.monotonic() - started >= 0.2
    assert place.forge.comments(INFRA, 1) == []


async def test_requests_are_kept_without_their_credentials(place: Place) -> None:
    await place.alice.ask(f"GET /repos/{INFRA}?x=1")
    (record,) = place.forge.requests
    assert (record.line, record.query, record.account, record.template, record.status) == (
        f"GET /repos/{INFRA}",
        {"x": "1"},
        "alice",
        "/repos/{owner}/{repo}",
        422,
    )
    assert "Authorization" not in record.headers
    assert record.body is None
    assert isinstance(record.answered, dict)
