"""Creating a job from what somebody typed: checked first, then created once.

Only functions import this module.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from bridge.cli.jobs.rows import Row, job_row
from bridge.cli.terrakube import find_template, find_workspace
from bridge.cli.texts import one_line
from bridge.domain.errors import JobStateError, TemporaryRemoteError, UserError
from bridge.domain.rules import DEFAULT_TEMPLATE
from bridge.domain.terrakube import Job, JobRequest, Organization, Template, Workspace
from bridge.terrakube import TerrakubeServer, tcl
from bridge.terrakube.once import comment_key, create_once

_COMMIT: Final = re.compile(r"[0-9a-fA-F]{7,64}")
_LONGEST_KEY: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A job as somebody wants it; exactly one of *template* and *tcl* is given.

    Attributes:
        workspace: ``organization/workspace``.
        template: Name, id or ``default``; empty when the template is sent along.
        tcl: Text of a template that is sent along, already checked.
        branch: Branch or bare tag; empty for the workspace's own.
        commit: Empty for the newest.
        key: Which names the job; empty: any.
    """

    workspace: str
    template: str = ""
    tcl: str | None = None
    branch: str = ""
    commit: str = ""
    refresh: bool = True
    refresh_only: bool = False
    targets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    comment: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        """Refuse what can be seen without asking."""
        problem = self._problem()
        if problem:
            raise UserError(problem)

    def _problem(self) -> str:
        if bool(self.template) == (self.tcl is not None):
            return (
                "say what the job runs: either --template NAME (default: the workspace's own) or "
                "--tcl FILE"
            )
        if self.branch.startswith("refs/"):
            bare = self.branch.split("/", 2)[-1]
            return f"Terrakube takes branches and tags by their bare name: --branch {bare}"
        if self.commit and not _COMMIT.fullmatch(self.commit):
            return f"{self.commit!r} is no commit: give at least 7 of its hexadecimal digits"
        if self.refresh_only and not self.refresh:
            return "--no-refresh and --refresh-only contradict each other: give one of them"
        if len(self.key) > _LONGEST_KEY:
            return f"the key is longer than {_LONGEST_KEY} characters"
        return ""


def read_tcl(path: Path) -> str:
    """Read a template that is sent along, and check it.

    Raises:
        UserError: It cannot be read, or Terrakube would not understand it; names file and line.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        text = raw.decode()
    except OSError as error:
        msg = f"{name} cannot be read: {error.strerror}"
        raise UserError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{name} is no UTF-8 text"
        raise UserError(msg) from error
    try:
        tcl.check(text)
    except UserError as error:
        msg = f"{name}, {str(error).removeprefix('template, ')}"
        raise UserError(msg) from None
    return text


async def place(server: TerrakubeServer, order: Order) -> tuple[Job, Row]:
    """Create the job, unless one with the same key is there; its row also has ``existed``.

    Raises:
        MissingError: The workspace or the template does not exist.
        JobStateError: The workspace is locked.
        UserError: This Terrakube cannot do it.
        TemporaryRemoteError: Whether the job exists could not be found out; says how to.
    """
    workspace = await find_workspace(server, order.workspace)
    organization = Organization(id=workspace.ref.organization_id, name=workspace.ref.organization)
    template = await _template(server, organization, workspace, order)
    key = order.key or uuid4().hex
    if workspace.locked and not await _is_there(server, workspace, key):
        raise _locked(workspace)
    await _check_targets(server, order)
    try:
        created = await create_once(
            server, _request(workspace, template, order), key, sleep=server.sleep
        )
    except TemporaryRemoteError as error:
        raise _unknown(error, key) from error
    row = job_row(
        server,
        organization,
        created.job,
        workspaces=[workspace],
        templates=[template] if template else [],
    )
    return created.job, row | {"idempotency_key": key, "existed": created.existed}


async def _template(
    server: TerrakubeServer, organization: Organization, workspace: Workspace, order: Order
) -> Template | None:
    if order.tcl is not None:
        return None
    if order.template != DEFAULT_TEMPLATE:
        return await find_template(server, organization, order.template)
    if not workspace.default_template:
        msg = f"workspace {workspace.ref} has no default template: name one with --template"
        raise UserError(msg)
    return await find_template(server, organization, workspace.default_template)


async def _is_there(server: TerrakubeServer, workspace: Workspace, key: str) -> bool:
    return bool(await server.jobs_with_key(workspace.ref.organization_id, comment_key(key)))


def _locked(workspace: Workspace) -> JobStateError:
    why = f" ({one_line(workspace.lock_description)})" if workspace.lock_description else ""
    msg = (
        f"workspace {workspace.ref} is locked{why}: a job would only wait, and on Terrakube 2.33 "
        "make all younger ones wait, too; unlock it in Terrakube, then try again"
    )
    return JobStateError(msg)


async def _check_targets(server: TerrakubeServer, order: Order) -> None:
    if (order.targets or order.replaces) and not (await server.features()).targets:
        msg = "this Terrakube knows neither --target nor --replace: they need 2.33 or newer"
        raise UserError(msg)


def _request(workspace: Workspace, template: Template | None, order: Order) -> JobRequest:
    return JobRequest(
        workspace=workspace.ref,
        comments=order.comment,
        template_id=template.id if template else None,
        tcl=order.tcl,
        commit_id=order.commit or None,
        override_branch=order.branch or None,
        refresh=order.refresh,
        refresh_only=order.refresh_only,
        target_addrs=order.targets,
        replace_addrs=order.replaces,
    )


def _unknown(error: TemporaryRemoteError, key: str) -> TemporaryRemoteError:
    msg = (
        f"{error}\nwhether the job exists is not known: say the same again with "
        f"--idempotency-key {key}, which creates it only if it does not; or look for it with "
        f"jobs list --key {key}"
    )
    return TemporaryRemoteError(msg, service=error.service, status=error.status)
