"""Pages of a list, as GitHub gives them: numbered, with a Link header."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from bridge.sandbox.forge.calls import Call

T = TypeVar("T")


def page(call: Call, items: Sequence[T]) -> tuple[Sequence[T], Mapping[str, str]]:
    """Return the items of the page that is asked for, and the headers that lead on."""
    shown, number, last = call.window(items, size_name="per_page")
    targets = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
    if number <= 1:
        del targets["prev"], targets["first"]
    if number >= last:
        del targets["next"], targets["last"]
    links = [f'<{_url(call, page=str(to))}>; rel="{rel}"' for rel, to in targets.items()]
    return shown, {"Link": ", ".join(links)} if links else {}


def next_link(call: Call, cursor: int) -> Mapping[str, str]:
    """Return the header that leads on in a list with a cursor."""
    return {"Link": f'<{_url(call, cursor=str(cursor))}>; rel="next"'}


def _url(call: Call, **changes: str) -> str:
    """Return the address of another page: of a repository by its id, not by its name."""
    path = call.path
    if call.named is not None and path.startswith("/repos/"):
        path = f"/repositories/{call.named.id}/" + path.split("/", 4)[4]
    return f"{call.world.places.api_url}{path}?{urlencode({**call.query, **changes})}"
