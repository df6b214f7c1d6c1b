"""What people do in Slack, as tests and stories let them: type, press, send, mention."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.sandbox.slack.arguments import Arguments
from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.delivering import Delivery, PostOffice
from bridge.sandbox.slack.delivering import Kind as Told
from bridge.sandbox.slack.elements import SUGGESTIONS
from bridge.sandbox.slack.entering import check_filled, entered, find_element
from bridge.sandbox.slack.gate import Gate
from bridge.sandbox.slack.hooks import answer
from bridge.sandbox.slack.methods.views import check_view, push_view
from bridge.sandbox.slack.model import Channel, Hook, Kind, Message, User, Usergroup, View
from bridge.sandbox.slack.payloads import (
    action_payload,
    closing_payload,
    command_payload,
    escape_typed,
    event_payload,
    mention_event,
    submission_payload,
    suggestion_payload,
)
from bridge.sandbox.slack.refusals import Refusal
from bridge.sandbox.slack.surfaces import MODAL
from bridge.sandbox.slack.world import World

_SHORTEST_QUERY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """People at work.

    Attributes:
        world: Everything in the workspace.
        office: Tells the app (``office.deliveries``).
        events: The events the app wants to hear; None for all.
        complaints: What Slack itself told people, since the app did not react as it must.
    """

    world: World
    gate: Gate
    office: PostOffice
    events: frozenset[str] | None
    complaints: list[str] = field(default_factory=list)
    _suggested: dict[tuple[str, str], Sequence[Json]] = field(default_factory=dict)

    async def command(
        self, user: User, channel: Channel, text: str, *, command: str = "/terrakube"
    ) -> Delivery:
        """Let somebody use the slash command; *text* as it is typed."""
        self._check_there(user, channel)
        hook = self.world.add_hook(user, channel)
        typed = escape_typed(self.world, text, labels=True)
        payload = command_payload(self.world, user, channel, command, typed, hook)
        told = await self.office.deliver(Told.COMMAND, payload)
        if not told.acked:
            error = "operation_timeout" if told.status == 0 else "dispatch_failed"
            self.complaints.append(f"{command} failed with the error {error!r}")
        elif told.answer:
            self._show(hook, told.answer)
        return told

    async def press(
        self, user: User, where: Message | View, action_id: str, *, value: object = None
    ) -> Delivery:
        """Let somebody press a button, or choose something in a menu.

        Args:
            user: Who.
            where: The message or view, as it is now.
            action_id: Which element.
            value: Of a menu: the value of the option, or what is chosen.

        Raises:
            LookupError: The element is not there (any more), or that person does not see it.
        """
        self._check_sees(user, where)
        element = find_element(where, action_id)
        place = {"action_id": action_id, "block_id": element["block_id"]}
        if element["type"] == "button":
            shown: Json = {
                name: element[name] for name in ("text", "value", "style") if name in element
            }
            action: Json = {"type": "button", **place, **shown}
        else:
            state = entered(element, value, self._suggested.get((user.id, action_id), ()))
            if isinstance(where, View):
                where.state.setdefault(element["block_id"], {})[action_id] = state
            action = {**state, **place}
        payload = action_payload(self.world, user, action, where)
        return self._heard(await self.office.deliver(Told.INTERACTION, payload))

    async def suggest(
        self, user: User, where: Message | View, action_id: str, typed: str
    ) -> list[Json]:
        """Let somebody type into a menu whose options the app knows; what is offered.

        Raises:
            LookupError: There is no such menu, or too little was typed for the app to be asked.
        """
        self._check_sees(user, where)
        element = find_element(where, action_id)
        shortest = element.get("min_query_length", _SHORTEST_QUERY)
        if "external_select" not in element["type"] or len(typed) < shortest:
            msg = f"{element['type']} does not ask the app about {typed!r}"
            raise LookupError(msg)
        payload = suggestion_payload(self.world, user, where, element=element, typed=typed)
        told = self._heard(await self.office.deliver(Told.INTERACTION, payload))
        if not told.acked:
            return []
        problems = [str(one) for one in SUGGESTIONS(told.answer, "")]
        if problems or not isinstance(told.answer, dict):
            self._surprised(f"the options for {action_id}", *problems)
            return []
        options = list(_offered(told.answer))
        self._suggested[user.id, action_id] = options
        return options

    async def submit(
        self, user: User, view: View, values: Mapping[str, object] | None = None
    ) -> Delivery:
        """Let somebody fill in a modal and send it.

        Args:
            user: Whose it is.
            view: The modal, as it is now.
            values: What is entered, by ``action_id``; see ``entering.entered``.

        Raises:
            LookupError: It cannot be sent: something needed is missing, or the modal is closed.
        """
        self._check_sees(user, view)
        for name, value in (values or {}).items():
            element = find_element(view, name)
            state = entered(element, value, self._suggested.get((user.id, name), ()))
            view.state.setdefault(element["block_id"], {})[name] = state
        check_filled(view)
        payload = submission_payload(self.world, user, view)
        told = self._heard(await self.office.deliver(Told.INTERACTION, payload))
        if told.acked:
            self._answered(view, told.answer)
        return told

    async def dismiss(self, user: User, view: View) -> Delivery | None:
        """Let somebody close a modal; None when the app does not want to know."""
        self._check_sees(user, view)
        view.is_open = False
        if not view.given.get("notify_on_close"):
            return None
        payload = closing_payload(self.world, user, view)
        return self._heard(await self.office.deliver(Told.INTERACTION, payload))

    def say(self, user: User, channel: Channel, text: str, *, thread: str = "") -> Message:
        """Let somebody write a message; *thread* is the ``ts`` of what it answers."""
        self._check_there(user, channel)
        typed = escape_typed(self.world, text, labels=False)
        return self.world.add_message(channel, user, typed, thread=thread)

    async def mention(
        self, user: User, channel: Channel, text: str, *, thread: str = ""
    ) -> Delivery | None:
        """Let somebody write to the app.

        Returns:
            None when it does not hear it: it is not there, or Slack tells of no mentions there,
            in a direct message (https://docs.slack.dev/reference/events/app_mention).
        """
        message = self.say(user, channel, f"@{self.world.bot.name} {text}", thread=thread)
        if channel.kind is Kind.DIRECT or not self.world.is_in(channel):
            return None
        return await self._tell(mention_event(self.world, message))

    async def event(self, event: Json) -> Delivery | None:
        """Let something happen; None when the app does not want to hear such events."""
        return await self._tell({"event_ts": self.world.next_ts(), **event})

    async def change_group(self, group: Usergroup, *members: User) -> Delivery | None:
        """Let somebody say who is in a group from now on."""
        before, after = set(group.members), {one.id for one in members}
        group.members = [one.id for one in members]
        event: Json = {
            "type": "subteam_members_changed",
            "subteam_id": group.id,
            "team_id": self.world.team,
            "added_users": sorted(after - before),
            "removed_users": sorted(before - after),
        }
        return await self.event(event)

    async def archive(self, channel: Channel, user: User) -> Delivery | None:
        """Let somebody archive a channel."""
        channel.archived = True
        name = "channel_archive" if channel.kind is Kind.PUBLIC else "group_archive"
        return await self.event({"type": name, "channel": channel.id, "user": user.id})

    async def remove_bot(self, channel: Channel) -> Delivery | None:
        """Let somebody remove the app from a channel."""
        channel.members.remove(self.world.bot.id)
        name = "channel_left" if channel.kind is Kind.PUBLIC else "group_left"
        return await self.event({"type": name, "channel": channel.id})

    async def restore(self, channel: Channel, user: User) -> Delivery | None:
        """Let somebody take a channel out of the archive."""
        channel.archived = False
        name = "channel_unarchive" if channel.kind is Kind.PUBLIC else "group_unarchive"
        return await self.event({"type": name, "channel": channel.id, "user": user.id})

    async def invite_bot(self, channel: Channel, user: User) -> Delivery | None:
        """Let somebody invite the app to a channel."""
        self._check_there(user, channel)
        if not self.world.is_in(channel):
            channel.members.append(self.world.bot.id)
        return await self.event(
            {
                "type": "member_joined_channel",
                "user": self.world.bot.id,
                "channel": channel.id,
                "channel_type": "C" if channel.kind is Kind.PUBLIC else "G",
                "team": self.world.team,
                "inviter": user.id,
            }
        )

    async def _tell(self, event: Json) -> Delivery | None:
        if self.events is not None and event["type"] not in self.events:
            return None
        return await self.office.tell(event_payload(self.world, event))

    def _check_there(self, user: User, channel: Channel) -> None:
        if user.id not in channel.members or user.deleted:
            msg = f"{user.name} is not in {channel.name}"
            raise LookupError(msg)

    def _check_sees(self, user: User, where: Message | View) -> None:
        if isinstance(where, Message):
            self._check_there(user, where.channel)
        owner = where.audience if isinstance(where, Message) else where.user
        if owner not in {"", user.id}:
            msg = f"{user.name} does not see what is for {self.world.users[owner].name}"
            raise LookupError(msg)
        if isinstance(where, View) and self.world.lies_below(where):
            msg = "another view lies on this one"
            raise LookupError(msg)

    def _heard(self, told: Delivery) -> Delivery:
        if not told.acked:
            self.complaints.append("We had some trouble connecting. Try again?")
        return told

    def _surprised(self, what: str, *problems: str) -> None:
        self.gate.surprises.append(f"{what}: {'; '.join(problems) or 'nothing that can be shown'}")
        self.complaints.append("Something went wrong.")

    def _show(self, hook: Hook, given: object) -> None:
        """Show what a command was acknowledged with: text, or the same as to a response_url."""
        values = {"text": given} if isinstance(given, str) else given
        try:
            answer(self.world, hook, Arguments(values if isinstance(values, dict) else {}))
        except Refusal as refusal:
            self._surprised("the answer to a command", str(refusal))

    def _answered(self, view: View, given: object) -> None:
        """Do what a sent modal was acknowledged with."""
        said: Json = given if isinstance(given, dict) else {}
        view.errors = {}
        try:
            match said.get("response_action"):
                case None:
                    view.is_open = False
                case "clear":
                    self.world.close_stack(view)
                case "errors":
                    view.errors = _errors(view, said.get("errors"))
                case "update":
                    shown = check_view(self.world, said.get("view"), MODAL, own=view)
                    self.world.change_view(view, shown)
                case "push":
                    push_view(self.world, view, check_view(self.world, said.get("view"), MODAL))
                case other:
                    self._surprised(f"response_action {other}")
        except (Refusal, LookupError) as refusal:
            self._surprised("the answer to a sent modal", str(refusal))


def _errors(view: View, given: object) -> dict[str, str]:
    inputs = {one["block_id"] for one in view.given["blocks"] if one["type"] == "input"}
    if not isinstance(given, dict) or not given or not given.keys() <= inputs:
        msg = f"errors {given!r} are not about inputs"
        raise LookupError(msg)
    return {name: str(text) for name, text in given.items()}


def _offered(given: Json) -> Iterator[Json]:
    yield from given.get("options", ())
    for group in given.get("option_groups", ()):
        yield from group["options"]
