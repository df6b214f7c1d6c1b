"""What is GitHub's own: Apps, rate limits, lists that end early, hooks and their deliveries."""

import base64
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    TemporaryRemoteError,
)
from bridge.domain.vcs import ChangedFiles, CommitStatus, RepositoryRef, StatusState
from bridge.forges.github.api import AppCredentials
from bridge.forges.github.deliveries import WANTED_EVENTS
from bridge.http import HttpClient
from bridge.ports import FailedDelivery, InstalledHook
from tests.bridge.forges.bodies import BASE, HEAD, OLD, TAG_OBJECT
from tests.bridge.forges.flavours import GITHUB, REPOSITORY, VALUE
from tests.bridge.forges.scripted import Reply, serving
from tests.bridge.forges.talking import Talk, talking

REF = GITHUB.ref
INFRA = GITHUB.repository
URL = "https://bridge.example.com/webhooks/code?hook=664"


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def a_token(text: str, seconds: float = 3600) -> Reply:
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    return Reply(status=201, body={"token": text, "expires_at": expires.isoformat()})


@pytest.fixture
async def app(private_key: str) -> AsyncIterator[Talk]:
    """GitHub with the bridge as an App, its key on one line as an environment has it."""
    key = private_key.replace("\n", "\\n")
    async with talking(GITHUB, app_id=1234, private_key=key) as talk:
        talk.script.on("GET /repos/acme/infra/installation", {"id": 77})
        talk.script.on("POST /app/installations/77/access_tokens", a_token("ghs_one"))
        yield talk


async def test_an_app_signs_for_itself_and_keeps_the_tokens_it_gets(app: Talk) -> None:
    app.script.on("GET /repos/acme/infra/branches/main", GITHUB.branch("main", HEAD))
    for _ in range(3):
        await app.forge.branch(INFRA, "main")
    assert app.script.lines() == [
        "GET /repos/acme/infra/installation",
        "POST /app/installations/77/access_tokens",
        "GET /repos/acme/infra",
        *["GET /repos/acme/infra/branches/main"] * 3,
    ]
    first, *_, last = app.script.asked
    assert last.authorization == "Bearer ghs_one"
    head, payload, _ = first.authorization.removeprefix("Bearer ").split(".")
    assert json.loads(_unpadded(head))["alg"] == "RS256"
    claims = json.loads(_unpadded(payload))
    assert claims["iss"] == "1234"
    assert claims["iat"] <= time.time() - 59
    assert claims["exp"] - claims["iat"] <= 600
    assert claims["exp"] > time.time() + 300


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_token_is_renewed_five_minutes_before_its_end(app: Talk) -> None:
    app.script.on(
        "POST /app/installations/77/access_tokens",
        a_token("ghs_old", 290),
        a_token("ghs_new", 310),
    )
    await app.forge.repository("acme/infra")
    await app.forge.repository("acme/infra")
    await app.forge.repository("acme/infra")
    used = [asked.authorization for asked in app.script.asked if "installation" not in asked.line]
    assert used == ["Bearer ghs_old", "Bearer ghs_new", "Bearer ghs_new"]


async def test_a_token_that_ran_out_is_renewed_once(app: Talk) -> None:
    refused = Reply(status=401, body={"message": "Bad credentials"})
    app.script.on(
        "POST /app/installations/77/access_tokens", a_token("ghs_one"), a_token("ghs_two")
    )
    line = "POST /repos/acme/infra/issues/12/comments"
    app.script.on(line, refused, Reply(status=201, body={"id": 7}))
    assert await app.forge.create_comment(REF, "x") == "7"
    used = [asked.authorization for asked in app.script.asked if asked.line == line]
    assert used == ["Bearer ghs_one", "Bearer ghs_two"]
    app.script.on(line, refused)
    with pytest.raises(NotAllowedError, match="Bad credentials"):
        await app.forge.create_comment(REF, "x")
    assert app.script.lines().count(line) == 4  # no loop


async def test_a_refused_token_is_not_tried_again(github: Talk) -> None:
    refused = Reply(status=401, body={"message": "Bad credentials"})
    github.script.on("GET /repos/acme/infra", refused)
    with pytest.raises(NotAllowedError):
        await github.forge.repository("acme/infra")
    assert len(github.script.asked) == 1


async def test_where_the_app_is_not_installed_is_said(app: Talk) -> None:
    app.script.on("GET /repos/acme/x/installation", Reply(status=404, body={"message": "no"}))
    with pytest.raises(NotAllowedError, match="the GitHub App is not installed in acme/x"):
        await app.forge.repository("acme/x")


async def test_an_app_is_known_by_its_slug(app: Talk) -> None:
    app.script.on("GET /app", {"slug": "terrakube-bridge", "id": 1234})
    assert await app.forge.whoami() == ("terrakube-bridge[bot]", "")
    user = {"login": "terrakube-bridge[bot]", "id": 42, "type": "Bot"}
    app.script.on(
        "GET /repos/acme/infra/issues/12/comments",
        [{"id": 1, "body": "a", "user": user}, {"id": 2, "body": "b", "user": None}],
    )
    (own,) = await app.forge.own_comments(REF)
    assert (own.id, own.by_bot) == ("1", True)


async def test_minted_tokens_are_made_known_for_redaction(private_key: str) -> None:
    learned: list[str] = []
    async with serving("/api/v3") as script:
        script.on("GET /repos/acme/infra/installation", {"id": 77})
        script.on("POST /app/installations/77/access_tokens", a_token("ghs_one"))
        http = HttpClient(service="code", base_url=f"{script.url}/api/v3")
        async with http:
            credentials = AppCredentials(
                http, app_id="1", private_key=private_key, learned=learned.append
            )
            assert await credentials.of_repository("acme/infra") == "Bearer ghs_one"
    assert learned == ["ghs_one"]


LIMITS = [
    # (status, headers, message, seconds to wait; None: no limit)
    (403, {"Retry-After": "60"}, "You have exceeded a secondary rate limit.", 60.0),
    (429, {"Retry-After": "30"}, "", 30.0),
    (429, {}, "", 60.0),
    (403, {}, "You have exceeded a secondary rate limit. Please wait.", 60.0),
    (403, {}, "You have triggered an abuse detection mechanism.", 60.0),
    (403, {"X-RateLimit-Remaining": "0"}, "API rate limit exceeded", 60.0),
    (403, {"X-RateLimit-Remaining": "7"}, "Resource not accessible by integration", None),
    (403, {}, "Must have push access to view collaborator permission.", None),
    (404, {"Retry-After": "60"}, "Not Found", None),
]


@pytest.mark.parametrize(("status", "headers", "message", "wait"), LIMITS)
async def test_rate_limits_hold_for_the_credential(
    github: Talk, status: int, headers: dict[str, str], message: str, wait: float | None
) -> None:
    github.script.on(
        "GET /repos/acme/infra", Reply(status=status, headers=headers, body={"message": message})
    )
    if wait is None:
        with pytest.raises(PermanentRemoteError, match=message):
            await github.forge.repository("acme/infra")
        return
    with pytest.raises(TemporaryRemoteError) as caught:
        await github.forge.repository("acme/infra")
    assert (caught.value.account_wide, caught.value.retry_after) == (True, wait)
    assert len(github.script.asked) == 1  # waiting is the engine's business


async def test_the_primary_limit_says_when_it_is_over(github: Talk) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 900)}
    github.script.on("GET /repos/acme/infra", Reply(status=403, headers=headers, body={}))
    with pytest.raises(TemporaryRemoteError) as caught:
        await github.forge.repository("acme/infra")
    assert 895 < (caught.value.retry_after or 0) <= 900


async def test_a_refusal_names_the_field(github: Talk) -> None:
    github.script.on(
        f"POST /repos/acme/infra/statuses/{HEAD}",
        Reply(
            status=422,
            body={
                "message": "Validation Failed",
                "errors": [{"resource": "Status", "field": "context", "code": "custom"}],
            },
        ),
    )
    status = CommitStatus(context="x", state=StatusState.PENDING, description="")
    with pytest.raises(PermanentRemoteError, match=r"422: Validation Failed \(context custom\)"):
        await github.forge.set_status(INFRA, HEAD, status)
    (sent,) = github.script.sent(f"POST /repos/acme/infra/statuses/{HEAD}")
    assert sent == {"state": "pending", "context": "x", "description": ""}


async def test_a_next_page_elsewhere_is_not_followed(github: Talk) -> None:
    for link in (
        "http://127.0.0.1:9/api/v3/repos/acme/infra/pulls?page=2",
        f"{github.script.url}/elsewhere?page=2",
        "https://api.github.com/repositories/664/pulls?page=2",
        "/api/v3/../x",
    ):
        github.script.on(
            "GET /repos/acme/infra/pulls",
            Reply(body=[], headers={"Link": f'<{link}>; rel="next"'}),
        )
        with pytest.raises(PermanentRemoteError):
            await github.forge.open_pull_requests(INFRA)


async def test_pages_may_live_under_the_repositorys_id(github: Talk) -> None:
    """GitHub's links do not repeat the name that was asked for."""
    following = f"{github.script.url}/api/v3/repositories/664/pulls?state=open&page=2"
    github.script.on(
        "GET /repos/acme/infra/pulls",
        Reply(body=[], headers={"Link": f'<{following}>; rel="next"'}),
    )
    github.script.on("GET /repositories/664/pulls", [GITHUB.pull_request()])
    assert len(await github.forge.open_pull_requests(INFRA)) == 1


async def test_three_thousand_files_are_not_all(github: Talk) -> None:
    files = [{"filename": f"{number}.tf"} for number in range(100)]
    for pages, complete in ((29, True), (30, False)):
        following = f"{github.script.url}/api/v3/repos/acme/infra/pulls/12/files?page=2"
        more = Reply(body=files, headers={"Link": f'<{following}>; rel="next"'})
        replies = [more] * (pages - 1) + [Reply(body=files)]
        github.script.on("GET /repos/acme/infra/pulls/12/files", *replies)
        found = await github.forge.changed_files(REF)
        assert found.complete is complete
        assert len(found.paths) == 100
        assert found.reason == (
            "" if complete else "GitHub lists at most 3000 files of a pull request"
        )


def compared(status: str, *names: str, **more: object) -> dict[str, object]:
    return {"status": status, "files": [{"filename": name, **more} for name in names]}


async def test_a_comparison_forward_is_asked_once(github: Talk) -> None:
    line = f"GET /repos/acme/infra/compare/{BASE}...{HEAD}"
    github.script.on(line, compared("ahead", "b.tf", previous_filename="a.tf"))
    found = await github.forge.compared_files(INFRA, BASE, HEAD)
    assert found == ChangedFiles(paths=("a.tf", "b.tf"))
    assert github.script.lines().count(line) == 1


@pytest.mark.parametrize("status", ["diverged", "behind"])
async def test_what_a_rewritten_branch_lost_is_changed_too(github: Talk, status: str) -> None:
    """GitHub compares with the merge base, which a force push moved back."""
    github.script.on(f"GET /repos/acme/infra/compare/{BASE}...{HEAD}", compared(status, "new.tf"))
    github.script.on(f"GET /repos/acme/infra/compare/{HEAD}...{BASE}", compared("x", "lost.tf"))
    found = await github.forge.compared_files(INFRA, BASE, HEAD)
    assert found == ChangedFiles(paths=("lost.tf", "new.tf"))


async def test_three_hundred_compared_files_are_not_all(github: Talk) -> None:
    names = [f"{number}.tf" for number in range(300)]
    line = f"GET /repos/acme/infra/compare/{BASE}...{HEAD}"
    github.script.on(line, compared("ahead", *names[1:]))
    assert (await github.forge.compared_files(INFRA, BASE, HEAD)).complete
    github.script.on(line, compared("ahead", *names))
    found = await github.forge.compared_files(INFRA, BASE, HEAD)
    assert (found.complete, found.reason) == (
        False,
        "GitHub lists at most 300 files of a comparison",
    )


async def test_commits_without_common_history_change_everything(github: Talk) -> None:
    line = f"GET /repos/acme/infra/compare/{BASE}...{HEAD}"
    github.script.on(line, Reply(status=404, body={"message": "No common ancestor"}))
    found = await github.forge.compared_files(INFRA, BASE, HEAD)
    assert found == ChangedFiles(paths=(), complete=False, reason="the commits share no history")


async def test_what_is_too_large_to_read_changes_everything(github: Talk) -> None:
    """It comes with the patches."""
    github.read_at_most(10_000)
    line = f"GET /repos/acme/infra/compare/{BASE}...{HEAD}"
    github.script.on(line, compared("ahead", "a.tf", patch="+" * 10_000))
    found = await github.forge.compared_files(INFRA, BASE, HEAD)
    reason = "the comparison is larger than the bridge reads"
    assert found == ChangedFiles(paths=(), complete=False, reason=reason)
    assert not await github.forge.is_ancestor(INFRA, BASE, HEAD)
    files = [{"filename": "a.tf", "patch": "+" * 10_000}]
    github.script.on("GET /repos/acme/infra/pulls/12/files", files)
    listed = await github.forge.changed_files(REF)
    reason = "the list of files is larger than the bridge reads"
    assert listed == ChangedFiles(paths=(), complete=False, reason=reason)


async def test_tags_are_peeled(github: Talk) -> None:
    ref = "GET /repos/acme/infra/git/ref/tags%2Fv1%2Frc"
    github.script.on(ref, {"ref": "refs/tags/v1/rc", "object": {"type": "commit", "sha": HEAD}})
    assert await github.forge.tag_commit(INFRA, "v1/rc") == HEAD
    github.script.on(ref, {"ref": "x", "object": {"type": "tag", "sha": TAG_OBJECT}})
    github.script.on("GET /repos/acme/infra/commits/tags%2Fv1%2Frc", {"sha": OLD})
    assert await github.forge.tag_commit(INFRA, "v1/rc") == OLD
    github.script.on(ref, Reply(status=404, body={"message": "Not Found"}))
    assert await github.forge.tag_commit(INFRA, "v1/rc") is None


async def test_only_merged_pull_requests_of_this_repository_own_a_commit(github: Talk) -> None:
    merged = {"state": "closed", "merged_at": "2026-11-03T12:30:00Z", "merge_commit_sha": OLD}
    elsewhere = GITHUB.pull_request(**merged, number=15)
    elsewhere["base"] = {"ref": "main", "sha": BASE, "repo": {**REPOSITORY, "id": 665}}
    line = f"GET /repos/acme/infra/commits/{OLD}/pulls"
    github.script.on(
        line, [GITHUB.pull_request(**merged), GITHUB.pull_request(number=13), elsewhere]
    )
    assert await github.forge.pull_requests_of_commit(INFRA, OLD) == [REF]
    for status in (404, 422):
        github.script.on(line, Reply(status=status, body={"message": "No commit found"}))
        assert await github.forge.pull_requests_of_commit(INFRA, OLD) == []
    github.script.on(line, Reply(status=409, body={"message": "Git Repository is empty."}))
    with pytest.raises(PermanentRemoteError):
        await github.forge.pull_requests_of_commit(INFRA, OLD)


async def test_a_name_taken_over_by_another_repository_is_not_the_one(github: Talk) -> None:
    gone = RepositoryRef(forge="code", id="1", slug="acme/infra")
    with pytest.raises(NotFoundError, match="acme/infra is not repository 1 any more"):
        await github.forge.repository_by_id(gone)


def a_hook(**more: object) -> dict[str, object]:
    return {
        "id": 5,
        "type": "Repository",
        "name": "web",
        "active": True,
        "events": list(WANTED_EVENTS),
        "config": {"url": URL, "content_type": "json", "insecure_ssl": "0", "secret": "********"},
        "last_response": {"code": None, "status": "unused", "message": None},
        **more,
    }


def test_a_hook_of_ours_does_not_ask_for_what_nothing_follows_from() -> None:
    """Above all not for checks: every tool's would be delivered, several for each commit."""
    assert WANTED_EVENTS == (
        "issue_comment",
        "merge_group",
        "pull_request",
        "pull_request_review",
        "push",
    )


async def test_a_hook_is_installed_and_read_back(github: Talk) -> None:
    other = a_hook(id=4, config={"url": "https://ci.example.com/"})
    github.script.on("GET /repos/acme/infra/hooks", [other])
    github.script.on("POST /repos/acme/infra/hooks", Reply(status=201, body=a_hook()))
    github.script.on("GET /repos/acme/infra/hooks/5", a_hook())
    found = await github.forge.install_hook(VALUE, URL, "s3cret")
    assert found == InstalledHook(id="5", url=URL, active=True, events=WANTED_EVENTS)
    assert github.script.sent("POST /repos/acme/infra/hooks") == [
        {
            "name": "web",
            "active": True,
            "events": list(WANTED_EVENTS),
            "config": {
                "url": URL,
                "content_type": "json",
                "secret": "s3cret",
                "insecure_ssl": "0",
            },
        }
    ]


async def test_what_has_not_changed_is_not_read_again(github: Talk) -> None:
    """An answer "not modified" takes nothing from the rate limit."""
    line = "GET /repos/acme/infra/branches"
    first = Reply(body=[GITHUB.branch("main", HEAD)], headers={"ETag": 'W/"one"'})
    second = Reply(body=[GITHUB.branch("main", OLD)], headers={"ETag": 'W/"two"'})
    github.script.on(line, first, Reply(status=304), second, Reply(status=304))
    found = [await github.forge.branches(INFRA) for _ in range(4)]
    assert [branches[0].sha for branches in found] == [HEAD, HEAD, OLD, OLD]
    asked = [one.known for one in github.script.asked if one.line == line]
    assert asked == ["", 'W/"one"', 'W/"one"', 'W/"two"']


async def test_what_is_not_known_everywhere_yet_is_waited_for(github: Talk) -> None:
    absent = Reply(status=404, body={"message": "Not Found"})
    github.script.on("GET /user", {"login": "bridge", "id": 7})
    github.script.on("GET /repos/acme/infra/issues/12/comments", absent, [])
    assert await github.forge.own_comments(REF) == []
    assert github.naps == [0.5]
    line = f"POST /repos/acme/infra/statuses/{HEAD}"
    unknown = Reply(status=422, body={"message": f"No commit found for SHA: {HEAD}"})
    github.script.on(line, unknown, absent, Reply(status=201, body={"id": 1}))
    status = CommitStatus(context="terrakube/plan", state=StatusState.PENDING, description="x")
    await github.forge.set_status(INFRA, HEAD, status)
    assert github.naps == [0.5, 0.5, 1.0]
    assert len(github.script.sent(line)) == 3


async def test_a_hook_at_the_same_address_gets_the_new_secret_and_repeats_go(github: Talk) -> None:
    github.script.on("GET /repos/acme/infra/hooks", [a_hook(id=5), a_hook(id=6)])
    github.script.on("PATCH /repos/acme/infra/hooks/5", a_hook())
    github.script.on("DELETE /repos/acme/infra/hooks/6", Reply(status=204))
    github.script.on("GET /repos/acme/infra/hooks/5", a_hook())
    await github.forge.install_hook(VALUE, URL, "s3cret")
    (sent,) = github.script.sent("PATCH /repos/acme/infra/hooks/5")
    assert isinstance(sent, dict)
    assert sent["config"]["secret"] == "s3cret"
    assert github.script.lines()[-2:] == [
        "DELETE /repos/acme/infra/hooks/6",
        "GET /repos/acme/infra/hooks/5",
    ]


@pytest.mark.parametrize(
    ("more", "problems"),
    [
        ({}, ()),
        ({"events": ["*"]}, ()),
        ({"active": False}, ("it is not active",)),
        (
            {"events": ["push"]},
            (f"it does not send {', '.join(sorted(set(WANTED_EVENTS) - {'push'}))}",),
        ),
        (
            {"config": {"url": URL, "insecure_ssl": 1}},
            ("it has no secret", "it does not verify certificates"),
        ),
        ({"last_response": {"code": 401}}, ("its last delivery was answered 401",)),
        ({"last_response": {"code": 202}}, ()),
    ],
)
async def test_what_is_wrong_with_a_hook_is_listed(
    github: Talk, more: dict[str, object], problems: tuple[str, ...]
) -> None:
    github.script.on("GET /repos/acme/infra/hooks", [a_hook(**more)])
    (found,) = await github.forge.hooks(VALUE)
    assert found.problems == problems


SINCE = datetime(2026, 11, 3, tzinfo=UTC)


def attempt(
    number: int, guid: str, code: int, *, hour: int = 12, day: int = 3
) -> dict[str, object]:
    return {
        "id": number,
        "guid": guid,
        "delivered_at": f"2026-11-{day:02}T{hour:02}:00:00Z",
        "redelivery": False,
        "status": "x",
        "status_code": code,
        "event": "push",
    }


ATTEMPTS = [
    attempt(9, "again", 200, hour=20),
    attempt(8, "thrice", 502, hour=19),
    attempt(7, "thrice", 502, hour=18),
    attempt(6, "thrice", 502, hour=17),
    attempt(5, "twice", 0, hour=16),
    attempt(4, "twice", 503, hour=15),
    attempt(3, "verdict", 400, hour=14),
    attempt(2, "again", 500, hour=13),
    attempt(1, "once", 504, hour=12),
    attempt(0, "long ago", 500, day=2),
]
FAILED = [
    ("1", "once", datetime(2026, 11, 3, 12, tzinfo=UTC)),
    ("5", "twice", datetime(2026, 11, 3, 16, tzinfo=UTC)),
]


async def test_an_app_lists_what_never_arrived(app: Talk) -> None:
    """Not what arrived later, what was tried often enough, or what the bridge itself refused."""
    app.script.on("GET /app/hook/deliveries", ATTEMPTS)
    found = await app.forge.failed_deliveries(SINCE)
    assert found == [
        FailedDelivery(id=number, key=guid, delivered_at=at) for number, guid, at in FAILED
    ]
    assert app.script.asked[0].authorization.count(".") == 2  # the App itself asks
    app.script.on("POST /app/hook/deliveries/5/attempts", Reply(status=202, body={}))
    await app.forge.redeliver(found[1])
    assert app.script.lines()[-1] == "POST /app/hook/deliveries/5/attempts"


async def test_nothing_failed_is_told_by_one_request(app: Talk) -> None:
    app.script.on("GET /app/hook/deliveries", [])
    assert await app.forge.failed_deliveries(SINCE) == []
    assert app.script.queries("GET /app/hook/deliveries") == [
        {"status": "failure", "per_page": "100"}
    ]


async def test_a_server_that_does_not_know_the_filter_is_no_trouble(app: Talk) -> None:
    app.script.on("GET /app/hook/deliveries", [attempt(9, "fine", 200)])
    assert await app.forge.failed_deliveries(SINCE) == []
    assert len(app.script.asked) == 1


async def test_with_a_token_the_repositories_hooks_are_asked(github: Talk) -> None:
    mine = a_hook(id=5)
    other = a_hook(id=6, config={"url": "https://ci.example.com/webhooks/other"})
    github.script.on("GET /repos/acme/infra/hooks", [mine, other])
    github.script.on("GET /repos/acme/infra/hooks/5/deliveries", ATTEMPTS)
    forge = github.forge
    found = await forge.failed_deliveries(SINCE, [INFRA])
    assert found is not None
    assert [one.id for one in found] == ["acme/infra|5/1", "acme/infra|5/5"]
    line = "POST /repos/acme/infra/hooks/5/deliveries/1/attempts"
    github.script.on(line, Reply(status=202, body={}))
    await forge.redeliver(found[0])
    assert github.script.lines()[-1] == line


async def test_a_repository_whose_hooks_are_not_shown_lists_nothing(github: Talk) -> None:
    for status in (403, 404):
        github.script.on(
            "GET /repos/acme/infra/hooks", Reply(status=status, body={"message": "Not Found"})
        )
        assert await github.forge.failed_deliveries(SINCE, [INFRA]) == []


async def test_only_deliveries_are_sent_again(app: Talk) -> None:
    for text in ("", "x", "../5", "5/5", "acme/infra|5", "acme/infra|5/x", "acme/infra|../5"):
        with pytest.raises(PermanentRemoteError):
            await app.forge.redeliver(FailedDelivery(id=text, key="k", delivered_at=SINCE))
    assert app.script.asked == []
