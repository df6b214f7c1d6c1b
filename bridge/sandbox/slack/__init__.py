"""A strict, stateful stand-in for Slack: its Web API, Socket Mode, and people who use it.

``async with start() as slack:`` serves on a free loopback port. It keeps messages, views and files,
signs what it delivers, and enforces Slack's limits. What no careful client would send is a
surprise: refused, and raised by ``assert_no_surprises``.
"""

from bridge.sandbox.slack.clock import Clock
from bridge.sandbox.slack.control import controlled
from bridge.sandbox.slack.limits import Limits, Rate
from bridge.sandbox.slack.server import start
from bridge.sandbox.slack.standin import StandIn

__all__ = ["Clock", "Limits", "Rate", "StandIn", "controlled", "start"]
