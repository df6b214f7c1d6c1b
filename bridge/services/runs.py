"""What the engine asks about a run: may its job start, and why does it not move."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.decisions.again import how_again
from bridge.decisions.following import has_started
from bridge.decisions.templates import asks_first
from bridge.domain.errors import NotFoundError
from bridge.domain.rules import BUILT_IN, DEFAULT_TEMPLATE
from bridge.domain.runs import Diagnosis, Refusal, Run, Verb
from bridge.domain.terrakube import (
    TERMINAL,
    FlowType,
    Job,
    JobRequest,
    Template,
    Workspace,
)
from bridge.ports import JobServer
from bridge.services.catalog import Catalog

COMMENTS_LIMIT: Final = 512
"""Characters Terrakube keeps in a job's ``comments`` (contract section 3.1)."""


_TOO_OLD: Final = (
    "This Terrakube takes no `-target` and no `-replace`: they need version 2.33 or newer."
)
_CHANGING: Final = frozenset({Verb.APPLY, Verb.DESTROY})
"""What is only done once somebody looked at its plan."""

_TYPES: Final = frozenset({*FlowType, "scheduleTemplates", "policyEvaluation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunService:
    """Turns runs into job requests and explains jobs that wait.

    Attributes:
        command: How people address the bridge, for "say ... again".
        redact: Masks secrets in what somebody wrote in Terrakube.
        built_in: Inline flows the bridge sends where a run names none, by what was asked for.
        unasked: Verbs whose template need not wait for an approval before it applies.
    """

    server: JobServer
    catalog: Catalog
    command: str
    redact: Callable[[str], str] = str
    built_in: Mapping[Verb, str] = field(default_factory=dict)
    unasked: frozenset[Verb] = frozenset()

    async def prepare(self, run: Run) -> JobRequest | Refusal:
        """Check what Terrakube does not: it answers 201 to a job that can never run.

        A locked workspace or an unknown template would leave the job pending for hours, and on
        2.33 hold up every younger job of the instance (contract section 6.4).
        """
        try:
            workspace = await self.server.workspace(run.request.workspace)
        except NotFoundError:
            return Refusal(reason=_gone(run))
        if objection := await self._objection(run, workspace):
            return Refusal(reason=objection)
        template = run.request.template
        inline = template.tcl or (
            self.built_in.get(run.request.verb) if template.reference == BUILT_IN else None
        )
        if inline:
            return self._request(run, tcl=inline)
        if run.request.verb in _CHANGING:
            self.catalog.forget()  # what it was when somebody said so may be hours old
        chosen = await self._template(run)
        if chosen is None:
            return Refusal(reason=self._unknown_template(run))
        if self._applies_unasked(run, chosen):
            return Refusal(reason=self._asks_nobody(run, chosen))
        return self._request(run, template_id=chosen.id)

    async def inspect(self, run: Run, job: Job) -> Diagnosis:
        """Say why a job stays pending, before its first step or between two."""
        if has_started(job.steps):
            return await self._between_steps(run, job)
        request = run.request
        try:
            workspace = await self.server.workspace(request.workspace)
        except NotFoundError:
            return Diagnosis(cause=_gone(run), hopeless=True)
        if workspace.locked:
            return Diagnosis(cause=self._locked(run, workspace), hopeless=True)
        if request.template.id and await self._template_id(run) is None:
            return Diagnosis(cause=self._unknown_template(run), hopeless=True)
        older = await self._older(run, job)
        strange = "" if older else await self._strange_type(run, job)
        if strange:
            # Nothing is in the way, and it would hold up others for six hours (section 6.4).
            return Diagnosis(cause=self._cannot_begin(run, strange), hopeless=True)
        return Diagnosis(cause=self._holder(run, older))

    async def _objection(self, run: Run, workspace: Workspace) -> str:
        """Say why no job may be sent, whatever its template; empty when one may."""
        if workspace.locked:
            return self._locked(run, workspace)
        if not run.request.commit_id and run.request.repository.forge:
            # Terrakube would take whatever the workspace's branch is at.
            return "The forge did not say which commit to run."
        return _TOO_OLD if await self._cannot_choose(run) else ""

    async def _cannot_choose(self, run: Run) -> bool:
        """Tell whether the run is about some resources only, which older servers refuse."""
        options = run.request.options
        if not options.targets and not options.replaces:
            return False
        return not (await self.server.features()).targets

    async def _older(self, run: Run, job: Job) -> Sequence[Job]:
        """Return the organization's open jobs that may be in the way."""
        return [
            other
            for other in await self.server.open_jobs(run.request.workspace.organization_id)
            if other.status not in TERMINAL and _number(other.id) < _number(job.id)
        ]

    def _holder(self, run: Run, older: Sequence[Job]) -> str:
        """Name the older job that is in the way."""
        same = [other for other in older if other.workspace_id == run.request.workspace.id]
        if same:
            return (
                f"It waits for job {same[0].id} of the same workspace, "
                f"which is {_words(same[0].status)}."
            )
        if len(older) == 1:
            return (
                f"It waits for Terrakube: job {older[0].id} of the organization is older and "
                f"{_words(older[0].status)}."
            )
        if older:
            return (
                f"It waits for Terrakube: {len(older)} older jobs of the organization are open; "
                f"the oldest, job {older[0].id}, is {_words(older[0].status)}."
            )
        return "It waits for Terrakube: no executor has taken it. Is the executor running?"

    async def _between_steps(self, run: Run, job: Job) -> Diagnosis:
        """Say why a job does not go on; what can go on is left alone, as steps have run."""
        try:
            workspace = await self.server.workspace(run.request.workspace)
        except NotFoundError:
            return Diagnosis(cause=_gone(run))
        if workspace.locked:
            return Diagnosis(cause=self._locked_meanwhile(run, job, workspace))
        if older := await self._older(run, job):
            return Diagnosis(cause=self._holder(run, older))
        if strange := await self._strange_type(run, job):
            return Diagnosis(cause=self._cannot_go_on(run, strange), hopeless=True)
        return Diagnosis(cause=self._forgotten(run, job))

    async def _strange_type(self, run: Run, job: Job) -> str:
        """Return the type of the job's next step if no Terrakube known to us runs it."""
        if run.request.template.tcl:
            return ""  # of our own making
        template = await self._template(run)
        begun = {step.number for step in job.steps if has_started([step])}
        flow = (template.flow or ()) if template else ()
        upcoming = next((step for step in flow if step.number not in begun), None)
        return upcoming.type if upcoming and upcoming.type not in _TYPES else ""

    def _applies_unasked(self, run: Run, template: Template) -> bool:
        """Tell whether nobody could look at the plan of an apply before it is applied."""
        request = run.request
        if request.verb not in _CHANGING - self.unasked:
            return False
        return not asks_first(template.flow, destroys=request.verb is Verb.DESTROY)

    async def _template_id(self, run: Run) -> str | None:
        template = await self._template(run)
        return template.id if template else None

    async def _template(self, run: Run) -> Template | None:
        """Find the template now; a name is looked up again in case it was made meanwhile."""
        wanted = run.request.template
        organization_id = run.request.workspace.organization_id
        for again in (False, True):
            if again:
                self.catalog.forget()
            for template in await self.catalog.templates(organization_id):
                if template.id == wanted.id or (
                    not wanted.id and wanted.reference in (template.id, template.name)
                ):
                    return template
        return None

    def _locked(self, run: Run, workspace: Workspace) -> str:
        return f"{self._lock(workspace)}. Unlock it there, then {self._again(run)}."

    def _locked_meanwhile(self, run: Run, job: Job, workspace: Workspace) -> str:
        return (
            f"{self._lock(workspace)}, so job {job.id} does not go on. Unlock it there. If the job "
            f"stays pending (Terrakube 2.32), cancel it there and {self._again(run)}."
        )

    def _forgotten(self, run: Run, job: Job) -> str:
        # After an unlock 2.32 takes it up only when somebody changes it (contract section 6.4).
        return (
            f"Job {job.id} waits between two steps. Is the executor running? If its workspace was "
            f"locked meanwhile, Terrakube 2.32 has forgotten it: cancel it there and "
            f"{self._again(run)}."
        )

    def _lock(self, workspace: Workspace) -> str:
        described = self.redact(workspace.lock_description or "")
        because = f" ({described})" if described else ""
        return f"Workspace {workspace.ref} is locked in Terrakube{because}"

    def _again(self, run: Run) -> str:
        return how_again(run.request, self.command)

    def _unknown_template(self, run: Run) -> str:
        template = run.request.template
        if template.reference == DEFAULT_TEMPLATE:
            return (
                f"Workspace {run.request.workspace} has no default template that exists. "
                "Choose one in its settings in Terrakube, or name a template in the rule."
            )
        return (
            f"Template {template.reference!r} does not exist in organization "
            f"{run.request.workspace.organization}. Create it in Terrakube or correct the rule."
        )

    def _asks_nobody(self, run: Run, template: Template) -> str:
        return (
            f"Template {template.name!r} does not wait for an approval between its plan and its "
            "change any more, so nobody could make sure that what is applied is what was reviewed. "
            f"Correct it in Terrakube, then {self._again(run)}."
        )

    def _cannot_begin(self, run: Run, strange: str) -> str:
        return (
            f"Template {run.request.template.reference!r} begins with a step of type {strange!r}, "
            "which Terrakube does not know. Correct it there."
        )

    def _cannot_go_on(self, run: Run, strange: str) -> str:
        return (
            f"Template {run.request.template.reference!r} goes on with a step of type {strange!r}, "
            "which Terrakube does not know. Correct it there."
        )

    def _request(
        self, run: Run, *, template_id: str | None = None, tcl: str | None = None
    ) -> JobRequest:
        request = run.request
        return JobRequest(
            workspace=request.workspace,
            comments=_comments(run),
            template_id=template_id,
            tcl=tcl,
            commit_id=request.commit_id or None,
            override_branch=request.override_branch,
            refresh=request.options.refresh,
            refresh_only=request.options.refresh_only,
            target_addrs=request.options.targets,
            replace_addrs=request.options.replaces,
        )


def _gone(run: Run) -> str:
    return f"Workspace {run.request.workspace} no longer exists in Terrakube."


def _comments(run: Run) -> str:
    """Put the key first, then who asked where, without what a search trips over."""
    request = run.request
    at = request.commit_id[:12] or request.override_branch or "its branch"
    where = f"#{request.pull_request}" if request.pull_request else f"@{at}"
    of = request.repository.slug or request.workspace
    text = f"{request.verb} {of}{where} by {request.actor}"
    safe = "".join(sign for sign in text if sign.isprintable() and sign not in "*'\"\\")
    return f"{run.key} {safe}"[:COMMENTS_LIMIT]


def _number(job_id: str) -> int:
    return int(job_id) if job_id.isdigit() else 0


def _words(status: str) -> str:
    return "waiting for an approval" if status == "waitingApproval" else status
