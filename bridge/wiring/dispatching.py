"""Handlers and what they are handed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from bridge.domain.rules import On
from bridge.routing import Dispatcher, Services
from bridge.terrakube import tcl
from handlers import load_routers
from handlers.waiting import conclude_waiting, tell_waiting

APPROVERS: Final = "terrakube-bridge"
"""Team the built-in approval step names (design section 10.11)."""


def make_dispatcher(services: Services, *, redact: Callable[[str], str] = str) -> Dispatcher:
    """Hand the services, and the inline flows the bridge sends, to every handler."""
    flows = {
        On.PULL_REQUEST: tcl.plan_text(),
        On.PUSH: tcl.apply_text(APPROVERS),
        On.TAG: tcl.apply_text(APPROVERS),
    }
    return Dispatcher(
        router=load_routers(),
        services=replace(services, built_in=flows),
        redact=redact,
        telling=tell_waiting,
        concluding=conclude_waiting,
    )
