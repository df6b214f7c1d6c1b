"""What others wrote into Terrakube does nothing to a terminal, and forges no line."""

import asyncio
import json
import os
import sys
import unicodedata
from pathlib import Path

import pytest

from bridge.cli.tables import write_table
from bridge.cli.texts import in_order, one_line, printable, to_json
from bridge.decisions.step_logs import plain
from bridge.sandbox.terrakube.model import Status
from tests.bridge.cli.conftest import SOURCE, Desk
from tests.bridge.cli.processes import environment

HOSTILE = (
    "Net\x1b]0;title\x07\x1b[31mred\x1b[0m\u202egnp\u2066\nterrakube-bridge: fine"
    "\r\x1b[2K\x9b1m\u200b"
)
SHOWN = "Netred�gnp� terrakube-bridge: fine 1m�"


def acts_on_terminals(text: str) -> list[str]:
    return sorted(
        {hex(ord(c)) for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Zl"}}
    )


@pytest.fixture
async def hostile(desk: Desk) -> Desk:
    """Everything that has a name or a text has a hostile one; 1 has ended, 2 failed, 3 waits."""
    terrakube = desk.terrakube
    template = terrakube.add_template(desk.acme, HOSTILE, "flow: [{type: approval, step: 1}]")
    template.description = HOSTILE
    space = terrakube.add_workspace(desk.acme, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    terrakube.add_workspace(desk.acme, "locked", SOURCE, locked=True, lock_description=HOSTILE)
    texts = {"comments": HOSTILE, "override_branch": HOSTILE, "approval_team": HOSTILE}
    ended = terrakube.add_job(space, status=Status.COMPLETED, **texts)
    terrakube.world.add_step(ended, 100, HOSTILE, status=Status.COMPLETED)
    terrakube.add_job(space, status=Status.FAILED, output=HOSTILE, **texts)
    terrakube.add_job(space, status=Status("waitingApproval"), **texts)
    return desk


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize("command", ["workspaces", "templates", "jobs list", "jobs get 1"])
async def test_listings_show_it_and_nothing_more(hostile: Desk, command: str, output: str) -> None:
    said = await hostile(*command.split(), "--output", output)
    assert (said.code, acts_on_terminals(said.out)) == (0, [])
    if output == "json":
        assert json.dumps(HOSTILE)[1:-1] in json.dumps(said.json())


@pytest.mark.parametrize(
    ("command", "code", "part"),
    [
        ("jobs create acme/locked --template Plan", 2, f"is locked ({SHOWN}): a job"),
        ("jobs create acme/nothing --template Plan", 8, f"acme/{SHOWN}"),
        ("jobs create acme/network --template zzz", 8, f", {SHOWN}"),
        ("jobs logs 1 --step zzz", 8, f"100, {SHOWN}"),
        ("jobs follow 2", 3, "job 2 failed: "),
        ("jobs follow 3 --stop-at-approval", 5, f"by team {SHOWN} and"),
        ("jobs approve 3", 2, f"Job 3 (acme/{SHOWN}) waits for an approval"),
        ("jobs cancel 3", 2, f"job 3 (acme/{SHOWN}), which is"),
        ("jobs reject 3", 0, f"Job 3 (acme/{SHOWN}) is rejected"),
    ],
)
async def test_sentences_stay_one_line(hostile: Desk, command: str, code: int, part: str) -> None:
    said = await hostile(*command.split())
    told = "\n".join([said.out, *said.err])
    assert (said.code, acts_on_terminals(told)) == (code, [])
    assert part in told
    assert "\nterrakube-bridge: fine" not in told


async def test_who_is_asked_sees_the_question_as_it_is(hostile: Desk) -> None:
    hostile.command_line.on_terminal("n\n")
    said = await hostile("jobs", "delete", "1")
    assert (said.code, acts_on_terminals("\n".join(said.err))) == (2, [])


def test_each_text_is_shown_as_what_it_is() -> None:
    assert printable("a\x1b\x9b\u202e\nb ü") == "a���\nb ü"
    assert one_line(HOSTILE) == SHOWN
    assert in_order("\u202a\u202e\u2066\u2069 \u200d ü") == "���� \u200d ü"
    tagged = {"tag": "a\x9b\u202e\U000e0041ü"}
    assert to_json(tagged) == r'{"tag": "a\u009b\u202e\udb40\udc41ü"}'
    assert json.loads(to_json(tagged)) == tagged


def test_a_narrow_terminal_gets_a_line_for_each_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    rows = [["12", "waitingApproval", "acme/network"], ["11", "failed", ""]]
    monkeypatch.setenv("COLUMNS", "30")
    write_table(["id", "status", "workspace"], rows)
    assert capsys.readouterr().out.splitlines() == [
        *("id: 12", "status: waitingApproval", "workspace: acme/network", ""),
        *("id: 11", "status: failed", ""),
    ]
    monkeypatch.setenv("COLUMNS", "31")
    write_table(["id", "status", "workspace"], rows)
    assert " id  status " in plain(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("sink", "code", "err"),
    [
        ("| true", 0, []),
        (">&-", 0, []),
        pytest.param(
            "> /dev/full",
            2,
            ["the output cannot be written: No space left on device"],
            marks=pytest.mark.skipif(
                not Path("/dev/full").exists(), reason="there is no /dev/full"
            ),
        ),
    ],
)
async def test_an_output_that_is_closed_or_full_is_no_bug(
    desk: Desk, sink: str, code: int, err: list[str]
) -> None:
    ended = await asyncio.create_subprocess_exec(
        *(
            "bash",
            "-c",
            f'"$0" -m bridge templates {sink}; exit ${{PIPESTATUS[0]}}',
            sys.executable,
        ),
        cwd=desk.command_line.folder,
        env=environment() | {"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": os.defpath},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await ended.communicate()
    lines = [line.removeprefix("terrakube-bridge: ") for line in said.decode().splitlines()]
    assert (ended.returncode, lines) == (code, err)
