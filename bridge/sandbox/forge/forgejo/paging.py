"""Pages of a list, as Forgejo gives them."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from bridge.sandbox.forge.calls import Call

T = TypeVar("T")


def page(call: Call, items: Sequence[T]) -> tuple[Sequence[T], Mapping[str, str]]:
    """Return the items of the page that is asked for, and the headers that count."""
    shown, number, last = call.window(items, size_name="limit")
    headers = {"X-Total-Count": str(len(items))}
    if number < last:
        url = f"{call.world.places.api_url}{call.path}"
        query = urlencode({**call.query, "page": number + 1})
        headers["Link"] = f'<{url}?{query}>; rel="next"'
    return shown, headers


def counted_page(call: Call, items: Sequence[T]) -> tuple[Sequence[T], Mapping[str, str]]:
    """Return a page of files or commits, whose headers say more."""
    shown, headers = page(call, items)
    _, number, last = call.window(items, size_name="limit")
    more = {
        "X-Page": str(number),
        "X-PerPage": str(len(shown)),
        "X-Total": str(len(items)),
        "X-PageCount": str(last),
        "X-HasMore": "true" if number < last else "false",
    }
    return shown, {**headers, **more}
