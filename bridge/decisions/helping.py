"""What help says: the commands there are, and the flags of one of them."""

from collections.abc import Mapping, Sequence

from bridge.decisions.flags import Flag, names_of
from bridge.decisions.verbs import TAKES, usage
from bridge.decisions.wording import listed
from bridge.domain.commands import Word

DOES: Mapping[Word, str] = {
    Word.PLAN: "plans the workspaces this pull request affects, or those that are named",
    Word.APPLY: "applies what was reviewed: everything planned at this head, or what is named",
    Word.DESTROY: "destroys what a reviewed `plan -- -destroy` shows",
    Word.APPROVE: "lets jobs go on that wait for an approval",
    Word.REJECT: "ends jobs that wait for an approval",
    Word.CANCEL: "drops what waits and cancels what runs",
    Word.LOCK: "locks workspaces for this pull request",
    Word.UNLOCK: "frees the workspaces this pull request has locked",
    Word.STATUS: "shows how every workspace stands",
    Word.WHY: "says why something was planned or not, what an apply waits for, and who can help",
    Word.RETRY: "runs again what did not succeed at this head",
    Word.SUBSCRIBE: "tells a channel what happens",
    Word.LINK: "makes you and the person of Slack one whom `link` there told a code",
    Word.UNLINK: "makes the two of you two again",
    Word.OK_TO_PLAN: "allows one commit of a fork to be planned",
    Word.VERSION: "says which version of the bridge answers",
    Word.HELP: "shows this, or the flags of one command",
}
"""What each command does, for people."""

SETS: Mapping[Flag, str] = {
    Flag.JOB: "one job, by its number in Terrakube; a bare number is the same",
    Flag.WORKSPACE: "this workspace; repeat it, or use globs (`'acme/net-*'`)",
    Flag.FOLDER: "the workspaces in this folder; repeat it, or use globs (`'env/*'`)",
    Flag.PROJECT: "another name of `-w`; not together with `-w` or `-d`",
    Flag.ALL: "all of them, even when there are very many",
    Flag.TARGET: "only this resource and what it needs; repeat it for more",
    Flag.REPLACE: "make this resource anew; repeat it for more",
    Flag.REFRESH_ONLY: "only look for what changed outside",
    Flag.NO_REFRESH: "trust the state instead of looking",
    Flag.VERBOSE: "show the whole output",
    Flag.AUTO_MERGE_DISABLED: "do not merge the pull request afterwards",
    Flag.AUTO_MERGE_METHOD: "merge it in this way afterwards: `merge`, `squash` or `rebase`",
    Flag.DESTROY: "destroy everything; only behind `--`",
}
"""What each flag sets, for people."""

_START = "A command stands in a line of its own; a comment with any other line in it does nothing."
_UNFLOORED = frozenset({Word.STATUS, Word.WHY, Word.LINK, Word.UNLINK, Word.VERSION, Word.HELP})


def help_text(name: str, words: Sequence[Word]) -> str:
    """List what can be said in a pull request.

    Args:
        name: How people address the bridge; checked by the settings.
        words: The commands that are there for whoever asks.
    """
    rows = [f"| `{_shown(name, word)}` | {DOES[word]} |" for word in Word if word in words]
    table = "\n".join(["| command | what it does |", "| --- | --- |", *rows])
    reading = listed([word.value for word in Word if word in words and word in _UNFLOORED])
    floor = f"All but {reading} need write permission on the repository."
    more = f"`{name} help COMMAND` shows the flags of a command."
    return "\n\n".join([_START, table, f"{more} {floor}"])


def help_about(name: str, word: Word) -> str:
    """Show one command and its flags."""
    takes = TAKES.get(word, frozenset())
    rows = [f"| {listed(names_of(flag))} | {SETS[flag]} |" for flag in SETS if flag in takes]
    table = "\n".join(["| flag | what it sets |", "| --- | --- |", *rows])
    start = f"`{name} {usage(word)}` {DOES[word]}."
    return f"{start}\n\n{table}" if rows else start


def _shown(name: str, word: Word) -> str:
    return f"{name} {usage(word) if word is Word.OK_TO_PLAN else word.value}"
