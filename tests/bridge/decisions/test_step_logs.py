"""Logs of steps, as recorded on both versions."""

import re
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decisions import step_logs
from bridge.decisions.step_logs import Role
from bridge.domain.terrakube import PlanCounts
from tests import recorded

STABLE = "stable_2_32_2/logs/raw/"
BETA = "logs/raw/"


def log(name: str) -> str:
    return step_logs.plain(recorded.log(name))


def counts(add: int, change: int, destroy: int) -> PlanCounts:
    return PlanCounts(add=add, change=change, destroy=destroy)


class Case(NamedTuple):
    """What a recorded log says."""

    name: str
    role: Role
    planned: PlanCounts | None = None
    applied: PlanCounts | None = None
    destroyed: tuple[str, ...] = ()


NOTHING = counts(0, 0, 0)
GONE = ("terraform_data.destroy", "terraform_data.replace")
CASES = [
    Case(BETA + "plan_create_only", Role.PLAN, counts(5, 0, 0)),
    Case(BETA + "plan_before_failing_apply", Role.PLAN, counts(3, 0, 0)),
    Case(BETA + "plan_large_600_resources", Role.PLAN, counts(600, 0, 0)),
    Case(BETA + "plan_mixed_create_update_replace_destroy", Role.PLAN, counts(2, 2, 2), None, GONE),
    Case(BETA + "failed_commit_short", Role.PLAN, counts(2, 2, 2), None,
         ("terraform_data.created", "terraform_data.replace")),
    Case(BETA + "plan_no_changes", Role.PLAN, NOTHING),
    Case(BETA + "plan_refresh_only", Role.PLAN, NOTHING),
    Case(BETA + "plan_target", Role.PLAN, NOTHING),
    Case(BETA + "plan_with_after_script", Role.PLAN, NOTHING),
    Case(BETA + "plan_failed_undeclared_variable", Role.PLAN),
    Case(BETA + "apply_ok", Role.APPLY, counts(5, 0, 0), counts(5, 0, 0)),
    Case(BETA + "apply_mixed", Role.APPLY, counts(2, 2, 2), counts(2, 2, 2), GONE),
    Case(BETA + "apply_large_600_resources", Role.APPLY, counts(600, 0, 0), counts(600, 0, 0)),
    Case(BETA + "apply_of_cancelled_job", Role.APPLY, counts(1, 0, 1), counts(1, 0, 1),
         ("terraform_data.slow",)),
    Case(BETA + "apply_failed_midway", Role.APPLY),
    Case(BETA + "apply_live_while_running", Role.APPLY),
    Case(BETA + "destroy_ok", Role.APPLY, counts(0, 0, 5), counts(0, 0, 5)),
    Case(BETA + "failed_branch_missing", Role.OTHER),
    Case(BETA + "failed_commit_missing", Role.OTHER),
    Case(BETA + "failed_folder_missing", Role.OTHER),
    Case(BETA + "failed_repository_missing", Role.OTHER),
    Case(BETA + "init_failed_syntax_error", Role.OTHER),
    Case(BETA + "onreject_output", Role.OTHER),
    Case(BETA + "template_broken_yaml", Role.OTHER),
    Case(BETA + "template_empty_flow", Role.OTHER),
    Case(STABLE + "plan_create_only", Role.PLAN, counts(5, 0, 0)),
    Case(STABLE + "plan_before", Role.PLAN, counts(3, 0, 0)),
    Case(STABLE + "plan_mixed", Role.PLAN, counts(2, 2, 2), None, GONE),
    Case(STABLE + "plan_large_600_resources", Role.PLAN, counts(600, 0, 0)),
    Case(STABLE + "plan_no_changes", Role.PLAN, NOTHING),
    Case(STABLE + "plan_failed_undeclared_variable", Role.PLAN),
    Case(STABLE + "apply_ok", Role.APPLY, None, counts(5, 0, 0)),
    Case(STABLE + "apply_failed_midway", Role.APPLY),
    Case(STABLE + "init_failed_syntax_error", Role.OTHER),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_recorded_log_is_understood(case: Case) -> None:
    text = log(case.name)
    assert (
        Case(
            case.name,
            step_logs.role_of(text),
            step_logs.planned_counts(text),
            step_logs.applied_counts(text),
            step_logs.destroyed_addresses(text),
        )
        == case
    )


def test_every_recorded_log_is_in_the_table() -> None:
    found = recorded.names("*.txt")
    assert found == sorted(case.name for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_log_of_opentofu_is_understood_as_one_of_terraform(case: Case) -> None:
    # As the executor writes it: its banners say Tofu, the program calls itself OpenTofu.
    text = log(case.name)
    tofu = text.replace("Running Terraform ", "Running Tofu ").replace("Terraform", "OpenTofu")
    assert step_logs.role_of(tofu) is case.role
    assert step_logs.planned_counts(tofu) == case.planned
    if case.role is not Role.OTHER:
        shown = step_logs.plan_text(text).replace("Terraform", "OpenTofu")
        assert step_logs.plan_text(tofu) == shown


NO_CHANGES = """\
No changes. Your infrastructure matches the configuration.

Terraform has compared your real infrastructure against your configuration
and found no differences, so no changes are needed."""


@pytest.mark.parametrize("version", [BETA, STABLE])
def test_a_plan_without_changes_says_so_and_nothing_else(version: str) -> None:
    assert step_logs.plan_text(log(f"{version}plan_no_changes")) == NO_CHANGES


def test_what_a_script_prints_after_a_plan_is_kept() -> None:
    text = step_logs.plan_text(log(f"{BETA}plan_with_after_script"))
    assert text == (
        f"{NO_CHANGES}\n\nhello from after-plan script\n"
        "jobId=663 stepId=ddb9c3ee-d51c-4514-baf2-71f621e302bb"
    )


@pytest.mark.parametrize("name", ["plan_create_only", "plan_large_600_resources"])
def test_both_versions_show_one_plan_in_the_same_words(name: str) -> None:
    beta, stable = log(f"{BETA}{name}"), log(f"{STABLE}{name}")
    assert beta != stable
    assert step_logs.plan_text(beta) == step_logs.plan_text(stable)
    assert step_logs.resource_plan(beta) == step_logs.resource_plan(stable)


def test_a_plan_s_text_begins_with_the_plan_and_ends_with_its_outputs() -> None:
    text = step_logs.plan_text(log(f"{BETA}plan_create_only"))
    assert text.splitlines()[0] == (
        "Terraform used the selected providers to generate the following execution"
    )
    assert text.splitlines()[-4:] == [
        "Plan: 5 to add, 0 to change, 0 to destroy.",
        "",
        "Changes to Outputs:",
        "  + update = (known after apply)",
    ]


def test_an_apply_does_not_repeat_its_plan() -> None:
    text = step_logs.apply_text(log(f"{BETA}apply_mixed"))
    assert "Terraform used the selected" not in text
    assert "Plan to " not in text
    assert "Apply complete! Resources: 2 added, 2 changed, 2 destroyed." in text
    assert text.endswith('Outputs:\n\ncreated = "new resource"\nupdate = "version-2"')


def test_an_apply_that_is_all_there_is_stays_whole() -> None:
    text = step_logs.apply_text(log(f"{STABLE}apply_ok"))
    assert text.startswith("terraform_data.replace: Creating...")
    assert text.endswith('Outputs:\n\nupdate = "version-1"')


def test_a_failing_apply_ends_with_its_error() -> None:
    text = step_logs.apply_text(log(f"{BETA}apply_failed_midway"))
    assert text.endswith("Creation errored after 0s\nError: local-exec provisioner error")


UNDECLARED = """\
Error: Reference to undeclared input variable

  on main.tf line 2, in resource "terraform_data" "invalid":
   2:   input = var.not_declared

An input variable with the name "not_declared" has not been declared. This
variable can be declared with a variable "not_declared" {} block."""
UNCLOSED = """\
Error: Unclosed configuration block

  on main.tf line 1, in resource "terraform_data" "broken":
   1: resource "terraform_data" "broken" {

There is no closing brace for this block before the end of the file. This
may be caused by incorrect brace nesting elsewhere in this file."""
INIT = """\
Error: Terraform encountered problems during initialisation, including problems
with the configuration, described below.

The Terraform configuration must be valid before initialization so that
Terraform can determine which modules and providers need to be installed."""


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        (f"{STABLE}plan_failed_undeclared_variable", [UNDECLARED]),
        (f"{BETA}plan_failed_undeclared_variable", [UNDECLARED.partition("\n")[0]]),
        (f"{STABLE}init_failed_syntax_error", [INIT, UNCLOSED]),
        (f"{BETA}init_failed_syntax_error", [INIT, UNCLOSED]),
        (f"{BETA}apply_failed_midway", ["Error: local-exec provisioner error"]),
        (f"{BETA}apply_ok", []),
    ],
)
def test_errors_are_found_with_all_they_say(name: str, errors: list[str]) -> None:
    assert step_logs.error_blocks(log(name)) == errors


def test_warnings_are_no_errors_and_end_them() -> None:
    text = "Error: a\n  more\nWarning: b\n  not this\nError: c"
    assert step_logs.error_blocks(text) == ["Error: a\n  more", "Error: c"]
    boxed = "╷\n│ Warning: w\n╵\n╷\n│ Error: e\n│\n│   on x\n╵"
    assert step_logs.error_blocks(boxed) == ["Error: e\n\n  on x"]


def test_warnings_before_a_plan_are_kept() -> None:
    text = (
        "Running Terraform PLAN\nTerraform 1.11.4\nWarning: deprecated\nx: Plan to create\n"
        "Plan: 1 to add, 0 to change, 0 to destroy.\n\nTerraform will perform it:\n\n"
        "Plan: 1 to add, 0 to change, 0 to destroy.\n"
    )
    assert step_logs.plan_text(text) == (
        "Warning: deprecated\n\nTerraform will perform it:\n\n"
        "Plan: 1 to add, 0 to change, 0 to destroy."
    )


SUMMARIES = [
    ("Plan: 1 to import, 2 to add, 3 to change, 4 to destroy.", counts(2, 3, 4)),
    ("Plan: 0 to add, 0 to change, 0 to destroy, 1 to forget.", NOTHING),
    ("Plan: 9 to add, 0 to change, 0 to destroy.\nPlan: 1 to add, 0 to change, 0 to destroy.",
     counts(1, 0, 0)),
    ("Changes to Outputs:\n  + a = 1", NOTHING),
    ("  Plan: 1 to add, 0 to change, 0 to destroy.", None),
    ("nothing", None),
    ("", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "found"), SUMMARIES)
def test_the_last_summary_counts(text: str, found: PlanCounts | None) -> None:
    assert step_logs.planned_counts(text) == found


def test_an_import_is_no_addition() -> None:
    text = "Apply complete! Resources: 1 imported, 2 added, 3 changed, 4 destroyed."
    assert step_logs.applied_counts(text) == counts(2, 3, 4)


def test_addresses_that_go_are_found_however_terraform_says_it() -> None:
    text = (
        "  # a.b will be destroyed\n"
        '  # module.m["x y"].a.c must be replaced\n'
        "  # a.d is tainted, so must be replaced\n"
        "  # a.e will be replaced, as requested\n"
        "  # a.f will be updated in-place\n"
        "  # (because a.b is not in configuration)\n"
        "  # a.g will be created\n"
    )
    assert step_logs.destroyed_addresses(text) == (
        "a.b",
        "a.d",
        "a.e",
        'module.m["x y"].a.c',
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Running Terraform PLAN\nError: x",
        "Running Terraform PLAN\nTerraform will perform the following actions:\n  # cut",
    ],
)
def test_a_plan_that_is_not_all_there_is_not_compared(text: str) -> None:
    assert step_logs.resource_plan(text) is None


def test_a_plan_of_outputs_only_is_compared() -> None:
    text = (
        "Running Terraform PLAN\n\nChanges to Outputs:\n  + a = 1\n\n"
        "You can apply this plan to save these new output values.\n"
    )
    assert step_logs.resource_plan(text) == "Changes to Outputs:\n  + a = 1"


def test_the_end_is_shown_where_no_error_is() -> None:
    lines = [f"line {at}" for at in range(50)]
    text = "\n".join(["Running Terraform APPLY", "Terraform 1.11.4", *lines, ""])
    assert step_logs.last_lines(text) == "\n".join(lines[-step_logs.EXCERPT :])


@pytest.mark.parametrize(
    ("served", "text"),
    [
        ("\x1b[1m\x1b[32;40;1mPlan:\x1b[0m 1", "Plan: 1"),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1bPq#0;2\x1b\\a\x1b(Bb\x1b=c", "abc"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\tb\x00\x07\x7f\x0b", "a\tb"),
        ("cut \x1b", "cut "),
        ("cut \x1b[3", "cut 3"),
    ],
)
def test_escapes_and_control_characters_are_gone(served: str, text: str) -> None:
    assert step_logs.plain(served) == text


@given(st.text(alphabet="\x1b[]P0;m\\\x07 a\n╷│╵", max_size=200))
def test_nothing_that_acts_on_a_terminal_is_left(served: str) -> None:
    text = step_logs.plain(served)
    assert "\x1b" not in text
    assert step_logs.plain(text) == text
    step_logs.plan_text(text)
    step_logs.apply_text(text)
    step_logs.error_blocks(text)
    step_logs.last_lines(text)


@pytest.mark.parametrize(
    ("served", "shown"),
    [
        ("\x1b[1m\x1b[31mred\x1b[0m", "\x1b[1m\x1b[31mred\x1b[0m"),
        ("\x1b[38;5;196mred \x1b[38:2:1:2:3mtoo", "\x1b[38;5;196mred \x1b[38:2:1:2:3mtoo"),
        ("\x1b]0;evil title\x07\x1b[2J\x1b[Htext", "text"),
        ("\x1b]8;;https://evil.example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;Y2xpcA==\nnext", "\nnext"),
        ("\x9b2J\x9d0;title\x9c text\x07\x08", "2J0;title text"),
        ("50%\r100%\r\ndone", "50%\n100%\ndone"),
        ("\x1b[\x1b[2J31m", "31m"),
    ],
)
def test_of_all_escapes_only_colours_reach_a_terminal(served: str, shown: str) -> None:
    assert step_logs.coloured(served) == shown
    assert step_logs.plain(shown) == step_logs.plain(served)


@given(st.text(alphabet="\x1b\x9b\x9d\x07[]0;31mJH\\\r\n aäP"))
def test_without_its_colours_a_coloured_log_is_plain(served: str) -> None:
    text = re.sub(r"\x1b\[[0-9;:]*m", "", step_logs.coloured(served))
    assert step_logs.plain(text) == text


def test_colours_of_recorded_logs_are_kept() -> None:
    served = recorded.log(BETA + "plan_mixed_create_update_replace_destroy")
    assert step_logs.coloured(served) == served
