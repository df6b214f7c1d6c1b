"""``explain``: what a delivery means, and what would be decided about it; acts on nothing."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bridge.domain.events import Event
    from bridge.forges import Driver
    from bridge.ports import Ignored
    from bridge.settings import Settings


class Outcome(StrEnum):
    """What a body is."""

    EVENT = "event"
    IGNORED = "ignored"
    INVALID = "invalid"


def explain(
    body_file: Annotated[
        Path, typer.Argument(metavar="BODYFILE", help="The delivery's body; - is standard input.")
    ],
    forge: Annotated[
        str, typer.Option(help="Name of a configured forge, or of a driver: github, gitea...")
    ],
    event: Annotated[
        str, typer.Option(help="What the forge calls the event; told from the body when left out.")
    ] = "",
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'K: V'", help="A header of the delivery; may be repeated."),
    ] = None,
    facts: Annotated[
        Path | None,
        typer.Option(help="Decide by the facts in this file (JSON or YAML); asks nobody."),
    ] = None,
    *,
    config: Annotated[
        bool,
        typer.Option("--config", help="Decide, too, with the configuration; asks, reads only."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as in a pipe.")] = False,
) -> None:
    """Say what a delivery's body means, or why it is ignored; its signature does not matter.

    With --config also what would be decided about it and why.
    """
    from bridge.cli.tables import wants_json, write_json  # noqa: PLC0415 - see the package
    from bridge.ports import Ignored  # noqa: PLC0415

    settings, driver, name = _forge(forge, needed=config)
    meaning = _read(driver, name, _body(body_file), event, header or [])
    told: dict[str, Any] = {"outcome": "", "event": None, "reason": None, "decision": None}
    if isinstance(meaning, str):
        told |= {"outcome": Outcome.INVALID, "reason": meaning}
    elif isinstance(meaning, Ignored):
        told |= {"outcome": Outcome.IGNORED, "reason": meaning.reason}
    else:
        told |= {"outcome": Outcome.EVENT, "event": _event(meaning)}
        told["decision"] = _decide(meaning, settings if config else None, facts)
    if wants_json(as_json):
        write_json(told)
    else:
        _show(told)
    if told["outcome"] == Outcome.INVALID:
        raise typer.Exit(2)


def _forge(forge: str, *, needed: bool) -> "tuple[Settings | None, Driver, str]":
    """Find the driver, and the name under which events know the forge."""
    from bridge.cli.opening import read_settings  # noqa: PLC0415 - see the package
    from bridge.domain.errors import UserError  # noqa: PLC0415
    from bridge.forges import DRIVERS  # noqa: PLC0415

    if forge in DRIVERS and not needed:
        return None, DRIVERS[forge], forge
    settings = read_settings()
    if forge in settings.forges:
        return settings, settings.forges[forge].driver, forge
    same = [one.name for one in settings.forges.values() if one.options.driver == forge]
    if len(same) == 1:
        return settings, DRIVERS[forge], same[0]
    known = ", ".join(dict.fromkeys([*settings.forges, *DRIVERS]))
    msg = f"there is no forge {forge!r}: use {known}"
    if same:
        msg = f"several forges have the driver {forge}: say which: {', '.join(same)}"
    raise UserError(msg)


def _body(path: Path) -> bytes:
    from bridge.domain.errors import UserError  # noqa: PLC0415 - see the package

    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise UserError(msg) from error


def _read(
    driver: "Driver", name: str, body: bytes, kind: str, headers: list[str]
) -> "Event | Ignored | str":
    """Translate a body; a text says why it is none the forge would send."""
    from datetime import UTC, datetime  # noqa: PLC0415 - see the package

    from multidict import CIMultiDict  # noqa: PLC0415

    from bridge.domain.errors import DeliveryError  # noqa: PLC0415
    from bridge.ports import Ignored  # noqa: PLC0415

    given = CIMultiDict(_split(header) for header in headers)
    named = [value for key, value in given.items() if key.lower().endswith("-event")]
    kind = kind or (named[0] if named else driver.kind_of(body)) or ""
    if not kind:
        return "the body does not tell which event it is: say it with --event"
    sent = CIMultiDict({**driver.headers_of(kind)})
    sent.update(given)
    reader = driver.reader(name)
    try:
        delivery = reader.read_delivery(sent, body, datetime.now(UTC))
        return delivery if isinstance(delivery, Ignored) else reader.parse_delivery(delivery)
    except DeliveryError as error:
        return str(error)


def _split(header: str) -> tuple[str, str]:
    from bridge.domain.errors import UserError  # noqa: PLC0415 - see the package

    name, colon, value = header.partition(":")
    if not colon or not name.strip():
        msg = f"{header!r} is no header: write 'Name: value'"
        raise UserError(msg)
    return name.strip(), value.strip()


def _event(event: "Event") -> dict[str, object]:
    from dataclasses import asdict  # noqa: PLC0415 - see the package

    return {"type": type(event).__name__, **_plain(asdict(event))}


def _plain(values: dict[str, Any]) -> dict[str, object]:
    from datetime import datetime  # noqa: PLC0415 - see the package

    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _decide(
    event: "Event", settings: "Settings | None", facts: Path | None
) -> dict[str, object] | None:
    import asyncio  # noqa: PLC0415 - see the package

    if settings is None and facts is None:
        return None
    from bridge.wiring.explaining import decide, decide_by_facts, read_facts  # noqa: PLC0415

    if facts is not None:
        return asyncio.run(decide_by_facts(event, settings, read_facts(facts)))
    return asyncio.run(decide(event, settings)) if settings else None


def _show(told: dict[str, Any]) -> None:
    """Write it for people: the same fields as JSON, one a line."""
    typer.echo(f"{told['outcome']}: {told['reason'] or told['event']['type']}")
    for section in ("event", "decision"):
        if told[section]:
            typer.echo(f"{section}:")
            _show_fields(told[section], indent="  ")


def _show_fields(fields: dict[str, Any], indent: str) -> None:
    for name, value in fields.items():
        if isinstance(value, dict):
            typer.echo(f"{indent}{name}:")
            _show_fields(value, f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for one in value:
                typer.echo(f"{indent}{name}:")
                _show_fields(one, f"{indent}  ")
        elif value not in (None, "", [], ()):
            typer.echo(f"{indent}{name}: {_one_line(value)}")


def _one_line(value: object) -> str:
    # Somebody else wrote some of it: no control sequence reaches the terminal.
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "".join(sign if sign.isprintable() else " " for sign in text)
