"""Asking Forgejo about the whole rule of a branch."""

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.model import Access
from bridge.sandbox.forge.routes import Answer, Api
from bridge.sandbox.forge.times import stamp

api = Api()


@api.on(
    "GET /repos/{owner}/{repo}/branch_protections/{name}",
    right="repository:read",
    access=Access.ADMIN,
)
async def read_protection(call: Call) -> Answer:
    """Show a rule to administrators."""
    name, where = call.parameters["name"], call.repository
    rule = where.protection.get(name)
    if rule is None:
        raise not_found()
    return Answer(
        body={
            "branch_name": name,
            "rule_name": name,
            "enable_push": False,
            "enable_status_check": bool(rule.contexts),
            "status_check_contexts": list(rule.contexts),
            "required_approvals": rule.approvals,
            "enable_approvals_whitelist": False,
            "block_on_rejected_reviews": rule.block_rejected,
            "block_on_official_review_requests": False,
            "block_on_outdated_branch": rule.up_to_date,
            "dismiss_stale_approvals": rule.dismiss_stale,
            "ignore_stale_approvals": False,
            "require_signed_commits": False,
            "created_at": stamp(where.created_at),
            "updated_at": stamp(where.updated_at),
        }
    )
