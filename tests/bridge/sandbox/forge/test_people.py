"""What people do in a forge works through the API's own paths."""

from pathlib import Path

import pytest

from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.model import Protection
from tests.bridge.sandbox.forge.people import INFRA, Person, Place, Reply

PULL = f"/repos/{INFRA}/pulls/1"


async def merge(person: Person, flavour: Flavour, *, head: str | None = None) -> Reply:
    if flavour is Flavour.GITHUB:
        body = {"merge_method": "merge", **({"sha": head} if head else {})}
        return await person.ask(f"PUT {PULL}/merge", body)
    body = {"Do": "merge", **({"head_commit_id": head} if head else {})}
    return await person.ask(f"POST {PULL}/merge", body)


async def open_feature(place: Place, **more: object) -> Reply:
    await place.forge.commit(INFRA, "feature", {"network/main.tf": "x\n"})
    body = {"title": "Change it", "head": "feature", "base": "main", **more}
    return await place.alice.ask(f"POST /repos/{INFRA}/pulls", body)


async def test_a_repository_is_made_and_forked(place: Place) -> None:
    made = await place.alice.ask("POST /user/repos", {"name": "mine", "auto_init": True})
    assert (made.status, made.body["full_name"]) == (201, "alice/mine")
    again = await place.alice.ask("POST /user/repos", {"name": "mine"})
    assert again.status == (422 if place.flavour is Flavour.GITHUB else 409)
    in_acme = await place.alice.ask("POST /orgs/acme/repos", {"name": "more"})
    assert in_acme.body["full_name"] == "acme/more"
    copy = await place.bob.ask("POST /repos/alice/mine/forks", {})
    assert (copy.status, copy.body["full_name"]) == (202, "bob/mine")
    assert copy.body["parent"]["full_name"] == "alice/mine"
    branches = await place.bob.ask("GET /repos/bob/mine/branches")
    assert [one["name"] for one in branches.body] == ["main"]
    assert (await place.alice.ask("POST /orgs/bob/repos", {"name": "x"})).status == 404
    assert (await place.alice.ask("DELETE /repos/alice/mine")).status == 204
    assert (await place.alice.ask("GET /repos/alice/mine")).status == 404


async def test_a_pull_request_is_opened_reviewed_and_merged(place: Place) -> None:
    made = await open_feature(place, body="because")
    assert (made.status, made.body["number"], made.body["state"]) == (201, 1, "open")
    event = "APPROVE" if place.flavour is Flavour.GITHUB else "APPROVED"
    own = await place.alice.ask(f"POST {PULL}/reviews", {"event": event})
    assert own.status == 422
    assert (await place.bob.ask(f"POST {PULL}/reviews", {"event": event})).status == 200
    (review,) = (await place.alice.ask(f"GET {PULL}/reviews")).body
    assert (review["state"], review["user"]["login"]) == ("APPROVED", "bob")
    assert review.get("official", False) is False  # a reader's approval counts for nothing
    assert (await merge(place.bob, place.flavour)).status == 403
    assert (await merge(place.alice, place.flavour, head="a" * 40)).status == 409
    assert (await merge(place.alice, place.flavour, head=made.body["head"]["sha"])).status == 200
    merged = (await place.alice.ask(f"GET {PULL}")).body
    assert (merged["merged"], merged["state"]) == (True, "closed")
    tip = (await place.alice.ask(f"GET /repos/{INFRA}/branches/main")).body["commit"]
    assert merged["merge_commit_sha"] == tip.get("sha", tip.get("id"))
    assert (await merge(place.alice, place.flavour)).status in {404, 405}
    place.forge.assert_no_surprises()


async def test_a_branch_rule_is_kept(place: Place) -> None:
    repository = place.forge.world.repository(INFRA)
    repository.protection["main"] = Protection(contexts=("terrakube/plan",), approvals=1)
    sha = (await open_feature(place)).body["head"]["sha"]
    refused = await merge(place.alice, place.flavour)
    assert refused.status == 405
    assert "status check" in refused.body["message"]
    body = {"state": "success", "context": "terrakube/plan"}
    await place.alice.ask(f"POST /repos/{INFRA}/statuses/{sha}", body)
    refused = await merge(place.alice, place.flavour)
    assert (refused.status, "approv" in refused.body["message"]) == (405, True)
    event = "APPROVE" if place.flavour is Flavour.GITHUB else "APPROVED"
    await place.bridge.ask(f"POST {PULL}/reviews", {"event": event})
    assert (await merge(place.alice, place.flavour)).status == 200


async def test_what_conflicts_is_not_merged(place: Place) -> None:
    await open_feature(place)
    await place.forge.commit(INFRA, "main", {"network/main.tf": "y\n"})
    shown = (await place.alice.ask(f"GET {PULL}")).body
    assert shown["mergeable"] is False
    assert (await merge(place.alice, place.flavour)).status == 405


async def test_a_pull_request_is_edited_closed_and_reopened(place: Place) -> None:
    await place.forge.commit(INFRA, "release", {"dns/main.tf": "r\n"})
    await open_feature(place)
    body = {"title": "WIP: better", "base": "release"}
    changed = (await place.alice.ask(f"PATCH {PULL}", body)).body
    assert (changed["title"], changed["base"]["ref"]) == ("WIP: better", "release")
    assert changed["draft"] is (place.flavour is Flavour.FORGEJO)
    for state in ("closed", "open"):
        shown = (await place.alice.ask(f"PATCH {PULL}", {"state": state})).body
        assert shown["state"] == state
    assert (await place.bob.ask(f"PATCH {PULL}", {"title": "mine"})).status == 403
    gone = await place.alice.ask(f"PATCH {PULL}", {"base": "gone"})
    assert gone.status in {412, 422}


async def test_what_cannot_be_opened_is_refused(place: Place) -> None:
    await open_feature(place)
    again = await open_feature(place)
    assert again.status == (422 if place.flavour is Flavour.GITHUB else 409)
    for body in (
        {"title": "x", "head": "gone", "base": "main"},
        {"title": "x", "head": "feature", "base": "gone"},
        {"title": "x", "head": "nobody:feature", "base": "main"},
    ):
        assert (await place.alice.ask(f"POST /repos/{INFRA}/pulls", body)).status in {404, 422}
    same = await place.alice.ask(
        f"POST /repos/{INFRA}/pulls", {"title": "x", "head": "main", "base": "feature"}
    )
    # Nothing to merge: Forgejo opens it all the same.
    assert same.status == (422 if place.flavour is Flavour.GITHUB else 201)


async def test_a_pull_request_comes_from_a_fork(place: Place) -> None:
    copy = await place.forge.fork(INFRA, "bob")
    await place.forge.commit(copy.slug, "feature", {"dns/main.tf": "x\n"}, author="bob")
    body = {"title": "Change it", "head": "bob:feature", "base": "main"}
    made = (await place.bob.ask(f"POST /repos/{INFRA}/pulls", body)).body
    assert made["head"]["repo"]["id"] == copy.id
    files = (await place.alice.ask(f"GET {PULL}/files")).body
    assert [one["filename"] for one in files] == ["dns/main.tf"]


async def test_a_renamed_repository_leads_to_its_new_name(place: Place) -> None:
    await place.bridge.ask(f"PATCH /repos/{INFRA}", {"name": "network"})
    old = await place.alice.ask(f"GET /repos/{INFRA}/branches")
    written = await place.alice.ask(f"POST /repos/{INFRA}/issues/1/comments", {"body": "x"})
    assert written.status == 307
    assert old.status == (301 if place.flavour is Flavour.GITHUB else 307)
    target = old.headers["Location"].removeprefix(place.forge.url)
    assert (await place.alice.ask(f"GET {target}")).status == 200
    # Somebody takes the old name over: it leads nowhere else any more.
    await place.forge.create_repository(INFRA, files={"a": "b"})
    assert (await place.alice.ask(f"GET /repos/{INFRA}")).status == 200
    place.forge.assert_no_surprises()


async def test_an_archived_repository_is_read_only_for_comments(place: Place) -> None:
    sha = (await open_feature(place)).body["head"]["sha"]
    await place.bridge.ask(f"PATCH /repos/{INFRA}", {"archived": True})
    comment = await place.alice.ask(f"POST /repos/{INFRA}/issues/1/comments", {"body": "x"})
    assert comment.status == (403 if place.flavour is Flavour.GITHUB else 423)
    status = await place.alice.ask(f"POST /repos/{INFRA}/statuses/{sha}", {"state": "success"})
    assert status.status == 201


async def test_writers_edit_anybodys_comment_readers_their_own(place: Place) -> None:
    await open_feature(place)
    line = f"/repos/{INFRA}/issues/1/comments"
    number = (await place.bridge.ask(f"POST {line}", {"body": "x"})).body["id"]
    one = f"/repos/{INFRA}/issues/comments/{number}"
    assert (await place.bob.ask(f"PATCH {one}", {"body": "mine"})).status == 403
    assert (await place.alice.ask(f"PATCH {one}", {"body": "mine"})).status == 200
    shown = (await place.bob.ask(f"GET {one}")).body
    assert (shown["body"], shown["user"]["login"]) == ("mine", "bridge")
    assert (await place.alice.ask(f"DELETE {one}")).status == 204
    assert (await place.alice.ask(f"GET {one}")).status == 404


@pytest.mark.parametrize("worst", ["error", "failure", "pending", "success"])
async def test_statuses_come_to_a_verdict(place: Place, worst: str) -> None:
    sha = await place.forge.commit(INFRA, "feature", {"network/main.tf": "x\n"})
    line = f"POST /repos/{INFRA}/statuses/{sha}"
    for context, state in (("a", "failure"), ("a", "success"), ("b", worst)):
        assert (await place.alice.ask(line, {"state": state, "context": context})).status == 201
    combined = (await place.bob.ask(f"GET /repos/{INFRA}/commits/feature/status")).body
    is_github = place.flavour is Flavour.GITHUB
    assert combined["state"] == ("failure" if is_github and worst == "error" else worst)
    assert combined["total_count"] == 2
    listed = (await place.bob.ask(f"GET /repos/{INFRA}/commits/{sha}/statuses")).body
    word = "state" if is_github else "status"
    assert [one[word] for one in listed] == [worst, "success", "failure"]
    assert place.forge.statuses(INFRA, sha) == {"a": "success", "b": worst}


async def test_a_page_shows_a_pull_request_to_people(place: Place, tmp_path: Path) -> None:
    number = (await open_feature(place)).body["number"]
    await place.forge.comment(INFRA, number, "<b>plan</b>", author="bob")
    url = f"{place.forge.web_url}/{INFRA}/pull/{number}"
    async with place.alice.session.get(url) as answer:
        text = await answer.text()
    assert "&lt;b&gt;plan&lt;/b&gt;" in text
    async with place.alice.session.get(url + "9") as answer:
        assert answer.status == 404
    place.forge.assert_no_surprises()
    async with place.alice.session.get(f"{place.forge.web_url}/nothing") as answer:
        assert answer.status == 404
    assert place.forge.surprises == ["GET /nothing: there is nothing"]


async def test_files_are_read(place: Place) -> None:
    read = await place.bob.ask(f"GET /repos/{INFRA}/contents/network/main.tf?ref=main")
    assert (read.body["encoding"], read.body["content"]) == ("base64", "YQo=")
    assert (await place.bob.ask(f"GET /repos/{INFRA}/contents/gone?ref=main")).status == 404
    assert (await place.bob.ask(f"GET /repos/{INFRA}/contents/network?ref=main")).status == 404


async def test_forgejo_tells_how_large_pages_are(forgejo: Place) -> None:
    settings = (await forgejo.nobody.ask("GET /settings/api")).body
    assert settings["max_response_items"] == 50
    assert "gitea" in (await forgejo.nobody.ask("GET /version")).body["version"]


async def test_forgejo_keeps_a_rule_readable(forgejo: Place) -> None:
    repository = forgejo.forge.world.repository(INFRA)
    repository.protection["main"] = Protection(contexts=("terrakube/plan",), approvals=2)
    shown = (await forgejo.bob.ask(f"GET /repos/{INFRA}/branches/main")).body
    assert (shown["protected"], shown["required_approvals"], shown["status_check_contexts"]) == (
        True, 2, ["terrakube/plan"],
    )  # fmt: skip
