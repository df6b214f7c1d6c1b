"""Strict, stateful stand-ins for Terrakube, a forge and Slack; imports nothing else of the bridge."""
