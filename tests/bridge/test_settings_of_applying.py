"""What may be set about applying, destroying and who may, and what is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.domain.access import AccessRule, Principal, PrincipalKind
from bridge.domain.commands import Word
from bridge.domain.rules import ApplyPolicy, Gate, Locks, Policy
from bridge.domain.vcs import MergeMethod
from bridge.settings.printing import resolved
from tests.bridge.test_settings import ENOUGH, load, mistakes


def test_apply_needs_no_setting_and_destroy_is_off(tmp_path: Path) -> None:
    policy = load(tmp_path).policy()
    assert policy.apply == ApplyPolicy(require=(Gate.APPROVED, Gate.MERGEABLE, Gate.PLANNED))
    assert (policy.destroy, policy.access, policy.locks) == (None, None, Locks.APPLY)


def test_everything_about_applying_reaches_the_policy(tmp_path: Path) -> None:
    document = """
commands:
  apply:
    template: Careful apply
    require: [approved, undiverged, not_draft]
    statuses: ["ci/test"]
    allow_unasked: true
    ask_when_sensitive: true
    auto_merge: true
    merge_method: squash
    follow_up: true
    locks: plan
    approval_team: robots
  destroy: {require: "mergeable, statuses", statuses: [ci/scan]}
limits: {queue_hours: 12, cancelled_hold_minutes: 15}
"""
    policy = load(tmp_path, document=document).policy()
    assert policy == Policy(
        apply=ApplyPolicy(
            template="Careful apply",
            require=(Gate.APPROVED, Gate.UNDIVERGED, Gate.NOT_DRAFT),
            statuses=("ci/test",),
            allow_unasked=True,
            ask_when_sensitive=True,
            auto_merge=True,
            merge_method=MergeMethod.SQUASH,
            follow_up=True,
        ),
        destroy=ApplyPolicy(require=(Gate.MERGEABLE, Gate.STATUSES), statuses=("ci/scan",)),
        locks=Locks.PLAN,
        approval_team="robots",
        queue_patience=timedelta(hours=12),
        cancelled_hold=timedelta(minutes=15),
    )


def test_a_variable_alone_switches_destroy_on(tmp_path: Path) -> None:
    environ = ENOUGH | {"BRIDGE_COMMANDS__DESTROY__TEMPLATE": "built-in"}
    assert load(tmp_path, environ=environ).policy().destroy == ApplyPolicy()


def test_access_rules_know_whom_they_name_and_where_they_stand(tmp_path: Path) -> None:
    document = """
access:
  - {who: ["code:team:Acme/Platform", "slack:group:S0123"], may: ["*"], workspaces: ["acme/*"]}
  - {who: ["code:user:alice", "slack:user:U1", "*"], may: [plan, ok-to-plan]}
"""
    assert load(tmp_path, document=document).policy().access == (
        AccessRule(
            who=(
                Principal(door="code", kind=PrincipalKind.TEAM, name="Acme/Platform"),
                Principal(door="slack", kind=PrincipalKind.GROUP, name="S0123"),
            ),
            may=frozenset(Word),
            workspaces=("acme/*",),
            name="access rule 1 (bridge.yaml line 3)",
        ),
        AccessRule(
            who=(
                Principal(door="code", kind=PrincipalKind.USER, name="alice"),
                Principal(door="slack", kind=PrincipalKind.USER, name="U1"),
                Principal(door="", kind=PrincipalKind.ANYBODY, name=""),
            ),
            may=frozenset({Word.PLAN, Word.OK_TO_PLAN}),
            name="access rule 2 (bridge.yaml line 4)",
        ),
    )


def test_an_empty_list_of_rules_is_not_the_same_as_none(tmp_path: Path) -> None:
    assert load(tmp_path, document="access: []\n").policy().access == ()


def test_what_is_printed_is_what_counts(tmp_path: Path) -> None:
    document = """
commands: {apply: {require: [planned]}}
access: [{who: ["code:user:alice"], may: [apply]}]
"""
    loaded = load(tmp_path, document=document)
    shown = {one.key: (one.value, one.source) for one in resolved(loaded)}
    told = {key: value for key, value in shown.items() if key.startswith(("access", "commands."))}
    assert told == {
        "commands.names": ("terrakube", "default"),
        "commands.plan.template": ("Plan", "default"),
        "commands.apply.template": ("built-in", "default"),
        "commands.apply.require": ("planned", "bridge.yaml line 2"),
        "commands.apply.statuses": ("", "default"),
        "commands.apply.allow_unasked": ("false", "default"),
        "commands.apply.ask_when_sensitive": ("false", "default"),
        "commands.apply.auto_merge": ("false", "default"),
        "commands.apply.merge_method": ("merge", "default"),
        "commands.apply.follow_up": ("false", "default"),
        "commands.apply.locks": ("apply", "default"),
        "commands.apply.approval_team": ("terrakube-bridge", "default"),
        "commands.destroy": ("", "default"),
        "access[0].who": ("code:user:alice", "bridge.yaml line 3"),
        "access[0].may": ("apply", "bridge.yaml line 3"),
        "access[0].workspaces": ("", "default"),
        "access[0].quorum": ("1", "default"),
        "access[0].four_eyes": ("false", "default"),
    }


NOBODY = (
    "it must be <forge>:user:login, <forge>:team:organization/team, slack:user:U0123, "
    "slack:group:S0123 or *"
)


@pytest.mark.parametrize(
    "who",
    [
        *("alice", "code:alice", "code:user:", "code:user:a b", "code:user:a/b", "code:team:acme"),
        *("code:team:acme/", "code:team:a/b/c", "code:group:acme/x", "Code:user:alice", "user:x"),
        *("slack:user:alice", "slack:group:U1", "slack:team:acme/x", "slack:S1", "**", ":user:x"),
    ],
)
def test_a_malformed_principal_is_named_with_its_place(tmp_path: Path, who: str) -> None:
    document = f"access:\n  - may: [plan]\n    who:\n      - code:user:bob\n      - '{who}'\n"
    assert mistakes(tmp_path, document=document) == [
        f"bridge.yaml line 5: access[0].who[1]: {who!r} is nobody: {NOBODY}"
    ]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(
            "access:\n  - who: ['cod:user:alice']\n    may: [plan]\n",
            "bridge.yaml line 2: access[0].who[0]: there is no forge 'cod'; did you mean code?",
            id="a misspelt forge",
        ),
        pytest.param(
            "access:\n  - who: ['github:team:acme/platform']\n    may: [plan]\n",
            "bridge.yaml line 2: access[0].who[0]: there is no forge 'github': there is code",
            id="a forge that is not configured",
        ),
        pytest.param(
            "access:\n  - {who: ['*'],\n     may: [plan, applyy]}\n",
            "bridge.yaml line 3: access[0].may[1]: there is no verb 'applyy'; did you mean apply?",
            id="a misspelt verb",
        ),
        pytest.param(
            "access:\n  - {who: ['*'], may: [import]}\n",
            "bridge.yaml line 2: access[0].may[0]: there is no verb 'import': use plan, apply, "
            "destroy, approve, reject, cancel, lock, unlock, status, why, retry, logs, workspaces, "
            "templates, subscribe, unsubscribe, subscriptions, link, unlink, whoami, settings, "
            "ok-to-plan, version, help or *",
            id="a verb nobody knows",
        ),
        pytest.param(
            "access:\n  - {who: ['*'], may: [plan], workspace: ['acme/*']}\n",
            "bridge.yaml line 2: access[0].workspace: there is no such setting; did you mean "
            "workspaces?",
            id="a misspelt key of a rule",
        ),
        pytest.param(
            "commands: {apply: {require: [approvedd]}}\n",
            "bridge.yaml line 1: commands.apply.require[0]: there is no requirement 'approvedd';"
            " did you mean approved?",
            id="a misspelt requirement",
        ),
        pytest.param(
            "commands:\n  destroy:\n    require: [not_fork]\n",
            "bridge.yaml line 3: commands.destroy.require[0]: there is no requirement 'not_fork': "
            "use approved, mergeable, planned, undiverged, not_draft, statuses",
            id="a requirement that is none to choose",
        ),
        pytest.param(
            "commands:\n  apply:\n    require: [statuses]\n",
            "bridge.yaml line 3: commands.apply: require names statuses, and there are none: list "
            "their names in statuses",
            id="statuses without names",
        ),
        pytest.param(
            "status_prefix: tk\ncommands:\n  apply:\n    statuses: [ci/test, tk/apply]\n",
            "bridge.yaml line 4: commands.apply.statuses[1]: the bridge sets 'tk/apply' after "
            "apply only: it would wait for itself",
            id="an apply that would wait for itself",
        ),
        pytest.param(
            "commands:\n  destroy:\n    statuses: ['terrakube/destroy: acme/x']\n",
            "bridge.yaml line 3: commands.destroy.statuses[0]: the bridge sets 'terrakube/destroy: "
            "acme/x' after destroy only: it would wait for itself",
            id="a destroy that would wait for itself",
        ),
        pytest.param(
            "commands: {apply: {merge_method: octopus}}\n",
            "bridge.yaml line 1: commands.apply.merge_method: must be 'merge', 'squash' or "
            "'rebase'",
            id="a merge nobody knows",
        ),
        pytest.param(
            "commands: {apply: {locks: always}}\n",
            "bridge.yaml line 1: commands.apply.locks: must be 'none', 'apply' or 'plan'",
            id="locks nobody knows",
        ),
        pytest.param(
            "commands: {apply: {approval_team: ' '}}\n",
            "bridge.yaml line 1: commands.apply.approval_team: a team's name is needed: up to 100 "
            "printable characters",
            id="an approval that anybody could give",
        ),
        pytest.param(
            "limits: {queue_hours: 0}\n",
            "bridge.yaml line 1: limits.queue_hours: must be greater than or equal to 1",
            id="no patience at all",
        ),
    ],
)
def test_a_mistake_about_applying_names_file_line_and_key(
    tmp_path: Path, document: str, said: str
) -> None:
    assert mistakes(tmp_path, document=document) == [said]


def test_a_mistake_in_a_variable_names_it(tmp_path: Path) -> None:
    rules = '[{"who": ["gitlab:user:x"], "may": ["plan"]}]'
    assert mistakes(tmp_path, environ=ENOUGH | {"BRIDGE_ACCESS": rules}) == [
        "environment: BRIDGE_ACCESS[0].who[0]: there is no forge 'gitlab': there is code"
    ]


def test_a_forge_with_a_mistake_of_its_own_is_no_unknown_one(tmp_path: Path) -> None:
    document = """
forges: {hub: {driver: github, tokn: x}}
access: [{who: ["hub:user:alice"], may: [plan]}]
"""
    assert [one.partition(": ")[0] for one in mistakes(tmp_path, document=document)] == [
        "bridge.yaml line 2"
    ]
