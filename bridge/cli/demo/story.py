"""What the demo plays with: a repository, two workspaces, the people, and one change.

The rule of its main branch is what many teams want: somebody else approves, and everything is
applied before the merge.
"""

from collections.abc import Mapping
from typing import Final

ORGANIZATION: Final = "acme"
SLUG: Final = "acme/infra"
BRANCH: Final = "bigger-network"
TITLE: Final = "Make the network bigger"
PERSON: Final = "dana"
REVIEWER: Final = "robin"
BOT: Final = "terrakube-bridge"
COMMAND: Final = "terrakube apply"
REQUIRED: Final = ("terrakube/plan", "terrakube/apply")
WORKSPACES: Final = ("app", "network")
RECORDED: Final = ("create", "create", "unchanged")
"""Without terraform: the plan, the same again before the apply, and nothing left to do."""

# Only terraform_data: it is built into Terraform, so nothing is downloaded.
_NETWORK: Final = """\
variable "size" {{
  default = {size}
}}

resource "terraform_data" "subnet" {{
  count = var.size
  input = "10.0.${{count.index}}.0/24"
}}

output "subnets" {{
  value = terraform_data.subnet[*].output
}}
"""
_APP: Final = """\
resource "terraform_data" "service" {{
  input = {{
    name     = "shop"
    replicas = {replicas}
  }}
}}
"""

BEFORE: Final = {
    "README.md": "# infra\n",
    "network/main.tf": _NETWORK.format(size=2),
    "app/main.tf": _APP.format(replicas=2),
}
AFTER: Final = {
    "network/main.tf": _NETWORK.format(size=3),
    "app/main.tf": _APP.format(replicas=4),
}


def seed(*, hint_url: str, hint_secret: str) -> Mapping[str, object]:
    """Say what the stand-ins hold at the start; see bridge/sandbox/seeds.py."""
    workspaces = [
        {
            "name": name,
            "source": f"{{forge}}/{SLUG}.git",
            "branch": "main",
            "folder": f"/{name}",
            "default_template": "Plan and apply",
            "recorded": RECORDED,
        }
        for name in WORKSPACES
    ]
    return {
        "organizations": [
            {
                "name": ORGANIZATION,
                "workspaces": workspaces,
                "notify": {"url": hint_url, "secret": hint_secret},
            }
        ],
        "forge": {
            "accounts": [PERSON, REVIEWER, BOT],
            "repositories": [
                {
                    "name": SLUG,
                    "files": BEFORE,
                    "access": {PERSON: "write", REVIEWER: "write", BOT: "admin"},
                    "protection": {"main": {"approvals": 1, "statuses": REQUIRED}},
                }
            ],
            "tokens": {
                "person": {"account": PERSON},
                "reviewer": {"account": REVIEWER},
                "bot": {"account": BOT},
            },
        },
    }
