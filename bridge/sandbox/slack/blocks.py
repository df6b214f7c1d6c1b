"""Block Kit as Slack checks it: every block by its type.

Source of the limits: slack.md section 7.1 of the project's papers. A block that is not in the table
is refused, since nobody has looked up what it may hold.
"""

from collections.abc import Mapping

from bridge.sandbox.slack.checks import (
    Check,
    address,
    anything,
    array,
    exactly_one,
    flag,
    kinds,
    record,
    text,
    whole,
    word,
)
from bridge.sandbox.slack.elements import (
    BUTTON,
    IDENTIFIER,
    IMAGE,
    IN_ACTIONS,
    IN_CONTEXT,
    IN_INPUT,
    IN_SECTION,
    either,
    plain,
)

MOST_MARKDOWN = 12_000
LARGEST_TABLE = 10_000
_SOME = 10_000

_STYLE = record({}, {"bold": flag, "italic": flag, "strike": flag, "code": flag, "underline": flag})
_RUN = record({"text": text(_SOME)}, {"style": _STYLE})
_LINK = record(
    {"url": text(3000)}, {"text": text(_SOME, shortest=0), "style": _STYLE, "unsafe": flag}
)
_INLINE = kinds(
    {
        "text": _RUN,
        "link": _LINK,
        "user": record({"user_id": text(20)}, {"style": _STYLE}),
        "usergroup": record({"usergroup_id": text(20)}, {"style": _STYLE}),
        "channel": record({"channel_id": text(20)}, {"style": _STYLE}),
        "broadcast": record({"range": word("here", "channel", "everyone")}),
        "emoji": record({"name": text(100)}, {"unicode": text(100), "skin_tone": whole(1, 6)}),
        "date": record(
            {"timestamp": whole(0, 10**11), "format": text(200)},
            {"url": address(), "fallback": text(200)},
        ),
    }
)
_BARE = kinds({"text": _RUN, "link": _LINK})
_SECTION = record({"elements": array(_INLINE, _SOME, least=0)})
_RICH = kinds(
    {
        "rich_text_section": _SECTION,
        "rich_text_list": record(
            {
                "style": word("bullet", "ordered"),
                "elements": array(kinds({"rich_text_section": _SECTION}), _SOME),
            },
            {"indent": whole(0, 8), "border": whole(0, 1), "offset": whole(0, _SOME)},
        ),
        "rich_text_preformatted": record(
            {"elements": array(_BARE, _SOME)}, {"border": whole(0, 1), "language": text(40)}
        ),
        "rich_text_quote": record({"elements": array(_INLINE, _SOME)}, {"border": whole(0, 1)}),
    }
)
_ID: Mapping[str, Check] = {"block_id": IDENTIFIER}
_RICH_TEXT = record({"elements": array(_RICH, _SOME)}, _ID)
_CELL = kinds(
    {
        "raw_text": record({"text": text(LARGEST_TABLE)}),
        "raw_number": record({"value": anything}, {"text": text(LARGEST_TABLE)}),
        "rich_text": _RICH_TEXT,
    }
)
_STATUS = ("pending", "in_progress", "complete", "error")
_TASK: Mapping[str, Check] = {
    "title": text(_SOME),
    "details": anything,
    "output": anything,
    "sources": array(anything, _SOME),
    **_ID,
}


def _task(*statuses: str) -> Check:
    return record(
        {"task_id": IDENTIFIER, "title": text(_SOME)}, {**_TASK, "status": word(*statuses)}
    )


_CARD = record(
    {},
    {
        "title": either(150),
        "subtitle": either(150),
        "body": either(200),
        "actions": array(BUTTON, 3),
        "hero_image": IMAGE,
        "icon": IMAGE,
        **_ID,
    },
)

BLOCKS: Mapping[str, Check] = {
    "section": record(
        {},
        {
            "text": either(3000),
            "fields": array(either(2000), 10),
            "accessory": IN_SECTION,
            "expand": flag,
            **_ID,
        },
    ),
    "header": record({"text": plain(150)}, _ID),
    "context": record({"elements": array(IN_CONTEXT, 10)}, _ID),
    "actions": record({"elements": array(IN_ACTIONS, 25)}, _ID),
    "divider": record({}, _ID),
    "image": exactly_one(
        ("image_url", "slack_file"),
        record(
            {"alt_text": text(2000)},
            {"image_url": address(), "slack_file": anything, "title": plain(2000), **_ID},
        ),
    ),
    "input": record(
        {"label": plain(2000), "element": IN_INPUT},
        {"hint": plain(2000), "optional": flag, "dispatch_action": flag, **_ID},
    ),
    "rich_text": _RICH_TEXT,
    "markdown": record({"text": text(MOST_MARKDOWN)}, _ID),
    "table": record(
        {"rows": array(array(_CELL, 20), 100)}, {"column_settings": array(anything, 20), **_ID}
    ),
    "alert": record(
        {"text": either(200)},
        {"level": word("default", "info", "warning", "error", "success"), **_ID},
    ),
    "card": _CARD,
    "carousel": record({"elements": array(kinds({"card": _CARD}), 10)}, _ID),
    "plan": record(
        {"title": text(_SOME)}, {"tasks": array(kinds({"task_card": _task(*_STATUS)}), 50), **_ID}
    ),
    "task_card": _task(*_STATUS[1:]),
}
BLOCKS = {
    **BLOCKS,
    "container": record(
        {"child_blocks": array(kinds(BLOCKS), 10)},
        {
            "title": plain(150),
            "subtitle": plain(150),
            "width": anything,
            "icon": IMAGE,
            "is_collapsible": flag,
            "default_collapsed": flag,
            "has_header_divider": flag,
            **_ID,
        },
    ),
}
