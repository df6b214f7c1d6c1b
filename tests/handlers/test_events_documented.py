"""docs/events.md names every event with every field, and no others."""

import re
from dataclasses import fields
from pathlib import Path

from bridge.domain import events
from tests.handlers.test_routes import kinds

TEXT = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
SECTIONS = ("Branches and tags", "Pull requests", "Comments", "Merge queues and checks")
COMMON = {field.name for field in fields(events.Event)}


def section(title: str) -> str:
    return TEXT.split(f"## {title}\n")[1].split("\n## ")[0]


def names(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", text))


def test_every_event_is_documented_and_nothing_else() -> None:
    documented = re.findall(r"^\| `([A-Z]\w+)` \|", TEXT, re.MULTILINE)
    assert sorted(documented) == sorted(kinds(events, events.Event))


def test_the_fields_every_event_has_are_documented() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("Fields every event has"), re.MULTILINE)
    assert set(rows) == COMMON


def test_every_field_of_an_event_is_documented_in_its_row_or_above_its_table() -> None:
    for title in SECTIONS:
        above, *rows = re.split(r"^\| (?=`[A-Z])", section(title), flags=re.MULTILINE)
        for row in rows:
            name, cells = row.split("`")[1], row.split("|", 1)[1]
            wanted = {field.name for field in fields(getattr(events, name))} - COMMON
            assert wanted <= names(above) | names(cells), name
            assert names(cells) <= wanted | {"actor"}, name
