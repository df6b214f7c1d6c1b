"""Every mistake an operator can make is told, with the place it was made in."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.domain.rules import DEFAULT_RULES, On, Policy, Rule
from bridge.settings import InvalidSettingsError, Settings, load_settings
from bridge.settings.printing import DEFAULT, MASK, resolved
from bridge.settings.values import shown_database, split_pairs, split_words

ENOUGH = {
    "BRIDGE_TERRAKUBE__URL": "https://terrakube-api.example.com",
    "BRIDGE_TERRAKUBE__TOKEN": "terrakube-token",
    "BRIDGE_TERRAKUBE__ORGANIZATIONS": "acme",
    "BRIDGE_FORGES__CODE__DRIVER": "forgejo",
    "BRIDGE_FORGES__CODE__URL": "https://code.example.com",
    "BRIDGE_FORGES__CODE__TOKEN": "forgejo-token",
    "BRIDGE_FORGES__CODE__WEBHOOK_SECRET": "hook-secret",
}


def load(
    folder: Path,
    *,
    environ: Mapping[str, str] = ENOUGH,
    dotenv: str = "",
    document: str = "",
    name: str = "bridge.yaml",
) -> Settings:
    if dotenv:
        (folder / ".env").write_text(dotenv)
    if document:
        (folder / name).write_text(document)
    return load_settings(environ, folder)


def mistakes(
    folder: Path, *, environ: Mapping[str, str] = ENOUGH, dotenv: str = "", document: str = ""
) -> list[str]:
    with pytest.raises(InvalidSettingsError) as caught:
        load(folder, environ=environ, dotenv=dotenv, document=document)
    return [str(mistake) for mistake in caught.value.mistakes]


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in ENOUGH.items() if name not in names}


def test_dotenv_alone_is_enough(tmp_path: Path) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in ENOUGH.items())
    loaded = load(tmp_path, environ={}, dotenv=lines)
    assert loaded.terrakube.organizations == ("acme",)
    assert loaded.forges["code"].options.url == "https://code.example.com"
    assert loaded.policy() == Policy(rules=DEFAULT_RULES)


@pytest.mark.parametrize("end", ["", "/", "/api/v1", "/api/v1/"])
def test_the_address_of_the_api_may_be_copied_from_terrakubes_own_settings(
    tmp_path: Path, end: str
) -> None:
    given_url = f"https://terrakube-api.example.com{end}"
    loaded = load(tmp_path, environ={**ENOUGH, "BRIDGE_TERRAKUBE__URL": given_url})
    assert loaded.terrakube.url == "https://terrakube-api.example.com"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        pytest.param(
            {"BRIDGE_TERRAKUBE_URL": "x"},
            "environment: BRIDGE_TERRAKUBE_URL: there is no such setting; "
            "did you mean BRIDGE_TERRAKUBE__URL?",
            id="one underscore",
        ),
        pytest.param(
            {"BRIDGE_TERRAKUBE__TOKN": "x"},
            "environment: BRIDGE_TERRAKUBE__TOKN: there is no such setting; "
            "did you mean BRIDGE_TERRAKUBE__TOKEN?",
            id="a letter is missing",
        ),
        pytest.param(
            {"BRIDGE_FORGE__CODE__TOKEN": "x"},
            "environment: BRIDGE_FORGE__CODE__TOKEN: there is no such setting; "
            "did you mean BRIDGE_FORGES__CODE__TOKEN?",
            id="a misspelt section",
        ),
        pytest.param(
            {"BRIDGE_FORGES__CODE__TOKN": "x"},
            "environment: BRIDGE_FORGES__CODE__TOKN: there is no such setting; did you mean token?",
            id="a misspelt option of a forge",
        ),
        pytest.param(
            {"BRIDGE_SOMETHING_ELSE": "x"},
            "environment: BRIDGE_SOMETHING_ELSE: there is no such setting",
            id="nothing like it",
        ),
        pytest.param(
            {"BRIDGE_TERRAKUBE": "{}"},
            "environment: BRIDGE_TERRAKUBE: this is a section: set BRIDGE_TERRAKUBE__... for "
            "what is in it",
            id="a section",
        ),
        pytest.param(
            {"BRIDGE_PORT": "8080"},
            "environment: BRIDGE_PORT: there is no such setting; did you mean BRIDGE_LISTEN__PORT?",
            id="a port as other programs have it",
        ),
        pytest.param(
            {"BRIDGE_LISTEN__PORT": "many"},
            "environment: BRIDGE_LISTEN__PORT: a whole number is needed",
            id="no number",
        ),
        pytest.param(
            {"BRIDGE_TERRAKUBE__URL": "terrakube.example.com"},
            "environment: BRIDGE_TERRAKUBE__URL: an address is needed as https://host, without "
            "credentials, query or fragment",
            id="no address",
        ),
        pytest.param(
            {"BRIDGE_SECRET_KEY": "short"},
            "environment: BRIDGE_SECRET_KEY: at least 32 characters are needed: "
            "openssl rand -hex 32",
            id="a key one could guess",
        ),
        pytest.param(
            {"BRIDGE_DATABASE__URL": "mysql://root@db/bridge"},
            "environment: BRIDGE_DATABASE__URL: must be sqlite:///path or "
            "postgresql://user:password@host/name",
            id="another database",
        ),
        pytest.param(
            {"BRIDGE_RULES": "on push"},
            "environment: BRIDGE_RULES: JSON is needed here; bridge.yaml is the easier place",
            id="rules that are no JSON",
        ),
        pytest.param(
            {"BRIDGE_RULES": '[{"on": "push", "template": "Plan", "branches": ["main["]}]'},
            "environment: BRIDGE_RULES[0].branches[0]: the pattern 'main[' has a bracket that is "
            "not closed",
            id="a malformed glob in a variable",
        ),
        pytest.param(
            {"BRIDGE_SSH_HOSTS": "git.internal"},
            "environment: BRIDGE_SSH_HOSTS: name=value is needed, several between commas",
            id="no mapping",
        ),
        pytest.param(
            {"BRIDGE_FORGES__TERRAKUBE__DRIVER": "github"},
            "environment: forges.terrakube: this name is taken: use another",
            id="a forge named like another route",
        ),
        pytest.param(
            {"BRIDGE_FORGES__GIT_1X__DRIVER": "svn"},
            "environment: BRIDGE_FORGES__GIT_1X__DRIVER: there is no driver 'svn': use forgejo, "
            "gitea, github",
            id="a forge nobody knows",
        ),
        pytest.param(
            {"BRIDGE_FORGES__CODE__TOKEN_FILE": "/nowhere"},
            "environment: BRIDGE_FORGES__CODE__TOKEN_FILE: token and token_file are both given: "
            "use one",
            id="a secret given twice",
        ),
        pytest.param(
            {"BRIDGE_TERRAKUBE__WEBHOOK_SECRET_FILE": "/nowhere/at/all"},
            "environment: BRIDGE_TERRAKUBE__WEBHOOK_SECRET_FILE: the file cannot be read: No such "
            "file or directory",
            id="a secret's file is not there",
        ),
        pytest.param(
            {"BRIDGE_TERRAKUBE__CA_FILE": "nowhere.pem"},
            "environment: BRIDGE_TERRAKUBE__CA_FILE: certificates cannot be read: No such file or "
            "directory",
            id="certificates that are not there",
        ),
        pytest.param(
            {"BRIDGE_CONFIG": "other.yaml"},
            "other.yaml cannot be read: No such file or directory",
            id="the named file is not there",
        ),
    ],
)
def test_a_mistake_in_a_variable_is_told(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    assert mistakes(tmp_path, environ=ENOUGH | environ) == [said]


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        pytest.param(
            "BRIDGE_TERRAKUBE__TOKEN",
            "terrakube.token: is missing: set BRIDGE_TERRAKUBE__TOKEN or "
            "BRIDGE_TERRAKUBE__TOKEN_FILE",
            id="Terrakube's token",
        ),
        pytest.param(
            "BRIDGE_TERRAKUBE__ORGANIZATIONS",
            "terrakube.organizations: is missing: set BRIDGE_TERRAKUBE__ORGANIZATIONS",
            id="organizations",
        ),
        pytest.param(
            "BRIDGE_FORGES__CODE__URL",
            "forges.code.url: is missing: set BRIDGE_FORGES__CODE__URL",
            id="a forge's address",
        ),
        pytest.param(
            "BRIDGE_FORGES__CODE__TOKEN",
            "environment: forges.code: a token (or token_file) is needed",
            id="a forge's token",
        ),
        pytest.param(
            "BRIDGE_FORGES__CODE__WEBHOOK_SECRET",
            "forges.code.webhook_secret: there is none, so deliveries could not be "
            "verified and its route does not start: set BRIDGE_FORGES__CODE__WEBHOOK_SECRET (for "
            "an App's or an organization's hook), or BRIDGE_SECRET_KEY and let webhooks install "
            "make the hooks",
            id="a forge's webhook secret",
        ),
    ],
)
def test_what_is_missing_is_told_with_its_variable(tmp_path: Path, missing: str, said: str) -> None:
    assert mistakes(tmp_path, environ=without(missing)) == [said]


def test_without_anything_all_that_is_needed_is_told(tmp_path: Path) -> None:
    nothing = f"{tmp_path} has no .env or bridge.yaml with a setting"
    assert [one.partition(": set")[0] for one in mistakes(tmp_path, environ={})] == [
        "terrakube.url: is missing",
        "terrakube.token: is missing",
        "terrakube.organizations: is missing",
        "forges: at least one is needed",
        f"no BRIDGE_ variable is set, and {nothing}: is this the right folder?",
    ]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(
            "rules:\n  - on: push\n    template: Plan\n    branch: [main]\n",
            "bridge.yaml line 4: rules[0].branch: there is no such setting; did you mean branches?",
            id="an unknown key in a rule",
        ),
        pytest.param(
            "log:\n  level: info\nlimit:\n  max_comments: 2\n",
            "bridge.yaml line 3: limit: there is no such setting; did you mean limits?",
            id="an unknown section",
        ),
        pytest.param(
            "limits: {max_comment: 2}\n",
            "bridge.yaml line 1: limits.max_comment: there is no such setting; did you mean "
            "max_comments?",
            id="an unknown key in a section",
        ),
        pytest.param(
            "rules:\n  - on: push\n    template: Plan\n    branches:\n      - main\n      - 'x['\n",
            "bridge.yaml line 6: rules[0].branches[1]: the pattern 'x[' has a bracket that is not "
            "closed",
            id="a malformed glob",
        ),
        pytest.param(
            "rules:\n  - {on: push, template: Plan}\n  - {on: push}\n",
            "bridge.yaml line 3: rules[1].template: is missing",
            id="a rule without a template",
        ),
        pytest.param(
            "rules: {on: push, template: Plan}\n",
            "bridge.yaml line 1: rules: a list is needed",
            id="one rule without a list",
        ),
        pytest.param(
            "plan_drafts: perhaps\n",
            "bridge.yaml line 1: plan_drafts: true or false is needed",
            id="neither yes nor no",
        ),
        pytest.param(
            "public_url: bridge.example.com\n",
            "bridge.yaml line 1: public_url: an address is needed as https://host, without "
            "credentials, query or fragment",
            id="an address without a scheme",
        ),
        pytest.param(
            "rules:\n  - {on: merge, template: Plan}\n",
            "bridge.yaml line 2: rules[0].on: must be 'push', 'pull_request' or 'tag'",
            id="an event nobody knows",
        ),
        pytest.param(
            "rules:\n  - {on: push, template: Plan, tags: ['v*']}\n",
            "bridge.yaml line 2: rules[0]: tags belong to a rule with on: tag",
            id="tags of a push",
        ),
        pytest.param(
            "log:\n  level: info\n  level: debug\n",
            "bridge.yaml line 3: log.level: this key is there twice",
            id="a key twice",
        ),
        pytest.param(
            "rules:\n  - on: push\n   template: x\n",
            "bridge.yaml line 3: this is no YAML: expected <block end>, but found ...",
            id="indentation",
        ),
        pytest.param(
            "log: info\n",
            "bridge.yaml line 1: log: this is a section: keys are needed below it",
            id="a value instead of a section",
        ),
        pytest.param(
            "- log\n",
            "bridge.yaml line 1: this is a section: keys are needed below it",
            id="a list instead of settings",
        ),
        pytest.param(
            "forges: {Code: {driver: gitea}}\n",
            "bridge.yaml line 1: forges.Code: a forge's name is made of a-z and 0-9, its words "
            "joined by one _ (gitea_eu)",
            id="a forge's name",
        ),
        pytest.param(
            "forges:\n  code:\n    draft_prefixs: [WIP]\n",
            "bridge.yaml line 3: forges.code.draft_prefixs: there is no such setting; did you mean "
            "draft_prefixes?",
            id="a misspelt option",
        ),
        pytest.param(
            "slack: {mode: carrier-pigeon}\n",
            "bridge.yaml line 1: slack.mode: must be 'socket' or 'http'",
            id="a mode that does not exist",
        ),
        pytest.param(
            "access:\n  - may: [plan]\n",
            "bridge.yaml line 2: access[0].who: is missing",
            id="access for nobody",
        ),
        pytest.param(
            "retention: {bodies: 60}\n",
            "bridge.yaml line 1: retention: keys must be kept at least as long as bodies",
            id="two that do not fit",
        ),
        pytest.param(
            "commands: {names: ['terra kube']}\n",
            "bridge.yaml line 1: commands.names: a command's name is one word of letters, digits, "
            "- and _",
            id="a command of two words",
        ),
    ],
)
def test_a_mistake_in_the_document_names_file_line_and_key(
    tmp_path: Path, document: str, said: str
) -> None:
    assert mistakes(tmp_path, document=document) == [said]


def test_a_mistake_in_dotenv_names_its_line(tmp_path: Path) -> None:
    text = "# the bridge\n\nCOMPOSE_PROJECT_NAME=x\nBRIDGE_TERRAKUBE__ULR=x\nBRIDGE_LOG: debug\n"
    misspelt = (
        "BRIDGE_TERRAKUBE__ULR: there is no such setting; did you mean BRIDGE_TERRAKUBE__URL?"
    )
    assert mistakes(tmp_path, dotenv=text) == [
        f".env line 4: {misspelt}",
        ".env line 5: NAME=value is needed here",
    ]


def test_all_mistakes_of_all_sources_are_told_at_once(tmp_path: Path) -> None:
    said = mistakes(
        tmp_path,
        environ=without("BRIDGE_TERRAKUBE__TOKEN") | {"BRIDGE_LOG__LEVEL": "loud"},
        dotenv="BRIDGE_LIMITS__MAX_COMMENTS=0\n",
        document="rules:\n  - {on: push, template: '', also: ['../x']}\nmetric: {port: 1}\n",
    )
    assert [one.partition(": ")[0] for one in said] == [
        "terrakube.token",
        ".env line 1",
        "bridge.yaml line 2",
        "bridge.yaml line 2",
        "bridge.yaml line 3",
        "environment",
    ]


@pytest.mark.parametrize(
    ("environ", "dotenv", "document", "expected"),
    [
        ("error", "BRIDGE_LOG__LEVEL=warning", "debug", ("error", "environment")),
        (None, "BRIDGE_LOG__LEVEL=warning", "debug", ("warning", ".env line 1")),
        (None, "", "debug", ("debug", "bridge.yaml line 1")),
        ("", "BRIDGE_LOG__LEVEL=warning", "", ("warning", ".env line 1")),
        (" ", "", "", ("info", DEFAULT)),
    ],
)
def test_environment_comes_before_dotenv_before_the_document(
    tmp_path: Path, environ: str | None, dotenv: str, document: str, expected: tuple[str, str]
) -> None:
    loaded = load(
        tmp_path,
        environ=ENOUGH if environ is None else ENOUGH | {"BRIDGE_LOG__LEVEL": environ},
        dotenv=dotenv,
        document=document and f"log: {{level: {document}}}",
    )
    shown = {line.key: (line.value, line.source) for line in resolved(loaded)}
    assert shown["log.level"] == expected


def test_a_stronger_source_replaces_a_list_as_a_whole(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        environ=ENOUGH | {"BRIDGE_COMMANDS__NAMES": "tk"},
        document="commands: {names: [terrakube, atlantis]}\n",
    )
    assert loaded.commands.names == ("tk",)


def test_a_secret_in_a_file_counts_as_one_of_the_source_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-the-file\n")
    loaded = load(
        tmp_path,
        environ=ENOUGH
        | {"BRIDGE_FORGES__CODE__TOKEN_FILE": "token"}
        | {"BRIDGE_FORGES__CODE__TOKEN": ""},
        dotenv="BRIDGE_FORGES__CODE__TOKEN=weaker\nBRIDGE_TERRAKUBE__TOKEN_FILE=never-read\n",
    )
    assert loaded.forges["code"].secrets == ("from-the-file", "hook-secret")
    assert loaded.terrakube.token.get_secret_value() == "terrakube-token"


def test_the_document_may_be_anywhere(tmp_path: Path) -> None:
    other = tmp_path / "etc"
    other.mkdir()
    (other / "b.yaml").write_text("plan_drafts: no\n")
    loaded = load(tmp_path, environ=ENOUGH, dotenv=f"BRIDGE_CONFIG={other / 'b.yaml'}\n")
    assert loaded.plan_drafts is False
    assert str(loaded.origin("plan_drafts")) == "etc/b.yaml line 1"


def test_rules_know_where_they_stand(tmp_path: Path) -> None:
    document = """
rules:
  - {on: push, branches: "main, release/{a,b}", workspaces: ["acme/prod-*"], template: 1.10}
  - on: pull_request
    template: Plan
    also: ["modules/**"]
  - {on: tag, tags: ["v*", no], template: ~, template2: x}
"""
    wrong = mistakes(tmp_path, document=document)
    assert wrong == [
        "bridge.yaml line 7: rules[2].template: is missing",
        "bridge.yaml line 7: rules[2].template2: there is no such setting; did you mean template?",
    ]
    loaded = load(tmp_path, document=document.replace("template: ~, template2", "template"))
    assert loaded.policy().rules == (
        Rule(
            on=On.PUSH,
            template="1.10",
            branches=("main", "release/{a,b}"),
            workspaces=("acme/prod-*",),
            name="rule 1 (bridge.yaml line 3)",
        ),
        Rule(
            on=On.PULL_REQUEST,
            template="Plan",
            also=("modules/**",),
            name="rule 2 (bridge.yaml line 4)",
        ),
        Rule(on=On.TAG, template="x", tags=("v*", "no"), name="rule 3 (bridge.yaml line 7)"),
    )


def test_what_kubernetes_injects_for_a_service_named_bridge_is_no_stranger(tmp_path: Path) -> None:
    injected = {
        "BRIDGE_PORT": "tcp://10.0.0.1:80",
        "BRIDGE_PORT_80_TCP_ADDR": "10.0.0.1",
        "BRIDGE_SERVICE_HOST": "10.0.0.1",
        "BRIDGE_SERVICE_PORT_HTTP": "80",
    }
    assert load(tmp_path, environ=ENOUGH | injected).listen.port == 8080


def test_no_mistake_shows_what_may_be_a_secret(tmp_path: Path) -> None:
    canary = "hunter2-canary"
    environ = {
        **dict.fromkeys(without("BRIDGE_FORGES__CODE__DRIVER"), canary),
        "BRIDGE_FORGES__CODE__DRIVER": "forgejo",
        "BRIDGE_SECRET_KEY": canary,
        "BRIDGE_DATABASE__URL": canary,
        "BRIDGE_LISTEN__PORT": canary,
        "BRIDGE_LOG__LEVEL": canary,
        "BRIDGE_UNKNOWN": canary,
        "BRIDGE_RULES": canary,
    }
    said = mistakes(tmp_path, environ=environ, document=f"terrakube: {{token: *{canary}}}\n")
    assert len(said) > 5
    assert [one for one in said if canary in one] == []


SECRETS = {
    "BRIDGE_TERRAKUBE__TOKEN": "canary-terrakube-token",
    "BRIDGE_TERRAKUBE__WEBHOOK_SECRET": "canary-notification",
    "BRIDGE_FORGES__CODE__TOKEN": "canary-forge-token",
    "BRIDGE_FORGES__CODE__WEBHOOK_SECRET": "canary-hook",
    "BRIDGE_FORGES__CODE__PREVIOUS_WEBHOOK_SECRET": "canary-old-hook",
    "BRIDGE_SECRET_KEY": "canary-key-0123456789-0123456789",
    "BRIDGE_SLACK__BOT_TOKEN": "canary-bot",
    "BRIDGE_SLACK__APP_TOKEN": "canary-app",
    "BRIDGE_SLACK__SIGNING_SECRET": "canary-signing",
}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
@given(
    secrets=st.fixed_dictionaries(
        dict.fromkeys(
            SECRETS, st.text("abcdefghijklmnopqrstuvwxyz0123456789+/=%$ ", min_size=40, max_size=60)
        )
    )
)
def test_whatever_the_secrets_are_the_resolved_settings_do_not_show_them(
    tmp_path: Path, secrets: dict[str, str]
) -> None:
    secrets = {name: f"s{value}s" for name, value in secrets.items()}
    loaded = load_settings(ENOUGH | secrets, tmp_path)
    shown = "\n".join(f"{line.key} {line.value} {line.source}" for line in resolved(loaded))
    assert [name for name, value in secrets.items() if value in shown + repr(loaded)] == []
    assert sorted(loaded.secrets()) == sorted(set(secrets.values()))


def test_masked_settings_say_that_there_is_a_secret(tmp_path: Path) -> None:
    shown = {line.key: line.value for line in resolved(load(tmp_path, environ=ENOUGH | SECRETS))}
    assert [key for key, value in shown.items() if value == MASK] == [
        "terrakube.token",
        "terrakube.webhook_secret",
        "forges.code.webhook_secret",
        "forges.code.previous_webhook_secret",
        "forges.code.token",
        "secret_key",
        "slack.bot_token",
        "slack.app_token",
        "slack.signing_secret",
    ]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///data/bridge.db", "sqlite:///data/bridge.db"),
        ("postgresql://u:secret@h:5/n", "postgresql://u:**********@h:5/n"),
        ("postgresql://u@h/n?password=secret", "postgresql://u@h/n?..."),
        ("postgresql://h/n", "postgresql://h/n"),
    ],
)
def test_a_database_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert shown_database(url) == shown


def test_what_has_no_effect_is_named(tmp_path: Path) -> None:
    document = "slack: {mode: socket, command: /terrakube, default_channel: C0123}\n"
    shut = "Slack's door stays shut: slack.bot_token is missing"
    assert load(tmp_path, document=document).without_effect() == (shut,)
    tokens = "slack: {bot_token: xoxb-1, app_token: xapp-1}\n"
    assert load(tmp_path, document=tokens).without_effect() == ()
    assert load(tmp_path).without_effect() == ()


@pytest.mark.parametrize(
    ("document", "mistakes"),
    [
        pytest.param(
            "slack:\n  bot_token: xoxb-1\n",
            [
                (
                    "bridge.yaml line 2: slack.app_token: is missing: socket mode needs an "
                    "app-level token: set BRIDGE_SLACK__APP_TOKEN"
                ),
            ],
            id="socket mode without its token",
        ),
        pytest.param(
            'slack:\n  mode: http\n  bot_token: xoxb-1\n  signing_secret: ""\n',
            [
                (
                    "public_url: is missing: in http mode Slack reaches the bridge under it; "
                    "socket mode needs none: set BRIDGE_PUBLIC_URL"
                ),
                (
                    "bridge.yaml line 4: slack.signing_secret: is missing: without it nothing "
                    "that comes in http mode is believed: set BRIDGE_SLACK__SIGNING_SECRET"
                ),
            ],
            id="http mode without anything",
        ),
        pytest.param("slack: {mode: http}\n", [], id="a door that stays shut"),
        pytest.param(
            'slack:\n  command: terrakube\n  default_channel: "#ops"\n',
            [
                (
                    "bridge.yaml line 2: slack.command: a slash command is needed, such as "
                    "/terrakube: small letters, digits, - and _"
                ),
                (
                    "bridge.yaml line 3: slack.default_channel: the id of a channel is needed, "
                    "such as C0123: it stands below the channel's details"
                ),
            ],
            id="names where Slack has others",
        ),
    ],
)
def test_the_door_of_slack_has_what_its_mode_needs(
    tmp_path: Path, document: str, mistakes: list[str]
) -> None:
    found: list[str] = []
    try:
        load(tmp_path, document=document)
    except InvalidSettingsError as error:
        found = [str(one) for one in error.mistakes]
    assert found == mistakes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a, b,,c", ["a", "b", "c"]),
        ('["a,b", "c"]', ["a,b", "c"]),
        ("[]", []),
        ("[ab]*,c", ["[ab]*", "c"]),
        ("{a,b}/*,c", ["{a,b}/*", "c"]),
        ("", []),
    ],
)
def test_lists_are_words_between_commas_or_json(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_mappings_are_pairs_between_commas_or_json() -> None:
    assert split_pairs("a=b, c=d:22") == {"a": "b", "c": "d:22"}
    assert split_pairs('{"a": "b"}') == {"a": "b"}


WORDS = st.sampled_from(
    (
        *("rules", "on", "template", "forges", "code", "driver", "log", "level", "access", "é"),
        *("ssh_hosts", "{", "}", "[", "]", ": ", ":", "\n", "\n  ", "- ", "&a ", "*a", "<<", "~"),
        *('"', "'", "|", "? ", "!!binary ", ",", "#", "%", "@", "1", "\t", "---\n", "\u2028"),
    )
)
VARIABLES = st.sampled_from(
    (
        *(
            "BRIDGE_RULES",
            "BRIDGE_ACCESS",
            "BRIDGE_SSH_HOSTS",
            "BRIDGE_CONFIG",
            "BRIDGE_SECRET_KEY",
        ),
        *("BRIDGE_FORGES__CODE__DRAFT_PREFIXES", "BRIDGE_FORGES__CODE__URL", "BRIDGE_FORGES____X"),
        *("BRIDGE_TERRAKUBE__TOKEN_FILE", "BRIDGE_TERRAKUBE__CA_FILE", "BRIDGE_DATABASE__URL"),
    )
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(
    document=st.lists(WORDS, max_size=25).map("".join),
    dotenv=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    variables=st.dictionaries(VARIABLES, st.text(max_size=40), max_size=3),
)
def test_whatever_is_written_only_mistakes_come_out(
    tmp_path: Path, document: str, dotenv: str, variables: dict[str, str]
) -> None:
    (tmp_path / "bridge.yaml").write_text(document)
    (tmp_path / ".env").write_text(dotenv)
    with suppress(InvalidSettingsError):
        load_settings(ENOUGH | variables, tmp_path)
