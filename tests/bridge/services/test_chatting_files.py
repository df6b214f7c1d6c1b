"""Complete plans as files; where none can be put, a beginning and a link."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from bridge.domain.posts import PostKind
from bridge.domain.runs import Run
from bridge.sandbox.slack.methods import SCOPES
from tests.bridge.rendering.reports import a_plan, a_report, a_run
from tests.bridge.rendering.slack.chats import chat
from tests.bridge.services.talking import Desk, a_desk, told

RUN = a_run(counts=(40, 0, 0))
URL = "https://terrakube.example.com"


def show(desk: Desk, run: Run = RUN) -> None:
    desk.want_files()
    desk.show(chat(a_report(run, plan=a_plan(40))))


async def put(desk: Desk) -> None:
    await desk.publish(desk.post(PostKind.CHAT_FILE, run_id=RUN.id))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with a_desk() as one:
        yield one


async def test_a_plan_is_put_there_once(desk: Desk) -> None:
    show(desk)
    await put(desk)
    await put(desk)
    (message,) = desk.messages
    assert message.files[0].name == "plan-acme-network-job-17.txt"
    assert desk.lease.paid == ["upload"]


async def test_nothing_is_put_where_nobody_wants_it(desk: Desk) -> None:
    desk.show(chat(a_report(RUN, plan=a_plan(40))))
    await put(desk)
    show(desk)
    desk.show(chat(a_report(RUN, plan=a_plan(40))), interests=frozenset())
    await put(desk)
    assert desk.slack.requests == []


async def test_a_channel_that_takes_no_files_gets_a_beginning_and_a_link() -> None:
    """A private one, or whose messages are written from outside; the job goes on."""
    async with a_desk(with_bot=False, scopes=frozenset(SCOPES) - {"channels:join"}) as desk:
        show(desk)
        with capture_logs() as logs:
            await put(desk)
            await put(desk)
        (message,) = desk.messages
        assert message.text.startswith("Plan of *acme/network* plan (<https://")
        assert [block["type"] for block in message.blocks] == ["section", "rich_text"]
        assert "chat.not_uploaded" in told(logs)


async def test_without_the_scope_files_are_off_and_the_log_says_which_it_is() -> None:
    async with a_desk(scopes=frozenset(SCOPES) - {"files:write"}) as desk:
        show(desk)
        with capture_logs() as logs:
            await put(desk)
            desk.lease.saved = []
            await put(desk)
        named = [entry["scope"] for entry in logs if entry["event"] == "chat.scope_missing"]
        assert named == ["files:write"]
        assert len(desk.slack.calls("files.getUploadURLExternal")) == 1, "it is off now"
        assert len(desk.messages) == 2


async def test_it_is_tried_again_in_a_while() -> None:
    async with a_desk(scopes=frozenset(SCOPES) - {"files:write"}) as desk:
        show(desk)
        await put(desk)
        desk.slack.gate.granted = frozenset(SCOPES)
        desk.lease.saved = []
        assert desk.store.report is not None
        desk.clock.moment = desk.store.report.now
        desk.clock.advance(601)
        desk.show(*desk.store.report.runs, now=desk.clock.now())
        await put(desk)
        assert [len(one.files) for one in desk.messages] == [0, 1]


async def test_a_file_of_which_nobody_knows_whether_it_is_there_is_not_put_again(
    desk: Desk,
) -> None:
    desk.slack.faults.store_then_fail("files.completeUploadExternal")
    show(desk)
    await put(desk)
    await put(desk)
    assert [len(one.files) for one in desk.messages] == [1]
