"""What blocks are made of: texts, options, buttons, menus and inputs, with their limits."""

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

IDENTIFIER = text(255)
_SOME = 1_000_000


def plain(longest: int) -> Check:
    """Want a plain text object."""
    return kinds({"plain_text": record({"text": text(longest)}, {"emoji": flag})})


def either(longest: int) -> Check:
    """Want a text object, plain or mrkdwn."""
    return kinds(
        {
            "plain_text": record({"text": text(longest)}, {"emoji": flag}),
            "mrkdwn": record({"text": text(longest)}, {"verbatim": flag}),
        }
    )


CONFIRM = record(
    {"title": plain(100), "text": either(300), "confirm": plain(30), "deny": plain(30)},
    {"style": word("primary", "danger")},
)
_OPTION = record({"text": plain(75), "value": text(150)}, {"description": plain(75)})
_RICH_OPTION = record({"text": either(75), "value": text(150)}, {"description": either(75)})
_MENU_OPTION = record(
    {"text": plain(75), "value": text(150)}, {"description": plain(75), "url": address()}
)
OPTIONS = array(_OPTION, 100)
_GROUP = record({"label": plain(75), "options": OPTIONS})
GROUPS = array(_GROUP, 100)
SUGGESTIONS = exactly_one(
    ("options", "option_groups"),
    record(
        {},
        {
            "options": array(_OPTION, 100, least=0),
            "option_groups": array(_GROUP, 100, least=0),
        },
    ),
)
"""What is answered when somebody types into an external_select."""

_ACTIVE: Mapping[str, Check] = {"action_id": IDENTIFIER, "confirm": CONFIRM}
_FOCUSED: Mapping[str, Check] = {**_ACTIVE, "focus_on_load": flag, "placeholder": plain(150)}

BUTTON = record(
    {"text": plain(75)},
    {
        **_ACTIVE,
        "value": text(2000, shortest=0),
        "url": address(),
        "style": word("primary", "danger"),
        "accessibility_label": text(75),
        "visible_to_user_ids": array(text(20), _SOME),
    },
)
IMAGE = exactly_one(
    ("image_url", "slack_file"),
    record({"alt_text": text(2000)}, {"image_url": address(), "slack_file": anything}),
)

_SELECTS: Mapping[str, Check] = {
    "static_select": exactly_one(
        ("options", "option_groups"),
        record(
            {}, {**_FOCUSED, "options": OPTIONS, "option_groups": GROUPS, "initial_option": _OPTION}
        ),
    ),
    "external_select": record(
        {}, {**_FOCUSED, "initial_option": _OPTION, "min_query_length": whole(0, _SOME)}
    ),
    "users_select": record({}, {**_FOCUSED, "initial_user": text(20)}),
    "channels_select": record(
        {}, {**_FOCUSED, "initial_channel": text(20), "response_url_enabled": flag}
    ),
    "conversations_select": record(
        {},
        {
            **_FOCUSED,
            "initial_conversation": text(20),
            "default_to_current_conversation": flag,
            "response_url_enabled": flag,
            "filter": anything,
        },
    ),
}
_MANY: Mapping[str, Check] = {**_FOCUSED, "max_selected_items": whole(1, _SOME)}
_MULTI: Mapping[str, Check] = {
    "multi_static_select": exactly_one(
        ("options", "option_groups"),
        record(
            {}, {**_MANY, "options": OPTIONS, "option_groups": GROUPS, "initial_options": OPTIONS}
        ),
    ),
    "multi_external_select": record(
        {}, {**_MANY, "initial_options": OPTIONS, "min_query_length": whole(0, _SOME)}
    ),
    "multi_users_select": record({}, {**_MANY, "initial_users": array(text(20), _SOME)}),
}
_CHOICES: Mapping[str, Check] = {
    "checkboxes": record(
        {"options": array(_RICH_OPTION, 10)},
        {**_ACTIVE, "initial_options": array(_RICH_OPTION, 10), "focus_on_load": flag},
    ),
    "radio_buttons": record(
        {"options": array(_RICH_OPTION, 10)},
        {**_ACTIVE, "initial_option": _RICH_OPTION, "focus_on_load": flag},
    ),
    "datepicker": record({}, {**_FOCUSED, "initial_date": text(10)}),
    "timepicker": record({}, {**_FOCUSED, "initial_time": text(5), "timezone": text(100)}),
}
_OVERFLOW: Mapping[str, Check] = {
    "overflow": record({"options": array(_MENU_OPTION, 5)}, _ACTIVE),
}
_TYPED: Mapping[str, Check] = {
    "action_id": IDENTIFIER,
    "focus_on_load": flag,
    "placeholder": plain(150),
    "dispatch_action_config": record(
        {}, {"trigger_actions_on": array(word("on_enter_pressed", "on_character_entered"), 2)}
    ),
}
_INPUTS: Mapping[str, Check] = {
    "plain_text_input": record(
        {},
        {
            **_TYPED,
            "initial_value": text(3000, shortest=0),
            "multiline": flag,
            "min_length": whole(0, 3000),
            "max_length": whole(1, 3000),
        },
    ),
    "email_text_input": record({}, {**_TYPED, "initial_value": text(3000)}),
    "url_text_input": record({}, {**_TYPED, "initial_value": text(3000)}),
    "number_input": record(
        {"is_decimal_allowed": flag},
        {**_TYPED, "initial_value": text(40), "min_value": text(40), "max_value": text(40)},
    ),
}

IN_SECTION = kinds(
    {"button": BUTTON, "image": IMAGE, **_OVERFLOW, **_SELECTS, **_MULTI, **_CHOICES}
)
IN_ACTIONS = kinds({"button": BUTTON, **_OVERFLOW, **_SELECTS, **_CHOICES})
IN_CONTEXT = kinds(
    {
        "plain_text": record({"text": text(3000)}, {"emoji": flag}),
        "mrkdwn": record({"text": text(3000)}, {"verbatim": flag}),
        "image": IMAGE,
    }
)
IN_INPUT = kinds({**_INPUTS, **_SELECTS, **_MULTI, **_CHOICES})
