"""What help says: the commands there are, and the flags of one of them."""

from collections.abc import Mapping, Sequence

from bridge.decisions.chat_values import MOST_LINES
from bridge.decisions.flags import Flag, names_of
from bridge.decisions.verbs import CHAT, COMMENT, EXAMPLES, Door, usage
from bridge.decisions.wording import listed
from bridge.domain.chat import Interest
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
    Word.LOGS: "shows what a job wrote, from the end",
    Word.WORKSPACES: "lists the workspaces, or those whose name has a part in it",
    Word.TEMPLATES: "lists the templates",
    Word.SUBSCRIBE: "tells this channel of some workspaces from now on",
    Word.UNSUBSCRIBE: "tells this channel no more of some workspaces, or of any",
    Word.SUBSCRIPTIONS: "lists what this channel is told of",
    Word.LINK: "makes you and the person of Slack one whom `link` there told a code",
    Word.UNLINK: "makes the two of you two again",
    Word.WHOAMI: "says who the bridge takes you for, and what you may do",
    Word.SETTINGS: "shows what holds in this channel, or changes it",
    Word.OK_TO_PLAN: "allows one commit of a fork to be planned",
    Word.VERSION: "says which version of the bridge answers",
    Word.HELP: "shows this, or the flags of one command",
}
"""What each command does, for people."""

_DOES_IN_CHAT: Mapping[Word, str] = {
    Word.PLAN: "plans the workspaces that are named, or those a pull request affects",
    Word.APPLY: "applies workspaces that are named, or what was reviewed in a pull request",
    Word.DESTROY: "destroys workspaces that are named, or what a pull request planned to destroy",
    Word.LOCK: "locks workspaces for a pull request",
    Word.UNLOCK: "frees the workspaces a pull request has locked",
    Word.STATUS: "shows how a job, workspaces or a pull request stand",
    Word.RETRY: "runs again what did not succeed at a pull request's head",
    Word.LINK: "makes you and an account of yours on a forge one: it tells you a code to say there",
    Word.UNLINK: "takes that back for all your accounts",
}
"""What means something else, or needs other words, in a chat."""

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
    Flag.PULL_REQUEST: "a pull request: `owner/name#12` or its address, also without `pr=`",
    Flag.BRANCH: "another branch than the workspace's own",
    Flag.TEMPLATE: "another template than the rules say, by its name or id",
    Flag.MESSAGE: "why, for the record; several words stand in quotes",
    Flag.AGAIN: "start it although the same was started a moment ago",
    Flag.STEP: "one step of the job, by its number; a second bare number is the same",
    Flag.TAIL: f"so many lines from the end, up to {MOST_LINES}",
    Flag.CONTAINING: "a part of the names; a bare word is the same",
    Flag.ORGANIZATION: "an organization; in `settings`, the one that is meant where none is named",
    Flag.EVENTS: f"what to hear of: {listed(list(Interest))} or `all`, commas between them",
    Flag.QUIET: "broadcast nothing, and say no result beside the live message",
    Flag.FILES: "whether complete plans are put into this channel as files: `on` or `off`",
}
"""What each flag sets, for people."""

_START = "A command stands in a line of its own; a comment with any other line in it does nothing."
_THREADS = "In threads, where commands do not work, mention the bridge instead."
_SAME = "`branch=main` and `--branch main` are the same, and so with every flag that has a value."
_UNFLOORED = frozenset({Word.STATUS, Word.WHY, Word.LINK, Word.UNLINK, Word.VERSION, Word.HELP})


def does(word: Word, door: Door) -> str:
    """Say what a command does at a door."""
    return (_DOES_IN_CHAT.get(word) if door is CHAT else None) or DOES[word]


def help_text(name: str, words: Sequence[Word], door: Door = COMMENT) -> str:
    """List what can be said.

    Args:
        name: How people address the bridge; checked by the settings.
        words: The commands that are there for whoever asks.
        door: Where they ask.
    """
    there = [word for word in Word if word in words and word not in door.elsewhere]
    return _in_chat(name, there) if door is CHAT else _in_comment(name, there)


def help_about(name: str, word: Word, door: Door = COMMENT) -> str:
    """Show one command and its flags."""
    takes = door.takes.get(word, frozenset())
    flags = [flag for flag in SETS if flag in takes]
    start = f"`{name} {usage(word, door)}` {does(word, door)}."
    if door is CHAT:
        example = f"For example `{name} {EXAMPLES[word]}`."
        lines = [f"- {listed(names_of(flag))}: {SETS[flag]}" for flag in flags]
        return "\n\n".join(
            filter(None, [f"{start} {example}", "\n".join(lines), _SAME * bool(flags)])
        )
    rows = [f"| {listed(names_of(flag))} | {SETS[flag]} |" for flag in flags]
    table = "\n".join(["| flag | what it sets |", "| --- | --- |", *rows])
    return f"{start}\n\n{table}" if rows else start


def _in_comment(name: str, words: Sequence[Word]) -> str:
    rows = [f"| `{_shown(name, word)}` | {DOES[word]} |" for word in words]
    table = "\n".join(["| command | what it does |", "| --- | --- |", *rows])
    reading = listed([word.value for word in words if word in _UNFLOORED])
    floor = f"All but {reading} need write permission on the repository."
    more = f"`{name} help COMMAND` shows the flags of a command."
    return "\n\n".join([_START, table, f"{more} {floor}"])


def _in_chat(name: str, words: Sequence[Word]) -> str:
    lines = [f"- `{name} {EXAMPLES[word]}` {does(word, CHAT)}" for word in words]
    start = f"`{name}` alone opens a form. With words behind it, it says the same, and more:"
    if Word.PLAN not in words:
        start = "What you may say here:"
    more = f"`{name} help COMMAND` shows all a command takes; `{name} whoami`, what you may do."
    return "\n\n".join([start, "\n".join(lines), f"{more} {_THREADS}"])


def _shown(name: str, word: Word) -> str:
    return f"{name} {usage(word) if word in {Word.OK_TO_PLAN, Word.LINK} else word.value}"
