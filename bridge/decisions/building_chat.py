"""The commands that only a chat has, from their flags."""

from collections.abc import Callable, Mapping

from bridge.decisions.chat_values import ALL, NOBODY
from bridge.decisions.comment_lines import Line
from bridge.decisions.flag_values import Refused
from bridge.decisions.flags import Flag, Flags
from bridge.decisions.wording import code
from bridge.domain.commands import (
    Command,
    LogsCommand,
    Selection,
    SettingsCommand,
    Source,
    SubscribeCommand,
    SubscriptionsCommand,
    TemplatesCommand,
    UnsubscribeCommand,
    WhoamiCommand,
    Word,
    WorkspacesCommand,
)

_LINES = "50"


def source_of(found: Flags) -> Source:
    """Return what a run takes its code and its flow from, as far as that is said."""
    return Source(
        branch=found.value(Flag.BRANCH),
        template=found.value(Flag.TEMPLATE),
        message=found.value(Flag.MESSAGE),
        again=found.has(Flag.AGAIN),
    )


def _logs(line: Line, found: Flags) -> Command:
    return LogsCommand(
        line=line.number,
        text=line.text,
        selection=Selection(workspaces=found.values(Flag.WORKSPACE)),
        job=found.value(Flag.JOB),
        step=found.value(Flag.STEP),
        tail=int(found.value(Flag.TAIL) or _LINES),
    )


def _workspaces(line: Line, found: Flags) -> Command:
    return WorkspacesCommand(
        line=line.number,
        text=line.text,
        containing=found.value(Flag.CONTAINING),
        organization=found.value(Flag.ORGANIZATION),
    )


def _templates(line: Line, found: Flags) -> Command:
    organization = found.value(Flag.ORGANIZATION)
    return TemplatesCommand(line=line.number, text=line.text, organization=organization)


def _subscribe(line: Line, found: Flags) -> Command:
    patterns = found.values(Flag.WORKSPACE)
    if not patterns:
        problem = f"it says of which workspaces; {code('acme/*')} is all of one organization"
        raise Refused(problem)
    events = found.value(Flag.EVENTS)
    names = () if ALL in events.split(",") else tuple(filter(None, events.split(",")))
    return SubscribeCommand(
        line=line.number,
        text=line.text,
        patterns=patterns,
        interests=names,
        quiet=found.has(Flag.QUIET),
    )


def _unsubscribe(line: Line, found: Flags) -> Command:
    patterns = found.values(Flag.WORKSPACE)
    return UnsubscribeCommand(line=line.number, text=line.text, patterns=patterns)


def _settings(line: Line, found: Flags) -> Command:
    organization = found.value(Flag.ORGANIZATION)
    said = "" if organization.lower() == NOBODY else organization
    return SettingsCommand(
        line=line.number,
        text=line.text,
        organization=said if found.has(Flag.ORGANIZATION) else None,
        files=found.value(Flag.FILES) == "on" if found.has(Flag.FILES) else None,
    )


def _bare(kind: type[SubscriptionsCommand | WhoamiCommand]) -> Callable[[Line, Flags], Command]:
    return lambda line, _found: kind(line=line.number, text=line.text)


CHAT_BUILDERS: Mapping[Word, Callable[[Line, Flags], Command]] = {
    Word.LOGS: _logs,
    Word.WORKSPACES: _workspaces,
    Word.TEMPLATES: _templates,
    Word.SUBSCRIBE: _subscribe,
    Word.UNSUBSCRIBE: _unsubscribe,
    Word.SUBSCRIPTIONS: _bare(SubscriptionsCommand),
    Word.WHOAMI: _bare(WhoamiCommand),
    Word.SETTINGS: _settings,
}
