"""What is found out about Slack at start: what the app may not do, and what does not work then."""

from collections.abc import Sequence

from bridge.chat.manifest import SCOPES
from bridge.chat.people import People
from bridge.domain.chat import ChatAccount
from bridge.domain.errors import ChatRefusalError, RemoteError


def shortcomings(account: ChatAccount) -> Sequence[str]:
    """Say what is off for lack of a scope, a sentence each; nothing when Slack names none."""
    if not account.scopes:
        return ()
    return tuple(
        f"the app lacks the scope {scope}, for {purpose}: add it and install the app again"
        for scope, purpose in SCOPES.items()
        if scope not in account.scopes
    )


async def channel_shortcoming(people: People, channel: str, account: ChatAccount) -> str:
    """Say why the bridge should not or cannot write to a channel; empty for none."""
    name = account.user and f"<@{account.user}>"
    try:
        audience = await people.audience(channel)
        if audience.has_strangers:
            return (
                f"people of other organizations are in channel {channel} and see every plan the "
                "bridge shows there: name another slack.default_channel"
            )
        if audience.has_us:
            return ""
    except ChatRefusalError as error:
        return f"channel {channel} cannot be looked at: {error}"
    except RemoteError as error:
        return f"Slack did not say whether the bridge is in {channel}: {error}"
    return f"the bridge is not in channel {channel}: /invite {name or 'it'} there"
