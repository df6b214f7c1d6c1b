"""Names of metrics."""
