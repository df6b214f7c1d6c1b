"""Spreading a report over as many comments as it takes, and no more than it may take.

A report is a sequence of items, the most important first. Paragraphs stay whole, tables are cut
between rows, texts between resources (a resource that no comment could hold: between lines).
Every comment is balanced by itself. What does not fit in the last one is named at its end, with
the way to read it. Each piece is measured once, so that time grows with the length of the text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.rendering.folds import write_fold
from bridge.rendering.items import Fold, Item, Measure, Paragraph, Table
from bridge.rendering.pages import GAP, Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Comments, and whether anything found no room in them."""

    parts: tuple[str, ...]
    complete: bool


def split(
    items: Sequence[Item],
    *,
    headline: Callable[[int, int], str],
    measure: Measure,
    limit: int,
    max_parts: int,
    folds: bool,
) -> Split:
    """Spread *items* over at most *max_parts* comments of at most *limit*.

    Args:
        items: The most important first.
        headline: Writes the first line of comment k of n.
        measure: Counts a text as the limit does.
        limit: Largest comment.
        max_parts: Most comments.
        folds: Whether texts are folded with ``<details>``.
    """
    heads = [measure(headline(k, max_parts) + GAP) for k in (1, max_parts)]
    pages = Pages(measure=measure, room=limit - max(heads), most=max_parts)
    pages.promise(items)
    for item in items:
        match item:
            case Paragraph():
                pages.write_paragraph(item.text)
            case Table():
                pages.write_table(item)
            case Fold():
                write_fold(pages, item, folds=folds)
    pages.write_rest()
    filled = [page for page in pages.done if page] or [[]]
    parts = (
        GAP.join((headline(number, len(filled)), *page))
        for number, page in enumerate(filled, start=1)
    )
    return Split(parts=tuple(parts), complete=not pages.cut)
