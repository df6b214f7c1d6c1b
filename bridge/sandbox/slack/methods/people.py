"""``users.*``, ``usergroups.*``, ``team.info``, ``auth.test``: who is who."""

from collections.abc import Mapping

from bridge.sandbox.slack.calls import Call, Method, one_page
from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.documents import team_document, user_document, usergroup_document
from bridge.sandbox.slack.refusals import No, Refusal
from bridge.sandbox.slack.world import DOMAIN


def info(call: Call) -> Json:
    """Show somebody."""
    user = call.world.user(call.arguments.text("user"))
    return {"user": user_document(call.world, user, with_email=_emails(call))}


def list_(call: Call) -> Json:
    """Show everybody of the workspace."""
    rows = [
        user_document(call.world, one, with_email=_emails(call))
        for one in call.world.users.values()
        if one.team == call.world.team
    ]
    return one_page(call, rows, "members")


def lookup_by_email(call: Call) -> Json:
    """Show who has an address."""
    email = call.arguments.text("email").lower()
    for one in call.world.users.values():
        if one.email.lower() == email and not one.deleted:
            return {"user": user_document(call.world, one, with_email=True)}
    raise Refusal(No.USERS_NOT_FOUND)


def list_groups(call: Call) -> Json:
    """Show the user groups."""
    with_users = call.arguments.flag("include_users")
    with_disabled = call.arguments.flag("include_disabled")
    rows = [
        usergroup_document(call.world, one, with_users=with_users)
        for one in call.world.usergroups.values()
        if with_disabled or not one.disabled
    ]
    return {"usergroups": rows}


def list_members(call: Call) -> Json:
    """Show who is in a user group."""
    group = call.world.usergroups.get(call.arguments.text("usergroup"))
    if group is None or (group.disabled and not call.arguments.flag("include_disabled")):
        raise Refusal(No.NO_SUCH_SUBTEAM)
    return {"users": list(group.members)}


def show_team(call: Call) -> Json:
    """Show the workspace."""
    return {"team": {**team_document(call.world), "name": DOMAIN.title()}}


def test_token(call: Call) -> Json:
    """Say whose the token is."""
    world = call.world
    return {
        "url": f"https://{DOMAIN}.slack.com/",
        "team": DOMAIN.title(),
        "user": world.bot.name,
        "team_id": world.team,
        "user_id": world.bot.id,
        "bot_id": world.bot_id,
        "is_enterprise_install": False,
    }


def _emails(call: Call) -> bool:
    return "users:read.email" in call.scopes


METHODS: Mapping[str, Method] = {
    "users.info": Method(
        handler=info,
        tier="tier4",
        needed=("user",),
        more=("include_locale",),
        scope="users:read",
    ),
    "users.list": Method(
        handler=list_,
        tier="tier2",
        more=("cursor", "limit", "include_locale"),
        scope="users:read",
    ),
    "users.lookupByEmail": Method(
        handler=lookup_by_email, tier="tier3", needed=("email",), scope="users:read.email"
    ),
    "usergroups.list": Method(
        handler=list_groups,
        tier="tier2",
        more=("include_users", "include_disabled", "include_count"),
        scope="usergroups:read",
    ),
    "usergroups.users.list": Method(
        handler=list_members,
        tier="tier2",
        needed=("usergroup",),
        more=("include_disabled",),
        scope="usergroups:read",
    ),
    "team.info": Method(handler=show_team, tier="tier3", more=("team",), scope="team:read"),
    "auth.test": Method(handler=test_token, tier="special"),
}
