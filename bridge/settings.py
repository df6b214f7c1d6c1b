"""The one reader of environment and configuration file."""
