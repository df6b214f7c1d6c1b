"""What the bridge does when something happens: one module per kind of event."""

from importlib import import_module
from pkgutil import walk_packages

from bridge.routing import Router


def load_routers() -> Router:
    """Import every module of this package, in sorted order, and merge their routers."""
    merged = Router()
    names = sorted(module.name for module in walk_packages(__path__, prefix=f"{__name__}."))
    for name in names:
        router = getattr(import_module(name), "router", None)
        if isinstance(router, Router):
            merged.include(router)
    return merged
