"""A conversation as people see it, and whom its messages call."""

from pathlib import Path
from typing import Any

import pytest

from tests.bridge.sandbox.slack.apps import Place
from tests.golden import check_golden

Json = dict[str, Any]


def text(said: str, kind: str = "mrkdwn") -> Json:
    return {"type": kind, "text": said}


def blocks(place: Place) -> list[Json]:
    run = [
        {"type": "user", "user_id": place.bob.id},
        {"type": "text", "text": " changed "},
        {"type": "link", "url": "https://x.example", "text": "main.tf"},
        {"type": "emoji", "name": "tada"},
        {"type": "date", "timestamp": 1, "format": "{time}", "fallback": "12:00"},
    ]
    return [
        {"type": "header", "text": text("acme/network: plan", "plain_text")},
        {
            "type": "section",
            "text": text(f"*Waits* for <@{place.alice.id}> and <!subteam^{place.group.id}>"),
            "fields": [text("+3 ~1 -2"), text("a &lt;b&gt; &amp; c")],
            "accessory": {
                "type": "static_select",
                "placeholder": text("Template", "plain_text"),
                "options": [{"text": text("Plan", "plain_text"), "value": "p"}],
            },
        },
        {"type": "context", "elements": [text(f"<#{place.ops.id}>"), text("<!date^1^x|noon>")]},
        {"type": "divider"},
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": run},
                {
                    "type": "rich_text_preformatted",
                    "elements": [{"type": "text", "text": "+ a\n- <!channel>"}],
                },
                {
                    "type": "rich_text_list",
                    "style": "bullet",
                    "elements": [{"type": "rich_text_section", "elements": run[1:2]}],
                },
                {"type": "rich_text_quote", "elements": run[1:2]},
            ],
        },
        {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}] * 2] * 2},
        {"type": "markdown", "text": "**bold**"},
        {"type": "image", "image_url": "https://x.example/i.png", "alt_text": "i"},
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "text": text("Approve", "plain_text"),
                    "style": "primary",
                    "confirm": {
                        name: text("x", "plain_text")
                        for name in ("title", "text", "confirm", "deny")
                    },
                },
                {"type": "button", "text": text("Reject", "plain_text"), "style": "danger"},
                {
                    "type": "button",
                    "text": text("View", "plain_text"),
                    "url": "https://x.example/1",
                },
            ],
        },
    ]


async def test_a_conversation_reads_like_one(place: Place, request: pytest.FixtureRequest) -> None:
    client, ops = place.client, place.ops
    place.slack.say(place.alice, ops, "please plan #ops & <b>")
    ts = await place.post("Plan", blocks=blocks(place))
    await place.post(
        "Failed",
        thread_ts=ts,
        attachments=[{"color": "#e01e5a", "blocks": [{"type": "section", "text": text("Oh")}]}],
    )
    await client.chat_update(channel=ops.id, ts=ts, text="Plan", blocks=blocks(place))
    await client.chat_postEphemeral(channel=ops.id, user=place.alice.id, text="Only *you*")
    last = await place.post("Oops")
    await client.chat_delete(channel=ops.id, ts=last)
    seen = place.slack.show_channel(ops, to=place.alice)
    check_golden(request, Path(__file__).parent / "golden" / "conversation.txt", seen)
    assert "Only" not in place.slack.show_channel(ops, to=place.bob)
    place.slack.assert_no_surprises()


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("<!channel> and <!here|here>", ["!channel", "!here"]),
        ("<@U00000001> <@U00000002|x>", ["@U00000001", "@U00000002"]),
        ("<!subteam^S0123|@x>", ["!subteam^S0123"]),
        ("&lt;!channel&gt; @channel <https://x|y> <#C1|n>", []),
    ],
)
async def test_pings_are_found_in_text_and_blocks(
    place: Place, said: str, called: list[str]
) -> None:
    await place.post(said)
    await place.post("x", blocks=[{"type": "section", "text": text(said)}])
    quiet = {"type": "section", "text": text(said, "plain_text")}
    await place.post("x", blocks=[quiet])
    found = [place.slack.pings(one) for one in place.slack.messages(place.ops)]
    assert found == [called, called, []]


async def test_rich_text_pings_by_its_elements_only(place: Place) -> None:
    inner = [
        {"type": "text", "text": "<!channel>"},
        {"type": "broadcast", "range": "here"},
        {"type": "usergroup", "usergroup_id": "S0123"},
    ]
    section = {"type": "rich_text_section", "elements": inner}
    await place.post(blocks=[{"type": "rich_text", "elements": [section]}])
    (message,) = place.slack.messages(place.ops)
    assert place.slack.pings(message) == ["!here", "!subteam^S0123"]
