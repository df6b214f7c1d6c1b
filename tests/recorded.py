"""Exchanges with real Terrakube servers, 2.33 and 2.32, recorded once for all tests.

A name is a path below the folder without its ending: ``states/running_plan_no_changes``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

FOLDER: Final = Path(__file__).parent / "recordings"
STABLE: Final = "stable_2_32_2/"
"""What the names of 2.32 begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One request and its answer; *target* is the path with its query, as it was sent."""

    name: str
    method: str
    target: str
    sent_headers: Mapping[str, str]
    sent: Any
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def is_stable(self) -> bool:
        return self.name.startswith(STABLE)

    @property
    def parameters(self) -> Mapping[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], separator="&"))


def names(pattern: str = "*.json") -> list[str]:
    """Name what is there, in order; ``timelines/*.json`` finds those of both versions."""
    found = (path.relative_to(FOLDER).with_suffix("") for path in FOLDER.rglob(pattern))
    return sorted(map(str, found))


def exchanges() -> list[str]:
    """Name the requests with their answers; timelines are none."""
    return [name for name in names() if "request" in document(name)]


def document(name: str) -> Any:  # noqa: ANN401 - JSON
    """Read a recording, or a timeline."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def recording(name: str) -> Recording:
    """Read one exchange."""
    found = document(name)
    request, response = found["request"], found["response"]
    return Recording(
        name=name,
        method=request["method"],
        target=request["path"],
        sent_headers=request["headers"],
        sent=request.get("body"),
        status=response["status"],
        headers=response.get("headers", {}),
        body=response.get("body"),
    )


def log(name: str) -> str:
    """Read a step log, or another text, as it was served."""
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
