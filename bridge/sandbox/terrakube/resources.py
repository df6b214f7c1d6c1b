"""The types of the API as one table per version: their attributes and relationships."""

from bridge.sandbox.terrakube.model import (
    Entity,
    Job,
    Notifier,
    Organization,
    Step,
    Team,
    Template,
    Trigger,
    Version,
    Webhook,
    Workspace,
)
from bridge.sandbox.terrakube.schema import Attribute, Kind, Linked, Relation, Resource, Schema


def schema_of(version: Version) -> Schema:
    """The types that *version* knows."""
    resources = [_ORGANIZATION, _TEAM, _TEMPLATE, _WORKSPACE, _WEBHOOK, _JOB, _STEP]
    if version is Version.STABLE:
        resources = [_without_beta(resource) for resource in resources]
    else:
        resources += [_NOTIFIER, _TRIGGER]
    return {resource.type: resource for resource in resources}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _table(*attributes: Attribute | str) -> dict[str, Attribute]:
    made = [Attribute(each, _snake(each)) if isinstance(each, str) else each for each in attributes]
    return {attribute.name: attribute for attribute in made}


def _of(kind: Kind, *names: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(name, _snake(name), kind) for name in names)


def _protected(name: str, kind: Kind = Kind.TEXT) -> Attribute:
    return Attribute(name, _snake(name), kind, protected=True)


def _audit() -> tuple[Attribute, ...]:
    return (
        _protected("createdBy"),
        _protected("createdDate", Kind.DATE),
        _protected("updatedBy"),
        _protected("updatedDate", Kind.DATE),
    )


def _one(name: str, type_: str, slot: str) -> Relation:
    return Relation(name, type_, many=False, read=lambda entity: _slot(entity, slot))


def _many(name: str, type_: str, slot: str) -> Relation:
    return Relation(name, type_, many=True, read=lambda entity: _slot(entity, slot))


def _slot(entity: Entity, slot: str) -> Linked:
    linked: Linked = getattr(entity, slot)
    return linked


def _empty(*names: str) -> tuple[Relation, ...]:
    # Types that the stand-in keeps none of; their linkage is always there.
    return tuple(Relation(name, name, many=True, read=lambda _: {}) for name in names)


def _none(*names: str) -> tuple[Relation, ...]:
    return tuple(Relation(name, name, many=False, read=lambda _: None) for name in names)


def _related(*relations: Relation) -> dict[str, Relation]:
    return {relation.name: relation for relation in sorted(relations, key=lambda each: each.name)}


_BETA = frozenset({"prCommentError", "prNumber", "replaceAddrs", "targetAddrs"})
_NOTIFIED = "notificationConfiguration"
_FLAGS: tuple[str, ...] = (
    "approveJob",
    "manageCollection",
    "manageJob",
    "manageModule",
    "manageProvider",
)
_FLAGS += ("manageState", "manageTemplate", "manageVcs", "manageWorkspace", "planJob")


def _without_beta(resource: Resource) -> Resource:
    attributes = {key: each for key, each in resource.attributes.items() if key not in _BETA}
    relations = {key: each for key, each in resource.relations.items() if key != _NOTIFIED}
    return Resource(
        resource.type, resource.entity, attributes, relations, resource.paged, resource.root
    )


_TO_ORGANIZATION = _one("organization", "organization", "organization")
_NOTIFIERS = _many(_NOTIFIED, "notification_configuration", "notifiers")

_ORGANIZATION = Resource(
    "organization",
    Organization,
    _table(
        "description",
        *_of(Kind.BOOLEAN, "disabled"),
        "executionMode",
        "icon",
        Attribute("name", "name", required=True),
    ),
    _related(
        *_empty("collection", "globalvar", "module", "project", "provider", "ssh", "tag", "vcs"),
        _many("job", "job", "jobs"),
        _NOTIFIERS,
        _many("team", "team", "teams"),
        _many("template", "template", "templates"),
        _many("workspace", "workspace", "workspaces"),
    ),
    root=True,
)
_TEAM = Resource(
    "team",
    Team,
    _table(*_of(Kind.BOOLEAN, *_FLAGS), Attribute("name", "name", required=True), "role"),
    _related(_TO_ORGANIZATION),
)
_TEMPLATE = Resource(
    "template",
    Template,
    _table(*_audit(), "description", Attribute("name", "name", required=True), "tcl", "version"),
    _related(_TO_ORGANIZATION),
)
_WORKSPACE = Resource(
    "workspace",
    Workspace,
    _table(
        *_audit(),
        *_of(Kind.BOOLEAN, "allowRemoteApply", "deleted", "globalRemoteState", "locked"),
        *_of(Kind.DATE, "lastJobDate"),
        *("branch", "defaultTemplate", "description", "executionMode", "folder", "iacType"),
        *("lastJobStatus", "lockDescription", "moduleSshKey", "sharedIds"),
        Attribute("name", "name", required=True),
        Attribute("source", "source", required=True),
        Attribute("terraformVersion", "terraform_version", required=True),
    ),
    _related(
        *_empty("access", "history", "reference", "schedule", "variable", "workspaceTag"),
        *_none("project", "ssh", "vcs"),
        _many("job", "job", "jobs"),
        _NOTIFIERS,
        _TO_ORGANIZATION,
        _one("webhook", "webhook", "webhook"),
    ),
    root=True,
)
_WEBHOOK = Resource(
    "webhook",
    Webhook,
    _table(*_audit(), *_of(Kind.BOOLEAN, "migrated"), "remoteHookId"),
    _related(*_empty("events"), _one("workspace", "workspace", "workspace")),
)
_JOB = Resource(
    "job",
    Job,
    _table(
        *_audit(),
        *(_protected("approvalTeam"), _protected("overrideSource"), _protected("prCommentError")),
        _protected("prNumber", Kind.INTEGER),
        *_of(Kind.BOOLEAN, "planChanges", "refresh", "refreshOnly"),
        *_of(Kind.LIST, "replaceAddrs", "targetAddrs"),
        Attribute("comments", "comments", limit=512),
        Attribute("commitId", "commit_id", limit=64),
        Attribute("overrideBranch", "override_branch", limit=128),
        Attribute("status", "status", Kind.STATUS, required=True),
        Attribute("templateReference", "template_reference", limit=36),
        Attribute("via", "via", limit=64),
        *("output", "tcl", "terraformPlan"),
    ),
    _related(
        *_empty("address"),
        _TO_ORGANIZATION,
        _many("step", "step", "steps"),
        _one("workspace", "workspace", "workspace"),
    ),
)
_STEP = Resource(
    "step",
    Step,
    _table(
        "name",
        "output",
        Attribute("status", "status", Kind.STATUS, required=True),
        *_of(Kind.INTEGER, "stepNumber"),
    ),
    _related(_one("job", "job", "job")),
    paged=True,
    root=True,
)
_NOTIFIER = Resource(
    "notification_configuration",
    Notifier,
    _table(
        *_audit(),
        *_of(Kind.BOOLEAN, "active"),
        Attribute("channelType", "channel_type", Kind.CHANNEL, required=True),
        Attribute("destinationUrl", "destination_url", required=True),
        *("description", "messageStyle"),
        Attribute("name", "name", required=True),
        Attribute("signingSecret", "signing_secret", hidden=True),
    ),
    _related(
        _TO_ORGANIZATION,
        *_empty("templates"),
        _many("triggers", "notification_trigger", "triggers"),
        _one("workspace", "workspace", "workspace"),
    ),
    paged=True,
    root=True,
)
_TRIGGER = Resource(
    "notification_trigger",
    Trigger,
    _table(*_audit(), Attribute("jobStatus", "job_status", Kind.STATUS, required=True)),
    _related(_one("configuration", "notification_configuration", "configuration")),
    paged=True,
)
