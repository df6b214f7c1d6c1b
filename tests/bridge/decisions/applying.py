"""Facts that tests of access and gates are made of: everything is met unless a test says so."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bridge.decisions.gates import GateFacts
from bridge.domain.access import AccessRule, Principal, PrincipalKind
from bridge.domain.commands import Word
from bridge.domain.runs import (
    Run,
    RunOptions,
    RunPhase,
    RunRequest,
    RunState,
    TemplateChoice,
    Verb,
)
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import (
    CommitStatus,
    Mergeability,
    PullRequest,
    PullRequestRef,
    PullRequestState,
    Repository,
    RepositoryRef,
    Reviews,
    StatusState,
)

HEAD = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
OLDER = "9c1185a5c5e9fc54612808977ee8f548b2258d31"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
INFRA = RepositoryRef(forge="code", id="7", slug="acme/infra")


def workspace(name: str = "network") -> WorkspaceRef:
    return WorkspaceRef(organization_id="o-acme", organization="acme", id=f"w-{name}", name=name)


NETWORK, DNS, PROD = workspace(), workspace("dns"), workspace("prod")


def a_pull_request(**changes: Any) -> PullRequest:  # noqa: ANN401 - any field of it
    fields: dict[str, Any] = {
        "ref": PullRequestRef(repository=INFRA, number=1),
        "state": PullRequestState.OPEN,
        "draft": False,
        "title": "Widen the network",
        "author": "alice",
        "web_url": "https://code.example.com/acme/infra/pulls/1",
        "head_sha": HEAD,
        "head_branch": "wider",
        "base_branch": "main",
        "base_sha": None,
        "from_fork": False,
        "merge_commit": None,
        "updated_at": NOW,
        "repository": Repository(ref=INFRA, clone_urls=(), web_url="", default_branch="main"),
    }
    return PullRequest(**(fields | changes))


def a_plan(
    of: WorkspaceRef = NETWORK,
    state: RunState = RunState.SUCCEEDED,
    *,
    commit: str = HEAD,
    options: RunOptions | None = None,
    **changes: Any,  # noqa: ANN401 - any field of a run
) -> Run:
    fields: dict[str, Any] = {
        "id": f"run-{of.name}",
        "request": RunRequest(
            trigger="pr:code:7:1@4b825dc+main",
            actor="alice",
            verb=Verb.PLAN,
            workspace=of,
            template=TemplateChoice(reference="Plan", id="t-plan", name="Plan"),
            commit_id=commit,
            repository=INFRA,
            reports=("pr:code:7:1",),
            options=options or RunOptions(),
            pull_request=1,
        ),
        "phase": RunPhase.FINISHED,
        "state": state,
        "job_id": "17",
        "job_status": "completed",
        "steps": (),
        "plan_changes": True,
        "counts": None,
        "digest": "json1:1",
        "trouble": "",
        "reason": "",
        "superseded_by": "",
        "cancel_requested": False,
        "attempts": 1,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW,
    }
    return Run(**(fields | changes))


def some_facts(**changes: Any) -> GateFacts:  # noqa: ANN401 - any field of the facts
    facts = GateFacts(
        pull_request=a_pull_request(),
        plans={NETWORK: a_plan()},
        reviews=Reviews(approved=True, approved_by=("bob",)),
        mergeability=Mergeability(mergeable=True),
        statuses=(CommitStatus(context="ci/test", state=StatusState.SUCCESS, description=""),),
        diverged=False,
    )
    return replace(facts, **changes)


def principal(text: str) -> Principal:
    door, kind, name = text.split(":") if text != "*" else ("", "*", "")
    return Principal(door=door, kind=PrincipalKind(kind), name=name)


def a_rule(*who: str, may: str = "*", workspaces: tuple[str, ...] = ()) -> AccessRule:
    words = frozenset(Word) if may == "*" else frozenset(Word(one) for one in may.split())
    return AccessRule(
        who=tuple(principal(one) for one in who),
        may=words,
        workspaces=workspaces,
        name=f"the rule of {who[0]}",
    )
