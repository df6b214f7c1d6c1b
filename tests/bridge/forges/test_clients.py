"""What every driver's client does alike, whatever the forge calls it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    TemporaryRemoteError,
)
from bridge.domain.vcs import (
    Branch,
    ChangedFiles,
    Comment,
    CommitStatus,
    Permission,
    PullRequest,
    PullRequestState,
    RepositoryRef,
    StatusState,
)
from tests.bridge.forges.bodies import BASE, HEAD, OLD
from tests.bridge.forges.flavours import GITHUB, REPOSITORY, TOKEN, VALUE
from tests.bridge.forges.scripted import Reply
from tests.bridge.forges.talking import Talk


def a_pull_request(talk: Talk) -> PullRequest:
    return PullRequest(
        ref=talk.flavour.ref,
        state=PullRequestState.OPEN,
        draft=False,
        title="Change the network",
        author="alice",
        web_url="https://code.example.com/acme/infra/pulls/12",
        head_sha=HEAD,
        head_branch="feature",
        base_branch="main",
        base_sha=BASE,
        from_fork=False,
        merge_commit=None,
        updated_at=datetime(2026, 11, 3, 12, 29, 58, tzinfo=UTC),
        repository=VALUE,
    )


async def test_a_repository_is_read_with_the_credential(talk: Talk) -> None:
    assert await talk.forge.repository("acme/infra") == VALUE
    assert [asked.authorization for asked in talk.script.asked] == [
        f"{talk.flavour.scheme} {TOKEN}"
    ]


async def test_an_absent_repository_is_not_found(talk: Talk) -> None:
    talk.script.on("GET /repos/acme/gone", Reply(status=404, body={"message": "Not Found"}))
    with pytest.raises(NotFoundError, match="GET /repos/acme/gone: answered 404: Not Found"):
        await talk.forge.repository("acme/gone")


@pytest.mark.parametrize("slug", ["acme", "acme/", "/x", "../infra", "acme/..", "acme/."])
async def test_a_slug_cannot_climb_the_path(talk: Talk, slug: str) -> None:
    with pytest.raises(PermanentRemoteError):
        await talk.forge.repository(slug)
    assert talk.script.asked == []


async def test_a_renamed_repository_is_followed(talk: Talk) -> None:
    target = f"{talk.script.url}{talk.flavour.prefix}/repositories/664"
    talk.script.on("GET /repos/acme/old", Reply(status=307, headers={"Location": target}))
    assert (await talk.forge.repository("acme/old")).ref.slug == "acme/infra"


async def test_a_write_to_a_renamed_repository_arrives(talk: Talk) -> None:
    await talk.forge.repository_by_id(talk.flavour.repository)
    target = f"{talk.script.url}{talk.flavour.prefix}/repositories/664/issues/12/comments"
    talk.script.on(
        f"POST {talk.path('/issues/12/comments')}",
        Reply(status=307, headers={"Location": target}),
    )
    talk.script.on("POST /repositories/664/issues/12/comments", Reply(status=201, body={"id": 5}))
    assert await talk.forge.create_comment(talk.flavour.ref, "x") == "5"


async def test_a_redirect_elsewhere_is_not_followed(talk: Talk) -> None:
    talk.script.on(
        "GET /repos/acme/old", Reply(status=307, headers={"Location": "http://127.0.0.1:9/x"})
    )
    with pytest.raises(PermanentRemoteError):
        await talk.forge.repository("acme/old")


async def test_a_slug_that_belongs_to_another_repository_is_not_used(talk: Talk) -> None:
    """A hook may speak for its own repository only, whatever slug its deliveries bring."""
    forged = RepositoryRef(forge="code", id="665", slug="acme/infra")
    talk.script.on("GET /repositories/665", Reply(status=404, body={"message": "no"}))
    with pytest.raises(NotFoundError):
        await talk.forge.branch(forged, "main")
    ref = replace(talk.flavour.ref, repository=forged)
    with pytest.raises(NotFoundError):
        await talk.forge.create_comment(ref, "x")
    assert not any(asked.line.startswith("POST") for asked in talk.script.asked)


async def test_the_repository_is_asked_once_for_many_calls(talk: Talk) -> None:
    talk.script.on(f"GET {talk.path('/branches/main')}", talk.flavour.branch("main", HEAD))
    for _ in range(3):
        await talk.forge.branch(talk.flavour.repository, "main")
    assert len(talk.script.asked) == 4


@pytest.mark.parametrize(
    ("more", "value"),
    [
        ({}, {}),
        ({"draft": True}, {"draft": True}),
        ({"draft": None}, {}),
        ({"state": "closed"}, {"state": PullRequestState.CLOSED}),
        ({"merge_commit_sha": OLD}, {}),
        (
            {
                "state": "closed",
                "merged": True,
                "merged_at": "2026-11-03T12:30:00Z",
                "merge_commit_sha": OLD,
            },
            {"state": PullRequestState.MERGED, "merge_commit": OLD},
        ),
        ({"head_in": 843}, {"from_fork": True}),
        ({"user": None}, {"author": ""}),
        ({"updated_at": None}, {"updated_at": None}),
    ],
)
async def test_a_pull_request_is_read(
    talk: Talk, more: dict[str, object], value: dict[str, object]
) -> None:
    answer = talk.flavour.pull_request(**more)
    talk.script.on(f"GET {talk.path('/pulls/12')}", answer)
    wanted = replace(a_pull_request(talk), **value)  # type: ignore[arg-type]  # a table's row
    assert await talk.forge.pull_request(talk.flavour.ref) == wanted


async def test_a_pull_request_of_a_repository_that_took_the_name_over_is_not_found(
    talk: Talk,
) -> None:
    """Names are looked up for ten minutes; what is decided must be about the one that was meant."""
    stranger = talk.flavour.pull_request()
    stranger["base"] = {"ref": "main", "sha": BASE, "repo": REPOSITORY | {"id": 665}}
    talk.script.on(f"GET {talk.path('/pulls/12')}", stranger, talk.flavour.pull_request())
    with pytest.raises(NotFoundError, match="acme/infra is not repository 664 any more"):
        await talk.forge.pull_request(talk.flavour.ref)
    assert (await talk.forge.pull_request(talk.flavour.ref)).ref == talk.flavour.ref


async def test_a_deleted_fork_is_a_fork(talk: Talk) -> None:
    talk.script.on(f"GET {talk.path('/pulls/12')}", talk.flavour.pull_request(head_in=None))
    found = await talk.forge.pull_request(talk.flavour.ref)
    assert found.from_fork
    assert found.head_branch == ("feature" if talk.flavour is GITHUB else "")


async def test_a_fresh_pull_request_is_waited_for(talk: Talk) -> None:
    absent = Reply(status=404, body={"message": "Not Found"})
    talk.script.on(f"GET {talk.path('/pulls/12')}", absent, absent, talk.flavour.pull_request())
    talk.script.on(f"GET {talk.path('/pulls/12/files')}", absent, [{"filename": "a.tf"}], [])
    assert (await talk.forge.pull_request(talk.flavour.ref)).head_sha == HEAD
    assert (await talk.forge.changed_files(talk.flavour.ref)).paths == ("a.tf",)
    assert talk.naps == [0.5, 1.0, 0.5]


async def test_an_absent_pull_request_is_waited_for_briefly(talk: Talk) -> None:
    talk.script.on(f"GET {talk.path('/pulls/12')}", Reply(status=404, body={"message": "no"}))
    with pytest.raises(NotFoundError):
        await talk.forge.pull_request(talk.flavour.ref)
    assert talk.naps == [0.5, 1.0, 2.0]


def pages_of(talk: Talk, line: str, *pages: object) -> None:
    """Answer page after page, saying what follows as the forge does."""
    method, path = line.split(" ")
    replies = []
    for number, page in enumerate(pages, 1):
        following = f"{talk.script.url}{talk.flavour.prefix}{path}?page={number + 1}"
        last = number == len(pages)
        if talk.flavour is GITHUB:
            headers = {} if last else {"Link": f'<{following}>; rel="next", <x>; rel="last"'}
        else:
            headers = {"X-HasMore": "false" if last else "true", "X-Total-Count": "999"}
        replies.append(Reply(body=page, headers=headers))
    talk.script.on(f"{method} {path}", *replies)


async def test_all_pages_of_changed_files_are_read_with_both_names(talk: Talk) -> None:
    line = f"GET {talk.path('/pulls/12/files')}"
    pages_of(
        talk,
        line,
        [{"filename": "b/x.tf", "previous_filename": "a/x.tf"}, {"filename": "c d/é.tf"}],
        [{"filename": "z.tf", "previous_filename": None}],
        [{"filename": "a/x.tf"}],
    )
    found = await talk.forge.changed_files(talk.flavour.ref)
    assert found == ChangedFiles(paths=("a/x.tf", "b/x.tf", "c d/é.tf", "z.tf"))
    sizes = [query.get("per_page") or query.get("limit") for query in talk.script.queries(line)]
    assert sizes[0] == talk.flavour.max_page
    assert [query.get("page", "1") for query in talk.script.queries(line)] == ["1", "2", "3"]


async def test_open_pull_requests_and_branches_of_all_pages(talk: Talk) -> None:
    line = f"GET {talk.path('/pulls')}"
    pages_of(talk, line, [talk.flavour.pull_request()], [talk.flavour.pull_request(number=13)])
    found = await talk.forge.open_pull_requests(talk.flavour.repository)
    assert [one.ref.number for one in found] == [12, 13]
    assert talk.script.queries(line)[0]["state"] == "open"
    pages_of(
        talk,
        f"GET {talk.path('/branches')}",
        [talk.flavour.branch("a/b", HEAD)],
        [talk.flavour.branch("main", BASE)],
    )
    assert await talk.forge.branches(talk.flavour.repository) == [
        Branch(name="a/b", sha=HEAD),
        Branch(name="main", sha=BASE),
    ]


async def test_a_branch_that_was_renamed_is_not_the_one_asked_for(talk: Talk) -> None:
    talk.script.on(f"GET {talk.path('/branches/old')}", talk.flavour.branch("new", HEAD))
    assert await talk.forge.branch(talk.flavour.repository, "old") is None
    talk.script.on(f"GET {talk.path('/branches/gone')}", Reply(status=404, body={"message": "x"}))
    assert await talk.forge.branch(talk.flavour.repository, "gone") is None


async def test_branches_with_odd_names_are_asked_for_exactly(talk: Talk) -> None:
    name = "feat/#1 100%é"
    encoded = "feat%2F%231%20100%25%C3%A9" if talk.flavour is GITHUB else "feat/%231%20100%25%C3%A9"
    talk.script.on(f"GET {talk.path(f'/branches/{encoded}')}", talk.flavour.branch(name, HEAD))
    found = await talk.forge.branch(talk.flavour.repository, name)
    assert found == Branch(name=name, sha=HEAD)


@pytest.mark.parametrize(
    ("word", "permission"),
    [
        ("admin", Permission.ADMIN),
        ("write", Permission.WRITE),
        ("read", Permission.READ),
        ("none", Permission.NONE),
        ("ruler", Permission.NONE),
        ("", Permission.NONE),
    ],
)
async def test_permissions(talk: Talk, word: str, permission: Permission) -> None:
    line = f"GET {talk.path('/collaborators/bob/permission')}"
    talk.script.on(line, {"permission": word, "role_name": "x"})
    assert await talk.forge.permission(talk.flavour.repository, "bob") is permission


async def test_a_stranger_may_do_nothing(talk: Talk) -> None:
    line = f"GET {talk.path('/collaborators/ghost/permission')}"
    talk.script.on(line, Reply(status=404, body={"message": "user does not exist"}))
    assert await talk.forge.permission(talk.flavour.repository, "ghost") is Permission.NONE


@pytest.mark.parametrize("status", [401, 429, 500, 502])
async def test_a_question_about_permission_that_fails_raises(talk: Talk, status: int) -> None:
    line = f"GET {talk.path('/collaborators/bob/permission')}"
    # A proxy's page: no JSON, and no time to wait that is worth waiting for.
    talk.script.on(
        line, Reply(status=status, body="<html>no</html>", headers={"Retry-After": "600"})
    )
    with pytest.raises((NotAllowedError, TemporaryRemoteError)):
        await talk.forge.permission(talk.flavour.repository, "bob")


async def test_nobody_has_no_permission_that_could_be_asked_for(talk: Talk) -> None:
    with pytest.raises(PermanentRemoteError):
        await talk.forge.permission(talk.flavour.repository, "")


async def test_comments_are_written_read_edited_and_deleted(talk: Talk) -> None:
    forge, repository = talk.forge, talk.flavour.repository
    one = talk.path("/issues/comments/7")
    talk.script.on(f"POST {talk.path('/issues/12/comments')}", Reply(status=201, body={"id": 7}))
    talk.script.on(f"PATCH {one}", {"id": 7})
    talk.script.on(f"DELETE {one}", Reply(status=204), Reply(status=404, body={"message": "x"}))
    talk.script.on(
        f"GET {one}", {"id": 7, "body": "a", "user": {"login": "bob", "id": 8}, "is": "more"}
    )
    assert await forge.create_comment(talk.flavour.ref, "plan: é 😀 <!-- x -->") == "7"
    await forge.edit_comment(repository, "7", "changed")
    assert await forge.comment(repository, "7") == Comment(
        id="7", body="a", author="bob", author_id="8", by_bot=False
    )
    await forge.delete_comment(repository, "7")
    await forge.delete_comment(repository, "7")  # gone already
    assert talk.script.sent(f"POST {talk.path('/issues/12/comments')}") == [
        {"body": "plan: é 😀 <!-- x -->"}
    ]
    assert talk.script.sent(f"PATCH {one}") == [{"body": "changed"}]


async def test_bodies_are_ascii_on_the_wire(talk: Talk) -> None:
    """Raw UTF-8 above 3-4 KB was corrupted by a running Forgejo (goccy/go-json#574)."""
    line = f"POST {talk.path('/issues/12/comments')}"
    talk.script.on(line, Reply(status=201, body={"id": 7}))
    text = "é😀" * 3000
    await talk.forge.create_comment(talk.flavour.ref, text)
    (sent,) = [asked for asked in talk.script.asked if asked.line == line]
    assert sent.raw.isascii()
    assert sent.body == {"body": text}


async def test_a_comment_that_is_gone_is_not_found(talk: Talk) -> None:
    line = talk.path("/issues/comments/7")
    for method in ("PATCH", "GET"):
        talk.script.on(f"{method} {line}", Reply(status=404, body={"message": "Not Found"}))
    with pytest.raises(NotFoundError):
        await talk.forge.edit_comment(talk.flavour.repository, "7", "x")
    with pytest.raises(NotFoundError):
        await talk.forge.comment(talk.flavour.repository, "7")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_comment_that_may_be_stored_is_not_sent_twice(talk: Talk, status: int) -> None:
    line = f"POST {talk.path('/issues/12/comments')}"
    talk.script.on(line, Reply(status=status, body="<html><title>Oops</title></html>"))
    with pytest.raises(TemporaryRemoteError):
        await talk.forge.create_comment(talk.flavour.ref, "x")
    assert talk.script.lines().count(line) == 1


async def test_only_own_comments_are_listed_in_order(talk: Talk) -> None:
    own, other = {"login": "Bridge", "id": 99}, {"login": "bob", "id": 8}
    talk.script.on("GET /user", {"login": "bridge", "id": 99})
    talk.script.on(
        f"GET {talk.path('/issues/12/comments')}",
        [
            {"id": 1, "body": "a", "user": own},
            {"id": 2, "body": "<!-- bridge:forged -->", "user": other},
            {"id": 3, "body": "b", "user": own},
            {"id": 4, "body": "c", "user": None},
        ],
    )
    found = await talk.forge.own_comments(talk.flavour.ref)
    assert [(one.id, one.body) for one in found] == [("1", "a"), ("3", "b")]
    await talk.forge.own_comments(talk.flavour.ref)
    assert talk.script.lines().count("GET /user") == 1
    assert await talk.forge.whoami() == ("bridge", "99")


@pytest.mark.parametrize("state", StatusState)
async def test_statuses(talk: Talk, state: StatusState) -> None:
    line = f"POST {talk.path(f'/statuses/{HEAD}')}"
    talk.script.on(line, Reply(status=201, body={"id": 1, "state": state.value}))
    status = CommitStatus(
        context="terrakube/plan",
        state=state,
        description="2 to add\nand more",
        target_url="https://terrakube.example.com/x",
    )
    await talk.forge.set_status(talk.flavour.repository, HEAD, status)
    assert talk.script.sent(line) == [
        {
            "state": state.value,
            "context": "terrakube/plan",
            "description": "2 to add and more",
            "target_url": "https://terrakube.example.com/x",
        }
    ]


async def test_long_statuses_are_shortened_and_stay_apart(talk: Talk) -> None:
    line = f"POST {talk.path(f'/statuses/{HEAD}')}"
    talk.script.on(line, Reply(status=201, body={}))
    for end in "ab":
        status = CommitStatus(
            context="terrakube/plan: acme/" + "w" * 300 + end,
            state=StatusState.PENDING,
            description="é" * 141 + "x" * 200,
        )
        await talk.forge.set_status(talk.flavour.repository, HEAD, status)
    first, second = talk.script.sent(line)
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert first["context"] != second["context"]
    assert len(first["context"]) == 255
    assert len(first["description"]) == (140 if talk.flavour is GITHUB else 255)
    assert first["description"].endswith("…")


async def test_reactions(talk: Talk) -> None:
    line = f"POST {talk.path('/issues/comments/7/reactions')}"
    talk.script.on(line, Reply(status=201, body={}), Reply(status=200, body={}))
    await talk.forge.react(talk.flavour.repository, "7", "eyes")
    await talk.forge.react(talk.flavour.repository, "7", "eyes")
    assert talk.script.sent(line) == [{"content": "eyes"}] * 2


async def test_a_limited_credential_is_told_from_a_limited_request(talk: Talk) -> None:
    line = f"POST {talk.path('/issues/12/comments')}"
    talk.script.on(
        line, Reply(status=429, body={"message": "slow down"}, headers={"Retry-After": "7"})
    )
    with pytest.raises(TemporaryRemoteError, match="429: slow down") as caught:
        await talk.forge.create_comment(talk.flavour.ref, "x")
    assert (caught.value.account_wide, caught.value.retry_after) == (True, 7.0)
    talk.script.on(line, Reply(status=503, body="", headers={"Retry-After": "9"}))
    with pytest.raises(TemporaryRemoteError) as caught:
        await talk.forge.create_comment(talk.flavour.ref, "x")
    assert (caught.value.account_wide, caught.value.retry_after) == (False, 9.0)


async def test_an_answer_without_what_it_should_hold_is_refused(talk: Talk) -> None:
    talk.script.on("GET /repos/acme/odd", {"id": "x", "secret": TOKEN})
    with pytest.raises(PermanentRemoteError, match="without a proper"):
        await talk.forge.repository("acme/odd")
    talk.script.on("GET /repos/acme/odd", "<html>sign in</html>")
    with pytest.raises(TemporaryRemoteError, match="web page"):
        await talk.forge.repository("acme/odd")


async def test_the_token_is_in_no_error(talk: Talk) -> None:
    for status in (400, 401, 403, 404, 422, 500):
        talk.script.on(
            "GET /repos/acme/odd",
            Reply(status=status, body={"message": f"bad token {TOKEN}"}),
        )
        with pytest.raises((PermanentRemoteError, TemporaryRemoteError)) as caught:
            await talk.forge.repository("acme/odd")
        assert TOKEN not in str(caught.value)
        assert TOKEN not in repr(talk.forge)


async def test_comments_are_measured_safely(talk: Talk) -> None:
    assert talk.forge.measure("aé😀") == (4 if talk.flavour is GITHUB else 7)
    assert talk.forge.measure("\ud800") > 0
    assert talk.forge.comment_limit <= 65_536
    assert talk.forge.folds


async def test_a_repository_that_says_little_is_read(talk: Talk) -> None:
    talk.script.on("GET /repos/acme/new", {"id": 1, "full_name": "acme/new", "empty": True})
    found = await talk.forge.repository("acme/new")
    configured = () if talk.flavour is GITHUB else ("https://code.example.com/acme/new.git",)
    assert (found.clone_urls, found.default_branch) == (configured, None)
    assert REPOSITORY["id"] == 664
