"""What a stand-in for Slack holds at the start, as a seed file says it."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.standin import StandIn


class _Seed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PersonSeed(_Seed):
    """Somebody; *team* is another workspace's id for people of shared channels.

    *name* is what they are mentioned by, *real_name* what people read.
    """

    name: str
    real_name: str = ""
    team: str = ""
    guest: Literal["no", "single_channel", "multi_channel"] = "no"
    bot: bool = False
    deleted: bool = False


class ChannelSeed(_Seed):
    """A channel; *members* are names, None for everybody of the workspace."""

    name: str
    members: Sequence[str] | None = None
    private: bool = False
    with_bot: bool = True


class SlackSeed(_Seed):
    """A workspace of Slack with one app.

    *mode* says how the app is told: ``http`` at *url*, or ``socket``. *groups* are names of people
    by handle. *scopes* and *events* are what the app was installed with; None for all there are.
    """

    mode: Literal["http", "socket"] = "socket"
    url: str = ""
    team: str = Field(default="T00000001", pattern=r"^T[A-Z0-9]+$")
    signing_secret: str = Field(default="8f742231b10e8888abcd99yyyzzz85a5", min_length=1)
    bot_token: str = Field(default="xoxb-sandbox", pattern=r"^xoxb-")
    app_token: str = Field(default="xapp-sandbox", pattern=r"^xapp-")
    scopes: Sequence[str] | None = None
    events: Sequence[str] | None = None
    people: Sequence[PersonSeed] = ()
    groups: Mapping[str, Sequence[str]] = Field(default_factory=dict)
    channels: Sequence[ChannelSeed] = ()

    @model_validator(mode="after")
    def _agrees(self) -> "SlackSeed":
        known = {one.name for one in self.people}
        named = {name for names in self.groups.values() for name in names}
        named |= {name for one in self.channels for name in one.members or ()}
        if (self.mode == "http") is not bool(self.url):
            msg = "mode http needs a url, and socket has none"
            raise ValueError(msg)
        if strangers := sorted(named - known):
            msg = f"nobody is called {', '.join(strangers)}"
            raise ValueError(msg)
        return self


def sow_slack(seed: SlackSeed, slack: StandIn) -> Json:
    """Fill the workspace; ids of people, groups and channels by their names."""
    people = {}
    for one in seed.people:
        made = people[one.name] = slack.add_user(
            one.name,
            team=one.team,
            is_bot=one.bot,
            is_restricted=one.guest != "no",
            is_ultra_restricted=one.guest == "single_channel",
        )
        made.deleted = one.deleted
        made.real_name = one.real_name or made.real_name
    own = [one.name for one in seed.people if not one.team and not one.deleted]
    groups = {
        handle: slack.add_usergroup(handle, *(people[name] for name in names))
        for handle, names in seed.groups.items()
    }
    channels = {
        one.name: slack.add_channel(
            one.name,
            *(people[name] for name in (own if one.members is None else one.members)),
            private=one.private,
            with_bot=one.with_bot,
        )
        for one in seed.channels
    }
    return {
        "people": {name: one.id for name, one in people.items()},
        "groups": {name: one.id for name, one in groups.items()},
        "channels": {name: one.id for name, one in channels.items()},
    }
