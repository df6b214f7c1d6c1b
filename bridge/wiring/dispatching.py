"""Handlers and what they are handed."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from bridge.domain.rules import On
from bridge.routing import Dispatcher, Parser, Services
from bridge.terrakube import tcl
from handlers import load_routers
from handlers.waiting import conclude_waiting, tell_waiting


def make_dispatcher(
    services: Services,
    *,
    redact: Callable[[str], str] = str,
    parsers: Mapping[str, Parser] | None = None,
) -> Dispatcher:
    """Hand the services, and the inline flows the bridge sends, to every handler.

    Args:
        services: What handlers may reach.
        redact: Masks secrets in what is written down.
        parsers: What reads the deliveries of a chat, by their source.
    """
    applying = tcl.apply_text(services.policy.approval_team)
    flows = {
        On.PULL_REQUEST: tcl.plan_text(),
        On.PUSH: applying,
        On.TAG: applying,
    }
    return Dispatcher(
        router=load_routers(),
        services=replace(services, built_in=flows, destruction=tcl.plan_destroy_text()),
        redact=redact,
        telling=tell_waiting,
        concluding=conclude_waiting,
        parsers=parsers or {},
    )
