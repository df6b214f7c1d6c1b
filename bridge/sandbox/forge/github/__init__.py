"""GitHub's API and deliveries, as on an Enterprise Server: below ``/api/v3``."""
