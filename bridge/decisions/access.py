"""Who may say what: write permission is the floor, and rules let some stand on it.

The forge's permission was asked just now; that it could not be asked is a no. Without rules,
whoever may write may say everything but ``destroy``, and free the workspaces of other pull
requests only as an administrator of the repository. With rules, whatever none allows is denied.
What only tells what the pull request shows anyway needs no rule, and read permission is enough
for it. On Slack, people may only read unless a rule says more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.decisions.paths import matches
from bridge.decisions.wording import code, listed
from bridge.domain.access import SLACK, AccessRule, Person, Principal, PrincipalKind
from bridge.domain.commands import Word
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import Permission

_ANYBODYS = frozenset({Word.HELP, Word.VERSION})
_READING = frozenset({Word.STATUS, Word.WHY})
READS = _ANYBODYS | _READING
"""Words that change nothing, and leave no trace in the audit."""

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
        if word in rule.may and (not workspaces or any(_is_about(rule, w) for w in workspaces))
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
    if person.slack_user and rules is None:
        return _without_rules_on_slack(word)
    if word in _READING and not person.slack_user:
        return _may_read(person)
    if word not in _READING and (text := _below_floor(person, is_ruled=rules is not None)):
        return Denied(text=text)
    if rules is None:
        return _without_rules(person, word, own=own)
    return _by_rules(person, word, workspaces, rules)


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


def _below_floor(person: Person, *, is_ruled: bool) -> str:
    if person.slack_user and not person.login:
        return (
            "Nothing was done: this needs write permission on the repository, and your Slack "
            "account is not linked to an account on its forge."
        )
    return stranger_text(person.permission, is_ruled=is_ruled)


def _may_read(person: Person) -> Allowed | Denied:
    if person.permission is None:
        return Denied(text=_WITHOUT_ANSWER.replace("may write to", "may read"))
    if person.permission is Permission.NONE:
        return Denied(
            text="Nothing was done: this needs read permission on the repository, and you have "
            "none. Anybody with read permission can say it."
        )
    return Allowed(because=f"{person.permission.value} permission")


def _without_rules_on_slack(word: Word) -> Allowed | Denied:
    if word in _READING:
        return Allowed(because="anybody may read")
    return Denied(
        text=f"Nothing was done: without {code('access')} rules, Slack may only read. "
        f"{code(word.value)} can be said in the pull request; whoever runs the bridge can add a "
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
    denied = tuple(one for one in workspaces if not any(_is_about(rule, one) for rule in mine))
    if denied or not mine:
        rest = tuple(one for one in workspaces if one not in denied)
        return Denied(text=_denied_text(person, word, denied, concerned, rest), workspaces=denied)
    used = [
        rule for rule in mine if not workspaces or any(_is_about(rule, one) for one in workspaces)
    ]
    return Allowed(because=", ".join(dict.fromkeys(rule.name for rule in used)))


def _is_about(rule: AccessRule, workspace: WorkspaceRef) -> bool:
    return not rule.workspaces or matches(str(workspace), rule.workspaces)


def _is_of(rule: AccessRule, person: Person) -> bool:
    keys = {PrincipalKind.ANYBODY.value, *person.teams}
    if person.login:
        keys.add(_key(person.forge, person.login))
    if person.slack_user:
        keys.add(_key(SLACK, person.slack_user))
    return any(one.key in keys for one in rule.who)


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
        about = [rule for rule in concerned if _is_about(rule, one)]
        groups.setdefault(_named(about, person), []).append(str(one))
    if len(groups) > 1:
        return [_may(names, f" in {listed(found)}") for names, found in groups.items()]
    return [_may(next(iter(groups), _named(concerned, person)))]


def _named(rules: Iterable[AccessRule], person: Person) -> tuple[str, ...]:
    doors = {person.forge, SLACK}
    return tuple(
        dict.fromkeys(
            str(one) for rule in rules for one in rule.who if not person.forge or one.door in doors
        )
    )


def _may(names: Sequence[str], where: str = "") -> str:
    if not names:
        return f"Nobody may{where}. Whoever runs the bridge can add a rule."
    return f"Who may{where}: {listed(names)}."


def _unsure(person: Person, concerned: Iterable[AccessRule]) -> tuple[str, ...]:
    found = (one for rule in concerned for one in rule.who if one.key in person.unsure)
    return tuple(dict.fromkeys(str(one) for one in found))
