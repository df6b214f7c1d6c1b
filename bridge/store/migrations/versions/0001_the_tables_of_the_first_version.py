"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)

    op.create_table(
        "branch_head",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_branch_head")),
    )
    op.create_table(
        "delivery",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("semantic_key", sa.Text(), nullable=True),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), server_default="", nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="none", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("traceparent", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("source", "body_hash", name=op.f("uq_delivery_source_body_hash")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_delivery_source_key")),
        sa.UniqueConstraint("source", "semantic_key", name=op.f("uq_delivery_source_semantic_key")),
    )
    op.create_index(
        "ix_delivery_dead",
        "delivery",
        ["id"],
        unique=False,
        sqlite_where=sa.text("outcome = 'dead'"),
        postgresql_where=sa.text("outcome = 'dead'"),
    )
    op.create_index("ix_delivery_received", "delivery", ["received_at"], unique=False)
    op.create_index(
        "uq_delivery_waiting",
        "delivery",
        ["subject", "seq"],
        unique=True,
        sqlite_where=sa.text("outcome = 'none'"),
        postgresql_where=sa.text("outcome = 'none'"),
    )

    op.create_table(
        "delivery_body",
        sa.Column(
            "delivery_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_delivery_body")),
    )
    op.create_table(
        "duty",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty")),
    )
    op.create_table(
        "hold",
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("workspace_name", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("organization_name", sa.Text(), nullable=False),
        sa.Column("pull_request", sa.Text(), nullable=False),
        sa.Column("forge", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("repository_slug", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("web_url", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("locks", sa.Text(), nullable=False),
        sa.Column("linger", sa.BigInteger(), nullable=False),
        sa.Column("busy_run", sa.Text(), nullable=True),
        sa.Column("busy_step", sa.Integer(), nullable=True),
        sa.Column("busy_until", sa.BigInteger(), nullable=True),
        sa.Column("release_on_end", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_hold")),
    )
    op.create_index("ix_hold_pull_request", "hold", ["pull_request"], unique=False)

    op.create_table(
        "organization",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("not_before", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
        postgresql_with={"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.02},
    )
    op.create_index("ix_organization_due", "organization", ["due_at"], unique=False)

    op.create_table(
        "post",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("forge", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("sent_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("parts", sa.Text(), server_default="[]", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("paid_until", sa.BigInteger(), nullable=True),
        sa.Column("dead", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
        sa.UniqueConstraint("key", name=op.f("uq_post_key")),
    )
    op.create_index(
        "ix_post_chat",
        "post",
        ["repository_id", "kind", "created_at"],
        unique=False,
        sqlite_where=sa.text("forge = 'slack'"),
        postgresql_where=sa.text("forge = 'slack'"),
    )
    op.create_index("ix_post_due", "post", ["due_at"], unique=False)
    op.create_index("ix_post_report", "post", ["report"], unique=False)

    op.create_table(
        "pull_request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("forge", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("repository_slug", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("draft", sa.Integer(), server_default="0", nullable=False),
        sa.Column("from_fork", sa.Integer(), server_default="0", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("web_url", sa.Text(), server_default="", nullable=False),
        sa.Column("head_sha", sa.Text(), nullable=False),
        sa.Column("base_branch", sa.Text(), nullable=False),
        sa.Column("base_sha", sa.Text(), nullable=True),
        sa.Column("merge_commit", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("allowed_head", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_request")),
    )
    op.create_index(
        "ix_pull_request_head", "pull_request", ["forge", "repository_id", "head_sha"], unique=False
    )
    op.create_index(
        "ix_pull_request_merge",
        "pull_request",
        ["forge", "repository_id", "merge_commit"],
        unique=False,
    )

    op.create_table(
        "rate_bucket",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_bucket")),
    )
    op.create_table(
        "repository",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("forge", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repository")),
    )
    op.create_index("ix_repository_forge", "repository", ["forge"], unique=False)

    op.create_table(
        "run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("workspace_name", sa.Text(), server_default="", nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("forge", sa.Text(), server_default="", nullable=False),
        sa.Column("repository_id", sa.Text(), server_default="", nullable=False),
        sa.Column("pull_request", sa.Integer(), nullable=True),
        sa.Column("commit_id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("share_key", sa.Text(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("job_status", sa.Text(), server_default="", nullable=False),
        sa.Column("steps", sa.Text(), server_default="[]", nullable=False),
        sa.Column("plan_changes", sa.Integer(), nullable=True),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("destroyed", sa.Text(), server_default="[]", nullable=False),
        sa.Column("applied", sa.Text(), server_default="[]", nullable=False),
        sa.Column("not_applied", sa.Text(), server_default="[]", nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("superseded_by", sa.Text(), server_default="", nullable=False),
        sa.Column("shared", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cancel_requested", sa.Integer(), server_default="0", nullable=False),
        sa.Column("review", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("delta", sa.Text(), server_default="", nullable=False),
        sa.Column("gate", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ended_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("absent_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("look_interval", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_look", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.Column("posted_at", sa.BigInteger(), nullable=True),
        sa.Column("times_posted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trouble_since", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint(
            "trigger", "workspace_id", "verb", name=op.f("uq_run_trigger_workspace_id_verb")
        ),
    )
    op.create_index("ix_run_commit", "run", ["forge", "repository_id", "commit_id"], unique=False)
    op.create_index("ix_run_due", "run", ["due_at"], unique=False)
    op.create_index(
        "ix_run_followed",
        "run",
        ["organization_id", "phase", "look_interval", "next_look"],
        unique=False,
    )
    op.create_index("ix_run_job", "run", ["job_id"], unique=False)
    op.create_index("ix_run_posted", "run", ["posted_at"], unique=False)
    op.create_index(
        "ix_run_pull_request", "run", ["forge", "repository_id", "pull_request"], unique=False
    )
    op.create_index("ix_run_workspace", "run", ["workspace_id", "phase"], unique=False)
    op.create_index(
        "uq_run_share",
        "run",
        ["share_key"],
        unique=True,
        sqlite_where=sa.text("phase <> 'finished' AND share_key IS NOT NULL"),
        postgresql_where=sa.text("phase <> 'finished' AND share_key IS NOT NULL"),
    )

    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "subject",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("next_seq", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("pending", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject")),
        postgresql_with={"fillfactor": 70, "autovacuum_vacuum_scale_factor": 0.02},
    )
    op.create_index("ix_subject_due", "subject", ["due_at"], unique=False)

    op.create_table(
        "decision",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_decision_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "step", name=op.f("pk_decision")),
    )
    op.create_table(
        "vote",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_vote_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "step", "actor", name=op.f("pk_vote")),
    )
    op.create_table(
        "subscription",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("interests", sa.Text(), nullable=False),
        sa.Column("quiet", sa.Integer(), server_default="0", nullable=False),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("team", "channel", "pattern", name=op.f("pk_subscription")),
    )
    op.create_table(
        "channel",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), server_default="", nullable=False),
        sa.Column("files", sa.Integer(), server_default="0", nullable=False),
        sa.Column("parked", sa.Text(), server_default="", nullable=False),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("team", "id", name=op.f("pk_channel")),
    )
    op.create_table(
        "identity",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("forge", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("login_key", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("team", "user_id", "forge", name=op.f("pk_identity")),
    )
    op.create_index("ix_identity_login", "identity", ["forge", "login_key"], unique=False)
    op.create_table(
        "link_offer",
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("team_name", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_link_offer")),
    )
    op.create_index("ix_link_offer_expires_at", "link_offer", ["expires_at"], unique=False)
    op.create_table(
        "output",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_output_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "kind", name=op.f("pk_output")),
    )
    op.create_index("ix_output_created", "output", ["created_at"], unique=False)

    op.create_table(
        "run_link",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("asked", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_run_link_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "report", name=op.f("pk_run_link")),
    )
    op.create_index("ix_run_link_report", "run_link", ["report"], unique=False)

    if op.get_bind().dialect.name == "postgresql":
        # Compressing a body costs more than keeping it for a week.
        op.execute("ALTER TABLE delivery_body ALTER COLUMN body SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("run_link")
    op.drop_table("output")
    op.drop_table("subject")
    op.drop_table("setting")
    op.drop_table("run")
    op.drop_table("repository")
    op.drop_table("rate_bucket")
    op.drop_table("pull_request")
    op.drop_table("post")
    op.drop_table("organization")
    op.drop_table("duty")
    op.drop_table("delivery_body")
    op.drop_table("delivery")
    op.drop_table("branch_head")
    op.drop_table("audit")
