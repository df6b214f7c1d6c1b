"""Reports as text: pure, deterministic, bounded by a limit."""
