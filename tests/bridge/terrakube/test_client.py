"""Each operation: what is asked, and what the recorded answer becomes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from bridge.domain.errors import NotFoundError, PermanentRemoteError, UserError
from bridge.domain.terrakube import (
    FlowStep,
    Job,
    JobRequest,
    Permissions,
    ServerFeatures,
    Step,
    Template,
    Workspace,
    WorkspaceRef,
)
from bridge.http import Exchange, HttpClient, Retries
from bridge.terrakube import TerrakubeServer, connect, tcl
from bridge.terrakube.refusals import Refusals
from tests.bridge.terrakube.nouns import (
    A_JOB,
    ACME,
    COMMIT,
    CREATE,
    JOBS,
    KEY,
    PLAN,
    Q3,
    patch_line,
    read_line,
)
from tests.bridge.terrakube.replay import TOKEN, Asked, Replay
from tests.recorded import Recording, recording

FOLLOWED = {
    "fields[job]": "status,planChanges,commitId,approvalTeam,templateReference,output,"
    "createdDate,updatedDate,workspace,step",
    "include": "step",
    "fields[step]": "name,stepNumber,status",
}
IDENTIFIED = FOLLOWED | {
    "fields[job]": FOLLOWED["fields[job]"] + ",comments,createdBy,tcl,overrideBranch,organization",
    "sort": "id",
}
WORKSPACE_FIELDS = {
    "fields[workspace]": "name,source,branch,folder,locked,lockDescription,defaultTemplate,"
    "executionMode,iacType,terraformVersion,lastJobStatus,webhook"
}
WORKSPACES = f"GET /api/v1/organization/{ACME.id}/workspace"
TEMPLATES = f"GET /api/v1/organization/{ACME.id}/template"
LOG = f"GET /tfoutput/v1/organization/{ACME.id}/job/2/step/1893ccfc-e2cb-4baf-8247-c18e68cce121"
PERMISSIONS = f"GET /access-token/v1/teams/permissions/organization/{ACME.id}"

# What a recorded body of 2.33 holds that no field of Job names.
UNNAMED = {
    "overrideSource": None,
    "prCommentError": None,
    "prNumber": None,
    "updatedBy": "bridge@example.com",
}


async def test_a_job_is_created_on_the_documented_path(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(CREATE, "documented_path/create")
    job = await server.create_job(A_JOB)
    assert replay.asked == [Asked(line=CREATE, body=recording("documented_path/create").sent)]
    assert job == Job(
        id="724",
        status="pending",
        organization_id=ACME.id,
        workspace_id=Q3.id,
        template_reference=PLAN,
        comments=KEY,
        via="UI",
        created_by="bridge@example.com",
        created_at=datetime(2026, 11, 23, 22, 14, tzinfo=UTC),
        updated_at=datetime(2026, 11, 23, 22, 14, tzinfo=UTC),
        extra=UNNAMED,
    )


async def test_an_inline_template_is_sent_as_base64(
    replay: Replay, server: TerrakubeServer
) -> None:
    found = recording("documented_path/create_tcl")
    replay.on(CREATE, found)
    flow = "flow:\n  - type: terraformPlan\n    step: 100\n    name: Plan\n"
    job = await server.create_job(
        JobRequest(workspace=Q3, comments="bridge:01JDOCUMENTEDPATH0000000002", tcl=flow)
    )
    assert replay.asked == [Asked(line=CREATE, body=found.sent)]
    assert (job.id, tcl.decode(job.tcl or "")) == ("725", flow)


async def test_only_what_differs_from_the_defaults_is_sent(
    replay: Replay, server: TerrakubeServer
) -> None:
    """2.32 refuses a job that names the target lists at all."""
    replay.on(CREATE, "create/all_create_attributes")
    await server.create_job(
        replace(
            A_JOB,
            commit_id=COMMIT,
            override_branch="v1.0.0",
            refresh=False,
            refresh_only=True,
            target_addrs=("terraform_data.network",),
            replace_addrs=("terraform_data.a", "terraform_data.b"),
        )
    )
    assert replay.asked[0].body == {
        "data": {
            "type": "job",
            "attributes": {
                "templateReference": PLAN,
                "via": "UI",
                "comments": KEY,
                "commitId": COMMIT,
                "overrideBranch": "v1.0.0",
                "refresh": False,
                "refreshOnly": True,
                "targetAddrs": ["terraform_data.network"],
                "replaceAddrs": ["terraform_data.a", "terraform_data.b"],
            },
            "relationships": {
                "organization": {"data": {"type": "organization", "id": ACME.id}},
                "workspace": {"data": {"type": "workspace", "id": Q3.id}},
            },
        }
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"comments": "x" * 513}, "comments is longer than 512 characters"),
        ({"template_id": "x" * 37}, "templateReference is longer than 36 characters"),
        ({"commit_id": "x" * 65}, "commitId is longer than 64 characters"),
        ({"override_branch": "x" * 129}, "overrideBranch is longer than 128 characters"),
        ({"tcl": "flow: []"}, "it needs either a template or an inline one"),
        ({"template_id": None}, "it needs either a template or an inline one"),
    ],
)
async def test_what_the_server_would_refuse_unclearly_is_not_sent(
    changes: dict[str, str | None], said: str, replay: Replay, server: TerrakubeServer
) -> None:
    """After its 423 a job could exist for all one can tell."""
    with pytest.raises(PermanentRemoteError, match=f"POST job: not sent: {said}"):
        await server.create_job(replace(A_JOB, **changes))  # type: ignore[arg-type]  # text or None
    assert replay.asked == []


async def test_jobs_are_read_in_one_request_with_their_steps_in_order(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(JOBS, "search/fields_include_steps")
    first, second = await server.jobs(ACME.id, ["1", "2"])
    assert replay.asked == [Asked(line=JOBS, query={"filter[job]": "id=in=(1,2)", **FOLLOWED})]
    assert first == Job(
        id="1",
        status="completed",
        organization_id=ACME.id,
        workspace_id="3533726c-3beb-40e5-b8d1-7c20ddce5b3b",
        template_reference="2a0676be-272f-453d-b86d-b8d9ee413dc8",
        commit_id=COMMIT,
        approval_team="",
        output=" Step de2828c6-8114-4e9c-84e0-2b86ff5e9f31 completed\n"
        " Step 31e7dcac-c460-4887-aaf2-7b36c7b34fb5 completed\n",
        updated_at=datetime(2026, 11, 23, 21, 23, tzinfo=UTC),
        steps=(
            Step(
                id="91247a8c-3606-4572-a3c5-e2ca932efcff",
                number=100,
                name="Plan",
                status="completed",
            ),
            Step(
                id="de2828c6-8114-4e9c-84e0-2b86ff5e9f31",
                number=150,
                name="Approve",
                status="completed",
            ),
            Step(
                id="31e7dcac-c460-4887-aaf2-7b36c7b34fb5",
                number=200,
                name="Apply",
                status="completed",
            ),
        ),
    )
    assert (second.id, [step.number for step in second.steps]) == ("2", [100, 150, 200])


async def test_jobs_that_are_gone_are_absent(replay: Replay, server: TerrakubeServer) -> None:
    replay.on(JOBS, "search/filter_id_in")
    assert [job.id for job in await server.jobs(ACME.id, ["1", "2", "999999"])] == ["1", "2"]


async def test_no_ids_ask_nothing(server: TerrakubeServer) -> None:
    assert await server.jobs(ACME.id, []) == []


@pytest.mark.parametrize("ids", [["1"] * 401, ["1", "x"], ["1) or id=in=(2"]])
async def test_ids_are_numbers_and_at_most_400(ids: list[str], server: TerrakubeServer) -> None:
    with pytest.raises(ValueError, match=r"401 ids|invalid literal"):
        await server.jobs(ACME.id, ids)


async def test_400_ids_fit_into_a_request(replay: Replay, server: TerrakubeServer) -> None:
    replay.on(JOBS, "search/open_jobs")
    assert await server.jobs(ACME.id, [str(10_000_000 + at) for at in range(400)]) == []


async def test_one_job_is_read_with_everything_the_server_has(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(read_line("659"), "states/waitingApproval_by_team")
    job = await server.job(ACME.id, "659")
    assert replay.asked == [Asked(line=read_line("659"), query={"include": "step"})]
    assert (job.status, job.approval_team) == ("waitingApproval", "APPROVERS")
    assert [(step.number, step.status) for step in job.steps] == [
        (100, "completed"),
        (150, "pending"),
        (200, "pending"),
    ]
    assert job.extra == UNNAMED | {"updatedBy": "Internal"}, "a path on the server is not kept"


async def test_open_jobs_are_those_in_a_status_that_is_not_terminal(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(JOBS, "search/open_jobs")
    assert await server.open_jobs(ACME.id) == []
    wanted = "status=in=(approved,pending,queue,running,waitingApproval)"
    assert replay.asked == [Asked(line=JOBS, query={"filter[job]": wanted, **IDENTIFIED})]


def a_list(*rows: dict[str, object]) -> Recording:
    """Make an answer like ``search/list_all_sparse``."""
    return replace(recording("search/list_all_sparse"), body={"data": list(rows)})


def a_row(job_id: int, comments: str, created_by: str | None = None) -> dict[str, object]:
    attributes = {"status": "pending", "comments": comments, "createdBy": created_by}
    return {"type": "job", "id": str(job_id), "attributes": attributes}


async def test_our_jobs_are_found_by_their_key_as_a_word(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(
        JOBS,
        a_list(a_row(3, "bridge:A2 plan"), a_row(10, "bridge:A plan"), a_row(2, "bridge:A")),
    )
    assert [job.id for job in await server.jobs_with_key(ACME.id, "bridge:A")] == ["2", "10"]
    wanted = "comments=='bridge:A',comments=='bridge:A *'"
    assert replay.asked == [Asked(line=JOBS, query={"filter[job]": wanted, **IDENTIFIED})]


async def test_a_recorded_search_by_key_finds_the_job(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(JOBS, "documented_path/search_by_key")
    assert [job.id for job in await server.jobs_with_key(ACME.id, KEY)] == ["724"]


@pytest.mark.parametrize("key", ["", "bridge:*", "a'b", "a b", "x" * 65, "bridge:ä"])
async def test_a_key_that_would_match_more_is_refused(key: str, server: TerrakubeServer) -> None:
    with pytest.raises(UserError, match="is no key of a job"):
        await server.jobs_with_key(ACME.id, key)


async def test_a_job_of_somebody_else_that_carries_our_key_is_left_out(
    replay: Replay, server: TerrakubeServer
) -> None:
    """Who we are is learned from our own jobs; until then nobody can be told apart."""
    copied = a_list(
        a_row(1, "bridge:A x", "mallory@example.com"),
        a_row(2, "bridge:A x", "bridge@example.com"),
        a_row(3, "bridge:A x"),
    )
    replay.on(JOBS, copied)
    assert [job.id for job in await server.jobs_with_key(ACME.id, "bridge:A")] == ["1", "2", "3"]
    replay.on(CREATE, "documented_path/create")
    await server.create_job(A_JOB)
    assert [job.id for job in await server.jobs_with_key(ACME.id, "bridge:A")] == ["2", "3"]


async def test_the_token_s_own_claim_tells_whose_jobs_are_ours() -> None:
    token = "e30.eyJlbWFpbCI6ImJyaWRnZUBleGFtcGxlLmNvbSJ9.c2ln"
    client = connect(url="http://127.0.0.1", token=token, organizations=[])
    own = Job(id="1", status="pending", organization_id="o", created_by="bridge@example.com")
    assert [client._is_ours(job) for job in (own, replace(own, created_by="mallory"))] == [  # noqa: SLF001 - the door to it needs that token on the wire
        True,
        False,
    ]
    await client.aclose()


async def test_a_list_is_read_past_the_silent_cut(replay: Replay, server: TerrakubeServer) -> None:
    """500 rows of 621 came; the next request begins where they ended."""
    rows = [a_row(at, "bridge:A x") for at in range(1, 501)]
    last = 500
    replay.on(JOBS, a_list(*rows), a_list(a_row(last + 1, "bridge:A x")))
    found = await server.jobs_with_key(ACME.id, "bridge:A")
    assert [job.id for job in found] == [row["id"] for row in rows] + [str(last + 1)]
    both = "(comments=='bridge:A',comments=='bridge:A *')"
    assert [asked.query["filter[job]"] for asked in replay.asked] == [
        "comments=='bridge:A',comments=='bridge:A *'",
        f"{both};id=gt={last}",
    ]


def workspaces(*names: str) -> Recording:
    found = recording("search/workspace_by_name")
    assert isinstance(found.body, dict)
    row = found.body["data"][0]
    rows = [
        {**row, "id": f"id-{name}", "attributes": {**row["attributes"], "name": name}}
        for name in names
    ]
    return replace(found, body={"data": rows})


async def test_workspaces_are_walked_by_name(replay: Replay, server: TerrakubeServer) -> None:
    names = [f"it's {at:03}" for at in range(130)]
    replay.on(WORKSPACES, workspaces(*names[:120]), workspaces(*names[119:]))
    found = await server.workspaces(ACME)
    assert [workspace.ref.name for workspace in found] == names
    common = {**WORKSPACE_FIELDS, "sort": "name"}
    assert replay.asked == [
        Asked(line=WORKSPACES, query=common),
        Asked(line=WORKSPACES, query={"filter[workspace]": r"name=ge='it\'s 119'", **common}),
    ]


async def test_a_list_that_does_not_go_on_is_an_error_not_half_an_answer(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(WORKSPACES, workspaces(*[f"w{at:03}" for at in range(120)]))
    with pytest.raises(PermanentRemoteError, match="cannot be read to its end"):
        await server.workspaces(ACME)


async def test_a_workspace_is_read_with_its_lock_and_its_webhook(
    replay: Replay, server: TerrakubeServer
) -> None:
    ref = WorkspaceRef(
        organization_id=ACME.id,
        organization="acme",
        id="4c6d4944-dcab-44be-9c90-b831957aae87",
        name="q1",
    )
    line = f"{WORKSPACES}/{ref.id}"
    full = recording("admin/get_workspace_full")
    replay.on(line, full)
    workspace = Workspace(
        ref=ref,
        source="https://git.example.com/infra.git",
        branch="main",
        folder="/nochange",
        terraform_version="1.11.4",
        last_job_status="completed",
    )
    assert await server.workspace(ref) == workspace
    assert replay.asked == [Asked(line=line, query=WORKSPACE_FIELDS)]

    assert isinstance(full.body, dict)
    row = full.body["data"]
    changed = {
        **row,
        "attributes": row["attributes"] | {"locked": True, "lockDescription": "no"},
        "relationships": {"webhook": {"data": {"type": "webhook", "id": "1"}}},
    }
    replay.on(line, replace(full, body={"data": changed}))
    assert await server.workspace(ref) == replace(
        workspace, locked=True, lock_description="no", native_webhook=True
    )


async def test_templates_come_with_their_flows(replay: Replay, server: TerrakubeServer) -> None:
    replay.on(TEMPLATES, "admin/list_templates_full")
    plan, both, *_ = await server.templates(ACME.id)
    query = {"fields[template]": "name,description,version,tcl", "sort": "name"}
    assert replay.asked == [Asked(line=TEMPLATES, query=query)]
    step = FlowStep(type="terraformPlan", number=100, name="Plan")
    assert plan == Template(
        id=PLAN,
        name="Plan",
        organization_id=ACME.id,
        description="Running Terraform plan",
        version="1.0.0",
        flow=(step,),
    )
    assert both.flow == (step, FlowStep(type="terraformApply", number=200, name="Apply"))


async def test_a_template_without_its_text_has_no_flow(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(TEMPLATES, "admin/list_templates_sparse")
    found = await server.templates(ACME.id)
    assert {template.name: template.flow for template in found} == dict.fromkeys(
        [
            "Plan",
            "Plan and apply",
            "Destroy",
            "Terraform-Plan/Apply-Cli",
            "Terraform-Plan/Destroy-Cli",
        ]
    )


async def test_organizations_are_found_by_their_names(
    replay: Replay, server: TerrakubeServer
) -> None:
    line = "GET /api/v1/organization"
    replay.on(line, "search/organization_by_name")
    assert await server.organizations() == [ACME]
    query = {
        "filter[organization]": "name=in=('acme')",
        "fields[organization]": "name",
        "sort": "name",
    }
    assert replay.asked == [Asked(line=line, query=query)]


async def test_an_organization_that_is_not_there_is_named(
    replay: Replay, server: TerrakubeServer
) -> None:
    """A token without a team in it gets an empty list, not a refusal."""
    replay.on("GET /api/v1/organization", "errors/list_organizations_stranger")
    with pytest.raises(NotFoundError, match="organization 'acme': it does not exist, or no team"):
        await server.organizations()


async def test_without_names_every_organization_is_served(replay: Replay) -> None:
    client = connect(url=replay.url, token=TOKEN, organizations=[])
    replay.on("GET /api/v1/organization", "search/organization_by_name")
    assert await client.organizations() == [ACME]
    assert "filter[organization]" not in replay.asked[0].query
    await client.aclose()


ROLES = [
    ("admin", Permissions(plan_job=True, approve_job=True, manage_job=True,
                          manage_workspace=True, manage_template=True)),
    ("write", Permissions(plan_job=True, approve_job=True, manage_job=True,
                          manage_workspace=True, manage_template=False)),
    ("plan", Permissions(plan_job=True, approve_job=False, manage_job=True,
                         manage_workspace=False, manage_template=False)),
    ("read", Permissions(plan_job=False, approve_job=False, manage_job=False,
                         manage_workspace=False, manage_template=False)),
]  # fmt: skip


@pytest.mark.parametrize(("role", "allowed"), ROLES)
async def test_the_server_says_what_the_token_may_do(
    role: str, allowed: Permissions, replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(PERMISSIONS, f"admin/permissions_{role}_role")
    assert await server.permissions(ACME.id) == allowed
    assert replay.asked == [Asked(line=PERMISSIONS, accept="application/json")]


async def test_a_stranger_may_do_nothing(replay: Replay, server: TerrakubeServer) -> None:
    replay.on(PERMISSIONS, "admin/permissions_stranger")
    assert await server.permissions(ACME.id) == ROLES[-1][1]


async def test_a_log_comes_as_it_was_served(replay: Replay, server: TerrakubeServer) -> None:
    found = recording("logs/plan_step_completed")
    replay.on(LOG, found)
    step_id = LOG.rpartition("/")[2]
    assert await server.step_log(ACME.id, "2", step_id) == found.body
    assert replay.asked == [Asked(line=LOG, accept="*/*")]


EMPTY_LOGS = [
    "logs/approval_step_completed_empty",
    "logs/cancelled_step_before_start_empty",
    "logs/not_executed_step_empty",
    "logs/rejected_apply_step_empty",
    "logs/step_id_not_uuid",
    "logs/wrong_job_id_empty",
    "logs/wrong_organization_id_empty",
    "errors/tfoutput_unknown_job",
    "errors/tfoutput_unknown_org",
    "errors/tfoutput_unknown_step",
]
FULL_LOGS = [
    "logs/apply_step_completed",
    "logs/cancelled_apply_step_after_terraform_ended",
    "logs/failed_step_terraform_error",
    "logs/failed_step_workspace_preparation",
    "logs/live_apply_while_running",
    "logs/stranger_can_read",
]


@pytest.mark.parametrize("name", [*EMPTY_LOGS, *FULL_LOGS])
async def test_where_there_is_no_log_it_is_empty(
    name: str, replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(LOG, name)
    served = await server.step_log(ACME.id, "2", LOG.rpartition("/")[2])
    assert served == (recording(name).body or "")
    assert bool(served) is (name in FULL_LOGS)


async def test_features_are_read_from_the_server_s_description_once(
    replay: Replay, server: TerrakubeServer
) -> None:
    doc = replace(
        recording("logs/plan_step_completed"),
        body={"paths": ["/notification_configuration"], "job": {"targetAddrs": {}}},
    )
    replay.on("GET /doc", doc)
    newest = ServerFeatures(targets=True, notifications=True)
    assert [await server.features(), await server.features()] == [newest, newest]
    assert replay.asked == [Asked(line="GET /doc", accept="*/*")]


async def test_an_older_server_lacks_features(replay: Replay, server: TerrakubeServer) -> None:
    replay.on("GET /doc", replace(recording("logs/plan_step_completed"), body={"job": {}}))
    assert await server.features() == ServerFeatures(targets=False, notifications=False)


@pytest.mark.parametrize(
    ("ui_url", "link"),
    [
        ("", "https://api.example.com/app/acme/net%20a/runs/7"),
        (
            "https://terrakube.example.com/",
            f"https://terrakube.example.com/organizations/{ACME.id}/workspaces/{Q3.id}/runs/7",
        ),
    ],
)
async def test_links_go_to_the_interface_or_through_the_api(ui_url: str, link: str) -> None:
    client = connect(
        url="https://api.example.com/", token=TOKEN, organizations=["acme"], ui_url=ui_url
    )
    assert client.job_url(replace(Q3, name="net a"), "7") == link
    await client.aclose()


async def test_reads_are_repeated_and_every_attempt_is_observed(replay: Replay) -> None:
    seen: list[Exchange] = []
    client = connect(
        url=replay.url,
        token=TOKEN,
        organizations=[],
        observe=seen.append,
        retries=Retries(attempts=2, wait=0.0),
    )
    replay.on(read_line("1"), "errors/get_garbage_token", "get/job_plain")
    assert (await client.job(ACME.id, "1")).id == "1"
    assert [exchange.status for exchange in seen] == [500, 200]
    await client.aclose()


class Cancelling(NamedTuple):
    """A cancel that is not carried out, or is."""

    state: str
    patched: bool


CANCELLED = "states/cancelled_immediately_after_patch"


@pytest.mark.parametrize(
    "case",
    [
        Cancelling("states/running_slow_apply", patched=True),
        Cancelling("states/waitingApproval_rejected", patched=True),
        Cancelling("states/pending_locked_workspace", patched=True),
        Cancelling("states/completed_destroy", patched=False),
        Cancelling("states/failed_plan_error", patched=False),
        Cancelling("states/rejected", patched=False),
        Cancelling("states/cancelled_waiting_approval", patched=False),
    ],
    ids=lambda case: str(case.state),
)
async def test_only_an_open_job_is_cancelled(
    case: Cancelling, replay: Replay, server: TerrakubeServer
) -> None:
    """Terrakube checks no transition: a completed job would read cancelled."""
    old = with_date(case.state, "Mon, 23 Nov 2026 23:59:00 GMT")
    replay.on(read_line("34"), old, CANCELLED) if case.patched else replay.on(read_line("34"), old)
    replay.on(patch_line("34"), "update/cancel_while_apply_running")
    job = await server.cancel_job(ACME.id, "34")
    assert [asked.line for asked in replay.asked] == (
        [read_line("34"), patch_line("34"), read_line("34")] if case.patched else [read_line("34")]
    )
    if case.patched:
        assert replay.asked[1].body == recording("update/cancel_while_apply_running").sent
        assert job.status == "cancelled"


YOUNG = "Mon, 23 Nov 2026 21:26:01 GMT"
"""When the job of ``states/running_slow_apply`` may have been made a second ago."""


def with_date(name: str, date: str) -> Recording:
    """Return a recording as if it had been served then."""
    found = recording(name)
    return replace(found, headers={**found.headers, "Date": date})


async def test_a_young_job_is_left_alone_and_looked_at_again(
    replay: Replay, server: TerrakubeServer, naps: list[float]
) -> None:
    """A PATCH in its first seconds gets lost, or makes it read failed (contract section 5)."""
    young = with_date("states/running_slow_apply", YOUNG)
    replay.on(read_line("34"), young, young, CANCELLED)
    replay.on(patch_line("34"), "update/cancel_while_apply_running")
    await server.cancel_job(ACME.id, "34")
    assert [asked.line for asked in replay.asked] == [
        read_line("34"),
        read_line("34"),
        patch_line("34"),
        read_line("34"),
    ]
    assert [round(nap) for nap in naps] == [5]


async def test_a_young_job_that_ended_meanwhile_is_not_touched(
    replay: Replay, server: TerrakubeServer, naps: list[float]
) -> None:
    young = with_date("states/running_slow_apply", YOUNG)
    replay.on(read_line("34"), young, "states/completed_destroy")
    assert (await server.cancel_job(ACME.id, "34")).status == "completed"
    assert [asked.line for asked in replay.asked] == [read_line("34")] * 2
    assert len(naps) == 1


async def test_the_age_of_a_job_we_made_is_known_to_the_second(replay: Replay) -> None:
    moments, naps = [100.0], list[float]()

    async def authorization() -> str:
        return f"Bearer {TOKEN}"

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    http = HttpClient(service="terrakube", base_url=replay.url, authorization=authorization)
    server = TerrakubeServer(http, Refusals(), clock=lambda: moments[-1], sleep=nap)
    made = with_date("documented_path/create", "Mon, 23 Nov 2026 22:14:59 GMT")
    replay.on(CREATE, made)
    await server.create_job(A_JOB)
    replay.on(read_line("724"), made)
    replay.on(patch_line("724"), "update/cancel_pending")
    for moment in (103.0, 105.0):
        moments.append(moment)
        await server.cancel_job(ACME.id, "724")
    assert naps == [2.0]
    await server.aclose()


Reading = Callable[[TerrakubeServer], Awaitable[object]]
READINGS: dict[str, Reading] = {
    WORKSPACES: lambda server: server.workspaces(ACME),
    TEMPLATES: lambda server: server.templates(ACME.id),
    JOBS: lambda server: server.open_jobs(ACME.id),
    "GET /api/v1/organization": lambda server: server.organizations(),
    PERMISSIONS: lambda server: server.permissions(ACME.id),
    "GET /context/v1/1": lambda server: server.context("1"),
}


@pytest.mark.parametrize("line", READINGS)
async def test_an_answer_of_another_shape_is_an_error_that_names_the_request(
    line: str, replay: Replay, server: TerrakubeServer
) -> None:
    odd = [{"type": "x", "id": "x", "attributes": {"name": {}, "status": {}, "planJob": "?"}}]
    body = {"data": odd, "planJob": "?", "planStructuredOutput": 7}
    replay.on(line, replace(recording("search/list_all_sparse"), body=body))
    with pytest.raises(PermanentRemoteError, match="answered something Terrakube does not say"):
        await READINGS[line](server)


async def test_a_newer_server_s_words_are_kept(replay: Replay, server: TerrakubeServer) -> None:
    found = recording("states/running_plan_no_changes")
    assert isinstance(found.body, dict)
    row = found.body["data"]
    attributes = row["attributes"] | {"status": "paused", "priority": 7, "createdDate": "soon"}
    newer = {**found.body, "data": {**row, "attributes": attributes}}
    replay.on(read_line("3"), replace(found, body=newer))
    job = await server.job(ACME.id, "3")
    assert (job.status, job.created_at) == ("paused", None)
    assert job.extra
    assert job.extra["priority"] == 7
