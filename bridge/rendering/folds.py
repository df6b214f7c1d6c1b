"""Writing fenced texts into comments, cut between resources where they have to be."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bridge.rendering.diffs import blocks, fence_for, lines, shown_up_to
from bridge.rendering.items import Fold, Measure
from bridge.rendering.pages import GAP, Pages

GOES_ON: Final = "_This resource goes on in the next comment._"
CUT: Final = "_What is missing here is named at the end of this comment._"


def write_fold(pages: Pages, fold: Fold, *, folds: bool) -> None:
    """Add a text; what finds no room is left to be named at the end."""
    pages.begin(fold.owner)
    pages.finish(fold, whole=_Writer(pages, fold, folds=folds).write())


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    cost: int
    inner: bool = False
    """Whether it goes on with what the piece before it began."""


class _Pieces:
    """The pieces of a text that are still to be written, each measured once."""

    def __init__(self, pieces: Iterator[str], measure: Measure, most: int) -> None:
        self._pieces = pieces
        self._measure = measure
        self._most = most
        self._seen: deque[_Piece] = deque()

    @property
    def next(self) -> _Piece | None:
        """The next one; None when all are written."""
        return self._look(0)

    def take(self, room: int) -> list[str]:
        """Take as many as fit in *room*; one that no comment can hold is broken first."""
        taken: list[str] = []
        while piece := self._look(0):
            if piece.cost > self._most and len(piece.text) > 1:
                self._break(self._seen.popleft())
                continue
            if piece.cost > room:
                break
            room -= piece.cost
            taken.append(self._seen.popleft().text)
        return taken

    def fit(self, room: int) -> bool:
        """Tell whether all of them fit in *room*."""
        index = 0
        while piece := self._look(index):
            room -= piece.cost
            if room < 0:
                return False
            index += 1
        return True

    def _break(self, piece: _Piece) -> None:
        """Put the lines of a resource in its place, the halves of a line in its."""
        parts = list(lines(piece.text)) if piece.text.endswith("\n") else [piece.text]
        if len(parts) == 1:
            middle = len(piece.text) // 2
            parts = [piece.text[:middle], piece.text[middle:]]
        broken = [
            _Piece(part, self._measure(part), inner=piece.inner or index > 0)
            for index, part in enumerate(parts)
        ]
        self._seen.extendleft(reversed(broken))

    def _look(self, index: int) -> _Piece | None:
        while len(self._seen) <= index:
            piece = next(self._pieces, None)
            if piece is None:
                return None
            self._seen.append(_Piece(piece, self._measure(piece)))
        return self._seen[index]


class _Writer:
    """Writes one text, over several comments if need be."""

    def __init__(self, pages: Pages, fold: Fold, *, folds: bool) -> None:
        self._pages = pages
        self._fold = fold
        self._folds = folds
        text = shown_up_to(fold.text, pages.all_left)
        self._fence = fence_for(text)
        self._again = False
        longest = self._wrapped("\n", note=max(GOES_ON, CUT, key=len), again=True)
        self._wrapping = pages.measure(longest + GAP)
        cut = lines if fold.by_lines else blocks
        self._pieces = _Pieces(
            cut(text) if text else iter(()), pages.measure, pages.room - self._wrapping
        )

    def write(self) -> bool:
        """Return whether all of it found room."""
        small = self._pages.room // 4 - self._wrapping
        if not self._pieces.fit(self._pages.left - self._wrapping) and self._pieces.fit(small):
            self._pages.turn()  # a short text stays whole
        while self._pieces.next is not None:
            if self._pages.is_last:
                return self._write_last()
            self._write(self._pieces.take(self._pages.left - self._wrapping), cut=GOES_ON)
            if self._pieces.next is not None:
                self._pages.turn()
        return True

    def _write_last(self) -> bool:
        room = self._pages.left_without(self._fold.owner) - self._wrapping
        whole = self._pieces.fit(room)
        if not whole:
            room = self._pages.left - self._wrapping
        self._write(self._pieces.take(room), cut=CUT)
        return whole

    def _write(self, pieces: list[str], *, cut: str) -> None:
        if not pieces:
            return
        left = self._pieces.next
        note = cut if left is not None and (left.inner or cut == CUT) else ""
        self._pages.write(self._wrapped("".join(pieces), note=note, again=self._again))
        self._again = True

    def _wrapped(self, body: str, *, note: str, again: bool) -> str:
        title = f"{self._fold.title} (continued)" if again else self._fold.title
        end = "" if body.endswith("\n") else "\n"
        fenced = f"{self._fence}diff\n{body}{end}{self._fence}"
        after = f"{GAP}{note}" if note else ""
        if not self._folds:
            return f"**{title}**{GAP}{fenced}{after}"
        opened = " open" if self._fold.opened else ""
        return f"<details{opened}><summary>{title}</summary>{GAP}{fenced}{after}{GAP}</details>"
