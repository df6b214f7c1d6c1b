"""Which statuses on a forge do not say what they should, and what is to be done about each."""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.domain.posts import Resend, StatusPost
from bridge.domain.vcs import CommitStatus, StatusState

_LONGEST: Final = 200
"""Forges shorten longer names, so that they cannot be found again."""

_COMPARED: Final = 100
"""Characters of a description that every forge keeps."""


def decide_resends(
    posts: Sequence[StatusPost],
    wanted: Mapping[str, CommitStatus],
    remote: Sequence[CommitStatus],
    *,
    is_open: bool,
    command: str,
) -> tuple[Resend, ...]:
    """Find the statuses of a commit to send again.

    Args:
        posts: Those that were wanted once.
        wanted: How they should read, by their posts' keys.
        remote: How all statuses of the commit read on the forge.
        is_open: Whether a run of the commit has not ended: then something will end by itself.
        command: How people address the bridge.
    """
    there = {one.context.casefold(): one for one in remote}
    found = [
        _decide(post, wanted[post.key], there, is_open=is_open, command=command)
        for post in posts
        if post.key in wanted and len(post.context) <= _LONGEST
    ]
    return tuple(one for one in found if one is not None)


def _decide(
    post: StatusPost,
    status: CommitStatus,
    there: Mapping[str, CommitStatus],
    *,
    is_open: bool,
    command: str,
) -> Resend | None:
    here = there.get(post.context.casefold())
    waits_for_nothing = status.state is StatusState.PENDING and post.content is None and not is_open
    if not waits_for_nothing:
        return None if _is_alike(status, here) else Resend(key=post.key, revision=post.revision)
    if here is not None and here.state is not StatusState.PENDING:
        return None  # what it came to stands there, and its runs were deleted since
    text = f"Nothing is under way any more: say {command} plan to plan it again."
    return Resend(key=post.key, revision=post.revision, content=f"{StatusState.ERROR.value} {text}")


def _is_alike(status: CommitStatus, here: CommitStatus | None) -> bool:
    return (
        here is not None
        and here.state is status.state
        and _beginning(here.description) == _beginning(status.description)
    )


def _beginning(text: str) -> str:
    return " ".join(text.split())[:_COMPARED]
