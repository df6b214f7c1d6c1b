"""What people are told about what they wrote; their own words stay inert in it."""

from collections.abc import Sequence

from bridge.decisions.wording import code, listed
from bridge.domain.commands import AVAILABLE, Command, LaterCommand, Misunderstood


def explain_misunderstood(commands: Sequence[Command]) -> str:
    """Say what is wrong with each line that was not understood; empty when all were."""
    wrong = [one for one in commands if isinstance(one, Misunderstood)]
    if not wrong:
        return ""
    lines = [f"{code(one.text)}: {_sentence(one.problem)}{_usage(one)}" for one in wrong]
    if len(wrong) < len(commands):
        lines.append("Nothing was started, as not every line was understood.")
    return "\n\n".join(lines)


def not_available(command: LaterCommand, name: str) -> str:
    """Answer a command that does not exist here yet."""
    words = listed([f"{name} {word.value}" for word in AVAILABLE])
    return f"{code(f'{name} {command.word.value}')} is not available yet. There is: {words}."


def to_stranger(answer: str) -> str:
    """Say to whoever may not write that there is no second answer soon."""
    return f"{answer}\n\nWithout write permission there is one answer an hour here."


_HELP = """\
A command stands in a line of its own; a comment with any other line in it does nothing.

| command | what it does |
| --- | --- |
| `{0} plan` | plans the workspaces this pull request affects |
| `{0} plan -w organization/name` | plans this workspace; repeat it, or use globs (`'acme/net-*'`) |
| `{0} plan -d folder` | plans the workspaces in this folder; repeat it, or use globs |
| `{0} plan --all` | plans even when there are very many |
| `{0} plan --target ADDRESS` | plans some resources only |
| `{0} plan --replace ADDRESS` | plans to make a resource anew |
| `{0} plan --refresh-only` | only looks for what changed outside |
| `{0} plan --no-refresh` | trusts the state instead of looking |
| `{0} ok-to-plan SHA` | allows one commit of a fork to be planned |
| `{0} help` | shows this |

All but `help` need write permission on the repository."""


def help_text(name: str) -> str:
    """List what can be said in a pull request; *name* is checked by the settings."""
    return _HELP.replace("{0}", name)


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _usage(one: Misunderstood) -> str:
    # Words of ours, shown whole: code() would shorten them.
    return f" Usage: `{one.usage}`" if one.usage else ""
