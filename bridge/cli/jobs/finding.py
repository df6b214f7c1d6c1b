"""Finding jobs over several organizations, in the words of people.

Only functions import this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bridge.cli.jobs.rows import Row, job_row
from bridge.cli.places import Place
from bridge.cli.terrakube import nearest
from bridge.domain.errors import MissingError, UserError
from bridge.domain.terrakube import (
    TERMINAL,
    Job,
    JobSearch,
    JobStatus,
    Organization,
    Template,
    Workspace,
)
from bridge.terrakube import TerrakubeServer
from bridge.terrakube.once import comment_key

OPEN: Final = "open"
"""Stands for every status that is not final."""
WHOLE_KEYS: Final = ("cli:", "bridge:")
"""How keys begin in the comments of a job."""

_MOST_WORKSPACES: Final = 100  # in one request: its address may have about 14 kB


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to look for; all that is given must fit.

    Attributes:
        statuses: Any of them; ``open`` stands for all that are not final.
        templates: Names or ids, any of them.
        branches: As the jobs were created with, any of them.
        key: As given to ``jobs create``, or the first word of the comments.
        text: Part of the comments.
        commit: Or how it begins.
        since: Aware; as *until*.
        by: Whoever created it.
        limit: Most that are found, the newest; None for all.
    """

    place: Place
    statuses: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    key: str = ""
    text: str = ""
    commit: str = ""
    since: datetime | None = None
    until: datetime | None = None
    by: str = ""
    limit: int | None = None

    def search(self) -> JobSearch:
        """Say it in the words of the client, except for places and templates.

        Raises:
            UserError: There is no such status.
        """
        whole = self.key.startswith(WHOLE_KEYS)
        return JobSearch(
            statuses=tuple(dict.fromkeys(word for one in self.statuses for word in _statuses(one))),
            branches=self.branches,
            key=self.key if whole or not self.key else comment_key(self.key),
            text=self.text,
            commit=self.commit,
            created_since=self.since,
            created_until=self.until,
            created_by=self.by,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """An organization, and what of it is looked at.

    Attributes:
        chosen: Only jobs of these; None for those of every workspace.
        workspaces: All that have a name here.
    """

    organization: Organization
    chosen: Sequence[Workspace] | None
    workspaces: Sequence[Workspace]
    templates: Sequence[Template]


async def find_jobs(server: TerrakubeServer, wanted: Wanted) -> list[Row]:
    """Find jobs, newest first.

    Raises:
        UserError: Something cannot be searched for.
        MissingError: A place or a template that is named does not exist.
    """
    search = wanted.search()
    places = [
        await _look_around(server, organization, chosen)
        for organization, chosen in await _places(server, wanted.place)
    ]
    _check_templates(wanted.templates, places)
    found: list[tuple[Job, _Here]] = []
    for here in places:
        found += [(job, here) for job in await _search(server, here, wanted, search)]
    found.sort(key=lambda one: int(one[0].id), reverse=True)
    return [
        job_row(
            server, here.organization, job, workspaces=here.workspaces, templates=here.templates
        )
        for job, here in found[: wanted.limit]
    ]


async def _places(
    server: TerrakubeServer, place: Place
) -> list[tuple[Organization, Sequence[Workspace] | None]]:
    if place.workspaces:
        return list(await place.find_workspaces(server))
    return [(one, None) for one in await place.find_organizations(server)]


async def _look_around(
    server: TerrakubeServer, organization: Organization, chosen: Sequence[Workspace] | None
) -> _Here:
    return _Here(
        organization=organization,
        chosen=chosen,
        workspaces=await server.workspaces(organization) if chosen is None else chosen,
        templates=await server.templates(organization.id),
    )


async def _search(
    server: TerrakubeServer, here: _Here, wanted: Wanted, search: JobSearch
) -> list[Job]:
    ids = [one.id for one in here.templates if {one.id, one.name} & set(wanted.templates)]
    if wanted.templates and not ids:
        return []
    search = replace(search, templates=tuple(ids))
    if here.chosen is None:
        return list(await server.search_jobs(here.organization.id, search, limit=wanted.limit))
    jobs: list[Job] = []
    for start in range(0, len(here.chosen), _MOST_WORKSPACES):
        some = here.chosen[start : start + _MOST_WORKSPACES]
        part = replace(search, workspace_ids=tuple(one.ref.id for one in some))
        jobs += await server.search_jobs(here.organization.id, part, limit=wanted.limit)
    return jobs


def _check_templates(wanted: Sequence[str], places: Sequence[_Here]) -> None:
    templates = [one for here in places for one in here.templates]
    known = {name for one in templates for name in (one.id, one.name)}
    for name in wanted:
        if name not in known:
            msg = f"there is no template {name!r}{nearest(name, [one.name for one in templates])}"
            raise MissingError(msg)


def _statuses(word: str) -> Sequence[str]:
    if word == OPEN:
        return [status.value for status in JobStatus if status not in TERMINAL]
    if word not in {status.value for status in JobStatus}:
        known = [OPEN, *(status.value for status in JobStatus)]
        msg = f"there is no status {word!r}{nearest(word, known)}"
        raise UserError(msg)
    return [word]
