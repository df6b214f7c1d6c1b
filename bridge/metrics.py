"""Names of metrics, each one an attribute: what is not declared here cannot be counted.

A registry per instance, so that tests and a demo never share numbers. Labels hold names of the
configuration and words of closed sets, never what a sender chose.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: from a group commit to a sender's patience."""

_LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds: requests to other services."""

_SIZES = (1, 2, 5, 10, 20, 50, 100, 200)


class Metrics:
    """Everything the bridge counts; the help texts say what and docs/operations.md lists them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._declare_edge()
        self._declare_engine()
        self._declare_outside()

    def _declare_edge(self) -> None:
        self.deliveries = Counter(
            "bridge_deliveries",
            "Deliveries answered, by forge (or slack) and outcome.",
            ("forge", "outcome"),
            registry=self.registry,
        )
        self.delivery_seconds = Histogram(
            "bridge_delivery_seconds",
            "Seconds from the head of a delivery to its answer.",
            buckets=_SHORT,
            registry=self.registry,
        )
        self.body_bytes = Gauge(
            "bridge_body_bytes",
            "Bytes of request bodies in memory now.",
            registry=self.registry,
        )
        self.slack_deliveries = Counter(
            "bridge_slack_deliveries",
            "What was done in Slack and was to be kept, by outcome (kept, not_kept).",
            ("outcome",),
            registry=self.registry,
        )
        self.hints = Counter(
            "bridge_hints",
            "Terrakube notifications answered, by outcome.",
            ("outcome",),
            registry=self.registry,
        )

    def _declare_engine(self) -> None:
        registry = self.registry
        self.handled = Counter(
            "bridge_handled",
            "Deliveries a worker finished, by outcome (done, ignored, retried, dead).",
            ("outcome",),
            registry=registry,
        )
        self.handle_seconds = Histogram(
            "bridge_handle_seconds",
            "Seconds of handling one delivery.",
            buckets=_LONG,
            registry=registry,
        )
        self.due = Gauge(
            "bridge_due", "Rows that are due now, by table.", ("table",), registry=registry
        )
        self.due_lag_seconds = Gauge(
            "bridge_due_lag_seconds",
            "Age in seconds of the oldest row that is due, by table.",
            ("table",),
            registry=registry,
        )
        self.dead = Gauge(
            "bridge_dead", "Rows set aside for a person, by table.", ("table",), registry=registry
        )
        self.leases_lost = Counter(
            "bridge_leases_lost",
            "Steps dropped because another replica took over, by table.",
            ("table",),
            registry=registry,
        )
        self.writer_queue = Gauge(
            "bridge_writer_queue", "Statements waiting for the group commit.", registry=registry
        )
        self.writer_batch = Histogram(
            "bridge_writer_batch",
            "Statements in one group commit.",
            buckets=_SIZES,
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "bridge_commit_seconds",
            "Seconds of one group commit.",
            buckets=_SHORT,
            registry=registry,
        )

    def _declare_outside(self) -> None:
        registry = self.registry
        self.runs_open = Gauge(
            "bridge_runs_open", "Runs without an end yet, by state.", ("state",), registry=registry
        )
        self.runs_concluded = Counter(
            "bridge_runs_concluded",
            "Runs that ended, by verb and state.",
            ("verb", "state"),
            registry=registry,
        )
        self.jobs_created = Counter(
            "bridge_jobs_created",
            "Jobs of ours in Terrakube, by how they became known (posted, adopted).",
            ("how",),
            registry=registry,
        )
        self.polls = Counter(
            "bridge_polls", "Looks at an organization, by outcome.", ("outcome",), registry=registry
        )
        self.poll_seconds = Histogram(
            "bridge_poll_seconds",
            "Seconds of one look at an organization.",
            buckets=_LONG,
            registry=registry,
        )
        self.posts = Counter(
            "bridge_posts",
            "Comments, statuses, reactions, merges and messages made, by kind and outcome.",
            ("kind", "outcome"),
            registry=registry,
        )
        self.remote_requests = Counter(
            "bridge_remote_requests",
            "Requests to other services, by service, method and status (0 without an answer).",
            ("service", "method", "status"),
            registry=registry,
        )
        self.remote_seconds = Histogram(
            "bridge_remote_seconds",
            "Seconds of a request to another service.",
            ("service",),
            buckets=_LONG,
            registry=registry,
        )

    def exposition(self) -> bytes:
        """Render every metric in the Prometheus text format."""
        return generate_latest(self.registry)
