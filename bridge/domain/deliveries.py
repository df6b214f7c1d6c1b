"""One POST of a sender, before and after it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A verified delivery, ready to be stored.

    Attributes:
        source: Name of the configured forge, or ``reconcile`` for one the bridge wrote itself.
        key: The sender's delivery id, behind the repository's id and a colon if a repository's own
            hook sent it; unique with *source*.
        kind: The sender's word for the event (``pull_request``, ``issue_comment``...).
        subject: Whose order matters: ``pr:<forge>:<repository id>:<n>`` or
            ``branch:<forge>:<repository id>:<ref>``.
        semantic_key: Names the same happening under another delivery id; None where a repeat
            may mean something new.
        repository_id: The forge's id of the repository it speaks for; empty when none.
        headers: The few that parsing needs, lower-case names; never a credential.
        body: As received; a hook secret in it blanked (old Gitea).
        received_at: Aware, UTC.
    """

    source: str
    key: str
    kind: str
    subject: str
    semantic_key: str | None
    repository_id: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """A delivery as a worker takes it from its subject.

    Attributes:
        id: Row id.
        attempt: How often handling was begun, this time included; 1 at first.
    """

    id: int
    attempt: int
    delivery: Delivery
    traceparent: str = field(default="")
