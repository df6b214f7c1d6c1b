"""The aiohttp edge: webhooks, health, metrics."""
