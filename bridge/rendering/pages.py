"""Comments being filled, one after the other, up to the most there may be.

On the last one room is kept for naming every text that may not fit any more.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.rendering.items import Fold, Item, Measure, Table

GAP: Final = "\n\n"
"""What stands between two items."""

REST_TITLE: Final = "**There was no room for the rest of these texts; they are kept in full:**\n"

_SHARE_OF_TABLES: Final = 0.6  # of all the room; above it, rows take a shorter spelling


@dataclass(slots=True, kw_only=True)
class Pages:
    """Comments being filled.

    Attributes:
        room: What a comment holds besides its headline, as measured.
        most: How many there may be.
        done: The items of each, the present one last.
        used: How much of the present one is taken.
        cut: What names the texts that found no room, by owner, in order.
    """

    measure: Measure
    room: int
    most: int
    done: list[list[str]] = field(default_factory=lambda: [[]])
    used: int = 0
    cut: dict[str, str] = field(default_factory=dict)
    _promised: dict[str, int] = field(default_factory=dict)
    _to_come: Counter[str] = field(default_factory=Counter)
    _reserve: int = 0

    def promise(self, items: Iterable[Item]) -> None:
        """Keep room for naming the texts among *items*, should they find none."""
        for item in items:
            if isinstance(item, Fold):
                self._to_come[item.owner] += 1
                self._promised[item.owner] = self.measure(f"- {item.rest}\n")
        if self._promised:
            self._reserve = sum(self._promised.values()) + self.measure(REST_TITLE + GAP)

    def begin(self, owner: str) -> None:
        """Say that the next text of *owner* is being written."""
        self._to_come[owner] -= 1

    def finish(self, fold: Fold, *, whole: bool) -> None:
        """Say whether all of a text found room."""
        if not whole:
            self.cut.setdefault(fold.owner, fold.rest)
        elif self._is_last_of(fold.owner):
            self._reserve -= self._promised.pop(fold.owner)

    @property
    def is_last(self) -> bool:
        """Whether no other comment may follow."""
        return len(self.done) == self.most

    @property
    def is_fresh(self) -> bool:
        """Whether the present comment is still empty."""
        return not self.done[-1]

    @property
    def left(self) -> int:
        """Room in the present comment that is not promised to anything."""
        return self.room - self.used - self._reserved(0)

    def left_without(self, owner: str) -> int:
        """Room in the present comment if all of *owner*'s texts find room."""
        own = self._promised[owner] if self._is_last_of(owner) else 0
        return self.room - self.used - self._reserved(own)

    @property
    def all_left(self) -> int:
        """Room in the present comment and in all that may follow."""
        return self.room - self.used + self.room * (self.most - len(self.done))

    def write(self, text: str) -> None:
        """Add an item to the present comment."""
        self.done[-1].append(text)
        self.used += self.measure(text + GAP)

    def turn(self) -> bool:
        """Begin another comment; False when there may be none."""
        if self.is_last:
            return False
        self.done.append([])
        self.used = 0
        return True

    def write_paragraph(self, text: str) -> None:
        """Add a text that stays whole; it may take what is promised to the rest."""
        cost = self.measure(text + GAP)
        if cost > self.left and not self.is_fresh:
            self.turn()
        if cost <= self.room - self.used:
            self.write(text)

    def write_table(self, table: Table) -> None:
        """Add a table, over several comments if need be."""
        rows = self._fitting_rows(table)
        head = self.measure(table.head + GAP)
        while rows:
            taken = self._count_fitting(rows, self.left - head)
            if not taken and not self.is_fresh and self.turn():
                continue
            if not taken or (taken < len(rows) and self.is_last):
                self._write_some_rows(table, rows, head)
                return
            self.write("\n".join((table.head, *rows[:taken])))
            rows = rows[taken:]
            if rows:
                self.turn()

    def write_rest(self) -> None:
        """Name what found no room, the most important first."""
        if not self.cut:
            return
        room = self.room - self.used - self.measure(REST_TITLE + GAP)
        bullets = [f"- {line}" for line in self.cut.values()]
        taken = self._count_fitting(bullets, room)
        if taken < len(bullets):
            taken = self._count_fitting(bullets, room - self.measure(_and_more(len(bullets))))
            bullets[taken:] = [_and_more(len(bullets) - taken)]
        text = "\n".join((REST_TITLE, *bullets))
        if self.measure(text + GAP) <= self.room - self.used:
            self.write(text)

    def _is_last_of(self, owner: str) -> bool:
        return not self._to_come[owner] and owner not in self.cut

    def _reserved(self, without: int) -> int:
        # Half of the comment at most: a long list of what is missing helps nobody.
        return min(self._reserve - without, self.room // 2) if self.is_last else 0

    def _fitting_rows(self, table: Table) -> Sequence[str]:
        whole = self.room * self.most * _SHARE_OF_TABLES
        for spelling in zip(*table.rows, strict=True):
            if self.measure("\n".join(spelling)) <= whole:
                return spelling
        return [row[-1] for row in table.rows]

    def _count_fitting(self, rows: Sequence[str], room: int) -> int:
        for count, row in enumerate(rows):
            room -= self.measure(f"{row}\n")
            if room < 0:
                return count
        return len(rows)

    def _write_some_rows(self, table: Table, rows: Sequence[str], head: int) -> None:
        note = self.measure(table.more(len(rows)) + GAP)
        taken = self._count_fitting(rows, self.left - head - note)
        if taken:
            self.write("\n".join((table.head, *rows[:taken])))
        self.write_paragraph(table.more(len(rows) - taken))


def _and_more(number: int) -> str:
    return f"- and {number:,} more, which the table links to\n"
