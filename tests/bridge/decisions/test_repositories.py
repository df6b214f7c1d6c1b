"""Addresses of repositories, and the traps in comparing them."""

import pytest

from bridge.decisions.repositories import Address, Matcher, Transport, parse_address

GITHUB = ("https://github.com/acme/infra.git", "git@github.com:acme/infra.git")
FORGEJO = (
    "https://code.example.com:8443/acme/infra.git",
    "ssh://git@code.example.com:2222/acme/infra.git",
)
WEB_ONLY = ("https://git.example.com/acme/infra.git",)

THE_SAME = [
    "https://github.com/acme/infra",
    "https://github.com/acme/infra.git",
    "https://github.com/acme/infra/",
    "https://github.com/acme/infra.git/",
    "  https://github.com/acme/infra.git  ",
    "http://github.com/acme/infra",
    "https://github.com:443/acme/infra",
    "https://GitHub.com/Acme/Infra.git",
    "https://github.com./acme/infra",
    "https://alice@github.com/acme/infra",
    "https://alice:s3cret@github.com/acme/infra.git",
    "https://x-access-token:abc@github.com/acme/infra",
    "git@github.com:acme/infra.git",
    "git@github.com:acme/infra",
    "git@github.com:/acme/infra.git",
    "github.com:acme/infra.git",
    "ssh://git@github.com/acme/infra.git",
    "ssh://git@github.com:22/acme/infra.git",
    "git+ssh://git@github.com/acme/infra",
    "ssh+git://git@github.com/acme/infra",
    "ssh://git@ssh.github.com:443/acme/infra.git",
    "HTTPS://github.com/acme/infra",
    "git://github.com/acme/infra",
    "https://github.com/acme/%69nfra",
]
OTHERS = [
    "",
    "empty",
    "infra",
    "acme/infra",
    "/srv/git/acme/infra.git",
    "file:///srv/git/acme/infra.git",
    "https://github.com/acme/infra2",
    "https://github.com/acme/infra-prod",
    "https://github.com/acme",
    "https://github.com/acme/infra/modules",
    "https://github.com/acme/infra/../secrets",
    "https://github.com/x/%2e%2e/acme/infra",
    "https://github.com/evil/acme/infra",
    "https://github.com.evil.example/acme/infra",
    "https://evil-github.com/acme/infra",
    "https://github.com@evil.example/acme/infra",
    "https://evil.example/github.com/acme/infra",
    "https://evil.example#@github.com/acme/infra",
    "https://evil.example\\@github.com/acme/infra",
    "https://github.com/acme/infra?ref=main",
    "https://github.com/acme/infra#main",
    "https://github.com:8443/acme/infra",
    "https://github.com:99999/acme/infra",
    "https://github.com:x/acme/infra",
    "https://[::1/acme/infra",
    "git@evil.example:github.com/acme/infra",
    "ssh://git@github.com:2222/acme/infra.git",
    "git@github.com:acme/infra\nx",
    "gopher://github.com/acme/infra",
    "https:///acme/infra",
    "https://github.com",
    "https://github.com/",
    "https://github.com/.git",
]


@pytest.mark.parametrize("source", THE_SAME)
def test_one_repository_has_many_spellings(source: str) -> None:
    assert Matcher().feeds(GITHUB, source)


@pytest.mark.parametrize("source", OTHERS)
def test_what_only_looks_alike_is_another_repository(source: str) -> None:
    assert not Matcher().feeds(GITHUB, source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://code.example.com:8443/acme/infra", True),
        ("https://code.example.com/acme/infra", False),
        ("ssh://git@code.example.com:2222/acme/infra.git", True),
        ("git@code.example.com:acme/infra.git", False),
        ("ssh://git@code.example.com:8443/acme/infra.git", False),
    ],
)
def test_ports_are_compared_within_one_transport(source: str, expected: bool) -> None:  # noqa: FBT001 - a column
    assert Matcher().feeds(FORGEJO, source) is expected


def test_a_transport_the_forge_does_not_name_counts_with_usual_ports_only() -> None:
    assert Matcher().feeds(WEB_ONLY, "git@git.example.com:acme/infra.git")
    assert not Matcher().feeds(WEB_ONLY, "ssh://git@git.example.com:2222/acme/infra.git")
    assert not Matcher().feeds(
        ("https://git.example.com:3000/acme/infra",), "git@git.example.com:acme/infra"
    )


@pytest.mark.parametrize(
    ("hosts", "source", "expected"),
    [
        ({"work": "github.com"}, "git@work:acme/infra.git", True),
        ({"Work": "GitHub.com"}, "git@WORK:acme/infra.git", True),
        ({"work": "github.com"}, "git@work:acme/other.git", False),
        ({"work": "gitlab.com"}, "git@work:acme/infra.git", False),
        ({"work:2200": "github.com"}, "ssh://git@work:2200/acme/infra", True),
        ({"work:2200": "github.com"}, "ssh://git@work/acme/infra", False),
        ({}, "git@work:acme/infra.git", False),
        ({"hub": "github.com"}, "https://hub/acme/infra", False),
    ],
)
def test_ssh_aliases_stand_for_a_host(
    hosts: dict[str, str],
    source: str,
    expected: bool,  # noqa: FBT001 - a column
) -> None:
    assert Matcher(ssh_hosts=hosts).feeds(GITHUB, source) is expected


def test_an_alias_may_name_a_port_of_the_forge() -> None:
    matcher = Matcher(ssh_hosts={"ssh.example.com": "code.example.com:8443"})
    assert matcher.feeds(FORGEJO, "git@ssh.example.com:acme/infra")
    assert not matcher.feeds(WEB_ONLY, "git@ssh.example.com:acme/infra")


def test_an_address_is_taken_apart() -> None:
    assert parse_address("ssh://git@Code.Example.com:2222/Acme/Infra.git") == Address(
        transport=Transport.SSH, host="code.example.com", port=2222, path="acme/infra"
    )


def test_nothing_feeds_a_repository_without_addresses() -> None:
    assert not Matcher().feeds((), "https://github.com/acme/infra")
    assert not Matcher().feeds(("",), "")


@pytest.mark.parametrize(
    "text", ["https://github.com/acme/../infra", "git@github.com:./infra", "git@github.com:a//b"]
)
def test_a_path_that_goes_astray_is_no_address(text: str) -> None:
    assert parse_address(text) is None
