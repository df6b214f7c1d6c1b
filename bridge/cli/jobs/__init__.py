"""``jobs``: everything that can be done to a job of Terrakube; modules put their commands on it."""

from importlib import import_module
from importlib.util import find_spec
from typing import Final

import typer

app = typer.Typer(
    help="Create, read, list, update, decide about, follow and delete jobs of Terrakube.",
    no_args_is_help=True,
)

MODULES: Final = (
    "creating",
    "getting",
    "listing",
    "updating",
    "deciding",
    "following",
    "logs",
    "deleting",
)
"""In the order of the help; each imports ``app`` and nothing heavy outside of its functions."""

for _name in MODULES:
    if find_spec(f"{__name__}.{_name}"):
        import_module(f"{__name__}.{_name}")
