"""Asking GitHub about the rules of a branch, about checks, and what reviews come to."""

import re
from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.github.commits import check_run
from bridge.sandbox.forge.github.paging import page
from bridge.sandbox.forge.model import Access, Protection, PullRequest, Repository
from bridge.sandbox.forge.reviewing import decision
from bridge.sandbox.forge.routes import Answer, Api, Body, Json, Refusal

api = Api(by_id=True)
graphql = Api()

_QUESTION = """query owner String name Int number repository pullRequest reviewDecision
baseRef refUpdateRule requiredApprovingReviewCount"""
_KNOWN = frozenset(re.findall("[A-Za-z]+", _QUESTION))


@api.on("GET /repos/{owner}/{repo}/rules/branches/{branch:path}", right="metadata:read", paged=True)
async def list_rules(call: Call) -> Answer:
    """List what rulesets ask of a branch, whether there is one or not."""
    rule = call.repository.protection.get(call.parameters["branch"])
    found = _rules(call.repository, rule) if rule is not None and rule.ruleset else []
    shown, headers = page(call, found)
    return Answer(body=list(shown), headers=headers)


def _rules(where: Repository, rule: Protection) -> list[Json]:
    origin: Json = {
        "ruleset_source_type": "Repository",
        "ruleset_source": where.slug,
        "ruleset_id": where.id,
    }
    reviews = {
        "dismiss_stale_reviews_on_push": rule.dismiss_stale,
        "require_code_owner_review": bool(rule.code_owners),
        "require_last_push_approval": False,
        "required_approving_review_count": rule.approvals,
        "required_review_thread_resolution": False,
    }
    checks = {
        "required_status_checks": [{"context": context} for context in rule.contexts],
        "strict_required_status_checks_policy": rule.up_to_date,
    }
    return [
        {"type": "pull_request", "parameters": reviews, **origin},
        {"type": "required_status_checks", "parameters": checks, **origin},
    ]


@api.on(
    "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
    right="checks:read",
    query=["filter", "check_name", "status"],
    paged=True,
)
async def list_check_runs(call: Call) -> Answer:
    """List what checks came to."""
    sha = await call.repository.git.commit_id(call.parameters["ref"])
    if sha is None:
        msg = f"No commit found for SHA: {call.parameters['ref']}"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg)
    found = call.repository.checks.get(sha, [])
    shown, headers = page(call, found)
    runs = [check_run(call.world, call.repository, one, sha) for one in shown]
    return Answer(body={"total_count": len(found), "check_runs": runs}, headers=headers)


@graphql.on(
    "POST graphql",
    right="pull_requests:read",
    body=Body(required={"query": str, "variables": dict}),
)
async def ask_graphql(call: Call) -> Answer:
    """Answer the one question that only GraphQL answers: what the reviews come to."""
    words = set(re.findall(r"[A-Za-z]+", call.text("query")))
    if not words <= _KNOWN:
        msg = f"the stand-in knows no {', '.join(sorted(words - _KNOWN))}"
        raise Refusal(HTTPStatus.BAD_REQUEST, msg, surprise=True)
    if call.caller.account is None:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "This endpoint requires you to be authenticated.")
    one = _pull_request(call)
    if one is None:
        error = {"type": "NOT_FOUND", "path": ["repository"], "message": "Could not resolve it."}
        return Answer(body={"data": {"repository": None}, "errors": [error]})
    rule = one.repository.protection.get(one.base_branch)
    count = rule.approvals if rule is not None and not rule.ruleset else None
    shown: Json = {
        "reviewDecision": decision(call.world, one),
        "baseRef": {
            "refUpdateRule": None if count is None else {"requiredApprovingReviewCount": count}
        },
    }
    told = {name: value for name, value in shown.items() if name in words}
    return Answer(body={"data": {"repository": {"pullRequest": told}}})


def _pull_request(call: Call) -> PullRequest | None:
    asked = call.body["variables"]
    if not isinstance(asked, dict):
        raise not_found()
    where = call.world.find(f"{asked.get('owner')}/{asked.get('name')}")
    if where is None or call.world.access_of(where, call.caller.account) < Access.READ:
        return None
    found = where.issues.get(asked.get("number", 0))
    return found if isinstance(found, PullRequest) else None
