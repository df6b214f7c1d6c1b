"""The way in over HTTP: past the gate, then into the app."""

from collections.abc import Mapping
from typing import Final

from bridge.chat.app import Answered, SlackApp
from bridge.chat.gate import Gate, Verdict

_ANSWERS: Final = {
    Verdict.PROBE: Answered(status=200),
    Verdict.UNSIGNED: Answered(status=401, body="the signature is missing or wrong\n"),
    Verdict.WRONG_TYPE: Answered(status=415, body="this is none of the types Slack sends\n"),
    Verdict.INVALID: Answered(status=400, body="this is not what Slack sends\n"),
}


class HttpDoor:
    """See web.slack.ChatDoor."""

    def __init__(self, gate: Gate, app: SlackApp) -> None:
        self._gate = gate
        self._app = app

    async def take(self, headers: Mapping[str, str], body: bytes) -> Answered:
        """See web.slack.ChatDoor."""
        verdict, text = self._gate.judge(headers, body)
        if verdict is Verdict.GENUINE:
            return await self._app.take(headers, text)
        return _ANSWERS[verdict]
