"""The one adapter around httpx: timeouts, short retries, redaction, same-origin redirects."""
