"""Gitea and Forgejo: one driver, whose few differences are options."""
