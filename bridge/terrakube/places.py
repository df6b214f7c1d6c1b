"""Where jobs run and what they follow: organizations, workspaces, templates; and who may what."""

import re
from collections.abc import Sequence
from typing import Final

from bridge.domain.errors import NotFoundError
from bridge.domain.terrakube import (
    Organization,
    Permissions,
    ServerFeatures,
    Template,
    Workspace,
    WorkspaceRef,
)
from bridge.http import HttpClient, looks_like_html, segment
from bridge.terrakube import answers, payloads, queries, rsql
from bridge.terrakube.answers import understood
from bridge.terrakube.calls import Calls
from bridge.terrakube.refusals import Refusals

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Places(Calls):
    """Reads what jobs refer to.

    Args:
        http: See Calls.
        refusals: See Calls.
        organizations: Names that are served, in this order; none: all the token may see.
    """

    def __init__(
        self, http: HttpClient, refusals: Refusals, *, organizations: Sequence[str]
    ) -> None:
        super().__init__(http, refusals)
        self._names = tuple(organizations)
        self._features: ServerFeatures | None = None

    async def organizations(self) -> Sequence[Organization]:
        """See JobServer.organizations."""
        where = rsql.one_of("name", self._names) if self._names else None
        by_name = {one.name: one for one in await self._organizations(where)}
        for name in self._names:
            if name not in by_name:
                msg = (
                    f"{_unseen(name)}: correct BRIDGE_TERRAKUBE__ORGANIZATIONS or add a team to it"
                )
                raise NotFoundError(msg, service=self._http.service)
        return [by_name[name] for name in self._names or by_name]

    async def organization(self, name: str) -> Organization:
        """Find an organization by its name.

        Raises:
            NotFoundError: There is none, or the token may not see it: both look the same, as
                lists at the root leave out what one may not read (contract section 2.1).
        """
        for organization in await self._organizations(rsql.equals("name", name)):
            if organization.name == name:
                return organization
        raise NotFoundError(_unseen(name), service=self._http.service)

    async def workspaces(self, organization: Organization) -> Sequence[Workspace]:
        """See JobServer.workspaces."""
        return await self._workspaces(organization, None)

    async def workspace(self, ref: WorkspaceRef) -> Workspace:
        """See JobServer.workspace."""
        path = queries.organization_path(ref.organization_id, "workspace", ref.id)
        response = await self._get(path, queries.WORKSPACE_FIELDS)
        organization = Organization(id=ref.organization_id, name=ref.organization)
        with understood(response):
            row = answers.one(answers.document(response))
            return payloads.workspace_of(row, organization)

    async def workspace_by_name(self, organization: Organization, name: str) -> Workspace | None:
        """Find a workspace by its exact name; None when there is none."""
        found = await self._workspaces(organization, rsql.equals("name", name))
        return next((one for one in found if one.ref.name == name), None)

    async def templates(self, organization_id: str) -> Sequence[Template]:
        """See JobServer.templates."""
        return await self._templates(organization_id, None)

    async def template_by_name(self, organization_id: str, name_or_id: str) -> Template | None:
        """Find a template by its id or its name; None when there is none."""
        found = await self._template_by_id(organization_id, name_or_id)
        if found is not None:
            return found
        named = await self._templates(organization_id, rsql.equals("name", name_or_id))
        return next((one for one in named if one.name == name_or_id), None)

    async def permissions(self, organization_id: str) -> Permissions:
        """See JobServer.permissions."""
        path = f"/access-token/v1/teams/permissions/organization/{segment(organization_id)}"
        response = await self._get(path, accept="application/json")
        with understood(response):
            return payloads.permissions_of(response.json())

    async def features(self) -> ServerFeatures:
        """Say what the server can, from its own description (over 1 MB, so read once)."""
        if self._features is None:
            response = await self._get("/doc", accept="*/*")
            if looks_like_html(response):  # a page of something else has none of the words
                response.json()
            self._features = ServerFeatures(
                targets=b"targetAddrs" in response.body,
                notifications=b"notification_configuration" in response.body,
            )
        return self._features

    async def _organizations(self, where: rsql.Filter | None) -> Sequence[Organization]:
        query = {**queries.ORGANIZATION_FIELDS, "sort": "name"}
        listed = await self._list(f"{queries.API}/organization", "organization", query, where=where)
        with understood(listed.last):
            return [payloads.organization_of(row) for row in listed.found.rows]

    async def _workspaces(
        self, organization: Organization, where: rsql.Filter | None
    ) -> Sequence[Workspace]:
        path = queries.organization_path(organization.id, "workspace")
        query = {**queries.WORKSPACE_FIELDS, "sort": "name"}
        listed = await self._list(path, "workspace", query, where=where)
        with understood(listed.last):
            return [payloads.workspace_of(row, organization) for row in listed.found.rows]

    async def _templates(
        self, organization_id: str, where: rsql.Filter | None
    ) -> Sequence[Template]:
        path = queries.organization_path(organization_id, "template")
        query = {**queries.TEMPLATE_FIELDS, "sort": "name"}
        listed = await self._list(path, "template", query, where=where)
        with understood(listed.last):
            return [payloads.template_of(row, organization_id) for row in listed.found.rows]

    async def _workspace_by_id(self, workspace_id: str) -> Workspace | None:
        """Read a workspace on the path at the root, with whose it is.

        It need not be of its job's organization: the server does not check (contract section 3).
        """
        try:
            response = await self._get(
                queries.workspace_path(workspace_id), queries.OWNED_WORKSPACE_FIELDS
            )
        except NotFoundError:
            return None
        with understood(response):
            found = answers.document(response)
            row = answers.one(found)
            return payloads.workspace_of(row, _owner_of(row, found))

    async def _template_by_id(self, organization_id: str, template_id: str) -> Template | None:
        """Read a template; None where there is none, or for what can be no id."""
        if not _UUID.fullmatch(template_id):
            return None
        path = queries.organization_path(organization_id, "template", template_id)
        try:
            response = await self._get(path, queries.TEMPLATE_FIELDS)
        except NotFoundError:
            return None
        with understood(response):
            return payloads.template_of(answers.one(answers.document(response)), organization_id)


def _owner_of(row: payloads.Resource, found: payloads.Document) -> Organization:
    owner = found.of_type("organization").get(row.first("organization"))
    if owner is None:
        msg = f"workspace {row.id} comes without its organization"
        raise ValueError(msg)
    return payloads.organization_of(owner)


def _unseen(name: str) -> str:
    return f"organization {name!r}: it does not exist, or no team of the token may see it"
