"""What a log line looks like, and what must never be in one."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bridge import logs
from bridge.logs import LogFormat, configure_logs

SECRET = "hunter2-hunter2"
KIND = "plan output"


def redact(text: str) -> str:
    return text.replace(SECRET, "***")


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def configured(level: str = "info", form: LogFormat = LogFormat.AUTO) -> io.StringIO:
    out = io.StringIO()
    configure_logs(level=level, format=form, redact=redact, stream=out)
    return out


def test_a_line_is_one_json_object_with_time_level_logger_and_facts() -> None:
    out = configured()
    structlog.get_logger("bridge.test").info("run.started", run_id="01J", count=3, late=False)
    [line] = lines(out)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "run.started",
        "level": "info",
        "logger": "bridge.test",
        "run_id": "01J",
        "count": 3,
        "late": False,
    }


def test_what_was_bound_to_the_context_is_on_every_line() -> None:
    out = configured()
    with structlog.contextvars.bound_contextvars(forge="github"):
        structlog.get_logger().info("delivery.handled")
    structlog.get_logger().info("delivery.handled")
    assert [line.get("forge") for line in lines(out)] == ["github", None]


def test_a_library_s_lines_go_the_same_way() -> None:
    out = configured()
    logging.getLogger("some.library").warning("cannot reach %s with %s", "host", SECRET)
    [line] = lines(out)
    assert (line["event"], line["level"], line["logger"]) == (
        "cannot reach host with ***",
        "warning",
        "some.library",
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f"token {SECRET}!", "token ***!"),
        ([SECRET, {"deep": (SECRET,)}], ["***", {"deep": ["***"]}]),
        ({SECRET: 1}, {"***": 1}),
        (ValueError(SECRET), "***"),
        (SECRET.encode(), "<15 bytes>"),
        (None, None),
    ],
)
def test_no_value_carries_a_secret_however_deep_it_lies(given: object, shown: object) -> None:
    out = configured()
    structlog.get_logger().info("something", value=given)
    assert [line["value"] for line in lines(out)] == [shown]


def test_tracebacks_are_redacted_and_hold_no_local_variables() -> None:
    out = configured()

    def fail(body: str) -> None:
        raise ValueError(SECRET)

    try:
        fail(f"a body with {KIND}")
    except ValueError:
        structlog.get_logger().exception("role.died")
        logging.getLogger("some.library").exception("oops")
    for line in lines(out):
        assert "ValueError: ***" in str(line["exception"])
        assert SECRET not in str(line)
        assert f"with {KIND}" not in str(line)


def test_the_level_holds_for_everybody_and_libraries_that_log_addresses_are_quiet() -> None:
    out = configured("warning")
    structlog.get_logger().info("not.shown")
    logging.getLogger("some.library").info("not shown")
    structlog.get_logger().warning("shown")
    assert [line["event"] for line in lines(out)] == ["shown"]
    out = configured("debug")
    logging.getLogger("httpx").info("HTTP Request: GET https://example.com/?token=1")
    assert lines(out) == []


def test_statements_with_their_values_are_not_logged_even_at_debug() -> None:
    """A value may be a delivery's body."""
    out = configured("debug")
    logging.getLogger("sqlalchemy.engine.Engine").info("INSERT ... %s", SECRET)
    assert lines(out) == []


def test_the_last_configuration_wins_for_loggers_already_in_use() -> None:
    log = structlog.get_logger("bridge.early")
    first = io.StringIO()
    configure_logs(stream=first)
    log.info("before", value=SECRET)
    second = configured()
    log.info("after", value=SECRET)
    assert [line["value"] for line in lines(first)] == [SECRET]
    assert [line["value"] for line in lines(second)] == ["***"]


def test_a_person_at_a_terminal_reads_text() -> None:
    out = configured(form=LogFormat.CONSOLE)
    structlog.get_logger().info("run.started", run_id="01J", token=SECRET)
    assert "run.started" in out.getvalue()
    assert "01J" in out.getvalue()
    assert SECRET not in out.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(out.getvalue())
