"""Everything on the server, and how it comes about: the part that needs no HTTP and no executor."""

import base64
import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bridge.sandbox.terrakube.model import (
    Entity,
    Job,
    Notifier,
    Organization,
    Sent,
    Status,
    Step,
    Team,
    Template,
    Trigger,
    Value,
    Version,
    Webhook,
    Workspace,
)
from bridge.sandbox.terrakube.resources import schema_of
from bridge.sandbox.terrakube.schema import Schema

_Named = TypeVar("_Named", Organization, Template, Workspace)

ADMIN = "admin@example.com"
INTERNAL = "Internal"
"""Who the scheduler writes as."""

DEFAULT_TEAMS: Mapping[str, str] = {
    "TERRAKUBE_ADMIN": "admin",
    "DEVELOPERS": "write",
    "PLANNERS": "plan",
    "READERS": "read",
}
"""Role by name: what a seeded organization has unless told otherwise."""

_PLAN = 'flow:\n  - type: "terraformPlan"\n    name: "Plan"\n    step: 100'
_CLI = """flow:
- type: "{type}"
  name: "{name} from Terraform CLI"
  step: 100
- type: "approval"
  name: "Approve Plan from Terraform CLI"
  step: 150
  team: "TERRAFORM_CLI"
- type: "terraformApply"
  name: "Terraform Apply from Terraform CLI"
  step: 200
"""
# What every new organization has (admin/list_templates_full).
_TEMPLATES = (
    ("Plan", "Running Terraform plan", _PLAN),
    (
        "Plan and apply",
        "Running Terraform plan and apply",
        _PLAN + '\n  - type: "terraformApply"\n    name: "Apply"\n    step: 200',
    ),
    (
        "Destroy",
        "Running Terraform destroy",
        'flow:\n  - type: "terraformDestroy"\n    name: "Destroy"\n    step: 100',
    ),
    (
        "Terraform-Plan/Apply-Cli",
        "Running Terraform apply from Terraform CLI",
        _CLI.format(type="terraformPlan", name="Terraform Plan"),
    ),
    (
        "Terraform-Plan/Destroy-Cli",
        "Running Terraform destroy from Terraform CLI",
        _CLI.format(type="terraformPlanDestroy", name="Terraform Plan Destroy"),
    ),
)


@dataclass(slots=True, kw_only=True)
class World:
    """The state of one server.

    Attributes:
        clock: Now, with a timezone.
        job_ids: The sequence; failed inserts consume numbers too.
        changed: Called after a job's status changed, with the job.
        creates: How many jobs were made per value of ``comments``.
    """

    version: Version
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    organizations: dict[str | int, Organization] = field(default_factory=dict)
    workspaces: dict[str | int, Workspace] = field(default_factory=dict)
    templates: dict[str | int, Template] = field(default_factory=dict)
    jobs: dict[str | int, Job] = field(default_factory=dict)
    steps: dict[str | int, Step] = field(default_factory=dict)
    notifiers: dict[str | int, Notifier] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    job_ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    changed: Callable[[Job], None] = lambda _: None
    creates: Counter[str] = field(default_factory=Counter)
    schema: Schema = field(init=False)

    def __post_init__(self) -> None:
        self.schema = schema_of(self.version)

    @property
    def is_beta(self) -> bool:
        """Whether the beta is played."""
        return self.version is Version.BETA

    def roots(self, name: str) -> Mapping[str | int, Entity] | None:
        """A collection at the root of the API, by its type."""
        collections: dict[str, Mapping[str | int, Entity]] = {
            "organization": self.organizations,
            "workspace": self.workspaces,
            "step": self.steps,
            "notification_configuration": self.notifiers,
        }
        known = name in self.schema and self.schema[name].root
        return collections.get(name) if known else None

    def find(self, type_: str, id_: str | int) -> Entity | None:
        """Any entity by type and id, wherever it hangs."""
        everything: dict[str, Mapping[str | int, Entity]] = {
            "organization": self.organizations,
            "workspace": self.workspaces,
            "template": self.templates,
            "job": self.jobs,
            "step": self.steps,
            "notification_configuration": self.notifiers,
        }
        return everything.get(type_, {}).get(id_)

    def add_organization(
        self, name: str, *, by: str = ADMIN, teams: Mapping[str, str] | None = None, **more: Value
    ) -> Organization:
        """An organization without templates yet; *teams* are roles by name."""
        made = Organization(**self._audit(by, more), name=name, **more)
        self.organizations[made.id] = made
        for team, role in (teams or {}).items():
            self.add_team(made, team, role=role)
        return made

    def add_default_templates(self, organization: Organization) -> None:
        """What every new organization gets, a moment after the answer to its creation."""
        by = organization.created_by
        for title, description, text in _TEMPLATES:
            self.add_template(organization, title, text, description=description, by=by)

    def add_team(self, organization: Organization, name: str, **more: Value) -> Team:
        """A team; *more* holds its role and, for role custom, flags."""
        more.setdefault("role", "custom")
        made = Team(**self._audit(ADMIN, more), organization=organization, name=name, **more)
        organization.teams[made.id] = made
        return made

    def add_template(
        self, organization: Organization, name: str, text: str, *, by: str = ADMIN, **more: Value
    ) -> Template:
        """A template whose flow is the YAML *text*."""
        tcl = more.pop("tcl", None) or base64.b64encode(text.encode()).decode("ascii")
        more.setdefault("description", name)
        made = Template(
            **self._audit(by, more), organization=organization, name=name, tcl=tcl, **more
        )
        self.templates[made.id] = organization.templates[made.id] = made
        return made

    def add_workspace(
        self,
        organization: Organization,
        name: str,
        *,
        source: str,
        branch: str = "main",
        by: str = ADMIN,
        **more: Value,
    ) -> Workspace:
        """A workspace; *more* are attributes of ``Workspace``."""
        made = Workspace(
            **self._audit(by, more),
            organization=organization,
            name=name,
            source=source,
            branch=branch,
            **more,
        )
        self.workspaces[made.id] = organization.workspaces[made.id] = made
        return made

    def add_webhook(self, workspace: Workspace) -> Webhook:
        """Give *workspace* a native webhook: Terrakube would start jobs by itself."""
        workspace.webhook = Webhook(**self._audit(ADMIN, {}), workspace=workspace)
        return workspace.webhook

    def add_notifier(
        self, organization: Organization, *, by: str = ADMIN, **more: Value
    ) -> Notifier:
        """A notification configuration without triggers yet."""
        made = Notifier(**self._audit(by, more), organization=organization, **more)
        self.notifiers[made.id] = made
        owner = made.workspace or organization
        owner.notifiers[made.id] = made
        return made

    def add_trigger(
        self, notifier: Notifier, status: Status, *, by: str = ADMIN, **more: Value
    ) -> Trigger:
        """Make *notifier* speak about *status*."""
        made = Trigger(**self._audit(by, more), configuration=notifier, job_status=status, **more)
        notifier.triggers[made.id] = made
        return made

    def add_job(
        self, organization: Organization, workspace: Workspace, *, by: str = ADMIN, **more: Value
    ) -> Job:
        """A job as POST makes it; *more* are attributes of ``Job``."""
        more["id"] = more.get("id") or next(self.job_ids)
        audit = self._audit(by, more)
        made = Job(**audit, organization=organization, workspace=workspace, **more)
        self.jobs[made.id] = organization.jobs[made.id] = workspace.jobs[made.id] = made
        self.creates[made.comments or ""] += 1
        self.touch(made)
        return made

    def add_step(self, job: Job, number: int, name: str, **more: Value) -> Step:
        """A step of *job*."""
        made = Step(**self._audit(INTERNAL, more), job=job, step_number=number, name=name, **more)
        self.steps[made.id] = job.steps[made.id] = made
        return made

    def set_status(self, job: Job, status: Status, *, by: str = INTERNAL) -> None:
        """Change a job's status, and tell who wants to know."""
        job.status = status
        self.touch(job, by=by)
        self.changed(job)

    def flicker(self, job: Job, seconds: float) -> None:
        """Show *job* as failed for so long, whatever it is."""
        job.flicker_until = self.clock() + timedelta(seconds=seconds)

    def touch(self, job: Job, *, by: str | None = None) -> None:
        """Note who changed a job; its workspace shows the job touched last, not the newest."""
        now = self.clock()
        job.updated_date = now
        job.updated_by = by or job.updated_by
        job.workspace.last_job_status = str(job.status)
        job.workspace.last_job_date = now

    def delete_job(self, job: Job) -> None:
        """Remove a job and its steps, without a trace."""
        for step in job.steps:
            self.steps.pop(step, None)
        for jobs in (self.jobs, job.organization.jobs, job.workspace.jobs):
            jobs.pop(job.id, None)

    def organization(self, name: str) -> Organization:
        """An organization by name; KeyError without it."""
        return _named(self.organizations, name)

    def workspace(self, organization: str, name: str) -> Workspace:
        """A workspace by names; KeyError without it."""
        return _named(self.organization(organization).workspaces, name)

    def template(self, organization: str, name: str) -> Template:
        """A template by names; KeyError without it."""
        return _named(self.organization(organization).templates, name)

    def _audit(self, by: str, more: dict[str, Any]) -> dict[str, Any]:
        now = self.clock()
        return {
            "id": more.pop("id", None) or str(uuid.uuid4()),
            "created_by": by,
            "created_date": more.pop("created_date", None) or now,
            "updated_by": more.pop("updated_by", None) or by,
            "updated_date": more.pop("updated_date", None) or now,
        }


def organization_of(entity: Entity) -> Organization | None:
    """The organization that decides who may do something with *entity*."""
    match entity:
        case Organization():
            return entity
        case Step(job=job):
            return job.organization
        case Trigger(configuration=configuration):
            return configuration.organization
        case Webhook(workspace=workspace):
            return workspace.organization
        case _:
            owner: Organization | None = getattr(entity, "organization", None)
            return owner


def _named(entities: Mapping[str | int, _Named], name: str) -> _Named:
    for entity in entities.values():
        if entity.name == name:
            return entity
    raise KeyError(name)
