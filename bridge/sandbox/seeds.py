"""What the stand-ins hold at the start: a JSON file, checked and written into all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from bridge.sandbox.slack.seeds import SlackSeed
from bridge.sandbox.terrakube import StandIn as Terrakube
from bridge.sandbox.terrakube.executors.recorded import RecordedExecutor
from bridge.sandbox.terrakube.model import Organization
from bridge.sandbox.terrakube.world import DEFAULT_TEAMS

if TYPE_CHECKING:
    from bridge.sandbox.forge import StandIn as Forge

FORGE = "{forge}"
"""Stands for the forge's address in the URLs of a seed."""

READER = "terrakube"
"""The account that Terrakube clones private repositories with."""


class _Seed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorkspaceSeed(_Seed):
    """A workspace; *source* may begin with ``{forge}``, *default_template* is a name.

    *recorded* names what its plans replay in turn, the last one for ever, where there is no
    terraform; see executors/recorded.py.
    """

    name: str
    source: str
    branch: str = "main"
    folder: str = "/"
    default_template: str | None = None
    locked: bool = False
    webhook: bool = False
    variables: Mapping[str, str] = Field(default_factory=dict)
    recorded: Sequence[str] = ()


class TemplateSeed(_Seed):
    """A template; *flow* is YAML."""

    name: str
    flow: str


class NotificationSeed(_Seed):
    """Where changes of the organization's jobs are posted to."""

    url: str
    secret: str | None = None


class OrganizationSeed(_Seed):
    """An organization; *teams* are roles by name."""

    name: str
    teams: Mapping[str, str] = DEFAULT_TEAMS
    templates: Sequence[TemplateSeed] = ()
    workspaces: Sequence[WorkspaceSeed] = ()
    notify: NotificationSeed | None = None


class HookSeed(_Seed):
    """A repository's hook; *events* in the flavour's own words."""

    url: str
    secret: str | None = None
    events: Sequence[str] = ("push", "pull_request", "issue_comment")


class ProtectionSeed(_Seed):
    """The rule of a branch: so many *approvals*, and *statuses* that must have succeeded."""

    approvals: int = 0
    statuses: Sequence[str] = ()


class RepositorySeed(_Seed):
    """A repository ``owner/name`` with a first commit of *files*.

    *access* is by login, *protection* by branch.
    """

    name: str
    files: Mapping[str, str] = Field(default_factory=dict)
    private: bool = False
    access: Mapping[str, str] = Field(default_factory=dict)
    hooks: Sequence[HookSeed] = ()
    protection: Mapping[str, ProtectionSeed] = Field(default_factory=dict)


class TokenSeed(_Seed):
    """A token of an account; Forgejo's *scopes*, None for all."""

    account: str
    scopes: Sequence[str] | None = None


class ForgeSeed(_Seed):
    """Everything on the forge; *tokens* by the name under which they are printed."""

    accounts: Sequence[str] = ()
    repositories: Sequence[RepositorySeed] = ()
    tokens: Mapping[str, TokenSeed] = Field(default_factory=dict)


class Seed(_Seed):
    """The whole file; there is a Slack when it has a section of its own."""

    organizations: Sequence[OrganizationSeed] = ()
    forge: ForgeSeed = ForgeSeed()
    slack: SlackSeed | None = None


def read_seed(path: Path | None) -> Seed:
    """Read a seed file; nothing without one.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no seed; the text says where.
    """
    return Seed() if path is None else Seed.model_validate_json(path.read_bytes())


async def sow_forge(seed: ForgeSeed, forge: "Forge") -> Mapping[str, str]:
    """Fill the forge; the tokens by name."""
    from bridge.sandbox.forge import Access  # noqa: PLC0415 - Terrakube alone needs no forge

    for login in seed.accounts:
        forge.account(login)
    for repository in seed.repositories:
        access = {login: Access[name.upper()] for login, name in repository.access.items()}
        readers = {READER: Access.READ} if repository.private else {}
        await forge.create_repository(
            repository.name,
            files=repository.files,
            private=repository.private,
            access=readers | access,
        )
        for hook in repository.hooks:
            forge.add_hook(repository.name, hook.url, secret=hook.secret, events=hook.events)
        for branch, rule in repository.protection.items():
            forge.protect(
                repository.name,
                branch,
                required_approvals=rule.approvals,
                required_statuses=rule.statuses,
            )
    return {
        name: forge.token(token.account, scopes=token.scopes) for name, token in seed.tokens.items()
    }


def sow_terrakube(
    seeds: Sequence[OrganizationSeed], terrakube: Terrakube, forge: "Forge | None"
) -> None:
    """Fill Terrakube."""
    for seed in seeds:
        organization = terrakube.add_organization(seed.name, teams=seed.teams)
        for template in seed.templates:
            terrakube.add_template(organization, template.name, template.flow)
        for workspace in seed.workspaces:
            _sow_workspace(workspace, organization, terrakube, forge)
        if seed.notify is not None:
            terrakube.notify(organization, seed.notify.url, secret=seed.notify.secret)


def _sow_workspace(
    seed: WorkspaceSeed, organization: Organization, terrakube: Terrakube, forge: "Forge | None"
) -> None:
    source = seed.source.replace(FORGE, forge.web_url if forge is not None else "")
    made = terrakube.add_workspace(
        organization,
        seed.name,
        source,
        seed.branch,
        seed.folder,
        default_template=seed.default_template,
        locked=seed.locked,
        webhook=seed.webhook,
        variables=dict(seed.variables),
        clone_from=_clone_from(source, forge),
    )
    if seed.recorded and isinstance(terrakube.executor, RecordedExecutor):
        terrakube.executor.scenario_for(made, *seed.recorded)


def _clone_from(source: str, forge: "Forge | None") -> str | None:
    """Terrakube holds a credential of its own for private repositories of the forge."""
    if forge is None or not source.startswith(f"{forge.web_url}/"):
        return None
    slug = source.removeprefix(f"{forge.web_url}/").removesuffix(".git")
    repository = forge.world.find(slug)
    if repository is None or not repository.private:
        return None
    return forge.clone_url(slug, READER)
