"""What every forge's reviews and required statuses come to; pure.

Fail closed: an approval that may be about other code, or of somebody who may not write, is none.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bridge.decisions.wording import code
from bridge.domain.vcs import CommitStatus, Reviews, StatusState


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """Somebody's newest review, of those that approve or ask for changes.

    Attributes:
        sha: Commit it was given for; empty when the forge does not know it any more.
        may_write: Whether whoever gave it may write in the repository.
    """

    login: str
    approves: bool
    sha: str
    may_write: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRule:
    """What a base branch asks of reviews, as far as it may be read.

    Attributes:
        required: Approvals; None when there is no rule, or it may not be read.
        old_count: Whether approvals of earlier heads count among them.
        rejections_block: Whether somebody who asks for changes keeps it from being merged.
        complaint: What the forge itself says is missing, a sentence; empty when it is content.
    """

    required: int | None = None
    old_count: bool = False
    rejections_block: bool = True
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class _Counts:
    """Logins, sorted: who approves the present head, who an earlier one, who asks for changes."""

    fresh: tuple[str, ...]
    old: tuple[str, ...]
    rejecting: tuple[str, ...]

    def counted(self, rule: ReviewRule) -> tuple[str, ...]:
        old = self.old if rule.old_count and rule.required else ()
        return tuple(sorted((*self.fresh, *old)))


def judge(opinions: Sequence[Opinion], rule: ReviewRule, *, author: str, head_sha: str) -> Reviews:
    """Say whether a pull request counts as approved.

    The rule must be content, and beyond any rule somebody other than the author, who may write,
    must approve the head as it is now: what is applied is that very code.
    """
    counts = _count(opinions, author, head_sha)
    problem = rule_problem(opinions, rule, author=author, head_sha=head_sha)
    if not problem and not counts.fresh:
        problem = _nobody(opinions, counts, author)
    return Reviews(
        approved=not problem,
        approved_by=counts.counted(rule),
        rejected_by=counts.rejecting,
        required=rule.required,
        problem=problem,
    )


def rule_problem(
    opinions: Sequence[Opinion], rule: ReviewRule, *, author: str, head_sha: str
) -> str:
    """Say what the base branch's rule misses; empty when it is content."""
    counts = _count(opinions, author, head_sha)
    if counts.rejecting and rule.rejections_block:
        return "Somebody who may write here asks for changes."
    if rule.complaint:
        return rule.complaint
    if len(counts.counted(rule)) < (rule.required or 0):
        return "The rules of the base branch ask for more approvals."
    return ""


def _count(opinions: Iterable[Opinion], author: str, head_sha: str) -> _Counts:
    others = [one for one in opinions if one.may_write and one.login.lower() != author.lower()]
    return _Counts(
        fresh=_logins(one for one in others if one.approves and one.sha == head_sha),
        old=_logins(one for one in others if one.approves and one.sha != head_sha),
        rejecting=_logins(one for one in others if not one.approves),
    )


def _logins(opinions: Iterable[Opinion]) -> tuple[str, ...]:
    return tuple(sorted(one.login for one in opinions))


def _nobody(opinions: Sequence[Opinion], counts: _Counts, author: str) -> str:
    if counts.old:
        return "An earlier commit was approved, not the head as it is now."
    approving = {one.login.lower() for one in opinions if one.approves}
    if approving - {author.lower()}:
        return "Nobody who approved it may write here."
    return "Only its author approved it." if approving else "Nobody approved it yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """How a forge compares the contexts of statuses.

    Attributes:
        matches: Tells whether a required name, perhaps a pattern, means a context.
        key: What tells one context from another.
    """

    matches: Callable[[str, str], bool] = field(default=lambda wanted, context: wanted == context)
    key: Callable[[str], str] = str

    def is_ignored(self, context: str, ignoring: Sequence[str]) -> bool:
        """Tell whether *ignoring* names a context: exactly, or by its beginning, as ``name: *``."""
        name = self.key(context)
        return any(
            name.startswith(self.key(one)[:-1]) if one.endswith("*") else name == self.key(one)
            for one in ignoring
        )

    def unmet(
        self, required: Iterable[str], statuses: Sequence[CommitStatus], ignoring: Sequence[str]
    ) -> list[str]:
        """Say, a sentence each, which required statuses have not succeeded.

        Every context that a pattern means must have, although Forgejo looks at the first only.
        """
        found: list[str] = []
        for wanted in dict.fromkeys(required):
            if self.is_ignored(wanted, ignoring):
                continue
            meant = [
                one for one in statuses if self.matches(self.key(wanted), self.key(one.context))
            ]
            counted = [one for one in meant if not self.is_ignored(one.context, ignoring)]
            if not meant:
                found.append(f"The required status {code(wanted)} was not reported.")
            found += [
                f"The required status {code(one.context)} is {one.state.value}."
                for one in counted
                if one.state is not StatusState.SUCCESS
            ]
        return list(dict.fromkeys(found))


def is_meant(pattern: str, context: str) -> bool:
    """Tell whether a glob of Gitea and Forgejo means a context; ``*`` crosses slashes."""
    try:
        return any(re.fullmatch(_regex(one), context, re.DOTALL) for one in _alternatives(pattern))
    except re.error:  # such as [z-a]: then it means nothing
        return False


def _alternatives(pattern: str) -> list[str]:
    """Write out the first ``{a,b}``, and so on with what follows from it."""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None:
        return [pattern]
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    return [
        whole for one in braces[1].split(",") for whole in _alternatives(f"{before}{one}{after}")
    ]


def _regex(pattern: str) -> str:
    parts = re.split(r"(\*+|\?|\[!?[^\]]+\])", pattern)
    return "".join(_piece(part) for part in parts)


def _piece(part: str) -> str:
    if part.startswith("*"):
        return ".*"
    if part == "?":
        return "."
    if part.startswith("[") and part.endswith("]"):
        inner = part[1:-1].removeprefix("!").replace("\\", r"\\").replace("[", r"\[")
        return f"[{'^' if part.startswith('[!') else ''}{inner}]"
    return re.escape(part)
