"""``explain`` says what a delivery means and what would be decided, and acts on nothing."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from bridge.domain import events
from bridge.domain.events import Event
from bridge.wiring.facts import Facts, TemplateFacts, WorkspaceFacts
from tests.bridge.cli.conftest import CommandLine

ROOT = Path(__file__).parents[3]
PAYLOADS = ROOT.parent / "shared" / "payloads"
DOCUMENTATION = (ROOT / "docs" / "command-line.md").read_text()
HEAD = "a" * 40
NOON = "2026-11-24T12:00:00Z"
BEFORE = "b" * 40
USER = {"id": 5, "login": "alice", "username": "alice", "type": "User"}
REPOSITORY = {
    "id": 7,
    "name": "infra",
    "full_name": "acme/infra",
    "owner": USER,
    "default_branch": "main",
    "clone_url": "https://code.example.com/acme/infra.git",
    "html_url": "https://code.example.com/acme/infra",
}
PUSH = {
    "ref": "refs/heads/main",
    "before": BEFORE,
    "after": HEAD,
    "commits": [],
    "repository": REPOSITORY,
    "pusher": USER,
    "sender": USER,
}
PULL_REQUEST = {
    "action": "opened",
    "number": 3,
    "pull_request": {
        "id": 30,
        "number": 3,
        "state": "open",
        "title": "Change the network",
        "user": USER,
        "draft": False,
        "merged": False,
        "updated_at": "2026-11-24T12:00:00Z",
        "head": {"ref": "feature", "sha": HEAD, "repo_id": 7, "repo": REPOSITORY},
        "base": {"ref": "main", "sha": BEFORE, "repo_id": 7, "repo": REPOSITORY},
    },
    "repository": REPOSITORY,
    "sender": USER,
}
FACTS = {
    "workspaces": [
        {
            "name": "acme/network",
            "source": "https://code.example.com/acme/infra.git",
            "branch": "main",
            "folder": "/network",
            "default_template": "Apply",
        }
    ],
    "templates": [
        {"name": "Plan"},
        {"name": "Apply", "flow": ["terraformPlan", "terraformApply"]},
    ],
    "clone_urls": ["https://code.example.com/acme/infra.git"],
    "changed_files": ["network/main.tf"],
    "permission": "write",
}


def write(command_line: CommandLine, name: str, value: object) -> str:
    (command_line.folder / name).write_text(json.dumps(value))
    return name


def told(command_line: CommandLine, *arguments: str, code: int = 0) -> dict[str, object]:
    said = command_line("explain", *arguments, "--json")
    assert (said.code, said.err) == (code, [])
    found = said.json()
    assert isinstance(found, dict)
    return found


def test_an_event_is_told_without_any_configuration(command_line: CommandLine) -> None:
    body = write(command_line, "push.json", PUSH)
    found = told(command_line, "--forge", "forgejo", body)
    event = found["event"]
    assert isinstance(event, dict)
    assert event.pop("received_at")
    assert found == {
        "outcome": "event",
        "event": {
            "type": "BranchPushed",
            "delivery_id": "replayed",
            "actor": "alice",
            "repository": {"forge": "forgejo", "id": "7", "slug": "acme/infra"},
            "branch": "main",
            "before": BEFORE,
            "after": HEAD,
            "forced": None,
        },
        "reason": None,
        "decision": None,
    }


def test_an_ignored_delivery_is_no_failure(command_line: CommandLine) -> None:
    body = write(command_line, "label.json", PULL_REQUEST | {"action": "label_updated"})
    found = told(command_line, "--forge", "gitea", "--event", "pull_request", body)
    assert (found["outcome"], found["event"]) == ("ignored", None)
    assert found["reason"]


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        pytest.param("{}", [], id="the body does not tell the event"),
        pytest.param("[]", [], id="no object"),
        pytest.param("not json", ["--event", "push"], id="no JSON"),
        pytest.param("{}", ["--event", "push"], id="an empty push"),
        pytest.param('{"ref": 7}', ["--header", "X-Gitea-Event: push"], id="wrong types"),
        pytest.param("", ["--event", "push"], id="nothing"),
        pytest.param("{}", ["--event", "no event\n"], id="a malformed name"),
    ],
)
def test_a_body_the_forge_would_not_send_is_invalid(
    command_line: CommandLine, body: str, arguments: list[str]
) -> None:
    (command_line.folder / "body").write_text(body)
    found = told(command_line, "--forge", "gitea", *arguments, "body", code=2)
    assert (found["outcome"], found["event"]) == ("invalid", None)
    assert found["reason"]


def test_headers_count_as_those_of_the_delivery(command_line: CommandLine) -> None:
    body = write(command_line, "push.json", PUSH)
    found = told(
        command_line,
        *("--forge", "forgejo", "--header", "X-Forgejo-Event: push"),
        *("--header", "x-forgejo-delivery: 4711", body),
    )
    event = found["event"]
    assert isinstance(event, dict)
    assert event["delivery_id"] == "4711"


def test_a_configured_forge_is_known_by_its_name(command_line: CommandLine) -> None:
    command_line.configure()
    body = write(command_line, "push.json", PUSH)
    event = told(command_line, "--forge", "code", body)["event"]
    assert isinstance(event, dict)
    assert event["repository"] == {"forge": "code", "id": "7", "slug": "acme/infra"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--forge", "svn", "push.json"],
            "there is no forge 'svn': use code, forgejo, gitea, github",
        ),
        (
            ["--forge", "code", "nothing.json"],
            "nothing.json cannot be read: No such file or directory",
        ),
        (
            ["--forge", "code", "--header", "x", "push.json"],
            "'x' is no header: write 'Name: value'",
        ),
        (
            ["--forge", "code", "--facts", "wrong.yaml", "push.json"],
            "wrong.yaml: workspaces.0.source: Field required",
        ),
        (
            ["--forge", "code", "--facts", "nothing.yaml", "push.json"],
            "nothing.yaml cannot be read: No such file or directory",
        ),
    ],
)
def test_wrong_input_is_told(command_line: CommandLine, arguments: list[str], said: str) -> None:
    command_line.configure()
    write(command_line, "push.json", PUSH)
    (command_line.folder / "wrong.yaml").write_text("workspaces: [{name: a/b}]\n")
    ended = command_line("explain", *arguments)
    assert (ended.code, ended.err) == (2, [said])


def decision(command_line: CommandLine, *arguments: str) -> dict[str, object]:
    found = told(command_line, *arguments)["decision"]
    assert isinstance(found, dict)
    return found


def test_a_decision_by_facts_needs_no_configuration(command_line: CommandLine) -> None:
    body = write(command_line, "pull.json", PULL_REQUEST)
    facts = write(command_line, "facts.json", FACTS)
    decided = decision(command_line, "--forge", "forgejo", "--facts", facts, body)
    runs = decided.pop("runs")
    assert isinstance(runs, list)
    assert runs[0].pop("why")
    assert runs == [
        {
            "workspace": "acme/network",
            "verb": "plan",
            "template": "Plan",
            "commit": HEAD,
            "branch": "feature",
            "tag": None,
            "applies": False,
            "trigger": f"pr:forgejo:7:3@{HEAD}+main",
        }
    ]
    assert decided["ignored"] is None
    assert decided["comment"] is True
    assert decided["statuses"] == ["terrakube/plan", "terrakube/plan: acme/network"]


@pytest.mark.parametrize(("allowed", "planned"), [(HEAD, ["acme/network"]), (None, [])])
def test_a_decision_by_facts_knows_what_was_allowed(
    command_line: CommandLine, allowed: str | None, planned: list[str]
) -> None:
    body = write(command_line, "pull.json", PULL_REQUEST)
    more = {"allowed_head": allowed, "pull_request": {"from_fork": True}}
    facts = write(command_line, "facts.json", FACTS | more)
    runs = decision(command_line, "--forge", "forgejo", "--facts", facts, body)["runs"]
    assert isinstance(runs, list)
    assert [run["workspace"] for run in runs] == planned


def test_a_decision_by_facts_uses_the_configured_rules(command_line: CommandLine) -> None:
    command_line.configure()
    (command_line.folder / "bridge.yaml").write_text(
        "rules:\n  - {on: pull_request, branches: [release], template: Plan}\n"
    )
    body = write(command_line, "pull.json", PULL_REQUEST)
    facts = write(command_line, "facts.json", FACTS)
    by_rules = decision(command_line, "--forge", "code", "--config", "--facts", facts, body)
    built_in = decision(command_line, "--forge", "code", "--facts", facts, body)
    assert by_rules["runs"] == []
    assert built_in["runs"] != []


def test_a_push_is_decided_by_the_workspace_s_own_template(command_line: CommandLine) -> None:
    body = write(command_line, "push.json", PUSH)
    facts = write(command_line, "facts.json", FACTS)
    runs = decision(command_line, "--forge", "forgejo", "--facts", facts, body)["runs"]
    assert isinstance(runs, list)
    assert [(run["workspace"], run["template"], run["applies"]) for run in runs] == [
        ("acme/network", "Apply", True)
    ]


def test_a_decision_says_why_nothing_is_done(command_line: CommandLine) -> None:
    body = write(command_line, "push.json", PUSH | {"ref": "refs/heads/feature"})
    facts = write(command_line, "facts.json", FACTS)
    decided = decision(command_line, "--forge", "forgejo", "--facts", facts, body)
    assert decided["runs"] == []
    assert decided["ignored"]


def test_with_the_configuration_terrakube_and_the_forge_are_asked(
    command_line: CommandLine,
) -> None:
    command_line.configure()
    body = write(command_line, "push.json", PUSH)
    said = command_line("explain", "--forge", "code", "--config", body)
    assert said.code == 6
    assert said.err[0].startswith("GET /")


def test_people_read_the_same_as_programs(command_line: CommandLine) -> None:
    body = write(command_line, "pull.json", PULL_REQUEST)
    facts = write(command_line, "facts.json", FACTS)
    command_line.monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = command_line("explain", "--forge", "forgejo", "--facts", facts, body).out.splitlines()
    assert lines[:2] == ["event: PullRequestOpened", "event:"]
    assert "    workspace: acme/network" in lines


def kinds() -> list[type[Event]]:
    """List the kinds of events there are, without those that only have kinds below."""
    known = [one for one in vars(events).values() if isinstance(one, type)]
    of_events = [one for one in known if issubclass(one, Event)]
    return [
        one
        for one in of_events
        if not any(one is not other and issubclass(other, one) for other in of_events)
    ]


def test_every_event_and_its_fields_are_documented() -> None:
    rows = dict(re.findall(r"^\| `([A-Z]\w+)` \| (.*?) \|", DOCUMENTATION, re.MULTILINE))
    assert sorted(rows) == sorted(kind.__name__ for kind in kinds())
    shared = {
        "those of a pull request": _shared("pull request"),
        "those of a comment": _shared("comment"),
    }
    for kind in kinds():
        text = rows[kind.__name__]
        named = set(re.findall(r"`(\w+)`", text))
        for phrase, names in shared.items():
            named |= names if phrase in text else set()
        own = {field.name for field in fields(kind)} - {field.name for field in fields(Event)}
        assert (kind.__name__, named) == (kind.__name__, own)


def _shared(what: str) -> set[str]:
    line = re.search(rf"^Those of a {what}: (.*)$", DOCUMENTATION, re.MULTILINE)
    assert line
    return set(re.findall(r"`(\w+)`", re.sub(r" \(.*?\)", "", line[1])))


COMMENT = {
    "action": "created",
    "issue": {
        "id": 30,
        "number": 3,
        "user": USER,
        "state": "open",
        "title": "Change the network",
        "pull_request": {"merged": False, "merged_at": None},
    },
    "comment": {"id": 9, "body": "terrakube apply", "user": USER, "created_at": NOON},
    "is_pull": True,
    "repository": REPOSITORY,
    "sender": USER,
}


@pytest.mark.parametrize(
    ("said", "start"),
    [
        ("terrakube apply", "Nothing was applied. What is in the way:"),
        ("terrakube status", "At `000000000000`, 1 workspace:"),
        ("terrakube approve", "Nothing was approved."),
    ],
)
def test_a_command_is_decided_by_what_the_facts_say(
    command_line: CommandLine, said: str, start: str
) -> None:
    comment = {**COMMENT, "comment": {"id": 9, "body": said, "user": USER, "created_at": NOON}}
    body = write(command_line, "comment.json", comment)
    facts = write(command_line, "facts.json", FACTS | {"mergeable": False})
    decided = decision(command_line, "--forge", "forgejo", "--facts", facts, body)
    assert isinstance(decided["replies"], list)
    (reply,) = decided["replies"]
    assert reply.startswith(start)
    assert ("**mergeable**" in reply) is ("approve" not in said)


def test_every_key_of_a_decision_and_of_facts_is_documented(command_line: CommandLine) -> None:
    body = write(command_line, "pull.json", PULL_REQUEST)
    facts = write(command_line, "facts.json", FACTS)
    decided = decision(command_line, "--forge", "forgejo", "--facts", facts, body)
    table = DOCUMENTATION.partition("### Decisions")[2].partition("### Facts")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(decided)
    example = DOCUMENTATION.partition("```yaml")[2].partition("```")[0]
    for model in (Facts, WorkspaceFacts, TemplateFacts):
        missing = [name for name in model.model_fields if f"{name}:" not in example]
        assert (model.__name__, missing) == (model.__name__, [])


RECORDED = [
    (driver, path)
    for driver in ("github", "gitea", "forgejo")
    for path in sorted((PAYLOADS / driver).glob("*.json"))
    if not path.name.startswith("fedmsg.") and not path.name.endswith(".headers.json")
]


@pytest.mark.skipif(not RECORDED, reason="recorded payloads are not beside this project")
def test_every_recorded_delivery_is_an_event_or_ignored_with_a_reason(
    command_line: CommandLine,
) -> None:
    found: dict[str, object] = {}
    for driver, path in RECORDED:
        told_about = told(command_line, "--forge", driver, str(path))
        found[f"{driver}/{path.name}"] = told_about["outcome"]
    assert len(found) == len(RECORDED)
    assert set(found.values()) == {"event", "ignored"}
