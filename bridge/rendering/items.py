"""What a report is put together from, before it is known how many comments it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Measure = Callable[[str], int]
"""Counts a text as a forge's limit does; of two texts joined it is at most the sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A piece of Markdown that stays whole."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under a head that is repeated wherever the table is cut.

    Attributes:
        rows: Spellings of every row, the best first; a long table takes a shorter one.
        more: Writes what stands for the rows that find no room at all, given their number.
    """

    head: str
    rows: Sequence[Sequence[str]]
    more: Callable[[int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A fenced text under a title.

    Attributes:
        title: Safe in a ``<summary>`` and in Markdown.
        text: As it came; it is made fit to be shown when its turn comes.
        owner: Whose text it is; several texts of one owner share one *rest*.
        rest: One line of Markdown that stands for what finds no room: what it is, how to read it.
        opened: Whether it is unfolded from the start.
        by_lines: Whether it may be cut between any two lines, having no resources.
    """

    title: str
    text: str
    owner: str
    rest: str
    opened: bool = False
    by_lines: bool = False


Item = Paragraph | Table | Fold
