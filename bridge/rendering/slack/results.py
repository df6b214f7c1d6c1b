"""What came of what one trigger started: a new message, since nobody is told of edits."""

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.domain.chat import ChatMessage
from bridge.domain.reports import ChatReport, ChatRun
from bridge.domain.runs import RunState
from bridge.rendering.slack.degrading import degrade
from bridge.rendering.slack.escaping import cut, person
from bridge.rendering.slack.pieces import Block, context, paragraphs, section
from bridge.rendering.slack.runs import details, head, in_a_line
from bridge.rendering.slack.wanting import has_failed, wants_result
from bridge.rendering.slack.words import answered, because, counts, origin
from bridge.rendering.wording import by_rank, tally

_ROWS: Final = 10
_IN_DETAIL: Final = 3
_ERROR: Final = 700


def render_result(report: ChatReport, trigger: str, *, sent: bool = False) -> ChatMessage | None:
    """Say how what a trigger started came out.

    Args:
        report: In which it is shown.
        trigger: Of the runs; see RunRequest.trigger.
        sent: Whether it was said before: then it is kept up to date.

    Returns:
        None until one of its runs failed or all have ended; and when the channel wants to hear
        nothing of it.
    """
    runs = [one for one in report.runs if one.report.run.request.trigger == trigger]
    if not runs or not (sent or _is_told(report, runs)):
        return None
    runs.sort(key=lambda one: by_rank(one.report))
    blocks = _single(runs[0]) if len(runs) == 1 else _several(runs)
    return degrade(ChatMessage(text=_text(runs), blocks=tuple(blocks)))


def _is_told(report: ChatReport, runs: Sequence[ChatRun]) -> bool:
    if report.quiet and not report.asked:
        return False
    over = all(one.report.run.concluded for one in runs)
    # That a plan was overtaken by a newer one is no news.
    told = [one for one in runs if one.report.run.state is not RunState.SUPERSEDED]
    ready = over or any(has_failed(one) for one in runs)
    return ready and any(wants_result(report, one) for one in told)


def _single(one: ChatRun) -> Iterator[Block]:
    report = one.report
    yield section(" · ".join(filter(None, (head(report), counts(report.run)))))
    lines = [*because(report), *answered(one, quorum=1)]
    if lines:
        yield section(cut("\n".join(lines), 2_000))
    yield from details(report)
    yield context([*origin(report.run)])


def _several(runs: Sequence[ChatRun]) -> Iterator[Block]:
    actor = person(runs[0].report.run.request.actor)
    yield section(f"*What {actor} started*: {tally(one.report.run for one in runs)}")
    lines = [in_a_line(one) for one in runs[:_ROWS]]
    if left := runs[_ROWS:]:
        lines.append(f"…and {len(left):,} more: {tally(one.report.run for one in left)}")
    yield from paragraphs(lines)
    for one in [one for one in runs if has_failed(one)][:_IN_DETAIL]:
        told = [*details(one.report, error=_ERROR)]
        if told:
            yield section(head(one.report))
            yield from told


def _text(runs: Sequence[ChatRun]) -> str:
    if len(runs) > 1:
        lines = [tally(one.report.run for one in runs), *(in_a_line(one) for one in runs[:3])]
        return cut("\n".join(lines), 3_000)
    report = runs[0].report
    said = [head(report), counts(report.run), *because(report)]
    return cut(" · ".join(part for part in said if part), 3_000)
