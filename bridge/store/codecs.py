"""Domain values as the database keeps them: JSON text, milliseconds, compressed bytes."""

import zlib
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import RowMapping

from bridge.domain.posts import (
    CHAT_KINDS,
    ChatTarget,
    Post,
    PostKind,
    PostTarget,
    RemotePart,
    Target,
)
from bridge.domain.runs import Output, OutputKind, Review, Run, RunPhase, RunRequest, RunState
from bridge.domain.terrakube import PlanCounts, Step
from bridge.domain.work import Verdict

T = TypeVar("T")


class Codec(Generic[T]):
    """Writes values of one type as JSON text and reads them back.

    Defaults are written, too: a later version may have others.
    """

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def dump(self, value: T) -> str:
        """Write a value."""
        return self._adapter.dump_json(value).decode()

    def load(self, text: str) -> T:
        """Read a value that :meth:`dump` wrote."""
        return self._adapter.validate_json(text)


RUN_REQUEST: Final = Codec(RunRequest)
POST_TARGET: Final = Codec(PostTarget)
CHAT_TARGET: Final = Codec(ChatTarget)
VERDICT: Final = Codec(Verdict)
STEPS: Final = Codec(tuple[Step, ...])
COUNTS: Final = Codec(PlanCounts)
PARTS: Final = Codec(tuple[RemotePart, ...])
STRINGS: Final = Codec(tuple[str, ...])
HEADERS: Final = Codec(dict[str, str])


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970, UTC, of an aware moment."""
    return int(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Read what :func:`to_ms` wrote."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def from_ms_or_none(milliseconds: int | None) -> datetime | None:
    """Read a moment that may be missing."""
    return None if milliseconds is None else from_ms(milliseconds)


def compress(text: str) -> bytes:
    """Write a long text."""
    return zlib.compress(text.encode("utf-8", "surrogatepass"))


def decompress(data: bytes) -> str:
    """Read what :func:`compress` wrote."""
    return zlib.decompress(data).decode("utf-8", "surrogatepass")


def run_from_row(row: RowMapping) -> Run:
    """Read a row of ``run``."""
    return Run(
        id=row["id"],
        request=RUN_REQUEST.load(row["request"]),
        phase=RunPhase(row["phase"]),
        state=RunState(row["state"]),
        job_id=row["job_id"] or "",
        job_status=row["job_status"],
        steps=STEPS.load(row["steps"]),
        plan_changes=None if row["plan_changes"] is None else bool(row["plan_changes"]),
        counts=None if row["counts"] is None else COUNTS.load(row["counts"]),
        digest=row["digest"],
        trouble=row["trouble"],
        reason=row["reason"],
        superseded_by=row["superseded_by"],
        cancel_requested=bool(row["cancel_requested"]),
        attempts=row["attempts"],
        created_at=from_ms(row["created_at"]),
        started_at=from_ms_or_none(row["started_at"]),
        finished_at=from_ms_or_none(row["finished_at"]),
        review=Review(row["review"]),
        decided_by=row["decided_by"],
        delta=row["delta"],
        posted_at=from_ms_or_none(row["posted_at"]),
    )


def dump_target(target: Target) -> str:
    """Write where a post lives."""
    return CHAT_TARGET.dump(target) if isinstance(target, ChatTarget) else POST_TARGET.dump(target)


def load_target(kind: PostKind, text: str) -> Target:
    """Read what :func:`dump_target` wrote of a post of a kind."""
    return CHAT_TARGET.load(text) if kind in CHAT_KINDS else POST_TARGET.load(text)


def post_from_row(row: RowMapping) -> Post:
    """Read a row of ``post``."""
    return Post(
        id=row["id"],
        kind=PostKind(row["kind"]),
        target=load_target(PostKind(row["kind"]), row["target"]),
        report=row["report"],
        content=row["content"],
        revision=row["revision"],
        parts=PARTS.load(row["parts"]),
        attempt=row["attempts"],
    )


def output_from_row(row: RowMapping) -> Output:
    """Read a row of ``output``."""
    return Output(kind=OutputKind(row["kind"]), text=decompress(row["body"]))
