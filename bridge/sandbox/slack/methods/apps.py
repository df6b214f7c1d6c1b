"""``apps.connections.open``: the way into Socket Mode."""

from collections.abc import Mapping

from bridge.sandbox.slack.calls import Call, Method
from bridge.sandbox.slack.checks import Json


def open_connection(call: Call) -> Json:
    """Say where to connect to, once."""
    ticket = call.world.next_id("ticket")
    call.world.tickets.add(ticket)
    return {"url": f"{call.world.url.replace('http', 'ws', 1)}/ws?ticket={ticket}"}


METHODS: Mapping[str, Method] = {
    "apps.connections.open": Method(
        handler=open_connection, tier="tier1", scope="connections:write", app=True
    ),
}
