"""What tests and the demo do with a stand-in: fill it, use it as people do, look into it."""

from dataclasses import dataclass

from bridge.sandbox.slack.acting import Acting
from bridge.sandbox.slack.delivering import Delivery
from bridge.sandbox.slack.delivering import Kind as Told
from bridge.sandbox.slack.faults import Faults
from bridge.sandbox.slack.gate import Record
from bridge.sandbox.slack.model import Channel, Kind, Message, User, Usergroup, View
from bridge.sandbox.slack.payloads import verification_payload
from bridge.sandbox.slack.shown import pings, show_channel, show_message
from bridge.sandbox.slack.sockets import Sockets


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn(Acting):
    """A running Slack with one workspace and one app.

    Attributes:
        url: Base of the Web API, as slack_sdk's ``base_url`` wants it.
        faults: Orders trouble.
        sockets: The connections of Socket Mode.
        signing_secret: What deliveries are signed with.
        bot_token: ``xoxb-...``; *app_token* is ``xapp-...``.
    """

    url: str
    faults: Faults
    sockets: Sockets
    signing_secret: str
    bot_token: str
    app_token: str

    @property
    def bot(self) -> User:
        """The app's user."""
        return self.world.bot

    @property
    def requests(self) -> list[Record]:
        """Every call of the Web API, in the order they were answered."""
        return self.gate.requests

    @property
    def surprises(self) -> list[str]:
        """What no careful client would have sent."""
        return self.gate.surprises

    @property
    def hasty(self) -> list[str]:
        """Methods that were called although the caller had been told to wait."""
        return self.gate.counters.hasty

    def assert_no_surprises(self) -> None:
        """Raise AssertionError when something came that no careful client sends."""
        if self.surprises:
            raise AssertionError("; ".join(self.surprises))

    def calls(self, method: str) -> list[Record]:
        """List the calls of a method."""
        return [one for one in self.requests if one.method == method]

    def busiest_minute(self, method: str) -> int:
        """Count the most calls of a method in any sixty seconds, whatever was answered."""
        times = [one.at for one in self.calls(method)]
        return max((sum(at <= one < at + 60 for one in times) for at in times), default=0)

    def deliver_to(self, url: str) -> None:
        """Deliver to this address from now on; empty for Socket Mode."""
        self.office.url = url

    def add_user(
        self,
        name: str,
        *,
        team: str = "",
        is_bot: bool = False,
        is_restricted: bool = False,
        is_ultra_restricted: bool = False,
    ) -> User:
        """Let somebody in; *team* is another workspace's id for people of a shared channel."""
        return self.world.add_user(
            name,
            team=team,
            is_bot=is_bot,
            is_restricted=is_restricted,
            is_ultra_restricted=is_ultra_restricted,
        )

    def add_channel(
        self, name: str, *members: User, private: bool = False, with_bot: bool = True
    ) -> Channel:
        """Make a channel of some people, and the app unless it is not to be there."""
        kind = Kind.PRIVATE if private else Kind.PUBLIC
        made = self.world.add_channel(name, kind, [*members, *([self.bot] if with_bot else [])])
        made.shared = any(one.team != self.world.team for one in members)
        return made

    def add_usergroup(self, handle: str, *members: User) -> Usergroup:
        """Make a group of people."""
        ids = [one.id for one in members]
        made = Usergroup(id=self.world.next_id("S"), handle=handle, members=ids)
        self.world.usergroups[made.id] = made
        return made

    def messages(self, channel: Channel) -> list[Message]:
        """List what is in a channel and its threads, the oldest first."""
        return [one for one in channel.messages.values() if not one.gone]

    def whispers(self, user: User, channel: Channel) -> list[Message]:
        """List what only one person sees in a channel, the oldest first."""
        seen = channel.ephemerals.values()
        return [one for one in seen if one.audience == user.id and not one.gone]

    def open_view(self, user: User) -> View | None:
        """Find the modal somebody sees: the top one; None when there is none."""
        seen = [one for one in self.world.views.values() if one.is_open and one.user == user.id]
        modals = [one for one in seen if one is not self.world.homes.get(user.id)]
        return modals[-1] if modals else None

    def show(self, message: Message) -> str:
        """Show a message as text."""
        return show_message(self.world, message)

    def show_channel(self, channel: Channel, *, to: User | None = None) -> str:
        """Show a channel with its threads as text, and what only *to* sees."""
        return show_channel(self.world, channel, to=to.id if to else "")

    def pings(self, message: Message) -> list[str]:
        """List whom a message calls: ``@U...``, ``!channel``, ``!subteam^S...``."""
        return pings(message)

    async def verify_url(self) -> bool:
        """Ask the address whether it is the app's, as Slack does when it is set."""
        payload = verification_payload(self.world)
        told = await self.office.deliver(Told.EVENT, payload)
        challenge = payload["challenge"]
        is_it: bool = told.answer in (challenge, {"challenge": challenge})
        return told.acked and is_it

    async def check_ssl(self) -> Delivery:
        """Look whether the address answers, as Slack does now and then; signed."""
        return await self.office.deliver(Told.COMMAND, {"ssl_check": "1", "token": "legacy"})

    async def replay(self, delivery: Delivery) -> Delivery:
        """Send the bytes of a delivery again, signature and all, as an attacker would."""
        return await self.office.post(delivery)

    async def retell(self, delivery: Delivery) -> Delivery:
        """Tell an event again, as if Slack had not heard the acknowledgement."""
        number = delivery.attempt + 1
        reason = "http_timeout"
        return await self.office.deliver(
            Told.EVENT, delivery.payload, attempt=number, reason=reason
        )

    async def settled(self) -> None:
        """Wait until no event is to be told again."""
        await self.office.settled()
