"""``output``: what a run left behind, or which runs there are."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bridge.domain.runs import Run

COLUMNS = ("run", "made_at", "verb", "workspace", "state", "job", "commit")


class Kind(StrEnum):
    """Which text."""

    PLAN = "plan"
    APPLY = "apply"
    ERROR = "error"
    CHANGES = "changes"


def output(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="Id of the run; without: lists the runs.")
    ] = "",
    kind: Annotated[
        Kind | None, typer.Option(help="Only this one; changes is the structured plan, as JSON.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most runs listed.")] = 30,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="All texts in one JSON object.")] = False,
) -> None:
    """Print a run's stored plan, apply log and errors, redacted as everywhere.

    Without RUN, list the runs, newest first.
    """
    if not run:
        _list_runs(limit, as_json=as_json)
        return
    texts = _texts(run, kind)
    if as_json:
        from bridge.cli.tables import write_json  # noqa: PLC0415 - see the package

        write_json({"run": run, "outputs": texts})
        return
    for name, text in texts.items():
        if kind is None and name == Kind.CHANGES:
            continue
        typer.echo(text if text.endswith("\n") else f"{text}\n", nl=False)


def _texts(run: str, kind: Kind | None) -> dict[str, str]:
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import ask_database, read_settings  # noqa: PLC0415
    from bridge.domain.errors import MissingError  # noqa: PLC0415
    from bridge.store.runs import read_outputs  # noqa: PLC0415

    found = asyncio.run(ask_database(read_settings(), read_outputs, run))
    if found is None:
        msg = f"there is no run {run}"
        raise MissingError(msg)
    texts = {str(one.kind): one.text for one in found if kind is None or one.kind.value == kind}
    if not texts:
        what = f"no {kind}" if kind else "no output"
        msg = f"run {run} has {what}: it has not ended yet, left none, or its time was over"
        raise MissingError(msg)
    return texts


def _list_runs(limit: int, *, as_json: bool) -> None:
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import ask_database, read_settings  # noqa: PLC0415
    from bridge.cli.tables import write_rows  # noqa: PLC0415
    from bridge.store.queries.runs import newest  # noqa: PLC0415

    rows = [_row(run) for run in asyncio.run(ask_database(read_settings(), newest, limit))]
    write_rows(rows, COLUMNS, as_json=as_json, empty="There is no run.")


def _row(run: "Run") -> dict[str, object]:
    return {
        "run": run.id,
        "made_at": run.created_at,
        "verb": str(run.request.verb),
        "workspace": str(run.request.workspace),
        "state": str(run.state),
        "job": run.job_id,
        "commit": run.request.commit_id[:8],
        "reason": run.reason or run.trouble,
    }
