"""``output``: what a run left behind."""

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """Which text."""

    PLAN = "plan"
    APPLY = "apply"
    ERROR = "error"
    CHANGES = "changes"


def output(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, as its report says.")],
    kind: Annotated[
        Kind | None, typer.Option(help="Only this one; changes is the structured plan, as JSON.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="All texts in one JSON object.")] = False,
) -> None:
    """Print a run's stored plan, apply log and errors, redacted as everywhere."""
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import ask_database, read_settings  # noqa: PLC0415
    from bridge.cli.tables import write_json  # noqa: PLC0415
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
    if as_json:
        write_json({"run": run, "outputs": texts})
        return
    for name, text in texts.items():
        if kind is None and name == Kind.CHANGES:
            continue
        typer.echo(text if text.endswith("\n") else f"{text}\n", nl=False)
