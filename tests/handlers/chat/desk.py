"""A desk at which people ask how things are: what they type, and what they then see in Slack."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bridge.domain.chat import ChatMessage, ChatPlace, ChatUser
from bridge.domain.chat_controls import Control, RunButton, mark_of
from bridge.domain.chat_events import ButtonPressed, CommandSaid
from bridge.domain.posts import PostKind, PostUpsert
from bridge.domain.redaction import Redactor
from bridge.domain.runs import CONCLUDED, Run, RunState, TemplateChoice, Verb
from bridge.domain.terrakube import Job, JobStatus
from bridge.domain.vcs import RepositoryRef
from bridge.domain.work import Work
from bridge.rendering.slack import render_answer
from bridge.routing import Services
from tests.bridge.rendering.slack.chats import as_json, pings_of, problems_of, shown
from tests.fakes.chats import ADA, GRACE, TEAM
from tests.fakes.jobserver import APPROVED_FLOW
from tests.handlers.chat.rooms import HOOK, Room
from tests.handlers.conftest import NOW

GOLDEN = Path(__file__).with_name("golden")
NOWHERE = RepositoryRef(forge="", id="", slug="")
INJECTED = "<!channel> `x` [y](https://evil.example) <@U1> *b* @here"
_SPOKEN = {PostKind.CHAT_WHISPER, PostKind.CHAT_REPLY}


@dataclass(slots=True)
class Desk(Room):
    """A room in which Terrakube may be asked, too."""

    redactor: Redactor = field(default_factory=lambda: Redactor(["s3cr3t-t0ken"]))

    def services(self) -> Services:
        services = replace(Room.services(self), server=self.server, redactor=self.redactor)
        return self.router.equip(services)

    async def type(
        self,
        text: str,
        *,
        by: ChatUser = ADA,
        channel: str = "C1",
        thread: str = "",
        mention: bool = False,
    ) -> Work:
        """Let somebody type a command, or say it to the bridge in a message."""
        return await self.happens(
            CommandSaid(
                delivery_id="d-1",
                received_at=NOW,
                actor=by.id,
                user_team=by.team,
                place=ChatPlace(team=TEAM, channel=channel, thread=thread),
                trigger="slack:T1:1.2",
                trigger_id="1.2",
                response_url="" if mention else HOOK,
                text=text,
                mention=mention,
            )
        )

    async def ask_for(self, text: str, **more: Any) -> str:  # noqa: ANN401 - see type
        """Let somebody type a command; what they see of the answer."""
        return seen(await self.type(text, **more))

    async def press(self, action: str, value: str, *, by: ChatUser = ADA) -> Work:
        """Let somebody press a button."""
        return await self.happens(
            ButtonPressed(
                delivery_id="d-2",
                received_at=NOW,
                actor=by.id,
                user_team=by.team,
                place=ChatPlace(team=TEAM, channel="C1"),
                trigger=f"slack:T1:{by.id}.9",
                trigger_id="1.9",
                response_url=HOOK,
                action=action,
                value=value,
                message="100.1",
            )
        )

    async def press_of(self, run: Run, control: Control, *, by: ChatUser = ADA) -> Work:
        """Let somebody press a button of a run."""
        button = RunButton(run_id=run.id, mark=mark_of(run))
        return await self.press(control.value, str(button), by=by)

    def job(self, name: str = "network", **changes: Any) -> Job:  # noqa: ANN401 - of the job
        """Let somebody start a job in Terrakube itself."""
        space = next(one for one in self.server.spaces.values() if one.ref.name == name)
        job = self.server.add_job(space.ref, **changes)
        self.server.flows[job.id] = APPROVED_FLOW
        return job

    def follow(
        self,
        name: str = "network",
        verb: Verb = Verb.APPLY,
        state: RunState = RunState.RUNNING,
        **changes: Any,  # noqa: ANN401 - of the run, or of its request
    ) -> Run:
        """Let somebody start a run from Slack; it has a job unless its id is empty."""
        job_id = changes.get("job_id")
        job = self.job(name) if job_id is None else None
        if job and state in CONCLUDED:
            self.server.known[job.id] = replace(job, status=JobStatus.COMPLETED)
        fields: dict[str, Any] = {
            "state": state,
            "actor": GRACE.actor,
            "pull_request": None,
            "repository": NOWHERE,
            "branch": "main",
            "template": TemplateChoice(reference="built-in", name="built-in"),
            "reports": (),
            "job_id": job.id if job else job_id,
            "id": f"01RUN{len(self.store.runs) + 1}",
        }
        run = self.ran(name, verb, **{**fields, **changes})
        space = run.request.workspace.id
        if run.job_id:
            self.chats.runs = {**self.chats.runs, run.job_id: run}
        self.chats.spaces[space] = [run, *self.chats.spaces.get(space, ())]
        if not run.concluded:
            self.chats.under_way["C1"] = [*self.chats.under_way.get("C1", ()), run]
        return run


def a_desk() -> Desk:
    """A desk with two workspaces in acme, and templates."""
    desk = Desk()
    desk.server.add_template("Plan")
    desk.server.add_template("Plan and apply", flow=APPROVED_FLOW)
    desk.workspace("network")
    desk.workspace("dns", default_template="", branch="dev", last_job_status="failed")
    return desk


def message_of(post: PostUpsert) -> ChatMessage:
    """The message a post is sent as."""
    content = post.content or ""
    if not content.startswith("{"):
        return render_answer(content)
    made = json.loads(content)
    return ChatMessage(text=made["text"], blocks=tuple(made["blocks"]))


def seen(work: Work) -> str:
    """What is seen of the one thing that is said: Slack takes it, and it calls and links nobody."""
    posts = [one for one in work.posts if one.kind in _SPOKEN]
    assert len(posts) == 1, posts
    message = message_of(posts[0])
    assert problems_of(message) == []
    assert pings_of(message) == []
    assert "<https://evil" not in as_json(message)
    return shown(message).partition("\n\nin notifications:")[0]


def buttons(work: Work) -> list[tuple[str, str]]:
    """The buttons below what is said: what they show, and what they say."""
    return [
        (one["text"]["text"], one["value"])
        for post in work.posts
        for block in message_of(post).blocks
        if block["type"] == "actions"
        for one in block["elements"]
    ]
