"""Every recording, and what uses it: a test, or the reason why the client has no call for it.

Patterns are those of fnmatch; the first that fits decides.
"""

from fnmatch import fnmatchcase
from typing import Final

from tests.bridge.terrakube.refusal_cases import REFUSALS

REFUSED: Final = frozenset(name for refusal in REFUSALS for name in refusal.recordings)

READ: Final = (
    "states/*",
    "stable_2_32_2/states/*",
    "get/job_accept_any",
    "get/job_by_*workspace_path",
    "get/job_include_organization",
    "get/job_include_step",
    "get/job_include_step_workspace",
    "get/job_plain",
    "get/job_sparse*",
    "documented_path/get_include_step_workspace",
)
"""Answers to a question for one job: test_recordings."""

CREATED: Final = (
    "create/*",
    "stable_2_32_2/create/*",
    "documented_path/create*",
    "errors/create_array",
)
"""Answers to the creation of a job: test_recordings."""

LISTED: Final = (
    "documented_path/list",
    "documented_path/search_by_key",
    "search/combined_key_and_open_status",
    "search/comments_*",
    "search/fields_include_*",
    "search/filter_*",
    "search/job*",
    "search/list_all_*",
    "search/open_jobs",
    "search/org_workspace_job_list",
    "search/sort_*",
    "search/workspace_job_list",
)
"""Answers to a question for several jobs: test_recordings."""

USED: Final = {
    "context/*": "test_contexts",
    "stable_2_32_2/context/*": "test_contexts",
    "errors/context_stranger": "test_contexts",
    "errors/context_unknown_job": "test_contexts",
    "timelines/*": "decisions/test_following",
    "stable_2_32_2/timelines/*": "decisions/test_following",
    "logs/raw/*": "decisions/test_step_logs",
    "stable_2_32_2/logs/raw/*": "decisions/test_step_logs",
    "logs/*_empty": "test_client, EMPTY_LOGS",
    "logs/step_id_not_uuid": "test_client, EMPTY_LOGS",
    "errors/tfoutput_unknown_*": "test_client, EMPTY_LOGS",
    "logs/apply_step_completed": "test_client, FULL_LOGS",
    "logs/cancelled_apply_step_after_terraform_ended": "test_client, FULL_LOGS",
    "logs/failed_step_*": "test_client, FULL_LOGS",
    "logs/live_apply_while_running": "test_client, FULL_LOGS",
    "logs/plan_step_completed": "test_client",
    "logs/stranger_can_read": "test_client, FULL_LOGS",
    "admin/get_workspace_full": "test_client",
    "admin/list_templates_*": "test_client",
    "admin/permissions_*_role": "test_client, ROLES",
    "admin/permissions_stranger": "test_client",
    "search/organization_by_name": "test_client",
    "search/workspace_by_name": "test_client",
    "search/template_by_name": "test_recordings",
    "search/workspace_by_source": "test_recordings",
    "admin/workspace_webhook": "test_recordings",
    "errors/list_organizations_stranger": "test_client",
    "errors/list_workspaces_stranger": "test_recordings",
    "update/cancel_while_apply_running": "test_client",
    "update/cancel_pending": "test_client",
    "update/cancel_by_approve_only": "test_changing, ANSWERED",
    "update/cancel_waiting_approval": "test_changing, ANSWERED",
    "documented_path/update_status_cancelled": "test_changing, ANSWERED",
    "update/approve": "test_changing, ANSWERED",
    "update/approve_by_member_of_approval_team": "test_changing, ANSWERED",
    "update/approve_without_team_by_read_role": "test_changing, ANSWERED",
    "update/reject": "test_changing, ANSWERED",
    "documented_path/update_comments": "test_changing, CHANGED",
    "errors/patch_comments_role_plan": "test_changing, CHANGED",
    "update/patch_by_workspace_path": "test_changing, CHANGED",
    "update/patch_comments_by_approve_only": "test_changing, CHANGED",
    "update/patch_template_reference": "test_changing, CHANGED",
    "delete/by_role_*": "test_changing, DELETED",
    "documented_path/delete": "test_changing, DELETED",
    "stable_2_32_2/delete/*": "test_changing, DELETED",
    "search/steps_nested": "replay takes the fields of a step from it",
    "admin/get_organization_sparse": "replay takes the fields of an organization from it",
    "search/unpaged_list_cut_at_500": "test_client walks on; the recording itself is shortened",
}
"""What uses the others."""

NO_CALL: Final = {
    "webhook/*": "Terrakube's notifications are set up by its administrators; deliveries are the "
    "business of the bridge's own door",
    "stable_2_32_2/webhook/*": "as above; 2.32 has none",
    "admin/create_*": "the bridge administers nothing",
    "admin/delete_pat": "the bridge administers nothing",
    "admin/list_pat": "the bridge administers nothing",
    "admin/list_teams*": "the bridge administers nothing",
    "admin/list_vcs": "the bridge administers nothing",
    "admin/*lock_workspace*": "locks are people's",
    "admin/permissions_workspace": "permissions are asked for an organization",
    "update/approve_cancelled_job": "never sent: the job does not wait",
    "update/cancel_already_cancelled": "never sent: the job has ended",
    "update/cancel_completed_job": "never sent: the job has ended",
    "update/back_to_completed": "a status is never put back",
    "update/patch_comments_and_via": "via says where a job came from: it is not changed",
    "update/patch_empty_attributes": "never sent: nothing would be changed",
    "errors/method_put": "nothing is sent with PUT",
    "errors/step*": "steps are read with their job",
    "search/page_steps_root": "steps are read with their job",
    "search/steps_*": "steps are read with their job",
    "get/job_relationship_*": "relationships are read with their job",
    "search/graphql_jobs": "JSON:API is enough",
    "search/organization_filter_nested": "organizations are looked up by name",
    "search/organization_with_jobs": "jobs are read below their organization",
    "search/workspaces_with_running_job": "workspaces are read whole",
    "get/actuator_health": "every call says whether the API is up",
    "get/binary_plan_file": "the structured plan and the log are enough",
    "get/redirect_to_ui": "a link for people, not followed",
    "get/state_json_*": "states are not read",
    "get/workspace_history": "states are not read",
    "get/workspace_last_job_status_after_touching_old_job": "for people only",
    "logs/head": "headers alone say nothing",
    "logs/range_header_is_ignored": "logs are read whole",
    "logs/sse_step_stream": "logs are read when their step has ended",
}


def used_by(name: str) -> str:
    """Return what uses a recording, or why nothing does; empty when nobody said."""
    if name in REFUSED:
        return "test_refusals"
    for patterns in (READ, CREATED, LISTED):
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return "test_recordings"
    for table, prefix in ((USED, ""), (NO_CALL, "no call: ")):
        for pattern, said in table.items():
            if fnmatchcase(name, pattern):
                return prefix + said
    return ""
