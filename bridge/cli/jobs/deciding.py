"""``jobs approve``, ``jobs reject``, ``jobs cancel``: what is decided about jobs that are open."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.jobs import app
from bridge.cli.jobs.getting import OrganizationOption

if TYPE_CHECKING:
    from bridge.cli.jobs.candidates import Candidate, Verb

JobsArgument = Annotated[list[str], typer.Argument(metavar="JOB...", help="Their numbers.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_APPROVES = "Approving lets what follows run, which may change infrastructure."


@app.command()
def approve(
    jobs: JobsArgument, organization: OrganizationOption = "", *, yes: YesOption = False
) -> None:
    """Let jobs go on that wait for an approval.

    On a terminal it shows what their plans change, and asks. All are looked at before the first
    is approved, and each once more right before.
    """
    from bridge.cli.asking import confirm  # noqa: PLC0415 - see the package
    from bridge.cli.jobs.candidates import Verb  # noqa: PLC0415

    found = _look(jobs, organization, Verb.APPROVE)
    confirm("\n".join([*(one.plan_sentence() for one in found), _APPROVES]), yes=yes)
    _decide(found, Verb.APPROVE)


@app.command()
def reject(jobs: JobsArgument, organization: OrganizationOption = "") -> None:
    """End jobs that wait for an approval; what was still to come does not run.

    All are looked at before the first is rejected, and each once more right before.
    """
    from bridge.cli.jobs.candidates import Verb  # noqa: PLC0415 - see the package

    found = _look(jobs, organization, Verb.REJECT)
    _decide(found, Verb.REJECT)


@app.command()
def cancel(
    jobs: JobsArgument, organization: OrganizationOption = "", *, yes: YesOption = False
) -> None:
    """End jobs that are open, without stopping Terraform.

    A step that is running goes on to its end, unseen: an apply still makes its changes, while
    the next job of the workspace may already start.
    """
    from bridge.cli.asking import confirm  # noqa: PLC0415 - see the package
    from bridge.cli.jobs.candidates import Verb  # noqa: PLC0415

    found = _look(jobs, organization, Verb.CANCEL)
    still = [one for one in found if one.is_open]
    if still:
        confirm("\n".join(one.cancel_sentence() for one in still), yes=yes)
    _decide(found, Verb.CANCEL)


def _look(numbers: Sequence[str], where: str, verb: "Verb") -> "list[Candidate]":
    """Read the jobs; one to which it cannot be done ends the command, before anything is done."""
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.endings import tell  # noqa: PLC0415
    from bridge.cli.jobs.candidates import find  # noqa: PLC0415
    from bridge.domain.errors import JobStateError  # noqa: PLC0415

    found = asyncio.run(find(list(dict.fromkeys(numbers)), where, verb))
    refusals = [refusal for refusal in (one.refusal(verb) for one in found) if refusal]
    for refusal in refusals:
        tell(JobStateError(refusal.why))
    if refusals:
        raise typer.Exit(max(refusal.code for refusal in refusals))
    return found


def _decide(found: "Sequence[Candidate]", verb: "Verb") -> None:
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.jobs.candidates import decide  # noqa: PLC0415

    code = asyncio.run(decide(found, verb))
    if code:
        raise typer.Exit(code)
