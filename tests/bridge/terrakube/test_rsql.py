"""Filters, compared with those recorded servers understood."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.domain.errors import UserError
from bridge.terrakube import rsql
from tests.recorded import recording

SPECIAL = "k1 a'b\"c (x),y;z=*? äöü 漢 😀 <b>&amp; \\n line\nbreak"
RECORDED = [
    ("filter_id_in", rsql.one_of_words("id", ["1", "2", "999999"])),
    ("filter_status_in", rsql.one_of_words("status", ["completed", "failed"])),
    ("filter_comments_eq_quoted", rsql.equals("comments", "bridge:acme-infra:1234567")),
    ("filter_comments_contains_wildcard", rsql.contains("comments", "infra")),
    ("filter_id_gt_sort", rsql.greater("id", 2)),
    ("filter_by_created_ge", rsql.since("createdDate", datetime(2026, 1, 1, tzinfo=UTC))),
    ("comments_special_quoted_full_escaped", rsql.equals("comments", SPECIAL)),
]


@pytest.mark.parametrize(("name", "built"), RECORDED, ids=[name for name, _ in RECORDED])
def test_a_filter_is_written_as_a_server_understood_it(name: str, built: rsql.Filter) -> None:
    assert str(built) == recording(f"search/{name}").parameters["filter[job]"]


def test_alternatives_are_grouped_where_both_are_needed() -> None:
    first, second = rsql.equals("name", "a"), rsql.begins_with("name", "b")
    assert str(first | second) == "name=='a',name=='b*'"
    assert str((first | second) & rsql.less("id", 3)) == "(name=='a',name=='b*');id=lt=3"
    assert str(rsql.less("id", 3) & (first | second)) == "id=lt=3;(name=='a',name=='b*')"
    assert rsql.all_of([]) is None
    assert str(rsql.all_of([first, second])) == "name=='a';name=='b*'"


def test_names_and_dates_are_compared_in_order() -> None:
    east = datetime(2026, 1, 1, 2, 0, 59, tzinfo=timezone(timedelta(hours=2)))
    assert str(rsql.at_least("name", "it's")) == r"name=ge='it\'s'"
    assert str(rsql.until("createdDate", east)) == "createdDate=le=2026-01-01T00:00Z"


@pytest.mark.parametrize("value", ["*", "*a", "a*"])
def test_a_value_that_would_be_a_wildcard_is_refused(value: str) -> None:
    with pytest.raises(UserError, match="would read as a wildcard"):
        rsql.equals("name", value)
    with pytest.raises(UserError, match="would read as a wildcard"):
        rsql.one_of("name", ["x", value])


def test_a_quote_cannot_end_its_quotation() -> None:
    hostile = r"x\' , id=gt=0"
    assert str(rsql.one_of("name", ["a", hostile])) == r"name=in=('a','x\\\' , id=gt=0')"


@pytest.mark.parametrize("words", [[], ["a b"], ["a)"], [""]])
def test_words_are_plain_and_there_is_at_least_one(words: list[str]) -> None:
    with pytest.raises(UserError):
        rsql.one_of_words("status", words)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(UserError, match="no value was given"):
        rsql.one_of("name", [])
