"""Carrying out: decisions become rows of a Work. Nothing in here reaches the outside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.decisions.triggers import Ignore, Start, Target, Tell
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.rules import Policy
from bridge.domain.runs import RunRequest, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import (
    MergeMethod,
    PullRequest,
    PullRequestRef,
    RepositoryRef,
    StatusState,
)
from bridge.domain.work import AuditEntry, PullRequestSeen, Work
from bridge.rendering.statuses import context_of
from bridge.routing import Asked

_DETAIL = 500

SEEN = "eyes"
"""The reaction that says a command was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What makes runs start.

    Attributes:
        trigger: As in design section 10.2.
        actor: Login of who caused it.
        verbose: Whether they want to see the whole output.
    """

    trigger: str
    actor: str
    verbose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What was pushed.

    Attributes:
        ref: Full name: ``refs/heads/main``, ``refs/tags/v1``.
        before: What it pointed to; None for a new one.
        after: What it points to: a commit, or an annotated tag's object.
        commit: The commit it comes down to.
    """

    repository: RepositoryRef
    ref: str
    before: str | None
    after: str
    commit: str
    actor: str

    @property
    def cause(self) -> Cause:
        """Name the push, so that it starts its runs once (design 10.2)."""
        moved = f"{self.before or ''}..{self.after}"
        return Cause(trigger=f"push:{self.repository.key}:{self.ref}@{moved}", actor=self.actor)


def carry_out(
    work: Work,
    decision: Ignore | Tell | Start,
    pull_request: PullRequest,
    cause: Cause,
    policy: Policy,
) -> None:
    """Write down what was decided about an open pull request."""
    match decision:
        case Ignore(reason=reason):
            work.ignored = reason
        case Tell(verdict=verdict):
            work.pull_requests.append(PullRequestSeen(pull_request=pull_request, verdict=verdict))
            tell_pull_request(work, pull_request, policy)
        case Start(targets=targets, verdict=verdict):
            work.pull_requests.append(PullRequestSeen(pull_request=pull_request, verdict=verdict))
            request_plans(work, pull_request, targets, cause)
            tell_pull_request(work, pull_request, policy, targets)


def commit_report(repository: RepositoryRef, sha: str) -> str:
    """Name the report a commit's statuses are made from."""
    return f"commit:{repository.key}:{sha}"


def request_plans(
    work: Work,
    pull_request: PullRequest,
    targets: Iterable[Target],
    cause: Cause,
) -> None:
    """Ask for a plan of the pull request's head in each target."""
    ref = pull_request.ref
    work.runs += [
        RunRequest(
            trigger=cause.trigger,
            actor=cause.actor,
            verb=Verb.PLAN,
            workspace=target.workspace,
            template=target.template,
            commit_id=pull_request.head_sha,
            repository=ref.repository,
            reports=(ref.key, commit_report(ref.repository, pull_request.head_sha)),
            options=target.options,
            branch=pull_request.head_branch,
            pull_request=ref.number,
            why=target.why,
            applies=target.may_change,
            verbose=cause.verbose,
        )
        for target in targets
    ]


def request_push_runs(
    work: Work,
    pushed: Pushed,
    targets: Sequence[Target],
    policy: Policy,
    pull_requests: Sequence[PullRequestRef] = (),
) -> None:
    """Ask for what a push starts; *pull_requests* brought it and show it, too."""
    shown = (commit_report(pushed.repository, pushed.commit), *(ref.key for ref in pull_requests))
    kind, name = pushed.ref.removeprefix("refs/").split("/", maxsplit=1)
    work.runs += [
        RunRequest(
            trigger=pushed.cause.trigger,
            actor=pushed.actor,
            verb=Verb.PUSH,
            workspace=target.workspace,
            template=target.template,
            commit_id=pushed.commit,
            repository=pushed.repository,
            reports=shown,
            branch=name if kind == "heads" else "",
            tag=name if kind == "tags" else None,
            why=target.why,
            applies=target.may_change,
        )
        for target in targets
    ]
    for ref in pull_requests:
        tell_comment(work, ref)
    workspaces = [target.workspace for target in targets]
    tell_commit(
        work,
        pushed.repository,
        pushed.commit,
        verb=Verb.PUSH,
        policy=policy,
        workspaces=workspaces,
    )


def tell_pull_request(
    work: Work, pull_request: PullRequest, policy: Policy, targets: Sequence[Target] = ()
) -> None:
    """Bring the living comment and the head's statuses of plans up to date."""
    ref = pull_request.ref
    tell_comment(work, ref)
    tell_commit(
        work,
        ref.repository,
        pull_request.head_sha,
        verb=Verb.PLAN,
        policy=policy,
        workspaces=[target.workspace for target in targets],
    )


def tell_comment(work: Work, ref: PullRequestRef, *, resend: bool = False) -> None:
    """Bring the living comment up to date; *resend* even where it was sent already."""
    target = PostTarget(repository=ref.repository, number=ref.number)
    work.posts.append(
        PostUpsert(kind=PostKind.REPORT, target=target, report=ref.key, resend=resend)
    )


def tell_commit(
    work: Work,
    repository: RepositoryRef,
    sha: str,
    *,
    verb: Verb,
    policy: Policy,
    workspaces: Sequence[WorkspaceRef] = (),
) -> None:
    """Bring a commit's statuses up to date: the aggregate, and a few workspaces' own."""
    some = workspaces if len(workspaces) <= policy.status_limit else ()
    contexts = [context_of(policy.status_prefix, verb)]
    contexts += [context_of(policy.status_prefix, verb, workspace) for workspace in some]
    work.posts += [
        PostUpsert(
            kind=PostKind.STATUS,
            target=PostTarget(repository=repository, sha=sha, context=context),
            report=commit_report(repository, sha),
        )
        for context in contexts
    ]


def tell_fixed_status(
    work: Work,
    repository: RepositoryRef,
    sha: str,
    context: str,
    description: str,
    *,
    state: StatusState = StatusState.SUCCESS,
) -> None:
    """Set a status that says the same until somebody says something else."""
    post = PostUpsert(
        kind=PostKind.STATUS,
        target=PostTarget(repository=repository, sha=sha, context=context),
        report=commit_report(repository, sha),
        content=f"{state.value} {description}",
    )
    work.posts.append(post)


def tell_merge(work: Work, pull_request: PullRequest, method: MergeMethod | None) -> None:
    """Merge the pull request once all that is planned at its head is applied.

    None takes that back. What the forge refused before is tried again.
    """
    target = PostTarget(
        repository=pull_request.ref.repository,
        number=pull_request.ref.number,
        sha=pull_request.head_sha,
        content="" if method is None else method.value,
    )
    work.posts.append(
        PostUpsert(kind=PostKind.MERGE, target=target, report=pull_request.ref.key, resend=True)
    )


def react(work: Work, ref: PullRequestRef, comment_id: str) -> None:
    """Show at once that a command was seen."""
    target = PostTarget(repository=ref.repository, comment_id=comment_id, content=SEEN)
    work.posts.append(
        PostUpsert(kind=PostKind.REACTION, target=target, report=ref.key, content=SEEN)
    )


def reply(work: Work, ref: PullRequestRef, comment_id: str, text: str) -> None:
    """Answer a comment once."""
    target = reply_target(ref, comment_id)
    work.posts.append(PostUpsert(kind=PostKind.REPLY, target=target, report=ref.key, content=text))


def reply_stranger(work: Work, ref: PullRequestRef, target: PostTarget, text: str) -> None:
    """Answer somebody who may not write; see stranger_target."""
    work.posts.append(PostUpsert(kind=PostKind.REPLY, target=target, report=ref.key, content=text))


def stranger_target(ref: PullRequestRef, login: str, moment: datetime) -> PostTarget:
    """Name the one answer that somebody who may not write gets in an hour."""
    hour = int(moment.timestamp()) // 3600
    slot = f"{login.casefold()}:{hour}"
    return PostTarget(repository=ref.repository, number=ref.number, content=slot)


def reply_target(ref: PullRequestRef, comment_id: str) -> PostTarget:
    """Say where a comment is answered."""
    return PostTarget(repository=ref.repository, number=ref.number, comment_id=comment_id)


def audit(work: Work, asked: Asked, *, action: str, result: str, detail: str = "") -> None:
    """Record who asked for what, and what became of it."""
    work.audits.append(
        AuditEntry(
            actor=asked.actor,
            action=action,
            door=asked.door,
            subject=asked.pull_request.ref.key,
            result=result,
            detail=" ".join(f"{asked.command.text}: {detail}".split())[:_DETAIL],
        )
    )
