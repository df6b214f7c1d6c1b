"""Everything the Forge port writes, into a whole forge that holds it to its limits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.domain.errors import (
    NotFoundError,
    PermanentRemoteError,
    TemporaryRemoteError,
)
from bridge.domain.vcs import Comment, CommitStatus, StatusState
from bridge.forges.gitea.forge import GiteaForge
from bridge.forges.gitea.hooks import WANTED_EVENTS as GITEA_EVENTS
from bridge.forges.gitea.searching import PIECE, comments_since
from bridge.forges.github.deliveries import WANTED_EVENTS as GITHUB_EVENTS
from bridge.sandbox.forge.commenting import delete_comment
from bridge.sandbox.forge.limits import LIMITS
from tests.bridge.forges.living import APP, CREDENTIALS, INFRA, SECRET, Credential, Live, living
from tests.bridge.sandbox.forge.receiving import Receiver, receiving

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_comments_are_written_read_edited_and_deleted(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    where, forge = ref.repository, live.forge
    text = "plan: é 😀 <!-- x -->\r\n" + "ü" * 5000
    number = await forge.create_comment(ref, text)
    account = live.world.account(live.login)
    wanted = Comment(
        id=number,
        body=text,
        author=live.login,
        author_id=str(account.id),
        by_bot=live.credential is APP,
        number=ref.number,
    )
    assert await forge.comment(where, number) == wanted
    await forge.edit_comment(where, number, "shorter")
    assert await forge.own_comments(ref) == [replace(wanted, body="shorter")]
    await forge.delete_comment(where, number)
    await forge.delete_comment(where, number)
    assert live.world.comments(INFRA, 1) == []
    for gone in (forge.comment(where, number), forge.edit_comment(where, number, "x")):
        with pytest.raises(NotFoundError):
            await gone


async def test_a_comment_of_a_deleted_account_has_no_author(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    written = await live.world.comment(INFRA, 1, "hi", author="carol")
    written.account = None
    found = await live.forge.comment(ref.repository, str(written.id))
    assert (found.author if live.is_github else found.author_id) == ""
    assert await live.forge.own_comments(ref) == []


async def test_a_comment_that_somebody_deleted_is_not_found(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    number = await live.forge.create_comment(ref, "x")
    (stored,) = live.world.comments(INFRA, 1)
    await delete_comment(live.world.world, stored, actor=live.world.account("alice"))
    with pytest.raises(NotFoundError):
        await live.forge.edit_comment(ref.repository, number, "y")


async def test_the_longest_comment_is_taken(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    units = live.forge.comment_limit
    for filling in ("x", "é", "😀"):
        size = live.forge.measure(filling)
        text = filling * (units // size)
        await live.forge.create_comment(ref, text)
        assert live.world.comments(INFRA, 1)[-1].body == text


async def test_a_comment_that_may_be_stored_is_not_sent_twice(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    live.world.faults.store_then_fail(times=9)
    with pytest.raises(TemporaryRemoteError, match="500 Oops"):
        await live.forge.create_comment(ref, "once")
    live.world.faults.requests.clear()
    assert [one.body for one in await live.forge.own_comments(ref)] == ["once"]


async def test_comments_are_read_in_pieces_where_others_wrote_megabytes(live: Live) -> None:
    if not isinstance(live.forge, GiteaForge):
        pytest.skip("comments come in pages")
    await live.open({"network/main.tf": "x\n"})
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for seconds, size in enumerate((PIECE // 2, 1, PIECE // 2, 1, PIECE)):
        written = await live.world.comment(INFRA, 1, "x" * size, author="carol")
        written.updated_at = first + timedelta(seconds=seconds)
    path = f"/repos/{INFRA}/issues/1/comments"
    found = await comments_since(live.forge.http, path, first)
    assert {one.id for one in found} == {one.id for one in live.world.comments(INFRA, 1)}


async def test_statuses_are_set(live: Live) -> None:
    await live.open({"network/main.tf": "x\n"})
    sha = live.world.world.pull_request(INFRA, 1).head_sha
    for state in StatusState:
        status = CommitStatus(
            context="terrakube/plan",
            state=state,
            description="2 to add\nand more",
            target_url="https://terrakube.example.com/x",
        )
        await live.forge.set_status(live.repository.ref, sha, status)
        assert live.world.statuses(INFRA, sha) == {"terrakube/plan": state.value}
    last = live.world.world.repository(INFRA).latest_statuses(sha)[0]
    assert (last.description, last.target_url) == (
        "2 to add and more",
        "https://terrakube.example.com/x",
    )


async def test_long_statuses_are_fitted_and_stay_apart(live: Live) -> None:
    sha = await live.change({"network/main.tf": "x\n"})
    for end in "ab":
        status = CommitStatus(
            context="terrakube/plan: acme/" + "w" * 300 + end,
            state=StatusState.PENDING,
            description="é" * 300,
        )
        await live.forge.set_status(live.repository.ref, sha, status)
    assert len(live.world.statuses(INFRA, sha)) == 2


async def test_the_head_of_a_fork_gets_its_status_in_the_base(live: Live) -> None:
    copy = await live.world.fork(INFRA, "carol")
    sha = await live.world.commit(copy.slug, "feature", {"a.tf": "x"}, author="carol")
    await live.world.open_pull_request(INFRA, "feature", author="carol", fork=copy)
    status = CommitStatus(context="terrakube/plan", state=StatusState.SUCCESS, description="x")
    await live.forge.set_status(live.repository.ref, sha, status)
    assert live.world.statuses(INFRA, sha) == {"terrakube/plan": "success"}


async def test_a_status_on_no_commit_is_refused(live: Live) -> None:
    status = CommitStatus(context="terrakube/plan", state=StatusState.SUCCESS, description="x")
    with pytest.raises(PermanentRemoteError):
        await live.forge.set_status(live.repository.ref, "a" * 40, status)


async def test_a_reaction_is_there_once(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    comment = await live.world.comment(INFRA, 1, "terrakube plan", author="bob")
    for _ in range(2):
        await live.forge.react(ref.repository, str(comment.id), "eyes")
    assert [(one.account.login, one.content) for one in comment.reactions] == [(live.login, "eyes")]


async def test_an_archived_repository_refuses_comments_for_good(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    live.world.world.repository(INFRA).archived = True
    with pytest.raises(PermanentRemoteError, match="archived"):
        await live.forge.create_comment(ref, "x")


@pytest.mark.parametrize("credential", CREDENTIALS, ids=lambda one: one.name)
async def test_too_much_at_once_is_told_with_the_time_to_wait(
    credential: Credential, tmp_path: Path
) -> None:
    limits = replace(LIMITS[credential.flavour], writes_per_minute=2)
    async with living(tmp_path, credential, limits=limits) as live:
        ref = await live.open({"network/main.tf": "x\n"})
        for _ in range(2):
            await live.forge.create_comment(ref, "x")
        with pytest.raises(TemporaryRemoteError) as caught:
            await live.forge.create_comment(ref, "x")
        assert caught.value.account_wide
        assert 0 < (caught.value.retry_after or 0) <= 60
        assert live.world.busiest_minute(live.login) == 2


@pytest.mark.parametrize("status", [403, 429])
async def test_a_secondary_limit_is_told_either_way(live: Live, status: int) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    if status == 403 and not live.is_github:
        return
    live.world.faults.limit(status=status, retry_after=7)
    with pytest.raises(TemporaryRemoteError) as caught:
        await live.forge.create_comment(ref, "x")
    assert (caught.value.account_wide, caught.value.retry_after) == (True, 7.0)
    await live.forge.create_comment(ref, "x")


async def test_a_hook_is_installed_renewed_and_listed(live: Live) -> None:
    wanted = GITHUB_EVENTS if live.is_github else GITEA_EVENTS
    async with receiving() as receiver:
        url = f"{receiver.url}?hook={live.repository.ref.id}"
        live.world.add_hook(INFRA, "http://127.0.0.1:9/other", secret=None, events=["push"])
        for secret in ("one", "two"):
            await live.forge.install_hook(live.repository, url, secret)
        await live.world.settled()
        other, mine = await live.forge.hooks(live.repository)
    assert (mine.url, mine.active, mine.problems) == (url, True, ())
    assert set(wanted) <= set(mine.events)
    stored = [hook for hook in live.world.world.repository(INFRA).hooks if hook.url == url]
    assert [(str(hook.id), hook.secret) for hook in stored] == [(mine.id, "two")]
    assert other.url.endswith("/other")
    assert any("does not send" in problem for problem in other.problems)


async def test_no_credential_is_logged_or_told_when_something_fails(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    told: list[str] = []
    with capture_logs() as logs:
        for status in (401, 403, 422, 500):
            live.world.faults.fail(match="(GET|POST) /repos", status=status, times=9)
            for call in (live.forge.create_comment(ref, "x"), live.forge.pull_request(ref)):
                with pytest.raises((PermanentRemoteError, TemporaryRemoteError)) as caught:
                    await call
                told.append(str(caught.value))
            live.world.faults.requests.clear()
    secrets = [*live.world.world.tokens, SECRET]
    assert len(logs) >= 8
    assert not any(secret in text for secret in secrets for text in (*told, *map(str, logs)))


async def failing(live: Live, receiver: Receiver) -> str:
    """Let one delivery fail and return its id."""
    receiver.answers = [503]
    await live.change({"network/main.tf": "x\n"}, "main")
    await live.world.settled()
    return receiver.received[-1].guid


@pytest.mark.parametrize("credential", CREDENTIALS[:2], ids=lambda one: one.name)
async def test_what_did_not_arrive_is_listed_and_sent_again(
    credential: Credential, tmp_path: Path
) -> None:
    async with living(tmp_path, credential) as live, receiving() as receiver:
        if credential is APP:
            assert live.world.world.app
            hook = live.world.add_hook(INFRA, receiver.url, secret="x", events=["push"])
            live.world.world.repository(INFRA).hooks.clear()
            live.world.world.app.hook = hook
        else:
            await live.forge.install_hook(live.repository, receiver.url, "x")
        await live.world.settled()
        receiver.received.clear()
        guid = await failing(live, receiver)
        asked = (LONG_AGO, [live.repository.ref])
        (failed,) = await live.forge.failed_deliveries(*asked) or []
        assert failed.key == guid
        await live.forge.redeliver(failed)
        await live.world.settled()
        assert await live.forge.failed_deliveries(*asked) == []
        first, second = receiver.received
        assert (first.guid, first.body) == (second.guid, second.body)
        assert await live.forge.failed_deliveries(datetime.now(UTC), asked[1]) == []
