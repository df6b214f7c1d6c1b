"""Signed GitHub deliveries of a given size, each another one."""

import hashlib
import hmac
import json
from typing import Final

SECRET: Final = b"a secret for the bench"


def pull_request_body(number: int, size: int, *, pull: int | None = None) -> bytes:
    """Build a pull request delivery of about *size* bytes, shaped as GitHub's: mostly addresses.

    Each *number* is another head, by default of another pull request.
    """
    pull = number if pull is None else pull
    head = hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()
    repository: dict[str, object] = {
        "id": 7,
        "full_name": "acme/infra",
        "owner": {"login": "acme", "id": 1, "type": "Organization"},
    }
    pull_request: dict[str, object] = {
        "number": pull,
        "state": "open",
        "title": f"Widen the subnet, {number}",
        "head": {"ref": "subnet", "sha": head, "repo": repository},
        "base": {"ref": "main", "sha": "b" * 40, "repo": repository},
        "updated_at": "2026-11-24T12:00:00Z",
    }
    payload: dict[str, object] = {
        "action": "synchronize",
        "number": pull,
        "before": "a" * 40,
        "after": head,
        "pull_request": pull_request,
        "repository": repository,
        "sender": {"login": "ada", "id": 2, "type": "User"},
    }
    room = size - len(json.dumps(payload))
    urls = {
        f"url_{at:03}": f"https://api.github.com/repos/acme/infra/things/{at:04}{{/more}}"
        for at in range(room // 74)
    }
    return json.dumps({**payload, "addresses": urls}).encode()


def request(number: int, run: str, size: int, *, pull: int | None = None) -> bytes:
    """Build a whole HTTP request around a signed delivery."""
    body = pull_request_body(number, size, pull=pull)
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    head = (
        "POST /webhooks/github HTTP/1.1\r\n"
        "Host: bridge.example.com\r\n"
        "User-Agent: GitHub-Hookshot/abcdef0\r\n"
        "Accept: */*\r\n"
        "Content-Type: application/json\r\n"
        "X-GitHub-Event: pull_request\r\n"
        f"X-GitHub-Delivery: {run}-{number}\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
