"""What an operator may set, where it is read from, and what is wrong with it.

Environment before ``.env`` before ``bridge.yaml``; see docs/configuration.md. This package is the
only reader of the three. It does its own reading on top of pydantic instead of pydantic-settings'
sources: every mistake names file, line and key, all are told at once, and a misspelt variable is
one of them, none of which those sources can say.
"""

from bridge.settings.loading import (
    load_app_settings,
    load_settings,
    load_terrakube_settings,
)
from bridge.settings.model import Settings
from bridge.settings.origins import InvalidSettingsError, Mistake, Origin
from bridge.settings.sections import AppAccess

__all__ = [
    "AppAccess",
    "InvalidSettingsError",
    "Mistake",
    "Origin",
    "Settings",
    "load_app_settings",
    "load_settings",
    "load_terrakube_settings",
]
