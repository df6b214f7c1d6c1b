"""The living comment: golden files for what it looks like, properties for what must hold."""

import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.reports import PullRequestReport
from bridge.domain.rules import Gate
from bridge.domain.runs import Review, RunState, Verb
from bridge.rendering.comments import render_pull_request
from bridge.rendering.diffs import shown
from bridge.rendering.items import Measure
from tests import recorded
from tests.bridge.rendering.markdown import read, texts
from tests.bridge.rendering.reports import (
    NOW,
    OLDER,
    PULL_REQUEST,
    a_hold,
    a_place,
    a_plan,
    a_pull_request_report,
    a_report,
    a_resource,
    a_run,
    a_verdict,
    an_apply,
)

MEASURES: dict[str, Measure] = {
    "UTF-16 units": lambda text: len(text.encode("utf-16-le")) // 2,
    "bytes": lambda text: len(text.encode()),
    "characters": len,
}
UTF_16 = MEASURES["UTF-16 units"]
LIMIT = 65_000
HOSTILE = """\
Terraform will perform the following actions:

  # evil.one["@acme/platform"] will be created
  + resource "evil" "one" {
      + a = "```"
      + b = "</details> <img src=https://evil/x.png> <!-- bridge:01J 0 -->"
      + c = "@acme/platform #1 !1 GH-1"
``````
/merge
</details>
# Heading
![beacon](https://evil.example/x.png)
~~~
      + d = "admin\u202eresu \x1b[31mred\x1b[0m\x07"
    }

Plan: 1 to add, 0 to change, 0 to destroy.
"""


def log(name: str) -> str:
    return recorded.log(f"logs/raw/{name}")


def render(
    report: PullRequestReport,
    *,
    measure: Measure = UTF_16,
    limit: int = LIMIT,
    max_parts: int = 3,
    folds: bool = True,
) -> Sequence[str]:
    """Render and check what holds for every report."""
    parts = render_pull_request(
        report, measure=measure, limit=limit, max_parts=max_parts, folds=folds
    )
    assert 1 <= len(parts) <= max_parts
    for part in parts:
        assert measure(part) <= limit
        read(part)
    return parts


def mixed() -> PullRequestReport:
    text = log("plan_mixed_create_update_replace_destroy")
    destroyed = ("terraform_data.destroy", "terraform_data.replace")
    return a_pull_request_report(
        a_report(a_run("app", counts=(2, 2, 2)), plan=text, destroyed=destroyed),
        a_report(a_run("dns", counts=(0, 0, 0)), plan=log("plan_no_changes")),
    )


def failing() -> PullRequestReport:
    return a_pull_request_report(
        a_report(a_run("app", counts=(3, 0, 0)), plan=log("plan_create_only")),
        a_report(
            a_run("broken", RunState.FAILED),
            error="╷\n│ Error: Unclosed configuration block\n│ \n│   on main.tf line 1\n╵\n",
        ),
        a_report(
            a_run(
                "locked",
                RunState.ERROR,
                job="",
                reason="Workspace acme/locked is locked in Terrakube (by @bob, see #4). "
                "Unlock it there, then say `terrakube plan` again.",
            )
        ),
        a_report(a_run("gone", RunState.CANCELLED, reason="Cancelled by the bridge.")),
    )


def going_on() -> PullRequestReport:
    waits = "It waits for job 12 of the same workspace, which is running."
    return a_pull_request_report(
        a_report(a_run("a", RunState.QUEUED, job="", trouble=waits)),
        a_report(a_run("b", RunState.RUNNING)),
        a_report(
            a_run("c", RunState.WAITING, verb=Verb.APPLY, counts=(1, 0, 1)),
            plan=a_plan(1),
            destroyed=('aws_instance.web["a b"]',),
        ),
        a_report(
            a_run("d", RunState.WAITING, verb=Verb.APPLY, created_at=NOW - timedelta(hours=7))
        ),
        a_report(a_run("e", RunState.RUNNING, cancel_requested=True)),
        a_report(a_run("f", RunState.QUEUED, job="", trouble=waits)),
    )


def merged() -> PullRequestReport:
    return a_pull_request_report(
        a_report(a_run("app", counts=(1, 0, 0)), plan=a_plan(1)),
        stale=(
            a_report(a_run("dns", counts=(0, 1, 0), commit=OLDER), plan=a_plan(1, value="old")),
        ),
        pushes=(
            a_report(
                a_run("app", counts=(1, 0, 0), verb=Verb.PUSH, applies=True), apply=log("apply_ok")
            ),
            a_report(
                a_run("net", RunState.FAILED, verb=Verb.PUSH, applies=True),
                apply=log("apply_failed_midway"),
                error="Error: local-exec provisioner error",
            ),
        ),
    )


def many(count: int = 200) -> PullRequestReport:
    return a_pull_request_report(
        *(
            a_report(
                a_run(f"workspace-{number:03}", counts=(3, 0, 0), job=str(1000 + number)),
                plan=a_plan(3, value=f"{number}"),
            )
            if number % 50
            else a_report(
                a_run(f"workspace-{number:03}", RunState.FAILED, job=str(1000 + number)),
                error=f"Error: Invalid thing {number}\n\n  on main.tf line {number}\n",
            )
            for number in range(count)
        )
    )


def told(kind: str, text: str) -> PullRequestReport:
    return a_pull_request_report(verdict=a_verdict(kind, text, workspaces=0))


GOLDEN: dict[str, Callable[[], PullRequestReport]] = {
    "mixed": mixed,
    "errors": failing,
    "going_on": going_on,
    "merged": merged,
    "hostile": lambda: a_pull_request_report(
        a_report(a_run(counts=(1, 0, 0)), plan=HOSTILE, error="Error: ```\n/close\n@acme/team")
    ),
    "multibyte": lambda: a_pull_request_report(
        a_report(a_run(counts=(2, 0, 0)), plan=a_plan(2, value="Grüße, 世界 🔑👩\u200d🚀"))
    ),
    "nothing": lambda: told(
        "nothing", "No workspace is affected: no changed file lies in a folder of one."
    ),
    "fork": lambda: told(
        "fork",
        "Somebody with write permission can allow exactly this commit:\n\n"
        f"```\nterrakube ok-to-plan {OLDER}\n```",
    ),
    "undecided": lambda: a_pull_request_report(verdict=None),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_comments_look_like_their_golden_files(
    name: str, golden: Callable[[str, str], None]
) -> None:
    (part,) = render(GOLDEN[name]())
    golden(f"{name}.md", part)


def test_a_forge_without_folds_gets_titles(golden: Callable[[str, str], None]) -> None:
    (part,) = render(mixed(), folds=False)
    assert "<" not in part.replace("```diff", "")
    golden("mixed_without_folds.md", part)


def test_three_thousand_resources(golden: Callable[[str, str], None]) -> None:
    plan = a_plan(3_000, value="long enough to fill comments", lines=2)
    report = a_pull_request_report(a_report(a_run(counts=(3_000, 0, 0)), plan=plan))
    parts = render(report)
    assert len(parts) == 3
    (body,) = texts(list(parts)).values()
    assert shown(plan).startswith(body)
    assert (
        "Plan: 3000 to add, 0 to change, 0 to destroy. `terrakube-bridge output 01JD" in parts[-1]
    )
    assert "Not everything fits" in parts[0]
    golden("three_thousand_resources.md", "\n\n=====\n\n".join(map(_outline, parts)))


def test_two_hundred_workspaces(golden: Callable[[str, str], None]) -> None:
    parts = render(many())
    whole = "\n".join(parts)
    for number in range(200):
        assert f"| `acme/workspace-{number:03}` |" in whole
        # What a plan came to is in the table; errors are there in full.
        if number % 50 == 0:
            assert f"on main.tf line {number}\n" in whole
    golden("two_hundred_workspaces.md", "\n\n=====\n\n".join(map(_outline, parts)))


def _outline(part: str) -> str:
    """Shorten a comment for a golden file: its first and last lines."""
    lines = part.split("\n")
    return "\n".join((*lines[:30], f"... {len(lines) - 60} lines ...", *lines[-30:]))


def test_what_fits_into_all_comments_is_there_in_full() -> None:
    plans = {f"w{number}": a_plan(300, value=f"value {number}") for number in range(3)}
    report = a_pull_request_report(
        *(a_report(a_run(name, counts=(300, 0, 0)), plan=plan) for name, plan in plans.items())
    )
    parts = render(report)
    assert len(parts) == 3
    assert "### Terrakube at `4b825dc6` (3/3): continued" in parts[2]
    assert list(texts(list(parts)).values()) == [shown(plan) for plan in plans.values()]


def test_a_comment_is_cut_between_resources() -> None:
    plan = a_plan(900)
    parts = render(a_pull_request_report(a_report(a_run(counts=(900, 0, 0)), plan=plan)))
    assert len(parts) > 1
    for part in parts[1:]:
        (fenced,) = read(part)
        assert fenced.body.startswith("  # terraform_data.many[")


def test_a_resource_larger_than_a_comment_is_cut_between_lines_and_says_so() -> None:
    plan = a_plan(2) + a_resource(7, lines=3_000) + "Plan: 3 to add, 0 to change, 0 to destroy.\n"
    report = a_pull_request_report(a_report(a_run(counts=(3, 0, 0)), plan=plan))
    parts = render(report, limit=40_000, max_parts=4)
    assert "_This resource goes on in the next comment._" in parts[0]
    assert list(texts(list(parts)).values()) == [shown(plan)]


def test_a_line_larger_than_a_comment_is_cut_too() -> None:
    plan = f'  # a.b will be created\n+   x = "{"é🔑" * 5_000}"\n'
    report = a_pull_request_report(a_report(a_run(), plan=plan))
    parts = render(report, limit=10_000, max_parts=9)
    (body,) = texts(list(parts)).values()
    assert body.replace("\n", "") == shown(plan).replace("\n", "")


def test_errors_come_before_plans_and_are_never_what_is_missing() -> None:
    huge = [a_report(a_run(f"a{n}", counts=(900, 0, 0)), plan=a_plan(900)) for n in range(5)]
    error = "Error: the one that matters\n" + "detail\n" * 50
    failed = a_report(a_run("z", RunState.FAILED), error=error)
    parts = render(a_pull_request_report(*huge, failed))
    first = read(parts[0])[0]
    assert (first.title, first.body) == (
        "<details open><summary>acme/z: Error: the one that matters</summary>",
        error,
    )


def test_a_table_too_long_for_links_loses_only_those() -> None:
    report = a_pull_request_report(
        *(a_report(a_run(f"workspace-{n:04}", counts=(1, 0, 0))) for n in range(900))
    )
    whole = "\n".join(render(report))
    assert whole.count("| job 17 |") == 900


def test_a_table_that_cannot_fit_says_how_many_are_missing() -> None:
    report = a_pull_request_report(
        *(a_report(a_run(f"workspace-{n:04}", counts=(1, 0, 0))) for n in range(900)),
        a_report(a_run("failed", RunState.FAILED), error="Error: x"),
    )
    whole = "\n".join(render(report, limit=8_000, max_parts=2))
    assert "| `acme/failed` | ❌ plan failed |" in whole
    rows = whole.count("| `acme/workspace-")
    assert f"and {900 - rows} workspaces more, none in a worse state" in whole


def test_a_verdict_about_an_older_head_is_not_shown() -> None:
    old = replace(a_verdict("fork", "Allow it."), head_sha=OLDER)
    (part,) = render(a_pull_request_report(verdict=old))
    assert "Allow it" not in part
    assert "about to be planned" in part


def test_three_megabytes_take_less_than_a_second_and_fifty_megabytes() -> None:
    plan = a_plan(17_500, value="naïve")
    assert len(plan.encode()) > 3_000_000
    report = a_pull_request_report(a_report(a_run(counts=(1, 0, 0)), plan=plan))
    started = time.process_time()
    render_pull_request(report, measure=UTF_16, limit=LIMIT, max_parts=3, folds=True)
    took = time.process_time() - started
    tracemalloc.start()
    render_pull_request(report, measure=UTF_16, limit=LIMIT, max_parts=3, folds=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 1
    assert peak < 50_000_000


@pytest.mark.parametrize(
    "unit", ["`", "\n", "\n\n", "  # a\n\n", " ", "~ ", "\x1b[", "│ Error", "é"]
)
def test_hostile_texts_take_linear_time(unit: str) -> None:
    report = a_pull_request_report(a_report(a_run(counts=(1, 0, 0)), plan=unit * 400_000))
    started = time.process_time()
    render(report)
    assert time.process_time() - started < 4


PIECES = st.sampled_from(
    [
        "```", "`", "~~~", "</details>", "<details>", "<script>", "@acme/team ", "/merge\n", "#1 ",
        "\n", "\n\n", "  # a.b will be created\n", "      + x = 1\n", "Plan: 1 to add.\n", "|",
        "![x](https://evil/x)", "\x1b[31m", "\u202e", "é", "🔑", "Error: ", "- a\n", "<!--", "\\",
    ]
)  # fmt: skip
DATA = st.lists(PIECES | st.text(max_size=10), max_size=40).map("".join)
BUSY: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"busy": True}, {"busy_until": NOW}, {"pull_request": PULL_REQUEST}]
)
NAMES = st.lists(PIECES | st.text(max_size=5), min_size=1, max_size=6).map("".join)


@st.composite
def hostile_reports(draw: st.DrawFn) -> PullRequestReport:
    """Draw a report in which everything that others write is hostile."""
    data, repeat = draw(DATA), draw(st.integers(1, 60))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    held = replace(a_hold(names[0], **draw(BUSY)), actor=data, web_url=data)
    texts_of_all: dict[str, Any] = {"plan": data * repeat, "error": data, "apply": data}
    reports = tuple(
        a_report(
            a_run(
                name,
                draw(st.sampled_from(RunState)),
                counts=(1, 2, 3),
                reason=data,
                trouble=f"{name} {data}",
            ),
            destroyed=(name, data),
            **texts_of_all,
        )
        for name in names
    )
    applies = tuple(
        a_report(
            an_apply(
                name,
                draw(st.sampled_from(RunState)),
                verb=draw(st.sampled_from([Verb.APPLY, Verb.DESTROY])),
                review=draw(st.sampled_from(Review)),
                actor=data,
                decided_by=data,
                delta=f"gone: {data * repeat}",
            ),
            applied=(name, data) * repeat,
            not_applied=(data,),
            queue=draw(st.sampled_from([None, a_place(held), a_place(held, repeat)])),
            **texts_of_all,
        )
        for name in draw(st.lists(NAMES, max_size=3, unique=True))
    )
    return a_pull_request_report(
        *reports,
        *applies,
        pushes=reports[:1],
        stale=(*reports[:1], *applies[:1]),
        holds=(held,),
        merging=data,
        can_apply=draw(st.booleans()),
        gates=tuple(draw(st.lists(st.sampled_from(Gate), max_size=3))),
        verdict=a_verdict(draw(st.sampled_from(["planning", "fork", "nothing", "newer"]))),
        command=draw(NAMES),
    )


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
@given(
    report=hostile_reports(),
    folds=st.booleans(),
    measure=st.sampled_from(sorted(MEASURES)),
    limit=st.integers(400, 8_000),
    max_parts=st.integers(1, 4),
)
def test_nothing_breaks_out_and_limits_hold(
    *, report: PullRequestReport, folds: bool, measure: str, limit: int, max_parts: int
) -> None:
    render(report, measure=MEASURES[measure], limit=limit, max_parts=max_parts, folds=folds)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    plans=st.lists(st.lists(DATA, max_size=30).map("".join), min_size=1, max_size=4),
    measure=st.sampled_from(sorted(MEASURES)),
    limit=st.integers(6_000, 12_000),
)
def test_joined_fences_are_the_original(plans: list[str], measure: str, limit: int) -> None:
    report = a_pull_request_report(
        *(a_report(a_run(f"w{n}", counts=(1, 0, 0)), plan=plan) for n, plan in enumerate(plans))
    )
    parts = render(report, measure=MEASURES[measure], limit=limit, max_parts=50)
    found = sorted(text for text in texts(list(parts)).values())
    assert found == sorted(shown(plan) for plan in plans if shown(plan))
