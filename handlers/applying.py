"""Applying what was reviewed: gather, let the gates decide, ask for the runs."""

from dataclasses import dataclass

from bridge.decisions.applying import Apply, ApplyTarget, decide_apply, refuse_place
from bridge.decisions.asking import Refuse
from bridge.decisions.due_applies import (
    NOTHING_TO_APPLY,
    Candidates,
    Due,
    NothingToApply,
    Wanted,
    candidates,
    decide_due,
)
from bridge.decisions.triggers import Facts
from bridge.domain.commands import ApplyCommand, word_of
from bridge.domain.posts import PostKind, PostTarget
from bridge.domain.runs import Reviewed, RunRequest, Verb
from bridge.domain.vcs import MergeMethod, PullRequest, StatusState
from bridge.domain.work import Work
from bridge.rendering.statuses import context_of
from bridge.routing import Asked, Services
from handlers.allowing import refuse
from handlers.reading import changed_files, gather_facts
from handlers.writing import (
    audit,
    commit_report,
    tell_comment,
    tell_commit,
    tell_fixed_status,
    tell_merge,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """An apply, or a destroy, that somebody asked for."""

    wanted: Wanted
    asked: Asked
    services: Services


async def carry_out_apply(wanted: Wanted, asked: Asked, services: Services, work: Work) -> str:
    """Start what may be applied; say what is refused, or left out."""
    order = _Order(wanted=wanted, asked=asked, services=services)
    action = f"{wanted.verb}.requested"
    match await _decide(order, work):
        case Refuse(text=text):
            audit(work, asked, action=action, result="refused", detail=text)
            return text
        case NothingToApply(text=text, concludes=concludes):
            if concludes:
                _tell_nothing(order, work)
            audit(work, asked, action=action, result="done", detail="nothing to do")
            return text
        case Apply(targets=targets, text=text):
            # A comment may say it twice, and nothing is stored before its end.
            begun = {run.workspace for run in work.runs if run.reviewed}
            targets = tuple(one for one in targets if one.workspace not in begun)
            _request(order, targets, work)
            names = ", ".join(str(one.workspace) for one in targets)
            audit(work, asked, action=action, result="done", detail=names)
            return text


async def reopen_applies(pull_request: PullRequest, services: Services, work: Work) -> None:
    """Take back that there is nothing to apply: what is planned again may change something."""
    for verb in (Verb.APPLY, Verb.DESTROY):
        context = context_of(services.policy.status_prefix, verb)
        repository, sha = pull_request.ref.repository, pull_request.head_sha
        target = PostTarget(repository=repository, sha=sha, context=context)
        said = await services.store.fixed_text(target.key(PostKind.STATUS))
        if said is not None and said.startswith(StatusState.SUCCESS):
            again = f"Planned again: say {services.policy.command_names[0]} {verb} once more"
            tell_fixed_status(work, repository, sha, context, again, state=StatusState.PENDING)


async def _decide(order: _Order, work: Work) -> Refuse | NothingToApply | Apply:
    wanted, asked, services = order.wanted, order.asked, order.services
    word = word_of(asked.command)
    if refusal := await refuse(asked, word, services):
        return refusal
    facts = await gather_facts(asked.pull_request.repository, services)
    if refusal := refuse_place(wanted, facts, asked.pull_request):
        return refusal
    found = await _candidates(order, facts)
    if isinstance(found, Refuse):
        return found
    if refusal := await refuse(asked, word, services, tuple(found.meant)):
        return refusal
    due = await _due(order, found)
    if not isinstance(due, Due):
        # What is applied already may still be merged, also where the forge refused that before.
        _tell_merge(order, work)
        return due
    gates = await services.gating.facts(
        asked.pull_request, due.plans, options=wanted.options, destroy=wanted.destroy
    )
    return decide_apply(wanted, facts, gates, due.notes)


async def _candidates(order: _Order, facts: Facts) -> Refuse | Candidates:
    pull_request, services = order.asked.pull_request, order.services
    return candidates(
        order.wanted,
        facts,
        pull_request,
        await changed_files(facts, pull_request, services),
        await services.store.latest_plans(pull_request.ref, pull_request.head_sha),
    )


async def _due(order: _Order, found: Candidates) -> Refuse | NothingToApply | Due:
    pull_request, store = order.asked.pull_request, order.services.store
    others = await store.known_open_pull_requests(pull_request.ref.repository)
    return decide_due(
        order.wanted,
        pull_request,
        found,
        await store.shown_runs(pull_request.ref, pull_request.head_sha),
        shares_head=any(
            one.head_sha == pull_request.head_sha and one.ref.key != pull_request.ref.key
            for one in others
        ),
    )


def _request(order: _Order, targets: tuple[ApplyTarget, ...], work: Work) -> None:
    pull_request = order.asked.pull_request
    work.runs += [_run(order, target) for target in targets]
    tell_comment(work, pull_request.ref)
    tell_commit(
        work,
        pull_request.ref.repository,
        pull_request.head_sha,
        verb=order.wanted.verb,
        policy=order.services.policy,
        workspaces=[target.workspace for target in targets],
    )
    _tell_merge(order, work)


def _tell_merge(order: _Order, work: Work) -> None:
    """Ask for the merge that follows, or take it back where somebody says so."""
    wanted, pull_request = order.wanted, order.asked.pull_request
    merges, method = _merging(wanted)
    if merges:
        tell_merge(work, pull_request, method or wanted.policy.merge_method)
    elif isinstance(wanted.command, ApplyCommand) and wanted.command.auto_merge is False:
        tell_merge(work, pull_request, None)


def _run(order: _Order, target: ApplyTarget) -> RunRequest:
    asked, wanted = order.asked, order.wanted
    ref, plan = asked.pull_request.ref, target.plan
    command, policy = wanted.command, wanted.policy
    merges, method = _merging(wanted)
    return RunRequest(
        trigger=asked.trigger,
        actor=asked.actor,
        verb=wanted.verb,
        workspace=target.workspace,
        template=target.template,
        commit_id=plan.request.commit_id,
        repository=ref.repository,
        reports=(ref.key, commit_report(ref.repository, plan.request.commit_id)),
        options=plan.request.options,
        branch=asked.pull_request.head_branch,
        pull_request=ref.number,
        why=f"Asked for by {asked.actor}: {command.text}",
        applies=True,
        reviewed=Reviewed(
            run_id=plan.id,
            digest=plan.digest,
            ask_when_sensitive=policy.ask_when_sensitive,
        ),
        merges=merges,
        merge_method=method,
        verbose=command.verbose,
        follow_up=policy.follow_up,
    )


def _merging(wanted: Wanted) -> tuple[bool, MergeMethod | None]:
    """Tell whether the pull request is merged afterwards, and how if not as configured."""
    command, configured = wanted.command, wanted.policy.auto_merge
    if not isinstance(command, ApplyCommand):
        return configured, None
    method = command.merge_method
    asked = True if method else command.auto_merge
    return (configured if asked is None else asked), method


def _tell_nothing(order: _Order, work: Work) -> None:
    """Let a required status of the apply pass: there is none that could satisfy it."""
    pull_request = order.asked.pull_request
    context = context_of(order.services.policy.status_prefix, order.wanted.verb)
    tell_fixed_status(
        work, pull_request.ref.repository, pull_request.head_sha, context, NOTHING_TO_APPLY
    )
