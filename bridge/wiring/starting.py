"""What is asked of Terrakube and the forges at start: whether the configuration fits them.

A template that does not exist is the operator's mistake and ends the start; a Terrakube that does
not answer is not, and is only warned about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.decisions.paths import matches
from bridge.decisions.templates import asks_first
from bridge.domain.errors import NotAllowedError, NotFoundError, RemoteError
from bridge.domain.rules import BUILT_IN, DEFAULT_TEMPLATE
from bridge.domain.terrakube import Organization, Template, Workspace
from bridge.ports import Forge, JobServer
from bridge.services.catalog import Catalog
from bridge.settings import Mistake, Settings
from bridge.settings.origins import Path, dotted

_SHOWN: Final = 5
_OWN_TEMPLATES: Final = frozenset({DEFAULT_TEMPLATE, BUILT_IN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What came out.

    Attributes:
        mistakes: Why the bridge does not start.
        warnings: For the log: the name of the event, and a sentence.
    """

    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)

    def warn(self, event: str, text: str) -> None:
        """Add a warning."""
        self.warnings.append((event, text))

    def blame(self, settings: Settings, path: Path, text: str) -> None:
        """Add a mistake, with where it was written."""
        origin = settings.origin(*path)
        key = origin.key if origin and origin.key.isupper() else dotted(path)
        self.mistakes.append(Mistake(key=key, text=text, origin=origin))


async def look_at_terrakube(settings: Settings, server: JobServer, catalog: Catalog) -> Findings:
    """Compare the settings with what Terrakube holds."""
    findings = Findings()
    try:
        looking = _Looking(
            settings=settings,
            findings=findings,
            # Not from the catalog: one that is not there is a mistake now, and none later.
            organizations=await server.organizations(),
            workspaces=await catalog.workspaces(),
            templates=await catalog.all_templates(),
        )
        looking.check_templates()
        looking.check_native_webhooks()
        await looking.check_rights(server)
    except NotFoundError as error:
        findings.blame(settings, ("terrakube", "organizations"), str(error))
    except NotAllowedError as error:
        findings.blame(settings, ("terrakube", "token"), str(error))
    except RemoteError as error:
        text = f"Terrakube could not be asked about templates and rights: {error}"
        findings.warn("terrakube.unreachable", text)
    for note in settings.without_effect():
        findings.warn("settings.without_effect", note)
    return findings


async def look_at_forges(forges: Mapping[str, Forge]) -> Findings:
    """Ask every forge who the bridge is there; that it does not say is only a warning."""
    findings = Findings()
    for name, forge in forges.items():
        try:
            await forge.whoami()
        except NotAllowedError as error:
            findings.warn("forge.refused", f"forge {name} refuses the credential: {error}")
        except RemoteError as error:
            findings.warn("forge.unreachable", f"forge {name}: {error}")
    return findings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looking:
    """The settings beside what Terrakube holds."""

    settings: Settings
    findings: Findings
    organizations: Sequence[Organization]
    workspaces: Sequence[Workspace]
    templates: Mapping[str, Sequence[Template]]

    def check_templates(self) -> None:
        """Look for the template of every rule and command."""
        for number, rule in enumerate(self.settings.rules):
            concerned = self._concerned(rule.workspaces)
            self._check_template(("rules", str(number), "template"), rule.template, concerned)
        everywhere = [one.id for one in self.organizations]
        plan = self.settings.commands.plan.template
        self._check_template(("commands", "plan", "template"), plan, everywhere)
        commands = self.settings.commands
        for verb, section in (("apply", commands.apply), ("destroy", commands.destroy)):
            if section is not None and section.template != BUILT_IN:
                path = ("commands", verb, "template")
                self._check_template(path, section.template, everywhere)
                if not section.allow_unasked:
                    self._check_asking(path, section.template, destroys=verb == "destroy")

    def check_native_webhooks(self) -> None:
        """Warn of pushes that would run twice."""
        twice = [str(one.ref) for one in self.workspaces if one.native_webhook]
        if twice:
            more = f" and {len(twice) - _SHOWN} more" if len(twice) > _SHOWN else ""
            self.findings.warn(
                "webhook.native",
                f"Terrakube's own webhook is on for {', '.join(twice[:_SHOWN])}{more}: a push "
                "would run twice; turn it off in the workspace's settings",
            )

    async def check_rights(self, server: JobServer) -> None:
        """Warn of rights the token lacks (contract section 2.1)."""
        for organization in self.organizations:
            rights = await server.permissions(organization.id)
            if not (rights.plan_job or rights.approve_job):
                what = "start jobs: give its team the role plan or write"
            elif not rights.approve_job:
                what = (
                    "apply, or cancel superseded plans: give its team the role write, or approveJob"
                )
            else:
                continue
            text = f"in organization {organization.name} the token may not {what}"
            self.findings.warn("rights.missing", text)

    def _concerned(self, globs: Sequence[str]) -> Sequence[str]:
        """Return the ids of the organizations a rule is about."""
        if not globs:
            return [one.id for one in self.organizations]
        concerned = [one for one in self.workspaces if matches(str(one.ref), globs)]
        return sorted({one.ref.organization_id for one in concerned})

    def _check_template(self, path: Path, reference: str, organizations: Sequence[str]) -> None:
        if reference in _OWN_TEMPLATES:
            return
        without = [one for one in organizations if not self._has(one, reference)]
        if not without:
            return
        names = ", ".join(one.name for one in self.organizations if one.id in without)
        text = f"there is no template {reference!r} in {names}"
        # One that exists in some of them may be meant for those alone.
        if len(without) == len(organizations) and self.settings.is_given(*path):
            self.findings.blame(self.settings, path, f"{text}: create it or name another")
        else:
            self.findings.warn("template.missing", f"{dotted(path)}: {text}")

    def _check_asking(self, path: Path, reference: str, *, destroys: bool) -> None:
        """Refuse a template that changes things without an approval between plan and change."""
        if reference == DEFAULT_TEMPLATE:
            named = {one.default_template for one in self.workspaces}
        else:
            named = {reference}
        unasked = sorted(
            {
                one.name
                for templates in self.templates.values()
                for one in templates
                if named & {one.id, one.name} and not asks_first(one.flow, destroys=destroys)
            }
        )
        if unasked:
            names = ", ".join(repr(name) for name in unasked[:_SHOWN])
            plan = "terraformPlanDestroy" if destroys else "terraformPlan"
            text = (
                f"template {names} does not wait for an approval between its plan and its change: "
                f"{plan}, approval, terraformApply are needed, or allow_unasked: true"
            )
            self.findings.blame(self.settings, path, text)

    def _has(self, organization_id: str, reference: str) -> bool:
        return any(reference in (one.id, one.name) for one in self.templates[organization_id])
