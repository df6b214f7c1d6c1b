"""Forgejo's API and deliveries, below ``/api/v1``; source: a running Forgejo 10."""
