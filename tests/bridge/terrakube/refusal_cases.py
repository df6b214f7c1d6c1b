"""Every recorded refusal of a request the client makes, and what it becomes.

What is said after ``METHOD /path: answered STATUS: ``; by operation and class of error.
"""

from typing import Final, NamedTuple

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)


class Refusal(NamedTuple):
    """One meaning, and the recordings that have it."""

    operation: str
    error: type[RemoteError]
    status: int
    text: str
    recordings: tuple[str, ...]


LOST = "the token did not arrive: does a proxy drop the Authorization header?"
HEADER = "does a proxy change the Accept or Content-Type header?"
NEW = "make a new one in Terrakube and set BRIDGE_TERRAKUBE__TOKEN"
STRANGER = "none of the token's teams may read it; add a team with the role read or plan"
NO_PLAN = "none of the token's teams may start jobs here; give one of them the role plan"
NO_APPROVE = "none of the token's teams may change jobs here; give one the right to approve jobs"
OLD = "this needs Terrakube 2.33 or newer"
NOTIFIED = (
    "Terrakube keeps a job about which it has sent notifications; leave it, or ask its "
    "administrator to clear the log of deliveries"
)
NO_UUID = "00000000-0000-0000-0000-000000000000"
UNREADABLE = (
    "Internal Server Error: no call has succeeded yet, and this is how Terrakube answers a token "
    f"it cannot read: is it whole? If in doubt, {NEW}"
)

REFUSALS: Final = (
    Refusal(
        "create",
        PermanentRemoteError,
        400,
        "Invalid value: maybe",
        ("errors/create_attribute_refresh",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        400,
        "Invalid value: nonsense",
        ("errors/create_attribute_status",),
    ),
    Refusal("create", PermanentRemoteError, 400, "Bad Request", ("errors/create_empty_body",)),
    Refusal(
        "create",
        PermanentRemoteError,
        400,
        "Unexpected end-of-input within/between Object entries",
        ("errors/create_malformed_json",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        400,
        "Resource 'type' field is missing or empty.",
        ("errors/create_missing_type",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        400,
        "Bad Request Body'Invalid JSON-API document: JsonApiDocument(data=null, meta=null, "
        "links=null, includedRecs=[], included=null)'",
        ("errors/create_no_data",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        400,
        "Invalid value: infra",
        ("errors/create_workspace_id_not_uuid",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        400,
        "Unknown entity type: Entity pipeline not found",
        ("errors/create_wrong_type",),
    ),
    Refusal(
        "create",
        NotAllowedError,
        401,
        f"the token expired at 2026-11-23T20:49:37Z: {NEW}",
        ("errors/create_expired_token",),
    ),
    Refusal(
        "create",
        NotAllowedError,
        403,
        f"CreatePermission Denied: {NO_PLAN}",
        (
            "errors/create_attribute_approvalTeam",
            "errors/create_attribute_overrideSource",
            "errors/create_attribute_prNumber",
            "errors/create_old_managejob_only",
            "errors/create_role_read",
            "errors/owner_group_without_team_creates_template",
        ),
    ),
    Refusal("create", NotAllowedError, 403, LOST, ("errors/create_no_token",)),
    Refusal(
        "create",
        NotAllowedError,
        403,
        f"ReadPermission Denied: {NO_PLAN}",
        ("errors/create_stranger",),
    ),
    Refusal(
        "create",
        NotFoundError,
        404,
        f"Unknown identifier {NO_UUID} for workspace",
        ("errors/create_unknown_workspace",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        404,
        f"Unknown attribute autoApply in job: {OLD}",
        ("errors/create_attribute_autoApply",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        404,
        f"Unknown attribute deleted in job: {OLD}",
        ("errors/create_attribute_deleted",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        404,
        f"Unknown attribute doesNotExist in job: {OLD}",
        ("errors/create_attribute_doesNotExist",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        404,
        f"Unknown attribute name in job: {OLD}",
        ("errors/create_attribute_name",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        404,
        f"Unknown attribute planOnly in job: {OLD}",
        ("errors/create_attribute_planOnly",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        404,
        f"Unknown attribute prCommentId in job: {OLD}",
        ("errors/create_attribute_prCommentId",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        404,
        f"Unknown attribute type in job: {OLD}",
        ("errors/create_attribute_type",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        404,
        f"Unknown attribute targetAddrs in job: {OLD}",
        ("stable_2_32_2/create/target_addrs",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        404,
        f"Unknown attribute prNumber in job: {OLD}",
        ("stable_2_32_2/errors/create_attribute_prNumber",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        406,
        f"Not Acceptable: {HEADER}",
        ("errors/create_accept_json",),
    ),
    Refusal(
        "create",
        TemporaryRemoteError,
        409,
        "This operation conflicts with data that already exists.",
        ("create/org_endpoint_without_workspace",),
    ),
    Refusal(
        "create",
        PermanentRemoteError,
        415,
        f"Unsupported Media Type: {HEADER}",
        ("errors/create_content_type_json", "errors/create_without_content_type"),
    ),
    Refusal(
        "create",
        TemporaryRemoteError,
        423,
        "The request could not be completed.",
        (
            "create/comments_513_chars",
            "create/commit_id_65_chars",
            "create/override_branch_129_chars",
            "create/template_reference_37_chars",
            "create/via_65_chars",
        ),
    ),
    Refusal(
        "create",
        TemporaryRemoteError,
        423,
        "ERROR: value too long for type character varying(512)",
        ("stable_2_32_2/create/comments_513_chars",),
    ),
    Refusal(
        "create",
        TemporaryRemoteError,
        423,
        'ERROR: null value in column "workspace_id" of relation "job" violates not-null constraint',
        ("stable_2_32_2/create/org_endpoint_without_workspace",),
    ),
    Refusal(
        "create",
        TemporaryRemoteError,
        500,
        UNREADABLE,
        (
            "create/org_workspace_endpoint",
            "create/workspace_endpoint_admin",
            "create/workspace_endpoint_no_relationship",
            "create/workspace_endpoint_workspace_relationship",
            "errors/create_bad_token",
            "stable_2_32_2/create/workspace_endpoint_no_relationship",
        ),
    ),
    Refusal(
        "read", PermanentRemoteError, 400, "Invalid value: abc", ("errors/get_job_id_not_number",)
    ),
    Refusal(
        "read", PermanentRemoteError, 400, "Invalid value: acme", ("errors/get_org_id_not_uuid",)
    ),
    Refusal(
        "read",
        PermanentRemoteError,
        400,
        "HTTP Status 400 \N{EN DASH} Bad Request",
        ("errors/url_too_long",),
    ),
    Refusal(
        "read",
        PermanentRemoteError,
        400,
        "Invalid value: job does not contain the field template",
        ("get/job_include_template",),
    ),
    Refusal(
        "read",
        NotAllowedError,
        401,
        f"the token expired at 2026-11-23T20:49:37Z: {NEW}",
        ("errors/get_expired_token",),
    ),
    Refusal("read", NotAllowedError, 401, LOST, ("errors/get_no_token", "errors/get_wrong_scheme")),
    Refusal(
        "read",
        NotAllowedError,
        401,
        f"the token is revoked, or another server made it: {NEW}",
        ("errors/get_revoked_token", "errors/get_wrong_signature"),
    ),
    Refusal(
        "read",
        NotAllowedError,
        403,
        f"ReadPermission Denied: {STRANGER}",
        (
            "errors/get_job_stranger",
            "errors/get_workspace_stranger",
            "errors/list_jobs_below_workspace_stranger",
            "errors/list_jobs_stranger",
        ),
    ),
    Refusal(
        "read", NotFoundError, 404, "Unknown identifier [656] for job", ("delete/get_after_delete",)
    ),
    Refusal(
        "read",
        NotFoundError,
        404,
        "Unknown identifier [37] for job",
        ("documented_path/get_deleted",),
    ),
    Refusal(
        "read",
        NotFoundError,
        404,
        "Unknown identifier [1] for job",
        ("errors/get_job_of_other_org", "get/job_by_wrong_workspace_path"),
    ),
    Refusal("read", NotFoundError, 404, "Unknown collection job", ("errors/get_root_job",)),
    Refusal(
        "read",
        NotFoundError,
        404,
        "Unknown collection pipeline",
        ("errors/get_unknown_collection",),
    ),
    Refusal(
        "read",
        NotFoundError,
        404,
        "Unknown identifier [999999] for job",
        ("errors/get_unknown_job",),
    ),
    Refusal(
        "read",
        NotFoundError,
        404,
        f"Unknown identifier {NO_UUID} for organization",
        ("errors/get_unknown_org",),
    ),
    Refusal(
        "read",
        NotFoundError,
        404,
        f"Unknown identifier {NO_UUID} for workspace",
        ("errors/get_unknown_workspace",),
    ),
    Refusal(
        "read",
        NotFoundError,
        404,
        "Not Found: is this the address of Terrakube's API, not of its user interface?",
        ("errors/unknown_path",),
    ),
    Refusal(
        "read", PermanentRemoteError, 406, f"Not Acceptable: {HEADER}", ("errors/get_accept_json",)
    ),
    Refusal(
        "read",
        TemporaryRemoteError,
        500,
        UNREADABLE,
        (
            "errors/get_bad_token",
            "errors/get_garbage_token",
            "errors/get_token_groups_as_string",
            "errors/get_token_no_groups",
            "errors/get_token_without_aud",
        ),
    ),
    Refusal(
        "update",
        PermanentRemoteError,
        400,
        "Bad Request Body'Id in response body does not match requested id to update from path'",
        ("errors/patch_id_mismatch",),
    ),
    Refusal(
        "cancel",
        PermanentRemoteError,
        400,
        "Invalid value: canceled",
        ("errors/patch_unknown_status",),
    ),
    Refusal(
        "update",
        PermanentRemoteError,
        400,
        "Unexpected character ('b' (code 98)): was expecting double-quote to start field name",
        ("update/patch_malformed",),
    ),
    Refusal(
        "cancel",
        NotAllowedError,
        403,
        f"UpdatePermission Denied: {NO_APPROVE}",
        (
            "errors/patch_status_role_plan",
            "errors/patch_status_role_read",
            "update/approval_team_member_sets_cancelled",
            "update/approval_team_member_sets_pending",
        ),
    ),
    Refusal(
        "update",
        NotAllowedError,
        403,
        f"UpdatePermission Denied: {NO_APPROVE}",
        ("errors/patch_approvalteam", "errors/patch_comments_role_read"),
    ),
    Refusal(
        "approve",
        NotAllowedError,
        403,
        f"UpdatePermission Denied: {NO_APPROVE}",
        ("update/approve_by_plan_role", "update/approve_by_read_role"),
    ),
    Refusal(
        "approve",
        NotAllowedError,
        403,
        f"ReadPermission Denied: {NO_APPROVE}",
        ("update/approve_by_stranger",),
    ),
    Refusal("update", NotAllowedError, 403, LOST, ("update/patch_no_token",)),
    Refusal(
        "cancel",
        NotFoundError,
        404,
        "Unknown identifier [999999] for job",
        ("errors/patch_unknown_job",),
    ),
    Refusal(
        "update",
        PermanentRemoteError,
        404,
        f"Unknown attribute foo in job: {OLD}",
        ("errors/patch_unknown_attribute",),
    ),
    Refusal(
        "cancel",
        PermanentRemoteError,
        409,
        "This operation conflicts with data that already exists.",
        ("update/patch_status_null",),
    ),
    Refusal(
        "update",
        PermanentRemoteError,
        415,
        f"Unsupported Media Type: {HEADER}",
        ("errors/patch_content_type_json",),
    ),
    Refusal(
        "cancel",
        PermanentRemoteError,
        423,
        'ERROR: null value in column "status" of relation "job" violates not-null constraint',
        ("stable_2_32_2/update/patch_status_null",),
    ),
    Refusal("context", PermanentRemoteError, 400, "Bad Request", ("errors/context_not_number",)),
    Refusal("context", NotAllowedError, 401, LOST, ("errors/context_no_token",)),
    Refusal(
        "context",
        PermanentRemoteError,
        406,
        f"Not Acceptable: {HEADER}",
        ("errors/context_accept_jsonapi",),
    ),
    Refusal("log", NotAllowedError, 401, LOST, ("errors/tfoutput_no_token",)),
    Refusal(
        "log", PermanentRemoteError, 406, f"Not Acceptable: {HEADER}", ("logs/accept_jsonapi",)
    ),
    Refusal("log", PermanentRemoteError, 406, HEADER, ("logs/accept_text_plain",)),
    Refusal(
        "search",
        PermanentRemoteError,
        400,
        "Invalid query parameter: filter[job]",
        (
            "search/comments_unquoted_space",
            "search/filter_syntax_error",
            "search/filter_syntax_error_2",
            "search/filter_unknown_attribute",
        ),
    ),
    Refusal(
        "search",
        PermanentRemoteError,
        400,
        "Invalid value: job does not contain the fields: [colour]",
        ("search/fields_unknown",),
    ),
    Refusal(
        "search", PermanentRemoteError, 400, "Invalid value: abc", ("search/filter_id_not_number",)
    ),
    Refusal(
        "search",
        PermanentRemoteError,
        400,
        "Invalid query parameter: filter[job.status]",
        ("search/filter_old_style",),
    ),
    Refusal(
        "search",
        PermanentRemoteError,
        400,
        "Invalid value: nonsense",
        ("search/filter_status_bad_value", "search/filter_status_in_bad_value"),
    ),
    Refusal(
        "search",
        PermanentRemoteError,
        400,
        "Invalid query parameter: filter[pipeline]",
        ("search/filter_wrong_type",),
    ),
    Refusal(
        "search",
        PermanentRemoteError,
        400,
        "Invalid value: job does not contain the field colour",
        ("search/include_unknown", "search/sort_unknown"),
    ),
    Refusal(
        "search",
        PermanentRemoteError,
        400,
        "Cannot paginate job",
        (
            "search/page_limit_offset",
            "search/page_number_size",
            "search/page_size",
            "search/page_totals",
        ),
    ),
    Refusal(
        "search",
        PermanentRemoteError,
        400,
        "Invalid value: Invalid Pagination Parameter. Accepted values are "
        "page[number], page[size], page[offset], page[limit], page[to"
        "tals], page[first], page[after], page[last], page[before]",
        ("search/page_unknown",),
    ),
    Refusal(
        "search",
        PermanentRemoteError,
        400,
        "Found undefined keys in request: foo",
        ("search/unknown_query_parameter",),
    ),
    Refusal(
        "search", PermanentRemoteError, 400, "Cannot paginate workspace", ("search/workspace_page",)
    ),
    Refusal("delete", PermanentRemoteError, 400, "Bad Request", ("delete/with_content_type",)),
    Refusal(
        "delete",
        NotAllowedError,
        403,
        f"ReadPermission Denied: {STRANGER}",
        ("delete/by_stranger",),
    ),
    Refusal("delete", NotAllowedError, 403, LOST, ("delete/no_token",)),
    Refusal("delete", NotFoundError, 404, "Unknown identifier [656] for job", ("delete/again",)),
    Refusal(
        "delete",
        NotFoundError,
        404,
        "Unknown identifier [37] for job",
        ("documented_path/delete_again",),
    ),
    Refusal(
        "delete",
        PermanentRemoteError,
        409,
        NOTIFIED,
        ("delete/job_with_notification_deliveries", "documented_path/delete_refused_409"),
    ),
)
