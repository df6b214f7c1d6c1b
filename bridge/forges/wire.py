"""What is alike on the wire of every forge: forms of values, answers, statuses that fit.

Forms are strict: values that go into addresses, keys or people's sight are held to what git and
the forges give them.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from bridge.domain.errors import PayloadError, PermanentRemoteError
from bridge.domain.vcs import Permission
from bridge.http import Response, segment

_CONTEXT_DIGEST: Final = 12  # hexadecimal digits that keep shortened contexts apart

T = TypeVar("T")

Sha = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
RefName = Annotated[
    str,
    StringConstraints(
        # What git-check-ref-format refuses, as far as a character class can say it.
        pattern=r"^[^\x00-\x20\x7f~^:?*\[\\]*[^\x00-\x20\x7f~^:?*\[\\/]$",
        max_length=1024,
    ),
]
Login = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=255)]
Slug = Annotated[str, StringConstraints(pattern=r"^[^/\x00-\x20\x7f]+/[^/\x00-\x20\x7f]+$")]
Moment = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z:.+-]*$", max_length=40)]
Id = Annotated[int, Field(ge=1, lt=2**63)]
Number = Annotated[int, Field(ge=1, lt=2**31)]


class Sent(BaseModel):
    """A part of a delivery: a number where text belongs is damage, not something to convert."""

    # Errors must not quote the input: a body may hold a secret (old Gitea puts the hook's there).
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)


class Answer(BaseModel):
    """A part of an API's answer."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Rights(Answer):
    admin: bool = False
    push: bool = False
    pull: bool = False


class OwnRightsAnswer(Answer):
    """A repository, as far as it says what whoever asks may do there."""

    permissions: _Rights | None = None

    def value(self) -> Permission | None:
        """Make the neutral value; None when it is not told."""
        held = self.permissions
        if held is None:
            return None
        words = ((held.admin, Permission.ADMIN), (held.push, Permission.WRITE))
        least = Permission.READ if held.pull else Permission.NONE
        return next((word for has, word in words if has), least)


def utc(moment: datetime | None) -> datetime | None:
    """Return the moment in UTC; None where the calendar ends."""
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:  # the year 1 or 9999 at the far side of UTC
        return None


def is_zero(sha: str) -> bool:
    """Tell whether git says "no commit", as before a branch's first push and after its last."""
    return not sha.strip("0")


def damaged(kind: str, error: ValidationError) -> PayloadError:
    """Say what is wrong with a delivery, without a word of what it holds."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the body"
    return PayloadError(f"reading a {kind[:64]} delivery: {where}: {first['msg']}")


def kind_told(
    body: bytes, shape: type[BaseModel], telling: Sequence[tuple[str, frozenset[str]]]
) -> str | None:
    """Return the first kind of *telling* whose fields a JSON body has; None when none fits."""
    try:
        found = shape.model_validate_json(body)
    except ValidationError:
        return None
    present = {name for name in shape.model_fields if getattr(found, name) is not None}
    return next((kind for kind, needed in telling if needed <= present), None)


def repository_path(slug: str) -> str:
    """Return ``/repos/owner/name`` with both encoded."""
    owner, _, name = slug.partition("/")
    return f"/repos/{segment(owner)}/{segment(name)}"


def parse(kind: type[T], response: Response) -> T:
    """Read an answer as *kind* (a model, or a list of models).

    Raises:
        TemporaryRemoteError: It is no JSON.
        PermanentRemoteError: It is not what the forge documents.
    """
    try:
        return _adapter(kind).validate_json(response.body)
    except ValidationError as error:
        response.json()
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"{response.request_line}: answered without a proper {where or 'body'}"
        raise PermanentRemoteError(msg, service=response.service, status=response.status) from error


_ADAPTERS: dict[object, TypeAdapter[object]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        adapter = _ADAPTERS[kind] = TypeAdapter(kind)
    return adapter  # type: ignore[return-value]  # kept under the type it was made from


def not_merged(response: Response, said: str) -> PermanentRemoteError:
    """Make the error for a refusal to merge, in the forge's words."""
    reason = said or f"it answered {response.status}"
    msg = f"the forge refused to merge it: {reason}"
    return PermanentRemoteError(msg, service=response.service, status=response.status)


def number_in(address: str) -> int | None:
    """Return the number an address ends with; None when it ends otherwise.

    Taken apart only: no address from an answer is ever asked.
    """
    number = address.rpartition("/")[2]
    return int(number) if re.fullmatch(r"[0-9]{1,10}", number) else None


def fit_context(context: str, limit: int) -> str:
    """Shorten the context of a status to *limit* characters; different ones stay different."""
    if len(context) <= limit:
        return context
    digest = hashlib.sha256(context.encode()).hexdigest()[:_CONTEXT_DIGEST]
    return f"{context[: limit - _CONTEXT_DIGEST - 1]}~{digest}"


def fit_description(description: str, limit: int) -> str:
    """Make the description of a status one line of at most *limit* characters."""
    line = " ".join(description.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
