"""POST, PATCH and DELETE on the JSON:API: who may, which columns refuse, what follows."""

from collections.abc import Mapping
from typing import Any

from bridge.sandbox.terrakube.answers import (
    ElideRefused,
    SpringRefused,
    UnexpectedRequest,
    bad_request,
)
from bridge.sandbox.terrakube.drafts import Draft, draft_of
from bridge.sandbox.terrakube.model import (
    Entity,
    Job,
    Notifier,
    Organization,
    Status,
    Step,
    Team,
    Template,
    Trigger,
    Workspace,
)
from bridge.sandbox.terrakube.people import Caller, Flags, flags_of, may_read, may_set_status
from bridge.sandbox.terrakube.places import Place
from bridge.sandbox.terrakube.schema import Resource
from bridge.sandbox.terrakube.world import World, organization_of

_OTHER_ID = "Bad Request Body'Id in response body does not match requested id to update from path'"
_CONFLICT = "This operation conflicts with data that already exists."
_LOCKED = "The request could not be completed."


class Writer:
    """Changes the world for one caller."""

    def __init__(self, world: World, caller: Caller) -> None:
        self._world = world
        self._caller = caller
        self._makers = {
            "job": self._job,
            "organization": self._organization,
            "workspace": self._workspace,
            "template": self._template,
            "team": self._team,
            "notification_configuration": self._notifier,
            "notification_trigger": self._trigger,
        }

    def create(self, place: Place, data: Mapping[str, Any]) -> Entity:
        """Make an entity in the collection at *place*.

        Raises:
            ElideRefused: It is refused, as the server would.
            SpringRefused: 500 for a job posted below a workspace without its organization.
        """
        maker = self._makers.get(place.resource.type)
        if maker is None:
            msg = f"the creation of a {place.resource.type}"
            raise UnexpectedRequest(msg)
        return maker(place, draft_of(data, place.resource, self._world, "Create"))

    def update(self, entity: Entity, resource: Resource, data: Mapping[str, Any]) -> Draft:
        """Change an entity; what was changed."""
        draft = draft_of(data, resource, self._world, "Update")
        if draft.id != str(entity.id):
            raise bad_request(_OTHER_ID)
        if draft.links:
            msg = "a PATCH of relationships"
            raise UnexpectedRequest(msg)
        self._may_update(entity, draft)
        self._check_columns(entity, resource, draft.values)
        for slot, value in draft.values.items():
            if not (isinstance(entity, Job) and slot == "status"):
                setattr(entity, slot, value)
        self._touch(entity, draft)
        return draft

    def delete(self, entity: Entity) -> None:
        """Remove an entity. Any reader may delete a job (contract 2.1)."""
        match entity:
            case Job():
                if any(sent.job_id == entity.number for sent in self._world.sent):
                    raise ElideRefused(409, _CONFLICT)
                self._world.delete_job(entity)
            case Notifier(organization=organization):
                self._need(self._flags(organization).manage_workspace, "Delete")
                self._world.notifiers.pop(entity.id)
                (entity.workspace or organization).notifiers.pop(entity.id)
            case Template(organization=organization):
                self._need(self._flags(organization).manage_template, "Delete")
                self._world.templates.pop(entity.id)
                organization.templates.pop(entity.id)
            case _:
                msg = f"the deletion of a {type(entity).__name__}"
                raise UnexpectedRequest(msg)

    def _job(self, place: Place, draft: Draft) -> Job:
        owner = place.owners[-1]
        # Below a workspace the server does not find the organization by itself (contract 3).
        organization = draft.links.get("organization")
        if isinstance(owner, Organization):
            organization = owner
        if not isinstance(organization, Organization):
            raise SpringRefused(500)
        self._need(may_read(self._caller, organization), "Read")
        self._need(self._flags(organization).may_run, "Create")
        workspace = owner if isinstance(owner, Workspace) else draft.links.get("workspace")
        id_ = next(self._world.job_ids)  # failed inserts consume numbers too
        if not isinstance(workspace, Workspace):
            msg = "workspace_id"
            raise self._null(msg, f"{id_}, pending, null, {organization.id}")
        self._check_lengths(place.resource, draft.values)
        return self._world.add_job(
            organization, workspace, by=self._caller.email, id=id_, **draft.values
        )

    def _organization(self, place: Place, draft: Draft) -> Organization:
        self._need(self._caller.is_owner, "Create")
        self._check_columns(None, place.resource, draft.values)
        return self._world.add_organization(by=self._caller.email, **draft.values)

    def _workspace(self, place: Place, draft: Draft) -> Workspace:
        organization = _owner(place)
        self._need(self._flags(organization).manage_workspace, "Create")
        self._check_columns(None, place.resource, draft.values)
        return self._world.add_workspace(organization, by=self._caller.email, **draft.values)

    def _template(self, place: Place, draft: Draft) -> Template:
        organization = _owner(place)
        self._need(self._flags(organization).manage_template, "Create")
        self._check_columns(None, place.resource, draft.values)
        return self._world.add_template(
            organization, text="", by=self._caller.email, **draft.values
        )

    def _team(self, place: Place, draft: Draft) -> Team:
        organization = _owner(place)
        # Role write has managePermission and is refused (admin/create_team_role_write).
        granted = self._flags(organization).manage_template or self._caller.is_owner
        self._need(granted, "Create")
        return self._world.add_team(organization, **draft.values)

    def _notifier(self, place: Place, draft: Draft) -> Notifier:
        owner = place.owners[-1]
        organization = organization_of(owner) or _owner(place)
        self._need(self._flags(organization).manage_workspace, "Create")
        self._check_columns(None, place.resource, draft.values)
        workspace = owner if isinstance(owner, Workspace) else None
        values = {**draft.values, "workspace": workspace}
        return self._world.add_notifier(organization, by=self._caller.email, **values)

    def _trigger(self, place: Place, draft: Draft) -> Trigger:
        notifier = place.owners[-1]
        if not isinstance(notifier, Notifier):
            msg = "a trigger without its configuration"
            raise UnexpectedRequest(msg)
        self._need(self._flags(notifier.organization).manage_workspace, "Create")
        self._check_columns(None, place.resource, draft.values)
        status = draft.values["job_status"]
        return self._world.add_trigger(notifier, status, by=self._caller.email)

    def _may_update(self, entity: Entity, draft: Draft) -> None:
        match entity:
            case Step():
                return  # anybody with a token
            case Job(organization=organization):
                rest = draft.values.keys() - {"status"}
                allowed = not rest or self._flags(organization).may_run
                if "status" in draft.values:
                    status = draft.values["status"]
                    allowed = allowed and may_set_status(self._caller, entity, status)
                self._need(allowed, "Update")
            case Workspace(organization=organization) | Notifier(organization=organization):
                self._need(self._flags(organization).manage_workspace, "Update")
            case Template(organization=organization):
                self._need(self._flags(organization).manage_template, "Update")
            case _:
                msg = f"a PATCH of a {type(entity).__name__}"
                raise UnexpectedRequest(msg)

    def _touch(self, entity: Entity, draft: Draft) -> None:
        if isinstance(entity, Job):
            status = draft.values.get("status")
            if isinstance(status, Status):
                self._world.set_status(entity, status, by=self._caller.email)
            else:
                self._world.touch(entity, by=self._caller.email)
            return
        entity.updated_by = self._caller.email
        entity.updated_date = self._world.clock()

    def _check_columns(
        self, entity: Entity | None, resource: Resource, values: Mapping[str, Any]
    ) -> None:
        for attribute in resource.attributes.values():
            slot = attribute.slot
            absent = entity is None and slot not in values and not _has_default(resource, slot)
            null = slot in values and values[slot] is None
            if attribute.required and (absent or null):
                shown = "" if entity is None else str(entity.id)
                raise self._null(slot, f"{shown}, null")
        self._check_lengths(resource, values)

    def _check_lengths(self, resource: Resource, values: Mapping[str, Any]) -> None:
        for attribute in resource.attributes.values():
            value = values.get(attribute.slot)
            if attribute.limit and isinstance(value, str) and len(value) > attribute.limit:
                sql = f"ERROR: value too long for type character varying({attribute.limit})"
                raise ElideRefused(423, _LOCKED if self._world.is_beta else sql)

    def _null(self, column: str, row: str) -> ElideRefused:
        if self._world.is_beta:
            return ElideRefused(409, _CONFLICT)
        sql = (
            f'ERROR: null value in column "{column}" of relation "job" violates not-null constraint'
        )
        return ElideRefused(423, f"{sql}\n  Detail: Failing row contains ({row}).")

    def _flags(self, organization: Organization) -> Flags:
        return flags_of(self._caller, organization)

    def _need(self, granted: bool, verb: str) -> None:  # noqa: FBT001 - reads as "need x"
        if not granted:
            raise ElideRefused(403, f"{verb}Permission Denied")


def _owner(place: Place) -> Organization:
    owner = place.owners[-1] if place.owners else None
    if not isinstance(owner, Organization):
        msg = f"the creation of a {place.resource.type} outside an organization"
        raise UnexpectedRequest(msg)
    return owner


def _has_default(resource: Resource, slot: str) -> bool:
    return slot in {"status", "terraform_version"} and resource.type in {"job", "workspace"}
