"""Every recorded delivery is the event it should be, or ignored with a reason.

``payloads.golden`` holds a line for each; ``--update-golden`` rewrites it. The recordings are read
where they are kept, beside this project, and are not part of it.
"""

from dataclasses import fields
from pathlib import Path

import pytest

from bridge.domain.deliveries import Delivery
from bridge.domain.events import Event
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.forges.gitea.deliveries import kind_of as gitea_kind_of
from bridge.forges.github.deliveries import kind_of as github_kind_of
from bridge.ports import Ignored
from tests.bridge.forges.cases import CASES, PAYLOADS, Case

GOLDEN = Path(__file__).with_name("payloads.golden")
RECORDED = len(GOLDEN.read_text().splitlines()) if GOLDEN.exists() else 0

# The event header each was sent with, where the file's name does not begin with it (forges.md,
# section 12).
SENT_AS = {
    "github/push_branch_create.json": "push",
    "github/push_branch_delete.json": "push",
    "github/push_forced.json": "push",
    "github/push_tag.json": "push",
    "github/push_tag_create.json": "push",
    "gitea/create_tag.json": "create",
    "gitea/pull_request.reviewed.approved.json": "pull_request_approved",
    "gitea/push_branch_create.json": "push",
    "gitea/push_single.json": "push",
    "gitea/push_tag.json": "create",  # the body of a create
}


def deliveries(case: Case) -> list[Path]:
    """List the recorded deliveries: not the envelopes of a message bus, not the kept headers."""
    return [
        path
        for path in sorted((PAYLOADS / case.name).glob("*.json"))
        if not path.name.startswith("fedmsg.") and not path.name.endswith(".headers.json")
    ]


def line(case: Case, path: Path) -> str:
    """Describe what a recorded delivery means, without what each delivery has anew."""
    name = f"{case.name}/{path.name}"
    kind = SENT_AS.get(name, path.name.split(".", maxsplit=1)[0])
    delivery = case.accept(kind, path.read_bytes())
    if isinstance(delivery, Ignored):
        return f"{name} {kind} -> Ignored{' (test)' if delivery.test else ''}: {delivery.reason}"
    assert isinstance(delivery, Delivery)
    event = case.reader.parse_delivery(delivery)
    assert isinstance(event, Event)
    told = " ".join(
        f"{field.name}={shown(getattr(event, field.name))}"
        for field in fields(event)
        if field.name not in {"delivery_id", "received_at"}
    )
    return f"{name} {kind} -> {type(event).__name__} {told} [{delivery.semantic_key}]"


def shown(value: object) -> str:
    match value:
        case RepositoryRef():
            return f"{value.key}({value.slug})"
        case PullRequestRef():
            return f"#{value.number}"
        case str() if len(value) > 60:
            return f"{value[:50]!r}...({len(value)})"
        case _:
            return repr(value)


@pytest.mark.skipif(not PAYLOADS.exists(), reason=f"../shared is absent: {RECORDED} recordings")
def test_recorded_deliveries_mean_what_they_should(request: pytest.FixtureRequest) -> None:
    actual = "".join(f"{line(case, path)}\n" for case in CASES for path in deliveries(case))
    if request.config.getoption("--update-golden", default=False):
        GOLDEN.write_text(actual)
    assert actual == GOLDEN.read_text()


@pytest.mark.skipif(not PAYLOADS.exists(), reason=f"../shared is absent: {RECORDED} recordings")
def test_kinds_are_told_from_recorded_bodies() -> None:
    """What is told from the body means the same as what the header said."""
    telling = {"github": github_kind_of, "gitea": gitea_kind_of, "forgejo": gitea_kind_of}
    for case in CASES:
        for path in deliveries(case):
            body = path.read_bytes()
            sent_as = SENT_AS.get(f"{case.name}/{path.name}", path.name.split(".", maxsplit=1)[0])
            told = telling[case.name](body)
            assert told is not None, path.name
            assert case.event(told, body) == case.event(sent_as, body), path.name


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"not JSON", b'{"action": "x"}'])
def test_a_body_of_no_known_kind_is_not_guessed_at(body: bytes) -> None:
    assert github_kind_of(body) is None
    assert gitea_kind_of(body) is None
