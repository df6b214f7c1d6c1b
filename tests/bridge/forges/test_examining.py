"""How the bridge stands with a forge, asked without changing anything."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.domain.examining import Credentials, Wants
from bridge.domain.vcs import Permission
from bridge.ports import ExaminedForge, InstalledHook
from bridge.sandbox.forge import Access
from tests.bridge.forges.living import APP, INFRA, Live, living

URL = "http://127.0.0.1:9/webhooks/code"


def examined(live: Live) -> ExaminedForge:
    return live.forge


async def test_the_credential_is_told_and_only_read(live: Live) -> None:
    forge, where = examined(live), live.repository
    before = len(live.world.requests)
    seen = await forge.credentials(Wants())
    assert (seen.login, seen.problems, seen.expires_at) == (live.login, (), None)
    assert await forge.lacking_rights(where) == []
    await forge.own_permission(where)
    await forge.budget(where)
    methods = {f"{one.method} {one.template}" for one in live.world.requests[before:]}
    mints = "POST /app/installations/{id:int}/access_tokens"
    assert {one for one in methods if not one.startswith("GET ")} <= {mints}


async def test_a_classic_token_tells_its_scopes_and_its_end(live_github: Live) -> None:
    (token,) = [one for one in live_github.world.world.tokens.values() if one.installation is None]
    token.scopes = frozenset({"read:org", "repo"})
    token.expires_at = datetime(2126, 11, 25, 12, tzinfo=UTC)
    assert await examined(live_github).credentials(Wants()) == Credentials(
        login="bridge",
        kind="classic token",
        rights=("read:org", "repo"),
        expires_at=datetime(2126, 11, 25, 12, tzinfo=UTC),
    )


async def test_a_classic_token_without_its_scope_is_a_problem(live_github: Live) -> None:
    for token in live_github.world.world.tokens.values():
        token.scopes = frozenset({"gist"})
    problem = "the token lacks the scope repo, without which it can neither read nor write"
    assert (await examined(live_github).credentials(Wants())).problems == (problem,)


async def test_an_app_is_held_to_its_permissions(tmp_path: Path) -> None:
    async with living(tmp_path, APP) as live:
        app = live.world.world.app
        assert app
        app.permissions = {"contents": "read", "issues": "read", "statuses": "write"}
        seen = await examined(live).credentials(Wants())
    assert (seen.login, seen.kind) == ("terrakube-bridge[bot]", "GitHub App")
    assert seen.rights == ("contents: read", "issues: read", "statuses: write")
    lacks = "the App lacks the permission"
    assert seen.problems == (
        f"{lacks} issues: write, without which it cannot comment",
        f"{lacks} pull_requests: write, without which it cannot read and comment pull requests",
    )


async def test_an_app_needs_more_for_more(tmp_path: Path) -> None:
    wants = Wants(checks=True, merges=True, teams=("acme/platform",))
    async with living(tmp_path, APP) as live:
        app = live.world.world.app
        assert app
        del app.permissions["checks"]
        seen = await examined(live).credentials(wants)
        app.permissions |= {"checks": "read", "contents": "write", "members": "read"}
        assert (await examined(live).credentials(wants)).problems == ()
    lacks = "the App lacks the permission"
    assert seen.problems == (
        f"{lacks} contents: write, without which it cannot merge",
        f"{lacks} checks: read, without which it cannot read the checks that are required to merge",
        f"{lacks} members: read, without which it cannot see who is in the teams that access names",
    )


async def test_a_classic_token_needs_a_scope_for_teams(live_github: Live) -> None:
    wants = Wants(teams=("acme/platform",))
    (token,) = [one for one in live_github.world.world.tokens.values() if one.installation is None]
    token.scopes = frozenset({"repo"})
    (problem,) = (await examined(live_github).credentials(wants)).problems
    assert problem == (
        "the token lacks the scope read:org, without which it cannot see who is in the teams that "
        "access names"
    )
    token.scopes = frozenset({"repo", "admin:org"})
    assert (await examined(live_github).credentials(wants)).problems == ()


async def test_an_app_has_a_hook_of_its_own(tmp_path: Path) -> None:
    async with living(tmp_path, APP) as live:
        forge, app = examined(live), live.world.world.app
        assert app
        without = await forge.own_hook()
        hook = live.world.add_hook(INFRA, URL, secret="s", events=["issue_comment", "push"])
        live.world.world.repository(INFRA).hooks.clear()
        app.hook = hook
        seen = await forge.own_hook()
        assert seen
        deliveries = await forge.last_deliveries(seen, None)
    assert without
    assert without.url == ""
    assert (seen.url, seen.events) == (URL, ("issue_comment", "push"))
    assert seen.problems == ("it does not send pull_request",)
    assert deliveries == []


async def test_a_repositorys_hook_tells_its_last_deliveries(live_github: Live) -> None:
    forge, where = examined(live_github), live_github.repository
    await live_github.forge.install_hook(where, URL, "s")
    await live_github.world.settled()
    (hook,) = await forge.hooks(where)
    listed = await forge.last_deliveries(hook, where) or ()
    assert [(one.status, one.succeeded) for one in listed] == [(502, False)]
    assert await forge.own_hook() is None


async def test_gitea_and_forgejo_tell_of_no_deliveries(live_forgejo: Live) -> None:
    forge, where = examined(live_forgejo), live_forgejo.repository
    hook = InstalledHook(id="1", url=URL, active=True, events=())
    assert await forge.last_deliveries(hook, where) is None
    assert (await forge.own_hook(), await forge.budget(where)) == (None, None)
    assert (await forge.credentials(Wants())).needs is Permission.ADMIN


@pytest.mark.parametrize(
    ("access", "permission"),
    [
        (Access.READ, Permission.READ),
        (Access.WRITE, Permission.WRITE),
        (Access.ADMIN, Permission.ADMIN),
    ],
)
async def test_a_repository_says_what_one_may_do_oneself(
    live: Live, access: Access, permission: Permission
) -> None:
    repository = live.world.world.repository(INFRA)
    live.world.world.give_access(repository, "bridge", access)
    own = await examined(live).own_permission(live.repository)
    assert own is (None if live.credential is APP else permission)


async def test_a_missing_scope_shows_where_something_is_tried(live_forgejo: Live) -> None:
    for token in live_forgejo.world.world.tokens.values():
        token.scopes = frozenset({"write:repository", "read:user"})
    (refused,) = await examined(live_forgejo).lacking_rights(live_forgejo.repository)
    assert "[read:issue]" in refused


async def test_what_is_left_is_asked_for(live_github: Live) -> None:
    budget = await examined(live_github).budget(live_github.repository)
    assert budget
    assert (budget.limit, budget.remaining) == (5000, 5000)
    assert budget.resets_at - datetime.now(UTC) > timedelta(minutes=59)


async def test_a_server_without_limits_has_no_budget(live_github: Live) -> None:
    live_github.world.faults.fail(match="GET /rate_limit", status=404)
    assert await examined(live_github).budget(live_github.repository) is None
