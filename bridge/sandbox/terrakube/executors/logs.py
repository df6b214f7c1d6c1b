"""The frame of a step's log, to the escape sequence as the server writes it."""

from bridge.sandbox.terrakube.model import Step

_STARS = "***************************************"


def head(step: Step, version: str) -> str:
    """What precedes the output of ``terraform init``."""
    program = _program(step)
    lines = (
        _STARS,
        f"Initializing Terrakube Job {step.job.id} Step {step.id}",
        f"Running {program} {version}",
        "",
        "",
        _STARS,
        f"Running {program} Init: ",
    )
    return "".join(map(_banner, lines))


def section(step: Step, name: str) -> str:
    """What precedes the output of PLAN, APPLY or DESTROY."""
    return "".join(map(_banner, (_STARS, f"Running {_program(step)} {name}", _STARS)))


def init_text() -> str:
    """The output of ``terraform init`` in a folder without modules."""
    return (
        "\x1b[0m\x1b[1mInitializing the backend...\x1b[0m\n"
        '\x1b[0m\x1b[32m\nSuccessfully configured the backend "local"! '
        "Terraform will automatically\n"
        "use this backend unless the backend configuration changes.\x1b[0m\n"
        "\x1b[0m\x1b[1mInitializing provider plugins...\x1b[0m\n"
        "- terraform.io/builtin/terraform is built in to Terraform\n\n"
        "\x1b[0m\x1b[1m\x1b[32mTerraform has been successfully initialized!"
        "\x1b[0m\x1b[32m\x1b[0m\n"
    )


def _program(step: Step) -> str:
    return "Tofu" if step.job.workspace.iac_type == "tofu" else "Terraform"


def _banner(text: str) -> str:
    return f"\x1b[32;40;1m{text}\x1b[0m\n"
