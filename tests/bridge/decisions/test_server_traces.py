"""What is cut from failure logs, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decisions.server_traces import cut_servers, cut_work_folder

FOLDER = "/home/terrakube/.terraform-spring-boot/executor/tmp3627261367081745109"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"on {FOLDER}/modules/a/main.tf line 1", "on …/modules/a/main.tf line 1"),
        (f'"{FOLDER}/x.tf"', '"…/x.tf"'),
        (f"in {FOLDER}", "in …"),
        ("/opt/.terraform-spring-boot/local/state/o/w/7/terraformLibrary.tfPlan!", "…!"),
        ("/.terraform-spring-boot/executor/tmpab12/a", "…/a"),
        ("path /etc/ssl/key.pem of git.example.com", "path /etc/ssl/key.pem of git.example.com"),
    ],
)
def test_terrakube_s_own_folder_is_cut(text: str, kept: str) -> None:
    assert cut_work_folder(text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            f"Terraform Working Directory does not exist: {FOLDER}/does-not-exist",
            "Terraform Working Directory does not exist: …/does-not-exist",
        ),
        (
            "org.eclipse.jgit.api.errors.TransportException: Remote branch 'no-such' not found",
            "TransportException: Remote branch 'no-such' not found",
        ),
        (
            "TransportException: https://git.internal:3000/acme/infra.git: not authorized",
            "TransportException: https://[host]/acme/infra.git: not authorized",
        ),
        ("https://user:secret@git/x.git: no", "https://[host]/x.git: no"),
        ("ssh://git@git.internal: no", "ssh://[host]: no"),
        ("git@git.internal:acme/infra.git: Auth fail", "git@[host]:acme/infra.git: Auth fail"),
        (
            "java.lang.Throwable: Connection refused: executor.example.com/192.0.2.7:8090",
            "Throwable: Connection refused: [host]",
        ),
        ("refused: executor.example.com/192.0.", "refused: [host]."),
        ("java.net.UnknownHostException: gitea", "UnknownHostException: [host]"),
        ("Connect to localhost:8090 [localhost/127.0.0.1] failed",
         "Connect to [host] [[host]] failed"),
        ("to terrakube-redis.prod.svc:6379.", "to [host]."),
        ("at fe80::1 and 2001:db8:0:0:0:0:0:1", "at [host] and [host]"),
        ("cannot open /var/lib/terrakube/key", "cannot open …/key"),
        ("main.tf, prod.tfvars at 12:30:45, error(-111)",
         "main.tf, prod.tfvars at 12:30:45, error(-111)"),
        ("folder /network, commit 1.2.3", "folder /network, commit 1.2.3"),
    ],
)  # fmt: skip
def test_hosts_addresses_and_paths_are_cut_from_what_terrakube_wrote(text: str, kept: str) -> None:
    assert cut_servers(text) == kept


@given(
    host=st.from_regex(
        r"[a-z][a-z0-9-]{0,8}[a-z0-9](\.[a-z]{2,8}){0,2}\.(com|internal|svc|lan)(:[0-9]{2,5})?",
        fullmatch=True,
    ),
    sentence=st.sampled_from(
        [
            "Connection refused: {}/192.0.2.7",
            "https://{}/infra.git: not found",
            "https://user:word@{}/infra.git",
            "git@{}:infra.git: Auth fail",
            "Connect to {} failed",
            "no route to '{}'.",
            "java.net.UnknownHostException: {}",
            "({})",
        ]
    ),
)
def test_no_host_is_left_in_what_terrakube_says_about_it(host: str, sentence: str) -> None:
    name = host.partition(":")[0]
    assert name not in cut_servers(sentence.format(host))


@pytest.mark.parametrize("piece", ["a", "a.", "/a", "a-", "1.", "a/", "/.terraform-spring-boot"])
def test_a_long_hostile_line_takes_no_time(piece: str) -> None:
    cut_servers(piece * 50_000)
