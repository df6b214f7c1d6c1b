"""What is Gitea's and Forgejo's own: permission, pages, comparisons, hooks."""

from datetime import UTC, datetime

import pytest

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    TemporaryRemoteError,
)
from bridge.domain.vcs import ChangedFiles, CommitStatus, Permission, StatusState
from bridge.forges.gitea.hooks import WANTED_EVENTS
from bridge.ports import FailedDelivery, InstalledHook
from tests.bridge.forges.bodies import BASE, HEAD, OLD
from tests.bridge.forges.flavours import REPOSITORY, VALUE
from tests.bridge.forges.scripted import Reply
from tests.bridge.forges.talking import Talk

URL = "https://bridge.example.com/webhooks/code?hook=664"
ASKED = "GET /repos/acme/infra/collaborators/bob/permission"
REFUSED = Reply(status=403, body={"message": "Only admins can query all permissions"})


async def test_without_administration_the_assignable_may_write(gitea: Talk) -> None:
    infra = gitea.flavour.repository
    gitea.script.on(ASKED, REFUSED)
    gitea.script.on("GET /orgs/acme", Reply(status=404, body={"message": "x"}))
    gitea.script.on("GET /repos/acme/infra/assignees", [{"login": "Bob", "id": 8}])
    assert await gitea.forge.permission(infra, "bob") is Permission.WRITE
    gitea.script.on("GET /repos/acme/infra/assignees", None, Reply(body=[{"login": "bobby"}]))
    gitea.script.on("GET /repos/acme/infra/assignees", [{"login": "bobby", "id": 9}])
    assert await gitea.forge.permission(infra, "bob") is Permission.NONE


async def test_a_commit_that_is_not_there_is_no_outage(gitea: Talk) -> None:
    """Both are answered 500."""
    infra = gitea.flavour.repository
    status = CommitStatus(context="terrakube/plan", state=StatusState.PENDING, description="x")
    gitea.script.on(f"POST /repos/acme/infra/statuses/{HEAD}", Reply(status=500, body={}))
    commit = f"GET /repos/acme/infra/git/commits/{HEAD}"
    gitea.script.on(commit, {"sha": HEAD})
    with pytest.raises(TemporaryRemoteError):
        await gitea.forge.set_status(infra, HEAD, status)
    gitea.script.on(commit, Reply(status=404, body={"message": "x"}))
    with pytest.raises(NotFoundError):
        await gitea.forge.set_status(infra, HEAD, status)


@pytest.mark.parametrize("reply", [{"id": 3, "username": "acme"}, REFUSED])
async def test_in_an_organization_being_assignable_says_nothing(gitea: Talk, reply: object) -> None:
    """Teams that may read pull requests may be assigned, too: readers would pass as writers."""
    gitea.script.on(ASKED, REFUSED)
    gitea.script.on("GET /orgs/acme", reply)
    with pytest.raises(NotAllowedError, match="must be an administrator of acme/infra"):
        await gitea.forge.permission(gitea.flavour.repository, "bob")


async def test_a_refused_fallback_raises(gitea: Talk) -> None:
    gitea.script.on(ASKED, REFUSED)
    gitea.script.on("GET /orgs/acme", Reply(status=404, body={"message": "x"}))
    gitea.script.on("GET /repos/acme/infra/assignees", REFUSED)
    with pytest.raises(NotAllowedError):
        await gitea.forge.permission(gitea.flavour.repository, "bob")


async def test_what_was_pushed_for_a_branch_counts_as_a_fork(gitea: Talk) -> None:
    """AGit: ``git push origin HEAD:refs/for/main`` takes no more than reading."""
    head = {"label": "", "ref": "refs/pull/12/head", "sha": HEAD, "repo_id": 664}
    answer = gitea.flavour.pull_request(head=head | {"repo": {"id": 664}}, flow=1)
    gitea.script.on("GET /repos/acme/infra/pulls/12", answer)
    found = await gitea.forge.pull_request(gitea.flavour.ref)
    assert (found.from_fork, found.head_branch) == (True, "")


async def test_beyond_ten_thousand_files_no_more_pages_are_asked_for(gitea: Talk) -> None:
    line = "GET /repos/acme/infra/pulls/12/files"
    page = [{"filename": f"folder/{number}.tf"} for number in range(50)]
    gitea.script.on(line, *[Reply(body=page, headers={"X-HasMore": "true"})] * 201)
    found = await gitea.forge.changed_files(gitea.flavour.ref)
    reason = "it changes more than 10,000 files"
    assert found == ChangedFiles(paths=(), complete=False, reason=reason)
    assert sum(asked.line == line for asked in gitea.script.asked) == 201


async def test_an_owner_is_an_administrator(gitea: Talk) -> None:
    gitea.script.on(ASKED, {"permission": "owner", "role_name": "owner"})
    assert await gitea.forge.permission(gitea.flavour.repository, "bob") is Permission.ADMIN


async def test_pages_end_where_the_headers_or_an_empty_page_say(gitea: Talk) -> None:
    line = "GET /repos/acme/infra/branches"
    branches = [gitea.flavour.branch(name, HEAD) for name in "abc"]
    # An administrator may allow fewer than was asked for: a short page is not the last.
    for replies in (
        [Reply(body=branches[:2], headers={"X-Total-Count": "3"}),
         Reply(body=branches[2:], headers={"X-Total-Count": "3"})],
        [branches[:2], branches[2:], []],
        [branches[:2], branches[2:], Reply(body="null")],
        [Reply(body=branches, headers={"X-HasMore": "false"})],
    ):  # fmt: skip
        gitea.script.asked.clear()
        gitea.script.on(line, *replies)
        found = await gitea.forge.branches(gitea.flavour.repository)
        assert [one.name for one in found] == ["a", "b", "c"]
        assert gitea.script.lines().count(line) == len(replies)


async def test_links_of_another_address_do_not_matter(gitea: Talk) -> None:
    """The instance builds them from its own idea of its address."""
    headers = {"Link": '<https://code.internal/api/v1/x?page=2>; rel="next"', "X-Total-Count": "1"}
    gitea.script.on(
        "GET /repos/acme/infra/pulls", Reply(body=[gitea.flavour.pull_request()], headers=headers)
    )
    assert len(await gitea.forge.open_pull_requests(gitea.flavour.repository)) == 1


def compared(*commits: list[str] | None, **more: object) -> dict[str, object]:
    return {
        "total_commits": len(commits),
        "commits": [
            {"sha": HEAD}
            if files is None
            else {"sha": HEAD, "files": [{"filename": name} for name in files]}
            for files in commits
        ],
        **more,
    }


async def compare(gitea: Talk, forth: object, back: object) -> ChangedFiles:
    gitea.script.on(f"GET /repos/acme/infra/compare/{BASE}...{HEAD}", forth)
    gitea.script.on(f"GET /repos/acme/infra/compare/{HEAD}...{BASE}", back)
    return await gitea.forge.compared_files(gitea.flavour.repository, BASE, HEAD)


async def test_compared_files_are_those_of_all_commits_both_ways(gitea: Talk) -> None:
    found = await compare(gitea, compared(["b.tf", "a.tf"], [], ["b.tf"]), compared(["lost.tf"]))
    assert found == ChangedFiles(paths=("a.tf", "b.tf", "lost.tf"))
    newer = await compare(gitea, compared([], files=[{"filename": "c.tf"}]), {"commits": None})
    assert newer == ChangedFiles(paths=("c.tf",))


async def test_a_comparison_that_does_not_tell_all_is_incomplete(gitea: Talk) -> None:
    absent = Reply(status=404, body={"message": "x"})
    for forth, back, reason in (
        (absent, compared(), "the commits share no history"),
        (compared(["a.tf"]), absent, "the commits share no history"),
        (compared(["a.tf"], None), compared(), "does not list the files of every commit"),
        (compared(["a.tf"], total_commits=2), compared(), "does not list the files"),
    ):
        found = await compare(gitea, forth, back)
        assert (found.paths, found.complete) == ((), False)
        assert reason in found.reason


@pytest.mark.parametrize("too_large", ["forth", "back"])
async def test_a_comparison_that_is_too_large_to_read_changes_everything(
    gitea: Talk, too_large: str
) -> None:
    """Whoever pushes chooses how long the messages of thousands of commits are."""
    huge = compared(*([f"{number}.tf"] for number in range(500)))
    gitea.read_at_most(10_000)
    answers = (huge, compared()) if too_large == "forth" else (compared(), huge)
    found = await compare(gitea, *answers)
    reason = "the comparison is larger than the bridge reads"
    assert found == ChangedFiles(paths=(), complete=False, reason=reason)


async def test_a_branch_that_is_far_ahead_is_no_ancestor(gitea: Talk) -> None:
    huge = compared(*([f"{number}.tf"] for number in range(500)))
    gitea.read_at_most(10_000)
    gitea.script.on(f"GET /repos/acme/infra/compare/{BASE}...{HEAD}", huge)
    assert not await gitea.forge.is_ancestor(gitea.flavour.repository, HEAD, BASE)


async def test_tags_are_peeled(gitea: Talk) -> None:
    line = "GET /repos/acme/infra/tags/v1/rc"
    gitea.script.on(line, {"name": "v1/rc", "id": OLD, "commit": {"sha": HEAD}})
    assert await gitea.forge.tag_commit(gitea.flavour.repository, "v1/rc") == HEAD
    gitea.script.on(line, Reply(status=404, body={"message": "x"}))
    assert await gitea.forge.tag_commit(gitea.flavour.repository, "v1/rc") is None


async def test_the_merged_pull_request_of_a_commit(gitea: Talk) -> None:
    line = f"GET /repos/acme/infra/commits/{OLD}/pull"
    infra = gitea.flavour.repository
    merged = gitea.flavour.pull_request(state="closed", merged=True, merge_commit_sha=OLD)
    elsewhere = {**merged, "base": {"ref": "main", "repo": {**REPOSITORY, "id": 665}}}
    for reply, found in (
        (merged, [gitea.flavour.ref]),
        (gitea.flavour.pull_request(), []),
        (elsewhere, []),
        (Reply(status=404, body={"message": "x"}), []),
    ):
        gitea.script.on(line, reply)
        assert await gitea.forge.pull_requests_of_commit(infra, OLD) == found


@pytest.mark.parametrize(
    ("title", "draft", "is_draft"),
    [("WIP: x", None, True), ("[wip] x", None, True), ("Draft: x", None, False),
     ("WIP: x", False, False), ("x", True, True)],
)  # fmt: skip
async def test_drafts_are_told_by_the_title_where_the_api_does_not(
    gitea: Talk,
    title: str,
    draft: bool | None,  # noqa: FBT001 - a table's row
    is_draft: bool,  # noqa: FBT001 - ditto
) -> None:
    answer = gitea.flavour.pull_request(title=title, draft=draft)
    gitea.script.on("GET /repos/acme/infra/pulls/12", answer)
    assert (await gitea.forge.pull_request(gitea.flavour.ref)).draft is is_draft


async def test_an_id_that_is_no_comment_is_not_found(gitea: Talk) -> None:
    gitea.script.on("GET /repos/acme/infra/issues/comments/7", Reply(status=204))
    with pytest.raises(NotFoundError):
        await gitea.forge.comment(gitea.flavour.repository, "7")


async def test_an_archived_repository_refuses_comments_for_good(gitea: Talk) -> None:
    line = "POST /repos/acme/infra/issues/12/comments"
    gitea.script.on(line, Reply(status=423, body={"message": "repository is archived"}))
    with pytest.raises(PermanentRemoteError, match="archived"):
        await gitea.forge.create_comment(gitea.flavour.ref, "x")


async def test_an_error_that_is_a_web_page_or_nothing_is_told_by_its_title(gitea: Talk) -> None:
    for body, said in (("<html><title>500 Oops</title></html>", "500 Oops"), ("", "answered 500")):
        gitea.script.on("GET /repos/acme/odd", Reply(status=500, body=body))
        with pytest.raises(TemporaryRemoteError, match=said):
            await gitea.forge.repository("acme/odd")


def a_hook(talk: Talk, **more: object) -> dict[str, object]:
    return {
        "id": 5,
        "type": talk.flavour.driver,
        "active": True,
        "branch_filter": "*",
        "events": ["pull_request_assign", *WANTED_EVENTS],
        "config": {"url": URL, "content_type": "json"},
        **more,
    }


async def test_a_hook_is_made_anew_and_read_back(gitea: Talk) -> None:
    other = a_hook(gitea, id=3, config={"url": "https://ci.example.com/", "content_type": "form"})
    gitea.script.on("GET /repos/acme/infra/hooks", [other, a_hook(gitea, id=4)], [])
    gitea.script.on("POST /repos/acme/infra/hooks", Reply(status=201, body={"id": 5}))
    gitea.script.on("DELETE /repos/acme/infra/hooks/4", Reply(status=204))
    gitea.script.on("GET /repos/acme/infra/hooks/5", a_hook(gitea))
    found = await gitea.forge.install_hook(VALUE, URL, "s3cret")
    events = tuple(sorted(["pull_request_assign", *WANTED_EVENTS]))
    assert found == InstalledHook(id="5", url=URL, active=True, events=events)
    assert gitea.script.sent("POST /repos/acme/infra/hooks") == [
        {
            "type": gitea.flavour.driver,
            "active": True,
            "branch_filter": "*",
            "events": list(WANTED_EVENTS),
            "config": {"url": URL, "content_type": "json", "secret": "s3cret"},
        }
    ]


@pytest.mark.parametrize(
    ("more", "problems"),
    [
        ({}, ()),
        ({"active": False}, ("it is not active",)),
        ({"events": None}, (f"it does not send {', '.join(sorted(WANTED_EVENTS))}",)),
        ({"events": WANTED_EVENTS[:-1]}, ("it does not send pull_request_sync",)),
        ({"branch_filter": "main"}, ("it is limited to the branches main",)),
        ({"branch_filter": ""}, ()),
    ],
)
async def test_what_is_wrong_with_a_hook_is_listed(
    gitea: Talk, more: dict[str, object], problems: tuple[str, ...]
) -> None:
    gitea.script.on("GET /repos/acme/infra/hooks", [a_hook(gitea, **more)], [])
    (found,) = await gitea.forge.hooks(VALUE)
    assert found.problems == problems


async def test_a_hook_that_was_changed_on_the_way_is_a_problem(gitea: Talk) -> None:
    gitea.script.on("GET /repos/acme/infra/hooks", [])
    gitea.script.on("POST /repos/acme/infra/hooks", Reply(status=201, body={"id": 5}))
    gitea.script.on(
        "GET /repos/acme/infra/hooks/5", a_hook(gitea, config={"url": "https://elsewhere"})
    )
    found = await gitea.forge.install_hook(VALUE, URL, "s3cret")
    assert found.problems == ("it delivers to another address",)


async def test_deliveries_are_not_listed(gitea: Talk) -> None:
    now = datetime(2026, 11, 3, tzinfo=UTC)
    assert await gitea.forge.failed_deliveries(now) is None
    with pytest.raises(PermanentRemoteError):
        await gitea.forge.redeliver(FailedDelivery(id="1", key="x", delivered_at=now))
    assert gitea.script.asked == []


async def test_a_repository_is_also_where_the_settings_say(gitea: Talk) -> None:
    """An instance believes in its ROOT_URL, which need not be how others reach it."""
    believed = "http://localhost:3000/acme/infra.git"
    answer = REPOSITORY | {"clone_url": believed, "ssh_url": ""}
    gitea.script.on("GET /repos/acme/infra", answer)
    found = await gitea.forge.repository("acme/infra")
    assert found.clone_urls == (believed, "https://code.example.com/acme/infra.git")
