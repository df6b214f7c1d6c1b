"""The stand-in for Slack, driven by Slack's own client."""
