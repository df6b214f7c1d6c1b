"""The tables, once for SQLite and PostgreSQL.

Times are integers: milliseconds since 1970 UTC. JSON is text. A row that is due has the columns
of ``_leased``; it is claimed by setting owner, lease_until and fence + 1, and every result is
written ``WHERE fence = :mine``. ``due_at`` NULL means: nothing to do until something changes.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives a rowid (and so automatic numbers) only to a column declared INTEGER.
_RowId: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")
_OPEN_RUN = text("phase <> 'finished' AND share_key IS NOT NULL")
_WAITING = text("outcome = 'none'")
_DEAD = text("outcome = 'dead'")
_IN_CHAT = text("forge = 'slack'")
# Rows that change all the time: room on each page for the next version (HOT updates), and a
# vacuum before a fifth of the table is dead.
_BUSY = {"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.02}


def _leased() -> list[Column[object]]:
    """Columns of every table whose rows are due at a time.

    ``attempts``: claims since it was last finished, for backing off. ``failures``: those that
    were the row's own fault, or whose holder died; too many set the row aside.
    """
    return [
        Column("due_at", BigInteger),
        Column("lease_until", BigInteger),
        Column("owner", Text),
        Column("fence", BigInteger, nullable=False, server_default="0"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("failures", Integer, nullable=False, server_default="0"),
        Column("last_error", Text, nullable=False, server_default=""),
    ]


delivery = Table(
    "delivery",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("semantic_key", Text),
    Column("body_hash", Text, nullable=False),
    Column("repository_id", Text, nullable=False, server_default=""),
    Column("headers", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("outcome", Text, nullable=False, server_default="none"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("finished_at", BigInteger),
    Column("traceparent", Text, nullable=False, server_default=""),
    UniqueConstraint("source", "key"),
    # The sender's ids are not signed; a body and a meaning are.
    UniqueConstraint("source", "body_hash"),
    UniqueConstraint("source", "semantic_key"),
    # Only what waits is in it: finding a head must not walk past a month of finished deliveries.
    Index(
        "uq_delivery_waiting",
        "subject",
        "seq",
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    ),
    Index("ix_delivery_dead", "id", sqlite_where=_DEAD, postgresql_where=_DEAD),
    Index("ix_delivery_received", "received_at"),
)

# Apart from its delivery: SQLite writes a whole row again, body and all, when an outcome changes.
delivery_body = Table(
    "delivery_body",
    metadata,
    Column("delivery_id", _RowId, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

subject = Table(
    "subject",
    metadata,
    Column("id", Text, primary_key=True),
    Column("next_seq", BigInteger, nullable=False, server_default="1"),
    Column("pending", Integer, nullable=False, server_default="0"),
    Column("last_at", BigInteger, nullable=False, server_default="0"),  # its newest delivery
    *_leased(),
    Index("ix_subject_due", "due_at"),
    postgresql_with=_BUSY,
)

pull_request = Table(
    "pull_request",
    metadata,
    Column("id", Text, primary_key=True),  # pr:<forge>:<repository id>:<number>
    Column("forge", Text, nullable=False),
    Column("repository_id", Text, nullable=False),
    Column("repository_slug", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("draft", Integer, nullable=False, server_default="0"),
    Column("from_fork", Integer, nullable=False, server_default="0"),
    Column("title", Text, nullable=False, server_default=""),
    Column("web_url", Text, nullable=False, server_default=""),
    Column("head_sha", Text, nullable=False),
    Column("base_branch", Text, nullable=False),
    Column("base_sha", Text),
    Column("merge_commit", Text),
    Column("verdict", Text),
    Column("allowed_head", Text),  # fork commit somebody with write permission allowed
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_pull_request_head", "forge", "repository_id", "head_sha"),
    Index("ix_pull_request_merge", "forge", "repository_id", "merge_commit"),
)

# Every repository anything was ever done for: the periodic comparison walks through them.
repository = Table(
    "repository",
    metadata,
    Column("id", Text, primary_key=True),  # <forge>:<repository id>
    Column("forge", Text, nullable=False),
    Column("repository_id", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Index("ix_repository_forge", "forge"),
)

branch_head = Table(
    "branch_head",
    metadata,
    Column("id", Text, primary_key=True),  # branch:<forge>:<repository id>:<branch>
    Column("sha", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),  # ULID
    Column("trigger", Text, nullable=False),
    Column("workspace_id", Text, nullable=False),
    Column("workspace_name", Text, nullable=False, server_default=""),  # as notifications say it
    Column("verb", Text, nullable=False),
    Column("organization_id", Text, nullable=False),
    Column("forge", Text, nullable=False, server_default=""),
    Column("repository_id", Text, nullable=False, server_default=""),
    Column("pull_request", Integer),
    Column("commit_id", Text, nullable=False),
    Column("request", Text, nullable=False),  # RunRequest as JSON
    # Equal for runs that may share one job: workspace, commit, template or tcl hash, options.
    Column("share_key", Text),
    Column("phase", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("job_id", Text),
    Column("job_status", Text, nullable=False, server_default=""),
    Column("steps", Text, nullable=False, server_default="[]"),
    Column("plan_changes", Integer),
    Column("counts", Text),
    Column("destroyed", Text, nullable=False, server_default="[]"),
    Column("applied", Text, nullable=False, server_default="[]"),
    Column("not_applied", Text, nullable=False, server_default="[]"),
    Column("digest", Text, nullable=False, server_default=""),
    Column("trouble", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("superseded_by", Text, nullable=False, server_default=""),
    # Another trigger counts on it, too: then no pull request may drop it.
    Column("shared", Integer, nullable=False, server_default="0"),
    Column("cancel_requested", Integer, nullable=False, server_default="0"),
    Column("review", Text, nullable=False, server_default=""),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("delta", Text, nullable=False, server_default=""),
    # Its job's approval: 0 not come to, 1 waited, 2 went on from there, so it may have applied.
    Column("gate", Integer, nullable=False, server_default="0"),
    # A terminal status of a young job counts when seen twice: the first sight is kept here.
    Column("ended_seen_at", BigInteger),
    Column("absent_seen_at", BigInteger),  # so does a job that is missing from an answer
    # The organization's poll asks for a job at every tick of its interval; a look out of turn is
    # taken as soon as next_look has come. A job that does not change costs no write.
    Column("look_interval", Integer, nullable=False, server_default="0"),  # milliseconds
    Column("next_look", BigInteger),
    Column("changed_at", BigInteger),  # last change seen by a poll
    Column("posted_at", BigInteger),  # when the newest POST was begun, or found unanswered
    Column("times_posted", Integer, nullable=False, server_default="0"),
    Column("trouble_since", BigInteger),  # since when it cannot go on; NULL while it can
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    *_leased(),
    UniqueConstraint("trigger", "workspace_id", "verb"),
    Index(
        "uq_run_share", "share_key", unique=True, sqlite_where=_OPEN_RUN, postgresql_where=_OPEN_RUN
    ),
    Index("ix_run_due", "due_at"),
    Index("ix_run_followed", "organization_id", "phase", "look_interval", "next_look"),
    Index("ix_run_commit", "forge", "repository_id", "commit_id"),
    Index("ix_run_job", "job_id"),
    Index("ix_run_posted", "posted_at"),
    Index("ix_run_pull_request", "forge", "repository_id", "pull_request"),
    Index("ix_run_workspace", "workspace_id", "phase"),
)

run_link = Table(
    "run_link",
    metadata,
    Column("run_id", Text, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("report", Text, primary_key=True),  # pr:..., commit:... or chat:...
    # Whether somebody asked for it there; else it is shown because of a subscription.
    Column("asked", Integer, nullable=False, server_default="0"),
    Index("ix_run_link_report", "report"),
)

# Which pull request has a workspace for itself: one row for each that is locked.
hold = Table(
    "hold",
    metadata,
    Column("workspace_id", Text, primary_key=True),
    Column("workspace_name", Text, nullable=False),
    Column("organization_id", Text, nullable=False),
    Column("organization_name", Text, nullable=False),
    Column("pull_request", Text, nullable=False),  # pr:<forge>:<repository id>:<number>
    Column("forge", Text, nullable=False),
    Column("repository_id", Text, nullable=False),
    Column("repository_slug", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("web_url", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("run_id", Text, nullable=False),  # that took it
    # What the settings said then: from when on it outlives its run, and for how many milliseconds
    # a cancelled job may be at work unseen.
    Column("locks", Text, nullable=False),
    Column("linger", BigInteger, nullable=False),
    Column("busy_run", Text),  # whose job may be at work
    Column("busy_step", Integer),  # of a cancelled job, whose end is waited for
    Column("busy_until", BigInteger),
    Column("release_on_end", Integer, nullable=False, server_default="0"),
    Index("ix_hold_pull_request", "pull_request"),
)

# Answers to jobs: the first one to be written is the one that counts.
decision = Table(
    "decision",
    metadata,
    Column("run_id", Text, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Text, primary_key=True),  # number of the one that waits, or "cancel"
    Column("answer", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("digest", Text, nullable=False, server_default=""),
    Column("phase", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    # How the run ends that is rejected.
    Column("state", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
)

# Approvals that are not enough alone; the one that is becomes the decision.
vote = Table(
    "vote",
    metadata,
    Column("run_id", Text, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Text, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("door", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# What channels of a chat want to hear; who subscribed, is empty for the configured channel.
subscription = Table(
    "subscription",
    metadata,
    Column("team", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("pattern", Text, primary_key=True),
    Column("interests", Text, nullable=False),  # JSON list
    Column("quiet", Integer, nullable=False, server_default="0"),
    Column("actor", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
)

channel = Table(
    "channel",
    metadata,
    Column("team", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False, server_default=""),
    Column("files", Integer, nullable=False, server_default="0"),
    Column("parked", Text, nullable=False, server_default=""),  # why nothing is sent there
    Column("parked_at", BigInteger),
)

# Which person of a chat is which account of a forge.
identity = Table(
    "identity",
    metadata,
    Column("team", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("forge", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("login_key", Text, nullable=False),  # in lower case
    Column("linked_at", BigInteger, nullable=False),
    Index("ix_identity_login", "forge", "login_key"),
)

# Codes that link the two, for ten minutes; kept a while to say that one was used.
link_offer = Table(
    "link_offer",
    metadata,
    Column("code_hash", Text, primary_key=True),
    Column("team", Text, nullable=False),
    Column("team_name", Text, nullable=False, server_default=""),
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Index("ix_link_offer_expires_at", "expires_at"),
)

organization = Table(
    "organization",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("not_before", BigInteger, nullable=False, server_default="0"),  # the circuit breaker
    Column("failing_since", BigInteger),
    *_leased(),
    Index("ix_organization_due", "due_at"),
    postgresql_with=_BUSY,
)

post = Table(
    "post",
    metadata,
    Column("id", Text, primary_key=True),  # ULID, part of the hidden marker
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("forge", Text, nullable=False),
    Column("repository_id", Text, nullable=False),
    Column("target", Text, nullable=False),  # PostTarget or ChatTarget as JSON
    Column("report", Text, nullable=False),
    Column("content", Text),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    Column("sent_revision", BigInteger, nullable=False, server_default="0"),
    Column("parts", Text, nullable=False, server_default="[]"),  # RemotePart list as JSON
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("paid_until", BigInteger),  # its part of the budgets is taken, and may be used then
    Column("dead", Integer, nullable=False, server_default="0"),
    *_leased(),
    Index("ix_post_due", "due_at"),
    Index("ix_post_report", "report"),
    # What was said in a channel, and when: nobody asks that of a repository.
    Index(
        "ix_post_chat",
        "repository_id",
        "kind",
        "created_at",
        sqlite_where=_IN_CHAT,
        postgresql_where=_IN_CHAT,
    ),
)

output = Table(
    "output",
    metadata,
    Column("run_id", Text, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),  # zlib
    Column("created_at", BigInteger, nullable=False),
    Index("ix_output_created", "created_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Index("ix_audit_at", "at"),
)

rate_bucket = Table(
    "rate_bucket",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tokens", Integer, nullable=False),  # thousandths
    Column("updated_at", BigInteger, nullable=False),
    Column("blocked_until", BigInteger, nullable=False, server_default="0"),
)

duty = Table(
    "duty",
    metadata,
    Column("id", Text, primary_key=True),
    *_leased(),
)

setting = Table(
    "setting",
    metadata,
    Column("name", Text, primary_key=True),  # e.g. the generated secret key
    Column("value", Text, nullable=False),
)

LEASED: Final = tuple(table for table in metadata.sorted_tables if "lease_until" in table.c)
"""The tables whose rows are worked on under a lease."""
