"""Every recorded exchange is replayed: the stand-in must answer as the server did."""

import json
import re
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from yarl import URL

from bridge.sandbox.terrakube import Timings, start
from bridge.sandbox.terrakube.model import Value
from tests.bridge.sandbox.terrakube import presumed
from tests.recorded import Recording, exchanges, recording

# The scheduler keeps still: states stay as they were seeded.
STILL = Timings(first_run=3600, tick=3600)
HEADERS = ("Content-Type", "WWW-Authenticate", "Accept", "Accept-Patch", "Allow", "Location")
REPLAYED = [name for name in exchanges() if not presumed.is_left_out(name)]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


@pytest.mark.parametrize("name", REPLAYED)
async def test_the_stand_in_answers_as_the_server_did(
    name: str, session: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    exchange = recording(name)
    version = "stable" if exchange.is_stable else "beta"
    folder = tmp_path_factory.getbasetemp()
    async with start(folder, version=version, executor="instant", timings=STILL) as stand_in:
        presumed.presume(name, stand_in)
        token = presumed.token_of(presumed.caller_of(name), stand_in)
        request = session.request(
            exchange.method,
            URL(stand_in.url + _path(exchange)),
            data=_body(exchange),
            headers=_headers(exchange, token),
            skip_auto_headers=("Content-Type", "User-Agent"),
            allow_redirects=False,
        )
        async with request as response:
            raw = await response.read()
            shown = _shown(response.status, response.headers)
            actual = (response.status, shown, _comparable(exchange, raw))
        assert stand_in.unexpected == []
    assert actual == (
        exchange.status,
        _shown(exchange.status, exchange.headers),
        _comparable(exchange, _raw(exchange.body)),
    )


def test_whatever_is_left_out_exists_and_has_a_reason() -> None:
    names = exchanges()
    unused = [
        prefix for prefix in presumed.LEFT_OUT if not any(name.startswith(prefix) for name in names)
    ]
    assert unused == []
    assert len(REPLAYED) > 400


def test_the_state_table_names_recordings_only() -> None:
    assert presumed.CHANGES.keys() - set(REPLAYED) == set()


def _path(exchange: Recording) -> str:
    ids = ",".join(str(number) for number in range(100_000, 102_000))
    return exchange.target.replace("2000 ids, about 14 kB", ids)


def _body(exchange: Recording) -> bytes | None:
    if exchange.sent is None:
        return None
    return exchange.sent.encode() if isinstance(exchange.sent, str) else _raw(exchange.sent)


def _headers(exchange: Recording, token: str) -> dict[str, str]:
    headers = dict(exchange.sent_headers)
    if headers.get("Authorization") == "Bearer <token>" or "url_too_long" in exchange.name:
        headers["Authorization"] = f"Bearer {token}"
    headers.setdefault("Accept", "*/*")
    return headers


def _shown(status: int, headers: Mapping[str, str]) -> dict[str, str]:
    shown = {name: headers[name] for name in HEADERS if name in headers}
    # A good answer closes the connection by chance: Tomcat does it after a hundred requests.
    if status >= 400 and headers.get("Connection") == "close":
        shown["Connection"] = "close"
    return {name: value.replace("; charset", ";charset") for name, value in shown.items()}


def _raw(body: Value) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _comparable(exchange: Recording, raw: bytes) -> object:
    """What must be the same of a body: texts of errors, documents, the shape of what was made."""
    try:
        body = json.loads(raw)
    except ValueError:
        text = raw.decode()
        return "html" if text.startswith("<!doctype html") else text
    if isinstance(body, dict) and "timestamp" in body:
        return body | {"timestamp": ""}
    if isinstance(body, dict) and "errors" in body:
        return re.sub(r"row contains \(.*\)", "row contains ()", json.dumps(body))
    is_made = exchange.method == "POST" or exchange.name in presumed.SHAPES
    return _shape(body) if is_made else _unordered(body, is_sorted="sort=" in exchange.target)


def _unordered(body: Value, *, is_sorted: bool) -> Value:
    """Without a sort parameter the order of rows says nothing; that of included rows never."""
    if not isinstance(body, dict):
        return body
    ordered = dict(body)
    for key in ("data", "included"):
        rows = body.get(key)
        if isinstance(rows, list) and not (is_sorted and key == "data"):
            ordered[key] = sorted(rows, key=lambda row: str(row["id"]))
    return ordered


def _shape(value: Value) -> Value:
    if isinstance(value, dict):
        # The stand-in keeps no history of states.
        return {key: _shape(each) for key, each in value.items() if key != "history"}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return type(value).__name__
