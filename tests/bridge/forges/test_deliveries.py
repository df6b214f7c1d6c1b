"""What deliveries mean: bodies written by hand, so that this always runs."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import PayloadError
from bridge.domain.events import (
    BranchPushed,
    CheckRerequested,
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    Event,
    MergeQueueChecked,
    MergeQueueLeft,
    PullRequestClosed,
    PullRequestDrafted,
    PullRequestEvent,
    PullRequestOpened,
    PullRequestReady,
    PullRequestReopened,
    PullRequestRetargeted,
    PullRequestReviewed,
    PullRequestUpdated,
    RefDeleted,
    TagPushed,
)
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.ports import Ignored
from tests.bridge.forges import bodies
from tests.bridge.forges.bodies import BASE, HEAD, OLD, TAG_OBJECT, ZERO
from tests.bridge.forges.cases import CASES, FORGEJO, GITEA, GITHUB, NOW, Case

GITEAS = (GITEA, FORGEJO)

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
giteas = pytest.mark.parametrize("case", GITEAS, ids=lambda case: case.name)


def where(case: Case) -> RepositoryRef:
    return RepositoryRef(forge=case.name, id="664", slug="acme/infra")


def delivery_id(case: Case) -> str:
    return case.sign("push", b"", b"k")[
        "X-GitHub-Delivery" if case is GITHUB else "X-Gitea-Delivery"
    ]


def changed(case: Case, kind: type[PullRequestEvent], **changes: object) -> Event:
    event = PullRequestClosed(
        delivery_id=delivery_id(case),
        received_at=NOW,
        actor="alice",
        repository=where(case),
        pull_request=PullRequestRef(repository=where(case), number=12),
        head_sha=HEAD,
        head_branch="feature",
        base_branch="main",
        from_fork=False,
        updated_at=datetime(2026, 11, 3, 12, 29, 58, tzinfo=UTC),
        merged=False,
        merge_commit=None,
    )
    fields = {name: getattr(event, name) for name in kind.__dataclass_fields__}
    return kind(**{**fields, **changes})


def commented(case: Case, kind: type[CommentCreated | CommentEdited | CommentDeleted]) -> Event:
    return kind(
        delivery_id=delivery_id(case),
        received_at=NOW,
        actor="alice",
        repository=where(case),
        pull_request=PullRequestRef(repository=where(case), number=12),
        comment_id="4711",
        body="terrakube plan",
        author="bob",
        author_id="8",
        by_bot=False,
    )


def pushed(case: Case, **changes: object) -> Event:
    forced = False if case is GITHUB else None
    event = BranchPushed(
        delivery_id=delivery_id(case),
        received_at=NOW,
        actor="alice",
        repository=where(case),
        branch="main",
        before=BASE,
        after=HEAD,
        forced=forced,
    )
    return replace(event, **changes)  # type: ignore[arg-type]  # a table's row, not a call


def tagged(case: Case, *, before: str | None, after: str, commit: str | None) -> Event:
    return TagPushed(
        delivery_id=delivery_id(case),
        received_at=NOW,
        actor="alice",
        repository=where(case),
        tag="v1.0/rc",
        before=before,
        after=after,
        commit=commit,
    )


def deleted(case: Case, ref: str, *, is_tag: bool) -> Event:
    return RefDeleted(
        delivery_id=delivery_id(case),
        received_at=NOW,
        actor="alice",
        repository=where(case),
        ref=ref,
        is_tag=is_tag,
    )


def reason(outcome: Event | Ignored) -> str:
    assert isinstance(outcome, Ignored), outcome
    return outcome.reason


@every
def test_pushes(case: Case) -> None:
    tag, long = "refs/tags/v1.0/rc", "a" * 64
    table = [
        (bodies.push(forced=False), pushed(case)),
        (bodies.push(ref="refs/heads/a/b", forced=False), pushed(case, branch="a/b")),
        (bodies.push(before=ZERO, forced=False), pushed(case, before=None)),
        (bodies.push(before="0" * 64, after=long, forced=False),
         pushed(case, before=None, after=long)),
        (bodies.push(after=ZERO), deleted(case, "main", is_tag=False)),
        (bodies.push(after="0" * 64, before=long), deleted(case, "main", is_tag=False)),
        (bodies.push(ref=tag, after=ZERO), deleted(case, "v1.0/rc", is_tag=True)),
        (bodies.push(ref=tag, before=ZERO, after=TAG_OBJECT),
         tagged(case, before=None, after=TAG_OBJECT, commit=HEAD)),
        (bodies.push(ref=tag, before=OLD, head_commit=None),
         tagged(case, before=OLD, after=HEAD, commit=None)),
        (bodies.push(forced=False, sender=None), pushed(case)),
        (bodies.push(forced=False, sender=None, pusher=None), pushed(case, actor="")),
    ]  # fmt: skip
    for body, event in table:
        assert case.event("push", body) == event


def test_github_says_when_history_was_rewritten() -> None:
    assert GITHUB.event("push", bodies.push(forced=True)) == pushed(GITHUB, forced=True)


@every
def test_pushes_to_other_refs_are_ignored(case: Case) -> None:
    assert "neither" in reason(case.event("push", bodies.push(ref="refs/pull/3/head")))
    assert "neither" in reason(case.event("push", bodies.push(ref="refs/notes/commits")))


@every
def test_pull_requests(case: Case) -> None:
    synchronize = "synchronize" if case is GITHUB else "synchronized"
    gone = {"ref": "feature", "sha": HEAD, "repo_id": -1, "repo": None}
    fork = {"ref": "feature", "sha": HEAD, "repo_id": 843, "repo": {"id": 843, "fork": True}}
    forked = {"ref": "feature", "sha": HEAD, "repo_id": 664, "repo": {"id": 664, "fork": True}}
    table = [
        (bodies.pull_request("opened"), changed(case, PullRequestOpened)),
        (bodies.pull_request(synchronize), changed(case, PullRequestUpdated)),
        (bodies.pull_request("reopened"), changed(case, PullRequestReopened)),
        (bodies.pull_request("closed"), changed(case, PullRequestClosed)),
        (bodies.pull_request("closed", merge_commit_sha=OLD), changed(case, PullRequestClosed)),
        (bodies.pull_request("closed", merged=True, merge_commit_sha=OLD),
         changed(case, PullRequestClosed, merged=True, merge_commit=OLD)),
        (bodies.pull_request("closed", merged=True),
         changed(case, PullRequestClosed, merged=True, merge_commit=None)),
        (bodies.pull_request("opened", head=gone),
         changed(case, PullRequestOpened, from_fork=True)),
        (bodies.pull_request("opened", head=fork),
         changed(case, PullRequestOpened, from_fork=True)),
        (bodies.pull_request("opened", head=forked), changed(case, PullRequestOpened)),
        (bodies.pull_request("opened", body={"sender": None}),
         changed(case, PullRequestOpened, actor="")),
        (bodies.pull_request("opened", updated_at=None),
         changed(case, PullRequestOpened, updated_at=None)),
        (bodies.pull_request("opened", updated_at="0001-01-01T00:00:00+14:00"),
         changed(case, PullRequestOpened, updated_at=None)),
    ]  # fmt: skip
    for body, event in table:
        assert case.event("pull_request", body) == event


@pytest.mark.parametrize(
    "action", ["labeled", "label_updated", "assigned", "locked", "enqueued", ""]
)
@every
def test_what_changes_nothing_to_plan_is_ignored(case: Case, action: str) -> None:
    assert "changes nothing" in reason(case.event("pull_request", bodies.pull_request(action)))


def test_the_words_of_one_forge_are_not_the_words_of_another() -> None:
    reason(GITHUB.event("pull_request", bodies.pull_request("synchronized")))
    reason(GITEA.event("pull_request", bodies.pull_request("synchronize")))


def test_github_names_drafts_and_other_bases() -> None:
    ready = bodies.pull_request("ready_for_review")
    draft = bodies.pull_request("converted_to_draft", draft=True)
    base: dict[str, object] = {"changes": {"base": {"ref": {"from": "old"}, "sha": {"from": OLD}}}}
    title: dict[str, object] = {"changes": {"title": {"from": "WIP: x"}, "body": {"from": "y"}}}
    assert GITHUB.event("pull_request", ready) == changed(GITHUB, PullRequestReady)
    assert GITHUB.event("pull_request", draft) == changed(GITHUB, PullRequestDrafted)
    edited = bodies.pull_request("edited", body=base)
    assert GITHUB.event("pull_request", edited) == changed(GITHUB, PullRequestRetargeted)
    for body in (title, dict[str, object](changes={}), dict[str, object]()):
        edited = bodies.pull_request("edited", body=body)
        assert "title" in reason(GITHUB.event("pull_request", edited))


@giteas
@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        ("WIP: x", "x", PullRequestReady),
        ("[wip] x", "x", PullRequestReady),
        ("wip:x", "x", PullRequestReady),
        ("x", "WIP: x", PullRequestDrafted),
        ("x", "y", None),
        ("WIP: x", "[WIP] x", None),
        ("Draft: x", "x", None),  # means nothing to Gitea
        ("x WIP:", "x", None),
    ],
)
def test_gitea_tells_drafts_by_the_title(
    case: Case, was: str, now: str, kind: type[PullRequestEvent] | None
) -> None:
    body = bodies.pull_request("edited", title=now, body={"changes": {"title": {"from": was}}})
    event = case.event("pull_request", body)
    if kind is None:
        assert "title" in reason(event)
    else:
        assert event == changed(case, kind)


@giteas
def test_gitea_calls_the_new_base_the_old_one(case: Case) -> None:
    """``changes.ref.from`` is the new base, as a running Forgejo showed: it is not used."""
    body = bodies.pull_request("edited", body={"changes": {"ref": {"from": "main"}}})
    assert case.event("pull_request", body) == changed(case, PullRequestRetargeted)


@giteas
def test_gitea_a_new_comment_of_megabytes_is_not_kept(case: Case) -> None:
    """The forge takes them from anybody; an edit of ours is put right, however long it is."""
    written = {"id": 4711, "body": "x" * 200_001, "user": {"login": "bob", "id": 8}}
    ignored = Ignored(reason="the comment is longer than any command")
    assert case.event("issue_comment", bodies.comment(comment=written)) == ignored
    edited = case.event("issue_comment", bodies.comment("edited", comment=written))
    assert isinstance(edited, CommentEdited)


@giteas
def test_gitea_what_was_pushed_for_a_branch_counts_as_a_fork(case: Case) -> None:
    """AGit: whoever may read may push to ``refs/for/main``, and the head claims the base."""
    head = {"ref": "refs/pull/12/head", "sha": HEAD, "repo_id": 664, "repo": {"id": 664}}
    event = case.event("pull_request", bodies.pull_request("opened", head=head))
    assert event == changed(case, PullRequestOpened, from_fork=True, head_branch="")


@giteas
def test_gitea_a_deleted_head_branch_leaves_no_name(case: Case) -> None:
    head = {"ref": "refs/pull/12/head", "sha": HEAD, "repo_id": -1, "repo": None}
    event = case.event("pull_request", bodies.pull_request("closed", head=head))
    assert event == changed(case, PullRequestClosed, from_fork=True, head_branch="")


@giteas
@pytest.mark.parametrize(
    "kind",
    ["pull_request_approved", "pull_request_rejected", "pull_request_comment",
     "pull_request_review_approved"],
)  # fmt: skip
def test_gitea_reviews(case: Case, kind: str) -> None:
    body = bodies.pull_request("reviewed", body={"review": {"type": kind, "content": "ok"}})
    assert case.event(kind, body) == changed(case, PullRequestReviewed)


def test_github_reviews() -> None:
    for action in ("submitted", "dismissed"):
        body = bodies.pull_request(action, body={"review": {"state": "approved"}})
        assert GITHUB.event("pull_request_review", body) == changed(GITHUB, PullRequestReviewed)
    body = bodies.pull_request("edited", body={"review": {"state": "approved"}})
    assert "approval" in reason(GITHUB.event("pull_request_review", body))


@every
def test_comments(case: Case) -> None:
    for action, kind in (
        ("created", CommentCreated),
        ("edited", CommentEdited),
        ("deleted", CommentDeleted),
    ):
        assert case.event("issue_comment", bodies.comment(action)) == commented(case, kind)
    assert "text" in reason(case.event("issue_comment", bodies.comment("pinned")))


@every
def test_comments_on_issues_are_ignored(case: Case) -> None:
    body = bodies.comment(issue={"pull_request": None}, is_pull=False)
    assert "issue" in reason(case.event("issue_comment", body))
    body = bodies.comment(issue={"pull_request": None})
    assert "issue" in reason(case.event("issue_comment", body))


@every
def test_a_comment_of_nobody_has_no_author(case: Case) -> None:
    event = case.event(
        "issue_comment",
        bodies.comment(comment={"id": 4711, "body": "a\0b", "user": None}, sender=None),
    )
    assert isinstance(event, CommentCreated)
    assert (event.author, event.author_id, event.actor, event.by_bot) == ("", "", "", False)
    assert event.body == "ab"  # PostgreSQL's text cannot hold NUL


@every
def test_bots_are_marked(case: Case) -> None:
    bot = (
        {"login": "ci[bot]", "id": 9, "type": "Bot"}
        if case is GITHUB
        else {"login": "gitea-actions", "id": -2}
    )
    body = bodies.comment(comment={"id": 4711, "body": "x", "user": bot})
    event = case.event("issue_comment", body)
    assert isinstance(event, CommentCreated)
    assert event.by_bot
    assert event.author_id == ("9" if case is GITHUB else "")


@giteas
def test_gitea_a_comment_may_carry_the_pull_request_and_lack_is_pull(case: Case) -> None:
    whole = bodies.comment(pull_request={"number": 12, "head": {"sha": HEAD}}, is_pull=True)
    assert case.event("issue_comment", whole) == commented(case, CommentCreated)
    # The event type's name for it, for whoever replays a body by that name.
    assert case.event("pull_request_comment", whole) == commented(case, CommentCreated)
    flagged = bodies.comment(issue={"pull_request": None}, is_pull=True)
    assert case.event("issue_comment", flagged) == commented(case, CommentCreated)


@giteas
@pytest.mark.parametrize("prefix", ["", "refs/tags/"])
def test_gitea_a_created_tag_is_the_same_short_or_full(case: Case, prefix: str) -> None:
    body = bodies.encoded(
        {
            "ref": f"{prefix}v1.0/rc",
            "ref_type": "tag",
            "sha": TAG_OBJECT,
            "repository": {**bodies.REPOSITORY, "updated_at": "2026-11-03Z"},
            "sender": bodies.SENDER,
        }
    )
    assert case.event("create", body) == tagged(case, before=None, after=TAG_OBJECT, commit=None)
    push = case.accept("push", bodies.push("refs/tags/v1.0/rc", ZERO, TAG_OBJECT))
    create = case.accept("create", body)
    assert isinstance(push, Delivery)
    assert isinstance(create, Delivery)
    # One of the two is enough: whichever comes second is a duplicate.
    assert (push.subject, push.semantic_key) == (create.subject, create.semantic_key)


@giteas
def test_gitea_deleting_a_branch_sends_no_push(case: Case) -> None:
    for ref, ref_type, name in (
        ("feature/x", "branch", "feature/x"),
        ("refs/heads/feature/x", "branch", "feature/x"),
        ("v1", "tag", "v1"),
        ("refs/tags/v1", "tag", "v1"),
    ):
        body = bodies.encoded(
            {
                "ref": ref,
                "ref_type": ref_type,
                "pusher_type": "user",
                "repository": bodies.REPOSITORY,
                "sender": bodies.SENDER,
            }
        )
        assert case.event("delete", body) == deleted(case, name, is_tag=ref_type == "tag")


@giteas
def test_gitea_a_created_branch_is_left_to_its_push(case: Case) -> None:
    created = {"ref": "x", "ref_type": "branch", "sha": HEAD, "repository": bodies.REPOSITORY}
    assert "push" in reason(case.event("create", bodies.encoded(created)))


@giteas
def test_gitea_a_created_tag_must_point_somewhere(case: Case) -> None:
    created = {"ref": "x", "ref_type": "tag", "sha": "", "repository": bodies.REPOSITORY}
    with pytest.raises(PayloadError):
        case.event("create", bodies.encoded(created))


@giteas
def test_gitea_a_push_from_a_commit_to_itself_is_a_test(case: Case) -> None:
    outcome = case.event("push", bodies.push(before=HEAD, after=HEAD))
    assert isinstance(outcome, Ignored)
    assert outcome.test


def test_github_ping_says_what_the_hook_does_not_send() -> None:
    ping = {"zen": "Design for failure.", "hook_id": 1, "hook": {"events": ["push"]}}
    outcome = GITHUB.event("ping", bodies.encoded(ping))
    assert isinstance(outcome, Ignored)
    assert outcome.test
    assert outcome.reason == (
        "a ping: the hook reaches the bridge; it does not send issue_comment, merge_group, "
        "pull_request, pull_request_review"
    )
    everything = {"zen": "x", "hook_id": 1, "hook": {"events": ["*"]}}
    assert reason(GITHUB.event("ping", bodies.encoded(everything))).endswith("the bridge")


def test_github_merge_queue() -> None:
    group = {
        "action": "checks_requested",
        "merge_group": {
            "head_sha": HEAD,
            "head_ref": f"refs/heads/gh-readonly-queue/main/pr-2-{BASE}",
            "base_ref": "refs/heads/main",
            "base_sha": BASE,
        },
        "repository": {"id": 664, "name": "infra", "owner": {"login": "acme"}},
        "sender": bodies.SENDER,
    }
    assert GITHUB.event("merge_group", bodies.encoded(group)) == MergeQueueChecked(
        delivery_id=delivery_id(GITHUB),
        received_at=NOW,
        actor="alice",
        repository=where(GITHUB),
        head_sha=HEAD,
        base_branch="main",
        base_sha=BASE,
        pull_request=PullRequestRef(repository=where(GITHUB), number=2),
    )
    for why in ("merged", "dequeued"):
        destroyed = bodies.encoded({**group, "action": "destroyed", "reason": why})
        assert GITHUB.event("merge_group", destroyed) == MergeQueueLeft(
            delivery_id=delivery_id(GITHUB),
            received_at=NOW,
            actor="alice",
            repository=where(GITHUB),
            head_sha=HEAD,
            merged=why == "merged",
        )
    unknown = bodies.encoded({**group, "action": "painted"})
    assert "no status" in reason(GITHUB.event("merge_group", unknown))
    queue = f"refs/heads/gh-readonly-queue/main/pr-2-{BASE}"
    for after in (HEAD, ZERO):
        assert "queue" in reason(GITHUB.event("push", bodies.push(ref=queue, after=after)))


@pytest.mark.parametrize("kind", ["check_run", "check_suite"])
@pytest.mark.parametrize("field", ["check_run", "check_suite"])
def test_github_a_check_is_asked_for_again(kind: str, field: str) -> None:
    """A check_suite delivery may hold a check_run: ``check_suite.rerequested.json`` does."""
    external = "run-1" if field == "check_run" else ""
    body = {
        "action": "rerequested",
        field: {"head_sha": HEAD, "external_id": external or None, "pull_requests": []},
        "repository": bodies.REPOSITORY,
        "sender": bodies.SENDER,
    }
    assert GITHUB.event(kind, bodies.encoded(body)) == CheckRerequested(
        delivery_id=delivery_id(GITHUB),
        received_at=NOW,
        actor="alice",
        repository=where(GITHUB),
        head_sha=HEAD,
        external_id=external,
    )
    assert "nothing" in reason(GITHUB.event(kind, bodies.encoded({**body, "action": "completed"})))
    del body[field]
    with pytest.raises(PayloadError):
        GITHUB.event(kind, bodies.encoded(body))


@every
@pytest.mark.parametrize(
    "kind", ["star", "wiki", "a_kind_of_next_year", "issues", "release", "fork"]
)
def test_kinds_without_a_use_are_ignored_whatever_they_hold(case: Case, kind: str) -> None:
    for body in (b"{}", b"[]", b"not JSON", b""):
        assert "no use" in reason(case.event(kind, body))


def test_github_kinds_that_say_it_twice_are_ignored_with_the_reason() -> None:
    for kind in ("create", "delete", "installation", "pull_request_review_comment"):
        assert "no use" not in reason(GITHUB.event(kind, b"{}"))


@every
def test_a_delivery_without_name_or_id_is_refused(case: Case) -> None:
    for word in ("Event", "Delivery"):
        names = [f"X-{brand}-{word}" for brand in ("GitHub", "Gitea", "Forgejo")]
        for value in (None, "", "a b", "x" * 200, "\n", "ü"):
            with pytest.raises(PayloadError):
                case.accept("push", bodies.push(), changes=dict.fromkeys(names, value))


@every
def test_other_content_types_are_refused(case: Case) -> None:
    for value in ("text/plain", "multipart/form-data; boundary=x", "application/xml"):
        with pytest.raises(PayloadError):
            case.accept("push", bodies.push(), changes={"Content-Type": value})
    for fine in (None, "application/json; charset=utf-8", "Application/JSON"):
        delivery = case.accept("push", bodies.push(), changes={"Content-Type": fine})
        assert isinstance(delivery, Delivery)


@pytest.mark.parametrize("other", GITEAS, ids=lambda case: case.name)
def test_github_refuses_deliveries_of_forges_that_send_its_headers_too(other: Case) -> None:
    body = bodies.push()
    headers = other.sign("push", body, b"correct horse battery staple")
    with pytest.raises(PayloadError, match="came to a GitHub connection"):
        GITHUB.receiver.accept_delivery(headers, {}, body, NOW)
    assert isinstance(other.receiver.accept_delivery(headers, {}, body, NOW), Delivery)


def test_a_connection_to_github_com_refuses_an_enterprise_server() -> None:
    with pytest.raises(PayloadError, match="Enterprise"):
        GITHUB.accept(
            "push", bodies.push(), changes={"X-GitHub-Enterprise-Host": "github.example.com"}
        )


@every
def test_a_delivery_is_stored_with_what_parsing_needs_and_no_credential(case: Case) -> None:
    body = bodies.push()
    changes = {"Authorization": "Basic c2VjcmV0", "Cookie": "session=1"}
    delivery = case.accept("push", body, changes=changes)
    word = "x-github-event" if case is GITHUB else "x-gitea-event"
    assert delivery == Delivery(
        source=case.name,
        key=delivery_id(case),
        kind="push",
        subject=f"branch:{case.name}:664:refs/heads/main",
        semantic_key=f"push:664:refs/heads/main:{BASE}:{HEAD}:"
        + ("1762173000" if case is GITHUB else "2026-11-03Z"),
        repository_id="664",
        headers={word: "push", "content-type": "application/json"},
        body=body,
        received_at=NOW,
    )


@every
def test_only_what_cannot_happen_twice_has_a_semantic_key(case: Case) -> None:
    synchronize = "synchronize" if case is GITHUB else "synchronized"
    keyed = [
        ("push", bodies.push()),
        ("pull_request", bodies.pull_request("opened")),
        ("pull_request", bodies.pull_request(synchronize)),
        ("issue_comment", bodies.comment("created")),
        ("issue_comment", bodies.comment("deleted")),
    ]
    bare = [
        ("push", bodies.push(after=ZERO)),
        ("pull_request", bodies.pull_request("reopened")),
        ("pull_request", bodies.pull_request("closed")),
        ("issue_comment", bodies.comment("edited")),
    ]
    keys = set()
    for kind, body in keyed:
        delivery = case.accept(kind, body)
        assert isinstance(delivery, Delivery)
        assert delivery.semantic_key
        keys.add(delivery.semantic_key)
    assert len(keys) == len(keyed)
    for kind, body in bare:
        delivery = case.accept(kind, body)
        assert isinstance(delivery, Delivery)
        assert delivery.semantic_key is None


@every
def test_the_same_happening_under_another_id_has_the_same_key(case: Case) -> None:
    ids = [f"X-{brand}-Delivery" for brand in ("GitHub", "Gitea", "Forgejo")]
    first = case.accept("push", bodies.push())
    second = case.accept("push", bodies.push(), changes=dict.fromkeys(ids, "another-id"))
    assert isinstance(first, Delivery)
    assert isinstance(second, Delivery)
    assert first.key != second.key
    assert first.semantic_key == second.semantic_key


@giteas
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_gitea_the_hooks_secret_in_an_old_body_is_not_stored(case: Case, content_type: str) -> None:
    secret = "l26Un7G7HXogLAvsyf2hOA4EMARSTsR3"
    body = bodies.push(secret=secret, note='"secret": "' + secret[::-1])
    signed = case.sign("push", body, b"correct horse battery staple")
    sent = body
    if content_type != "application/json":
        sent = b"payload=" + b"".join(b"%%%02X" % byte for byte in body)
    signed["Content-Type"] = content_type
    delivery = case.receiver.accept_delivery(signed, {}, sent, NOW)
    assert isinstance(delivery, Delivery)
    assert secret.encode() not in delivery.body
    assert secret[::-1].encode() in delivery.body  # what only looks like one stays
    assert case.reader.parse_delivery(delivery) == pushed(case)


@every
@pytest.mark.parametrize(
    "changes",
    [
        {"ref": "refs/heads/"},
        {"ref": "refs/heads/a b"},
        {"ref": "refs/heads/a\nb"},
        {"ref": "refs/heads/" + "a" * 2000},
        {"ref": ""},
        {"ref": 7},
        {"before": ""},
        {"before": "HEAD"},
        {"after": HEAD[:12]},
        {"after": HEAD.upper()},
        {"after": HEAD + "\n"},
        {"repository": None},
        {"repository": {**bodies.REPOSITORY, "id": 0}},
        {"repository": {**bodies.REPOSITORY, "id": 2**63}},
        {"repository": {**bodies.REPOSITORY, "id": "664"}},
        {"repository": {**bodies.REPOSITORY, "full_name": "acme/in/fra"}},
        {"repository": {**bodies.REPOSITORY, "full_name": "acme/../x"}},
        {"sender": {"login": "a\0b", "id": 1}},
        {"sender": "alice"},
    ],
)
def test_bodies_the_forge_would_not_send_are_refused(
    case: Case, changes: dict[str, object]
) -> None:
    with pytest.raises(PayloadError) as caught:
        case.accept("push", bodies.push(**changes))  # type: ignore[arg-type]  # that is the point
    assert "reading a push delivery: " in str(caught.value)


@every
def test_errors_do_not_quote_the_body(case: Case) -> None:
    canary = "s3cr3t-canary"
    for changes in ({"ref": canary + " "}, {"secret": {"x": canary}, "after": canary}):
        with pytest.raises(PayloadError) as caught:
            case.accept("push", bodies.push(**changes))
        error: BaseException | None = caught.value
        while error is not None:
            assert canary not in str(error)
            error = error.__cause__ or error.__context__
