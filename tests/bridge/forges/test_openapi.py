"""The GitHub driver and the stand-in it is tested with agree with GitHub's own description."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from bridge.domain.errors import PermanentRemoteError
from bridge.domain.vcs import CommitStatus, MergeMethod, StatusState
from bridge.sandbox.forge.records import Record
from tests.bridge.forges.living import APP, INFRA, TOKEN, Credential, Live, living
from tests.bridge.forges.openapi import DESCRIPTION, description

pytestmark = pytest.mark.skipif(
    not DESCRIPTION.exists(), reason="../shared is absent: GitHub's description of its API"
)

# The driver asks for lists of branches and checks, which the description at hand leaves out, and
# GraphQL, which is described elsewhere.
NOT_DESCRIBED = {
    "GET /repos/{owner}/{repo}/branches",
    "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
    "POST graphql",
}
NOT_DESCRIBED_OF_APPS = {"GET /orgs/{org}/installation"}


async def ask_everything(live: Live) -> None:
    """Call every method of the port that reaches the forge."""
    forge, where = live.forge, live.repository.ref
    ref = await live.open({"network/main.tf": "x\n", "dns/main.tf": None, "dns/é.tf": "b\n"})
    known = live.world.world.pull_request(INFRA, 1)
    base = known.base_sha
    await forge.whoami()
    await forge.pull_request(ref)
    await forge.open_pull_requests(where)
    await forge.branches(where)
    await forge.branch(where, "main")
    await forge.branch(where, "gone")
    await forge.changed_files(ref)
    await forge.compared_files(where, base, known.head_sha)
    await forge.compared_files(where, known.head_sha, base)
    await forge.compared_files(where, base, "a" * 40)
    await forge.is_ancestor(where, base, known.head_sha)
    await live.world.tag(INFRA, "v1", base)
    await live.world.tag(INFRA, "v2", base, annotated=True)
    for tag in ("v1", "v2", "v3"):
        await forge.tag_commit(where, tag)
    for login in ("alice", "ghost"):
        await forge.permission(where, login)
    number = await forge.create_comment(ref, "plan")
    await forge.comment(where, number)
    await forge.edit_comment(where, number, "plan again")
    await forge.own_comments(ref)
    for _ in range(2):
        await forge.react(where, number, "eyes")
    await forge.delete_comment(where, number)
    status = CommitStatus(context="terrakube/plan", state=StatusState.PENDING, description="x")
    await forge.set_status(where, known.head_sha, status)
    await forge.set_status(where, known.head_sha, replace(status, target_url="https://x.example"))
    for _ in range(2):
        await forge.install_hook(live.repository, "http://127.0.0.1:9/webhooks/code", "s")
    await live.world.settled()
    await forge.hooks(live.repository)
    for failed in await forge.failed_deliveries(datetime(2020, 1, 1, tzinfo=UTC), [where]) or []:
        await forge.redeliver(failed)
    await ask_about_rules(live)
    now = await forge.pull_request(ref)
    merged = await forge.merge(now, method=MergeMethod.SQUASH, sha=now.head_sha)
    await forge.pull_requests_of_commit(where, merged)
    await forge.pull_request(ref)


async def ask_about_rules(live: Live) -> None:
    for token in live.world.world.tokens.values():
        if token.permissions is not None:
            token.permissions |= {"checks": "read", "contents": "write", "members": "read"}
    live.world.add_team("acme", "platform", ["alice"], invited=["bob"])
    for login in ("alice", "bob", "root"):
        await live.forge.in_team(login, "acme/platform")
    pull_request = await live.forge.pull_request(live.ref())
    for ruleset in (True, False):
        live.world.protect(
            INFRA, "main", required_approvals=1, required_statuses=["ci"], ruleset=ruleset
        )
        await live.world.approve(INFRA, 1, by="bob")
        await live.forge.reviews(pull_request)
        await live.forge.mergeability(pull_request, ignoring=())
    with pytest.raises(PermanentRemoteError):
        await live.forge.merge(pull_request, method=MergeMethod.MERGE, sha=pull_request.head_sha)
    live.world.add_check(INFRA, pull_request.head_sha, "ci", conclusion="success")
    await live.forge.statuses(live.repository.ref, pull_request.head_sha)
    live.world.protect(INFRA, "main")
    with pytest.raises(PermanentRemoteError):
        await live.forge.merge(pull_request, method=MergeMethod.MERGE, sha="a" * 40)


async def ask_as_people_do(live: Live) -> None:
    """Let a program use the calls that the driver has no need of."""
    session = live.world.token("root")
    async with aiohttp.ClientSession(
        live.world.url + "/", headers={"Authorization": f"Bearer {session}"}
    ) as client:
        for path in (
            "rate_limit",
            f"repos/{INFRA}/contents/README.md?ref=main",
            f"repos/{INFRA}/commits/main/status",
            f"repos/{INFRA}/commits/main/statuses?per_page=5",
            f"repos/{INFRA}/pulls/1/reviews",
        ):
            async with client.get(path) as answer:
                assert answer.status == 200, path


@pytest.mark.parametrize("credential", [TOKEN, APP], ids=lambda one: one.name)
async def test_requests_and_answers_are_as_github_describes_them(
    credential: Credential, tmp_path: Path
) -> None:
    async with living(tmp_path, credential) as live:
        await ask_everything(live)
        await ask_as_people_do(live)
        records = list(live.world.requests)
    complaints = [text for record in records for text in description().complaints(record)]
    assert complaints == []
    asked = {f"{record.method} {record.template}" for record in records}
    undescribed = {
        f"{record.method} {record.template}"
        for record in records
        if description().operation(record) is None
    }
    assert undescribed - NOT_DESCRIBED_OF_APPS == NOT_DESCRIBED
    assert len(asked) >= 25


def record_of(method: str, template: str, **more: object) -> Record:
    values: dict[str, object] = {
        "query": {},
        "headers": {},
        "account": "",
        "sent": b"",
        "status": 200,
        "answer": b"",
        "content": False,
        "at": 0.0,
        **more,
    }
    return Record(method=method, path=template, template=template, **values)  # type: ignore[arg-type]  # a table's row


STATUSES = "/repos/{owner}/{repo}/statuses/{sha}"
PULLS = "/repos/{owner}/{repo}/pulls"
WRONG = [
    (record_of("POST", STATUSES, sent=b'{"state": "okay"}', status=201, answer=b"{}"), "okay"),
    (record_of("POST", STATUSES, sent=b"{}", status=201, answer=b"{}"), "state"),
    (record_of("GET", PULLS, query={"limit": "5"}, answer=b"[]"), "no parameter limit"),
    (record_of("GET", PULLS, query={"per_page": "x"}, answer=b"[]"), "per_page=x is no number"),
    (record_of("GET", PULLS, query={"state": "merged"}, answer=b"[]"), "state=merged is none of"),
    (record_of("GET", PULLS, answer=b'[{"number": 1}]'), "is a required property"),
    (record_of("GET", PULLS, status=418), "is not described to answer 418"),
]


@pytest.mark.parametrize(("record", "said"), WRONG)
def test_what_github_does_not_describe_is_found(record: Record, said: str) -> None:
    assert any(said in text for text in description().complaints(record))


async def test_what_may_be_null_may_be_null_and_nothing_else(tmp_path: Path) -> None:
    async with living(tmp_path, TOKEN) as live:
        await live.open({"network/main.tf": "x\n"})
        await live.forge.pull_request(live.ref())
        record = live.world.requests[-1]
    assert list(description().complaints(record)) == []
    answer = json.loads(record.answer)
    assert answer["merged_at"] is None
    for name, value in (("title", None), ("merged_at", 5), ("head", None)):
        wrong = replace(record, answer=json.dumps({**answer, name: value}).encode())
        assert list(description().complaints(wrong)) != [], name
