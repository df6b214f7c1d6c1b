"""Who is who: users, groups and channels."""

import pytest

from tests.bridge.sandbox.slack.apps import Place, settled


async def test_people_are_shown_with_what_makes_them_no_members(place: Place) -> None:
    slack, client = place.slack, place.client
    guest = slack.add_user("guest", is_ultra_restricted=True)
    stranger = slack.add_user("stranger", team="T0OTHER")
    gone = slack.add_user("gone")
    gone.deleted = True
    shown = {
        user.name: (await client.users_info(user=user.id))["user"]
        for user in (place.alice, guest, stranger, gone, slack.bot)
    }
    flags = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger")
    assert {name: [flag for flag in flags if user.get(flag)] for name, user in shown.items()} == {
        "alice": [],
        "guest": ["is_ultra_restricted"],
        "stranger": ["is_stranger"],
        "gone": ["deleted"],
        "terrakube": ["is_bot"],
    }
    assert shown["stranger"]["team_id"] == "T0OTHER"
    assert await place.error("users.info", user="U0") == "user_not_found"
    slack.assert_no_surprises()


async def test_addresses_need_a_scope() -> None:
    async with settled(scopes=frozenset({"users:read"})) as place:
        shown = await place.client.users_info(user=place.alice.id)
        assert "email" not in shown["user"]["profile"]
        assert await place.error("users.lookupByEmail", email="alice@example.com")
    async with settled() as place:
        found = await place.client.users_lookupByEmail(email="Alice@example.com")
        assert found["user"]["profile"]["email"] == "alice@example.com"
        assert await place.error("users.lookupByEmail", email="x@y") == "users_not_found"


async def test_groups_have_members(place: Place) -> None:
    group = place.group
    old = place.slack.add_usergroup("old", place.bob)
    old.disabled = True
    listed = await place.client.usergroups_list(include_users=True)
    assert [(one["handle"], one["users"]) for one in listed["usergroups"]] == [
        ("platform", [place.alice.id])
    ]
    members = await place.client.usergroups_users_list(usergroup=group.id)
    assert members["users"] == [place.alice.id]
    assert await place.error("usergroups.users.list", usergroup=old.id) == "no_such_subteam"


async def test_lists_come_in_pages(place: Place) -> None:
    place.slack.add_user("stranger", team="T0OTHER")
    names, cursor = [], ""
    while True:
        page = await place.client.users_list(limit=2, cursor=cursor)
        names += [one["name"] for one in page["members"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert names == ["terrakube", "alice", "bob"]
    assert len(place.slack.calls("users.list")) == 2
    assert await place.error("users.list", cursor="mine") == "invalid_cursor"


async def test_channels_are_listed_looked_at_and_joined(place: Place) -> None:
    slack, client = place.slack, place.client
    foreign = slack.add_channel("random", place.alice, with_bot=False)
    secret = slack.add_channel("secret", place.alice, private=True, with_bot=False)
    private = slack.add_channel("private", place.alice, private=True)
    listed = await client.conversations_list(types="public_channel,private_channel")
    assert [(one["name"], one["is_member"], one["is_private"]) for one in listed["channels"]] == [
        ("ops", True, False),
        ("random", False, False),
        ("private", True, True),
    ]
    assert (await client.conversations_join(channel=foreign.id))["channel"]["is_member"]
    members = await client.conversations_members(channel=foreign.id)
    assert members["members"] == [place.alice.id, slack.bot.id]
    assert await place.error("conversations.info", channel=secret.id) == "channel_not_found"
    foreign.archived = True
    shown = await client.conversations_info(channel=foreign.id, include_num_members=True)
    assert (shown["channel"]["is_archived"], shown["channel"]["num_members"]) == (True, 2)
    slack.assert_no_surprises()
    wrong = "method_not_supported_for_channel_type"
    assert await place.error("conversations.join", channel=private.id) == wrong
    assert await place.error("conversations.join", channel=foreign.id) == "is_archived"
    assert (await client.team_info())["team"]["domain"] == "acme"


@pytest.mark.parametrize(
    ("flag", "error"), [("is_bot", "cannot_dm_bot"), ("deleted", "user_disabled")]
)
async def test_nobody_talks_to_a_bot_or_somebody_gone(place: Place, flag: str, error: str) -> None:
    setattr(place.bob, flag, True)
    assert await place.error("conversations.open", users=place.bob.id) == error
