"""What strangers, readers and writers with a grudge try."""

import asyncio
import base64
import zlib
from typing import Final

import httpx
import pytest
from sqlalchemy import Connection, select

from bridge.forges.signatures import hook_secret, sign_hmac_sha256
from bridge.sandbox.forge import Access, Flavour
from bridge.sandbox.forge.commenting import delete_comment, edit_comment
from bridge.sandbox.forge.delivering import Attempt
from bridge.sandbox.forge.model import Kind
from bridge.sandbox.terrakube import CreateFault, Plan, make_row, plan_of
from bridge.store.schema import audit, delivery, metadata, run
from tests.e2e.conftest import SetStage
from tests.e2e.opening import install
from tests.e2e.stage import (
    BRIDGE,
    INSTANCE_SECRET,
    KEY,
    READER,
    SLUG,
    STRANGER,
    WRITER,
    Stage,
)

SIGNATURES: Final = (
    "X-Hub-Signature-256",
    "X-Hub-Signature",
    "X-Forgejo-Signature",
    "X-Gitea-Signature",
    "X-Gogs-Signature",
)
OTHER: Final = "acme/other"
SENSITIVE: Final = "correct-horse-battery-staple"


def signed(attempt: Attempt, secret: str) -> dict[str, str | None]:
    """Sign a delivery anew, as whoever knows *secret* would."""
    digest = sign_hmac_sha256(attempt.body, secret.encode())
    return {
        name: f"sha256={digest}" if value.startswith("sha256=") else digest
        for name, value in attempt.headers.items()
        if name in SIGNATURES and not value.startswith("sha1=")
    }


async def an_opening(stage: Stage) -> Attempt:
    """Return a delivery the bridge has not seen."""
    async with stage.unreachable():
        await stage.propose("network")
    (attempt,) = stage.deliveries("pull_request", "opened")
    return attempt


async def test_what_is_not_signed_or_was_changed_is_401_and_leaves_no_trace(either: Stage) -> None:
    stage = either
    attempt = await an_opening(stage)
    before = len(await stage.rows(delivery))
    size = len(attempt.body)
    flipped = [
        attempt.body[:at] + bytes([attempt.body[at] ^ 1]) + attempt.body[at + 1 :]
        for at in (0, 1, size // 2, size - 1)
    ]
    without = dict.fromkeys(SIGNATURES)
    answers = await asyncio.gather(
        stage.replay(attempt, headers=without),
        stage.replay(attempt, headers={name: "" for name in SIGNATURES if name in attempt.headers}),
        stage.replay(attempt, headers=signed(attempt, "another secret")),
        stage.replay(attempt, headers=signed(attempt, INSTANCE_SECRET)),
        *(stage.replay(attempt, body=body) for body in flipped),
    )
    await stage.quiet()
    assert answers == [401] * 8
    assert (len(await stage.rows(delivery)), stage.jobs()) == (before, [])
    assert await stage.replay(attempt) == 202


async def test_a_hook_may_speak_for_its_own_repository_only(either: Stage) -> None:
    """Who administers one repository knows the secret of its hook, and no other one."""
    stage = either
    access = {BRIDGE: Access.ADMIN, WRITER: Access.ADMIN}
    other = await stage.forge.create_repository(OTHER, files={"a": "b\n"}, access=access)
    await install(stage, stage.bridge, OTHER)
    attempt = await an_opening(stage)
    secret = hook_secret(KEY.encode(), stage.name, str(other.id))
    forged = signed(attempt, secret)
    door = f"{stage.url()}/webhooks/{stage.name}"

    answers = [
        await stage.replay(attempt, headers=forged),
        await stage.replay(attempt, headers=forged, url=f"{door}?hook={other.id}"),
        await stage.replay(attempt, headers=forged, url=door),
        await stage.replay(attempt, headers=forged, url=f"{door}?hook={other.id}&hook=1"),
    ]
    await stage.quiet()
    assert answers == [401] * 4
    assert stage.jobs() == []


@pytest.mark.parametrize("whose", ["mallory@example.com", "bridge@example.com"])
async def test_a_job_of_somebody_else_that_carries_our_key_is_not_adopted(
    stage: Stage, whose: str
) -> None:
    """Our account is known to others in a careless team: then what the job does tells."""
    stage.server.faults.on_create(CreateFault.DROP)
    pull_request = await stage.propose("network")
    await stage.until(lambda: stage.logs("job.unanswered"))
    (row,) = await stage.rows(run)
    plan = next(one for one in stage.acme.templates.values() if one.name == "Plan")
    foreign = stage.server.world.add_job(
        stage.acme,
        stage.workspace("network"),
        by=whose,
        comments=f"bridge:{row['id']} plan {SLUG}#1 by alice",
        commit_id=pull_request.head_sha if whose.startswith("mallory") else "0" * 40,
        template_reference=str(plan.id),
    )
    stage.server.scheduler.created(foreign)
    await stage.quiet()

    (row,) = await stage.rows(run)
    assert row["job_id"] not in {None, str(foreign.id)}
    assert [line["how"] for line in stage.logs("run.started")] == ["posted"]
    assert f"/runs/{foreign.id})" not in stage.comment(pull_request)


@pytest.mark.parametrize(("flavour", "deleted"), [(Flavour.GITHUB, False), (Flavour.FORGEJO, True)])
async def test_our_comment_is_written_anew_when_a_writer_changed_it(
    set_stage: SetStage, flavour: Flavour, *, deleted: bool
) -> None:
    stage = await set_stage(flavour=flavour)
    pull_request = await stage.propose("network")
    await stage.quiet()
    (ours,) = stage.forge.comments(SLUG, pull_request.number)
    before, actor = ours.body, stage.forge.account(WRITER)
    if deleted:
        await delete_comment(stage.forge.world, ours, actor=actor)
    else:
        forged = before.replace("✅", "❌").replace("1 planned", "approved by security")
        await edit_comment(stage.forge.world, ours, forged, actor=actor)
    await stage.quiet()

    assert stage.comments(pull_request) == [before]
    found = [row for row in await stage.rows(audit) if row["action"] == "comment.repaired"]
    assert [(row["actor"], row["result"]) for row in found] == [(WRITER, "done")]
    assert len(stage.jobs()) == 1


async def test_a_copy_of_our_comment_is_neither_adopted_nor_touched(github: Stage) -> None:
    stage = github
    pull_request = await stage.propose("network")
    await stage.quiet()
    copied = stage.comment(pull_request)
    await stage.say(pull_request, copied)
    (ours, _) = stage.forge.comments(SLUG, pull_request.number)
    await delete_comment(stage.forge.world, ours, actor=stage.forge.account(WRITER))
    await stage.quiet()
    await stage.push("network", text="again")
    await stage.quiet()
    said = stage.all_comments(pull_request)
    assert [author for author, _ in said] == [WRITER, BRIDGE]
    assert said[0][1] == copied


async def test_commands_of_those_who_may_not_write_are_refused_with_an_answer(
    stage: Stage,
) -> None:
    pull_request = await stage.propose("network")
    await stage.quiet()
    head = pull_request.head_sha
    for who in (READER, STRANGER):
        for text in ("terrakube plan", f"terrakube ok-to-plan {head}"):
            await stage.say(pull_request, text, author=who)
    await stage.quiet()

    assert len(stage.jobs()) == 1
    _, *answers = stage.comments(pull_request)
    assert len(answers) == 2, "one of them an hour"
    assert all("this needs write permission" in answer for answer in answers)
    refused = [row for row in await stage.rows(audit) if row["result"] == "refused"]
    assert [(row["actor"], row["action"]) for row in refused] == [
        (who, action) for who in (READER, STRANGER) for action in ("plan.requested", "fork.allowed")
    ]


async def test_a_permission_the_forge_does_not_tell_is_a_no(stage: Stage) -> None:
    pull_request = await stage.propose("network")
    await stage.quiet()
    stage.forge.faults.fail(match=r"GET .*/(permission|collaborators)", times=9)
    await stage.say(pull_request, "terrakube plan")
    await stage.quiet()
    assert len(stage.jobs()) == 1
    assert "the answer is no" in stage.comments(pull_request)[1]


async def test_programs_and_the_bridge_itself_are_not_listened_to(github: Stage) -> None:
    stage = github
    bot = stage.forge.account("helper[bot]", kind=Kind.BOT)
    stage.forge.world.give_access(stage.forge.world.repository(SLUG), bot.login, Access.WRITE)
    pull_request = await stage.propose("network")
    await stage.quiet()
    for author in (bot.login, BRIDGE):
        await stage.say(pull_request, "terrakube plan", author=author)
    await stage.quiet()
    assert len(stage.jobs()) == 1
    assert len(stage.all_comments(pull_request)) == 3, "nobody was answered"


async def test_an_edited_comment_commands_nothing(stage: Stage) -> None:
    pull_request = await stage.propose("network")
    harmless = await stage.say(pull_request, "Looks good.", author=READER)
    await stage.quiet()
    writer = stage.forge.account(WRITER)
    await edit_comment(stage.forge.world, harmless, "terrakube plan", actor=writer)
    await stage.quiet()
    assert len(stage.jobs()) == 1


async def test_no_secret_gets_out(github: Stage) -> None:
    """Everything secret stands in the plan, the error and the names of things."""
    stage = github
    encoded = base64.b64encode(KEY.encode()).decode()
    token = stage.forge.token(BRIDGE)
    shapes = ("AKIAIOSFODNN7EXAMPLE", "ghp_" + "a1B2" * 9, "hvs." + "CAESIJ" * 6)
    leaked = (KEY, INSTANCE_SECRET, stage.server.token, token, encoded, SENSITIVE, *shapes)
    stage.canaries |= {encoded, SENSITIVE, *shapes}
    row = make_row("secret", "create", SENSITIVE) | {"afterSensitive": {"input": True}}
    rows = [row, *(make_row(f"leak_{at}", "create", one) for at, one in enumerate(leaked))]
    stage.server.plan_for(stage.workspace("network"), plan_of(rows))
    stage.server.plan_for(stage.workspace("app"), Plan(error=" ".join(leaked[:5] + shapes)))
    pull_request = await stage.propose("network", "app", title=f"Use {KEY}")
    await stage.say(pull_request, f"terrakube plan -w {INSTANCE_SECRET}")
    await stage.quiet()

    assert "[redacted]" in "".join(stage.comments(pull_request))
    async with httpx.AsyncClient() as client:
        for path in ("/", "/healthz", "/readyz", f"/webhooks/{stage.name}"):
            answer = await client.get(f"{stage.url()}{path}")
            assert not any(secret in answer.text for secret in leaked)

    def everything(connection: Connection) -> list[str]:
        found: list[str] = []
        for table in metadata.sorted_tables:
            if table.name == "delivery_body":
                continue  # as received: the forge knows it anyway
            for stored in connection.execute(select(table)).mappings():
                body = zlib.decompress(stored["body"]).decode() if table.name == "output" else ""
                found.append(f"{table.name}: {dict(stored)} {body}")
        return found

    texts = await stage.bridge.database.read(everything)
    assert len(texts) > 20
    kept = [text[:40] for text in texts for secret in leaked if secret in text]
    assert kept == []
