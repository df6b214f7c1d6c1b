"""Strict, stateful stand-ins for Terrakube, a forge and Slack; they import nothing else of ours."""
