"""What a pull request starts, and what it says when nothing starts."""

from collections.abc import Sequence

from bridge.decisions.paths import Changes
from bridge.decisions.triggers import (
    Facts,
    Ignore,
    Start,
    Target,
    Tell,
    affected,
    follows,
)
from bridge.decisions.wording import code, counted, listed, ready_to_copy
from bridge.domain.rules import On
from bridge.domain.vcs import ChangedFiles, PullRequest, PullRequestState
from bridge.domain.work import Supersede, Verdict
from bridge.ports import PullRequestRecord

PLANNING = "planning"
NOTHING = "nothing"
FORK = "fork"
DRAFT = "draft"
TOO_MANY = "too_many"
ERROR = "error"

UNKNOWN_REPOSITORY = "no workspace in Terrakube takes its code from this repository"


def decide_pull_request(
    facts: Facts,
    *,
    pull_request: PullRequest,
    changed: ChangedFiles,
    stored: PullRequestRecord | None,
    allowed: str = "",
) -> Ignore | Tell | Start:
    """Decide what an open pull request starts by itself.

    Args:
        facts: What is known of Terrakube and the configuration.
        pull_request: As the forge shows it now.
        changed: Files it changes.
        stored: What was last seen of it: which commit was allowed, what was decided for its head.
        allowed: Commit of a fork that somebody allows just now.
    """
    if not facts.bindings:
        return Ignore(reason=UNKNOWN_REPOSITORY)
    found = affected(
        facts, On.PULL_REQUEST, branch=pull_request.base_branch, changes=Changes.of(changed)
    )
    targets = tuple(target for _, target in found)
    if not targets:
        return _tell(pull_request, NOTHING, nothing_text(facts, pull_request, changed), ())
    if not is_allowed(pull_request, stored, allowed):
        return _tell(pull_request, FORK, fork_text(facts, pull_request), targets)
    if refusal := refuse_applying_fork(pull_request, targets):
        return _tell(pull_request, ERROR, refusal, targets)
    left_alone = None if allowed else _left_alone(facts, pull_request, targets, stored)
    return left_alone or Start(targets=targets, verdict=planning(pull_request, targets))


def trigger_of(pull_request: PullRequest) -> str:
    """Name what starts the plans of a head, so that it starts them once (design 10.2)."""
    return f"{pull_request.ref.key}@{pull_request.head_sha}+{pull_request.base_branch}"


def planning(pull_request: PullRequest, targets: Sequence[Target]) -> Verdict:
    """Say that runs tell the rest; templates that do not exist are named at once."""
    problems = dict.fromkeys(target.problem for target in targets if target.problem)
    return Verdict(
        head_sha=pull_request.head_sha,
        kind=PLANNING,
        text=" ".join(problems),
        workspaces=len(targets),
    )


def is_allowed(
    pull_request: PullRequest, stored: PullRequestRecord | None, allowed: str = ""
) -> bool:
    """Tell whether the head may be planned: it is no fork's, or somebody allowed this commit.

    An allowance is for the base it was given at: whoever made the fork may choose another one,
    and with it other workspaces. The store drops it with the head, too, so that going back to an
    allowed commit needs another word.
    """
    if not pull_request.from_fork:
        return True
    here = stored is not None and stored.base_branch == pull_request.base_branch
    heads = {allowed, stored.allowed_head if stored and here else None}
    return bool(pull_request.head_sha) and pull_request.head_sha in heads


def refuse_applying_fork(pull_request: PullRequest, targets: Sequence[Target]) -> str:
    """Say which templates would apply the code of a fork; empty when none would."""
    if not pull_request.from_fork:
        return ""
    names = sorted({target.template.reference for target in targets if target.applies})
    if not names:
        return ""
    problems = dict.fromkeys(target.problem for target in targets if target.problem)
    refusal = (
        "The code of a fork is planned at most, never applied, and nothing says that template "
        f"{listed(names)} only plans."
    )
    return " ".join([*problems, refusal])


def fork_text(facts: Facts, pull_request: PullRequest) -> str:
    """Say how somebody allows a fork's commit, ready to copy."""
    return (
        "This pull request comes from a fork, and a plan runs its code, so nothing was started. "
        "Once the changes were read, somebody with write permission can allow this one commit:"
        + ready_to_copy(f"{facts.command} ok-to-plan {pull_request.head_sha}")
    )


def too_many_text(facts: Facts, number: int) -> str:
    """Ask instead of starting hundreds of jobs."""
    return (
        f"{counted(number, 'workspace')} would be planned, more than "
        f"{facts.policy.max_workspaces} at once. To plan all of them, say:"
        + ready_to_copy(f"{facts.command} plan --all")
        + "\n\nOr choose some: "
        + code(f"{facts.command} plan -w organization/name")
        + " (globs are fine, and `-w` may be repeated)."
    )


def decide_supersedes(
    facts: Facts,
    *,
    pull_request: PullRequest,
    stored: PullRequestRecord | None,
    decision: Ignore | Tell | Start,
) -> tuple[Supersede, ...]:
    """Drop plans that no longer matter: of an older head, or of workspaces of another base."""
    if stored is None or isinstance(decision, Ignore):
        return ()
    ref, head = pull_request.ref, pull_request.head_sha
    found: list[Supersede] = []
    if stored.head_sha != head:
        found.append(Supersede(pull_request=ref, keep_head=head, reason="A newer commit came."))
    if stored.base_branch != pull_request.base_branch:
        targets = decision.targets if isinstance(decision, Start) else ()
        wanted = {target.workspace.id for target in targets}
        others = {binding.workspace.ref.id for binding in facts.bindings} - wanted
        because = "The pull request goes to another branch now."
        gone = frozenset(others)
        found.append(Supersede(pull_request=ref, keep_head=None, reason=because, workspaces=gone))
    return tuple(found)


def decide_closing(pull_request: PullRequest) -> Supersede:
    """Drop every plan of a pull request that is closed or merged."""
    merged = pull_request.state is PullRequestState.MERGED
    reason = f"The pull request was {'merged' if merged else 'closed'}."
    return Supersede(pull_request=pull_request.ref, keep_head=None, reason=reason)


def _left_alone(
    facts: Facts,
    pull_request: PullRequest,
    targets: Sequence[Target],
    stored: PullRequestRecord | None,
) -> Tell | None:
    """Say what is told instead of planning by itself; None when it is planned."""
    question = _question(facts, pull_request, targets)
    answered = _answered(pull_request, stored)
    if answered and (question or pull_request.from_fork):
        # Somebody asked for these plans: they are not made a second time.
        return Tell(verdict=answered)
    return question


def _question(facts: Facts, pull_request: PullRequest, targets: Sequence[Target]) -> Tell | None:
    """Find what somebody has to ask for before a pull request is planned."""
    if pull_request.draft and not facts.policy.plan_drafts:
        command = code(f"{facts.command} plan")
        text = f"Drafts are not planned by themselves; {command} plans this one."
        return _tell(pull_request, DRAFT, text, targets)
    if len(targets) > facts.policy.max_workspaces:
        return _tell(pull_request, TOO_MANY, too_many_text(facts, len(targets)), targets)
    return None


def _answered(pull_request: PullRequest, stored: PullRequestRecord | None) -> Verdict | None:
    """Return the verdict of a head that is being planned because somebody asked for it."""
    if stored is None or stored.base_branch != pull_request.base_branch or not stored.verdict:
        return None
    verdict = stored.verdict
    planned = verdict.kind == PLANNING and verdict.head_sha == pull_request.head_sha
    return verdict if planned else None


def nothing_text(facts: Facts, pull_request: PullRequest, changed: ChangedFiles) -> str:
    """Say why no workspace is affected."""
    base = code(pull_request.base_branch)
    if not follows(facts.bindings, pull_request.base_branch):
        reason = f"no workspace follows the branch {base}"
    elif not changed.paths and changed.complete:
        reason = "it changes no file"
    else:
        reason = f"none of those that follow {base} has a rule and a changed file"
    return f"No workspace is affected: {reason}."


def _tell(pull_request: PullRequest, kind: str, text: str, targets: Sequence[Target]) -> Tell:
    return Tell(
        verdict=Verdict(
            head_sha=pull_request.head_sha, kind=kind, text=text, workspaces=len(targets)
        )
    )
