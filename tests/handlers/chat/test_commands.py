"""What is said in the chat, from the text as Slack sends it to what is answered, and to whom."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.decisions.waiting import Trouble
from bridge.domain.chat import ChatReportKey, ChatUser
from bridge.domain.chat_controls import FormPlace
from bridge.domain.commands import StatusCommand
from bridge.domain.deliveries import Delivery, StoredDelivery
from bridge.domain.errors import NotAllowedError, RemoteError, TemporaryRemoteError
from bridge.domain.posts import ChatTarget, PostKind
from bridge.domain.rules import Policy
from bridge.domain.runs import RunState, Verb
from bridge.domain.terrakube import PlanCounts
from bridge.domain.vcs import Permission, PullRequestRef, PullRequestState
from bridge.domain.work import Answer, AuditEntry, Work
from bridge.rendering.slack import render_start_view
from bridge.routing import Asked, Dispatcher, Said, Services
from handlers.waiting import conclude_waiting, tell_waiting
from tests.bridge.decisions.applying import a_rule
from tests.fakes.chats import ADA, TEAM, an_identity
from tests.fakes.forge import HEAD, INFRA, FakeForge
from tests.handlers.chat.rooms import HOOK, Room
from tests.handlers.chat.speech import SAID_AT, Threads, a_room, replies, said, whispers

EVERYTHING = "plan apply destroy approve reject cancel unlock retry ok-to-plan"
MAY = a_rule("slack:user:U1", may=EVERYTHING)
PULL = PullRequestRef(repository=INFRA, number=1)
AWAY = TemporaryRemoteError("GET organization: no answer", service="terrakube")


@pytest.fixture
def room() -> Room:
    room = a_room(policy=Policy(access=(MAY,)))
    room.clock.moment = SAID_AT
    room.open()
    return room


async def heard(room: Room, text: str, **more: Any) -> Work:  # noqa: ANN401 - fields of the event
    return await room.happens(said(text, **more))


@dataclass(slots=True)
class Ear:
    """Takes the place of what answers, and keeps what it is asked."""

    room: Room
    said: list[Said]
    asked: list[Asked]

    def services(self) -> Services:
        return replace(Room.services(self.room), say=self._say, answer=self._answer)

    async def hear(self, text: str, **more: Any) -> Work:  # noqa: ANN401 - fields of the event
        work = Work()
        await self.room.router.dispatch(said(text, **more), self.services(), work)
        return work

    async def _say(self, one: Said, services: Services, work: Work) -> str:
        self.said.append(one)
        return "said"

    async def _answer(self, one: Asked, services: Services, work: Work) -> str:
        self.asked.append(one)
        return "answered"


@pytest.fixture
def ear(room: Room) -> Ear:
    return Ear(room, [], [])


class TestReading:
    @pytest.mark.parametrize(
        ("typed", "as_if"),
        [
            ("plan “acme/network” —template=Plan", "plan acme/network --template=Plan"),
            ("plan\u00a0acme/network\u00a0\u2013-verbose", "plan acme/network --verbose"),
            ("plan `acme/network`", "plan `acme/network`"),
            (
                "plan <https://git.example.com/acme/infra/pulls/1|git.example.com/acme/infra/pulls/1>",
                "plan git.example.com/acme/infra/pulls/1",
            ),
            ("plan <http://acme.io/network|acme.io/network>", "plan acme.io/network"),
            ("status <#C123|network>", "status network"),
            ("status <@U123|network>", "status network"),
            ("plan acme/network msg=\u2018a &amp; b\u2019", "plan acme/network msg='a & b'"),
        ],
    )
    async def test_what_slack_and_phones_make_of_it_is_undone(
        self, ear: Ear, typed: str, as_if: str
    ) -> None:
        texts = []
        for text in (typed, as_if):
            work = await ear.hear(text)
            found: list[Said | Asked] = [*ear.said, *ear.asked]
            texts.append([replace(found[0].command, text=""), work] if found else whispers(work))
            ear.said.clear()
            ear.asked.clear()
        assert texts[0] == texts[1]

    @pytest.mark.parametrize(
        ("typed", "answer"),
        [
            (
                "stauz",
                (
                    "`stauz` is no command; did you mean `/terrakube status`? "
                    "For example `/terrakube status acme/network`."
                ),
            ),
            ("plan “acme/network", '```\nplan "acme/network\n     ^\n```'),
            ("templates nothing", "For example `/terrakube templates org=acme`"),
        ],
    )
    async def test_what_is_wrong_is_shown_to_whoever_typed_it_alone(
        self, ear: Ear, typed: str, answer: str
    ) -> None:
        for mention in (False, True):
            work = await ear.hear(typed, mention=mention, thread="7.1")
            assert answer in whispers(work)[0]
            assert replies(work) == []
            (post,) = work.posts
            assert isinstance(post.target, ChatTarget)
            hook = "" if mention else HOOK
            assert (post.target.user, post.target.thread) == ("U1", "7.1")
            assert post.target.response_url == hook
        assert ear.said == []

    async def test_nothing_at_all_asks_for_help_where_nobody_may_start_anything(
        self, ear: Ear
    ) -> None:
        ear.room.policy = Policy()
        assert whispers(await ear.hear("")) == ["said"]
        assert [type(one.command).__name__ for one in ear.said] == ["HelpCommand"]

    async def test_nothing_at_all_opens_the_form(self, ear: Ear) -> None:
        ear.room.policy = Policy(access=())
        (post,) = (await ear.hear("  ")).posts
        assert post.kind is PostKind.CHAT_VIEW
        assert json.loads(post.content or "") == render_start_view(FormPlace(channel="C1"))
        assert isinstance(post.target, ChatTarget)
        assert post.target.trigger_id == "1.2"

    async def test_nothing_but_the_name_in_a_message_asks_for_help(self, ear: Ear) -> None:
        work = await ear.hear("", mention=True)
        assert [type(one.command).__name__ for one in ear.said] == ["HelpCommand"]
        assert replies(work) == ["said"]


class TestAnswering:
    async def test_a_command_is_answered_to_whoever_typed_it(self, ear: Ear) -> None:
        work = await ear.hear("status 12")
        (one,) = ear.said
        assert one == Said(
            command=StatusCommand(line=1, text="status 12", job="12"),
            speaker=one.speaker,
            place=one.place,
            trigger="slack:T1:1.2",
            response_url=HOOK,
            said_at=SAID_AT,
        )
        assert one.speaker.user == ADA
        assert (whispers(work), replies(work)) == (["said"], [])

    async def test_a_message_in_a_thread_is_answered_there_by_the_same_parser(
        self, ear: Ear
    ) -> None:
        work = await ear.hear("status 12", mention=True, thread="7.1")
        assert ear.said[0].command == StatusCommand(line=1, text="status 12", job="12")
        (post,) = work.posts
        assert isinstance(post.target, ChatTarget)
        assert (post.kind, post.target.thread, post.content) == (
            PostKind.CHAT_REPLY,
            "7.1",
            "said",
        )

    @pytest.mark.parametrize(
        "user",
        [
            replace(ADA, deleted=True),
            replace(ADA, is_bot=True),
            replace(ADA, is_guest=True),
            replace(ADA, team="T9"),
            replace(ADA, is_stranger=True),
        ],
    )
    async def test_nobody_but_the_team_is_listened_to(self, ear: Ear, user: ChatUser) -> None:
        ear.room.people.users["U1"] = user
        work = await ear.hear("plan acme/network")
        assert (ear.said, ear.asked) == ([], [])
        (answer,) = whispers(work)
        assert work.audits == [
            AuditEntry(
                actor="somebody (slack:U1)",
                action="command.said",
                door="slack",
                subject="slack:T1:C1",
                result="refused",
                detail=answer,
            )
        ]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (
                "retry network",
                (
                    "Nothing was done: `retry` is about a pull request. Say it in the thread of "
                    "its message, or name it: `/terrakube retry owner/name#12`. What was started "
                    "without one is started by its own command again."
                ),
            ),
            ("unlock", "or name it: `/terrakube unlock owner/name#12`."),
            (
                f"ok-to-plan {HEAD}",
                (
                    "Nothing was done: `ok-to-plan` is about a pull request. Say it in the thread "
                    "of its message."
                ),
            ),
        ],
    )
    async def test_what_means_nothing_without_a_pull_request_asks_for_one(
        self, room: Room, text: str, says: str
    ) -> None:
        assert says in whispers(await heard(room, text))[0]


class TestPullRequests:
    @pytest.mark.parametrize(
        "text",
        [
            "status acme/infra#1",
            "status https://git.example.com/acme/infra/pulls/1",
            "status git.example.com/acme/infra/pull/1",
            "retry acme/infra#1",
            "approve acme/infra#1",
            "plan acme/infra#1 -w network",
            "apply acme/infra#1 --again",
        ],
    )
    async def test_one_that_is_named_is_asked_about_as_in_a_comment(
        self, ear: Ear, text: str
    ) -> None:
        ear.room.chats.people.append(an_identity())
        work = await ear.hear(text)
        (one,) = ear.asked
        assert one == Asked(
            command=one.command,
            actor="alice",
            permission=Permission.WRITE,
            door="slack",
            trigger="slack:T1:1.2",
            pull_request=ear.room.forge.pulls[1],
            speaker=one.speaker,
        )
        assert one.speaker is not None
        assert one.speaker.user == ADA
        assert (ear.said, whispers(work)) == ([], ["answered"])

    async def test_whoever_is_linked_to_nobody_there_is_known_by_slack(self, ear: Ear) -> None:
        await ear.hear("plan acme/infra#1")
        assert [(one.actor, one.permission) for one in ear.asked] == [
            ("Ada Lovelace (slack:U1)", None)
        ]

    @pytest.mark.parametrize(
        ("text", "is_asked"),
        [
            ("plan", True),
            ("plan network", True),
            ("apply", True),
            ("retry", True),
            ("why", True),
            ("approve", True),
            (f"ok-to-plan {HEAD}", True),
            ("approve network", False),
            ("approve 42", False),
            ("status 42", False),
            ("logs", False),
            ("workspaces", False),
        ],
    )
    async def test_in_the_thread_of_its_message_it_is_meant(
        self, ear: Ear, text: str, *, is_asked: bool
    ) -> None:
        assert isinstance(ear.room.chats, Threads)
        ear.room.chats.pulls["7.1"] = PULL
        work = await ear.hear(text, thread="7.1", mention=True)
        assert (len(ear.asked), len(ear.said)) == ((1, 0) if is_asked else (0, 1))
        assert replies(work) == ["answered" if is_asked else "said"]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("plan acme/infra#9", "the bridge finds no pull request `acme/infra#9`"),
            ("plan https://elsewhere.example/a/b/pull/1", "the bridge finds no pull request `http"),
        ],
    )
    async def test_one_that_is_not_there_is_told(self, ear: Ear, text: str, says: str) -> None:
        work = await ear.hear(text)
        assert says in whispers(work)[0]
        assert ear.asked == []

    async def test_one_that_several_forges_have_is_asked_about(self, room: Room) -> None:
        work = Work()
        services = replace(
            room.services(), forges={"code": room.forge, "other": FakeForge("other")}
        )
        await room.router.dispatch(said("plan acme/infra#1"), services, work)
        assert whispers(work) == [
            (
                "Nothing was done: `acme/infra#1` is on several forges, `code`, `other`. Say which "
                "by its address."
            )
        ]

    @pytest.mark.parametrize("flag", ["branch=x", "template=Plan", "msg=why"])
    async def test_it_runs_its_own_head_alone(self, ear: Ear, flag: str) -> None:
        assert isinstance(ear.room.chats, Threads)
        ear.room.chats.pulls["7.1"] = PULL
        work = await ear.hear(f"plan {flag}", thread="7.1", mention=True)
        (answer,) = replies(work)
        name = flag.partition("=")[0]
        assert f"so `{name}=` is not taken here." in answer
        assert (ear.asked, ear.said) == ([], [])

    async def test_what_starts_is_shown_where_it_was_said(self, room: Room) -> None:
        work = await heard(room, "plan acme/infra#1")
        key = str(ChatReportKey(team=TEAM, channel="C1", group=PULL.key))
        assert [(one.pull_request, one.actor) for one in work.runs] == [
            (1, "Ada Lovelace (slack:U1)")
        ]
        assert work.runs[0].reports == (PULL.key, f"commit:code:7:{HEAD}", key)
        shown = [one for one in work.posts if one.kind is PostKind.CHAT_MESSAGE]
        assert [(one.report, one.target) for one in shown] == [
            (
                key,
                ChatTarget(team=TEAM, channel="C1", slot=PULL.key, user="U1", response_url=HOOK),
            )
        ]

    async def test_a_closed_one_starts_nothing(self, room: Room) -> None:
        room.open(state=PullRequestState.CLOSED)
        work = await heard(room, "plan acme/infra#1")
        assert (work.runs, whispers(work)) == (
            [],
            ["This pull request is closed: nothing was started."],
        )

    async def test_what_destroys_is_approved_by_the_name_of_its_workspace(self, room: Room) -> None:
        run = room.ran(
            verb=Verb.APPLY, state=RunState.WAITING, counts=PlanCounts(add=0, change=0, destroy=11)
        )
        work = await heard(room, "approve acme/infra#1")
        assert (work.decides, whispers(work)) == (
            [],
            [
                (
                    "Nothing was approved: what waits in `acme/network` may destroy something, so "
                    "the workspace's name has to be typed, as in `/terrakube approve acme/network`."
                )
            ],
        )
        work = await heard(room, "approve acme/infra#1 -w acme/network")
        assert [(one.run_id, one.answer) for one in work.decides] == [(run.id, Answer.APPROVE)]
        room.store.runs = {run.id: replace(run, counts=PlanCounts(add=1, change=0, destroy=10))}
        assert len((await heard(room, "approve acme/infra#1")).decides) == 1


class TestThreadsOfRuns:
    @pytest.mark.parametrize(
        ("text", "states", "decided"),
        [
            ("approve", "W", ["run-1"]),
            ("approve", "WRS", ["run-1"]),
            ("approve", "WW", ["run-1", "run-2"]),
            ("reject", "WRW", ["run-1", "run-3"]),
            ("cancel", "RWS", ["run-1", "run-2"]),
        ],
    )
    async def test_an_answer_is_for_what_the_thread_shows(
        self, room: Room, text: str, states: str, decided: list[str]
    ) -> None:
        self._shown(room, states)
        work = await heard(room, text, thread="7.1", mention=True)
        assert [one.run_id for one in work.decides] == decided

    async def test_nothing_that_waits_there_is_told(self, room: Room) -> None:
        self._shown(room, "RS")
        work = await heard(room, "approve", thread="7.1", mention=True)
        (answer,) = replies(work)
        assert answer == (
            "Nothing was approved.\n\n"
            "Nothing in this thread waits for an approval, as far as is known."
        )

    async def test_a_thread_types_nobodys_name(self, room: Room) -> None:
        self._shown(room, "W", counts=PlanCounts(add=0, change=0, destroy=11))
        work = await heard(room, "approve", thread="7.1", mention=True)
        assert work.decides == []
        assert "the workspace's name has to be typed" in replies(work)[0]

    def _shown(self, room: Room, states: str, **changes: Any) -> None:  # noqa: ANN401 - of the runs
        """Let a thread be about runs: that wait, that go on, that came to their end."""
        known = {"W": RunState.WAITING, "R": RunState.RUNNING, "S": RunState.SUCCEEDED}
        assert isinstance(room.chats, Threads)
        room.chats.shown["7.1"] = [
            room.ran(verb=Verb.APPLY, state=known[one], pull_request=None, **changes)
            for one in states
        ]


class TestTrouble:
    def dispatcher(self, room: Room) -> Dispatcher:
        return Dispatcher(
            router=room.router,
            services=room.services(),
            telling=tell_waiting,
            concluding=conclude_waiting,
            parsers={"slack": lambda _: said("plan network")},
        )

    async def test_while_terrakube_is_away_it_is_told_once_and_then_runs_once(
        self, room: Room
    ) -> None:
        room.server.failures["organizations"] = [AWAY, AWAY, AWAY]
        runs, told = [], []
        for attempt in range(1, 6):
            dispatch, stored = self.dispatcher(room), a_delivery(attempt)
            try:
                work = await dispatch(stored)
            except TemporaryRemoteError as error:
                work = await dispatch.tell(stored, a_trouble(error, attempt=attempt))
            room.store.keep(work)
            runs.append(len(work.runs))
            told.append(whispers(work))
        assert told == [
            [
                (
                    "Terrakube does not answer. What you asked for is done as soon as it does; if "
                    "that takes too long, you are told."
                )
            ],
            [],
            [],
            [],
            [],
        ]
        assert runs == [0, 0, 0, 1, 1]

    async def test_a_silent_forge_is_told_of_as_well(self, room: Room) -> None:
        silent = TemporaryRemoteError("no answer", service="code")
        work = Work()
        await tell_waiting(said("plan network"), a_trouble(silent), room.services(), work)
        assert whispers(work)[0].startswith("The forge does not answer. What you asked for is")

    async def test_after_a_while_it_is_dropped_with_a_word(self, room: Room) -> None:
        room.server.failures["organizations"] = [AWAY, AWAY]
        room.clock.moment = SAID_AT + timedelta(minutes=23)
        with pytest.raises(TemporaryRemoteError):
            await heard(room, "plan network")
        room.clock.moment = SAID_AT + timedelta(minutes=24)
        work = await heard(room, "plan network")
        assert whispers(work) == [
            "Nothing was done: Terrakube does not answer, for 24 minutes now. Please say it again."
        ]
        assert work.runs == []

    @pytest.mark.parametrize(
        ("error", "says"),
        [
            (
                NotAllowedError("401", service="terrakube", status=401),
                "Nothing was done: Terrakube does not accept the bridge's token.",
            ),
            (
                RemoteError("broken", service="terrakube"),
                "Nothing was done: Terrakube refuses what the bridge asks for.",
            ),
        ],
    )
    async def test_a_refusal_is_told_at_once(
        self, room: Room, error: RemoteError, says: str
    ) -> None:
        room.server.failures["organizations"] = [error]
        (answer,) = whispers(await heard(room, "plan network"))
        assert answer == (f"{says} If it stays so, ask whoever runs the bridge: its log says more.")

    async def test_what_fails_half_way_leaves_nothing_behind(self, room: Room) -> None:
        room.clock.moment = SAID_AT + timedelta(hours=1)

        async def breaks(one: Asked, services: Services, work: Work) -> str:
            work.looks.append("run-1")
            raise AWAY

        work = Work()
        services = replace(room.services(), answer=breaks)
        await room.router.dispatch(said("retry acme/infra#1"), services, work)
        assert work.looks == []
        assert len(whispers(work)) == 1

    async def test_the_end_is_told_even_when_the_address_for_answers_has_expired(
        self, room: Room
    ) -> None:
        work = Work()
        trouble = a_trouble(ValueError("a bug"), final=True, waited=7_200.0)
        await tell_waiting(said("plan network"), trouble, room.services(), work)
        (post,) = work.posts
        assert post.content == (
            "Not handled: the bridge failed on it, and its log says why. Please try again."
        )
        assert isinstance(post.target, ChatTarget)
        assert (post.target.response_url, post.target.expires_at) == ("", None)
        assert (post.target.channel, post.target.user) == ("C1", "U1")


def a_trouble(error: Exception, **more: Any) -> Trouble:  # noqa: ANN401 - its fields
    values = {"attempt": 1, "since": SAID_AT, "waited": 1.0, **more}
    return Trouble(error=error, **values)


def a_delivery(attempt: int) -> StoredDelivery:
    delivery = Delivery(
        source="slack",
        key="T1:U1:1.2",
        kind="command",
        subject="slack:T1:C1:U1",
        semantic_key=None,
        repository_id="",
        headers={},
        body=b"{}",
        received_at=SAID_AT,
    )
    return StoredDelivery(id=1, attempt=attempt, delivery=delivery)
