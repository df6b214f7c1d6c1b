"""Branches and folders of workspaces, as people type them."""

import pytest

from bridge.decisions.bindings import bindings_of, followed_branches, workspace_folders
from bridge.decisions.repositories import Matcher
from tests.bridge.decisions.facts import a_workspace


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ("main", ("main",)),
        ("main,develop", ("main", "develop")),
        (" main , develop ", ("main", "develop")),
        ("main,,main,", ("main",)),
        ("refs/heads/main", ("main",)),
        ("release/1", ("release/1",)),
        ("", ()),
    ],
)
def test_branches_are_a_list_with_commas(branch: str, expected: tuple[str, ...]) -> None:
    assert followed_branches(a_workspace(branch=branch)) == expected


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/", ("",)),
        ("", ("",)),
        (".", ("",)),
        ("/network", ("network",)),
        ("network/", ("network",)),
        ("/network,/modules/vpc", ("network", "modules/vpc")),
        (" network , dns ", ("network", "dns")),
        ("network,,", ("network",)),
        ("network,network/", ("network",)),
        ("../other", ()),
        ("network,../other", ("network",)),
    ],
)
def test_folders_are_a_list_with_commas(folder: str, expected: tuple[str, ...]) -> None:
    assert workspace_folders(a_workspace(folder=folder)) == expected


def test_only_workspaces_of_the_repository_are_bound_sorted_by_name() -> None:
    net, dns = a_workspace("net"), a_workspace("dns")
    other = a_workspace("other", source="https://git.example.com/acme/infra-2.git")
    urls = ("https://git.example.com/acme/infra.git",)
    bound = bindings_of([net, other, dns], urls, Matcher())
    assert [str(one) for one in bound] == ["acme/dns", "acme/net"]
