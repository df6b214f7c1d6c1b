"""What the demo's people do on the forge and see there, by its API."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from bridge.cli.demo import story
from bridge.cli.demo.processes import Sandbox
from bridge.http import HttpClient

_REPOSITORY = f"/repos/{story.SLUG}"

Statuses: TypeAlias = Mapping[str, tuple[str, str]]
"""State and description by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """The forge through the eyes of two people.

    Attributes:
        person: Signed in as the author.
        reviewer: Signed in as the reviewer.
    """

    person: HttpClient
    reviewer: HttpClient
    flavour: str

    async def open_pull_request(self) -> tuple[int, str, str]:
        """Open the pull request; return its number, head commit and page."""
        body = {"title": story.TITLE, "head": story.BRANCH, "base": "main", "body": ""}
        made = await self._ask("POST", f"{_REPOSITORY}/pulls", body)
        return int(made["number"]), str(made["head"]["sha"]), str(made["html_url"])

    async def say(self, number: int, text: str) -> None:
        """Comment."""
        await self._ask("POST", f"{_REPOSITORY}/issues/{number}/comments", {"body": text})

    async def approve(self, number: int) -> None:
        """Approve it, as the reviewer."""
        word = "APPROVE" if self.flavour == "github" else "APPROVED"
        body = {"event": word, "body": "Looks good."}
        await self.reviewer.request("POST", f"{_REPOSITORY}/pulls/{number}/reviews", json=body)

    async def merge_commit(self, number: int) -> str | None:
        """Return the merge commit once it is merged."""
        seen = await self._ask("GET", f"{_REPOSITORY}/pulls/{number}")
        return str(seen["merge_commit_sha"]) if seen["merged"] else None

    async def merged_by(self, number: int) -> str:
        """Name whoever merged it."""
        seen = await self._ask("GET", f"{_REPOSITORY}/pulls/{number}")
        return str(seen["merged_by"]["login"])

    async def comments(self, number: int) -> list[str]:
        """Read what the bridge said in the conversation, the oldest first."""
        seen = await self._ask("GET", f"{_REPOSITORY}/issues/{number}/comments")
        return [str(one["body"]) for one in seen if one["user"]["login"] == story.BOT]

    async def statuses(self, sha: str) -> Statuses:
        """Read a commit's statuses."""
        seen = await self._ask("GET", f"{_REPOSITORY}/commits/{sha}/status")
        return {
            str(one["context"]): (str(one.get("state") or one.get("status")), one["description"])
            for one in seen["statuses"]
        }

    async def _ask(self, method: str, path: str, body: object | None = None) -> Any:  # noqa: ANN401 - JSON
        answer = await self.person.request(method, path, json=body)
        return cast("Any", answer.json()) if answer.body else None


@asynccontextmanager
async def open_browser(sandbox: Sandbox) -> AsyncIterator[Browser]:
    """Sign both in."""
    person = _signed_in(sandbox.api_url, sandbox.person_token)
    reviewer = _signed_in(sandbox.api_url, sandbox.reviewer_token)
    async with person, reviewer:
        yield Browser(person=person, reviewer=reviewer, flavour=sandbox.flavour)


def _signed_in(url: str, token: str) -> HttpClient:
    async def authorization() -> str:
        return f"token {token}"

    return HttpClient(service="the forge", base_url=url, authorization=authorization)
