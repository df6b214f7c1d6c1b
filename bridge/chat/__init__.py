"""Doors for people who chat; the only package that knows Slack."""
