"""Bindings: which branches and folders of a repository a workspace takes its code from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.decisions.paths import clean_folder
from bridge.decisions.repositories import Matcher
from bridge.domain.terrakube import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A workspace that a repository feeds.

    Attributes:
        branches: It follows, without ``refs/heads/``, in the order typed.
        folders: It lives in; the root is the empty text; in the order typed.
    """

    workspace: Workspace
    branches: tuple[str, ...]
    folders: tuple[str, ...]

    def __str__(self) -> str:
        """``organization/workspace``."""
        return str(self.workspace.ref)


def followed_branches(workspace: Workspace) -> tuple[str, ...]:
    """List the branches a workspace follows: one, or several separated by commas."""
    names = (part.strip().removeprefix("refs/heads/") for part in workspace.branch.split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def workspace_folders(workspace: Workspace) -> tuple[str, ...]:
    """List the folders of a workspace: one, or several separated by commas; empty is the root.

    One that leaves the repository is left out.
    """
    parts = workspace.folder.split(",")
    named = [part for part in parts if part.strip()] or [""]
    folders = (clean_folder(part) for part in named)
    return tuple(dict.fromkeys(folder for folder in folders if folder is not None))


def bindings_of(
    workspaces: Iterable[Workspace], clone_urls: Sequence[str], matcher: Matcher
) -> tuple[Binding, ...]:
    """Choose the workspaces a repository feeds, sorted by name."""
    found = [
        Binding(
            workspace=workspace,
            branches=followed_branches(workspace),
            folders=workspace_folders(workspace),
        )
        for workspace in workspaces
        if matcher.feeds(clone_urls, workspace.source)
    ]
    return tuple(sorted(found, key=str))
