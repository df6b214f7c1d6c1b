"""Whose job it is."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.decisions.adopting import is_of_run, jobs_of_run
from bridge.domain.runs import Run, RunPhase, TemplateChoice
from bridge.domain.terrakube import Job, Step
from tests.bridge.store.rows import HEAD, OLD_HEAD, a_request
from tests.fakes.runs import NOON, a_run

TCL = "flow:\n  - type: terraformPlan\n"
RUN = a_run(a_request(), phase=RunPhase.UNKNOWN)
INLINE = replace(
    RUN, request=replace(RUN.request, template=TemplateChoice(reference="built-in", tcl=TCL))
)
TAGGED = replace(RUN, request=replace(RUN.request, tag="v1"))
BY_NAME = replace(RUN, request=replace(RUN.request, template=TemplateChoice(reference="Plan")))
FAILED = Step(id="s-1", number=100, name="Plan", status="failed")


def a_job(**changes: Any) -> Job:  # noqa: ANN401 - its fields
    job = Job(
        id="7",
        status="pending",
        organization_id="o-1",
        workspace_id="w-network",
        template_reference="t-1",
        comments=f"{RUN.key} plan acme/infra#3 by ada",
        commit_id=HEAD,
        created_at=NOON,
    )
    return replace(job, **changes)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("run", "changes", "expected"),
    [
        pytest.param(RUN, {}, True, id="as it was sent"),
        pytest.param(RUN, {"comments": RUN.key}, True, id="key alone"),
        pytest.param(RUN, {"comments": f"{RUN.key}0 x"}, False, id="longer key"),
        pytest.param(RUN, {"comments": f"see {RUN.key}"}, False, id="key not first"),
        pytest.param(RUN, {"workspace_id": "w-other"}, False, id="another workspace"),
        pytest.param(RUN, {"commit_id": OLD_HEAD}, False, id="another commit"),
        pytest.param(RUN, {"commit_id": HEAD[:12]}, False, id="shortened commit"),
        pytest.param(RUN, {"commit_id": None}, False, id="no commit"),
        pytest.param(RUN, {"commit_id": ""}, False, id="empty commit before it began"),
        pytest.param(
            RUN, {"commit_id": "", "steps": (FAILED,)}, True, id="commit forgotten by the executor"
        ),
        pytest.param(RUN, {"template_reference": "t-9"}, False, id="another template"),
        pytest.param(RUN, {"template_reference": ""}, False, id="no template"),
        pytest.param(RUN, {"tcl": encoded(TCL)}, True, id="template with its copy of the flow"),
        pytest.param(RUN, {"override_branch": ""}, True, id="empty branch"),
        pytest.param(RUN, {"override_branch": "evil"}, False, id="another branch"),
        pytest.param(TAGGED, {"override_branch": "v1"}, True, id="tag"),
        pytest.param(TAGGED, {}, False, id="tag missing"),
        pytest.param(BY_NAME, {}, True, id="template not known by id"),
        pytest.param(BY_NAME, {"template_reference": ""}, False, id="inline for a stored one"),
        pytest.param(RUN, {"created_at": NOON - timedelta(minutes=4)}, True, id="clocks differ"),
        pytest.param(RUN, {"created_at": NOON - timedelta(minutes=6)}, False, id="before intent"),
        pytest.param(RUN, {"created_at": None}, True, id="date not read"),
        pytest.param(INLINE, {}, False, id="template instead of inline"),
        pytest.param(INLINE, {"template_reference": "", "tcl": None}, True, id="inline, no copy"),
        pytest.param(
            INLINE, {"template_reference": "", "tcl": encoded(TCL)}, True, id="inline, same"
        ),
        pytest.param(
            INLINE, {"template_reference": "", "tcl": encoded("x")}, False, id="inline, another"
        ),
        pytest.param(
            INLINE, {"template_reference": "", "tcl": "no base64"}, False, id="inline, garbage"
        ),
    ],
)
def test_more_than_the_key_must_fit(run: Run, changes: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a case
    assert is_of_run(run, a_job(**changes)) is expected


def test_the_oldest_comes_first_by_number() -> None:
    jobs = [a_job(id="10"), a_job(id="9"), a_job(id="8", workspace_id="w-other")]
    assert [job.id for job in jobs_of_run(RUN, jobs)] == ["9", "10"]
