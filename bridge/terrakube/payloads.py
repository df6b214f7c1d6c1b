"""What Terrakube sends, as pydantic models; private to this package.

Only what the bridge reads is named. Unknown attributes are kept, unknown words stay text: a newer
server may say more than this version knows.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from bridge.domain.terrakube import (
    Job,
    Organization,
    Permissions,
    Step,
    Template,
    Workspace,
    WorkspaceRef,
)
from bridge.terrakube.tcl import read_flow

_UNPUBLISHED = frozenset({"terraformPlan"})
"""Attributes that are kept nowhere: a path on the server (contract section 6.2)."""


class Wire(BaseModel):
    """Something Terrakube sends; unknown attributes are left out unless a model says otherwise."""

    model_config = ConfigDict(
        alias_generator=to_camel, coerce_numbers_to_str=True, extra="ignore", frozen=True
    )


def _moment_or_none(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
"""Text that a server may leave null."""
Moment = Annotated[datetime | None, BeforeValidator(_moment_or_none)]
"""``yyyy-MM-ddTHH:mmZ``; None when absent or written otherwise."""
Flag = Annotated[bool, BeforeValidator(lambda value: False if value is None else value)]


class Identifier(Wire):
    """A JSON:API resource identifier."""

    type: str
    id: str


class Relationship(Wire):
    """Linkage: one identifier, several, or None."""

    data: list[Identifier] | Identifier | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The linked ids; empty for none."""
        match self.data:
            case None:
                return ()
            case Identifier():
                return (self.data.id,)
            case _:
                return tuple(one.id for one in self.data)


class Resource(Wire):
    """A JSON:API resource; a sparse answer may leave attributes and relationships out."""

    type: str
    id: str
    attributes: dict[str, Any] = Field(default_factory=dict)
    relationships: dict[str, Relationship] = Field(default_factory=dict)

    def linked(self, relationship: str) -> tuple[str, ...]:
        """Return the linked ids of *relationship*; empty when it was not sent."""
        found = self.relationships.get(relationship)
        return found.ids if found else ()

    def first(self, relationship: str) -> str:
        """Return the linked id of a to-one *relationship*; empty for none."""
        return next(iter(self.linked(relationship)), "")


class Document(Wire):
    """A JSON:API document."""

    data: list[Resource] | Resource | None = None
    included: list[Resource] = Field(default_factory=list)

    @property
    def rows(self) -> list[Resource]:
        """What was asked for, one or many."""
        match self.data:
            case None:
                return []
            case Resource():
                return [self.data]
            case _:
                return self.data

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the included resources of a type by id."""
        return {row.id: row for row in self.included if row.type == kind}


class _JobAttributes(Wire):
    model_config = ConfigDict(extra="allow")

    status: Text = ""
    template_reference: Text = ""
    comments: Text = ""
    commit_id: str | None = None
    override_branch: str | None = None
    plan_changes: bool | None = True
    approval_team: str | None = None
    output: Text = ""
    tcl: str | None = None
    via: Text = ""
    refresh: bool | None = True
    refresh_only: Flag = False
    target_addrs: list[str] | None = None
    replace_addrs: list[str] | None = None
    created_by: Text = ""
    created_date: Moment = None
    updated_date: Moment = None


class _StepAttributes(Wire):
    name: Text = ""
    status: Text = ""
    step_number: int | None = 0


class _WorkspaceAttributes(Wire):
    name: Text = ""
    source: Text = ""
    branch: Text = ""
    folder: Text = ""
    locked: Flag = False
    lock_description: Text = ""
    default_template: Text = ""
    execution_mode: Text = ""
    iac_type: Text = ""
    terraform_version: Text = ""
    last_job_status: Text = ""


class _TemplateAttributes(Wire):
    name: Text = ""
    description: Text = ""
    version: Text = ""
    tcl: str | None = None


class _Named(Wire):
    name: Text = ""


class _Permissions(Wire):
    plan_job: Flag = False
    approve_job: Flag = False
    manage_job: Flag = False
    manage_workspace: Flag = False
    manage_template: Flag = False


_Model = TypeVar("_Model", bound=Wire)


def parse(model: type[_Model], value: object) -> _Model:
    """Check *value* against a model; ValueError when it is something else."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"{where or 'the answer'}: {first['msg']}"
        raise ValueError(msg) from error


def job_of(row: Resource, steps: Mapping[str, Resource], *, organization_id: str) -> Job:
    """Translate a job and those of *steps* that it links to."""
    read = parse(_JobAttributes, row.attributes)
    mine = [steps[step_id] for step_id in row.linked("step") if step_id in steps]
    extra = {
        name: value for name, value in (read.model_extra or {}).items() if name not in _UNPUBLISHED
    }
    return Job(
        id=row.id,
        status=read.status,
        organization_id=row.first("organization") or organization_id,
        workspace_id=row.first("workspace"),
        template_reference=read.template_reference,
        comments=read.comments,
        commit_id=read.commit_id,
        override_branch=read.override_branch,
        plan_changes=read.plan_changes is not False,
        approval_team=read.approval_team,
        output=read.output,
        tcl=read.tcl,
        via=read.via,
        refresh=read.refresh is not False,
        refresh_only=read.refresh_only,
        target_addrs=tuple(read.target_addrs or ()),
        replace_addrs=tuple(read.replace_addrs or ()),
        created_by=read.created_by,
        created_at=read.created_date,
        updated_at=read.updated_date,
        steps=steps_of(mine),
        extra=extra or None,
    )


def jobs_of(document: Document, *, organization_id: str) -> list[Job]:
    """Translate the jobs of a document with their included steps."""
    steps = document.of_type("step")
    return [job_of(row, steps, organization_id=organization_id) for row in document.rows]


def steps_of(rows: Iterable[Resource]) -> tuple[Step, ...]:
    """Translate steps and put them in order: Terrakube sends them in none."""
    steps = []
    for row in rows:
        read = parse(_StepAttributes, row.attributes)
        steps.append(
            Step(id=row.id, number=read.step_number or 0, name=read.name, status=read.status)
        )
    return tuple(sorted(steps, key=lambda step: (step.number, step.id)))


def organization_of(row: Resource) -> Organization:
    """Translate an organization."""
    return Organization(id=row.id, name=parse(_Named, row.attributes).name)


def workspace_of(row: Resource, organization: Organization) -> Workspace:
    """Translate a workspace of *organization*."""
    read = parse(_WorkspaceAttributes, row.attributes)
    return Workspace(
        ref=WorkspaceRef(
            organization_id=organization.id,
            organization=organization.name,
            id=row.id,
            name=read.name,
        ),
        source=read.source,
        branch=read.branch,
        folder=read.folder,
        locked=read.locked,
        lock_description=read.lock_description,
        default_template=read.default_template,
        execution_mode=read.execution_mode or "remote",
        iac_type=read.iac_type or "terraform",
        terraform_version=read.terraform_version,
        native_webhook=bool(row.linked("webhook")),
        last_job_status=read.last_job_status,
    )


def template_of(row: Resource, organization_id: str) -> Template:
    """Translate a template; its flow is None when it was not read or is no TCL."""
    read = parse(_TemplateAttributes, row.attributes)
    return Template(
        id=row.id,
        name=read.name,
        organization_id=organization_id,
        description=read.description,
        version=read.version,
        flow=read_flow(read.tcl),
    )


def permissions_of(value: object) -> Permissions:
    """Translate the server's own answer to what a token may do."""
    read = parse(_Permissions, value)
    return Permissions(
        plan_job=read.plan_job,
        approve_job=read.approve_job,
        manage_job=read.manage_job,
        manage_workspace=read.manage_workspace,
        manage_template=read.manage_template,
    )
