"""Terrakube in memory: implements the port, moves jobs as told, refuses what the server would.

It knows the port only. A test says what the server holds (``add_workspace``, ``add_template``),
lets the bridge act, and then plays the executor: ``start``, ``wait_for_approval``, ``complete``,
``fail``... Every answer is a snapshot: what was handed out does not change later.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bridge.domain.errors import (
    JobStateError,
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.terrakube import (
    TERMINAL,
    FlowStep,
    FlowType,
    Job,
    JobContext,
    JobRequest,
    JobStatus,
    Organization,
    Permissions,
    ServerFeatures,
    Step,
    Template,
    Workspace,
    WorkspaceRef,
)
from bridge.ports import Clock
from tests.fakes.clock import FakeClock

ACME = Organization(id="0ac0e000-0000-4000-8000-000000000001", name="acme")
PLAN_FLOW = (FlowStep(type=FlowType.PLAN, number=100, name="Plan"),)
APPLY_FLOW = (*PLAN_FLOW, FlowStep(type=FlowType.APPLY, number=200, name="Apply"))
APPROVED_FLOW = (
    *PLAN_FLOW,
    FlowStep(type=FlowType.APPROVAL, number=150, name="Approve", team="terrakube-bridge"),
    FlowStep(type=FlowType.APPLY, number=200, name="Apply"),
)
ALLOWED = Permissions(
    plan_job=True, approve_job=True, manage_job=True, manage_workspace=True, manage_template=True
)
NOTHING = JobContext(plans={}, applies={}, diagnostics={})
SELF = "bridge@example.com"


@dataclass(slots=True)
class FakeJobServer:
    """Set the fields to say what Terrakube holds; read them to see what was asked.

    Attributes:
        calls: Each call as (method, first arguments...), in order.
        failures: By method name, raised by its next calls, in order, before anything happens.
        lost_answers: By method name (``create_job``, ``approve_job``, ``reject_job``,
            ``cancel_job``), raised after it happened.
        known: Jobs by id.
        logs: By (job id, step id).
        inline_flow: Flow of a job with inline TCL: the fake reads no YAML.
        me: ``createdBy`` of the jobs made through the port.
    """

    clock: Clock = field(default_factory=FakeClock)
    orgs: dict[str, Organization] = field(default_factory=lambda: {ACME.id: ACME})
    spaces: dict[str, Workspace] = field(default_factory=dict)
    stored_templates: dict[str, Template] = field(default_factory=dict)
    known: dict[str, Job] = field(default_factory=dict)
    flows: dict[str, tuple[FlowStep, ...]] = field(default_factory=dict)
    logs: dict[tuple[str, str], str] = field(default_factory=dict)
    contexts: dict[str, JobContext] = field(default_factory=dict)
    allowed: Permissions = ALLOWED
    has_targets: bool = True
    inline_flow: tuple[FlowStep, ...] = APPROVED_FLOW
    me: str = SELF
    calls: list[tuple[str, ...]] = field(default_factory=list)
    requests: list[JobRequest] = field(default_factory=list)
    failures: dict[str, list[RemoteError]] = field(default_factory=dict)
    lost_answers: dict[str, list[RemoteError]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    """Ids that :meth:`jobs` leaves out although they exist."""
    next_id: int = 1

    # What the bridge calls.

    async def organizations(self) -> Sequence[Organization]:
        self._called("organizations")
        return list(self.orgs.values())

    async def workspaces(self, organization: Organization) -> Sequence[Workspace]:
        self._called("workspaces", organization.id)
        self._organization(organization.id)
        return sorted(
            (one for one in self.spaces.values() if one.ref.organization_id == organization.id),
            key=lambda one: one.ref.name,
        )

    async def workspace(self, ref: WorkspaceRef) -> Workspace:
        self._called("workspace", ref.id)
        return self._workspace(ref)

    async def templates(self, organization_id: str) -> Sequence[Template]:
        self._called("templates", organization_id)
        self._organization(organization_id)
        return [
            one for one in self.stored_templates.values() if one.organization_id == organization_id
        ]

    async def permissions(self, organization_id: str) -> Permissions:
        self._called("permissions", organization_id)
        return self.allowed

    async def features(self) -> ServerFeatures:
        self._called("features")
        return ServerFeatures(targets=self.has_targets, notifications=self.has_targets)

    async def create_job(self, request: JobRequest) -> Job:
        self._called("create_job", request.comments)
        _check_request(request)
        self.requests.append(request)
        self._refuse(request)
        job = self._new_job(request)
        self._lose_answer("create_job")
        return job

    async def jobs_with_key(self, organization_id: str, key: str) -> Sequence[Job]:
        self._called("jobs_with_key", organization_id, key)
        assert key, "an empty key would match every job"
        assert not set(key) & set("*'\" "), f"{key!r} is no word"
        return [
            job
            for job in self._oldest_first(organization_id)
            if job.comments.split(" ", 1)[0] == key and job.created_by == self.me
        ]

    async def jobs(self, organization_id: str, ids: Sequence[str]) -> Sequence[Job]:
        self._called("jobs", organization_id, *ids)
        assert ids, "Terrakube refuses an empty list"
        assert len(ids) <= 400, "longer id lists are cut without a sign"
        wanted = set(ids) - self.hidden
        return [job for job in self._oldest_first(organization_id) if job.id in wanted]

    async def open_jobs(self, organization_id: str) -> Sequence[Job]:
        self._called("open_jobs", organization_id)
        self._organization(organization_id)
        return [j for j in self._oldest_first(organization_id) if j.status not in TERMINAL]

    async def job(self, organization_id: str, job_id: str) -> Job:
        self._called("job", organization_id, job_id)
        return self._job(organization_id, job_id)

    async def cancel_job(self, organization_id: str, job_id: str) -> Job:
        self._called("cancel_job", organization_id, job_id)
        job = self._job(organization_id, job_id)
        if job.status in TERMINAL:
            return job
        self.cancel(job_id)
        self._lose_answer("cancel_job")
        return self.known[job_id]

    async def approve_job(self, organization_id: str, job_id: str) -> Job:
        self._called("approve_job", organization_id, job_id)
        self._waiting_job(organization_id, job_id)
        self.approve(job_id)
        self._lose_answer("approve_job")
        return self.known[job_id]

    async def reject_job(self, organization_id: str, job_id: str) -> Job:
        self._called("reject_job", organization_id, job_id)
        self._waiting_job(organization_id, job_id)
        self.reject(job_id)
        self._lose_answer("reject_job")
        return self.known[job_id]

    async def step_log(self, organization_id: str, job_id: str, step_id: str) -> str:
        self._called("step_log", organization_id, job_id, step_id)
        return self.logs.get((job_id, step_id), "")

    async def context(self, job_id: str) -> JobContext:
        self._called("context", job_id)
        return self.contexts.get(job_id, NOTHING)

    def job_url(self, workspace: WorkspaceRef, job_id: str) -> str:
        return (
            "https://terrakube.example.com/organizations/"
            f"{workspace.organization_id}/workspaces/{workspace.id}/runs/{job_id}"
        )

    # What Terrakube holds.

    def add_organization(self, name: str) -> Organization:
        """Add an organization."""
        organization = Organization(id=_uuid("0e", len(self.orgs) + 1), name=name)
        self.orgs[organization.id] = organization
        return organization

    def add_workspace(
        self,
        name: str,
        *,
        organization: Organization = ACME,
        source: str = "https://git.example.com/acme/infra.git",
        branch: str = "main",
        folder: str = "/",
        **more: object,
    ) -> Workspace:
        """Add a workspace; *more* are fields of Workspace."""
        ref = WorkspaceRef(
            organization_id=organization.id,
            organization=organization.name,
            id=_uuid("a0", len(self.spaces) + 1),
            name=name,
        )
        space: Workspace = replace(
            Workspace(ref=ref, source=source, branch=branch, folder=folder),
            **more,  # type: ignore[arg-type]  # named by each test
        )
        self.spaces[ref.id] = space
        return space

    def add_template(
        self,
        name: str = "Plan",
        *,
        organization: Organization = ACME,
        flow: tuple[FlowStep, ...] | None = PLAN_FLOW,
    ) -> Template:
        """Add a stored template; with *flow* None its text cannot be read and jobs hang."""
        template = Template(
            id=_uuid("7e", len(self.stored_templates) + 1),
            name=name,
            organization_id=organization.id,
            flow=flow,
        )
        self.stored_templates[template.id] = template
        return template

    def lock(self, workspace: Workspace, description: str = "") -> None:
        """Lock a workspace: it takes jobs, and they stay pending."""
        self.spaces[workspace.ref.id] = replace(
            self.spaces[workspace.ref.id], locked=True, lock_description=description
        )

    def unlock(self, workspace: Workspace) -> None:
        """Unlock a workspace."""
        self.spaces[workspace.ref.id] = replace(
            self.spaces[workspace.ref.id], locked=False, lock_description=""
        )

    def add_job(self, workspace: WorkspaceRef, **fields: object) -> Job:
        """Add a job that somebody else made; *fields* are fields of Job."""
        now = self._minute()
        fields = {"created_by": "mallory@example.com", "status": JobStatus.PENDING} | fields
        job = Job(
            id=self._take_id(),
            organization_id=workspace.organization_id,
            workspace_id=workspace.id,
            created_at=now,
            updated_at=now,
            **fields,  # type: ignore[arg-type]  # named by each test
        )
        self.known[job.id] = job
        return job

    # What executor and people do.

    def start(self, job_id: str, step: int = 0) -> Job:
        """Let the *step*-th step run; those before it are completed."""
        return self._put(job_id, JobStatus.RUNNING, self._steps_at(job_id, step, "running"))

    def wait_for_approval(self, job_id: str, which: int = 1) -> Job:
        """Complete what comes before an approval step, the *which*-th, and wait there."""
        flow = self._flow(job_id)
        approvals = [i for i, step in enumerate(flow) if step.type == FlowType.APPROVAL]
        index = approvals[which - 1]
        job = self._put(
            job_id, JobStatus.WAITING_APPROVAL, self._steps_at(job_id, index, "pending")
        )
        self.known[job_id] = replace(job, approval_team=flow[index].team or None)
        return self.known[job_id]

    def approve(self, job_id: str) -> Job:
        """Approve a waiting job, as somebody could in Terrakube."""
        job = self.known[job_id]
        assert job.status == JobStatus.WAITING_APPROVAL, f"job {job_id} is {job.status}"
        self.known[job_id] = replace(job, approval_team="")
        return self._put(job_id, JobStatus.APPROVED, job.steps)

    def reject(self, job_id: str) -> Job:
        """Reject a waiting job: what had not run yet reads failed."""
        job = self.known[job_id]
        assert job.status == JobStatus.WAITING_APPROVAL, f"job {job_id} is {job.status}"
        return self._put(job_id, JobStatus.REJECTED, _left(job.steps, "failed"))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; terraform is not stopped by it."""
        return self._put(job_id, JobStatus.CANCELLED, _left(self.known[job_id].steps, "cancelled"))

    def complete(self, job_id: str, *, changes: bool = True) -> Job:
        """End a job well; without changes the steps after the plan are not executed."""
        steps = tuple(
            replace(step, status="completed" if changes or index == 0 else "notExecuted")
            for index, step in enumerate(self._steps(job_id))
        )
        job = self._put(job_id, JobStatus.COMPLETED, steps)
        self.known[job_id] = replace(job, plan_changes=changes)
        return self.known[job_id]

    def fail(self, job_id: str, step: int = 0, *, output: str = "") -> Job:
        """Let the *step*-th step fail; ``planChanges`` stays true, as Terrakube leaves it."""
        steps = self._steps_at(job_id, step, "failed")
        job = self._put(job_id, JobStatus.FAILED, _left(steps, "failed"))
        self.known[job_id] = replace(job, output=output)
        return self.known[job_id]

    def expire(self, job_id: str) -> Job:
        """Fail an open job as Terrakube does six hours after its creation: without a word."""
        return self._put(job_id, JobStatus.FAILED, _left(self.known[job_id].steps, "failed"))

    def delete(self, job_id: str) -> None:
        """Delete a job, as somebody could in Terrakube."""
        del self.known[job_id]

    def say(self, job_id: str, text: str, step: int = 0) -> None:
        """Set the log of the *step*-th step."""
        self.logs[job_id, self._steps(job_id)[step].id] = text

    def count(self, method: str) -> int:
        """How often a method was called."""
        return sum(call[0] == method for call in self.calls)

    # Inside.

    def _called(self, method: str, *arguments: str) -> None:
        self.calls.append((method, *arguments))
        waiting = self.failures.get(method, [])
        if waiting:
            raise waiting.pop(0)

    def _lose_answer(self, method: str) -> None:
        waiting = self.lost_answers.get(method, [])
        if waiting:
            raise waiting.pop(0)

    def _refuse(self, request: JobRequest) -> None:
        self._workspace(request.workspace)
        service = "terrakube"
        if not self.allowed.plan_job:
            msg = "POST job: the token may not start jobs here"
            raise NotAllowedError(msg, service=service, status=403)
        if len(request.comments) > 512:
            msg = "POST job: answered 423"
            raise TemporaryRemoteError(msg, service=service, status=423)
        if (request.target_addrs or request.replace_addrs) and not self.has_targets:
            msg = "POST job: Unknown attribute targetAddrs in job"
            raise PermanentRemoteError(msg, service=service, status=404)

    def _new_job(self, request: JobRequest) -> Job:
        job = self.add_job(
            request.workspace,
            template_reference=request.template_id or "",
            tcl=base64.b64encode(request.tcl.encode()).decode() if request.tcl else None,
            comments=request.comments,
            commit_id=request.commit_id,
            override_branch=request.override_branch,
            refresh=request.refresh,
            refresh_only=request.refresh_only,
            target_addrs=request.target_addrs,
            replace_addrs=request.replace_addrs,
            created_by=self.me,
            via="UI",
        )
        template = self.stored_templates.get(request.template_id or "")
        flow = self.inline_flow if request.tcl else template.flow if template else None
        if flow is not None:
            self.flows[job.id] = flow
        return job

    def _flow(self, job_id: str) -> tuple[FlowStep, ...]:
        assert job_id in self.flows, f"job {job_id} has no template that exists: it never runs"
        return self.flows[job_id]

    def _steps(self, job_id: str) -> tuple[Step, ...]:
        """Return a job's steps; they appear with its first step that runs."""
        if not self.known[job_id].steps:
            steps = tuple(
                Step(
                    id=_uuid("5e", int(job_id) * 1000 + step.number),
                    number=step.number,
                    name=step.name,
                    status="pending",
                )
                for step in self._flow(job_id)
            )
            self.known[job_id] = replace(self.known[job_id], steps=steps)
        return self.known[job_id].steps

    def _steps_at(self, job_id: str, at: int, status: str) -> tuple[Step, ...]:
        def status_of(index: int) -> str:
            return "completed" if index < at else status if index == at else "pending"

        steps = enumerate(self._steps(job_id))
        return tuple(replace(step, status=status_of(index)) for index, step in steps)

    def _put(self, job_id: str, status: str, steps: tuple[Step, ...]) -> Job:
        job = self.known[job_id]
        space = self.spaces[job.workspace_id]
        goes_on = status not in {*TERMINAL, JobStatus.APPROVED}
        assert not (space.locked and goes_on), f"{space.ref} is locked: job {job_id} stays pending"
        self.known[job_id] = replace(job, status=status, steps=steps, updated_at=self._minute())
        return self.known[job_id]

    def _workspace(self, ref: WorkspaceRef) -> Workspace:
        if ref.id not in self.spaces:
            msg = f"workspace {ref}: it does not exist"
            raise NotFoundError(msg, service="terrakube", status=404)
        return self.spaces[ref.id]

    def _organization(self, organization_id: str) -> None:
        if organization_id not in self.orgs:
            msg = f"organization {organization_id}: it does not exist"
            raise NotFoundError(msg, service="terrakube", status=404)

    def _job(self, organization_id: str, job_id: str) -> Job:
        job = self.known.get(job_id)
        if job is None or job.organization_id != organization_id:
            msg = f"job {job_id}: it does not exist"
            raise NotFoundError(msg, service="terrakube", status=404)
        return job

    def _waiting_job(self, organization_id: str, job_id: str) -> None:
        job = self._job(organization_id, job_id)
        if not self.allowed.approve_job:
            msg = f"PATCH job {job_id}: the token may not approve jobs here"
            raise NotAllowedError(msg, service="terrakube", status=403)
        if job.status != JobStatus.WAITING_APPROVAL:
            msg = f"job {job_id} is {job.status}: it does not wait for an approval"
            raise JobStateError(msg)

    def _oldest_first(self, organization_id: str) -> list[Job]:
        found = (job for job in self.known.values() if job.organization_id == organization_id)
        return sorted(found, key=lambda job: int(job.id))

    def _take_id(self) -> str:
        self.next_id += 1
        return str(self.next_id - 1)

    def _minute(self) -> datetime:
        # Terrakube's dates are precise to the minute.
        return self.clock.now().replace(second=0, microsecond=0)


def unavailable(method: str = "GET job") -> TemporaryRemoteError:
    """Make the error of a server that does not answer."""
    return TemporaryRemoteError(f"{method}: no answer in 30 s", service="terrakube")


def _check_request(request: JobRequest) -> None:
    assert (request.template_id is None) != (request.tcl is None), "a template or TCL, not both"
    assert request.comments.startswith("bridge:"), f"{request.comments!r} begins with no key"
    assert not set(request.comments) & set("*'\""), "searches trip over quotes and wildcards"
    assert request.commit_id is None or len(request.commit_id) in (40, 64), "a full commit id"
    branch = request.override_branch or ""
    assert not branch.startswith("refs/"), f"{branch} would fail the job: send the bare name"


def _left(steps: tuple[Step, ...], status: str) -> tuple[Step, ...]:
    open_ones = ("pending", "queue", "running")
    return tuple(
        replace(step, status=status) if step.status in open_ones else step for step in steps
    )


def _uuid(prefix: str, number: int) -> str:
    return f"{prefix}000000-0000-4000-8000-{number:012d}"
