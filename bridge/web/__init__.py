"""The aiohttp edge: webhooks, notifications, health, metrics.

What comes in is verified over its raw bytes and handed on as one row; nothing is done here.
"""
