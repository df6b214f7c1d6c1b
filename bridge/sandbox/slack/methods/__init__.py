"""The methods of the Web API, by their names."""

from collections.abc import Mapping

from bridge.sandbox.slack.calls import Method
from bridge.sandbox.slack.methods import apps, chat, conversations, files, people, views

METHODS: Mapping[str, Method] = {
    **apps.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **people.METHODS,
    **views.METHODS,
}

SCOPES = frozenset(
    {method.scope for method in METHODS.values() if method.scope}
    | {"commands", "app_mentions:read", "chat:write.public", "users:read.email"}
    | {"channels:read", "groups:read", "im:read", "mpim:read", "im:write", "mpim:write"}
)
"""Everything an app may be granted here."""
