"""Reviews, rules and merging where a forge answers what a whole one in tests does not."""

import pytest

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.vcs import CommitStatus, Mergeability, MergeMethod, PullRequest, StatusState
from bridge.forges.github import GitHubOptions
from tests.bridge.forges.bodies import HEAD, OLD
from tests.bridge.forges.flavours import GITHUB, Json
from tests.bridge.forges.scripted import Reply
from tests.bridge.forges.talking import Talk

ONE = "GET /repos/acme/infra/pulls/12"
REVIEWS, MERGE = f"{ONE}/reviews", "/repos/acme/infra/pulls/12/merge"
BRANCH, RULES = "GET /repos/acme/infra/branches/main", "GET /repos/acme/infra/rules/branches/main"
PROTECTION = "GET /repos/acme/infra/branch_protections/main"
STATUS = f"GET /repos/acme/infra/commits/{HEAD}/status"
CHECKS = f"GET /repos/acme/infra/commits/{HEAD}/check-runs"
ASK = "POST /api/graphql"
GONE = Reply(status=404, body={"message": "Not Found"})
REFUSED = Reply(status=403, body={"message": "no"})
PAID = Reply(status=403, body={"message": "Upgrade to GitHub Pro"})


async def read(talk: Talk) -> PullRequest:
    talk.script.on(ONE, talk.flavour.pull_request())
    return await talk.forge.pull_request(talk.flavour.ref)


def review(state: str, login: str | None = "bob", commit: str | None = HEAD) -> Json:
    return {"user": {"login": login} if login else None, "state": state, "commit_id": commit}


def decided(decision: str | None, count: int | None = None) -> Json:
    rule = None if count is None else {"requiredApprovingReviewCount": count}
    found = {"reviewDecision": decision, "baseRef": {"refUpdateRule": rule}}
    return {"data": {"repository": {"pullRequest": found}}}


def may(talk: Talk, login: str, permission: str) -> None:
    answer = {"permission": permission, "role_name": permission}
    talk.script.on(f"GET /repos/acme/infra/collaborators/{login}/permission", answer)


NOBODY = "Nobody approved it yet."
CHANGES = "Somebody who may write here asks for changes."
SEQUENCES: list[tuple[tuple[str, ...], str]] = [
    (("APPROVED",), ""),
    (("COMMENTED",), NOBODY),
    (("PENDING",), NOBODY),
    (("SOMETHING_NEW",), NOBODY),
    (("APPROVED", "COMMENTED"), ""),
    (("APPROVED", "PENDING"), ""),
    (("CHANGES_REQUESTED", "COMMENTED"), CHANGES),
    (("APPROVED", "CHANGES_REQUESTED"), CHANGES),
    (("CHANGES_REQUESTED", "APPROVED"), ""),
    (("APPROVED", "DISMISSED"), NOBODY),
    (("DISMISSED", "APPROVED"), ""),
    (("APPROVED", "DISMISSED", "COMMENTED"), NOBODY),
    (("CHANGES_REQUESTED", "DISMISSED"), NOBODY),
]


@pytest.mark.parametrize(("states", "problem"), SEQUENCES)
async def test_on_github_the_newest_opinion_counts(
    github: Talk, states: tuple[str, ...], problem: str
) -> None:
    pull_request = await read(github)
    may(github, "bob", "write")
    github.script.on(REVIEWS, [review(state) for state in states])
    github.script.on(RULES, [])
    github.script.on(ASK, decided(None))
    found = await github.forge.reviews(pull_request)
    assert (found.problem, found.required) == (problem, None)


async def test_on_github_a_reviewer_is_asked_about_once_a_minute(github: Talk) -> None:
    pull_request = await read(github)
    may(github, "bob", "write")
    follow = f"<{github.script.url}/api/v3/repos/acme/infra/pulls/12/reviews?page=2>"
    github.script.on(
        REVIEWS,
        Reply(body=[review("CHANGES_REQUESTED")], headers={"Link": f'{follow}; rel="next"'}),
        [review("APPROVED"), review("APPROVED", None), review("APPROVED", "alice")],
    )
    github.script.on(RULES, PAID)
    github.script.on(ASK, decided("APPROVED", 1))
    await github.forge.reviews(pull_request)
    found = await github.forge.reviews(pull_request)
    assert (found.approved, found.approved_by, found.required) == (True, ("bob",), 1)
    asked = [line for line in github.script.lines() if "permission" in line]
    assert asked == ["GET /repos/acme/infra/collaborators/bob/permission"]
    variables = {"owner": "acme", "name": "infra", "number": 12}
    bodies = github.script.sent(ASK)
    assert all(isinstance(body, dict) and body["variables"] == variables for body in bodies)


PARAMETERS = {"required_approving_review_count": 0}
UNTOLD = "ask for more than a number of approvals, and GitHub does not say"


@pytest.mark.parametrize(
    "more",
    [
        {"require_code_owner_review": True},
        {"require_last_push_approval": True},
        {"required_reviewers": [{"minimum_approvals": 1}]},
    ],
)
async def test_on_github_what_is_asked_for_and_not_judged_is_missing(
    github: Talk, more: Json
) -> None:
    pull_request = await read(github)
    may(github, "bob", "admin")
    github.script.on(REVIEWS, [review("APPROVED")])
    github.script.on(RULES, [{"type": "pull_request", "parameters": PARAMETERS | more}])
    github.script.on(ASK, decided(None), decided("APPROVED"))
    assert UNTOLD in (await github.forge.reviews(pull_request)).problem
    assert (await github.forge.reviews(pull_request)).approved


async def test_on_github_the_largest_number_of_approvals_counts(github: Talk) -> None:
    pull_request = await read(github)
    may(github, "bob", "write")
    github.script.on(REVIEWS, [review("APPROVED")])
    rules = [
        {"type": "pull_request", "parameters": {"required_approving_review_count": count}}
        for count in (3, 1)
    ]
    github.script.on(RULES, [*rules, {"type": "deletion"}])
    github.script.on(ASK, decided(None, 2))
    found = await github.forge.reviews(pull_request)
    assert (found.approved, found.required) == (False, 3)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(status=502, body="x"), TemporaryRemoteError),
        (Reply(body={"errors": [{"type": "RATE_LIMITED", "message": "x"}]}), TemporaryRemoteError),
        (Reply(body={"errors": [{"type": "FORBIDDEN", "message": "x"}]}), NotAllowedError),
        (Reply(body={"errors": [{"type": "NOT_FOUND", "message": "x"}]}), NotFoundError),
        (Reply(body={"data": None, "errors": [{"message": "x"}]}), PermanentRemoteError),
        (Reply(body={"data": {"repository": None}}), PermanentRemoteError),
        (Reply(body={"data": None}), PermanentRemoteError),
    ],
)
async def test_on_github_a_verdict_that_is_not_told_is_an_error(
    github: Talk, reply: Reply, kind: type[RemoteError]
) -> None:
    pull_request = await read(github)
    github.script.on(REVIEWS, [])
    github.script.on(RULES, [])
    github.script.on(ASK, reply)
    with pytest.raises(kind):
        await github.forge.reviews(pull_request)
    assert github.script.lines().count(ASK) == 1


def pull(state: str) -> Json:
    mergeable = {"dirty": False, "unknown": None}.get(state, True)
    return GITHUB.pull_request(mergeable=mergeable, mergeable_state=state)


CI: Json = {"context": "ci", "state": "pending", "description": None, "target_url": None}
REQUIRED: Json = {"name": "main", "protection": {"required_status_checks": {"contexts": ["ci"]}}}
OWN: Json = {"contexts": ["terrakube/apply"], "checks": [{"context": "terrakube/apply"}]}
OWN_BRANCH: Json = {"name": "main", "protection": {"required_status_checks": OWN}}
PENDING = "The required status `ci` is pending."
BLOCKED = "GitHub blocks merging by a rule of `main` that it does not name."
BEHIND = "The rules of `main` ask for a head that holds all of it, and this one does not."
MISSING = "The rules of the base branch ask for reviews that are missing."


@pytest.mark.parametrize(
    ("shown", "branch", "decision", "problems"),
    [
        (pull("clean"), {}, None, ()),
        (pull("unstable"), {}, None, ()),
        (pull("has_hooks"), {}, None, ()),
        (pull("word of next year"), {}, None, ()),
        (pull("dirty"), {}, None, ("It conflicts with `main`.",)),
        (pull("behind"), {}, None, (BEHIND,)),
        (pull("draft") | {"draft": True}, {}, None, ("It is a draft.",)),
        (pull("blocked"), REQUIRED, None, (PENDING,)),
        (pull("clean"), REQUIRED, None, (PENDING,)),
        (pull("blocked"), OWN_BRANCH, None, ()),
        (pull("blocked"), OWN_BRANCH, "APPROVED", ()),
        (pull("blocked"), OWN_BRANCH, "REVIEW_REQUIRED", (MISSING,)),
        (pull("blocked"), REQUIRED, "REVIEW_REQUIRED", (PENDING, MISSING)),
        (pull("blocked"), {}, "APPROVED", (BLOCKED,)),
        (pull("blocked"), {}, None, (BLOCKED,)),
        (pull("unknown") | {"state": "closed"}, {}, None, ("It is not open.",)),
    ],
)
async def test_on_github_mergeability(
    github: Talk, shown: Json, branch: Json, decision: str | None, problems: tuple[str, ...]
) -> None:
    pull_request = await read(github)
    github.script.on(ONE, shown)
    github.script.on(BRANCH, branch or GONE)
    github.script.on(RULES, GONE)
    github.script.on(STATUS, {"statuses": [CI]})
    github.script.on(CHECKS, {"total_count": 0, "check_runs": []})
    github.script.on(ASK, decided(decision))
    found = await github.forge.mergeability(pull_request, ignoring=["terrakube/*"])
    assert found == Mergeability(mergeable=not problems, problems=problems)


async def test_on_github_what_is_not_computed_yet_is_asked_again(github: Talk) -> None:
    pull_request = await read(github)
    github.script.on(ONE, pull("unknown"), pull("unknown"), pull("clean"))
    for line in (BRANCH, RULES):
        github.script.on(line, GONE)
    github.script.on(STATUS, {"statuses": []})
    github.script.on(CHECKS, GONE)
    fine = await github.forge.mergeability(pull_request, ignoring=())
    assert (fine, github.naps) == (Mergeability(mergeable=True), [1.0, 2.0])
    github.script.on(ONE, pull("unknown"))
    unknown = await github.forge.mergeability(pull_request, ignoring=())
    assert (unknown, github.naps[2:]) == (Mergeability(mergeable=None), [1.0, 2.0, 3.0])


async def test_on_forgejo_false_may_mean_not_yet(gitea: Talk) -> None:
    pull_request = await read(gitea)
    shown = gitea.flavour.pull_request
    gitea.script.on(ONE, shown(mergeable=False), shown(mergeable=True))
    gitea.script.on(BRANCH, {"name": "main", "protected": False})
    found = await gitea.forge.mergeability(pull_request, ignoring=())
    assert (found, gitea.naps) == (Mergeability(mergeable=True), [1.0])


def given(number: int, state: str, **more: object) -> Json:
    values = {"user": {"login": "bob"}, "commit_id": HEAD, "official": True}
    return {"id": number, "state": state, **values, **more}


RULE: Json = {
    "name": "main",
    "protected": True,
    "required_approvals": 1,
    "effective_branch_protection_name": "main",
}
ASKED_FOR = "Somebody who was asked for a review has not given it."
MORE = "The rules of the base branch ask for more approvals."


@pytest.mark.parametrize(
    ("reviews", "whole", "problem"),
    [
        ([given(1, "APPROVED")], {}, ""),
        ([given(1, "APPROVED", official=False)], {}, MORE),
        ([given(1, "APPROVED", dismissed=True)], {}, MORE),
        ([given(1, "APPROVED"), given(2, "COMMENT"), given(3, "PENDING")], {}, ""),
        ([given(2, "APPROVED"), given(1, "REQUEST_CHANGES")], {}, ""),
        ([given(1, "APPROVED"), given(2, "REQUEST_CHANGES")], {}, MORE),
        (
            [given(1, "APPROVED"), given(2, "REQUEST_CHANGES", user={"login": "carol"})],
            {"block_on_rejected_reviews": True},
            CHANGES,
        ),
        (
            [given(1, "APPROVED"), given(2, "REQUEST_REVIEW", user={"login": "carol"})],
            {"block_on_official_review_requests": True},
            ASKED_FOR,
        ),
        ([given(1, "APPROVED"), given(2, "REQUEST_REVIEW", user=None)], {}, ""),
        ([given(1, "APPROVED", commit_id=OLD)], {"ignore_stale_approvals": True}, MORE),
        ([given(1, "APPROVED", commit_id=OLD)], {"dismiss_stale_approvals": True}, MORE),
        (
            [given(1, "APPROVED", commit_id=OLD)],
            {},
            "An earlier commit was approved, not the head as it is now.",
        ),
        ([given(1, "APPROVED", commit_id=OLD)], None, MORE),
        ([given(1, "APPROVED")], None, ""),
    ],
)
async def test_on_forgejo_reviews(
    gitea: Talk, reviews: list[Json], whole: Json | None, problem: str
) -> None:
    pull_request = await read(gitea)
    gitea.script.on(REVIEWS, reviews, [])
    gitea.script.on(BRANCH, RULE)
    gitea.script.on(PROTECTION, REFUSED if whole is None else whole or {"rule_name": "main"})
    found = await gitea.forge.reviews(pull_request)
    assert (found.problem, found.required) == (problem, 1)


STATES = {
    "success": StatusState.SUCCESS,
    "skipped": StatusState.SUCCESS,
    "pending": StatusState.PENDING,
    "failure": StatusState.FAILURE,
    "warning": StatusState.FAILURE,
    "error": StatusState.ERROR,
    "okay": StatusState.ERROR,
}


async def test_on_forgejo_a_word_that_is_not_known_is_no_success(gitea: Talk) -> None:
    """Forgejo lets a required check pass with one."""
    line = f"GET /repos/acme/infra/commits/{HEAD}/statuses"
    listed = [
        {"id": number, "context": word, "status": word, "description": "", "target_url": ""}
        for number, word in enumerate(STATES)
    ]
    gitea.script.on(line, listed, [listed[0] | {"id": -1, "status": "error"}], [])
    found = await gitea.forge.statuses(gitea.flavour.repository, HEAD)
    assert found == [
        CommitStatus(context=word, state=state, description="") for word, state in STATES.items()
    ]


async def test_on_forgejo_a_rule_that_names_no_status_means_all(gitea: Talk) -> None:
    pull_request = await read(gitea)
    gitea.script.on(ONE, gitea.flavour.pull_request(mergeable=True))
    gitea.script.on(BRANCH, RULE | {"required_approvals": 0, "enable_status_check": True})
    gitea.script.on(PROTECTION, REFUSED)
    gitea.script.on(REVIEWS, [], [])
    status = {"id": 1, "context": "ci", "status": "pending"}
    gitea.script.on(f"GET /repos/acme/infra/commits/{HEAD}/statuses", [status], [])
    found = await gitea.forge.mergeability(pull_request, ignoring=["terrakube/*"])
    assert found.problems == (PENDING,)


async def test_on_forgejo_what_is_merged_is_merged_whoever_reads_it(gitea: Talk) -> None:
    pull_request = await read(gitea)
    gitea.script.on(f"POST {MERGE}", "")
    gitea.script.on(ONE, Reply(status=404, body={"message": "x"}))
    assert await gitea.forge.merge(pull_request, method=MergeMethod.SQUASH, sha=HEAD) == ""
    assert gitea.script.sent(f"POST {MERGE}") == [{"Do": "squash", "head_commit_id": HEAD}]


async def test_on_github_the_head_goes_with_the_merge(github: Talk) -> None:
    pull_request = await read(github)
    done = {"sha": OLD, "merged": True, "message": "x"}
    github.script.on(f"PUT {MERGE}", done, done | {"merged": False, "message": "Not now."})
    assert await github.forge.merge(pull_request, method=MergeMethod.REBASE, sha=HEAD) == OLD
    assert github.script.sent(f"PUT {MERGE}") == [{"merge_method": "rebase", "sha": HEAD}]
    with pytest.raises(PermanentRemoteError, match=r"refused to merge it: Not now\."):
        await github.forge.merge(pull_request, method=MergeMethod.REBASE, sha=HEAD)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_merge_is_asked_for_once(talk: Talk, status: int) -> None:
    pull_request = await read(talk)
    line = f"{'PUT' if talk.flavour is GITHUB else 'POST'} {MERGE}"
    talk.script.on(line, Reply(status=status, body="x"))
    with pytest.raises(TemporaryRemoteError):
        await talk.forge.merge(pull_request, method=MergeMethod.MERGE, sha=HEAD)
    assert talk.script.lines().count(line) == 1


@pytest.mark.parametrize(("status", "kind"), [(403, NotAllowedError), (404, NotFoundError)])
async def test_a_merge_that_is_not_allowed(
    talk: Talk, status: int, kind: type[RemoteError]
) -> None:
    pull_request = await read(talk)
    line = f"{'PUT' if talk.flavour is GITHUB else 'POST'} {MERGE}"
    talk.script.on(line, Reply(status=status, body={"message": "x"}))
    with pytest.raises(kind):
        await talk.forge.merge(pull_request, method=MergeMethod.MERGE, sha=HEAD)


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ({}, "https://api.github.com"),
        ({"url": "https://acme.ghe.com"}, "https://api.acme.ghe.com"),
        ({"url": "https://git.example.com"}, "https://git.example.com/api"),
        ({"url": "https://git.example.com/x/"}, "https://git.example.com/x/api"),
        ({"api_url": "https://proxy.example.com/api/v3/"}, "https://proxy.example.com/api"),
    ],
)
def test_on_github_the_other_api_has_an_address_of_its_own(section: Json, place: str) -> None:
    options = GitHubOptions.model_validate({"driver": "github", "token": "t", **section})
    assert options.graphql_url() == place
