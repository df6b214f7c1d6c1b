"""How a run ends, and what is said about it while it cannot go on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.decisions.following import conclusion_of
from bridge.domain.runs import CLOSED, RETARGETED, RunState, Verb

TROUBLE_AFTER: Final = 600_000
"""Milliseconds without Terrakube after which people are told (design section 10.6)."""

PATIENCE: Final = 6 * 3_600_000
"""Milliseconds without Terrakube after which a run is given up."""

TERRAKUBE: Final = "terrakube"
"""The service whose errors need no name."""

_MAY_GO_ON = " Terrakube does not stop Terraform, so a step that was running may still finish."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ends.

    Attributes:
        reason: For people; empty when the state says it all.
    """

    state: RunState
    reason: str = ""


DELETED: Final = Ending(state=RunState.ERROR, reason="Its job was deleted in Terrakube.")


def ending_of_job(
    status: str,
    *,
    superseded_by: str,
    cancel_requested: bool,
    started: bool,
    expired: bool,
    by: str = "",
    waited: str = "",
) -> Ending:
    """Say how a run ends whose job has ended.

    Args:
        status: A terminal status.
        superseded_by: As in a run.
        cancel_requested: Whether the bridge asked Terrakube to cancel it.
        started: Whether any step had begun.
        expired: Whether Terrakube's time limit ended it.
        by: Login of who cancelled it; empty when nobody did.
        waited: What to say again when it waited for an approval until the limit; empty when it
            did not wait.
    """
    note = _MAY_GO_ON if started else ""
    match conclusion_of(status):
        case RunState.CANCELLED if cancel_requested:
            ending = ending_of_cancelled(superseded_by, by=by)
            return Ending(state=ending.state, reason=f"{ending.reason}{note}")
        case RunState.CANCELLED:
            return Ending(
                state=RunState.CANCELLED, reason=f"Cancelled in Terrakube, not by the bridge.{note}"
            )
        case RunState.REJECTED:
            return Ending(state=RunState.REJECTED, reason="Rejected in Terrakube.")
        case RunState.FAILED if expired:
            return Ending(state=RunState.ERROR, reason=_expired(waited))
        case state if cancel_requested:
            return Ending(state=state, reason="It was to be cancelled, but ran all the same.")
        case state:
            return Ending(state=state)


def _expired(waited: str) -> str:
    if not waited:
        return "Terrakube ended the job: none may be open for more than 6 hours."
    return (
        "Its approval has expired: Terrakube ends every job 6 hours after it was created. "
        f"Nothing was changed; {waited}."
    )


def ending_at_commit(ending: Ending, verb: Verb, *, asked: str, ran: str | None) -> Ending:
    """Take a success back that is about other code than was asked for; warn of other ones.

    Terrakube's executor checks out the commit of a job only when it clones by http(s): with an
    ssh source it runs the head of the workspace's branch, and the job says no commit afterwards.

    Args:
        ending: As the job's status says.
        verb: What was asked for.
        asked: Full commit; empty when none was asked for.
        ran: What the job says now; empty when its executor could not tell, None when unknown.
    """
    if not asked or ran in {None, asked} or ending.state is not RunState.SUCCEEDED:
        return ending
    told = (
        f"Terrakube ran it at commit {ran[:12]} instead of {asked[:12]}."
        if ran
        else f"Terrakube did not run it at commit {asked[:12]}, but at the head of the workspace's "
        "branch: it heeds commits only of workspaces whose source is an https address."
    )
    # What was applied is applied; a plan of other code must not pass for the plan of this one.
    state = RunState.ERROR if verb is Verb.PLAN else ending.state
    return Ending(state=state, reason=f"{ending.reason} {told}".strip())


def ending_of_other_plan(ending: Ending, *, command: str) -> Ending:
    """Say that somebody let an apply go on whose plan is not the one that was reviewed.

    What was applied is applied, but nothing that was reviewed: nobody should merge it unseen.
    """
    state = RunState.ERROR if ending.state is RunState.SUCCEEDED else ending.state
    told = (
        "Its job went on in Terrakube without the bridge, and its plan was not the one that was "
        f"reviewed: look at what is different, then say `{command} plan`."
    )
    return Ending(state=state, reason=f"{ending.reason} {told}".strip())


def ending_of_cancelled(superseded_by: str, *, by: str = "") -> Ending:
    """Say how a run ends that the bridge itself cancelled; *by* is who asked for it."""
    if superseded_by == CLOSED:
        return Ending(
            state=RunState.SUPERSEDED, reason="Cancelled, as the pull request was closed."
        )
    if superseded_by == RETARGETED:
        return Ending(
            state=RunState.SUPERSEDED,
            reason="Cancelled, as the pull request goes to another branch now.",
        )
    if superseded_by:
        return Ending(state=RunState.SUPERSEDED, reason="Cancelled, as a newer commit replaced it.")
    return Ending(state=RunState.CANCELLED, reason=f"Cancelled by {by or 'the bridge'}.")


def not_cancelled(job_id: str, error: Exception) -> str:
    """Say that a job nobody wants may run all the same; people can do what the bridge may not."""
    return (
        f"Job {job_id} is not wanted any more, but Terrakube does not let the bridge cancel it "
        f"({error}). It may run all the same unless somebody cancels it there."
    )


def refused(error: Exception) -> Ending:
    """Say how a run ends whose job Terrakube refuses."""
    return Ending(state=RunState.ERROR, reason=f"Terrakube refuses the job: {error}.")


def given_up(error: str, *, may_exist: bool, service: str = TERRAKUBE) -> Ending:
    """Say how a run ends for which *service* could not be reached for too long."""
    told = f"{_called(service)} could not be reached for 6 hours"
    where = "; a job may have been started there all the same" if may_exist else ""
    return Ending(state=RunState.ERROR, reason=f"{told}{where}. Last: {error}.")


def lost(error: str) -> Ending:
    """Say how a run ends whose job could not be looked at for too long."""
    return Ending(
        state=RunState.ERROR,
        reason=(
            "Terrakube could not be reached for 6 hours; what became of its job is not known. "
            f"Last: {error}."
        ),
    )


def broken(error: str) -> Ending:
    """Say how a run ends that the bridge itself cannot deal with."""
    return Ending(
        state=RunState.ERROR, reason=f"The bridge failed on this run: {error}. See its log."
    )


def unreachable(error: str, since: datetime, *, service: str = TERRAKUBE) -> str:
    """Say what keeps a run from going on while *service* does not answer; *since* is UTC."""
    return (
        f"{_called(service)} has not answered since {since:%Y-%m-%d %H:%M} UTC ({error}). "
        "The bridge keeps trying."
    )


def without_output(error: str) -> str:
    """Say that a job ended and what it wrote is lost."""
    return f"What it wrote could not be read from Terrakube: {error}."


def _called(service: str) -> str:
    return "Terrakube" if service == TERRAKUBE else f"The forge {service}"
