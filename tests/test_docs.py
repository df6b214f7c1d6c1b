"""The documentation says what the code does now."""

import re
import tomllib
from pathlib import Path

import pytest

from bridge.logs import KEYS
from bridge.metrics import Metrics

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], key=lambda path: path.as_posix())
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [page.parent / link for link in LINK.findall(page.read_text())]
    assert [target for target in targets if not target.exists()] == []


def test_every_metric_is_listed() -> None:
    listed = set(re.findall(r"^\| `(bridge_\w+)` \|", operations(), re.MULTILINE))
    declared = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
    }
    assert listed == declared


def test_every_log_key_is_explained() -> None:
    table = operations().partition("| key | what it holds |")[2]
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)) == KEYS


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    names = {re.split(r"[\[><=;~ ]", requirement)[0] for requirement in wanted}
    rows = re.findall(
        r"^\| ([a-z0-9, -]+?) \|", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE
    )
    explained = {name.strip() for row in rows for name in row.split(",")} - {"package"}
    assert explained == names


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "adr"
    written = {path.name for path in folder.glob("0*.md")}
    assert set(LINK.findall((folder / "README.md").read_text())) == written


def operations() -> str:
    return (ROOT / "docs" / "operations.md").read_text()
