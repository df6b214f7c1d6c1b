"""``.env.example`` and docs/configuration.md say what there is, and nothing else.

The example is made from the model; ``--update-golden`` rewrites it.
"""

import re
from pathlib import Path

import pytest

from bridge.forges import DRIVERS
from bridge.settings import catalog, load_settings
from bridge.settings.catalog import Kind, Setting
from bridge.settings.commands import AccessSettings
from bridge.settings.sections import RuleSettings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / ".env.example"
CONFIGURATION = ROOT / "docs" / "configuration.md"

HEAD = """\
# Settings of terrakube-bridge. Copy this file to .env, in the folder the bridge is started in, and
# fill in what is needed: Terrakube, one forge, and what its deliveries are verified with. That is
# either the forge's WEBHOOK_SECRET or, for hooks that "terrakube-bridge webhooks install" makes,
# the BRIDGE_SECRET_KEY and BRIDGE_PUBLIC_URL. Everything else has the default that is shown.
# Variables of the environment come before this file, and this file before bridge.yaml.
# Lists are words between commas, or JSON. Whatever is secret may be in a file of its own: add _FILE
# to the name and give the path. Something set to nothing counts as not set.
"""
GITHUB = """
# --- A forge: GitHub, as an App (app_id and private_key) or with a token ---
"""
CODE = """
# --- Another forge: Gitea or Forgejo. The word after FORGES__ is its name, yours to choose; its
# deliveries come to /webhooks/<name> ---
"""
CONFIG = """
# The file that adds rules and more [default: bridge.yaml]
# BRIDGE_CONFIG=bridge.yaml
"""
INSTANCES = {"github": "GITHUB", "forgejo": "CODE"}


def rendered() -> str:
    parts = [HEAD]
    needed = [one for one in catalog.settings() if one.default is None]
    parts += ["\n# --- Terrakube: needed ---\n"]
    parts += [entry(one, one.variable) for one in needed]
    parts += [GITHUB, *forge("github"), CODE, *forge("forgejo")]
    parts += ["\n# --- Everything else ---\n", CONFIG]
    parts += [entry(one, one.variable) for one in catalog.settings() if one.default is not None]
    return "".join(parts)


def forge(driver: str) -> list[str]:
    name = INSTANCES[driver]
    options = catalog.forge_options(driver)
    head = "\n# github, gitea or forgejo [default: the name]\n"
    head += f"# BRIDGE_FORGES__{name}__DRIVER={driver}\n"
    named = [entry(one, f"BRIDGE_FORGES__{name}__{one.path[2].upper()}") for one in options]
    return [head, *named]


def entry(setting: Setting, variable: str) -> str:
    notes = [f"unit: {setting.unit}"] if setting.unit else []
    notes += ["secret"] if setting.kind is Kind.SECRET else []
    notes += ["JSON"] if setting.kind is Kind.STRUCTURE else []
    notes.append("needed" if setting.default is None else f"default: {setting.default or 'none'}")
    assign = f"{variable}={setting.default or ''}"
    shown = assign if setting.default is None and "FORGES" not in variable else f"# {assign}"
    return f"\n# {setting.text.rstrip('.')} [{'; '.join(notes)}]\n{shown}\n"


def test_the_example_lists_every_setting_with_unit_default_and_one_line(
    request: pytest.FixtureRequest,
) -> None:
    if request.config.getoption("--update-golden", default=False):
        EXAMPLE.write_text(rendered())
    assert EXAMPLE.read_text() == rendered()


def test_the_example_names_what_may_be_set_and_nothing_else() -> None:
    named = re.findall(r"^(?:# )?(BRIDGE_[A-Z0-9_]+)=", EXAMPLE.read_text(), re.MULTILINE)
    forges = {
        f"BRIDGE_FORGES__{INSTANCES[driver]}__{option.upper()}"
        for driver in INSTANCES
        for option in DRIVERS[driver].options.model_fields
        if not option.endswith("_file") or option == "ca_file"
    }
    model = {one.variable for one in catalog.settings()}
    assert sorted(named) == sorted(model | forges | {"BRIDGE_CONFIG"})


def test_every_setting_has_a_sentence() -> None:
    options = [one for driver in INSTANCES for one in catalog.forge_options(driver)]
    told = [*catalog.settings(), *options]
    assert [one.key for one in told if not one.text.endswith(".")] == []
    assert [one.key for one in told if "\n" in one.text] == []


def test_the_example_with_everything_in_it_is_accepted(tmp_path: Path) -> None:
    filled = {
        "BRIDGE_TERRAKUBE__URL": "https://terrakube-api.example.com",
        "BRIDGE_TERRAKUBE__TOKEN": "token-of-terrakube",
        "BRIDGE_TERRAKUBE__ORGANIZATIONS": "acme",
        "BRIDGE_FORGES__GITHUB__TOKEN": "token-of-github",
        "BRIDGE_FORGES__GITHUB__WEBHOOK_SECRET": "secret-of-the-hook",
        "BRIDGE_FORGES__CODE__URL": "https://code.example.com",
        "BRIDGE_FORGES__CODE__TOKEN": "token-of-forgejo",
        "BRIDGE_FORGES__CODE__WEBHOOK_SECRET": "secret-of-the-hook",
    }
    (tmp_path / "bridge.yaml").touch()
    (tmp_path / ".env").write_text(EXAMPLE.read_text().replace("\n# BRIDGE_", "\nBRIDGE_"))
    assert set(load_settings(filled, tmp_path).forges) == {"github", "code"}


def rows() -> dict[str, str]:
    """Map the first cell of every row of every table in the documentation to its line."""
    lines = CONFIGURATION.read_text().splitlines()
    found = [(re.match(r"\| `([^`]+)` \|", line), line) for line in lines]
    return {match[1]: line for match, line in found if match}


def test_the_documentation_has_every_setting_with_its_default() -> None:
    documented = rows()
    missing = [one.key for one in catalog.settings() if one.key not in documented]
    assert missing == []
    wrong = [
        one.key
        for one in catalog.settings()
        if (f"`{one.default}`" if one.default else "needed" if one.default is None else "| |")
        not in documented[one.key]
    ]
    assert wrong == []


def test_the_documentation_has_every_option_of_forges_and_every_key_of_rules() -> None:
    documented = rows()
    options = {f"forges.<name>.{one}" for one in catalog.option_names()} - {
        f"forges.<name>.{one}_file"
        for one in ("token", "private_key", "webhook_secret", "previous_webhook_secret")
    }
    keys = {f"rules[].{name}" for name in RuleSettings.model_fields}
    keys |= {f"access[].{name}" for name in AccessSettings.model_fields}
    assert sorted((options | keys) - documented.keys()) == []


def test_the_documentation_has_nothing_else() -> None:
    known = {one.key for one in catalog.settings()}
    known |= {f"forges.<name>.{one}" for one in catalog.option_names()}
    known |= {f"rules[].{name}" for name in RuleSettings.model_fields}
    known |= {f"access[].{name}" for name in AccessSettings.model_fields}
    settings = {key for key in rows() if key[0].islower()}
    assert sorted(settings - known) == []
