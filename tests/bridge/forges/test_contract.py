"""One contract for all drivers: whatever a signed body contains, only DeliveryError comes out."""

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import DeliveryError
from bridge.domain.events import Event
from bridge.ports import Ignored
from tests.bridge.forges import bodies
from tests.bridge.forges.cases import CASES, NOW, SECRET, Case

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
fuzz = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

SAMPLES = {
    "push": bodies.push(),
    "pull_request": bodies.pull_request("opened"),
    "pull_request_review": bodies.pull_request("submitted"),
    "pull_request_comment": bodies.pull_request("reviewed", body={"review": {"type": "x"}}),
    "issue_comment": bodies.comment(),
    "create": bodies.encoded(
        {"ref": "v1", "ref_type": "tag", "sha": bodies.HEAD, "repository": bodies.REPOSITORY}
    ),
    "delete": bodies.encoded({"ref": "v1", "ref_type": "tag", "repository": bodies.REPOSITORY}),
    "merge_group": bodies.encoded(
        {
            "action": "checks_requested",
            "merge_group": {"head_sha": bodies.HEAD, "head_ref": "refs/x", "base_ref": "refs/y"},
            "repository": bodies.REPOSITORY,
        }
    ),
    "check_run": bodies.encoded(
        {
            "action": "rerequested",
            "check_run": {"head_sha": bodies.HEAD},
            "repository": bodies.REPOSITORY,
        }
    ),
    "ping": bodies.encoded({"zen": "x", "hook": {"events": ["push"]}}),
}
KINDS = st.sampled_from(sorted(SAMPLES))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from(
        ["a" * 40, "0" * 40, "refs/heads/x", "\0", "created", "2026-11-03T00:00:00Z"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def survives(case: Case, kind: str, body: bytes) -> None:
    """Accept and parse a signed delivery: an event, a reasoned ignore, or the sender's mistake."""
    with suppress(DeliveryError):
        outcome = case.accept(kind, body)
        assert isinstance(outcome, Delivery | Ignored)
        if isinstance(outcome, Delivery):
            assert isinstance(case.reader.parse_delivery(outcome), Event)
            # What PostgreSQL's text cannot hold must not reach a column.
            texts = (outcome.key, outcome.kind, outcome.subject, outcome.semantic_key or "")
            assert all("\0" not in text for text in texts)
            assert all(text.encode() for text in texts[:3])


@every
@fuzz
@given(kind=KINDS, junk=st.binary(max_size=200), at=st.integers(0, 900), cut=st.integers(0, 40))
def test_damaged_bodies_are_refused_not_crashed_on(
    case: Case, kind: str, junk: bytes, at: int, cut: int
) -> None:
    body = SAMPLES[kind]
    survives(case, kind, body[:at] + junk + body[at + cut :])


@every
@fuzz
@given(kind=KINDS, data=st.data(), value=JSON)
@example(kind="push", data=None, value={"id": 1e400})
def test_wrong_values_anywhere_are_refused_not_crashed_on(
    case: Case, kind: str, data: st.DataObject | None, value: object
) -> None:
    body = json.loads(SAMPLES[kind])
    if data is not None:
        place(body, data, value)
    survives(case, kind, json.dumps(body).encode("utf-8", "surrogatepass"))


def place(body: object, data: st.DataObject, value: object) -> None:
    """Put *value* at a drawn place of *body*, or take the place away."""
    assert isinstance(body, dict)
    while True:
        key = data.draw(st.sampled_from(sorted(body)))
        inner = body[key]
        if not (isinstance(inner, dict) and inner and data.draw(st.booleans())):
            break
        body = inner
    if data.draw(st.integers(0, 5)):
        body[key] = value
    else:
        del body[key]


HOSTILE = {
    "nothing": b"",
    "spaces": b"   ",
    "null": b"null",
    "a list": b"[]",
    "a number": b"7",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"ref": "x"}'.encode("utf-16"),
    "not UTF-8": b'{"ref": "\xff\xfe"}',
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"repository":' * 50_000,
    "deep where a value belongs": b'{"ref":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "NaN": b'{"repository": {"id": NaN}}',
    "infinity": b'{"repository": {"id": -Infinity}}',
    "a huge exponent": b'{"repository": {"id": 1e999999}}',
    "a huge number": b'{"repository": {"id": ' + b"9" * 10_000 + b"}}",
    "a lone surrogate": b'{"ref": "refs/heads/\\ud800"}',
    "a NUL": b'{"ref": "refs/heads/\\u0000"}',
    "a raw NUL": b'{"ref": "refs/heads/\0"}',
    "half an escape": b'{"ref": "\\u12',
    "two documents": b"{}{}",
    "a megabyte of spaces": b" " * 1_000_000 + b"{}",
}


@every
@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_hostile_bodies_are_refused_not_crashed_on(case: Case, kind: str) -> None:
    for body in HOSTILE.values():
        survives(case, kind, body)


@every
def test_of_two_keys_the_last_counts_for_the_check_and_for_the_event(case: Case) -> None:
    twice = bodies.push().replace(b'"id": 664', b'"id": 665, "id": 664', 1)
    delivery = case.accept("push", twice)
    assert isinstance(delivery, Delivery)
    event = case.reader.parse_delivery(delivery)
    assert isinstance(event, Event)
    assert delivery.repository_id == event.repository.id == "664"


@every
@fuzz
@given(body=st.binary(max_size=300), junk=st.text(max_size=80))
def test_unsigned_deliveries_are_refused_whatever_they_are(
    case: Case, body: bytes, junk: str
) -> None:
    headers = case.sign("push", body, SECRET)
    for name in ("X-Hub-Signature-256", "X-Gitea-Signature", "X-Forgejo-Signature"):
        if name in headers:
            headers[name] = junk
    for content_type in ("application/json", "application/x-www-form-urlencoded", junk):
        headers["Content-Type"] = content_type
        with pytest.raises(DeliveryError) as caught:
            case.receiver.accept_delivery(headers, {}, body, NOW)
        assert type(caught.value).__name__ == "SignatureError"
