"""What is deployed keeps to what docs/operations.md promises about it."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # its type stubs are not among our tools

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSE = ROOT / "deploy" / "compose.yaml"


def instructions() -> list[tuple[str, str]]:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(  # noqa: S603 - the locked linter on our own file
        [linter, "--no-fail", DOCKERFILE], capture_output=True, text=True, check=True
    )
    assert found.stdout == ""


def test_the_image_ends_as_an_ordinary_user_with_a_health_check() -> None:
    words = dict(instructions())  # the last of each
    assert words["USER"] == "10001:10001"
    assert "/healthz" in words["HEALTHCHECK"]
    assert words["CMD"] == '["serve"]'


def test_the_image_is_built_in_a_stage_of_its_own() -> None:
    stages = [rest for word, rest in instructions() if word == "FROM"]
    assert len(stages) == 2
    assert stages[0].endswith(" AS build")


def test_nothing_is_installed_without_a_hash() -> None:
    runs = " ".join(rest for word, rest in instructions() if word == "RUN")
    installs = runs.split("pip install")[1:]
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt", "build.txt"])
def test_a_lock_names_no_host_and_pins_everything(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    assert "://" not in text
    packages = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert packages
    assert all("==" in line and line.endswith("\\") for line in packages)


def test_the_compose_file_gives_the_bridge_one_writable_place() -> None:
    bridge = yaml.safe_load(COMPOSE.read_text())["services"]["bridge"]
    assert bridge["read_only"] is True
    assert bridge["cap_drop"] == ["ALL"]
    assert bridge["security_opt"] == ["no-new-privileges:true"]
    assert bridge["volumes"] == ["data:/data"]
    assert bridge["build"] == {"context": ".", "dockerfile": "deploy/Dockerfile"}


def test_the_build_context_holds_what_the_image_copies() -> None:
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        source.rstrip("/").split("/")[0]
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == allowed


def test_the_health_check_asks_where_the_bridge_listens() -> None:
    bridge = yaml.safe_load(COMPOSE.read_text())["services"]["bridge"]
    environment = bridge["environment"]
    published = {port.rpartition(":")[2] for port in bridge["ports"]}
    assert {environment["BRIDGE_LISTEN__PORT"], environment["BRIDGE_METRICS__PORT"]} == published
    assert environment["BRIDGE_LISTEN__HOST"] == environment["BRIDGE_METRICS__HOST"] == "0.0.0.0"  # noqa: S104 - a container's own
    assert "BRIDGE_LISTEN__PORT" in dict(instructions())["HEALTHCHECK"]


def test_the_health_check_fails_when_nobody_answers() -> None:
    command = json.loads(dict(instructions())["HEALTHCHECK"].partition("CMD ")[2])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        environment = {"BRIDGE_LISTEN__PORT": str(listener.getsockname()[1])}
        ended = subprocess.run(  # noqa: S603 - our own line
            [sys.executable, *command[1:]], env=environment, capture_output=True, check=False
        )
    assert b"Connection refused" in ended.stderr
