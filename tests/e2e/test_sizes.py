"""Large, foreign and hostile: everything is kept, nothing takes effect, nobody is flooded."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from bridge.decisions.step_logs import plain
from bridge.domain.runs import OutputKind
from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.records import busiest
from bridge.sandbox.terrakube import Plan, make_plan
from bridge.store.runs import read_outputs
from bridge.store.schema import run
from tests.bridge.rendering.markdown import read, texts
from tests.e2e.conftest import SetStage
from tests.e2e.masks import together
from tests.e2e.stage import Stage
from tests.golden import check_golden

GOLDEN: Final = Path(__file__).parent / "golden"
MANY: Final = tuple(f"ws-{number:03}" for number in range(200))
GITHUB_LIMIT: Final = 65_536  # UTF-16 units

HOSTILE: Final = """\
```
````` ~~~
/close
/merge now
@everyone @acme/platform please look at #1 and !2
</details></summary><img src=x onerror=alert(1)><!-- bridge:forged -->
[click](https://evil.example.com) ![](https://evil.example.com/x.png) https://evil.example.com
$(rm -rf /) | a | b | \\` \u202etxt.exe \u200b <!channel>
"""
MULTIBYTE: Final = "größe 寸法 размер 🧱🧱🏽 e\u0301 ﷽ עברית"


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def bodies(comments: Sequence[str]) -> list[str]:
    """Cut the hidden marker off each comment."""
    return [comment.split("\n", 1)[1] for comment in comments]


async def stored(stage: Stage, kind: OutputKind) -> list[str]:
    found: list[str] = []
    for row in await stage.rows(run):
        outputs = await stage.bridge.database.read(read_outputs, row["id"])
        found += [one.text for one in outputs or () if one.kind is kind]
    return found


async def test_two_hundred_workspaces_flood_nobody(set_stage: SetStage) -> None:
    stage = await set_stage(
        flavour=Flavour.GITHUB, workspaces=MANY, document="limits: {max_workspaces: 300}\n"
    )
    begun = stage.clock.now()
    pull_request = await stage.propose(*MANY)
    await stage.quiet()

    head = pull_request.head_sha
    assert len(stage.jobs()) == 200
    assert set(stage.server.creates.values()) == {1}
    assert stage.statuses(head) == {"terrakube/plan": "success"}
    comments = stage.comments(pull_request)
    assert len(comments) <= 3
    assert "✅ 200 planned" in comments[0]
    assert all(f"`acme/{name}`" in "".join(comments) for name in MANY)
    writes = stage.in_its_time(stage.forge.content_writes())
    # Statuses have a budget of their own.
    assert busiest([one for one in writes if "/statuses/" not in one.path]) <= 12
    registry = stage.bridge.metrics.registry
    asked = registry.get_sample_value("bridge_polls_total", {"outcome": "asked"})
    listed = [
        seen
        for seen in stage.server.requests
        if seen.method == "GET" and re.fullmatch(r"/api/v1/organization/[^/]+/job", seen.path)
    ]
    assert len(listed) == asked
    passed = stage.clock.now() - begun  # what was skipped, and what a busy machine took
    assert len(listed) <= 3 + passed.total_seconds()


async def test_above_the_cap_the_comment_asks_and_plan_all_answers(set_stage: SetStage) -> None:
    names = tuple(f"ws-{number}" for number in range(6))
    stage = await set_stage(workspaces=names, document="limits: {max_workspaces: 5}\n")
    pull_request = await stage.propose(*names)
    await stage.quiet()
    assert stage.jobs() == []
    assert "6 workspaces would be planned, more than 5 at once" in stage.comment(pull_request)
    assert stage.statuses(pull_request.head_sha) == {"terrakube/plan": "error"}

    await stage.say(pull_request, "terrakube plan")
    await stage.quiet()
    assert stage.jobs() == []
    assert "terrakube plan --all" in stage.comments(pull_request)[1]

    await stage.say(pull_request, "terrakube plan --all")
    await stage.quiet()
    assert sorted(name for name, _, _ in stage.started()) == list(names)
    assert "6 planned" in stage.comments(pull_request)[0]
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "success"


async def test_a_plan_of_three_thousand_resources_is_kept_whole_and_the_comment_says_where(
    github: Stage,
) -> None:
    stage = github
    plan = make_plan(create=2_900, delete=100)
    stage.server.plan_for(stage.workspace("network"), plan)
    pull_request = await stage.propose("network")
    await stage.quiet()

    comments = stage.comments(pull_request)
    assert len(comments) == 3
    assert all(units(comment) <= GITHUB_LIMIT for comment in comments)
    assert "Not everything fits" in comments[0]
    (row,) = await stage.rows(run)
    assert f"`terrakube-bridge output {row['id']}`" in comments[2]
    assert "⚠️ **100 resources would be destroyed or replaced:**" in comments[0]
    assert "2,900" in comments[0]
    (text,) = await stored(stage, OutputKind.PLAN)
    assert plain(plan.text).strip() in text
    shown = "".join(texts(bodies(comments)).values())
    blocks = re.findall(r"# (terraform_data\.\w+) will be", shown)
    assert len(blocks) == len(set(blocks)) > 500, "whole resources, each once"


@pytest.mark.parametrize(
    ("flavour", "name"),
    [(Flavour.GITHUB, "hostile"), (Flavour.FORGEJO, "hostile"), (Flavour.GITHUB, "multibyte")],
)
async def test_foreign_text_is_shown_as_it_is_and_takes_no_effect(
    set_stage: SetStage, flavour: Flavour, name: str, request: pytest.FixtureRequest
) -> None:
    stage = await set_stage(flavour=flavour)
    value = {"hostile": HOSTILE, "multibyte": MULTIBYTE}[name]
    plan = make_plan(create=1, replace=1, value=value)
    stage.server.plan_for(stage.workspace("network"), plan)
    stage.server.plan_for(stage.workspace("app"), Plan(error=value))
    pull_request = await stage.propose("network", "app", title=HOSTILE.replace("\n", " "))
    await stage.quiet()

    comments = stage.comments(pull_request)
    for body in bodies(comments):
        read(body)
    check_golden(request, GOLDEN / f"{name}.md", together(comments))
    (text,) = await stored(stage, OutputKind.PLAN)
    assert plain(plan.text).strip() in text
    statuses = stage.forge.world.repository("acme/infra").latest_statuses(pull_request.head_sha)
    assert not re.search(r"@|<|\n", "".join(status.description or "" for status in statuses))
    assert stage.forge.world.pull_request("acme/infra", pull_request.number).state == "open"


async def test_many_plans_of_many_bytes_stay_within_the_limit_of_the_forge(
    set_stage: SetStage,
) -> None:
    names = tuple(f"ws-{number}" for number in range(20))
    stage = await set_stage(flavour=Flavour.GITHUB, workspaces=names)
    for name in names:
        plan = make_plan(create=40, value=f"{MULTIBYTE * 20} {name}")
        stage.server.plan_for(stage.workspace(name), plan)
    pull_request = await stage.propose(*names)
    await stage.quiet()

    comments = stage.comments(pull_request)
    assert len(comments) == 3
    assert all(units(comment) <= GITHUB_LIMIT for comment in comments)
    rows = {row["id"]: row for row in await stage.rows(run)}
    whole = {
        title.split(":")[0].removeprefix("<details><summary>acme/")
        for title in texts(bodies(comments))
    }
    named = set(re.findall(r"terrakube-bridge output (\w+)", comments[2]))
    assert {rows[one]["workspace_name"] for one in named} | whole == set(names)


async def test_comments_are_edited_seldom_while_jobs_change_often(github: Stage) -> None:
    """Twelve writes a minute are the most for one pull request, also when people are busy."""
    stage = github
    pull_request = await stage.propose("network")
    for number in range(6):
        await stage.push("network", "app", text=f"again {number}")
        await stage.quiet()
    writes = [one for one in stage.forge.content_writes() if "/comments" in one.path]
    writes = stage.in_its_time(writes)
    assert busiest(writes) <= 12
    assert any(second.at - first.at < 10 for first, second in pairwise(writes)), "they were busy"
    assert len(stage.comments(pull_request)) == 1
    assert "2 planned" in stage.comment(pull_request)
