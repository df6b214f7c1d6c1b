"""What people search jobs for, as a filter."""

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote

from bridge.domain.errors import UserError
from bridge.domain.terrakube import JobSearch
from bridge.terrakube import queries, rsql

_LONGEST: Final = 10_000
"""Characters of an encoded filter: an address of about 14 kB is answered 400 with a web page."""


def matching(search: JobSearch) -> rsql.Filter | None:
    """Build the filter of a search; None when it asks for every job.

    Raises:
        UserError: Something in it cannot be searched for.
    """
    where = rsql.all_of(_conditions(search))
    if where and len(quote(str(where))) > _LONGEST:
        msg = "that is too much for one search: name fewer workspaces, templates or branches"
        raise UserError(msg)
    return where


def _conditions(search: JobSearch) -> Iterator[rsql.Filter]:
    if search.ids:
        yield rsql.one_of_words("id", _numbers(search.ids))
    if search.statuses:
        yield rsql.one_of_words("status", search.statuses)
    if search.key:
        yield queries.with_key(search.key)
    if search.text:
        yield rsql.contains("comments", search.text)
    if search.commit:
        yield rsql.begins_with("commitId", search.commit)
    yield from _chosen(search)
    if search.created_since:
        yield rsql.since("createdDate", search.created_since)
    if search.created_until:
        yield rsql.until("createdDate", search.created_until)


def _chosen(search: JobSearch) -> Iterator[rsql.Filter]:
    by_attribute = {
        "workspace.id": search.workspace_ids,
        "templateReference": search.templates,
        "overrideBranch": search.branches,
        "createdBy": (search.created_by,) if search.created_by else (),
        "via": (search.via,) if search.via else (),
    }
    for attribute, values in by_attribute.items():
        if len(values) == 1:
            yield rsql.equals(attribute, values[0])
        elif values:
            yield rsql.one_of(attribute, values)


def _numbers(ids: Sequence[str]) -> Sequence[str]:
    odd = [one for one in ids if not (one.isascii() and one.isdigit())]
    if odd:
        msg = f"{odd[0]!r} is no job: jobs have numbers"
        raise UserError(msg)
    if len(ids) > queries.MAX_IDS:
        msg = f"{len(ids)} jobs by number in one search: at most {queries.MAX_IDS} are possible"
        raise UserError(msg)
    return ids
