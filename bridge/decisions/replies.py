"""What people are told about what they wrote; their own words stay inert in it."""

from collections.abc import Sequence

from bridge.decisions.chat_lines import pointing_at
from bridge.decisions.wording import code, listed
from bridge.domain.commands import Command, Misunderstood, Word


def explain_misunderstood(commands: Sequence[Command]) -> str:
    """Say what is wrong with each line that was not understood; empty when all were."""
    wrong = [one for one in commands if isinstance(one, Misunderstood)]
    if not wrong:
        return ""
    lines = [f"{_start(one)}{_usage(one)}" for one in wrong]
    if len(wrong) < len(commands):
        lines.append("Nothing was started, as not every line was understood.")
    return "\n\n".join(lines)


def not_available(word: Word, words: Sequence[Word], name: str) -> str:
    """Answer a command that does not exist here yet.

    Args:
        word: Its own.
        words: Those that are there.
        name: How people address the bridge.
    """
    known = listed([f"{name} {one.value}" for one in words], most=len(words))
    return f"{code(f'{name} {word.value}')} is not available yet. There is: {known}."


def not_yours(words: Sequence[Word]) -> str:
    """Say what there is besides that whoever asks may not say; empty when there is nothing."""
    if not words:
        return ""
    names = listed([one.value for one in words], most=len(words))
    return f"Others can also say {names} here; to you that is not allowed."


def not_yours_in_chat(words: Sequence[Word], name: str, *, ruled: bool, linked: bool) -> str:
    """Say in the chat what there is besides, and what lets somebody say it; empty for nothing.

    Args:
        words: What whoever asks may not say as a person of the chat.
        name: How people address the bridge.
        ruled: Whether there are access rules at all.
        linked: Whether they have an account on a forge, whose rights come on top.
    """
    if not words:
        return ""
    names = listed([one.value for one in words], most=len(words))
    if not ruled:
        return (
            f"Nobody may say {names} here, as there are no `access` rules: whoever runs the bridge "
            "can add some."
        )
    if linked:
        return (
            f"{names} you may say where a rule lets your account, and it has write permission on "
            "the repository."
        )
    link = code(f"{name} {Word.LINK.value}")
    return (
        f"{not_yours(words)} An account of yours on a forge may have more rights: {link} adds them."
    )


def to_stranger(answer: str) -> str:
    """Say to whoever may not write that there is no second answer soon."""
    return f"{answer}\n\nWithout write permission there is one answer an hour here."


def _start(one: Misunderstood) -> str:
    if one.place is None:
        said = _sentence(one.problem)
        # What was written is not said twice.
        return said if said.startswith(f"{code(one.text)} ") else f"{code(one.text)}: {said}"
    shown = f"```\n{pointing_at(one.text, one.place)}\n```"
    return f"{shown}\n\n{one.problem[:1].upper()}{_sentence(one.problem[1:])}"


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _usage(one: Misunderstood) -> str:
    # Words of ours, shown whole: code() would shorten them.
    before = " " if one.place is None else "\n\n"
    return f"{before}Usage: `{one.usage}`" if one.usage else ""
