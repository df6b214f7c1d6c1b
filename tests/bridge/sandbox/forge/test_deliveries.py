"""What hooks hear, how it is signed, and what happens when nobody listens."""

import hmac
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from bridge.sandbox.forge import Flavour, StandIn
from bridge.sandbox.forge.git import NOTHING
from bridge.sandbox.forge.happenings import HookTested, RefUpdate
from bridge.sandbox.forge.limits import LIMITS
from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.forge.pulls import delete_repository, set_draft, set_labels
from bridge.sandbox.forge.pushing import move_ref, refs_moved
from tests.bridge.sandbox.forge.people import INFRA, Place, inhabited
from tests.bridge.sandbox.forge.receiving import Receiver

SECRET = "s3cret"
EVENTS = {
    Flavour.GITHUB: ["issue_comment", "pull_request", "pull_request_review", "push"],
    Flavour.FORGEJO: [
        "create", "delete", "issue_comment", "pull_request", "pull_request_comment",
        "pull_request_label", "pull_request_review_approved", "pull_request_sync", "push",
    ],
}  # fmt: skip


def listen(place: Place, receiver: Receiver, *, content_type: str = "json") -> None:
    place.forge.add_hook(
        INFRA,
        f"{receiver.url}?hook=7",
        secret=SECRET,
        events=EVENTS[place.flavour],
        content_type=content_type,
    )


async def heard(forge: StandIn, receiver: Receiver) -> list[str]:
    """Return what came since the last look."""
    await forge.settled()
    labels = list(receiver.labels)
    receiver.received.clear()
    return labels


async def opened(place: Place) -> PullRequest:
    await place.forge.commit(INFRA, "feature", {"network/main.tf": "x\n"})
    return await place.forge.open_pull_request(INFRA, "feature")


def digest(body: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(SECRET.encode(), body, algorithm).hexdigest()


async def test_the_life_of_a_pull_request_is_told(place: Place, receiver: Receiver) -> None:
    listen(place, receiver)
    forge, alice = place.forge, place.forge.account("alice")
    is_github = place.flavour is Flavour.GITHUB
    pull = await opened(place)
    made = ["push"] if is_github else ["create", "push"]
    assert await heard(forge, receiver) == [*made, "pull_request.opened"]
    await forge.commit(INFRA, "feature", {"network/main.tf": "y\n"})
    moved = "pull_request.synchronize" if is_github else "pull_request.synchronized"
    assert await heard(forge, receiver) == ["push", moved]
    await set_draft(forge.world, pull, draft=True, actor=alice)
    await set_draft(forge.world, pull, draft=False, actor=alice)
    assert await heard(forge, receiver) == (
        ["pull_request.converted_to_draft", "pull_request.ready_for_review"]
        if is_github
        else ["pull_request.edited", "pull_request.edited"]
    )
    await set_labels(forge.world, pull, ["big"], actor=alice)
    labeled = "pull_request.labeled" if is_github else "pull_request.label_updated"
    assert await heard(forge, receiver) == [labeled]
    await forge.comment(INFRA, 1, "terrakube plan", author="bob")
    assert await heard(forge, receiver) == ["issue_comment.created"]
    await forge.delete_branch(INFRA, "feature")
    gone = "push" if is_github else "delete"
    assert await heard(forge, receiver) == [gone, "pull_request.closed"]
    forge.assert_no_surprises()


async def test_github_signs_the_bytes_of_json_and_of_forms(
    github: Place, receiver: Receiver
) -> None:
    for content_type in ("json", "form"):
        listen(github, receiver, content_type=content_type)
        await github.forge.commit(INFRA, content_type, {"é.tf": content_type})
        await github.forge.settled()
        one = receiver.received.pop()
        assert one.headers["X-Hub-Signature-256"] == f"sha256={digest(one.body)}"
        assert one.headers["X-Hub-Signature"] == f"sha1={digest(one.body, 'sha1')}"
        assert one.payload["commits"][0]["added"] == ["é.tf"]
        assert one.query == {"hook": "7"}
        github.forge.world.repository(INFRA).hooks.clear()
        receiver.received.clear()


async def test_forgejo_signs_the_json_also_inside_a_form(
    forgejo: Place, receiver: Receiver
) -> None:
    for content_type in ("json", "form"):
        listen(forgejo, receiver, content_type=content_type)
        await forgejo.forge.commit(INFRA, "main", {"a<b>.tf": content_type})
        await forgejo.forge.settled()
        one = receiver.received.pop()
        text = one.body
        if content_type == "form":
            assert one.headers["X-Forgejo-Signature"] != digest(one.body)
            text = unquote_to_bytes(one.body.removeprefix(b"payload="))
        for name in ("X-Forgejo-Signature", "X-Gitea-Signature", "X-Gogs-Signature"):
            assert one.headers[name] == digest(text)
        assert one.headers["X-Hub-Signature-256"] == f"sha256={digest(text)}"
        assert text.startswith(b'{\n  "ref": "refs/heads/main"')
        assert text.endswith(b"\n}")
        assert b"a\\u003cb\\u003e.tf" in text
        forgejo.forge.world.repository(INFRA).hooks.clear()
        receiver.received.clear()


async def test_a_hook_without_a_secret_is_not_signed(place: Place, receiver: Receiver) -> None:
    place.forge.add_hook(INFRA, receiver.url, secret=None, events=["push"])
    await place.forge.commit(INFRA, "main", {"a.tf": "x\n"})
    await place.forge.settled()
    (one,) = receiver.received
    given = one.headers.get("X-Hub-Signature-256")
    assert given == (None if place.flavour is Flavour.GITHUB else "sha256=")


async def test_forgejo_says_everything_in_four_families_of_headers(
    forgejo: Place, receiver: Receiver
) -> None:
    listen(forgejo, receiver)
    await opened(forgejo)
    await forgejo.forge.commit(INFRA, "feature", {"network/main.tf": "y\n"})
    await forgejo.forge.comment(INFRA, 1, "hi", author="bob")
    await forgejo.alice.ask(
        f"POST /repos/{INFRA}/pulls/1/reviews", {"event": "APPROVED", "body": "x"}
    )
    await forgejo.bob.ask(f"POST /repos/{INFRA}/pulls/1/reviews", {"event": "APPROVED"})
    await forgejo.forge.settled()
    fine = [
        (one.event, one.headers["X-Gitea-Event-Type"], one.headers["X-GitHub-Event"])
        for one in receiver.received
    ]
    assert fine == [
        ("create", "create", "create"),
        ("push", "push", "push"),
        ("pull_request", "pull_request", "pull_request"),
        ("push", "push", "push"),
        ("pull_request", "pull_request_sync", "pull_request"),
        ("issue_comment", "pull_request_comment", "issue_comment"),
        ("pull_request_approved", "pull_request_review_approved", "pull_request_approved"),
    ]


async def test_github_tells_what_a_push_did(github: Place, receiver: Receiver) -> None:
    listen(github, receiver)
    forge = github.forge
    main = forge.world.repository(INFRA)
    first = await main.git.tip("main")
    second = await forge.commit(INFRA, "main", {"a.tf": "1\n"})
    third = await forge.commit(INFRA, "main", {"a.tf": None, "b.tf": "1\n"})
    await forge.commit(INFRA, "feature", {"c.tf": "1\n"}, start="main")
    await forge.delete_branch(INFRA, "feature")
    await forge.settled()
    pushes = [one.payload for one in receiver.received]
    flags = [
        (one["ref"], one["before"], one["created"], one["deleted"], one["forced"]) for one in pushes
    ]
    fourth = pushes[3]["before"]
    assert flags == [
        ("refs/heads/main", first, False, False, False),
        ("refs/heads/main", second, False, False, False),
        ("refs/heads/feature", NOTHING, True, False, False),
        ("refs/heads/feature", fourth, False, True, False),
    ]
    assert pushes[1]["head_commit"]["removed"] == ["a.tf"]
    assert [one["id"] for one in pushes[2]["commits"]] == [fourth]
    assert pushes[2]["compare"].endswith("/compare/feature")
    assert pushes[3]["head_commit"] is None
    assert pushes[1]["compare"].endswith(f"/compare/{second[:12]}...{third[:12]}")


async def test_history_that_is_rewritten_shows(place: Place, receiver: Receiver) -> None:
    """Only GitHub says so; Forgejo's push without commits still moved the head."""
    forge, repository = place.forge, place.forge.world.repository(INFRA)
    first = await repository.git.tip("main")
    assert first
    second = await forge.commit(INFRA, "main", {"a.tf": "1\n"})
    listen(place, receiver)
    actor = forge.account("alice")
    await move_ref(forge.world, repository, "refs/heads/main", first, actor=actor)
    await forge.settled()
    (push,) = [one.payload for one in receiver.received]
    assert (push["before"], push["after"], push["commits"]) == (second, first, [])
    assert push.get("forced") is (True if place.flavour is Flavour.GITHUB else None)
    assert push.get("total_commits") == (None if place.flavour is Flavour.GITHUB else 0)


async def test_forgejo_lists_five_commits_newest_first(forgejo: Place, receiver: Receiver) -> None:
    forge, repository = forgejo.forge, forgejo.forge.world.repository(INFRA)
    listen(forgejo, receiver)
    git, made = repository.git, []
    parent = await git.tip("main")
    for number in range(12):
        parent = await git.write_commit(
            parent, {"a.tf": str(number)}, message=f"{number}", author=("a", "a@b"), when=number
        )
        made.append(parent)
    assert parent
    alice = forge.account("alice")
    await move_ref(forge.world, repository, "refs/heads/feature", parent, actor=alice)
    await move_ref(forge.world, repository, "refs/heads/main", parent, actor=alice)
    await forge.settled()
    new, old = [one.payload for one in receiver.received if one.event == "push"]
    assert [one["id"] for one in new["commits"]] == made[:-6:-1]
    assert (new["total_commits"], old["total_commits"]) == (10, 12)
    assert len(old["commits"]) == 5


async def test_tags_are_told_with_their_commit(place: Place, receiver: Receiver) -> None:
    listen(place, receiver)
    forge, is_github = place.forge, place.flavour is Flavour.GITHUB
    sha = await forge.world.repository(INFRA).git.tip("main")
    assert sha
    assert await forge.tag(INFRA, "v1", sha) == sha
    annotated = await forge.tag(INFRA, "v2", sha, annotated=True)
    await move_ref(
        forge.world, forge.world.repository(INFRA), "refs/tags/v1", NOTHING,
        actor=forge.account("alice"),
    )  # fmt: skip
    await forge.settled()
    events = [one.event for one in receiver.received]
    assert events == (
        ["push"] * 3 if is_github else ["push", "create", "push", "create", "push", "delete"]
    )
    one, two, gone = [one.payload for one in receiver.received if one.event == "push"]
    assert (one["ref"], one["after"], one["head_commit"]["id"]) == ("refs/tags/v1", sha, sha)
    assert annotated != sha
    assert (two["after"], two["head_commit"]["id"]) == (annotated, sha)
    assert (gone["after"], gone["head_commit"]) == (NOTHING, None)


async def test_forgejo_shortens_refs_for_hooks_of_type_gitea(
    forgejo: Place, receiver: Receiver
) -> None:
    listen(forgejo, receiver)
    listen(forgejo, receiver)
    forgejo.forge.world.repository(INFRA).hooks[1].kind = "gitea"
    sha = await forgejo.forge.world.repository(INFRA).git.tip("main")
    assert sha
    await forgejo.forge.tag(INFRA, "v1/rc", sha)
    await forgejo.forge.settled()
    created = [one.payload["ref"] for one in receiver.received if one.event == "create"]
    assert created == ["refs/tags/v1/rc", "v1/rc"]


async def test_github_tells_nobody_of_a_push_of_many_tags(
    github: Place, receiver: Receiver, tmp_path: Path
) -> None:
    listen(github, receiver)
    repository = github.forge.world.repository(INFRA)
    sha = await repository.git.tip("main")
    assert sha
    updates = tuple(
        RefUpdate(name=f"refs/tags/v{number}", before=NOTHING, after=sha) for number in range(4)
    )
    alice = github.forge.account("alice")
    for some, told in ((updates, 0), (updates[:3], 3)):
        await refs_moved(github.forge.world, repository, some, actor=alice)
        assert len(await heard(github.forge, receiver)) == told


async def test_a_new_hook_on_github_is_pinged(github: Place, receiver: Receiver) -> None:
    config = {"url": receiver.url, "content_type": "json", "secret": SECRET}
    reply = await github.bridge.ask(
        f"POST /repos/{INFRA}/hooks", {"name": "web", "events": ["push"], "config": config}
    )
    assert reply.status == 201
    assert reply.body["config"]["secret"] == "********"
    assert await heard(github.forge, receiver) == ["ping"]
    hook = (await github.bridge.ask(f"GET /repos/{INFRA}/hooks/{reply.body['id']}")).body
    assert hook["last_response"] == {"code": 200, "status": "active", "message": "OK"}
    again = await github.bridge.ask(f"POST /repos/{INFRA}/hooks", {"config": config})
    assert again.body["errors"][0]["message"] == "Hook already exists on this repository"


async def test_a_test_on_forgejo_is_a_push_that_goes_nowhere(
    forgejo: Place, receiver: Receiver
) -> None:
    listen(forgejo, receiver)
    (hook,) = forgejo.forge.world.repository(INFRA).hooks
    assert (await forgejo.bridge.ask(f"POST /repos/{INFRA}/hooks/{hook.id}/tests")).status == 204
    await forgejo.forge.settled()
    (one,) = receiver.received
    assert one.payload["before"] == one.payload["after"]


async def test_forgejo_makes_hooks_as_it_likes(forgejo: Place) -> None:
    """Inactive by default, unknown events dropped, pull_request expanded, a change resets."""
    line = f"POST /repos/{INFRA}/hooks"
    config = {"url": "http://127.0.0.1:9/", "content_type": "json", "secret": SECRET}
    made = [
        (await forgejo.bridge.ask(line, {"type": "forgejo", "config": config, "events": events}))
        for events in (["nonsense"], ["pull_request_only"], ["pull_request"], ["push", "x"])
    ]
    assert [one.status for one in made] == [201] * 4
    assert [len(one.body["events"]) for one in made] == [0, 1, 10, 1]
    assert not made[0].body["active"]
    assert "secret" not in made[0].body["config"]
    number = made[2].body["id"]
    body = {"active": True}
    changed = (await forgejo.bridge.ask(f"PATCH /repos/{INFRA}/hooks/{number}", body)).body
    assert (changed["events"], changed["active"]) == (["push"], True)
    hook = forgejo.forge.world.repository(INFRA).hooks[2]
    assert (hook.id, hook.secret) == (number, SECRET)


async def test_nobody_tries_twice(place: Place, receiver: Receiver) -> None:
    listen(place, receiver)
    receiver.answers = [500, 401, 301]
    for number in range(3):
        await place.forge.commit(INFRA, "main", {"a.tf": f"{number}"})
    await place.forge.settled()
    codes = [one.status_code for one in place.forge.office.attempts]
    assert sorted(codes) == [301, 401, 500]
    assert len(receiver.received) == 3


async def test_a_307_is_followed_by_forgejo_only(place: Place, receiver: Receiver) -> None:
    listen(place, receiver)
    receiver.answers, receiver.location = [307], f"{receiver.url}/moved"
    await place.forge.commit(INFRA, "main", {"a.tf": "1"})
    await place.forge.settled()
    paths = [one.path for one in receiver.received]
    assert paths == (
        ["/webhooks/code"]
        if place.flavour is Flavour.GITHUB
        else ["/webhooks/code", "/webhooks/code/moved"]
    )


@pytest.mark.parametrize("flavour", Flavour)
async def test_who_takes_too_long_has_not_got_it(
    flavour: Flavour, tmp_path: Path, receiver: Receiver
) -> None:
    assert (LIMITS[Flavour.FORGEJO].delivery, LIMITS[Flavour.GITHUB].delivery) == (5.0, 10.0)
    limits = replace(LIMITS[flavour], delivery=0.1)
    async with inhabited(tmp_path, flavour, limits=limits) as place:
        listen(place, receiver)
        receiver.delay = 0.4
        await place.forge.commit(INFRA, "main", {"a.tf": "1"})
        await place.forge.settled()
        (attempt,) = place.forge.office.attempts
        assert (attempt.status_code, attempt.status) == (504, "timed out")


async def test_a_slow_receiver_delays_everybody_on_forgejo(
    forgejo: Place, receiver: Receiver
) -> None:
    listen(forgejo, receiver)
    receiver.delay = 0.05
    for number in range(4):
        await forgejo.forge.commit(INFRA, "main", {"a.tf": f"{number}"})
    await forgejo.forge.settled()
    shas = [one.payload["before"] for one in receiver.received]
    assert [one.payload["after"] for one in receiver.received][:-1] == shas[1:]


async def test_deliveries_are_lost_and_doubled_as_ordered(place: Place, receiver: Receiver) -> None:
    listen(place, receiver)
    place.forge.faults.drop_delivery(event="push")
    place.forge.faults.deliver_twice(event="push")
    await place.forge.commit(INFRA, "main", {"a.tf": "1"})
    await place.forge.commit(INFRA, "main", {"a.tf": "2"})
    await place.forge.settled()
    first, second = receiver.received
    assert first.body == second.body
    assert (first.guid == second.guid) is (place.flavour is Flavour.GITHUB)


async def test_github_lists_what_failed_and_sends_it_again(
    github: Place, receiver: Receiver
) -> None:
    listen(github, receiver)
    receiver.answers = [200, 503]
    for number in range(2):
        await github.forge.commit(INFRA, "main", {"a.tf": f"{number}"})
        await github.forge.settled()
    (hook,) = github.forge.world.repository(INFRA).hooks
    deliveries = f"/repos/{INFRA}/hooks/{hook.id}/deliveries"
    everything = (await github.bridge.ask(f"GET {deliveries}?per_page=1")).body
    (failed,) = (await github.bridge.ask(f"GET {deliveries}?status=failure")).body
    assert everything == [failed]
    assert (failed["status_code"], failed["redelivery"]) == (503, False)
    line = f"POST {deliveries}/{failed['id']}/attempts"
    assert (await github.bridge.ask(line)).status == 202
    await github.forge.settled()
    *_, newest = sorted(
        (await github.bridge.ask(f"GET {deliveries}")).body, key=lambda one: one["id"]
    )
    assert (newest["guid"], newest["redelivery"], newest["status_code"]) == (
        failed["guid"], True, 200,
    )  # fmt: skip
    assert receiver.received[2].body == receiver.received[1].body


async def test_pages_of_deliveries_are_led_through_by_a_cursor(
    github: Place, receiver: Receiver
) -> None:
    listen(github, receiver)
    for number in range(3):
        await github.forge.commit(INFRA, "main", {"a.tf": f"{number}"})
    await github.forge.settled()
    (hook,) = github.forge.world.repository(INFRA).hooks
    line = f"GET /repos/{INFRA}/hooks/{hook.id}/deliveries?per_page=2"
    first = await github.bridge.ask(line)
    link = first.headers["Link"]
    assert link.endswith('>; rel="next"')
    path = link[1:].partition(">")[0].removeprefix(github.forge.url)
    assert path.startswith("/repositories/")
    second = await github.bridge.ask(f"GET {path}")
    assert [len(first.body), len(second.body)] == [2, 1]
    assert "Link" not in second.headers


async def test_an_apps_hook_hears_of_every_repository_it_is_installed_for(
    github: Place, receiver: Receiver
) -> None:
    app = github.forge.add_app(
        "terrakube-bridge", owner="acme", url=receiver.url, secret=SECRET, events=["push"]
    )
    await github.forge.create_repository("other/infra", files={"a": "b"})
    await github.forge.commit(INFRA, "main", {"a.tf": "1"})
    await github.forge.settled()
    (one,) = receiver.received
    assert one.payload["installation"]["id"] == app.installations["acme"]
    assert one.headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    assert one.payload["organization"]["login"] == "acme"


async def test_a_deleted_fork_leaves_a_pull_request_without_a_head(
    place: Place, receiver: Receiver
) -> None:
    listen(place, receiver)
    forge = place.forge
    copy = await forge.fork(INFRA, "carol")
    await forge.commit(copy.slug, "feature", {"network/main.tf": "x\n"}, author="carol")
    await forge.open_pull_request(INFRA, "feature", author="carol", fork=copy)
    await delete_repository(forge.world, copy, forge.account("carol"))
    await forge.settled()
    one, two = [one.payload["pull_request"] for one in receiver.received]
    assert one["head"]["repo"]["id"] == copy.id
    assert two["head"]["repo"] is None
    if place.flavour is Flavour.FORGEJO:
        assert (two["head"]["repo_id"], two["head"]["ref"]) == (-1, "refs/pull/1/head")


async def test_nothing_is_made_for_nobody(place: Place) -> None:
    repository = place.forge.world.repository(INFRA)
    place.forge.add_hook(INFRA, "http://127.0.0.1:9/", secret=None, events=["push"])
    repository.hooks[0].active = False
    await place.forge.commit(INFRA, "main", {"a.tf": "1"})
    await place.forge.settled()
    assert place.forge.office.attempts == []


async def test_an_address_where_nobody_listens_is_a_failure(place: Place) -> None:
    hook = place.forge.add_hook(INFRA, "http://127.0.0.1:9/", secret=None, events=["push"])
    await place.forge.commit(INFRA, "main", {"a.tf": "1"})
    await place.forge.settled()
    (attempt,) = place.forge.office.attempts
    assert (attempt.status_code, attempt.status) == (502, "failed to connect to host")
    assert hook.last_code == 502


async def test_an_empty_repository_has_nothing_to_test_with(
    forgejo: Place, receiver: Receiver
) -> None:
    made = await forgejo.forge.create_repository("acme/empty")
    hook = forgejo.forge.add_hook("acme/empty", receiver.url, secret=None, events=["push"])
    actor = forgejo.forge.account("alice")
    await forgejo.forge.world.announce(HookTested(repository=made, actor=actor, hook=hook))
    assert await heard(forgejo.forge, receiver) == []
