"""Who may say what: write permission is the floor, and rules let some stand on it.

The forge's permission was asked just now; that it could not be asked is a no. Without rules,
whoever may write may say everything but ``destroy``, and free the workspaces of other pull
requests only as an administrator of the repository. With rules, whatever none allows is denied.
What only tells what the pull request shows anyway needs no rule, and read permission is enough
for it.

On Slack, the people of the team may read, and say what a channel hears. For everything else a
rule has to name them: by a user or a group of Slack's, which the operator chose for this very
door, or by the account of a forge they are linked to, for which the floor is the same as there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.decisions.paths import matches
from bridge.decisions.wording import code, listed
from bridge.domain.access import SLACK, AccessRule, Person, Principal, PrincipalKind
from bridge.domain.commands import Word
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import Permission

_ANYBODYS = frozenset({Word.HELP, Word.VERSION, Word.WHOAMI, Word.LINK, Word.UNLINK})
_READING = frozenset({Word.STATUS, Word.WHY})
READS = (_ANYBODYS | _READING) - {Word.LINK, Word.UNLINK}
"""Words that change nothing, and leave no trace in the audit."""

_READING_ON_SLACK = _READING | {
    Word.LOGS,
    Word.WORKSPACES,
    Word.TEMPLATES,
    Word.SUBSCRIPTIONS,
}
_OF_CHANNELS = frozenset({Word.SUBSCRIBE, Word.UNSUBSCRIBE, Word.SETTINGS})
"""What a channel hears is nothing that ``status`` does not tell everybody there."""

_KINDS_TO_ASK = frozenset({PrincipalKind.TEAM, PrincipalKind.GROUP})

_ANYBODY = "Anybody with write permission"
_RULED = f"Whoever has it and is let by an {code('access')} rule"
_WITHOUT_ANSWER = (
    "Nothing was done: the forge did not say whether you may write to this repository, and "
    "without that the answer is no. Please try again in a while; if it stays so, ask whoever runs "
    "the bridge: its log says why."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """They may.

    Attributes:
        because: What lets them, for the audit: a permission, or where the rules stand.
    """

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """They may not, and nothing is done.

    Attributes:
        text: Why, and who may, in Markdown.
        workspaces: Those it is about; empty when it is about none in particular.
    """

    text: str
    workspaces: tuple[WorkspaceRef, ...] = ()


def teams_to_ask(
    rules: Iterable[AccessRule] | None, door: str, word: Word, workspaces: Sequence[WorkspaceRef]
) -> tuple[Principal, ...]:
    """List the teams of a forge (or groups of Slack) on which it may depend who may say *word*.

    The keys of those somebody is in belong into ``Person.teams``, of those that could not be
    asked about into ``Person.unsure``.
    """
    found = (
        one
        for rule in rules or ()
        if word in rule.may and (not workspaces or any(is_about(rule, w) for w in workspaces))
        for one in rule.who
        if one.door == door and one.kind in _KINDS_TO_ASK
    )
    return tuple({one.key: one for one in found}.values())


def decide_access(
    person: Person,
    word: Word,
    workspaces: Sequence[WorkspaceRef],
    rules: Sequence[AccessRule] | None,
    *,
    own: bool = False,
) -> Allowed | Denied:
    """Decide whether somebody may say *word* about all of *workspaces*.

    Args:
        person: As far as it is known just now.
        word: What they say.
        workspaces: What it is about; when it is about none in particular, a rule for some of
            them is enough.
        rules: As configured; None when there are none.
        own: Whether the locks to free are those of this pull request.
    """
    if word in _ANYBODYS:
        return Allowed(because="anybody may")
    if person.slack_user:
        return _on_slack(person, word, workspaces, rules)
    if word in _READING:
        return _may_read(person)
    if text := stranger_text(person.permission, is_ruled=rules is not None):
        return Denied(text=text)
    if rules is None:
        return _without_rules(person, word, own=own)
    return _by_rules(person, word, workspaces, rules)


def is_about(rule: AccessRule, workspace: WorkspaceRef) -> bool:
    """Tell whether a rule holds in a workspace."""
    return not rule.workspaces or matches(str(workspace), rule.workspaces)


def stranger_text(permission: Permission | None, *, is_ruled: bool = False) -> str:
    """Say why somebody without write permission is refused; empty when they have it.

    Args:
        permission: As the forge said just now; None when it could not be asked, which is a no.
        is_ruled: Whether there are rules, which let only some of those who may write.
    """
    if permission is None:
        return _WITHOUT_ANSWER
    if permission.allows_writing():
        return ""
    has = "none" if permission is Permission.NONE else f"{permission.value} permission"
    return (
        f"Nothing was done: this needs write permission on the repository, and you have {has}. "
        f"{_RULED if is_ruled else _ANYBODY} can say it."
    )


def _may_read(person: Person) -> Allowed | Denied:
    if person.permission is None:
        return Denied(text=_WITHOUT_ANSWER.replace("may write to", "may read"))
    if person.permission is Permission.NONE:
        return Denied(
            text="Nothing was done: this needs read permission on the repository, and you have "
            "none. Anybody with read permission can say it."
        )
    return Allowed(because=f"{person.permission.value} permission")


def _on_slack(
    person: Person,
    word: Word,
    workspaces: Sequence[WorkspaceRef],
    rules: Sequence[AccessRule] | None,
) -> Allowed | Denied:
    if word in _READING_ON_SLACK | _OF_CHANNELS:
        return Allowed(because="everybody of the team may")
    if rules is not None:
        return _by_rules(person, word, workspaces, rules)
    return Denied(
        text=f"Nothing was done: without {code('access')} rules, Slack may only read. "
        f"{code(word.value)} can be said in a pull request; whoever runs the bridge can add a "
        "rule."
    )


def _without_rules(person: Person, word: Word, *, own: bool) -> Allowed | Denied:
    if word is Word.DESTROY:
        return Denied(
            text=f"Nothing was done: {code(word.value)} needs an {code('access')} rule that "
            "allows it, and there is none. Whoever runs the bridge can add one."
        )
    if word is Word.UNLOCK and not own and person.permission is not Permission.ADMIN:
        return Denied(
            text="Nothing was done: the lock is another pull request's, and without "
            f"{code('access')} rules only an administrator of the repository frees those. "
            "Whoever can write may free it in that pull request; merging or closing that one "
            "frees it, too."
        )
    permission = person.permission or Permission.NONE
    return Allowed(because=f"{permission.value} permission")


def _by_rules(
    person: Person, word: Word, workspaces: Sequence[WorkspaceRef], rules: Sequence[AccessRule]
) -> Allowed | Denied:
    concerned = [rule for rule in rules if word in rule.may]
    mine = [rule for rule in concerned if _is_of(rule, person)]
    denied = tuple(one for one in workspaces if not any(is_about(rule, one) for rule in mine))
    if denied or not mine:
        rest = tuple(one for one in workspaces if one not in denied)
        return Denied(text=_denied_text(person, word, denied, concerned, rest), workspaces=denied)
    used = [
        rule for rule in mine if not workspaces or any(is_about(rule, one) for one in workspaces)
    ]
    return Allowed(because=", ".join(dict.fromkeys(rule.name for rule in used)))


def _is_of(rule: AccessRule, person: Person) -> bool:
    """Tell whether a rule lets somebody: by what Slack knows them as, or on the forge's floor."""
    return _names_on_slack(rule, person) or (
        not _below_floor(person) and _names_on_forge(rule, person)
    )


def _names_on_slack(rule: AccessRule, person: Person) -> bool:
    keys = person.teams | ({_key(SLACK, person.slack_user)} if person.slack_user else frozenset())
    return any(one.door == SLACK and one.key in keys for one in rule.who)


def _names_on_forge(rule: AccessRule, person: Person) -> bool:
    keys = {PrincipalKind.ANYBODY.value, *person.teams}
    if person.login:
        keys.add(_key(person.forge, person.login))
    return any(one.door != SLACK and one.key in keys for one in rule.who)


def _below_floor(person: Person) -> str:
    """Say what somebody lacks to be let by what they are on a forge; empty when nothing."""
    if not person.has_repository:
        return "the bridge does not know the repository of this workspace"
    if not person.login:
        return f"your Slack account is not linked to one there: say {code('link')}"
    if person.permission is None:
        return "the forge did not say whether you have it: please try again in a while"
    if person.permission.allows_writing():
        return ""
    has = "none" if person.permission is Permission.NONE else f"{person.permission.value} only"
    return f"you have {has}"


def _key(door: str, name: str) -> str:
    return Principal(door=door, kind=PrincipalKind.USER, name=name).key


def _denied_text(
    person: Person,
    word: Word,
    denied: Sequence[WorkspaceRef],
    concerned: Sequence[AccessRule],
    rest: Sequence[WorkspaceRef],
) -> str:
    where = f" in {listed([str(one) for one in denied])}" if denied else ""
    lines = [
        f"Nothing was done: no {code('access')} rule lets you say {code(word.value)}{where}.",
        *_who_may(person, denied, concerned),
    ]
    if denied and rest:
        choose = "it" if len(rest) == 1 else "them"
        names = listed([str(one) for one in rest])
        lines.append(f"You may in {names}: choose {choose} with {code('-w')}.")
    if floor := _floor_text(person, denied, concerned):
        lines.append(floor)
    if unsure := _unsure(person, concerned):
        lines.append(
            f"Whether you are in {listed(unsure)} could not be asked just now, and without that "
            "the answer is no: please try again in a while."
        )
    return "\n\n".join(lines)


def _who_may(
    person: Person, denied: Sequence[WorkspaceRef], concerned: Sequence[AccessRule]
) -> list[str]:
    """Name those who may: once for the workspaces of which the same ones may."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in denied:
        about = [rule for rule in concerned if is_about(rule, one)]
        groups.setdefault(_named(about, person), []).append(str(one))
    if len(groups) > 1:
        return [_may(names, f" in {listed(found)}") for names, found in groups.items()]
    return [_may(next(iter(groups), _named(concerned, person)))]


def _floor_text(
    person: Person, denied: Sequence[WorkspaceRef], concerned: Sequence[AccessRule]
) -> str:
    """Say what keeps a rule from letting somebody of Slack through their account on a forge."""
    lacks = _below_floor(person) if person.slack_user else ""
    about = [rule for rule in concerned if not denied or any(is_about(rule, w) for w in denied)]
    if not lacks or all(one.door == SLACK for rule in about for one in rule.who):
        return ""
    return (
        "Who is let by an account on a forge needs write permission on the repository besides, "
        f"and {lacks}."
    )


def _named(rules: Iterable[AccessRule], person: Person) -> tuple[str, ...]:
    doors = {person.forge, SLACK}
    return tuple(
        dict.fromkeys(
            str(one)
            for rule in rules
            for one in rule.who
            if not person.forge or one.door in doors or (person.slack_user and not one.door)
        )
    )


def _may(names: Sequence[str], where: str = "") -> str:
    if not names:
        return f"Nobody may{where}. Whoever runs the bridge can add a rule."
    anybody = PrincipalKind.ANYBODY.value
    said = [listed([one for one in names if one != anybody])]
    said += ["anybody with write permission on the repository"] if anybody in names else []
    return f"Who may{where}: {', '.join(filter(None, said))}."


def _unsure(person: Person, concerned: Iterable[AccessRule]) -> tuple[str, ...]:
    found = (one for rule in concerned for one in rule.who if one.key in person.unsure)
    return tuple(dict.fromkeys(str(one) for one in found))
