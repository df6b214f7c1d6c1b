"""Facts that tests of decisions are made of."""

from collections.abc import Sequence
from typing import Any

from bridge.decisions.bindings import bindings_of
from bridge.decisions.repositories import Matcher
from bridge.decisions.triggers import Facts
from bridge.domain.rules import Policy
from bridge.domain.terrakube import FlowStep, FlowType, Template, Workspace, WorkspaceRef
from bridge.domain.vcs import ChangedFiles

SOURCE = "https://git.example.com/acme/infra.git"
PLAN = Template(
    id="t-plan",
    name="Plan",
    organization_id="o-acme",
    flow=(FlowStep(type=FlowType.PLAN, number=100),),
)
APPLY = Template(
    id="t-apply",
    name="Plan and apply",
    organization_id="o-acme",
    flow=(
        FlowStep(type=FlowType.PLAN, number=100),
        FlowStep(type=FlowType.APPLY, number=200),
    ),
)
SCRIPTED = Template(
    id="t-cost",
    name="Plan with costs",
    organization_id="o-acme",
    flow=(
        FlowStep(type=FlowType.PLAN, number=100),
        FlowStep(type=FlowType.SCRIPTS, number=200),
    ),
)
UNREADABLE = Template(id="t-odd", name="Odd", organization_id="o-acme")


def a_workspace(name: str = "network", **changes: Any) -> Workspace:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "ref": WorkspaceRef(
            organization_id="o-acme", organization="acme", id=f"w-{name}", name=name
        ),
        "source": SOURCE,
        "branch": "main",
        "folder": f"/{name}",
        "default_template": APPLY.id,
    }
    return Workspace(**{**values, **changes})


def some_facts(
    *workspaces: Workspace,
    policy: Policy | None = None,
    templates: Sequence[Template] = (PLAN, APPLY, SCRIPTED, UNREADABLE),
    **more: Any,  # noqa: ANN401 - fields of Facts
) -> Facts:
    return Facts(
        bindings=bindings_of(workspaces, (SOURCE,), Matcher()),
        policy=policy or Policy(),
        templates={"o-acme": templates},
        **more,
    )


def files(*paths: str) -> ChangedFiles:
    return ChangedFiles(paths=paths)


UNKNOWN_FILES = ChangedFiles(paths=(), complete=False, reason="more than 3000 files")
