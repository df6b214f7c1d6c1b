"""Log configuration and the names of log keys."""
