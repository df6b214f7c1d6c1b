"""``jobs logs``: the logs of a job's steps, as far as they go."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from bridge.cli.jobs import app
from bridge.cli.jobs.following import AnsiOption
from bridge.cli.jobs.getting import JobArgument, OrganizationOption
from bridge.cli.outputs import JsonOption

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bridge.domain.terrakube import Job, Organization, Step
    from bridge.terrakube import TerrakubeServer

Row = dict[str, object]


@app.command()
def logs(
    job: JobArgument,
    organization: OrganizationOption = "",
    step: Annotated[
        str, typer.Option(metavar="STEP", help="Only this one: its number, or its name.")
    ] = "",
    ansi: AnsiOption = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write to a file; without: print."),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Print the logs of a job's steps, in order; of one that runs, what it said so far."""
    import asyncio  # noqa: PLC0415 - see the package

    if ansi is None:
        ansi = output is None and not as_json and sys.stdout.isatty()
    with _opened(output) as stream:
        asyncio.run(_write(job, organization, step, stream, ansi=ansi, as_json=as_json))


async def _write(
    job_id: str, where: str, step: str, stream: TextIO, *, ansi: bool, as_json: bool
) -> None:
    from bridge.cli.jobs.masking import configured_redactor  # noqa: PLC0415 - see the package
    from bridge.cli.terrakube import find_job, open_server  # noqa: PLC0415

    redact = configured_redactor().redact
    async with open_server() as server:
        organization, job = await find_job(server, job_id, where or None)
        steps = _chosen(job, step)
        texts = _texts(server, organization, job, steps)
        if as_json:
            await _write_json(job, texts, stream, redact, ansi=ansi)
        else:
            await _write_text(job, texts, stream, redact, ansi=ansi, headed=not step)


async def _write_text(
    job: "Job",
    texts: "AsyncIterator[tuple[Step, str]]",
    stream: TextIO,
    redact: Callable[[str], str],
    *,
    ansi: bool,
    headed: bool,
) -> None:
    from bridge.cli.jobs.masking import Masking  # noqa: PLC0415 - see the package
    from bridge.cli.texts import in_order, one_line  # noqa: PLC0415

    found = False
    async for step, text in texts:
        found = True
        name = redact(one_line(f"step {step.number} {step.name}"))
        if not text:
            typer.echo(f"{name} ({one_line(step.status)}) has no log", err=True)
            continue
        if headed:
            stream.write(f"=== {name} ({one_line(step.status)}) ===\n")
        stream.writelines(map(in_order, Masking(redact, ansi).pieces(text)))
        stream.write("\x1b[0m" if ansi and "\x1b" in text else "")
        stream.write("" if text.endswith("\n") else "\n")
    if not found:
        typer.echo(f"job {job.id} has no steps yet: it is {one_line(job.status)}", err=True)


async def _write_json(
    job: "Job",
    texts: "AsyncIterator[tuple[Step, str]]",
    stream: TextIO,
    redact: Callable[[str], str],
    *,
    ansi: bool,
) -> None:
    from bridge.cli.jobs.masking import Masking  # noqa: PLC0415 - see the package
    from bridge.cli.texts import to_json  # noqa: PLC0415

    steps: list[Row] = [
        {
            "number": step.number,
            "name": redact(step.name),
            "status": step.status,
            "log": "".join(Masking(redact, ansi).pieces(text)),
        }
        async for step, text in texts
    ]
    row = {"job": job.id, "status": job.status, "steps": steps}
    stream.write(to_json(row, indent=2) + "\n")


def _chosen(job: "Job", wanted: str) -> "Sequence[Step]":
    from bridge.cli.terrakube import nearest  # noqa: PLC0415 - see the package
    from bridge.domain.errors import MissingError  # noqa: PLC0415

    if not wanted:
        return job.steps
    word = wanted.casefold()
    found = [step for step in job.steps if word in {str(step.number), step.name.casefold()}]
    if not found:
        names = [name for step in job.steps for name in (str(step.number), step.name) if name]
        near = nearest(wanted, names) if names else f": it has none yet, and is {job.status}"
        msg = f"job {job.id} has no step {wanted!r}{near}"
        raise MissingError(msg)
    return found


async def _texts(
    server: "TerrakubeServer", organization: "Organization", job: "Job", steps: "Sequence[Step]"
) -> "AsyncIterator[tuple[Step, str]]":
    """Read the logs one by one; of a step that runs only whole lines, of one to come nothing."""
    from bridge.decisions.log_growth import Given, grown  # noqa: PLC0415 - see the package
    from bridge.decisions.plans import steps_with_logs  # noqa: PLC0415

    with_logs = steps_with_logs(steps)
    for step in steps:
        text = ""
        if step in with_logs:
            text = await server.step_log(organization.id, job.id, step.id)
            text = grown(Given(), text, complete=step.status != "running").text
        yield step, text


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    from bridge.domain.errors import UserError  # noqa: PLC0415 - see the package

    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror}"
        raise UserError(msg) from error
