"""Webhook bodies written by hand from the field tables, as small as the forges' are large."""

import json

HEAD = "1a69eb79bbfa26ec63e95863cf15dcd77f985ede"
BASE = "50d9008108a4f2a1d7f5fd3a5d6f0d2d3b5f5a11"
OLD = "004fb438fe0c9a7be7e6e1e3a0f7d8c6b5a49382"
TAG_OBJECT = "d0bb319af8df15c0d9b2a7e4f6c8b1a3d5e7f902"
ZERO = "0" * 40

REPOSITORY = {
    "id": 664,
    "name": "infra",
    "full_name": "acme/infra",
    "owner": {"login": "acme", "id": 5},
    "default_branch": "main",
    "clone_url": "https://code.example.com/acme/infra.git",
}
SENDER = {"login": "alice", "id": 7, "type": "User"}


def encoded(body: object) -> bytes:
    return json.dumps(body, indent=2).encode()


def push(
    ref: str = "refs/heads/main", before: str = BASE, after: str = HEAD, **more: object
) -> bytes:
    return encoded(
        {
            "ref": ref,
            "before": before,
            "after": after,
            "commits": [],
            "head_commit": None if after == ZERO else {"id": HEAD, "message": "Change it"},
            "repository": {**REPOSITORY, "pushed_at": 1762173000, "updated_at": "2026-11-03Z"},
            "pusher": {"name": "alice", "login": "alice"},
            "sender": SENDER,
            **more,
        }
    )


def pull_request(action: str, *, body: dict[str, object] | None = None, **more: object) -> bytes:
    """Make a pull_request delivery; *body* adds fields beside ``pull_request``."""
    side = {"repo_id": 664, "repo": {"id": 664, "full_name": "acme/infra"}}
    return encoded(
        {
            "action": action,
            "number": 12,
            "pull_request": {
                "number": 12,
                "title": "Change the network",
                "state": "open",
                "draft": False,
                "merged": False,
                "merge_commit_sha": None,
                "head": {"ref": "feature", "sha": HEAD, **side},
                "base": {"ref": "main", "sha": BASE, **side},
                "updated_at": "2026-11-03T14:29:58+02:00",
                **more,
            },
            "repository": REPOSITORY,
            "sender": SENDER,
            **(body or {}),
        }
    )


def comment(
    action: str = "created", *, issue: dict[str, object] | None = None, **more: object
) -> bytes:
    return encoded(
        {
            "action": action,
            "issue": {"number": 12, "state": "open", "pull_request": {"url": "x"}, **(issue or {})},
            "comment": {
                "id": 4711,
                "body": "terrakube plan",
                "user": {"login": "bob", "id": 8, "type": "User"},
            },
            "repository": REPOSITORY,
            "sender": SENDER,
            **more,
        }
    )
