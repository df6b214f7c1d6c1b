"""Which state and which caller each recorded exchange presumes: the fixture table."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from bridge.sandbox.terrakube import StandIn, Status
from bridge.sandbox.terrakube.model import Sent, Value
from bridge.sandbox.terrakube.world import World
from tests.bridge.sandbox.terrakube import seeds
from tests.bridge.sandbox.terrakube.seeds import (
    ACME,
    OTHER,
    STABLE_ACME,
    add_plain_job,
    add_plain_workspace,
    add_recorded_job,
)
from tests.recorded import STABLE, recording

Change: TypeAlias = Callable[[World], object]

Q0 = "a7eef741-b986-464b-997c-e35fe346d039"
Q1 = "4c6d4944-dcab-44be-9c90-b831957aae87"
Q2 = "9ad6246e-9120-4a24-89ff-bf199c506aed"
Q3 = "897bb9b3-16a1-4b5d-92fb-959010e3dc90"
BASIC = "3533726c-3beb-40e5-b8d1-7c20ddce5b3b"
SLOW = "d94f9597-76b6-4dc7-b038-42c19fa59ad6"
DOCUMENTED = "c07bdbf5-933d-4364-9078-e52915fee321"
OTHERS_TEMPLATE = "99b80368-078d-4830-961e-3500ddf84a36"

_LONG_AGO = datetime(2026, 11, 23, 21, 19, tzinfo=UTC)

# Jobs that were there when the searches were recorded; number 9 and 14 changed afterwards.
_JOBS: Mapping[str, Mapping[str, Any]] = {
    "get/job_include_step": {},
    "states/completed_approve_flow": {},
    "states/completed_plan_no_changes": {},
    "states/completed_plan_mixed_feature_branch": {},
    "states/completed_no_changes_plan_and_apply": {},
    "states/failed_syntax_error": {},
    "states/failed_plan_error": {},
    "states/failed_apply_fails_midway": {},
    "errors/create_array": {"status": Status.COMPLETED},
    "states/completed_large_600_resources": {},
    "states/failed_folder_missing": {},
    "states/failed_repository_missing": {},
    "states/failed_branch_missing": {},
}

# Exchanges that are not replayed against the stand-in, and why.
LEFT_OUT: Mapping[str, str] = {
    "admin/list_pat": "needs a token made through the API; test_tokens has its own test",
    "admin/list_vcs": "the bridge does not ask for VCS connections",
    "create/atomic_operations": "the bridge sends no atomic operations",
    "get/binary_plan_file": "the bridge reads no binary plans",
    "get/state_json_": "the bridge reads no states",
    "get/workspace_history": "the bridge reads no states",
    "logs/sse_step_stream": "the bridge polls logs",
    "search/graphql_jobs": "the bridge speaks JSON:API",
    "search/unpaged_list_cut_at_500": "the body was shortened; test_reading has its own test",
    "states/completed_target_addrs": "its address rows are read by nobody",
    "webhook/delivery_": "sent by the server; test_notifications has its own tests",
    "webhook/list_deliveries": "the bridge does not read the delivery log",
    "webhook/retry_": "the bridge does not read the delivery log",
    "webhook/send_test": "people press that button, the bridge does not",
    "webhook/subscription_websocket": "refused to tokens such as the bridge's",
}

# Exchanges of which the shape is compared and not every value, and why.
SHAPES: Mapping[str, str] = {
    "admin/get_workspace_full": "when it was last touched was not recorded elsewhere",
    "documented_path/list": "of most of its jobs nothing else was recorded",
    "errors/steps_root_unfiltered_stranger": "any two steps of the instance",
    "get/job_include_step_workspace": "when the workspace was touched was not recorded elsewhere",
    "get/job_relationship_workspace": "when it was touched was not recorded elsewhere",
    "search/jobs_with_inline_tcl": "the ids of the steps were not recorded elsewhere",
    "search/page_steps_root": "equal step numbers are in no order",
    "search/steps_nested_page": "without a sort parameter any step may come second",
}

# The first pattern that is found in an exchange's name says who calls.
_CALLERS: tuple[tuple[str, str], ...] = (
    (r"admin/(create_organization|create_team_(admin|write)$|create_workspace)", "admin"),
    (r"admin/create_template_with|permissions_admin|workspace_endpoint_admin", "admin"),
    (r"owner_group", "admin"),
    (r"role_plan|by_plan_role|permissions_plan", "planner"),
    (r"role_read|by_read_role|permissions_read", "reader"),
    (r"approval_team_member|member_of_approval_team", "approver"),
    (r"approve_only", "approve_only"),
    (r"old_managejob", "oldstyle"),
    (r"stranger", "stranger"),
    (r"(bad|garbage)_token", "garbage"),
    (r"expired_token", "expired"),
    (r"wrong_signature", "unsigned"),
    (r"revoked_token", "revoked"),
    (r"token_without_aud", "no_audience"),
    (r"token_no_groups", "no_groups"),
    (r"token_groups_as_string", "groups_as_string"),
)


def is_left_out(name: str) -> bool:
    return any(name.startswith(prefix) for prefix in LEFT_OUT)


def caller_of(name: str) -> str:
    return next((who for pattern, who in _CALLERS if re.search(pattern, name)), "writer")


def token_of(who: str, stand_in: StandIn) -> str:
    """The token of somebody in the tables above."""
    mint = stand_in.mint
    tokens: Mapping[str, Callable[[], str]] = {
        "writer": lambda: stand_in.token,
        "admin": lambda: mint("admin@example.com", "TERRAKUBE_ADMIN"),
        "planner": lambda: mint("planner@example.com", "PLANNERS"),
        "reader": lambda: mint("reader@example.com", "READERS"),
        "approver": lambda: mint("approver@example.com", "APPROVERS"),
        "approve_only": lambda: mint("bridge@example.com", "APPROVE_ONLY"),
        "oldstyle": lambda: mint("oldstyle@example.com", "OLDSTYLE"),
        "stranger": lambda: mint("stranger@example.com", "NOBODY"),
        "garbage": lambda: "garbage",
        "expired": lambda: mint("bridge@example.com", "DEVELOPERS", exp=1795466977),
        "unsigned": lambda: f"{stand_in.token[:-4]}AAAA",
        "revoked": lambda: _revoked(stand_in),
        "no_audience": lambda: mint("bridge@example.com", "DEVELOPERS", aud=None),
        "no_groups": lambda: stand_in.tokens.mint("bridge@example.com", None),
        "groups_as_string": lambda: stand_in.tokens.mint("bridge@example.com", "DEVELOPERS"),
    }
    return tokens[who]()


def presume(name: str, stand_in: StandIn) -> None:
    """Bring the server into the state that an exchange presumes."""
    world = stand_in.world
    if name.startswith(STABLE):
        _stable(world, name)
    else:
        _beta(world)
    _texts(world, name)
    for change in CHANGES.get(name, ()):
        change(world)
    if name.startswith(("states/", f"{STABLE}states/")):
        _states(world, name)


def _revoked(stand_in: StandIn) -> str:
    token = stand_in.mint("bridge@example.com", "DEVELOPERS", jti="gone")
    stand_in.tokens.revoke(token)
    return token


def _beta(world: World) -> None:
    acme = seeds.add_recorded_organization(world, ACME, "acme")
    other = seeds.add_recorded_organization(world, OTHER, "other")
    seeds.add_recorded_templates(world, "admin/list_templates_full", acme)
    seeds.add_recorded_templates(world, "admin/create_template_with_approval", acme)
    world.add_template(other, "Plan", "flow: []", id=OTHERS_TEMPLATE)
    seeds.add_recorded_teams(world, "admin/list_teams", acme)
    seeds.add_recorded_teams(world, "admin/create_team_admin", acme)
    world.add_team(other, "DEVELOPERS", role="write")
    for data in seeds.answer("search/workspace_by_source")["data"]:
        given = data["attributes"]
        more = {key: given[key] for key in ("branch", "folder")}
        made = add_plain_workspace(world, acme, data["id"], given["name"], **more)
        made.source = given["source"]
    add_plain_workspace(world, other, DOCUMENTED, "documented")
    for job, changes in _JOBS.items():
        add_recorded_job(world, job, **changes)
    running = {"status": Status.RUNNING}
    add_recorded_job(world, "states/completed_source_file_url", **running)


def _stable(world: World, name: str) -> None:
    acme = seeds.add_recorded_organization(world, STABLE_ACME, "acme")
    world.add_team(acme, "DEVELOPERS", role="write")
    world.add_team(acme, "READERS", role="read")
    text = str((recording(name).target, recording(name).sent, recording(name).body))
    named = re.findall(r"workspace(?:/|', 'id': ')([0-9a-f-]{36})", text)
    for index, id_ in enumerate(sorted(set(named))):
        add_plain_workspace(world, acme, id_, f"w{index}")


def _states(world: World, name: str) -> None:
    """The document itself: whatever it holds must come out again."""
    id_ = int(seeds.answer(name)["data"]["id"])
    known = world.jobs.get(id_)
    if known is not None:
        world.delete_job(known)
    add_recorded_job(world, name)


def _with_log(world: World, name: str) -> None:
    exchange = recording(name)
    found = re.search(r"/job/(\d+)/step/([0-9a-f-]{36})", exchange.target)
    if found is None or not isinstance(exchange.body, str):
        return
    job = world.jobs.get(int(found[1])) or add_plain_job(world, int(found[1]), BASIC)
    step = job.steps.get(found[2]) or world.add_step(job, 100, "Plan", id=found[2])
    step.log = [exchange.body]


def _with_context(world: World, name: str) -> None:
    exchange = recording(name)
    id_ = int(exchange.target.rsplit("/", 1)[1])
    if exchange.is_stable:
        add_plain_workspace(world, world.organizations[STABLE_ACME], BASIC, "basic")
    job = world.jobs.get(id_) or add_plain_job(world, id_, BASIC)
    job.context = exchange.body


def _texts(world: World, name: str) -> None:
    if name.startswith("logs/"):
        _with_log(world, name)
    if name.startswith(("context/", f"{STABLE}context/")):
        _with_context(world, name)


def _job(name: str, **changes: Value) -> Change:
    return lambda world: add_recorded_job(world, name, **changes)


def _plain(id_: int, workspace: str, **more: Value) -> Change:
    return lambda world: add_plain_job(world, id_, workspace, **more)


def _step(id_: int) -> Change:
    return lambda world: world.add_step(world.jobs[id_], 100, "Plan")


def _context_of_2(world: World) -> None:
    world.jobs[2].context = seeds.answer("context/plan_and_apply_create_only")


def _stable_workspace(world: World) -> None:
    add_plain_workspace(world, world.organizations[STABLE_ACME], BASIC, "basic")


def _without_owner_team(world: World) -> None:
    teams = world.organizations[ACME].teams
    for team in [team for team in teams.values() if team.name == "TERRAKUBE_ADMIN"]:
        del teams[team.id]


def _without_approval_template(world: World) -> None:
    templates = world.organizations[ACME].templates
    for each in [each for each in templates.values() if each.name == "Plan approve apply"]:
        del templates[each.id]


def _notifier(world: World) -> None:
    data = seeds.answer("webhook/get_configuration")["data"]
    values = seeds.values_of(world, data)
    by = values.pop("created_by")
    acme = world.organizations[ACME]
    made = world.add_notifier(acme, id=data["id"], by=by, **values)
    for trigger in seeds.answer("webhook/get_configuration")["included"]:
        values = seeds.values_of(world, trigger)
        status, author = values.pop("job_status"), values.pop("created_by")
        world.add_trigger(made, status, by=author, id=trigger["id"], **values)


def _delivered(id_: int) -> Change:
    def deliver(world: World) -> None:
        _notifier(world)
        notifier = next(iter(world.notifiers.values()))
        sent = Sent(id="1", job_id=id_, notifier=notifier, body=b"", created_date=_LONG_AGO)
        world.sent.append(sent)

    return deliver


def _last_job(workspace: str, status: str, at: str = "21:19") -> Change:
    def touch(world: World) -> None:
        there = world.workspaces[workspace]
        there.last_job_status = status
        there.last_job_date = datetime.fromisoformat(f"2026-11-23T{at}Z")

    return touch


def _only(*ids: int) -> Change:
    """A workspace or organization as it was before other jobs came."""

    def forget(world: World) -> None:
        for job in [job for job in world.jobs.values() if job.number not in ids]:
            world.delete_job(job)

    return forget


_STEP_OF_724 = seeds.answer("documented_path/get_include_step_workspace")["included"][0]["id"]
_WAITING = {"status": Status.WAITING}
_TCL = "states/approved_after_cancelled"
_QUEUED = {"status": Status.PENDING}

CHANGES: Mapping[str, tuple[Change, ...]] = {
    "admin/create_organization": (lambda world: world.organizations.pop(ACME),),
    "admin/get_workspace_full": (
        _plain(20, Q1),
        _plain(21, Q1),
        _plain(22, Q1),
        _last_job(Q1, "completed"),
    ),
    "admin/list_templates_full": (_without_approval_template,),
    "admin/list_templates_sparse": (_without_approval_template,),
    "admin/list_teams": (_without_owner_team,),
    "create/org_endpoint_template_reference": (_only(),),
    "delete/by_role_plan": (_plain(710, Q3),),
    "delete/by_role_read": (_plain(656, Q0),),
    "delete/by_role_write": (_plain(706, Q3),),
    "delete/job_with_notification_deliveries": (_plain(705, Q3), _delivered(705)),
    "delete/with_content_type": (_plain(656, Q0),),
    "documented_path/delete": (_plain(37, DOCUMENTED),),
    "documented_path/delete_refused_409": (_plain(724, Q3), _delivered(724)),
    "documented_path/get_include_step_workspace": (
        _plain(724, Q3),
        lambda world: world.add_step(world.jobs[724], 100, "Plan", id=_STEP_OF_724),
    ),
    "documented_path/list": (_plain(724, Q3, comments="c"), _plain(709, Q3)),
    "documented_path/search_by_key": (
        _plain(724, Q3, comments="bridge:01JDOCUMENTEDPATH0000000001 changed", status="failed"),
    ),
    "documented_path/update_comments": (_plain(724, Q3, **_QUEUED),),
    "documented_path/update_status_cancelled": (_plain(725, Q3, **_QUEUED),),
    "errors/context_stranger": (_context_of_2,),
    "errors/owner_group_without_team_creates_template": (_without_owner_team,),
    "get/job_relationship_workspace": (_last_job(BASIC, "completed"),),
    "get/workspace_last_job_status_after_touching_old_job": (_last_job(SLOW, "rejected", "21:45"),),
    "search/comments_special_emoji": (_job("create/comments_special_characters"),),
    "search/comments_special_newline": (_job("create/comments_special_characters"),),
    "search/comments_special_quoted_full_escaped": (_job("create/comments_special_characters"),),
    "search/comments_special_single_quote": (_job("create/comments_special_characters"),),
    "search/comments_special_umlaut": (_job("create/comments_special_characters"),),
    "search/comments_special_wildcards_only": (_job("create/comments_special_characters"),),
    "search/jobs_made_by_workspace_endpoint": (
        _job("create/workspace_endpoint_org_relationship"),
        _job("create/org_workspace_endpoint_org_relationship"),
    ),
    "search/jobs_with_inline_tcl": (
        *(_plain(id_, Q2, tcl="Zg==") for id_ in (26, 27)),
        _plain(28, Q3, tcl="Zg==", template_reference=OTHERS_TEMPLATE),
        *(_step(id_) for id_ in (26, 27, 28)),
    ),
    "search/open_jobs": (_only(),),
    "search/workspace_by_name": (_last_job(BASIC, "completed", "21:23"),),
    "search/workspaces_with_running_job": (_only(1),),
    "update/approval_team_member_sets_cancelled": (_job("states/waitingApproval_by_team"),),
    "update/approval_team_member_sets_pending": (_job("states/waitingApproval_by_team"),),
    "update/approve": (
        lambda world: world.delete_job(world.jobs[2]),
        _job("states/waitingApproval_approve_flow"),
    ),
    "update/approve_by_member_of_approval_team": (_job("states/waitingApproval_by_team"),),
    "update/approve_by_plan_role": (_job("states/waitingApproval_by_team"),),
    "update/approve_by_read_role": (_job("states/waitingApproval_by_team"),),
    "update/approve_by_stranger": (_job("states/waitingApproval_by_team"),),
    "update/approve_cancelled_job": (_job(_TCL, status=Status.CANCELLED),),
    "update/approve_without_team_by_read_role": (_job("states/waitingApproval_without_team"),),
    "update/cancel_already_cancelled": (_job(_TCL, status=Status.CANCELLED),),
    "update/cancel_by_approve_only": (_plain(705, Q3),),
    "update/cancel_pending": (_job("states/cancelled_pending_without_steps", **_QUEUED),),
    "update/cancel_waiting_approval": (_job("states/cancelled_waiting_approval", **_WAITING),),
    "update/cancel_while_apply_running": (
        _job("states/cancelled_while_apply_runs", status=Status.RUNNING),
    ),
    "update/patch_by_workspace_path": (_job("create/all_create_attributes"),),
    "update/patch_comments_and_via": (_job("create/all_create_attributes"),),
    "update/patch_comments_by_approve_only": (_plain(705, Q3),),
    "update/patch_empty_attributes": (_job("create/all_create_attributes"),),
    "update/patch_malformed": (_job("create/all_create_attributes"),),
    "update/patch_no_token": (_job("create/all_create_attributes"),),
    "update/patch_status_null": (_job("create/all_create_attributes"),),
    "update/patch_template_reference": (_job("create/all_create_attributes"),),
    "update/reject": (_job("states/waitingApproval_rejected"),),
    "webhook/create_trigger": (_notifier,),
    "webhook/get_configuration": (_notifier,),
    "webhook/list_configurations": (_notifier,),
    f"{STABLE}delete/finished_job_by_role_read": (_stable_workspace, _plain(29, BASIC)),
    f"{STABLE}update/patch_status_null": (_stable_workspace, _plain(1, BASIC)),
}
