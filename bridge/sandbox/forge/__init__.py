"""A forge to talk to: GitHub's or Forgejo's API over real git repositories, on a free port.

It keeps state, signs its deliveries, enforces the limits a forge enforces, and remembers every
request. What no careful client would send is a surprise: refused, and raised by
``assert_no_surprises``.
"""

from bridge.sandbox.forge.limits import Limits
from bridge.sandbox.forge.model import Access, Flavour
from bridge.sandbox.forge.server import start
from bridge.sandbox.forge.standin import StandIn

__all__ = ["Access", "Flavour", "Limits", "StandIn", "start"]
