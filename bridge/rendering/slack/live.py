"""The live message: how everything in it stands just now, and what can be done about it."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from bridge.domain.chat import ChatMessage
from bridge.domain.reports import ChatReport, ChatRun
from bridge.domain.runs import Verb
from bridge.rendering.durations import counted
from bridge.rendering.slack.controls import answers, cancel, may_be_answered
from bridge.rendering.slack.degrading import degrade
from bridge.rendering.slack.escaping import bold, code, cut, escape, link, person
from bridge.rendering.slack.pieces import Block, actions, context, paragraphs, section
from bridge.rendering.slack.runs import head, in_a_line, in_full, workspaces
from bridge.rendering.slack.wanting import wants_run
from bridge.rendering.slack.words import answered, because, counts, revision
from bridge.rendering.wording import by_rank, tally, waits_for_a_person

BURST: Final = "burst:"
"""What the group of runs begins with that have only their time in common."""

_ROWS: Final = 12
_WITH_BUTTONS: Final = 5
_TITLE: Final = 200
_NONE: Final[Mapping[str, int]] = MappingProxyType({})


def render_live(
    report: ChatReport,
    *,
    sent: bool = False,
    quorums: Mapping[str, int] = _NONE,
    confirm_deletions: int = 10,
) -> ChatMessage | None:
    """Show how the runs of a report stand; None when the channel wants to hear nothing of it.

    Args:
        report: With at least one run, else there is nothing to say.
        sent: Whether it was sent before: then it goes on being told, whatever the channel wants.
        quorums: How many people must approve, by run id; one where nothing is said.
        confirm_deletions: An approval that deletes more than this takes the workspace's name.
    """
    if not report.runs or not (sent or any(wants_run(report, one) for one in report.runs)):
        return None
    page = _Live(report, quorums, confirm_deletions)
    return degrade(ChatMessage(text=page.text(), blocks=tuple(page.blocks())))


class _Live:
    """Puts one live message together."""

    def __init__(
        self, report: ChatReport, quorums: Mapping[str, int], confirm_deletions: int
    ) -> None:
        self._report = report
        self._quorums = quorums
        self._confirm_deletions = confirm_deletions
        self._runs = sorted(report.runs, key=lambda one: by_rank(one.report))

    def text(self) -> str:
        """Say the same without blocks, for notifications."""
        if len(self._runs) > 1:
            lines = [self._heading(), *(in_a_line(one) for one in self._runs[:_WITH_BUTTONS])]
            left = len(self._runs) - _WITH_BUTTONS
            return "\n".join([*lines, *([f"…and {left:,} more"] if left > 0 else [])])
        report = self._runs[0].report
        said = [head(report), counts(report.run), *because(report)]
        where = [self._heading()] if self._report.pull_request else []
        return cut(" · ".join(part for part in (*where, *said) if part), 3_000)

    def blocks(self) -> Iterator[Block]:
        """Show it as blocks."""
        if len(self._runs) == 1:
            yield from self._single(self._runs[0])
            return
        yield section(self._heading())
        pressed = [one for one in self._runs if may_be_answered(one.report.run)][:_WITH_BUTTONS]
        for one in pressed:
            yield from self._waiting(one)
        yield from self._rows([one for one in self._runs if one not in pressed])
        yield from self._asked_by()

    def _single(self, one: ChatRun) -> Iterator[Block]:
        if self._report.pull_request is not None:
            yield section(self._heading())
        yield from in_full(one, quorum=self._quorum(one), confirm_deletions=self._confirm_deletions)

    def _waiting(self, one: ChatRun) -> Iterator[Block]:
        """Show a run that waits for somebody, with the answers below it."""
        lines = [in_a_line(one), *answered(one, quorum=self._quorum(one))]
        yield section(cut("\n".join(lines), 900))
        buttons = [*answers(one, confirm_deletions=self._confirm_deletions)]
        yield actions([*buttons, *cancel(one.report.run)])

    def _rows(self, runs: Sequence[ChatRun]) -> Iterator[Block]:
        lines = [in_a_line(one) for one in runs[:_ROWS]]
        if left := runs[_ROWS:]:
            lines.append(f"…and {len(left):,} more: {tally(one.report.run for one in left)}")
        if lines:
            yield from paragraphs(lines)

    def _asked_by(self) -> Iterator[Block]:
        """Say who started them, where it is one or a few."""
        actors = list(dict.fromkeys(one.report.run.request.actor for one in self._report.runs))
        if len(actors) <= _WITH_BUTTONS and not self._is_burst():
            yield context([f"by {', '.join(person(actor) for actor in actors)}"])

    def _heading(self) -> str:
        """Say what the runs have in common, and how they stand together."""
        if len(self._runs) == 1:
            return self._subject()
        said = f"{self._subject()}: {tally(one.report.run for one in self._runs)}"
        waiting = [one.report for one in self._runs if waits_for_a_person(one.report.run)]
        return f"{said}\n✋ Waiting: {workspaces(waiting, 3)}" if len(waiting) > 1 else said

    def _subject(self) -> str:
        ref = self._report.pull_request
        if ref is not None:
            number = link(f"{ref.repository.slug}#{ref.number}", self._report.web_url)
            title = escape(self._report.title, _TITLE)
            return f"*{number}* {title}" if title else f"*{number}*"
        request = self._runs[0].report.run.request
        if self._is_burst():
            names = {one.report.run.request.workspace.organization for one in self._runs}
            shared = f" in {bold(names.pop())}" if len(names) == 1 else ""
            return f"*{counted(len(self._runs), 'run')}*{shared}"
        if request.verb is Verb.PUSH:
            of = revision(self._runs[0].report.run)
            return f"*Push* to {code(request.repository.slug)} {of}".rstrip()
        return f"*{counted(len(self._runs), 'run')}*"

    def _is_burst(self) -> bool:
        return self._report.key.group.startswith(BURST)

    def _quorum(self, one: ChatRun) -> int:
        return self._quorums.get(one.report.run.id, 1)
