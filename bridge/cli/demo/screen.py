"""What the demo puts on the screen: the story, what the bridge logs, comments and statuses."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.cli.demo.browser import Statuses
from bridge.rendering.durations import counted

_EVENTS = {
    "delivery.handled": "  {kind} delivery: {outcome}",
    "run.started": "  job {job_id} started in {workspace}",
    "job.approved": "  approved in {workspace} in the name of {actor}: {reason}",
    "run.concluded": "  job {job_id} in {workspace} {state}",
}
_KEYS = ("kind", "job_id", "workspace", "state", "actor", "reason")
_FOLDED = "<details>"
_HIDDEN = re.compile(r"\A<!--.*?-->\s*")
"""What nobody sees of a comment: how the bridge finds it again."""

_ADDRESS = re.compile(r" (?:\((http://[^\s()]+)\)|-> http://[^\s\]]+)")
"""What people see of a link only when they follow it."""


@dataclass(slots=True)
class Screen:
    """Tells people what happens.

    Attributes:
        log: The bridge's log.
    """

    console: Console
    log: Path
    _read: int = 0

    def say(self, text: str, style: str = "bold") -> None:
        """Tell what somebody did."""
        self.console.print(text, style=style, markup=False, soft_wrap=True)

    def say_quietly(self, text: str) -> None:
        """Tell what follows from it."""
        self.say(_without_addresses(text), style="dim")

    def tell_news(self) -> None:
        """Follow the bridge's log: what it did since the last look."""
        text = self.log.read_text(errors="replace")
        complete, self._read = text[self._read : text.rfind("\n") + 1], text.rfind("\n") + 1
        for line in complete.splitlines():
            self._tell(line)

    def show_comment(self, title: str, text: str) -> None:
        """Show all of a comment."""
        shown = Text(_HIDDEN.sub("", text))
        self.console.print(Panel(shown, title=f"{title}, as Markdown"))

    def show_beginning(self, title: str, text: str) -> None:
        """Show a comment without what is folded in it."""
        visible, folded, rest = text.partition(_FOLDED)
        count = (folded + rest).count(_FOLDED)
        self.show_comment(title, f"{visible.strip()}\n\n(and {count} texts that are folded)")

    def show_message(self, title: str, text: str) -> None:
        """Show what people see in Slack."""
        self.console.print(Panel(Text(_without_addresses(text.rstrip())), title=title))

    def show_statuses(self, title: str, statuses: Statuses) -> None:
        """Show the statuses of a commit."""
        table = Table(title=title)
        for column in ("status", "state", "description"):
            table.add_column(column, overflow="fold")
        for name, (state, description) in sorted(statuses.items()):
            table.add_row(Text(name), Text(state), Text(description))
        self.console.print(table)

    def _tell(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        template = _EVENTS.get(said.get("event", ""))
        own = said.get("kind") == "issue_comment" and said.get("outcome") == "ignored"
        if template is not None and not own:
            facts = {key: said.get(key) or "?" for key in _KEYS}
            facts["outcome"] = said.get("reason") or counted(int(said.get("runs") or 0), "run")
            self.say(template.format_map(facts), style="dim")


def _without_addresses(text: str) -> str:
    return _ADDRESS.sub("", text)
