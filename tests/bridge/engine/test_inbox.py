"""The inbox: what is accepted is committed, and a repeat is answered like the first."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.errors import OverloadedError, PayloadError
from bridge.engine.inbox import Inbox, to_row
from bridge.store.database import Database
from bridge.store.queries.inbox import Acceptance
from bridge.store.schema import delivery
from tests.bridge.store.rows import a_delivery, rows_of


async def test_an_accepted_delivery_is_there_and_a_repeat_is_not_twice(
    database: Database,
) -> None:
    inbox = Inbox(database)
    first = await inbox.accept(a_delivery(), 5.0, traceparent="00-ab-cd-01")
    again = await inbox.accept(a_delivery(), 5.0)
    assert (first, again) == (Acceptance.NEW, Acceptance.DUPLICATE)
    (row,) = await rows_of(database, delivery)
    assert (row["key"], row["traceparent"], row["headers"]) == (
        "d-1",
        "00-ab-cd-01",
        '{"x-event": "push"}',
    )


async def test_who_cannot_wait_is_refused(database: Database) -> None:
    with pytest.raises(OverloadedError):
        await Inbox(database).accept(a_delivery(), 0.0)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
@pytest.mark.parametrize("field", ["key", "kind", "subject", "semantic_key", "repository_id"])
def test_what_no_database_can_keep_is_the_senders_mistake(field: str, text: str) -> None:
    changes: dict[str, Any] = {field: text}
    with pytest.raises(PayloadError):
        to_row(replace(a_delivery(), **changes))


def test_any_other_text_is_kept_as_it_is() -> None:
    assert to_row(a_delivery("schlüssel-🔑")).key == "schlüssel-🔑"
