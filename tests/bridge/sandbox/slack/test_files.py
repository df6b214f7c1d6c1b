"""Files: three steps, in this order only, and only where the app is a member."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tests.bridge.sandbox.slack.apps import Place


async def test_the_clients_own_upload_works(place: Place) -> None:
    root = await place.post()
    await place.client.files_upload_v2(
        content="the plan",
        filename="plan.txt",
        title="Plan",
        channel=place.ops.id,
        thread_ts=root,
        initial_comment="The whole plan",
        snippet_type="text",
    )
    answer = place.slack.messages(place.ops)[-1]
    assert (answer.thread, answer.text) == (root, "The whole plan")
    assert [(one.title, one.content) for one in answer.files] == [("Plan", b"the plan")]
    assert place.slack.show(answer).endswith("[file Plan, 8 bytes]")
    shown = await place.client.files_info(file=answer.files[0].id)
    assert shown["file"]["channels"] == [place.ops.id]
    place.slack.assert_no_surprises()


async def test_membership_is_needed_even_where_anybody_may_write(place: Place) -> None:
    foreign = place.slack.add_channel("random", place.alice, with_bot=False)
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await place.client.files_upload_v2(content="x", filename="x", channel=foreign.id)


async def test_another_order_is_refused(place: Place) -> None:
    first = await place.client.files_getUploadURLExternal(filename="x", length=3)
    third = {"files": [{"id": first["file_id"]}], "channel_id": place.ops.id}
    assert await place.error("files.completeUploadExternal", **third) == "file_not_found"
    async with aiohttp.ClientSession() as session:
        for content, status in ((b"four", 400), (b"two", 200), (b"two", 400)):
            answer = await session.post(first["upload_url"], data=content)
            assert answer.status == status
    assert await place.error("files.completeUploadExternal", **third) == ""
    assert await place.error("files.completeUploadExternal", **third) == "file_not_found"
    assert len(place.slack.surprises) == 4
