"""A strict, stateful stand-in for Terrakube: answers as recorded, runs jobs with real terraform.

``async with start(folder) as terrakube:`` serves on a free loopback port. What it does follows the
recorded exchanges, errors included; a request that nobody has observed is answered 501 and listed
in ``unexpected``.
"""

from bridge.sandbox.terrakube.faults import CreateFault
from bridge.sandbox.terrakube.model import Status, Version
from bridge.sandbox.terrakube.plans import Plan, make_plan, make_row, plan_of
from bridge.sandbox.terrakube.standin import StandIn
from bridge.sandbox.terrakube.starting import start
from bridge.sandbox.terrakube.timings import Timings

__all__ = [
    "CreateFault",
    "Plan",
    "StandIn",
    "Status",
    "Timings",
    "Version",
    "make_plan",
    "make_row",
    "plan_of",
    "start",
]
