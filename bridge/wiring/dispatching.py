"""Handlers and what they are handed."""

from collections.abc import Callable
from dataclasses import replace

from bridge.domain.rules import On
from bridge.routing import Dispatcher, Services
from bridge.terrakube import tcl
from handlers import load_routers
from handlers.waiting import conclude_waiting, tell_waiting


def make_dispatcher(services: Services, *, redact: Callable[[str], str] = str) -> Dispatcher:
    """Hand the services, and the inline flows the bridge sends, to every handler."""
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
    )
