"""``jobs follow``: a job as it runs, with its log, to its end."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.endings import Exit
from bridge.cli.jobs import app
from bridge.cli.jobs.getting import JobArgument, OrganizationOption
from bridge.cli.outputs import JsonOption

if TYPE_CHECKING:
    from bridge.cli.jobs.telling import Teller
    from bridge.domain.runs import RunState
    from bridge.terrakube import TerrakubeServer

AnsiOption = Annotated[
    bool | None,
    typer.Option(
        "--ansi/--no-ansi",
        show_default=False,
        help="Keep the colours of logs, or not; without: on a terminal only.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a job is followed and told.

    Attributes:
        as_json: One JSON object a line instead of text.
        log: Whether logs are shown.
        ansi: Whether they keep their colours; None: on a terminal only.
        stop_at_approval: Whether to end when the job waits for an approval.
        interval: Seconds between two looks while something happens.
        patience: Seconds Terrakube may be away.
    """

    as_json: bool = False
    log: bool = True
    ansi: bool | None = None
    stop_at_approval: bool = False
    interval: float = 2.0
    patience: float = 300.0


@app.command()
def follow(
    job: JobArgument,
    organization: OrganizationOption = "",
    ansi: AnsiOption = None,
    interval: Annotated[
        float, typer.Option(min=0.2, max=60.0, help="Seconds between two looks.")
    ] = 2.0,
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds Terrakube may be away before it is given up.")
    ] = 300.0,
    *,
    no_log: Annotated[bool, typer.Option("--no-log", help="Only states and steps.")] = False,
    stop_at_approval: Annotated[
        bool, typer.Option("--stop-at-approval", help="End with 5 when it waits for an approval.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Follow a job to its end; the exit code says how it ended.

    The log goes to standard output, everything else to standard error. While the job waits for
    an approval, this waits, too. Ctrl-C ends the following, not the job.
    """
    import asyncio  # noqa: PLC0415 - see the package

    manner = Manner(
        as_json=as_json,
        log=not no_log,
        ansi=ansi,
        stop_at_approval=stop_at_approval,
        interval=interval,
        patience=patience,
    )
    raise typer.Exit(asyncio.run(_find_and_follow(job, organization, manner)))


async def follow_to_end(
    server: "TerrakubeServer", organization_id: str, job_id: str, *, manner: Manner | None = None
) -> Exit:
    """Follow a job, tell what happens to it, and say how a command ends that did.

    Raises:
        MissingError: Somebody deleted the job.
        TemporaryRemoteError: Terrakube was away for too long.
        PermanentRemoteError: It refuses.
    """
    import asyncio  # noqa: PLC0415 - see the package

    manner = manner or Manner()
    teller = _teller(job_id, manner)
    ticking = asyncio.create_task(_tick(teller))
    try:
        return await _follow(server, organization_id, job_id, manner, teller)
    except asyncio.CancelledError:
        teller.close()
        typer.echo(
            f"job {job_id} goes on; to follow it again: terrakube-bridge jobs follow {job_id}",
            err=True,
        )
        raise
    finally:
        ticking.cancel()
        teller.close()


async def _find_and_follow(job_id: str, where: str, manner: Manner) -> Exit:
    from bridge.cli.terrakube import find_job, open_server  # noqa: PLC0415 - see the package

    async with open_server() as server:
        organization, job = await find_job(server, job_id, where or None)
        return await follow_to_end(server, organization.id, job.id, manner=manner)


async def _follow(
    server: "TerrakubeServer", organization_id: str, job_id: str, manner: Manner, teller: "Teller"
) -> Exit:
    from contextlib import aclosing  # noqa: PLC0415 - see the package

    from bridge.domain.runs import RunState  # noqa: PLC0415
    from bridge.terrakube.following import Pace, follow  # noqa: PLC0415
    from bridge.terrakube.updates import Ended, StateChanged  # noqa: PLC0415

    pace = Pace(
        interval=manner.interval,
        longest=2.5 * manner.interval,
        patience=manner.patience,
        log=manner.log,
    )
    end = Exit.BUG  # there is an end before the updates are over
    async with aclosing(follow(server, organization_id, job_id, pace=pace)) as updates:
        async for update in updates:
            teller.tell(update)
            match update:
                case StateChanged(state=RunState.WAITING) if manner.stop_at_approval:
                    return Exit.JOB_WAITS
                case Ended(conclusion=state):
                    end = _exit_of(state)
                case _:
                    pass
    return end


def _exit_of(state: "RunState") -> Exit:
    """Choose the exit code for a job's end."""
    from bridge.domain.runs import RunState  # noqa: PLC0415 - see the package

    match state:
        case RunState.SUCCEEDED:
            return Exit.OK
        case RunState.REJECTED | RunState.CANCELLED:
            return Exit.JOB_STOPPED
        case _:
            return Exit.JOB_FAILED


async def _tick(teller: "Teller") -> None:
    import asyncio  # noqa: PLC0415 - see the package

    while True:
        await asyncio.sleep(1.0)
        teller.tick()


def _teller(job_id: str, manner: Manner) -> "Teller":
    from bridge.cli.jobs.masking import configured_redactor  # noqa: PLC0415 - see the package
    from bridge.cli.jobs.telling import JsonTeller, TextTeller  # noqa: PLC0415

    redact = configured_redactor().redact
    if manner.as_json:
        return JsonTeller(redact=redact, ansi=bool(manner.ansi))
    terminal = sys.stdout.isatty()
    return TextTeller(
        job_id=job_id,
        redact=redact,
        ansi=terminal if manner.ansi is None else manner.ansi,
        live=sys.stderr.isatty() and (terminal or not manner.log),
    )
