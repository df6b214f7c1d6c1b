"""Approve, reject and cancel in the chat: what counts, what is refused, and who is told what."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.access import AccessRule
from bridge.domain.chat import ChannelSettings, ChatPlace, ChatUser
from bridge.domain.chat_controls import Control, Form, FormPlace, RunButton, mark_of
from bridge.domain.chat_events import ButtonPressed, FormSent
from bridge.domain.commands import (
    ApproveCommand,
    CancelCommand,
    Command,
    RejectCommand,
    Selection,
)
from bridge.domain.errors import (
    ChatRefusalError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.posts import ChatTarget, PostKind
from bridge.domain.rules import Policy
from bridge.domain.runs import Review, Run, RunPhase, RunState, TemplateChoice, Verb
from bridge.domain.terrakube import PlanCounts
from bridge.domain.vcs import Permission, RepositoryRef
from bridge.domain.work import Answer, AuditEntry, Decide, Decision, DecisionPhase, Vote, Work
from bridge.rendering.slack import check_view
from bridge.routing import Services
from tests.bridge.decisions.applying import a_rule
from tests.fakes.chats import ADA, GRACE, TEAM, FakeChatStore, an_identity
from tests.fakes.forge import INFRA
from tests.fakes.jobserver import APPROVED_FLOW, unavailable
from tests.handlers.chat.rooms import HOOK, Room, told
from tests.handlers.conftest import NOW

EVE = ChatUser(team=TEAM, id="U9", name="Eve")
ON_CALL = "slack:group:S1"
MAY_ALL = a_rule(ON_CALL)
NOWHERE = RepositoryRef(forge="", id="", slug="")


@dataclass(slots=True)
class Chats(FakeChatStore):
    """Finds the runs of workspaces, too."""

    spaces: dict[str, Sequence[Run]] = field(default_factory=dict)

    async def runs_of_workspace(self, workspace_id: str, limit: int = 5) -> Sequence[Run]:
        return self.spaces.get(workspace_id, ())


@dataclass(slots=True)
class Hall(Room):
    """A room in which jobs that wait are answered.

    Attributes:
        works: What came of everything, in order.
        confirm: See Services.confirm_deletions.
    """

    chats: Chats = field(default_factory=Chats)
    works: list[Work] = field(default_factory=list)
    confirm: int = 10

    def services(self) -> Services:
        services = Room.services(self)
        services = replace(services, server=self.server, confirm_deletions=self.confirm)
        return self.router.equip(services)

    def rule(self, *rules: AccessRule) -> None:
        self.policy = replace(self.policy, access=rules)

    def waits(self, **changes: Any) -> Run:  # noqa: ANN401 - of the run, or of its request
        """Let a job of a run from the chat wait for an approval, here and in Terrakube."""
        space = next(one for one in self.server.spaces.values() if one.ref.name == "network")
        job = self.server.add_job(space.ref)
        self.server.flows[job.id] = APPROVED_FLOW
        job = self.server.wait_for_approval(job.id)
        fields: dict[str, Any] = {
            "state": RunState.WAITING,
            "actor": GRACE.actor,
            "trigger": "slack:T1:9.9",
            "pull_request": None,
            "repository": NOWHERE,
            "template": TemplateChoice(reference="built-in"),
            "reports": ("chat:T1:C1::slack:T1:9.9",),
            "id": f"01RUN{job.id}",
            "job_id": job.id,
            "steps": job.steps,
            "digest": "json1:1",
        }
        run = self.ran("network", Verb.APPLY, **{**fields, **changes})
        self.chats.runs = {**self.chats.runs, job.id: run}
        self.chats.spaces[space.ref.id] = [run, *self.chats.spaces.get(space.ref.id, ())]
        return run

    async def press(
        self,
        run: Run,
        control: Control = Control.APPROVE,
        by: ChatUser = ADA,
        **changes: Any,  # noqa: ANN401 - of the event
    ) -> Work:
        """Let somebody press a button as it is shown just now."""
        step = next((str(one.number) for one in run.steps if one.status == "pending"), "")
        button = RunButton(run_id=run.id, step=step, mark=mark_of(run))
        fields: dict[str, Any] = {
            "delivery_id": "d-1",
            "received_at": NOW,
            "actor": by.id,
            "place": ChatPlace(team=TEAM, channel="C1"),
            "user_team": by.team,
            "trigger": f"slack:T1:{by.id}.1",
            "trigger_id": "1.2",
            "response_url": HOOK,
            "action": control.value,
            "value": str(button),
            "message": "100.1",
        }
        work = await self.happens(ButtonPressed(**{**fields, **changes}))
        self.works.append(work)
        return work

    async def type(self, run: Run, name: str, by: ChatUser = ADA, **changes: Any) -> Work:  # noqa: ANN401 - of the event
        """Let somebody type a name into the modal that a button opened."""
        opened = await self.press(run, Control.TYPE_NAME, by)
        view = json.loads(next(post.content or "" for post in opened.posts))
        fields: dict[str, Any] = {
            "delivery_id": "d-2",
            "received_at": NOW,
            "actor": by.id,
            "place": ChatPlace(team=TEAM, channel=""),
            "user_team": by.team,
            "trigger": "slack:T1:3.4",
            "form": Form.CONFIRM.value,
            "values": {Control.NAME.value: name},
            "metadata": view["private_metadata"],
        }
        return await self.happens(FormSent(**{**fields, **changes}))


@pytest.fixture
def hall() -> Hall:
    """Ada, Grace and Eve are in the chat; Ada and Grace in the group that may do everything."""
    hall = Hall()
    hall.server.add_template("Plan")
    hall.server.add_template("Plan and apply")
    hall.workspace("network")
    hall.open()
    hall.people.users[EVE.id] = EVE
    hall.people.groups["S1"] = {ADA.id, GRACE.id}
    hall.rule(MAY_ALL)
    return hall


def whispers(work: Work) -> list[str]:
    return told(work, PostKind.CHAT_WHISPER)


def audited(work: Work) -> list[tuple[str, str, str]]:
    return [(one.actor, one.action, one.result) for one in work.audits]


def refused(work: Work) -> str:
    """What somebody was told alone, when nothing else came of it but a word in the audit."""
    assert not work.decides
    assert [one.kind for one in work.posts] == [PostKind.CHAT_WHISPER]
    assert [one.result for one in work.audits] == ["refused"]
    (text,) = whispers(work)
    return text


async def test_a_button_is_an_answer_for_the_step_and_the_plan_that_were_shown(
    hall: Hall,
) -> None:
    run = hall.waits()
    work = await hall.press(run)
    (decide,) = work.decides
    assert decide.told is not None
    assert replace(decide, told=None) == Decide(
        run_id=run.id,
        answer=Answer.APPROVE,
        actor="Ada Lovelace (slack:U1)",
        door="slack",
        digest="json1:1",
        step="150",
    )
    assert decide.told.target == ChatTarget(
        team=TEAM,
        channel="C1",
        slot="slack:T1:U1.1",
        user="U1",
        response_url=HOOK,
        expires_at=int((NOW + timedelta(minutes=30)).timestamp() * 1000),
    )
    assert not work.posts, "the message shows who decided"
    assert work.audits == [
        AuditEntry(
            actor="Ada Lovelace (slack:U1)",
            action="approve.requested",
            door="slack",
            subject=run.id,
            result="done",
            detail="apply acme/network",
        )
    ]
    assert hall.server.count("job") == 1, "it was looked at in Terrakube"


@pytest.mark.parametrize(
    ("control", "answer", "step"),
    [
        (Control.REJECT, Answer.REJECT, "150"),
        (Control.CANCEL, Answer.CANCEL, ""),
    ],
)
async def test_whoever_asked_may_reject_and_cancel(
    hall: Hall, control: Control, answer: Answer, step: str
) -> None:
    hall.rule(replace(MAY_ALL, four_eyes=True))
    work = await hall.press(hall.waits(), control, GRACE)
    assert [(one.answer, one.step) for one in work.decides] == [(answer, step)]


async def test_in_a_pull_request_they_are_the_login_they_are_linked_to(hall: Hall) -> None:
    hall.chats.people.append(an_identity())
    pull_request = {"pull_request": 1, "repository": INFRA, "review": Review.ASKED}
    work = await hall.press(hall.waits(**pull_request))
    assert [one.actor for one in work.decides] == ["alice"]
    work = await hall.press(hall.waits(**pull_request), by=GRACE)
    assert [one.actor for one in work.decides] == ["Grace Hopper (slack:U2)"]


async def test_other_buttons_are_somebody_elses(hall: Hall) -> None:
    work = await hall.press(hall.waits(), Control.LINK, EVE)
    assert (work.decides, work.audits) == ([], [])


@pytest.mark.parametrize("control", [Control.APPROVE, Control.REJECT, Control.CANCEL])
async def test_without_permission_a_click_is_answered_and_recorded_and_nothing_else(
    hall: Hall, control: Control
) -> None:
    """No post of the run is touched, so its message stays what it is (case 34)."""
    work = await hall.press(hall.waits(), control, EVE)
    text = refused(work)
    assert "no `access` rule lets you say" in text
    assert "`slack:group:S1`" in text
    assert not work.looks
    assert audited(work) == [("Eve (slack:U9)", f"{control.split('.')[1]}.requested", "refused")]
    (post,) = work.posts
    assert isinstance(post.target, ChatTarget)
    assert (post.target.user, post.target.response_url) == (EVE.id, HOOK)
    assert hall.server.calls == []


@pytest.mark.parametrize(
    ("user", "word"),
    [
        (replace(ADA, is_guest=True), "guests"),
        (replace(ADA, deleted=True), "switched off"),
        (replace(ADA, is_bot=True), "programs"),
        (replace(ADA, team="T2"), "another organization"),
        (replace(ADA, is_stranger=True), "another organization"),
    ],
)
async def test_whom_the_team_does_not_know_is_refused_whatever_the_rules_say(
    hall: Hall, user: ChatUser, word: str
) -> None:
    """Case 35; the payload may say what it likes."""
    hall.people.users[ADA.id] = user
    hall.rule(a_rule(ON_CALL, "slack:user:U1", "*"))
    work = await hall.press(hall.waits(), user_team="")
    assert word in refused(work)
    assert audited(work) == [("somebody (slack:U1)", "approve.requested", "refused")]


async def test_a_click_from_another_team_is_refused_before_anybody_is_asked(hall: Hall) -> None:
    assert "another organization" in refused(await hall.press(hall.waits(), user_team="T2"))


@pytest.mark.parametrize(
    ("about", "error"),
    [
        ("S1", TemporaryRemoteError("usergroups.users.list: 429", service="slack", status=429)),
        ("S1", PermanentRemoteError("usergroups.users.list: refused", service="slack")),
        ("U1", TemporaryRemoteError("users.info: no answer", service="slack")),
    ],
)
async def test_what_slack_does_not_say_is_a_no(hall: Hall, about: str, error: RemoteError) -> None:
    """Case 37."""
    hall.people.troubles[about] = error
    text = refused(await hall.press(hall.waits()))
    assert "the answer is no" in text


async def test_a_scope_that_is_missing_is_named_as_trying_again_does_not_help(hall: Hall) -> None:
    hall.people.troubles["U1"] = ChatRefusalError(
        "users.info: no", service="slack", code="missing_scope", needed="users:read"
    )
    assert refused(await hall.press(hall.waits())) == (
        "Nothing was done: the bridge may not ask Slack who you are, as its app lacks the scope "
        "`users:read`. Whoever runs the bridge can add it."
    )


@pytest.mark.parametrize(
    ("rules", "permission", "is_let"),
    [
        ((a_rule("code:user:alice"),), Permission.WRITE, True),
        ((a_rule("*"),), Permission.WRITE, True),
        ((a_rule("code:user:alice"),), Permission.READ, False),
        ((a_rule("code:user:bob"),), Permission.WRITE, False),
        ((a_rule("slack:user:U1"),), Permission.READ, True),
        (None, Permission.ADMIN, False),
    ],
)
async def test_whoever_is_linked_stands_on_the_floor_of_the_forge(
    hall: Hall, rules: tuple[AccessRule, ...] | None, permission: Permission, *, is_let: bool
) -> None:
    hall.policy = Policy(access=rules)
    hall.chats.people.append(an_identity())
    hall.forge.permissions["alice"] = permission
    run = hall.waits(repository=INFRA)
    assert bool((await hall.press(run)).decides) is is_let


async def test_a_workspace_whose_repository_is_not_known_is_for_whom_rules_name_on_slack(
    hall: Hall,
) -> None:
    hall.chats.people.append(an_identity())
    hall.rule(a_rule("code:user:alice"))
    text = refused(await hall.press(hall.waits()))
    assert "the bridge does not know the repository of this workspace" in text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"value": "other.150.x"}, "is not known here any more"),
        ({"value": "drop table"}, "is not known here any more"),
        ({"value": "{run}.100.{mark}"}, "not the newest any more"),
        ({"value": "{run}.150.0123456789ab"}, "not the newest any more"),
        ({"value": "{run}.150."}, "not the newest any more"),
    ],
)
async def test_a_button_of_something_older_is_refused_with_a_word(
    hall: Hall, changes: dict[str, str], word: str
) -> None:
    """Case 33: what it carries is what somebody saw, and no more."""
    run = hall.waits()
    value = changes["value"].format(run=run.id, mark=mark_of(run))
    assert word in refused(await hall.press(run, value=value))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"phase": RunPhase.FINISHED, "state": RunState.REJECTED, "decided_by": "bob"}, "`bob`"),
        ({"superseded_by": "b" * 40}, "of an older head"),
        ({"cancel_requested": True}, "being cancelled"),
        ({"review": Review.DUE}, "being compared"),
        ({"state": RunState.RUNNING}, "does not wait"),
    ],
)
async def test_what_cannot_be_approved_any_more_is_said(
    hall: Hall, changes: dict[str, Any], word: str
) -> None:
    work = await hall.press(hall.waits(**changes))
    assert word in refused(work)


async def test_the_loser_is_told_who_was_first_and_when(hall: Hall) -> None:
    run = hall.waits()
    hall.store.decisions[run.id] = Decision(
        run_id=run.id,
        answer=Answer.APPROVE,
        actor=GRACE.actor,
        door="slack",
        digest="",
        at=hall.clock.now() - timedelta(seconds=12),
        phase=DecisionPhase.SENT,
    )
    text = refused(await hall.press(run))
    assert text == "Nothing was approved: already approved by `Grace Hopper (slack:U2)` 12 s ago."


@pytest.mark.parametrize("control", [Control.APPROVE, Control.REJECT])
@pytest.mark.parametrize("happening", ["approve", "reject", "cancel", "delete"])
async def test_a_job_that_does_not_wait_any_more_is_not_answered_but_looked_at(
    hall: Hall, control: Control, happening: str
) -> None:
    """Case 38: what is shown is too old, and whoever pressed learns it."""
    run = hall.waits()
    getattr(hall.server, happening)(run.job_id)
    work = await hall.press(run, control)
    assert "not wait for an approval any more" in (text := refused(work)) or "is gone" in text
    assert work.looks == [run.id]
    assert hall.server.count("approve_job") == 0


async def test_terrakube_is_asked_or_nothing_is_done(hall: Hall) -> None:
    run = hall.waits()
    hall.server.failures["job"] = [TemporaryRemoteError("GET job: 503", service="terrakube")]
    work = await hall.press(run)
    assert "Terrakube does not say just now" in refused(work)
    assert not work.looks


async def test_a_job_that_waits_at_another_step_by_now_is_looked_at_first(hall: Hall) -> None:
    run = hall.waits()
    job = hall.server.known[run.job_id]
    steps = tuple(replace(one, status="completed") for one in job.steps[:2])
    hall.server.known[run.job_id] = replace(job, steps=(*steps, *job.steps[2:]))
    work = await hall.press(run)
    assert "not the newest any more" in refused(work)
    assert work.looks == [run.id]


class TestFourEyes:
    @pytest.mark.parametrize(
        ("asker", "by", "linked", "word"),
        [
            (GRACE.actor, GRACE, (), "you asked for it yourself"),
            ("Grace, renamed (slack:U2)", GRACE, (), "you asked for it yourself"),
            (GRACE.actor, ADA, (), ""),
            ("alice", ADA, (an_identity(),), "you asked for it yourself"),
            ("Alice", ADA, (an_identity(),), "you asked for it yourself"),
            ("bob", ADA, (an_identity(),), ""),
            ("bob", ADA, (), "cannot be told"),
            ("bob", ADA, (an_identity(GRACE, "bob"),), ""),
            ("alice", ADA, (an_identity(GRACE, "bob"),), "cannot be told"),
        ],
    )
    async def test_whoever_asked_is_not_who_approves(
        self, hall: Hall, asker: str, by: ChatUser, linked: tuple[Any, ...], word: str
    ) -> None:
        """Case 36: through login, id and what is linked."""
        hall.rule(replace(MAY_ALL, four_eyes=True))
        hall.chats.people += linked
        run = hall.waits(actor=asker, repository=INFRA)
        work = await hall.press(run, by=by)
        if word:
            assert word in refused(work)
        else:
            assert len(work.decides) == 1

    async def test_of_a_job_started_in_terrakube_two_different_people_approve(
        self, hall: Hall
    ) -> None:
        hall.rule(replace(MAY_ALL, four_eyes=True))
        space = next(iter(hall.server.spaces.values())).ref
        run = hall.waits(actor="ada@example.com")
        run = replace(run, request=replace(run.request, verb=Verb.JOB, workspace=space))
        hall.store.runs = {run.id: run}
        assert [one.quorum for one in (await hall.press(run)).decides] == [2]

    async def test_the_strictest_rule_holds_whichever_lets_somebody(self, hall: Hall) -> None:
        hall.rule(
            MAY_ALL,
            replace(a_rule("code:team:a/b", may="approve", workspaces=("acme/net*",)), quorum=3),
            replace(a_rule("*", may="plan"), quorum=9),
            replace(a_rule("*", workspaces=("acme/dns",)), quorum=8),
        )
        assert [one.quorum for one in (await hall.press(hall.waits())).decides] == [3]


async def test_nobody_approves_what_nobody_can_have_seen(hall: Hall) -> None:
    unread = {"digest": "", "counts": None}
    run = hall.waits(phase=RunPhase.REVIEWING, **unread)
    assert "its plan is being read" in refused(await hall.press(run))
    text, work = await hall.tell(said(ApproveCommand, job=run.job_id))
    assert "its plan is being read" in text
    assert not work.decides
    assert (await hall.press(run, Control.REJECT)).decides
    cannot_be_read = hall.waits(phase=RunPhase.CREATED, **unread)
    assert (await hall.press(cannot_be_read)).decides
    seen_before = hall.waits(phase=RunPhase.REVIEWING)
    assert (await hall.press(seen_before)).decides


class TestDestroys:
    async def test_a_destroy_needs_its_own_right_besides(self, hall: Hall) -> None:
        hall.rule(a_rule(ON_CALL, may="approve reject"))
        run = hall.waits()
        run = replace(run, request=replace(run.request, verb=Verb.DESTROY))
        hall.store.runs = {run.id: run}
        text = refused(await hall.press(run, Control.TYPE_NAME))
        assert "lets you say `destroy`" in text
        assert (await hall.press(run, Control.REJECT)).decides

    @pytest.mark.parametrize("name", ["network", " acme/network "])
    async def test_the_name_is_typed_and_the_same_is_asked_again(
        self, hall: Hall, name: str
    ) -> None:
        run = hall.waits(counts=PlanCounts(add=0, change=0, destroy=11))
        work = await hall.type(run, name)
        assert [(one.answer, one.step) for one in work.decides] == [(Answer.APPROVE, "150")]
        told_by = work.decides[0].told
        assert told_by is not None
        assert told_by.target.where == "C1"

    @pytest.mark.parametrize("name", ["", "Network", "net", "acme/dns"])
    async def test_another_name_approves_nothing(self, hall: Hall, name: str) -> None:
        work = await hall.type(hall.waits(), name)
        assert refused(work) == ("Nothing was approved: the name that was typed is not `network`.")

    async def test_a_form_is_checked_like_a_button(self, hall: Hall) -> None:
        run = hall.waits()
        assert "no `access` rule" in refused(await hall.type(run, "network", actor=EVE.id))
        forged = str(FormPlace(channel="C1", button="x.y"))
        assert "not known" in refused(await hall.type(run, "network", metadata=forged))
        hall.server.approve(run.job_id)
        form = FormPlace(channel="C1", button=f"{run.id}.150.{mark_of(run)}")
        event = FormSent(
            delivery_id="d",
            received_at=NOW,
            actor=ADA.id,
            place=ChatPlace(team=TEAM, channel=""),
            trigger="slack:T1:5.6",
            form=Form.CONFIRM,
            values={Control.NAME: "network"},
            metadata=str(form),
        )
        assert "does not wait" in refused(await hall.happens(event))

    async def test_other_forms_are_somebody_elses(self, hall: Hall) -> None:
        work = await hall.type(hall.waits(), "network", form=Form.START.value)
        assert not work.decides

    async def test_the_modal_is_valid_and_says_what_goes(self, hall: Hall) -> None:
        run = hall.waits(counts=PlanCounts(add=0, change=0, destroy=11))
        work = await hall.press(run, Control.TYPE_NAME)
        (post,) = work.posts
        assert (post.kind, work.decides, work.audits) == (PostKind.CHAT_VIEW, [], [])
        view = json.loads(post.content or "")
        assert list(check_view(view)) == []
        assert FormPlace.parse(view["private_metadata"]).button == f"{run.id}.150.{mark_of(run)}"

    async def test_a_button_that_forgot_the_name_opens_the_modal_instead(self, hall: Hall) -> None:
        run = hall.waits(counts=PlanCounts(add=0, change=0, destroy=11))
        work = await hall.press(run)
        assert not work.decides
        assert [one.kind for one in work.posts] == [PostKind.CHAT_VIEW]
        assert [one.result for one in work.audits] == ["refused"]
        hall.confirm = 11
        assert (await hall.press(run)).decides


NAMED = Selection(workspaces=("acme/network",))


def said(kind: type[Command], **fields: Any) -> Command:  # noqa: ANN401 - of the command
    word = {ApproveCommand: "approve", RejectCommand: "reject"}.get(kind, "cancel")
    return kind(line=1, text=f"{word} it", **fields)


class TestWords:
    @pytest.mark.parametrize(
        ("kind", "answer", "text"),
        [
            (ApproveCommand, Answer.APPROVE, "Approved: `apply acme/network`."),
            (RejectCommand, Answer.REJECT, "Rejected: `apply acme/network`."),
        ],
    )
    async def test_a_job_or_a_workspace_is_named(
        self, hall: Hall, kind: type[Command], answer: Answer, text: str
    ) -> None:
        run = hall.waits()
        for fields in ({"job": run.job_id}, {"selection": NAMED}):
            told_back, work = await hall.tell(said(kind, **fields))
            assert told_back == text
            assert [(one.run_id, one.answer) for one in work.decides] == [(run.id, answer)]
            assert work.decides[0].told is not None
            assert audited(work) == [(ADA.actor, f"{answer}.requested", "done")]

    async def test_what_is_cancelled_is_said(self, hall: Hall) -> None:
        run = hall.waits()
        text, work = await hall.tell(said(CancelCommand, selection=NAMED))
        assert "Being cancelled in Terrakube: `apply acme/network`." in text
        assert [(one.run_id, one.answer) for one in work.decides] == [(run.id, Answer.CANCEL)]

    @pytest.mark.parametrize(
        ("command", "word"),
        [
            (said(ApproveCommand), "Say which: `/terrakube approve organization/workspace`"),
            (said(ApproveCommand, job="99"), "does not follow job `99`"),
            (
                said(RejectCommand, selection=Selection(workspaces=("acme/none",))),
                "There is no workspace `acme/none`.",
            ),
            (
                said(RejectCommand, selection=Selection(workspaces=("acme/d*",))),
                "Nothing that matches `acme/d*` waits for an approval",
            ),
        ],
    )
    async def test_what_is_not_there_is_said(self, hall: Hall, command: Command, word: str) -> None:
        hall.waits()
        hall.workspace("dns")
        text, work = await hall.tell(command)
        assert word in text
        assert (work.decides, [one.result for one in work.audits]) == ([], ["refused"])

    async def test_a_name_is_answered_for_in_one_organization(self, hall: Hall) -> None:
        """What somebody did not mean is not approved, whatever it is called."""
        run = hall.waits()
        other = hall.server.add_organization("umbrella")
        hall.server.add_workspace("network", organization=other)
        by_name = said(ApproveCommand, selection=Selection(workspaces=("network",)))
        text, work = await hall.tell(by_name)
        assert "several organizations have a workspace `network`" in text
        assert (work.decides, [one.result for one in work.audits]) == ([], ["refused"])
        hall.chats.settings["C1"] = ChannelSettings(team=TEAM, channel="C1", organization="acme")
        _, work = await hall.tell(by_name)
        assert [one.run_id for one in work.decides] == [run.id]
        hall.chats.settings["C1"] = replace(hall.chats.settings["C1"], organization="umbrella")
        assert not (await hall.tell(by_name))[1].decides

    async def test_an_approval_does_not_wait_for_what_nobody_has_seen(self, hall: Hall) -> None:
        """Another job may wait by the time Terrakube answers again; the others do no harm."""
        hall.waits()
        hall.server.failures["organizations"] = [unavailable(), unavailable()]
        text, work = await hall.tell(said(ApproveCommand, selection=NAMED))
        assert "try again in a while" in text
        assert (work.decides, [one.result for one in work.audits]) == ([], ["refused"])
        with pytest.raises(TemporaryRemoteError):
            await hall.tell(said(RejectCommand, selection=NAMED))

    async def test_it_needs_the_same_rights_as_a_button(self, hall: Hall) -> None:
        hall.waits()
        text, work = await hall.tell(said(ApproveCommand, selection=NAMED), by=EVE)
        assert "no `access` rule lets you say `approve`" in text
        assert (work.decides, audited(work)) == (
            [],
            [(EVE.actor, "approve.requested", "refused")],
        )

    async def test_the_name_of_the_workspace_is_a_name_that_is_typed(self, hall: Hall) -> None:
        run = hall.waits(counts=PlanCounts(add=0, change=0, destroy=11))
        text, work = await hall.tell(said(ApproveCommand, job=run.job_id))
        assert "`/terrakube approve acme/network`" in text
        assert not work.decides
        glob = Selection(workspaces=("acme/*",))
        assert not (await hall.tell(said(ApproveCommand, selection=glob)))[1].decides
        assert (await hall.tell(said(ApproveCommand, selection=NAMED)))[1].decides

    async def test_an_approval_that_is_not_enough_is_told_when_it_is_counted(
        self, hall: Hall
    ) -> None:
        hall.rule(replace(MAY_ALL, quorum=2))
        run = hall.waits()
        text, work = await hall.tell(said(ApproveCommand, job=run.job_id))
        approved = "Approved: `apply acme/network`."
        (decision,) = work.decides
        assert (text, decision.quorum, decision.done) == ("", 2, approved)
        hall.store.approvals[run.id] = [Vote(actor=GRACE.actor, at=NOW)]
        text, work = await hall.tell(said(ApproveCommand, job=run.job_id))
        assert (text, [one.done for one in work.decides]) == (approved, [""])
