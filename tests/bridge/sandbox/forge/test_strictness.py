"""What no careful client sends is refused, and shows."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import jwt
import pytest

from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.limits import LIMITS
from tests.bridge.sandbox.forge.people import INFRA, Place, inhabited

REPOSITORY = f"/repos/{INFRA}"

CARELESS: list[tuple[str, object, str]] = [
    # (request, body, what is said about it)
    ("GET /nothing", None, "there is no GET /nothing"),
    (f"PUT {REPOSITORY}", {}, f"there is no PUT {REPOSITORY}"),
    (f"GET {REPOSITORY}?verbose=1", None, "there is no parameter verbose=1"),
    (f"GET {REPOSITORY}/branches?page=x", None, "there is no parameter page=x"),
    (f"GET {REPOSITORY}", {"a": 1}, "takes no body"),
    (f"POST {REPOSITORY}/issues/1/comments", {}, "body wasn't supplied."),
    (f"POST {REPOSITORY}/issues/1/comments", {"body": 1}, "body is not known here"),
    (f"POST {REPOSITORY}/issues/1/comments", {"body": "x", "y": 1}, "y is not known here"),
    (f"POST {REPOSITORY}/issues/1/comments", [], "Problems parsing JSON"),
]


@pytest.mark.parametrize(("line", "body", "said"), CARELESS)
async def test_what_no_careful_client_sends_is_a_surprise(
    place: Place, line: str, body: object, said: str
) -> None:
    reply = await place.alice.ask(line, body)
    assert reply.status in {400, 404, 422}
    assert said in reply.body["message"]
    (surprise,) = place.forge.surprises
    assert said in surprise
    with pytest.raises(AssertionError, match=re.escape(said)):
        place.forge.assert_no_surprises()


async def test_what_every_client_meets_is_none(place: Place) -> None:
    for line, status in (
        ("GET /repos/acme/gone", 404),
        (f"GET {REPOSITORY}/branches/gone", 404),
        (f"GET {REPOSITORY}/issues/comments/9", 404),
        (f"GET {REPOSITORY}/pulls/9", 404),
        (f"GET {REPOSITORY}/collaborators/ghost/permission", 404),
    ):
        assert (await place.bridge.ask(line)).status == status, line
    place.forge.assert_no_surprises()


async def test_what_breaks_in_the_stand_in_itself_shows(place: Place) -> None:
    async def broken(happening: object) -> None:
        raise ZeroDivisionError

    await place.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
    await place.forge.open_pull_request(INFRA, "feature")
    place.forge.world.announce = broken
    line = f"POST {REPOSITORY}/issues/1/comments"
    assert (await place.alice.ask(line, {"body": "x"})).status == 500
    with pytest.raises(AssertionError, match="the stand-in broke"):
        place.forge.assert_no_surprises()


async def test_a_body_that_is_no_json_is_refused(place: Place) -> None:
    await place.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
    await place.forge.open_pull_request(INFRA, "feature")
    line = f"POST {REPOSITORY}/issues/1/comments"
    assert (await place.alice.ask(line, data=b"{")).status == 400
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await place.alice.ask(line, data=b'{"body":"x"}', headers=form)).status == 415
    assert len(place.forge.surprises) == 2
    assert place.forge.comments(INFRA, 1) == []


async def test_pages_beyond_the_size_are_cut_and_noticed(place: Place) -> None:
    name, most = ("per_page", 100) if place.flavour is Flavour.GITHUB else ("limit", 50)
    assert (await place.alice.ask(f"GET {REPOSITORY}/branches?{name}={most}")).status == 200
    place.forge.assert_no_surprises()
    assert (await place.alice.ask(f"GET {REPOSITORY}/branches?{name}={most + 1}")).status == 200
    assert place.forge.surprises == [
        f"/repos/{{owner}}/{{repo}}/branches: pages hold {most} at most"
    ]


async def test_a_credential_that_is_none_is_refused(place: Place) -> None:
    """On Forgejo also where none is needed."""
    for token in ("wrong", "a.b.c", ""):
        reply = await place.person(token).ask(f"GET {REPOSITORY}")
        assert reply.status == 401
    assert (await place.nobody.ask(f"GET {REPOSITORY}")).status == 200
    written = await place.nobody.ask(f"POST {REPOSITORY}/issues/1/comments", {"body": "x"})
    assert written.status == 401


async def test_what_an_account_may_not_see_is_not_there(place: Place) -> None:
    await place.forge.create_repository("acme/secret", files={"a": "b"}, private=True)
    for person in (place.alice, place.nobody):
        assert (await person.ask("GET /repos/acme/secret")).status == 404


async def test_readers_may_comment_and_not_set_statuses(place: Place) -> None:
    sha = await place.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
    await place.forge.open_pull_request(INFRA, "feature")
    comment = await place.bob.ask(f"POST {REPOSITORY}/issues/1/comments", {"body": "hi"})
    assert comment.status == 201
    line = f"POST {REPOSITORY}/statuses/{sha}"
    assert (await place.bob.ask(line, {"state": "success"})).status == 403
    assert (await place.alice.ask(line, {"state": "success"})).status == 201
    hooks = await place.alice.ask(f"GET {REPOSITORY}/hooks")
    assert hooks.status == (404 if place.flavour is Flavour.GITHUB else 403)


async def test_forgejo_names_the_scope_that_is_missing(forgejo: Place) -> None:
    person = forgejo.person(forgejo.forge.token("alice", scopes=["read:repository"]))
    assert (await person.ask(f"GET {REPOSITORY}")).status == 200
    reply = await person.ask(f"POST {REPOSITORY}/issues/1/comments", {"body": "x"})
    assert reply.status == 403
    assert reply.body["message"].endswith("required scope(s): [write:issue]")
    user = await person.ask("GET /user")
    assert (user.status, user.body["message"][-11:]) == (403, "[read:user]")


async def test_forgejo_corrupts_no_large_body_but_refuses_it(forgejo: Place) -> None:
    """The real one was seen to replace characters in raw UTF-8 beyond 3-4 KB."""
    await forgejo.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
    await forgejo.forge.open_pull_request(INFRA, "feature")
    line, text = f"POST {REPOSITORY}/issues/1/comments", "é" * 2000
    raw = json.dumps({"body": text}, ensure_ascii=False).encode()
    assert (await forgejo.alice.ask(line, data=raw)).status == 422
    assert "would arrive damaged" in forgejo.forge.surprises[0]
    small = json.dumps({"body": "é"}, ensure_ascii=False).encode()
    assert (await forgejo.alice.ask(line, data=small)).status == 201
    assert (await forgejo.alice.ask(line, {"body": text})).status == 201
    assert [one.body for one in forgejo.forge.comments(INFRA, 1)] == ["é", text]


async def test_forgejo_takes_any_word_as_a_state_and_it_shows(forgejo: Place) -> None:
    sha = await forgejo.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
    reply = await forgejo.alice.ask(f"POST {REPOSITORY}/statuses/{sha}", {"state": "okay"})
    assert (reply.status, reply.body["status"]) == (201, "okay")
    with pytest.raises(AssertionError, match="lets a required check pass"):
        forgejo.forge.assert_no_surprises()


async def test_github_wants_to_know_who_asks_and_in_which_version(github: Place) -> None:
    line = f"GET {REPOSITORY}"
    assert (await github.alice.ask(line, headers={"User-Agent": ""})).status == 403
    old = {"X-GitHub-Api-Version": "2021-01-01"}
    assert (await github.alice.ask(line, headers=old)).status == 400
    known = {"X-GitHub-Api-Version": "2022-11-28"}
    assert (await github.alice.ask(line, headers=known)).status == 200


def signed(key: str, issuer: object, *, since: float = -60, until: float = 500) -> str:
    now = time.time()
    claims = {"iat": int(now + since), "exp": int(now + until), "iss": str(issuer)}
    return jwt.encode(claims, key, algorithm="RS256")


async def test_an_app_signs_for_itself_and_for_nothing_else(github: Place) -> None:
    app = github.forge.add_app("terrakube-bridge", owner="acme")
    other = github.forge.add_app("other-app", owner="acme").private_key
    github.forge.world.app = app
    for token, status in (
        (signed(app.private_key, app.id), 200),
        (signed(app.private_key, app.client_id), 200),
        (signed(app.private_key, 1), 401),
        (signed(other, app.id), 401),
        (signed(app.private_key, app.id, until=660), 401),  # ten minutes at most
        (signed(app.private_key, app.id, since=60), 401),  # issued in the future
        (signed(app.private_key, app.id, until=-1), 401),
    ):
        assert (await github.person(token).ask("GET /app")).status == status
    github.forge.assert_no_surprises()
    itself = github.person(signed(app.private_key, app.id))
    assert (await itself.ask(f"GET {REPOSITORY}")).status == 401
    assert (await github.alice.ask("GET /app")).status == 401
    assert len(github.forge.surprises) == 2


async def test_a_token_of_an_installation_may_what_the_app_may(github: Place) -> None:
    app = github.forge.add_app("terrakube-bridge", owner="acme", permissions={"contents": "read"})
    itself = github.person(signed(app.private_key, app.id))
    installation = (await itself.ask(f"GET {REPOSITORY}/installation")).body
    minted = await itself.ask(f"POST /app/installations/{installation['id']}/access_tokens")
    assert minted.status == 201
    bot = github.person(minted.body["token"])
    assert (await bot.ask(f"GET {REPOSITORY}/branches")).status == 200
    refused = await bot.ask(f"POST {REPOSITORY}/issues/1/comments", {"body": "x"})
    assert (refused.status, refused.body["message"]) == (
        403,
        "Resource not accessible by integration",
    )
    assert (await itself.ask("POST /app/installations/1/access_tokens")).status == 404


SIZES = [
    ({"state": "success", "description": "x" * 141}, "description is too long"),
    ({"state": "success", "context": "x" * 256}, "context is too long"),
    ({"state": "okay"}, "state is not included in the list"),
    ({"state": "success", "target_url": "ftp://x"}, "target_url must use http(s) scheme"),
]


@pytest.mark.parametrize(("body", "said"), SIZES)
async def test_github_holds_statuses_to_their_sizes(github: Place, body: object, said: str) -> None:
    sha = await github.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
    reply = await github.alice.ask(f"POST {REPOSITORY}/statuses/{sha}", body)
    assert reply.status == 422
    assert said in reply.body["errors"][0]["message"]


async def test_github_takes_a_thousand_statuses_of_a_commit_and_context(tmp_path: Path) -> None:
    limits = replace(LIMITS[Flavour.GITHUB], statuses=2)
    async with inhabited(tmp_path, Flavour.GITHUB, limits=limits) as github:
        sha = await github.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
        line = f"POST {REPOSITORY}/statuses/{sha}"
        for context, status in (("a", 201), ("A", 201), ("a", 422), ("b", 201)):
            body = {"state": "success", "context": context}
            assert (await github.alice.ask(line, body)).status == status
        assert LIMITS[Flavour.GITHUB].statuses == 1000


async def test_github_counts_comments_in_utf_16(github: Place) -> None:
    await github.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
    await github.forge.open_pull_request(INFRA, "feature")
    line = f"POST {REPOSITORY}/issues/1/comments"
    for text, status in (
        ("x" * 65_536, 201), ("x" * 65_537, 422), ("😀" * 32_768, 201), ("😀" * 32_769, 422),
        (" \n", 422),
    ):  # fmt: skip
        assert (await github.alice.ask(line, {"body": text})).status == status


async def test_forgejo_takes_comments_of_any_length_and_of_blanks(forgejo: Place) -> None:
    await forgejo.forge.commit(INFRA, "feature", {"network/main.tf": "x"})
    await forgejo.forge.open_pull_request(INFRA, "feature")
    line = f"POST {REPOSITORY}/issues/1/comments"
    for text, status in (("x" * 1_000_000, 201), (" ", 201), ("", 422)):
        assert (await forgejo.alice.ask(line, {"body": text})).status == status
    missing = await forgejo.alice.ask(f"POST {REPOSITORY}/issues/9/comments", {"body": "x"})
    assert missing.status == 500
