"""``jobs follow`` and ``jobs logs``: a job as it runs, and what it said."""

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.jobs.masking import CONTEXT, Masking
from bridge.decisions.step_logs import plain
from bridge.domain.redaction import REDACTED, Redactor
from bridge.sandbox.terrakube import StandIn, Status, start
from bridge.sandbox.terrakube.model import Job
from tests import recorded
from tests.bridge.cli.conftest import CommandLine, Desk, Said
from tests.bridge.cli.processes import environment
from tests.bridge.sandbox.terrakube.client import speaking
from tests.bridge.sandbox.terrakube.held import HeldExecutor
from tests.waiting import until

FLOW = """flow:
- {type: terraformPlan, name: Plan, step: 100}
- {type: approval, name: Look, step: 150, team: DEVELOPERS}
- {type: terraformApply, name: Apply, step: 200}
"""
WAITS = (
    "job {} waits for an approval, by team DEVELOPERS and whoever may approve jobs: "
    "terrakube-bridge jobs approve {}, or reject {}"
)
MAY_GO_ON = "Terrakube does not stop Terraform: a step that was running may still finish"


@dataclass
class Scene:
    """A command line, and a Terrakube whose steps end when the test says so."""

    desk: Desk
    executor: HeldExecutor

    @property
    def terrakube(self) -> StandIn:
        return self.desk.terrakube

    def add_job(self, template: str = "Plan and apply", **more: object) -> Job:
        """A job that was made an hour ago, so that its end counts at once."""
        found = self.terrakube.world.template("acme", template)
        job = self.terrakube.add_job(self.desk.network, template_reference=str(found.id), **more)
        self.terrakube.age(job, timedelta(hours=1))
        return job

    def say(self, job: Job, text: str, step: int = 100) -> None:
        next(one for one in job.steps.values() if one.step_number == step).log.append(text)

    def following(self, job: Job, *arguments: str) -> "asyncio.Task[Said]":
        return asyncio.create_task(
            self.desk("jobs", "follow", str(job.id), "--interval", "0.2", *arguments)
        )

    async def patch(self, job: Job, status: Status) -> None:
        """Decide as somebody else."""
        async with speaking(self.terrakube) as client:
            assert await client.patch(job, status=status) == 204

    async def seen(self, job: Job, times: int = 1) -> None:
        """Wait until the job was looked at so many times more."""
        before = self.looks
        await until(lambda: self.looks >= before + times)

    @property
    def looks(self) -> int:
        return sum(
            seen.method == "GET" and seen.path.endswith("/job") for seen in self.terrakube.requests
        )


@pytest.fixture
async def scene(command_line: CommandLine) -> AsyncIterator[Scene]:
    executor = HeldExecutor(parallel=9)
    async with start(command_line.folder / "terrakube", executor=executor) as terrakube:
        desk = Desk(command_line, terrakube)
        terrakube.add_template(desk.acme, "Approved", FLOW)
        desk.configure()
        yield Scene(desk, executor)
        assert terrakube.unexpected == []


async def test_plan_and_apply_are_followed_to_the_end(scene: Scene) -> None:
    job = scene.add_job()
    told = scene.following(job)
    await scene.executor.until_started(job.number)
    scene.say(job, "\x1b[1mplanned\x1b[0m äöü\n")
    await scene.seen(job, 2)
    await scene.executor.end(job.number)
    await scene.executor.until_started(job.number, 200)
    scene.say(job, "applied, without an end of line", 200)
    await scene.executor.end(job.number, 200)
    said = await told
    n = job.id
    assert (
        said.out
        == f"step ({n}, 100)\nplanned äöü\nstep ({n}, 200)\napplied, without an end of line\n"
    )
    assert said.err[-2:] == ["step 200 Apply: completed", f"job {n} completed"]
    assert [line for line in said.err if line.startswith("step 100")][
        -1
    ] == "step 100 Plan: completed"
    assert said.code == 0


@pytest.mark.parametrize(
    ("changes", "ending"), [(True, "job {} completed"), (False, "job {} completed: no changes")]
)
async def test_a_plan_says_whether_it_changes_anything(
    scene: Scene,
    changes: bool,  # noqa: FBT001 - a column of the table
    ending: str,
) -> None:
    job = scene.add_job("Plan")
    await scene.executor.end(job.number, changes=changes)
    said = await scene.following(job)
    assert (said.code, said.err[-1]) == (0, ending.format(job.id))


async def test_a_failing_step_ends_with_three(scene: Scene) -> None:
    job = scene.add_job()
    await scene.executor.until_started(job.number)
    told = scene.following(job, "--no-log")
    await scene.executor.end(job.number, ok=False)
    said = await told
    assert (said.code, said.out) == (3, "")
    assert said.err[-1] == f"job {job.id} failed"
    assert scene.terrakube.count("GET", "/tfoutput/") == 0


async def waiting(scene: Scene) -> Job:
    job = scene.add_job("Approved")
    await scene.executor.end(job.number)
    return await scene.terrakube.until(job, Status.WAITING)


async def test_an_approval_from_outside_is_waited_for(scene: Scene) -> None:
    job = await waiting(scene)
    told = scene.following(job)
    await scene.seen(job, 2)
    await scene.patch(job, Status.APPROVED)
    await scene.executor.end(job.number, 200)
    said = await told
    assert said.code == 0
    n = str(job.id)
    assert WAITS.format(n, n, n) in said.err
    assert said.err.index("step 100 Plan: completed") < said.err.index(WAITS.format(n, n, n))
    assert said.out == f"step ({n}, 100)\nstep ({n}, 200)\n"


async def test_it_may_stop_where_an_approval_is_needed_with_all_of_the_plan(scene: Scene) -> None:
    job = await waiting(scene)
    said = await scene.following(job, "--stop-at-approval")
    assert (said.code, said.out) == (5, f"step ({job.id}, 100)\n")


@pytest.mark.parametrize("status", [Status.REJECTED, Status.CANCELLED])
async def test_a_job_that_people_end_while_it_waits_ends_with_four(
    scene: Scene, status: Status
) -> None:
    job = await waiting(scene)
    told = scene.following(job)
    await scene.seen(job)
    await scene.patch(job, status)
    said = await told
    ending = f"job {job.id} was {status}"
    assert said.code == 4
    assert said.err[-1] in {ending, f"{ending}. {MAY_GO_ON}"}


async def test_a_cancel_during_the_apply_warns_that_terraform_goes_on(scene: Scene) -> None:
    job = scene.add_job()
    await scene.executor.end(job.number)
    await scene.executor.until_started(job.number, 200)
    told = scene.following(job)
    await scene.seen(job, 2)
    scene.say(job, "half done\n", 200)
    await scene.patch(job, Status.CANCELLED)
    said = await told
    assert said.code == 4
    assert said.out.endswith("half done\n")
    assert said.err[-2:] == [
        "step 200 Apply: cancelled",
        f"job {job.id} was cancelled. {MAY_GO_ON}",
    ]


async def test_a_job_that_somebody_deletes_is_not_found(scene: Scene) -> None:
    job = scene.add_job()
    told = scene.following(job)
    await scene.executor.until_started(job.number)
    await scene.seen(job, 2)
    scene.terrakube.delete(job)
    said = await told
    assert said.code == 8
    assert said.err[-1] == f"job {job.id} was deleted in Terrakube while it was followed"


async def test_a_server_that_restarts_is_waited_for(scene: Scene) -> None:
    job = scene.add_job("Plan")
    told = scene.following(job)
    await scene.executor.until_started(job.number)
    await scene.seen(job, 2)
    await scene.terrakube.down()
    await asyncio.sleep(1.0)
    await scene.terrakube.up()
    await scene.executor.end(job.number)
    said = await told
    away = [line for line in said.err if line.startswith("Terrakube does not answer; ")]
    assert (said.code, len(away)) == (0, 1)
    assert "Terrakube answers again" in said.err
    assert said.out == f"step ({job.id}, 100)\n"


async def test_a_server_that_stays_away_is_given_up(scene: Scene) -> None:
    job = scene.add_job("Plan")
    told = scene.following(job, "--patience", "0.5")
    await scene.executor.until_started(job.number)
    await scene.seen(job, 2)
    await scene.terrakube.down()
    said = await told
    assert said.code == 6
    assert said.err[-1].startswith(f"job {job.id} is not followed any longer, as Terrakube has not")


async def test_a_web_page_instead_of_an_answer_is_said(scene: Scene, unused_tcp_port: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page = b"<html><title>Sign in</title></html>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
        writer.write(head.encode() + page)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", unused_tcp_port):
        scene.desk.configure(BRIDGE_TERRAKUBE__URL=f"http://127.0.0.1:{unused_tcp_port}")
        said = await scene.desk("jobs", "follow", "1")
    assert said.code == 6
    assert "answered with a web page instead of JSON" in said.err[-1]


async def test_a_token_that_is_refused_meanwhile_ends_it(scene: Scene) -> None:
    job = scene.add_job("Plan")
    told = scene.following(job)
    await scene.executor.until_started(job.number)
    await scene.seen(job, 2)
    scene.terrakube.tokens.revoke(scene.terrakube.token)
    said = await told
    assert said.code == 7
    assert "make a new one in Terrakube and set BRIDGE_TERRAKUBE__TOKEN" in said.err[-1]


async def test_who_may_not_read_is_told_so(scene: Scene) -> None:
    job = scene.add_job("Plan")
    token = scene.terrakube.mint("mallory@example.com", "STRANGERS")
    scene.desk.configure(BRIDGE_TERRAKUBE__TOKEN=token)
    said = await scene.desk("jobs", "follow", str(job.id), "--organization", "acme")
    assert said.code == 8
    assert said.err[-1].startswith("the token may see no organization")


async def test_each_update_is_a_line_of_json(scene: Scene) -> None:
    job = await waiting(scene)
    told = scene.following(job, "--json")
    await scene.seen(job, 2)
    await scene.patch(job, Status.REJECTED)
    said = await told
    number = str(job.id)
    lines: list[dict[str, Any]] = [json.loads(line) for line in said.out.splitlines()]
    plan = {"step": 100, "name": "Plan"}
    assert said.code == 4
    assert lines[0] == {"type": "log", **plan, "text": f"step ({number}, 100)\n", "anew": False}
    assert lines[1] == {"type": "step", **plan, "status": "completed"}
    waits = {"type": "state", "job": number, "state": "waiting", "status": "waitingApproval"}
    assert {**waits, "approval_team": "DEVELOPERS"} in lines
    ended = {"type": "ended", "job": number, "state": "rejected", "status": "rejected"}
    assert lines[-1] == {**ended, "plan_changes": None, "expired": False}


SECRET = "canary-of-the-hook"
HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m \x1b]52;c;Y2xpcA==\x07clip\n"
    f"the hook is cana\x1b[1mry-of-the-hook and ghp_{'a1' * 18}\n"
)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ((), f"red clip\nthe hook is {REDACTED} and {REDACTED}\n"),
        (("--ansi",), f"red clip\nthe hook is {REDACTED} and {REDACTED}\n\x1b[0m"),
    ],
)
async def test_of_a_hostile_log_neither_escapes_nor_secrets_pass(
    scene: Scene, options: tuple[str, ...], shown: str
) -> None:
    scene.desk.configure(BRIDGE_TERRAKUBE__WEBHOOK_SECRET=SECRET)
    job = scene.add_job("Plan")
    await scene.executor.until_started(job.number)
    scene.say(job, HOSTILE)
    await scene.executor.end(job.number)
    await scene.terrakube.until(job, Status.COMPLETED)
    followed = await scene.following(job, *options)
    printed = await scene.desk("jobs", "logs", str(job.id), *options)
    head = f"step ({job.id}, 100)\n"
    assert followed.out.removeprefix(head).replace("\x1b[0m", "") == shown.replace("\x1b[0m", "")
    assert printed.out.removeprefix(f"=== step 100 Plan (completed) ===\n{head}").replace(
        "\x1b[0m", ""
    ) == shown.replace("\x1b[0m", "")


async def test_a_log_of_ten_megabytes_is_followed_and_printed(scene: Scene, tmp_path: Path) -> None:
    served = recorded.log("logs/raw/plan_large_600_resources") * 57
    job = scene.add_job("Plan")
    await scene.executor.until_started(job.number)
    scene.say(job, served)
    await scene.executor.end(job.number)
    await scene.terrakube.until(job, Status.COMPLETED)
    file = tmp_path / "log.txt"
    number = str(job.id)
    followed = await scene.following(job)
    printed = await scene.desk(
        "jobs", "logs", number, "--step", "plan", "--output", str(file), "--ansi"
    )
    assert len(served) > 10_000_000
    assert followed.code == printed.code == 0
    text = f"step ({number}, 100)\n{served}"
    assert without_resets(followed.out) == without_resets(plain(text))
    assert without_resets(file.read_text()) == without_resets(text)
    assert printed.out == ""


def without_resets(text: str) -> int:
    # As a number: a difference between texts this long is nothing to look at.
    return hash(text.replace("\x1b[0m", ""))


async def test_logs_are_printed_step_by_step_and_what_has_none_is_named(scene: Scene) -> None:
    job = await waiting(scene)
    said = await scene.desk("jobs", "logs", str(job.id))
    assert said.out == f"=== step 100 Plan (completed) ===\nstep ({job.id}, 100)\n"
    assert (said.code, said.err) == (
        0,
        ["step 150 Look (pending) has no log", "step 200 Apply (pending) has no log"],
    )


async def test_logs_of_a_step_that_runs_are_whole_lines_so_far(scene: Scene) -> None:
    job = scene.add_job()
    await scene.executor.until_started(job.number)
    scene.say(job, "half a li")
    said = await scene.desk("jobs", "logs", str(job.id), "--json")
    assert said.json() == {
        "job": str(job.id),
        "status": "running",
        "steps": [
            {"number": 100, "name": "Plan", "status": "running", "log": f"step ({job.id}, 100)\n"},
            {"number": 200, "name": "Apply", "status": "pending", "log": ""},
        ],
    }


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--step", "applies"], 8, "job {} has no step 'applies': did you mean Apply?"),
        (
            ["--output", "nowhere/log"],
            2,
            "nowhere/log: cannot be written: No such file or directory",
        ),
    ],
)
async def test_what_cannot_be_printed_is_said(
    scene: Scene, arguments: list[str], code: int, told: str
) -> None:
    job = scene.add_job()
    await scene.executor.until_started(job.number)
    said = await scene.desk("jobs", "logs", str(job.id), *arguments)
    assert (said.code, said.out, said.err) == (code, "", [told.format(job.id)])


async def test_a_job_without_steps_has_no_logs(scene: Scene) -> None:
    scene.terrakube.lock(scene.desk.network)
    job = scene.add_job()
    said = await scene.desk("jobs", "logs", str(job.id))
    assert (said.code, said.out, said.err) == (
        0,
        "",
        [f"job {job.id} has no steps yet: it is pending"],
    )


@contextmanager
def _heeding_ctrl_c() -> Iterator[None]:
    """Let a process that is begun heed SIGINT, although the tests run in the background of a shell.

    What a shell starts there ignores it, and passes that on.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def test_ctrl_c_ends_the_following_and_not_the_job(scene: Scene) -> None:
    job = scene.add_job()
    await scene.executor.until_started(job.number)
    with _heeding_ctrl_c():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "jobs", "follow", str(job.id), "--interval", "0.2"),
            cwd=scene.desk.command_line.folder,
            env=environment() | {"PYTHONPATH": str(Path(__file__).parents[3])},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    await until(lambda: scene.looks >= 2)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 130
    assert out.decode() == f"step ({job.id}, 100)\n"
    again = f"to follow it again: terrakube-bridge jobs follow {job.id}"
    assert err.decode().splitlines()[-1] == f"job {job.id} goes on; {again}"
    assert job.status == Status.RUNNING


async def test_on_a_terminal_a_line_at_the_bottom_says_what_goes_on(scene: Scene) -> None:
    job = scene.add_job("Plan")
    await scene.executor.until_started(job.number)
    scene.say(job, "\x1b[32mgreen\x1b[0m\n")
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "jobs", "follow", str(job.id), "--interval", "0.2"),
        cwd=scene.desk.command_line.folder,
        env=environment() | {"PYTHONPATH": str(Path(__file__).parents[3]), "COLUMNS": "80"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    await until(lambda: scene.looks >= 2)
    await scene.executor.end(job.number)
    code = await process.wait()
    shown = await asyncio.to_thread(_all_of, ours)
    assert code == 0
    assert "\x1b[32mgreen\x1b[0m\r\n" in shown
    assert f"\r\x1b[2Kjob {job.id} runs step 100 Plan (0:0" in shown
    assert shown.endswith(f"\r\x1b[2Kjob {job.id} completed\r\n\r\x1b[2K")


def _all_of(terminal: int) -> str:
    found = b""
    with suppress(OSError):  # how a terminal ends
        while chunk := os.read(terminal, 65536):
            found += chunk
    os.close(terminal)
    return found.decode()


# Pieces of one log.

KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + f"{'MIIEowIBAAKCAQEA' * 4}\n" * 20
    + "-----END RSA PRIVATE KEY-----\n"
)


def lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


@pytest.mark.parametrize("cut", [lines_of, lambda text: [text]])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"before\n{KEY}after\n", f"before\n{REDACTED}\nafter\n"),
        (
            'name = "DB_PASSWORD"\nvalue = "hunter2hunter2"\n',
            f'name = "DB_PASSWORD"\nvalue = "{REDACTED}"\n',
        ),
        ("the secret is canary-of-the-hook\n", f"the secret is {REDACTED}\n"),
        ("x" * 2 * CONTEXT + "\nmore\n", "x" * 2 * CONTEXT + "\nmore\n"),
    ],
)
def test_secrets_are_masked_wherever_the_text_was_cut(
    cut: Callable[[str], list[str]], text: str, shown: str
) -> None:
    masking = Masking(Redactor([SECRET]).redact)
    assert "".join(piece for part in cut(text) for piece in masking.pieces(part)) == shown


def test_colours_of_a_recorded_log_stay_whatever_the_cut() -> None:
    served = recorded.log("logs/raw/plan_mixed_create_update_replace_destroy")
    masking = Masking(Redactor([SECRET]).redact, ansi=True)
    assert "".join(piece for part in lines_of(served) for piece in masking.pieces(part)) == served
