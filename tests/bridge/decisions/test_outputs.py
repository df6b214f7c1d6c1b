"""What a job has to say, as texts for people."""

from dataclasses import replace

import pytest

from bridge.decisions.outputs import StepLog, outputs_of, reason_of
from bridge.decisions.step_logs import Role
from bridge.domain.runs import Output, OutputKind
from bridge.domain.terrakube import Diagnostic, Job, JobContext, ResourceChange, Step

EMPTY = JobContext(plans={}, applies={}, diagnostics={})
BEGUN = "Initializing Terrakube Job 1 Step s\n"
PLANNED = "Running Terraform PLAN\nTerraform 1.11.4\nNo changes. All is well.\n"
APPLIED = "Running Terraform APPLY\na.b: Creating...\nApply complete! Resources: 1 added.\n"


def a_log(role: Role, text: str, status: str = "completed", name: str = "Step one") -> StepLog:
    step = Step(id=f"{role}-{name}", number=100, name=name, status=status)
    return StepLog(step=step, role=role, text=text)


def a_job(status: str, *logs: StepLog, output: str = "") -> Job:
    return Job(
        id="1",
        status=status,
        organization_id="o",
        output=output,
        steps=tuple(log.step for log in logs),
    )


def told(
    status: str, *logs: StepLog, context: JobContext = EMPTY, output: str = ""
) -> list[Output]:
    return list(outputs_of(a_job(status, *logs, output=output), logs, context))


def texts(kind: OutputKind, text: str) -> Output:
    return Output(kind=kind, text=text)


PLAN = a_log(Role.PLAN, PLANNED)
APPLY = a_log(Role.APPLY, APPLIED)
PLAN_TEXT = texts(OutputKind.PLAN, "No changes. All is well.")
APPLY_TEXT = texts(OutputKind.APPLY, "a.b: Creating...\nApply complete! Resources: 1 added.")


def test_plan_and_apply_are_told_apart() -> None:
    assert told("completed", PLAN, APPLY) == [PLAN_TEXT, APPLY_TEXT]


def test_scripts_are_told_where_they_ran() -> None:
    first, last = a_log(Role.OTHER, "price: 7\n", name="Price"), a_log(Role.OTHER, "ok", name="Say")
    assert told("completed", PLAN, first, APPLY, last) == [
        replace(PLAN_TEXT, text=f"{PLAN_TEXT.text}\n\nPrice:\nprice: 7"),
        replace(APPLY_TEXT, text=f"{APPLY_TEXT.text}\n\nSay:\nok"),
    ]


def test_an_empty_log_is_no_text() -> None:
    assert told("completed", a_log(Role.OTHER, ""), a_log(Role.PLAN, "")) == []


def test_what_runs_after_a_rejection_is_told_though_its_step_reads_failed() -> None:
    script = a_log(Role.OTHER, "rejected", status="failed", name="Approve")
    assert told("rejected", PLAN, script) == [
        replace(PLAN_TEXT, text=f"{PLAN_TEXT.text}\n\nApprove:\nrejected")
    ]


def test_a_plan_after_the_apply_belongs_to_it() -> None:
    assert told("completed", APPLY, PLAN) == [
        replace(APPLY_TEXT, text=f"{APPLY_TEXT.text}\n\n{PLAN_TEXT.text}")
    ]


BROKEN = Diagnostic(
    severity="error",
    summary="cannot be",
    detail="It says no.\n",
    address="a.b",
    location="main.tf:7",
)
BROKEN_TEXT = "Error: cannot be\n\n  with a.b,\n  on main.tf:7\n\nIt says no."


def a_context(log: StepLog, *found: Diagnostic) -> JobContext:
    row = ResourceChange(address="a.b", actions=("create",), diagnostics=found)
    return replace(EMPTY, applies={log.step.id: (row,)}, diagnostics={log.step.id: found})


def errors(*logs: StepLog, context: JobContext = EMPTY, output: str = "") -> str:
    found = told("failed", *logs, context=context, output=output)
    return next((one.text for one in found if one.kind is OutputKind.ERROR), "")


def test_a_diagnostic_says_more_than_the_line_in_the_log_and_is_told_once() -> None:
    log = a_log(Role.APPLY, f"{BEGUN}Running Terraform APPLY\nError: cannot be\n", "failed")
    assert errors(log, context=a_context(log, BROKEN)) == BROKEN_TEXT
    warning = replace(BROKEN, severity="warning")
    assert errors(log, context=a_context(log, warning)) == "Error: cannot be"


def test_another_error_of_the_log_is_told_too() -> None:
    text = f"{BEGUN}Running Terraform APPLY\nError: another\nError: cannot be\n"
    log = a_log(Role.APPLY, text, "failed")
    assert errors(log, context=a_context(log, BROKEN)) == f"{BROKEN_TEXT}\n\nError: another"


def test_a_failure_before_terraform_is_told_without_its_servers() -> None:
    text = "Failed to prepare work dir\norg.eclipse.X: https://git.internal/x.git: no"
    log = a_log(Role.OTHER, text, "failed")
    assert told("failed", log) == [
        texts(OutputKind.ERROR, "Failed to prepare work dir\nX: https://[host]/x.git: no")
    ]


def test_a_failing_script_is_told_by_its_end() -> None:
    log = a_log(Role.OTHER, f"{BEGUN}checking\nexit 3 in /srv/.terraform-spring-boot/x", "failed")
    assert errors(log).endswith("checking\nexit 3 in …")


def test_a_failed_plan_is_not_told_twice() -> None:
    boxed = "╷\n│ Error: no\n│\n│   on main.tf line 1\n╵\n"
    for text, error in (("Error: no\n", "Error: no"), (boxed, "Error: no\n\n  on main.tf line 1")):
        log = a_log(Role.PLAN, f"{BEGUN}Running Terraform PLAN\n{text}", "failed")
        assert told("failed", log) == [texts(OutputKind.ERROR, error)]
        more = replace(log, text=f"{log.text}Warning: look\n")
        assert [one.kind for one in told("failed", more)] == [OutputKind.ERROR, OutputKind.PLAN]


def test_terraform_s_own_paths_and_hosts_are_not_touched() -> None:
    text = f"{BEGUN}Running Terraform PLAN\nError: no /etc/ssl/x on git.example.com\n"
    assert errors(a_log(Role.PLAN, text, "failed")) == "Error: no /etc/ssl/x on git.example.com"


def test_without_a_log_the_job_s_own_text_is_told() -> None:
    log = a_log(Role.OTHER, "", "failed", name="Incomplete sensitive variables")
    output = " Step a completed\nRun blocked.\n\n- TOKEN (env)\n"
    assert errors(log, output=output) == "Run blocked.\n\n- TOKEN (env)"


def test_an_error_that_became_a_step_s_name_is_told_without_its_servers() -> None:
    name = "Error sending to executor: java.lang.Throwable: refused: executor.example.com/192.0."
    assert errors(a_log(Role.OTHER, "", "failed", name=name)) == (
        "Error sending to executor: Throwable: refused: [host]."
    )


REASONS = [
    (a_log(Role.OTHER, "", "failed", "Template Yaml Error, check"), "cannot read the flow"),
    (a_log(Role.OTHER, "", "failed", "Error sending to executor: x"), "could not reach its"),
    (a_log(Role.OTHER, "", "failed", "Incomplete sensitive variables"), "has no value"),
    (a_log(Role.APPLY, f"{BEGUN}Running Terraform APPLY\na.b: Creating...", "failed"),
     "does not say why"),
    (a_log(Role.APPLY, "", "failed"), "does not say why"),
    (a_log(Role.OTHER, f"{BEGUN}exit 3", "failed"), ""),
    (a_log(Role.OTHER, "Failed to prepare work dir", "failed"), ""),
    (a_log(Role.PLAN, f"{BEGUN}Running Terraform PLAN\nError: x", "failed"), ""),
]  # fmt: skip


@pytest.mark.parametrize(("log", "said"), REASONS)
def test_a_failure_that_is_not_terraform_s_has_a_reason(log: StepLog, said: str) -> None:
    job = a_job("failed", log)
    reason = reason_of(job, [log], EMPTY, expired=False, unread=False)
    assert said in reason
    assert bool(said) is bool(reason)
    assert reason_of(job, [log], EMPTY, expired=True, unread=False) == ""
    assert (
        reason_of(replace(job, status="completed"), [log], EMPTY, expired=False, unread=False) == ""
    )


def test_what_could_not_be_read_may_be_the_reason() -> None:
    log = a_log(Role.OTHER, "", "failed")
    assert reason_of(a_job("failed", log), [log], EMPTY, expired=False, unread=True) == ""


def test_a_diagnostic_is_reason_enough() -> None:
    log = a_log(Role.APPLY, "", "failed")
    job = a_job("failed", log)
    context = a_context(log, BROKEN)
    assert reason_of(job, [log], context, expired=False, unread=False) == ""
