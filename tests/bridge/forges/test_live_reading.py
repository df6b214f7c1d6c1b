"""Every question of the Forge port, answered by a whole forge."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    Permission,
    PullRequest,
    PullRequestState,
    Repository,
    RepositoryRef,
)
from bridge.ports import FailedDelivery
from bridge.sandbox.forge import Access
from bridge.sandbox.forge.merging import merge_pull_request
from bridge.sandbox.forge.model import Kind
from bridge.sandbox.forge.pulls import close_pull_request, delete_repository, set_draft
from bridge.sandbox.forge.pushing import move_ref
from tests.bridge.forges.living import APP, INFRA, Live, living


async def test_who_the_bridge_is(live: Live) -> None:
    login, number = await live.forge.whoami()
    assert login == live.login
    account = live.world.account(login)
    # An App is told by its name: it cannot ask for its bot's id.
    assert number == ("" if live.credential is APP else str(account.id))


async def test_a_repository_is_read_by_name_and_by_id(live: Live) -> None:
    known = live.world.world.repository(INFRA)
    wanted = Repository(
        ref=RepositoryRef(forge="code", id=str(known.id), slug=INFRA),
        clone_urls=(f"{live.world.web_url}/{INFRA}.git", f"git@127.0.0.1:{INFRA}.git"),
        web_url=f"{live.world.web_url}/{INFRA}",
        default_branch="main",
    )
    assert live.repository == wanted
    assert await live.forge.repository("ACME/Infra") == wanted
    assert await live.forge.repository_by_id(wanted.ref) == wanted


async def test_what_is_not_there_or_not_to_be_seen_is_not_found(live: Live) -> None:
    await live.world.create_repository("other/secret", files={"a": "b"}, private=True)
    for slug in ("other/secret", "other/gone"):
        with pytest.raises((NotFoundError, NotAllowedError)):
            await live.forge.repository(slug)
    gone = replace(live.repository.ref, id="7")
    with pytest.raises(NotFoundError):
        await live.forge.repository_by_id(gone)


async def test_a_renamed_repository_is_found_and_written_to(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    live.world.world.rename_repository(live.world.world.repository(INFRA), "acme/network")
    assert (await live.forge.repository(INFRA)).ref.slug == "acme/network"
    assert (await live.forge.repository_by_id(live.repository.ref)).ref.slug == "acme/network"
    number = await live.forge.create_comment(ref, "x")
    assert (await live.forge.comment(ref.repository, number)).body == "x"


async def test_a_name_that_another_repository_took_is_not_used(live: Live) -> None:
    live.world.world.rename_repository(live.world.world.repository(INFRA), "acme/network")
    other = await live.world.create_repository(INFRA, files={"a": "b"})
    old = live.repository.ref
    if live.is_github:
        # GitHub is asked by name only: what has the name now is not what was meant.
        with pytest.raises(NotFoundError):
            await live.forge.repository_by_id(old)
    else:
        assert (await live.forge.repository_by_id(old)).ref.slug == "acme/network"
    assert (await live.forge.repository(INFRA)).ref.id == str(other.id)


async def test_an_empty_repository_is_read(live: Live) -> None:
    await live.world.create_repository("acme/empty")
    found = await live.forge.repository("acme/empty")
    assert found.default_branch == ("main" if live.is_github else None)
    assert await live.forge.branches(found.ref) == []
    assert await live.forge.open_pull_requests(found.ref) == []


def expected(live: Live, **changes: object) -> PullRequest:
    known = live.world.world.pull_request(INFRA, 1)
    word = "pull" if live.is_github else "pulls"
    one = PullRequest(
        ref=live.ref(),
        state=PullRequestState.OPEN,
        draft=False,
        title="Change the network",
        author="alice",
        web_url=f"{live.world.web_url}/{INFRA}/{word}/1",
        head_sha=known.head_sha,
        head_branch="feature",
        base_branch="main",
        base_sha=known.base_sha,
        from_fork=False,
        merge_commit=None,
        updated_at=known.updated_at,
        repository=live.repository,
    )
    return replace(one, **changes)  # type: ignore[arg-type]  # each test names a field


async def test_the_life_of_a_pull_request_is_read(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    known, alice = live.world.world.pull_request(INFRA, 1), live.world.account("alice")
    read = live.forge.pull_request
    assert await read(ref) == expected(live)
    assert await live.forge.open_pull_requests(ref.repository) == [expected(live)]
    sha = await live.change({"network/main.tf": "y\n"})
    assert (await read(ref)).head_sha == sha
    await set_draft(live.world.world, known, draft=True, actor=alice)
    assert await read(ref) == expected(live, draft=True, title=known.title)
    await set_draft(live.world.world, known, draft=False, actor=alice)
    await close_pull_request(live.world.world, known, alice)
    assert await read(ref) == expected(live, state=PullRequestState.CLOSED)
    assert await live.forge.open_pull_requests(ref.repository) == []


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_a_merged_pull_request_owns_its_commit(live: Live, method: str) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    known, alice = live.world.world.pull_request(INFRA, 1), live.world.account("alice")
    before = await live.world.world.repository(INFRA).git.tip("main")
    commit = await merge_pull_request(live.world.world, known, actor=alice, method=method)
    merged = await live.forge.pull_request(ref)
    assert merged == expected(live, state=PullRequestState.MERGED, merge_commit=commit)
    assert await live.forge.pull_requests_of_commit(ref.repository, commit) == [ref]
    assert before
    assert await live.forge.pull_requests_of_commit(ref.repository, before) == []
    assert await live.forge.pull_requests_of_commit(ref.repository, "a" * 40) == []


async def test_an_open_pull_request_owns_no_commit_yet(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    sha = live.world.world.pull_request(INFRA, 1).head_sha
    assert await live.forge.pull_requests_of_commit(ref.repository, sha) == []


async def test_forks_are_told_by_their_ids(live: Live) -> None:
    copy = await live.world.fork(INFRA, "carol")
    await live.world.commit(copy.slug, "feature", {"dns/main.tf": "x\n"}, author="carol")
    await live.world.open_pull_request(INFRA, "feature", author="carol", fork=copy)
    assert (await live.forge.pull_request(live.ref())).from_fork
    assert await live.forge.changed_files(live.ref()) == ChangedFiles(paths=("dns/main.tf",))
    await delete_repository(live.world.world, copy, live.world.account("carol"))
    gone = await live.forge.pull_request(live.ref())
    assert (gone.from_fork, gone.state) == (True, PullRequestState.CLOSED)
    # A pull request inside a fork is none from a fork.
    await live.world.create_repository("acme/mine", files={"a": "b"})
    inner = await live.world.fork("acme/mine", "acme2")
    live.world.world.rename_repository(inner, "acme/inner")
    await live.world.commit("acme/inner", "feature", {"a": "c"})
    made = await live.world.open_pull_request("acme/inner", "feature")
    found = await live.forge.repository("acme/inner")
    (one,) = await live.forge.open_pull_requests(found.ref)
    assert (one.ref.number, one.from_fork) == (made.number, False)


async def test_a_fresh_pull_request_is_waited_for(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    line = "GET /repos/acme/infra/pulls/1"
    live.world.faults.fail(match=line, status=404, times=2)
    assert (await live.forge.pull_request(ref)).ref == ref
    assert live.naps == [0.5, 1.0]
    with pytest.raises(NotFoundError):
        await live.forge.pull_request(live.ref(9))


async def test_branches_of_all_pages_are_listed(live: Live) -> None:
    git = live.world.world.repository(INFRA).git
    sha = await git.tip("main")
    assert sha
    names = sorted(["main", "feat/#1-é%", *(f"b{number:03}" for number in range(110))])
    lines = [f"update refs/heads/{name} {sha}\n" for name in names]
    await git.run("update-ref", "--stdin", stdin="".join(lines).encode())
    found = await live.forge.branches(live.repository.ref)
    assert found == [Branch(name=name, sha=sha) for name in names]
    odd = Branch(name="feat/#1-é%", sha=sha)
    assert await live.forge.branch(live.repository.ref, odd.name) == odd
    assert await live.forge.branch(live.repository.ref, "gone") is None


async def test_comments_of_all_pages_are_listed_if_they_are_own(live: Live) -> None:
    ref = await live.open({"network/main.tf": "x\n"})
    for number in range(105):
        await live.world.comment(INFRA, 1, f"{number}", author=live.login)
        await live.world.comment(INFRA, 1, "<!-- forged -->", author="bob")
    found = await live.forge.own_comments(ref)
    assert [one.body for one in found] == [f"{number}" for number in range(105)]
    assert {one.by_bot for one in found} == {live.credential is APP}


async def test_changed_files_bring_both_names_of_a_rename(live: Live) -> None:
    text = "".join(f"line {number}\n" for number in range(50))
    await live.change({"app/x.tf": text, "gone.tf": "x\n", "kept.tf": "x\n"}, "main")
    moved = {"app/x.tf": None, "app two/é.tf": text, "gone.tf": None, "kept.tf": "y\n"}
    ref = await live.open({**moved, "new/n.tf": "x"})
    assert await live.forge.changed_files(ref) == ChangedFiles(
        paths=("app two/é.tf", "app/x.tf", "gone.tf", "kept.tf", "new/n.tf")
    )
    # The base moves on: the pull request still changes what it changed.
    await live.change({"other.tf": "x"}, "main")
    assert "other.tf" not in (await live.forge.changed_files(ref)).paths


@pytest.mark.parametrize(("count", "complete"), [(2999, True), (3001, False)])
async def test_github_lists_three_thousand_files_and_no_more(
    live_github: Live,
    count: int,
    complete: bool,  # noqa: FBT001 - a table's row
) -> None:
    ref = await live_github.open({f"f{number:04}.tf": f"{number}" for number in range(count)})
    found = await live_github.forge.changed_files(ref)
    assert (len(found.paths), found.complete) == (min(count, 3000), complete)


async def test_forgejo_lists_all_files(live_forgejo: Live) -> None:
    ref = await live_forgejo.open({f"f{number:04}.tf": f"{number}" for number in range(3001)})
    found = await live_forgejo.forge.changed_files(ref)
    assert (len(found.paths), found.complete) == (3001, True)


async def test_what_a_push_changed_is_compared(live: Live) -> None:
    git, where = live.world.world.repository(INFRA).git, live.repository.ref
    first = await git.tip("main")
    assert first
    await live.change({"network/a.tf": "1\n"}, "main")
    last = await live.change({"network/a.tf": None, "dns/b.tf": "2\n"}, "main")
    forward = await live.forge.compared_files(where, first, last)
    # Commit by commit a file that came and went shows; between the ends it does not.
    came_and_went = () if live.is_github else ("network/a.tf",)
    assert forward == ChangedFiles(paths=("dns/b.tf", *came_and_went))
    back = await live.forge.compared_files(where, last, first)
    assert back == forward
    assert (await live.forge.compared_files(where, last, last)).paths == ()


async def test_what_a_force_push_lost_is_changed_too(live: Live) -> None:
    git, where = live.world.world.repository(INFRA).git, live.repository.ref
    base = await git.tip("main")
    old = await live.change({"lost.tf": "1\n"}, "main")
    alice = live.world.account("alice")
    new = await git.write_commit(
        base, {"new.tf": "1\n"}, message="again", author=("alice", "alice@example.com"), when=1
    )
    repository = live.world.world.repository(INFRA)
    await move_ref(live.world.world, repository, "refs/heads/main", new, actor=alice)
    found = await live.forge.compared_files(where, old, new)
    assert found == ChangedFiles(paths=("lost.tf", "new.tf"))


async def test_a_commit_holds_those_before_it(live: Live) -> None:
    git, where = live.world.world.repository(INFRA).git, live.repository.ref
    first = await git.tip("main")
    last = await live.change({"network/a.tf": "1\n"}, "main")
    aside = await live.change({"network/b.tf": "1\n"}, "aside")
    assert first
    asked = [(first, aside), (last, last), (last, first), (aside, last), ("a" * 40, last)]
    found = [await live.forge.is_ancestor(where, older, newer) for older, newer in asked]
    assert found == [True, True, False, False, False]


async def test_commits_without_common_history_change_everything(live: Live) -> None:
    git, where = live.world.world.repository(INFRA).git, live.repository.ref
    base = await git.tip("main")
    assert base
    other = await git.write_commit(
        None, {"a.tf": "1\n"}, message="anew", author=("alice", "alice@example.com"), when=1
    )
    for before, after in ((base, other), ("a" * 40, base)):
        found = await live.forge.compared_files(where, before, after)
        assert (found.paths, found.complete) == ((), False)
        assert found.reason == "the commits share no history"


async def test_github_compares_three_hundred_files_and_no_more(live_github: Live) -> None:
    git, where = live_github.world.world.repository(INFRA).git, live_github.repository.ref
    first = await git.tip("main")
    assert first
    last = await live_github.change({f"f{number}.tf": "1" for number in range(301)}, "main")
    found = await live_github.forge.compared_files(where, first, last)
    assert (len(found.paths), found.complete) == (300, False)


async def test_tags_are_peeled(live: Live) -> None:
    where = live.repository.ref
    sha = await live.world.world.repository(INFRA).git.tip("main")
    assert sha
    await live.world.tag(INFRA, "v1", sha)
    assert await live.world.tag(INFRA, "release/v2", sha, annotated=True) != sha
    assert await live.forge.tag_commit(where, "v1") == sha
    assert await live.forge.tag_commit(where, "release/v2") == sha
    assert await live.forge.tag_commit(where, "v3") is None
    # A branch of that name is no tag.
    assert await live.forge.tag_commit(where, "main") is None


PERMISSIONS = {
    "alice": Permission.WRITE,
    "bob": Permission.READ,
    "root": Permission.ADMIN,
    "carol": Permission.READ,  # an outsider, of a public repository
    "ghost": Permission.NONE,  # no account at all
}


@pytest.mark.parametrize(("login", "permission"), PERMISSIONS.items())
async def test_permission_is_asked_for(live: Live, login: str, permission: Permission) -> None:
    live.world.account("carol")
    assert await live.forge.permission(live.repository.ref, login) is permission


async def test_outsiders_may_nothing_in_a_private_repository(live: Live) -> None:
    live.world.world.repository(INFRA).private = True
    live.world.account("carol")
    assert await live.forge.permission(live.repository.ref, "carol") is Permission.NONE


@pytest.mark.parametrize("owner", ["acme", "dora"])
async def test_forgejo_without_administration_asks_who_may_be_assigned(
    live_forgejo: Live, owner: str
) -> None:
    """In an organization readers may be assigned too, so there nobody can be told a writer."""
    live_forgejo.world.account("dora", kind=Kind.USER)
    slug, access = f"{owner}/own", {"bridge": Access.WRITE, "alice": Access.WRITE}
    await live_forgejo.world.create_repository(
        slug, files={"a": "b"}, access={**access, "bob": Access.READ}
    )
    where = (await live_forgejo.forge.repository(slug)).ref
    if owner == "acme":
        with pytest.raises(NotAllowedError, match="must be an administrator of acme/own"):
            await live_forgejo.forge.permission(where, "bob")
        return
    asked = [await live_forgejo.forge.permission(where, login) for login in ("alice", "bob")]
    assert asked == [Permission.WRITE, Permission.NONE]


async def test_a_question_about_permission_that_fails_is_no_answer(live: Live) -> None:
    await live.forge.whoami()
    for status in (403, 502):
        live.world.faults.fail(match="GET .*/permission", status=status, times=9)
        live.world.faults.fail(match="GET /(orgs|repos/acme/infra/assignees)", status=403, times=9)
        with pytest.raises((NotAllowedError, TemporaryRemoteError)):
            await live.forge.permission(live.repository.ref, "alice")
        live.world.faults.requests.clear()


async def test_what_the_token_may_not_is_said_with_the_scope(live_forgejo: Live) -> None:
    for token in live_forgejo.world.world.tokens.values():
        token.scopes = frozenset({"read:repository"})
    with pytest.raises(NotAllowedError, match="read:user"):
        await live_forgejo.forge.whoami()


async def test_an_app_that_is_not_installed_says_where(tmp_path: Path) -> None:
    async with living(tmp_path, APP) as live:
        await live.world.create_repository("other/infra", files={"a": "b"})
        with pytest.raises(NotAllowedError, match="the GitHub App is not installed in other/infra"):
            await live.forge.repository("other/infra")


async def test_an_apps_token_that_ran_out_is_renewed_once(tmp_path: Path) -> None:
    async with living(tmp_path, APP) as live:
        live.world.world.skew = timedelta(hours=2)
        await live.forge.branches(live.repository.ref)
        statuses = [record.status for record in live.world.requests[-3:]]
        assert statuses == [401, 201, 200]


async def test_an_app_lacks_what_it_was_not_given(tmp_path: Path) -> None:
    async with living(tmp_path, APP) as live:
        assert live.world.world.app
        live.world.world.app.permissions["statuses"] = "read"
        del live.world.world.app.permissions["repository_hooks"]
        live.world.world.tokens.clear()  # what it may is minted into each token
        with pytest.raises(NotAllowedError, match="Resource not accessible by integration"):
            await live.forge.hooks(live.repository)


async def test_forgejo_has_no_list_of_deliveries(live_forgejo: Live) -> None:
    assert await live_forgejo.forge.failed_deliveries(datetime(2026, 1, 1, tzinfo=UTC)) is None
    with pytest.raises(PermanentRemoteError, match="by hand"):
        await live_forgejo.forge.redeliver(
            FailedDelivery(id="1", key="x", delivered_at=datetime(2026, 1, 1, tzinfo=UTC))
        )
