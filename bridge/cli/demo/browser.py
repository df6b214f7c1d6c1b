"""What the demo's person does on the forge and sees there, by its API."""

from dataclasses import dataclass
from typing import Any, cast

from bridge.cli.demo import story
from bridge.cli.demo.processes import Sandbox
from bridge.http import HttpClient

_REPOSITORY = f"/repos/{story.SLUG}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """The forge through the eyes of a person."""

    http: HttpClient
    flavour: str

    async def open_pull_request(self) -> tuple[int, str, str]:
        """Open the pull request; return its number, head commit and page."""
        body = {"title": story.TITLE, "head": story.BRANCH, "base": "main", "body": ""}
        made = await self._ask("POST", f"{_REPOSITORY}/pulls", body)
        return int(made["number"]), str(made["head"]["sha"]), str(made["html_url"])

    async def merge(self, number: int) -> str:
        """Merge it; return the merge commit."""
        if self.flavour == "github":
            await self._ask("PUT", f"{_REPOSITORY}/pulls/{number}/merge", {})
        else:
            await self._ask("POST", f"{_REPOSITORY}/pulls/{number}/merge", {"Do": "merge"})
        seen = await self._ask("GET", f"{_REPOSITORY}/pulls/{number}")
        return str(seen["merge_commit_sha"])

    async def comments(self, number: int) -> list[str]:
        """Read the conversation."""
        seen = await self._ask("GET", f"{_REPOSITORY}/issues/{number}/comments")
        return [str(comment["body"]) for comment in seen]

    async def statuses(self, sha: str) -> dict[str, tuple[str, str]]:
        """Read a commit's statuses: state and description by name."""
        seen = await self._ask("GET", f"{_REPOSITORY}/commits/{sha}/status")
        return {
            str(one["context"]): (str(one.get("state") or one.get("status")), one["description"])
            for one in seen["statuses"]
        }

    async def _ask(self, method: str, path: str, body: object | None = None) -> Any:  # noqa: ANN401 - JSON
        answer = await self.http.request(method, path, json=body)
        return cast("Any", answer.json()) if answer.body else None


def open_browser(sandbox: Sandbox) -> HttpClient:
    """Sign in; close the client at the end."""

    async def authorization() -> str:
        return f"token {sandbox.person_token}"

    return HttpClient(service="the forge", base_url=sandbox.api_url, authorization=authorization)
