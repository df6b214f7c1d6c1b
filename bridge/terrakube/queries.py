"""What is asked of Terrakube: paths, sparse fields, filters and the body of a new job.

Every type that is read is named in ``fields``: as soon as one is, the others come without their
attributes (contract section 4.1). A linkage comes only when its relationship is named, too.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from bridge.domain.errors import PermanentRemoteError, UserError
from bridge.domain.terrakube import TERMINAL, JobChange, JobRequest, JobStatus
from bridge.http import segment
from bridge.terrakube import rsql, tcl

MAX_IDS: Final = 400
"""Ids in one request: lists are cut at 500 without a sign (contract section 4.4)."""

API: Final = "/api/v1"
JSON_API: Final = "application/vnd.api+json"

_WORKSPACE = (
    "name,source,branch,folder,locked,lockDescription,defaultTemplate,executionMode,iacType,"
    "terraformVersion,lastJobStatus,webhook"
)
_TEMPLATE = "name,description,version,tcl"
_STEP = "name,stepNumber,status"
_FOLLOWED = (
    "status,planChanges,commitId,approvalTeam,templateReference,output,createdDate,updatedDate,"
    "workspace,step"
)
_IDENTIFIED = f"{_FOLLOWED},comments,createdBy,tcl,overrideBranch,organization"

_KEY = re.compile(r"[A-Za-z0-9:_-]{1,64}")
# Columns of the job table; a longer value is refused with 423, after which a job could exist
# for all one can tell (contract section 3.1).
_LIMITS = {"comments": 512, "templateReference": 36, "commitId": 64, "overrideBranch": 128}
_OPEN = sorted(status.value for status in JobStatus if status not in TERMINAL)

Query = Mapping[str, str | None]

WORKSPACE_FIELDS: Final[Query] = {"fields[workspace]": _WORKSPACE}
OWNED_WORKSPACE_FIELDS: Final[Query] = {
    "fields[workspace]": f"{_WORKSPACE},organization",
    "include": "organization",
    "fields[organization]": "name",
}
"""With whose it is."""
TEMPLATE_FIELDS: Final[Query] = {"fields[template]": _TEMPLATE}
ORGANIZATION_FIELDS: Final[Query] = {"fields[organization]": "name"}
FOLLOWED_FIELDS: Final[Query] = {
    "fields[job]": _FOLLOWED,
    "include": "step",
    "fields[step]": _STEP,
}
"""As little as following needs: this is asked every few seconds."""
IDENTIFIED_FIELDS: Final[Query] = {**FOLLOWED_FIELDS, "fields[job]": _IDENTIFIED}
"""What it takes to say whose job it is and what it was asked to do, too."""


def organization_path(organization_id: str, *below: str) -> str:
    """Return the path of an organization, or of what lies below it."""
    return "/".join([API, "organization", *(segment(part) for part in (organization_id, *below))])


def workspace_path(workspace_id: str, *below: str) -> str:
    """Return the path of a workspace at the root, or the documented one of its jobs."""
    return "/".join([API, "workspace", *(segment(part) for part in (workspace_id, *below))])


def log_path(organization_id: str, job_id: str, step_id: str) -> str:
    """Return the path of a step's log.

    Built from ids: a step's own ``output`` often names an internal host (contract section 7).
    """
    organization, job, step = (segment(part) for part in (organization_id, job_id, step_id))
    return f"/tfoutput/v1/organization/{organization}/job/{job}/step/{step}"


def with_ids(ids: Sequence[str]) -> rsql.Filter:
    """Match jobs by their ids.

    Raises:
        ValueError: There are more than MAX_IDS, or one is no number.
    """
    if len(ids) > MAX_IDS:
        msg = f"{len(ids)} ids in one request: at most {MAX_IDS} come back"
        raise ValueError(msg)
    return rsql.one_of_words("id", [str(int(job_id)) for job_id in ids])


def still_open() -> rsql.Filter:
    """Match jobs in one of the open statuses that were ever seen."""
    return rsql.one_of_words("status", _OPEN)


def with_key(key: str) -> rsql.Filter:
    """Match jobs whose ``comments`` are *key*, or begin with it and a space.

    Raises:
        UserError: *key* is no word of letters, digits, colons, dashes and underscores.
    """
    if not _KEY.fullmatch(key):
        msg = f"{key[:80]!r} is no key of a job: letters, digits, : _ - and at most 64 of them"
        raise UserError(msg)
    return rsql.equals("comments", key) | rsql.begins_with("comments", f"{key} ")


def has_key(comments: str, key: str) -> bool:
    """Tell whether the first word of *comments* is *key*; the server's wildcards are coarser."""
    return comments.split(" ", 1)[0] == key


def new_job(request: JobRequest) -> dict[str, object]:
    """Build the body that creates a job; what is not given stays Terrakube's default.

    Both relationships are needed: without the organization the documented path answers 500
    (contract section 3). ``via`` stays ``UI``: with another value 2.32 never ends a job of a
    workspace without VCS (section 6.4).

    Raises:
        PermanentRemoteError: A value does not fit; nothing was sent.
    """
    workspace = request.workspace
    attributes = _attributes_of(request)
    _check_lengths("POST", attributes)
    return {
        "data": {
            "type": "job",
            "attributes": {name: value for name, value in attributes.items() if value is not None},
            "relationships": {
                "organization": _linkage("organization", workspace.organization_id),
                "workspace": _linkage("workspace", workspace.id),
            },
        }
    }


def changed_job(job_id: str, change: JobChange) -> dict[str, object]:
    """Build the body that changes a job; what is None in *change* is left out.

    An empty branch or commit takes the job's own away, so that the workspace's counts again.
    Never ``planChanges``, which is an output, nor what is answered 403 (contract section 3.1).

    Raises:
        PermanentRemoteError: A value does not fit; nothing was sent.
    """
    given: dict[str, object | None] = {
        "comments": change.comments,
        "refresh": change.refresh,
        "refreshOnly": change.refresh_only,
        "templateReference": change.template_id,
        "overrideBranch": change.override_branch,
        "commitId": change.commit_id,
        "targetAddrs": None if change.target_addrs is None else list(change.target_addrs),
        "replaceAddrs": None if change.replace_addrs is None else list(change.replace_addrs),
    }
    _check_lengths("PATCH", given)
    attributes = {name: value for name, value in given.items() if value is not None}
    for name in ("overrideBranch", "commitId"):
        if attributes.get(name) == "":
            attributes[name] = None
    return _patch(job_id, attributes)


def job_with_status(job_id: str, status: JobStatus) -> dict[str, object]:
    """Build the body that changes a job's status."""
    return _patch(job_id, {"status": status.value})


def _patch(job_id: str, attributes: Mapping[str, object]) -> dict[str, object]:
    return {"data": {"type": "job", "id": job_id, "attributes": dict(attributes)}}


def _attributes_of(request: JobRequest) -> dict[str, object | None]:
    if (request.template_id is None) == (request.tcl is None):
        msg = "POST job: not sent: it needs either a template or an inline one"
        raise PermanentRemoteError(msg, service="terrakube")
    return {
        "templateReference": request.template_id,
        "tcl": None if request.tcl is None else _encoded(request.tcl),
        "via": "UI",
        "comments": request.comments,
        "commitId": request.commit_id,
        "overrideBranch": request.override_branch,
        # 2.32 does not know the lists, and refuses a job that names them.
        "targetAddrs": list(request.target_addrs) or None,
        "replaceAddrs": list(request.replace_addrs) or None,
        "refresh": None if request.refresh else False,
        "refreshOnly": True if request.refresh_only else None,
    }


def _encoded(text: str) -> str:
    try:
        tcl.check(text)
    except UserError as error:
        msg = f"POST job: not sent: {error}"
        raise PermanentRemoteError(msg, service="terrakube") from error
    return tcl.encode(text)


def _check_lengths(method: str, attributes: Mapping[str, object | None]) -> None:
    for name, limit in _LIMITS.items():
        if len(str(attributes[name] or "")) > limit:
            msg = f"{method} job: not sent: {name} is longer than {limit} characters"
            raise PermanentRemoteError(msg, service="terrakube")


def _linkage(kind: str, identifier: str) -> dict[str, object]:
    return {"data": {"type": kind, "id": identifier}}
