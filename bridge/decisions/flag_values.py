"""Values of flags: each is checked before it goes into a field."""

import re

from bridge.decisions.paths import check_glob, clean_folder
from bridge.decisions.wording import code
from bridge.domain.vcs import MergeMethod

_MOST_ALTERNATIVES = 16  # of one glob; whoever can comment makes the bridge spell them out


class Refused(Exception):  # noqa: N818 - never leaves the parser
    """A line, a flag or a value that is not taken.

    Attributes:
        problem: What is wrong, in Markdown; what was written is inert in it.
        token: Index of the token that is wrong; None while that is not known.
        place: Index of the character instead, of what are no tokens.
    """

    def __init__(self, problem: str, *, token: int | None = None, place: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.token = token
        self.place = place


_WORKSPACE_REFUSED = re.compile(r"[\s\x00-\x1f\x7f\\$`]|\.\.|^[~-]|/.*/|^/|/$")


def check_workspace(value: str) -> str:
    """Return a workspace's name or glob as it is; Refused when it cannot be one."""
    problem = check_glob(value, most=_MOST_ALTERNATIVES)
    if not problem and (value.startswith("!") or _WORKSPACE_REFUSED.search(value)):
        problem = "is not a workspace, or organization/workspace"
    if problem:
        problem = f"{code(value)} {problem}"
        raise Refused(problem)
    return value


def check_folder(value: str) -> str:
    """Return a folder or a glob of folders, cleaned; Refused when it leaves the repository."""
    if value.startswith(("/", "~")):
        problem = (
            f"{code(value)} is absolute; folders are relative to the repository, its root is `.`"
        )
        raise Refused(problem)
    cleaned = clean_folder(value)
    if cleaned is None:
        problem = f"{code(value)} leaves the repository"
        raise Refused(problem)
    problem = (cleaned and check_glob(cleaned, most=_MOST_ALTERNATIVES)) or ""
    if not value.strip() or value.startswith(("!", "-")):
        problem = "is no folder"
    if problem:
        problem = f"{code(value)} {problem}"
        raise Refused(problem)
    return cleaned


_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_RESOURCE = re.compile(rf'{_NAME}(?:\.{_NAME}|\[\d{{1,9}}\]|\["[^"\\$`\x00-\x1f\x7f]{{1,200}}"\])+')
_UNQUOTED = re.compile(r"\[[^\]\"\d]")


def check_resource(value: str) -> str:
    """Return a resource address as it is; Refused when it is none."""
    if len(value) <= 500 and _RESOURCE.fullmatch(value):  # noqa: PLR2004 - longest address taken
        return value
    hint = (
        "; put it into single quotes, or its own quotes are lost" if _UNQUOTED.search(value) else ""
    )
    problem = f"{code(value)} is no resource address{hint}"
    raise Refused(problem)


_JOB = re.compile(r"[1-9][0-9]{0,17}")


def check_job(value: str) -> str:
    """Return a job's number as it is; Refused when it is none."""
    if _JOB.fullmatch(value):
        return value
    problem = f"{code(value)} is no number of a job"
    raise Refused(problem)


def check_merge_method(value: str) -> str:
    """Return the name of a way to merge; Refused when there is no such way."""
    if value.lower() in list(MergeMethod):
        return value.lower()
    known = ", ".join(code(method.value) for method in MergeMethod)
    problem = f"{code(value)} is no way to merge; there is: {known}"
    raise Refused(problem)
