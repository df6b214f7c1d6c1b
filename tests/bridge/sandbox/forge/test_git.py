"""Clone, fetch and push are git's own, over HTTP."""

from pathlib import Path

import pytest

from bridge.sandbox.forge import Access
from bridge.sandbox.forge.git import NOTHING, Git
from tests.bridge.sandbox.forge.git import GitFailedError, clone, run_git
from tests.bridge.sandbox.forge.people import INFRA, Place
from tests.bridge.sandbox.forge.receiving import Receiver


async def test_a_push_moves_refs_and_is_told(
    place: Place, receiver: Receiver, tmp_path: Path
) -> None:
    place.forge.add_hook(INFRA, receiver.url, secret=None, events=["push"])
    mine = await clone(place.forge.clone_url(INFRA, "alice"), tmp_path / "clone")
    await mine.git("switch", "--quiet", "--create", "feature/x")
    sha = await mine.commit({"network/main.tf": "x\n"})
    await mine.git("push", "--quiet", "origin", "feature/x")
    await place.forge.settled()
    git = place.forge.world.repository(INFRA).git
    assert await git.tip("feature/x") == sha
    (one,) = receiver.received
    assert (one.payload["ref"], one.payload["after"]) == ("refs/heads/feature/x", sha)
    assert one.payload["sender"]["login"] == "alice"
    assert one.payload["commits"][0]["modified"] == ["network/main.tf"]
    place.forge.assert_no_surprises()


async def test_several_refs_of_one_push_are_told_one_by_one(
    place: Place, receiver: Receiver, tmp_path: Path
) -> None:
    mine = await clone(place.forge.clone_url(INFRA, "alice"), tmp_path / "clone")
    for name in ("a", "b"):
        await mine.git("switch", "--quiet", "--create", name)
        await mine.commit({"network/main.tf": name})
    await mine.git("tag", "--annotate", "--message", "x", "v1")
    place.forge.add_hook(INFRA, receiver.url, secret=None, events=["push"])
    await mine.git("push", "--quiet", "origin", "a", "b", "v1")
    await mine.git("push", "--quiet", "--force", "origin", "b:a", ":b")
    await place.forge.settled()
    refs = sorted((one.payload["ref"], one.payload["after"][:3]) for one in receiver.received)
    names = [ref for ref, _ in refs]
    # On Forgejo a branch that is gone is told by "delete" only.
    gone = [] if place.flavour.value == "forgejo" else ["refs/heads/b"]
    assert names == ["refs/heads/a", "refs/heads/a", "refs/heads/b", *gone, "refs/tags/v1"]


async def test_only_writers_push(place: Place, tmp_path: Path) -> None:
    reader = await clone(place.forge.clone_url(INFRA, "bob"), tmp_path / "reader")
    await reader.commit({"network/main.tf": "x\n"})
    with pytest.raises(GitFailedError, match="403"):
        await reader.git("push", "--quiet", "origin", "main")
    stranger = await clone(place.forge.clone_url(INFRA), tmp_path / "stranger")
    await stranger.commit({"network/main.tf": "x\n"})
    with pytest.raises(GitFailedError, match="could not read Username"):
        await stranger.git("push", "--quiet", "origin", "main")


async def test_what_is_private_is_cloned_with_a_credential_only(
    place: Place, tmp_path: Path
) -> None:
    made = await place.forge.create_repository("acme/secret", files={"a": "b"}, private=True)
    place.forge.world.give_access(made, "bob", Access.READ)
    with pytest.raises(GitFailedError, match="could not read Username"):
        await clone(place.forge.clone_url("acme/secret"), tmp_path / "one")
    with pytest.raises(GitFailedError, match="403"):
        await clone(place.forge.clone_url("acme/secret", "alice"), tmp_path / "two")
    await clone(place.forge.clone_url("acme/secret", "bob"), tmp_path / "three")
    with pytest.raises(GitFailedError, match="not found"):
        await clone(place.forge.clone_url("acme/gone"), tmp_path / "four")


async def test_the_head_of_a_pull_request_is_fetched_from_the_base(
    place: Place, tmp_path: Path
) -> None:
    copy = await place.forge.fork(INFRA, "carol")
    sha = await place.forge.commit(copy.slug, "feature", {"a.tf": "x"}, author="carol")
    await place.forge.open_pull_request(INFRA, "feature", author="carol", fork=copy)
    mine = await clone(place.forge.clone_url(INFRA), tmp_path / "clone")
    await mine.git("fetch", "--quiet", "origin", "refs/pull/1/head")
    assert await mine.git("rev-parse", "FETCH_HEAD") == sha
    await mine.git("fetch", "--quiet", "origin", sha)  # by id, as a job does
    with pytest.raises(GitFailedError):
        await run_git(mine.folder, "push", "origin", "HEAD:refs/pull/1/head")


@pytest.mark.parametrize("packed", [False, True])
async def test_refs_are_read_as_git_reads_them(tmp_path: Path, *, packed: bool) -> None:
    git = Git(tmp_path / "1.git")
    git.init("main")
    author = ("alice", "alice@example.com")
    first, second = [
        await git.write_commit(None, {"a": text}, message=text, author=author, when=1)
        for text in ("one", "two")
    ]
    made = {"main": first, "feature/x": second, "größe": second, "a.lock.b": first, "v1.0": first}
    for name, sha in made.items():
        await git.set_ref(f"refs/heads/{name}", sha)
    identity = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")
    await git.run(*identity, "tag", "--annotate", "--message", "x", "v1", second)
    if packed:
        await git.run("pack-refs", "--all")
        await git.set_ref("refs/heads/main", second)
    told = (await git.run("for-each-ref", "--format=%(refname) %(objectname)")).decode()
    assert list((await git.refs()).items()) == [
        (name, sha) for name, _, sha in (line.partition(" ") for line in told.splitlines())
    ]
    assert {name: await git.tip(name) for name in made} == {
        **made,
        "main": second if packed else first,
    }
    assert await git.commit_id("v1") == await git.commit_id(second[:9]) == second
    odd = ("none", "feature", "feature/", "../heads/main", "./main", "main.", "/main", "a..b", "")
    assert [await git.tip(name) for name in odd] == [None] * len(odd)
    await git.set_ref("refs/heads/main", NOTHING)
    assert await git.tip("main") is None
    assert "refs/heads/main" not in await git.refs()
    assert (await git.kind_of(first), await git.kind_of(NOTHING)) == ("commit", None)
