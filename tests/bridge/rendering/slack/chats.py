"""Reports of a chat, short to write; and how Slack's stand-in judges and shows what is made."""

import json
from datetime import timedelta
from typing import Any

from bridge.domain.chat import ChatMessage, ChatReportKey, View
from bridge.domain.reports import ChatReport, ChatRun, RunReport
from bridge.domain.runs import Run
from bridge.domain.work import Answer, Decision, DecisionPhase, Vote
from bridge.rendering.slack import check_message, check_view
from bridge.sandbox.slack.limits import Limits
from bridge.sandbox.slack.model import Channel, Kind, Message, User
from bridge.sandbox.slack.shown import pings, show_message
from bridge.sandbox.slack.surfaces import count_text, find_block_problems, find_view_problems
from bridge.sandbox.slack.world import World
from tests.bridge.rendering.reports import NOW, PULL_REQUEST

ADA = "Ada Lovelace (slack:U0ADA)"
BOB = "Bob (slack:U0BOB)"
WEB_URL = "https://code.example.com/acme/infra/pulls/1"


def a_chat_report(*runs: ChatRun, group: str = "slack:T1:1.2", **changes: Any) -> ChatReport:  # noqa: ANN401 - any field of a report
    fields: dict[str, Any] = {
        "key": ChatReportKey(team="T1", channel="C1", group=group),
        "runs": runs,
        "command": "/terrakube",
        "now": NOW,
    }
    return ChatReport(**(fields | changes))


def a_pull_request(*runs: ChatRun, title: str = "Widen the network") -> ChatReport:
    return a_chat_report(
        *runs, group=PULL_REQUEST.key, pull_request=PULL_REQUEST, title=title, web_url=WEB_URL
    )


def chat(report: RunReport, *decisions: Decision, votes: tuple[Vote, ...] = ()) -> ChatRun:
    return ChatRun(report=report, decisions=decisions, votes=votes)


def a_decision(run: Run, answer: Answer = Answer.APPROVE, **changes: Any) -> Decision:  # noqa: ANN401 - any field of a decision
    fields: dict[str, Any] = {
        "run_id": run.id,
        "answer": answer,
        "actor": BOB,
        "door": "slack",
        "digest": run.digest,
        "at": NOW - timedelta(minutes=1),
        "phase": DecisionPhase.CONFIRMED,
        "step": "" if answer is Answer.CANCEL else "101",
    }
    return Decision(**(fields | changes))


def a_vote(actor: str = BOB) -> Vote:
    return Vote(actor=actor, at=NOW - timedelta(minutes=2))


def problems_of(message: ChatMessage) -> list[str]:
    """List what is wrong with a message: as the bridge says, then as the stand-in does."""
    found = [f"bridge: {one}" for one in check_message(message)]
    found += [f"stand-in: {one}" for one in find_block_problems([*message.blocks])]
    if count_text(message.blocks) > Limits().block_text or len(message.text) > Limits().text:
        found.append("stand-in: too long")
    return found


def problems_of_view(view: View) -> list[str]:
    found = [f"bridge: {one}" for one in check_view(view)]
    return found + [f"stand-in: {one}" for one in find_view_problems(view)]


def pings_of(message: ChatMessage) -> list[str]:
    """List whom a message calls, each once, sorted."""
    return sorted(set(pings(_posted(message))))


def shown(message: ChatMessage) -> str:
    """Show a message as people see it, and below it what stands in notifications."""
    world = _world()
    blocks = show_message(world, _posted(message))
    text = show_message(world, _posted(ChatMessage(text=message.text)))
    return f"{blocks}\n\nin notifications:\n{text}\n"


def as_json(message: ChatMessage | View) -> str:
    content = (
        {"text": message.text, "blocks": message.blocks}
        if isinstance(message, ChatMessage)
        else message
    )
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def shown_view(view: View) -> str:
    blocks = tuple(block for block in view["blocks"] if block["type"] != "input")
    fields = [
        f"  {block['label']['text']}: [{block['element']['type']}]"
        + (" (optional)" if block["optional"] else "")
        for block in view["blocks"]
        if block["type"] == "input"
    ]
    message = _posted(ChatMessage(text=view["title"]["text"], blocks=blocks))
    return "\n".join([show_message(_world(), message), *fields, ""])


def _posted(message: ChatMessage) -> Message:
    blocks = json.loads(json.dumps(list(message.blocks)))
    channel = Channel(id="C1", name="ops", kind=Kind.PUBLIC)
    return Message(channel=channel, ts="1.2", author="U0BOT", text=message.text, blocks=blocks)


def _world() -> World:
    world = World(now=lambda: 0.0, limits=Limits())
    for identifier, name in (("U0ADA", "ada"), ("U0BOB", "bob"), ("U0BOT", "terrakube")):
        world.users[identifier] = User(id=identifier, name=name, team="T1", real_name=name)
    return world
