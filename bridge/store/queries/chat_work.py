"""Writing down what was said of channels and people of a chat."""

from sqlalchemy import Connection

from bridge.domain.work import Work
from bridge.store.queries import chat, identities


def change_chat(connection: Connection, work: Work, now: int) -> None:
    """Write what channels want to hear and how they are, and who is whom.

    Raises:
        OverloadedError: A code was used by somebody else at this moment.
    """
    for used in work.links_used:
        identities.use(connection, used, now)
    for apart in work.unlinks:
        identities.unlink(connection, apart)
    for offered in work.offers:
        identities.offer(connection, offered)
    for gone in work.unsubscribes:
        chat.unsubscribe(connection, gone)
    for settings in work.channels:
        chat.set_channel(connection, settings, now)
    for wanted in work.subscribes:
        chat.subscribe(connection, wanted, now)
