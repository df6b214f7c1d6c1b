"""``jobs get``, ``list``, ``update`` and ``delete``."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.cli.jobs.moments import read_moment
from bridge.domain.errors import UserError
from bridge.sandbox.terrakube.model import Job, Status, Value
from tests.bridge.cli.conftest import SOURCE, Desk

NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


def ended(desk: Desk, **more: Value) -> Job:
    """A job that is over, and old enough to be changed."""
    job = desk.terrakube.add_job(desk.network, **{"status": Status.COMPLETED, **more})
    desk.terrakube.age(job, timedelta(minutes=10))
    return job


def waiting(desk: Desk) -> Job:
    """A job that was set aside before it began."""
    job = ended(desk, template_reference=desk.network.default_template)
    job.status = Status.WAITING
    return job


async def test_a_job_is_found_by_its_number_in_every_organization(desk: Desk) -> None:
    beta = desk.terrakube.add_organization("beta")
    apps = desk.terrakube.add_workspace(beta, "apps", SOURCE)
    job = desk.terrakube.add_job(apps, status=Status.FAILED, tcl="eA==")
    said = await desk("jobs", "get", str(job.id))
    assert (said.code, said.row()["workspace"], said.row()["status"]) == (
        0,
        "beta/apps",
        "failed",
    )
    said = await desk("jobs", "get", str(job.id), "-o", "acme")
    missing = f"there is no job {job.id} in organization acme: it was deleted, or never was there"
    assert (said.code, said.out, said.err) == (8, "", [missing])
    said = await desk("jobs", "get", "99")
    where = "any organization the token may see (acme, beta)"
    assert (said.code, said.err) == (
        8,
        [f"there is no job 99 in {where}: it was deleted, or never was there"],
    )


async def test_a_job_comes_with_its_workspace_and_its_template(desk: Desk) -> None:
    made = await desk("jobs", "create", "network", "--template", "Plan")
    (job,) = desk.terrakube.jobs()
    await desk.terrakube.until(job, "completed")
    said = await desk(
        *("jobs", "get", str(job.id), "--include", "workspace", "--include", "template")
    )
    row = said.row()
    assert (row["included_workspace"], row["included_template"]) == (
        (await desk("workspaces")).rows()[0],
        next(one for one in (await desk("templates")).rows() if one["name"] == "Plan"),
    )
    assert row["plan_changes"] is True
    (step,) = row["steps"]
    assert (step["number"], step["name"], step["status"]) == (100, "Plan", "completed")
    assert row.keys() - made.row().keys() == {"included_workspace", "included_template"}


async def test_people_get_a_line_for_everything_a_job_has(desk: Desk) -> None:
    job = ended(desk, comments="cli:k by hand")
    step = desk.terrakube.world.add_step(job, 100, "Plan", status=Status.COMPLETED)
    desk.command_line.on_terminal()
    said = await desk("jobs", "get", str(job.id))
    lines = [line.split() for line in said.out.splitlines()]
    assert ["workspace", "acme/network"] in lines
    assert ["comments", "cli:k", "by", "hand"] in lines
    assert ["100", "Plan", "completed", str(step.id)] in lines
    assert "approval_team" not in said.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [5, 4, 3, 2, 1]),
        (["--limit", "2"], [5, 4]),
        (["acme"], [4, 3, 2, 1]),
        (["acme/network"], [3, 2, 1]),
        (["*/{apps,nothing}"], [5, 4]),
        (["acme/nothing-*"], []),
        (["--status", "failed"], [2]),
        (["--status", "failed", "--status", "rejected"], [3, 2]),
        (["--status", "open"], [5]),
        (["--template", "Plan"], [4, 1]),
        (["--template", "Destroy", "--template", "Plan"], [4, 2, 1]),
        (["--branch", "v1"], [3]),
        (["--key", "build-7"], [1]),
        (["--key", "cli:build-7"], [1]),
        (["--key", "bridge:01J"], [4]),
        (["--text", "by hand"], [4, 1]),
        (["--commit", "abc"], [2]),
        (["--since", "1h"], [5, 4]),
        (["--until", "1h"], [3, 2, 1]),
        (["--since", "3d", "--until", "90m"], [3, 2, 1]),
        (["--by", "bridge@example.com", "acme/apps"], [4]),
        (["--by", "somebody@example.com"], []),
    ],
)
async def test_jobs_are_listed_newest_first_by_what_they_must_have(
    desk: Desk, arguments: list[str], expected: list[int]
) -> None:
    beta = desk.terrakube.add_organization("beta")
    apps = desk.terrakube.add_workspace(desk.acme, "apps", SOURCE)
    others = desk.terrakube.add_workspace(beta, "apps", SOURCE)
    template = {
        name: desk.terrakube.world.template("acme", name).id for name in ("Plan", "Destroy")
    }
    for workspace, more in (
        (desk.network, {"template_reference": template["Plan"], "comments": "cli:build-7 by hand"}),
        (
            desk.network,
            {
                "template_reference": template["Destroy"],
                "status": Status.FAILED,
                "commit_id": "abcdef0",
            },
        ),
        (
            desk.network,
            {"status": Status.REJECTED, "override_branch": "v1", "comments": "cli:build-70"},
        ),
        (apps, {"template_reference": template["Plan"], "comments": "bridge:01J by hand"}),
        (others, {"status": Status.WAITING}),
    ):
        job = desk.terrakube.add_job(workspace, **{"status": Status.COMPLETED, **more})
        if job.number <= 3:
            desk.terrakube.age(job, timedelta(hours=2))
    said = await desk("jobs", "list", *arguments)
    assert (said.code, said.err) == (0, [])
    assert [int(row["id"]) for row in said.rows()] == expected


async def test_1200_jobs_are_listed_once_each(desk: Desk) -> None:
    plan = desk.terrakube.world.template("acme", "Plan").id
    for number in range(1, 1201):
        desk.terrakube.add_job(
            desk.network,
            status=Status.FAILED if number % 2 else Status.COMPLETED,
            template_reference=plan if number % 3 else None,
            override_branch="v1" if number % 5 else None,
            comments=f"cli:k{number % 600}",
        )
    said = await desk("jobs", "list", "--all", "--output", "ids")
    assert [int(line) for line in said.out.split()] == list(range(1200, 0, -1))
    for arguments, expected in (
        (["--status", "failed"], [number for number in range(1200, 0, -1) if number % 2]),
        (["--template", "Plan"], [number for number in range(1200, 0, -1) if number % 3]),
        (["--branch", "v1"], [number for number in range(1200, 0, -1) if number % 5]),
        (["--key", "k7"], [607, 7]),
    ):
        said = await desk("jobs", "list", "--all", "--output", "ids", *arguments)
        assert [int(line) for line in said.out.split()] == expected
    assert len((await desk("jobs", "list")).rows()) == 30


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--status", "canceled"], 2, "there is no status 'canceled': did you mean cancelled?"),
        (["--template", "Plam"], 8, "there is no template 'Plam': did you mean Plan?"),
        (["--all", "--limit", "3"], 2, "--all and --limit contradict each other: give one of them"),
        (
            ["--since", "yesterday"],
            2,
            "'yesterday' is no time: write 30m, 2h, 7d, 2026-11-01 or 2026-11-01T12:30Z",
        ),
        (
            ["acme/netwrk"],
            8,
            "organization acme has no workspace 'netwrk': did you mean acme/network?",
        ),
    ],
)
async def test_what_cannot_be_looked_for_is_said(
    desk: Desk, arguments: list[str], code: int, text: str
) -> None:
    said = await desk("jobs", "list", *arguments)
    assert (said.code, said.out, said.err) == (code, "", [text])


@pytest.mark.parametrize(
    ("text", "ends", "moment"),
    [
        ("30m", False, NOW - timedelta(minutes=30)),
        ("7d", True, NOW - timedelta(days=7)),
        ("2026-11-01", False, datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01", True, datetime(2026, 11, 1, 23, 59, tzinfo=UTC)),
        ("2026-11-01T00:00", True, datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T12:30Z", False, datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
        ("2026-11-01 12:30+02:00", False, datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_people_write_them(text: str, moment: datetime, *, ends: bool) -> None:
    assert read_moment(text, now=NOW, ends=ends) == moment


@pytest.mark.parametrize("text", ["", "2", "2y", "99999w", "2026-13-01", "tomorrow"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is no time: write 30m"):
        read_moment(text, now=NOW)


async def test_a_job_is_changed_and_keeps_its_key(desk: Desk) -> None:
    job = waiting(desk)
    job.comments = "cli:k before"
    destroy = desk.terrakube.world.template("acme", "Destroy")
    said = await desk(
        *("jobs", "update", str(job.id), "--comment", "after", "--no-refresh", "--refresh-only"),
        *("--template", "Destroy", "--branch", "v2", "--commit", "abcdef0", "--target", "a.b"),
    )
    assert (said.code, said.err) == (0, [])
    row = said.row()
    changed = {
        "comments": "cli:k after",
        "refresh": False,
        "refresh_only": True,
        "template": "Destroy",
        "branch": "v2",
        "commit": "abcdef0",
        "targets": ["a.b"],
    }
    assert {name: row[name] for name in changed} == changed
    assert job.template_reference == destroy.id


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 2, "job 1: nothing is to be changed"),
        (["--no-refresh"], 2, "job 1 is completed: only its comments can still be changed"),
        (["--template", "Plam"], 8, "organization acme has no template 'Plam': did you mean Plan?"),
    ],
)
async def test_a_change_that_would_have_no_effect_is_refused(
    desk: Desk, arguments: list[str], code: int, text: str
) -> None:
    ended(desk)
    said = await desk("jobs", "update", "1", *arguments)
    assert (said.code, said.out, said.err) == (code, "", [text])
    assert desk.terrakube.count("PATCH", "/job") == 0


WARNING = "This removes {} with all steps and logs, for good. It does not stop Terraform."
REFUSED = (
    "job 3 is waitingApproval: cancel it first (jobs cancel 3), as deleting stops nothing; "
    "--force deletes it even so"
)


@pytest.mark.parametrize(("typed", "gone"), [("y\n", True), ("n\n", False), ("", False)])
async def test_deleting_asks_first(desk: Desk, typed: str, *, gone: bool) -> None:
    ended(desk)
    desk.command_line.on_terminal(typed)
    said = await desk("jobs", "delete", "1")
    assert said.err[0] == WARNING.format("job 1 (completed)")
    assert (desk.terrakube.jobs() == []) is gone
    if gone:
        assert (said.code, said.out) == (0, "Job 1 is deleted.\n")
    else:
        assert (said.code, said.out) == (2, "")
        assert said.err[-1].endswith("nothing was done")


async def test_deleting_asks_nobody_where_nobody_is(desk: Desk) -> None:
    ended(desk)
    desk.command_line.in_pipe("y\n")
    said = await desk("jobs", "delete", "1")
    without = "Nothing was done: without a terminal, say --yes to agree"
    assert (said.code, said.out, said.err) == (
        2,
        "",
        [f"{WARNING.format('job 1 (completed)')} {without}"],
    )
    assert len(desk.terrakube.jobs()) == 1


async def test_several_jobs_are_deleted_at_once_or_none(desk: Desk) -> None:
    ended(desk)
    ended(desk, status=Status.FAILED)
    waiting(desk)
    said = await desk("jobs", "delete", "1", "3", "--yes")
    assert (said.code, said.out, said.err) == (
        2,
        "",
        [REFUSED],
    )
    assert (await desk("jobs", "delete", "1", "99", "--yes")).code == 8
    assert len(desk.terrakube.jobs()) == 3
    said = await desk("jobs", "delete", "1", "2", "1", "--yes")
    assert (said.code, said.out) == (0, "Job 1 is deleted.\nJob 2 is deleted.\n")
    said = await desk("jobs", "delete", "3", "--yes", "--force")
    assert (said.code, desk.terrakube.jobs()) == (0, [])


async def test_a_job_that_was_notified_about_cannot_be_deleted(desk: Desk) -> None:
    job = ended(desk)
    desk.terrakube.notify(desk.acme, "http://127.0.0.1:1/")
    desk.terrakube.set_status(job, Status.FAILED)
    said = await desk("jobs", "delete", "1", "--yes")
    kept = "Terrakube keeps a job about which it has sent notifications"
    assert (said.code, said.out, len(said.err)) == (2, "", 1)
    assert kept in said.err[0]
