"""Secrets stay in: a canary in every spelling and shape, and what must be left alone."""

import base64
import json
import re
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.redaction import LEARNED, REDACTED, Redactor

SECRET = 'Zk4?/"ÿ>&<\\ q+~kanarie'
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEowIBAAKCAQEAtopSecretLineNumberOneOfTheKey0000000000000000000\n"
    "bm90IGEgcmVhbCBrZXksIGp1c3QgYSBjYW5hcnkgZm9yIHRoZSB0ZXN0IHN1aXRl\n"
    "-----END RSA PRIVATE KEY-----\n"
)
RANDOM = "q7Xb2Lw9Tz4Kc8Vn1Rm5Hd3Jf6Gs0Py"  # 31 signs

SPELLINGS = {
    "as it is": SECRET,
    "JSON": json.dumps(SECRET),
    "JSON, not only ASCII": json.dumps(SECRET, ensure_ascii=False),
    "JSON in JSON": json.dumps(json.dumps(SECRET)),
    "JSON as Go writes it": json.dumps(SECRET)
    .replace("<", "\\u003c")
    .replace(">", "\\u003e")
    .replace("&", "\\u0026"),
    "URL": quote(SECRET, safe=""),
    "URL path": quote(SECRET),
    "form": quote_plus(SECRET),
    "URL, lower case": re.sub("%..", lambda escape: escape[0].lower(), quote(SECRET, safe="")),
    **{
        f"base64 at {offset}": base64.b64encode(
            b"user:?>"[:offset] + SECRET.encode() + b"!"
        ).decode()
        for offset in range(7)
    },
    **{
        f"base64 for URLs at {offset}": base64.urlsafe_b64encode(
            b"user:?>"[:offset] + SECRET.encode() + b"!"
        ).decode()
        for offset in range(7)
    },
    "base64 in a URL": quote(base64.b64encode(SECRET.encode()).decode(), safe=""),
}

# Each with the part that must be gone.
SHAPES = {
    "GitHub, classic": (f"remote: ghp_{RANDOM}abcde end", RANDOM),
    "GitHub, OAuth": (f"gho_{RANDOM}abcde", RANDOM),
    "GitHub, installation": (f"x-access-token:ghs_{RANDOM}abcde@", RANDOM),
    "GitHub, stateless": (f"ghs_eyJ{RANDOM}.eyJ{RANDOM}.{RANDOM}", RANDOM),
    "GitHub, fine-grained": (f"(github_pat_11{RANDOM}_{RANDOM})", RANDOM),
    "GitLab": (f"glpat-{RANDOM[:20]}", RANDOM[:20]),
    "GitLab, runner": (f"glrt-{RANDOM[:20]}", RANDOM[:20]),
    "Slack, bot": (f"xoxb-123456789012-{RANDOM}", RANDOM),
    "Slack, app": (f"xapp-1-A0123-{RANDOM}", RANDOM),
    "Slack, hook": (f"https://hooks.slack.com/services/T01/B02/{RANDOM}", RANDOM),
    "AWS, key id": ("AKIAIOSFODNN7CANARY0 and", "IOSFODNN7CANARY0"),
    "AWS, secret": (f"aws_secret_access_key = {RANDOM}+/abcdefg", RANDOM),
    "AWS, secret in JSON": (f'"SecretAccessKey": "{RANDOM}+/abcdefg"', RANDOM),
    "JWT": (f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI{RANDOM}.{RANDOM}", RANDOM),
    "JWT after a dot": (f"x.eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI{RANDOM}.", RANDOM),
    "PEM": (f"a\n{PEM}b", "MIIEow"),
    "PEM in JSON": (json.dumps(PEM), "MIIEow"),
    "PEM in a plan": (
        "\n".join(f"      \x1b[31m-\x1b[0m\x1b[0m {line}" for line in PEM.splitlines()),
        "bm90IG",
    ),
    "PEM cut off": (PEM[:150], "bm90IG"),
    "PEM cut off in a plan": (
        "\n".join(f"      + {line}" for line in PEM.splitlines()[:3]),
        "bm90IG",
    ),
    "OpenSSH key": (PEM.replace("RSA", "OPENSSH"), "MIIEow"),
    "URL with a password": ("postgres://admin:hunter2@db:5432/x", "hunter2"),
    "URL with @ in its password": ("https://admin:hun@ter2@db/x", "ter2"),
    "URL with a token": (f"git::https://{RANDOM}abc@forge/x.git", RANDOM),
    "Authorization": (f"Authorization: Basic {RANDOM}==", RANDOM),
    "Authorization, short": ("authorization: bearer abc123def", "abc123def"),
    "Authorization in JSON": (f'"Authorization": "token {RANDOM}"', RANDOM),
    "Authorization in HCL": ('"Authorization" = "Bearer letmein"', "letmein"),
    "bearer": (f"curl -H 'x: Bearer {RANDOM}'", RANDOM),
    "password": ('+ password = "hunter2"', "hunter2"),
    "password, new": ('~ password = "hunter2" -> "correct horse"', "correct horse"),
    "password, coloured": (
        '~ db_password  = "hunter2" \x1b[33m->\x1b[0m\x1b[0m "battery"',
        "battery",
    ),
    "password, old one masked": (f'password = "{REDACTED}" -> "battery"', "battery"),
    "password with brackets": ('password = "a[b]c{d}e(f)"', "c{d}"),
    "password with a quote": (r'password = "abc\"defghi"', "defghi"),
    "password in JSON in a string": (r'"{\"password\":\"hunter2\"}"', "hunter2"),
    "password in YAML": ("password: hunter2", "hunter2"),
    "password in a query": ("https://h/?password=hunter2&a=b", "hunter2"),
    "password of a connection": ("Server=a;Password=hunter2;Port=1", "hunter2"),
    "password in a list of names": (
        '+ name  = "DB_PASSWORD"\n          + value = "hunter2"',
        "hunter2",
    ),
    "password in a list of names, JSON": ('{"name":"DB_PASSWORD","value":"hunter2"}', "hunter2"),
    "token": (f'+ api_token = "{RANDOM}"', RANDOM),
    "secret in capitals": (f"CLIENT_SECRET={RANDOM}", RANDOM),
    "key": (f"apikey => '{RANDOM}'", RANDOM),
    "Azure": (f"AccountKey={RANDOM}{RANDOM}==;", RANDOM),
    "Vault": (f"hvs.{RANDOM}", RANDOM),
    "HCP Terraform": (f"abcdefghijklmn.atlasv1.{RANDOM}{RANDOM}", RANDOM),
}

HARMLESS = [
    "",
    '+ password = (sensitive value)\n+ password_length = 16\n+ token_type = "bearer"',
    '# random_password.db will be created\n+ resource "random_password" "db" {',
    "password = var.db_password",
    'secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"',
    '~ secret_name = "prod/db/password" -> "prod/db/password-2"',
    '+ authorization = "COGNITO_USER_POOLS"',
    "Error: Invalid password: cannot be empty",
    "git::ssh://git@github.com/acme/modules.git?ref=v1.2.3",
    "git@github.com:acme/infra.git",
    "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    'user_data = "eyJuYW1lIjoiYmFzZTY0IG9mIEpTT04ifQ=="',
    "PWD=/home/terraform/work",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEbm90IGEgc2VjcmV0\n-----END CERTIFICATE-----",
    "[redacted] [redacted][redacted]",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_known_secret_is_masked_in_every_spelling(spelling: str) -> None:
    encoded = SPELLINGS[spelling]
    actual = Redactor([SECRET]).redact(f"before {encoded} after")
    assert actual.startswith("before ")
    assert actual.endswith(" after")
    # Base64 shares a sign with what lies around the secret: two are left on either side.
    assert len(actual) <= len(f"before {REDACTED} after") + (20 if "base64" in spelling else 12)
    assert encoded[12:-8] not in actual


@pytest.mark.parametrize("shape", SHAPES)
def test_what_looks_like_a_secret_is_masked(shape: str) -> None:
    text, canary = SHAPES[shape]
    assert canary in text
    actual = Redactor().redact(text)
    assert canary not in actual
    assert REDACTED in actual


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert Redactor().redact(text) == text


def test_the_words_around_a_secret_stay() -> None:
    redact = Redactor(["s3cr3tvalue"]).redact
    assert redact('a = "s3cr3tvalue" # b') == 'a = "[redacted]" # b'
    assert redact("https://u:p4ss@host/x?y=z") == "https://[redacted]@host/x?y=z"
    assert redact('~ password = "aaaaaa" -> "bbbbbb" # c') == (
        '~ password = "[redacted]" -> "[redacted]" # c'
    )


@pytest.mark.parametrize(
    "value", ['"hunter2"', "12345678", '"a\\"b,c}d]"', "[12345678, 2]", "null"]
)
def test_json_stays_json(value: str) -> None:
    text = f'{{"password": {value}, "token" : "{RANDOM}", "last": [1]}}'
    actual = json.loads(Redactor().redact(text))
    assert (actual["token"], actual["last"]) == (REDACTED, [1])
    inside = json.loads(Redactor().redact(json.dumps({"policy": text})))["policy"]
    assert RANDOM not in inside
    assert "hunter2" not in inside


def test_short_values_are_never_redacted() -> None:
    assert Redactor(["12345", " a ", ""]).redact("12345 a", extra=["true"]) == "12345 a"


def test_of_two_that_overlap_nothing_is_left() -> None:
    """Masking the first alone would show the end of the second."""
    assert Redactor(["abcdefgh", "fghijklm", "abcdef"]).redact("-abcdefghijklm-") == "-[redacted]-"


def test_the_longer_of_two_secrets_goes_as_a_whole() -> None:
    redactor = Redactor(["hunter2", "hunter2-and-more"])
    assert redactor.redact("x hunter2-and-more x hunter2 x") == "x [redacted] x [redacted] x"


def test_lines_of_a_secret_are_secrets() -> None:
    """A plan shows a text of several lines indented and marked."""
    secret = 'user = "bridge"\r\nkey-material-0815\nshort\n'
    text = '  + user = "bridge"\n  + key-material-0815\n  + short'
    assert Redactor([secret]).redact(text) == "  + [redacted]\n  + [redacted]\n  + short"


def test_extra_values_count_for_one_text_only() -> None:
    redactor = Redactor()
    assert redactor.redact("say sesame!", extra=["sesame!"]) == "say [redacted]"
    assert redactor.redact("say sesame!") == "say sesame!"


def test_minted_tokens_are_learned_and_old_ones_forgotten() -> None:
    redactor = Redactor(["configured"])
    redactor.learn("minted-first")
    redactor.learn("minted-first")
    assert redactor.redact("minted-first") == REDACTED
    for count in range(LEARNED):
        redactor.learn(f"minted-later-{count}-")
    assert redactor.redact("minted-first minted-later-7- configured") == (
        f"minted-first {REDACTED} {REDACTED}"
    )


PIECES = st.sampled_from(
    [
        "password", "token = ", '"', "'", "\\", "=", ": ", " -> ", "\n", REDACTED, "[red", "acted]",
        "eyJabc", ".", "://", "@", "a:b", "ghp_", "A1b2C3d4E5f6G7h8I9j0K1", "AKIA", "xy",
        "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "Bearer ", "value", "é", "🔑",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=30).map("".join)


@settings(deadline=None)
@given(text=TEXTS, secrets=st.lists(TEXTS, max_size=3))
def test_redacting_twice_changes_nothing_more(text: str, secrets: list[str]) -> None:
    redactor = Redactor(secrets)
    once = redactor.redact(text + "".join(secrets) + text)
    assert redactor.redact(once) == once


@settings(deadline=None)
@given(text=TEXTS, secret=st.text(min_size=6, max_size=30), offset=st.integers(0, 5))
def test_no_known_secret_comes_through(text: str, secret: str, offset: int) -> None:
    redactor = Redactor([secret])
    if len(secret.strip()) < 6 or REDACTED in secret:
        return
    hidden = base64.b64encode(b"x" * offset + secret.encode()).decode()
    actual = redactor.redact(f"{text}\n{secret}\n{json.dumps(secret)}\n{hidden}")
    # What shapes and masks leave behind may not spell it either.
    assert secret not in actual.replace(REDACTED, "\0")


@pytest.mark.parametrize(
    "unit",
    [
        "eyJ", "://", "://a", "password=", 'password="', "password='", r"password=\"", "password ",
        "a", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAA\n",
        "ghp_", "github_pat_", "SG.", "SG.abcdefghijklmnopqrstuvwx", "\\", "password\\", "Bearer ",
        "authorization: ", 'x = "y" -> "z"\n', "token=é🔑", "\x1b[0m", "password\x1b[0m", "xoxb-",
        ".atlasv1.", "secret_access_", "token=a1", '    + name = "a_password"\n+ value ',
    ],
)  # fmt: skip
def test_hostile_texts_take_linear_time(unit: str) -> None:
    """A megabyte in a third of a second on a busy machine; anything quadratic takes minutes."""
    secrets = [f"configured-secret-{number}" for number in range(20)]
    redactor = Redactor(secrets)
    text = (unit * (1_000_000 // len(unit)))[:1_000_000]
    started = time.process_time()
    redactor.redact(text)
    assert time.process_time() - started < 2


def test_in_composed_texts_only_what_the_bridge_holds_is_masked() -> None:
    redactor = Redactor([SECRET])
    redactor.learn(RANDOM)
    text = f"acme/db-password: Plan: 2 to add {quote(SECRET)} {RANDOM}"
    assert redactor.redact_known(text) == f"acme/db-password: Plan: 2 to add {REDACTED} {REDACTED}"
