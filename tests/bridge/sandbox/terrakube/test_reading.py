"""Lists, tokens and descriptions beyond what single recordings show."""

from pathlib import Path

from bridge.sandbox.terrakube import Status, start
from bridge.sandbox.terrakube.model import Workspace
from tests.bridge.sandbox.terrakube import seeds
from tests.bridge.sandbox.terrakube.client import Client, speaking


async def test_unpaged_lists_are_cut_at_500_without_a_sign(
    client: Client, workspace: Workspace
) -> None:
    for _ in range(621):
        client.stand_in.add_job(workspace, status=Status.COMPLETED)
    path = f"/api/v1/organization/{workspace.organization.id}/job?fields[job]=status"
    cut = await client.get(path)
    shortened = seeds.answer("search/unpaged_list_cut_at_500")
    assert (cut.keys(), cut["data"][0].keys()) == (shortened.keys(), shortened["data"][0].keys())
    assert len(cut["data"]) == 500
    newest = await client.get(f"{path}&sort=-id")
    assert [int(row["id"]) for row in newest["data"]] == list(range(621, 121, -1))
    ids = ",".join(str(number) for number in range(1, 622))
    assert len((await client.get(f"{path}&filter[job]=id=in=({ids})"))["data"]) == 500


async def test_a_walk_by_id_finds_every_row(client: Client, workspace: Workspace) -> None:
    for _ in range(621):
        client.stand_in.add_job(workspace, status=Status.COMPLETED)
    path = f"/api/v1/organization/{workspace.organization.id}/job?fields[job]=status&sort=id"
    sizes: list[int] = []
    last = 0
    while not sizes or sizes[-1] == 500:
        rows = (await client.get(f"{path}&filter[job]=id=gt={last}"))["data"]
        sizes.append(len(rows))
        last = int(rows[-1]["id"])
    assert (sizes, last) == ([500, 121], 621)


async def test_linkage_and_includes_are_not_cut(client: Client, workspace: Workspace) -> None:
    for _ in range(620):
        client.stand_in.add_job(workspace, status=Status.COMPLETED)
    body = await client.get(f"/api/v1/workspace/{workspace.id}?include=job")
    assert len(body["data"]["relationships"]["job"]["data"]) == 620
    assert len(body["included"]) == 620


async def test_the_description_tells_the_versions_apart(tmp_path: Path) -> None:
    seen = {}
    for version in ("beta", "stable"):
        async with start(tmp_path, version=version, executor="instant") as stand_in:
            async with speaking(stand_in) as client:
                status, body = await client.call("GET", "/doc", Accept="*/*")
                anonymous = await client.call("GET", "/doc", Authorization="")
        text = str(body)
        names = ("targetAddrs", "notification_configuration", "prNumber")
        seen[version] = (status, anonymous[0], [name in text for name in names])
    assert seen == {"beta": (200, 401, [True] * 3), "stable": (200, 401, [False] * 3)}


async def test_a_personal_token_works_until_it_is_deleted(
    client: Client, workspace: Workspace
) -> None:
    asked = {"days": 30, "description": "bridge"}
    kind = {"Accept": "application/json", "Content-Type": "application/json"}
    _, made = await client.call("POST", "/pat/v1", asked, **kind)
    own = Client(client.session, client.stand_in, made["token"])
    status, listed = await own.call("GET", "/pat/v1", Accept="application/json")
    assert (status, [row.keys() for row in listed]) == (
        202,
        [row.keys() for row in seeds.answer("admin/list_pat")],
    )
    path = f"/api/v1/workspace/{workspace.id}?fields[workspace]=name"
    assert (await own.call("GET", path))[0] == 200
    assert (await client.call("DELETE", f"/pat/v1/{listed[0]['id']}"))[0] == 202
    assert (await own.call("GET", path))[0] == 401


async def test_a_team_token_has_the_team_alone(client: Client, workspace: Workspace) -> None:
    kind = {"Accept": "application/json", "Content-Type": "application/json"}
    asked = {"group": "DEVELOPERS", "description": "bridge", "days": 1, "hours": 0, "minutes": 0}
    _, made = await client.call("POST", "/access-token/v1/teams", asked, **kind)
    own = Client(client.session, client.stand_in, made["token"])
    path = f"/access-token/v1/teams/permissions/organization/{workspace.organization.id}"
    _, flags = await own.call("GET", path)
    assert flags == seeds.answer("admin/permissions_write_role")


async def test_a_token_is_taken_for_a_minute_after_it_expired(
    client: Client, workspace: Workspace
) -> None:
    now = int(client.stand_in.clock().timestamp())
    statuses = {}
    for seconds in (20, 70):
        token = client.stand_in.mint("bridge@example.com", "DEVELOPERS", exp=now - seconds)
        late = Client(client.session, client.stand_in, token)
        statuses[seconds] = (await late.call("GET", "/api/v1/workspace"))[0]
    assert statuses == {20: 200, 70: 401}


async def test_a_native_webhook_shows_in_the_linkage(client: Client, workspace: Workspace) -> None:
    hooked = client.stand_in.add_workspace(
        workspace.organization, "hooked", workspace.source, webhook=True
    )
    path = "?include=webhook&fields[workspace]=name,webhook"
    without = await client.get(f"/api/v1/workspace/{workspace.id}{path}")
    with_one = await client.get(f"/api/v1/workspace/{hooked.id}{path}")
    assert without["data"]["relationships"] == {"webhook": {"data": None}}
    assert with_one["data"]["relationships"]["webhook"]["data"]["type"] == "webhook"
    assert with_one["included"] == [with_one["data"]["relationships"]["webhook"]["data"]]


async def test_failed_creates_consume_ids(client: Client, workspace: Workspace) -> None:
    long = {"type": "job", "attributes": {"comments": "c" * 513}}
    there = {"data": {"type": "workspace", "id": workspace.id}}
    path = f"/api/v1/organization/{workspace.organization.id}/job"
    first = client.stand_in.add_job(workspace, status=Status.COMPLETED)
    body = {"data": long | {"relationships": {"workspace": there}}}
    assert (await client.call("POST", path, body))[0] == 423
    assert client.stand_in.add_job(workspace, status=Status.COMPLETED).number == first.number + 2


async def test_a_double_slash_is_refused_and_a_trailing_one_is_not(
    client: Client, workspace: Workspace
) -> None:
    path = f"/api/v1/workspace/{workspace.id}"
    statuses = [(await client.call("GET", each))[0] for each in (f"{path}/", f"/{path}")]
    assert statuses == [200, 400]
