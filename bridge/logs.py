"""Log configuration and the names of log keys.

Events are constant names (``run.started``), facts are keys, and the keys are listed here so that
a search finds every line about one pull request. Every text passes the redactor after exceptions
were formatted, so that a secret in a traceback is cut like one in a value. Bodies, headers and
plan output are never handed to a logger in the first place.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from enum import StrEnum
from typing import Any, TextIO

import structlog

EVENT_TYPE = "event_type"
DELIVERY_ID = "delivery_id"
FORGE = "forge"
PULL_REQUEST = "pull_request"
HEAD_SHA = "head_sha"
ACTOR = "actor"
ORGANIZATION = "organization"
WORKSPACE = "workspace"
RUN_ID = "run_id"
JOB_ID = "job_id"
COMMAND = "command"
SUBJECT = "subject"
ATTEMPT = "attempt"
REASON = "reason"
STATUS = "status"
COUNT = "count"
CHANNEL = "channel"
BUDGET = "budget"

KEYS: Mapping[str, str] = {
    EVENT_TYPE: "what a delivery means (PullRequestOpened...)",
    DELIVERY_ID: "the sender's id of a delivery",
    FORGE: "name of the configured forge",
    PULL_REQUEST: "owner/name#number",
    HEAD_SHA: "full commit id of a pull request's head",
    ACTOR: "login of who did it, or their id in Slack",
    ORGANIZATION: "name of Terrakube's organization",
    WORKSPACE: "organization/workspace",
    RUN_ID: "the bridge's id of a run",
    JOB_ID: "Terrakube's id of a job",
    COMMAND: "a verb somebody typed",
    SUBJECT: "whose order matters: a pull request, a branch, or what one person does in a channel",
    ATTEMPT: "how often this was begun, this time included",
    REASON: "why, in words",
    STATUS: "an HTTP status",
    COUNT: "how many",
    CHANNEL: "id of a channel or person in Slack that something is said to",
    BUDGET: "which method rests: chat:<workspace of Slack>:<method>",
}
"""Log keys and what they hold; docs/operations.md prints this table."""

QUIET = (
    "alembic",
    "asyncio",
    "httpcore",
    "httpx",
    "markdown_it",
    "slack_bolt",
    "slack_sdk",
    "sqlalchemy",
)
"""Libraries that log addresses, statements or their values: only their warnings are kept."""

Redact = Callable[[str], str]


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    """Console on a terminal, JSON otherwise."""
    CONSOLE = "console"
    JSON = "json"


def configure_logs(
    *,
    level: str = "info",
    format: LogFormat = LogFormat.AUTO,  # noqa: A002 - named as the setting
    redact: Redact | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send structlog and the standard library's logging through one redacting chain.

    Call it again once all secrets are known; the last call wins.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        format: Console, JSON, or what the stream suggests.
        redact: Cuts secrets from a whole text; None keeps texts as they are.
        stream: Where lines go; None is standard output.
    """
    out = stream or sys.stdout
    shared = _shared_processors(redact)
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(format, out),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Not cached: a second call (once secrets are known) must reach loggers already in use.
        cache_logger_on_first_use=False,
    )


def redacting_processor(redact: Redact) -> structlog.typing.Processor:
    """Build the processor that lets no text through unredacted, however deep it lies.

    A value of an unknown kind is turned into text first: its ``repr`` must not be the way out.
    """

    def process(
        logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if not key.startswith("_"):  # the formatter's own record and flags
                event[key] = _clean(value, redact)
        return event

    return process


def _clean(value: object, redact: Redact) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value)
        case Mapping():
            return {redact(str(key)): _clean(one, redact) for key, one in value.items()}
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case Sequence() | frozenset() | set():
            return [_clean(one, redact) for one in value]
        case _:
            return redact(str(value))


def _shared_processors(redact: Redact | None) -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        # Foreign records carry their arguments until here; after it the message is one text.
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # As text and without local variables: those hold tokens and bodies.
        structlog.processors.format_exc_info,
        redacting_processor(redact or str),
    ]


def _renderer(form: LogFormat, out: TextIO) -> structlog.typing.Processor:
    if form is LogFormat.CONSOLE or (form is LogFormat.AUTO and out.isatty()):
        return structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(_dump)


def _dump(event: object, **_: object) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=str)
