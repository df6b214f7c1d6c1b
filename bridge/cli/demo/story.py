"""What the demo plays with: a repository, its workspaces, the people, a change, and a chat.

The rule of its main branch is what many teams want: somebody else approves, and everything is
applied before the merge. One workspace more is changed without a pull request, from Slack; there,
too, whoever asks does not approve.
"""

from collections.abc import Mapping, Sequence
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
ALONE: Final = "dns"
"""A workspace that no pull request is about."""

CHANNEL: Final = "infra"
SAID: Final = f"/terrakube apply {ORGANIZATION}/{ALONE}"
GROUP: Final = "platform"
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
_DNS: Final = """\
resource "terraform_data" "record" {
  input = "shop.example.com"
}
"""

BEFORE: Final = {
    "README.md": "# infra\n",
    "dns/main.tf": _DNS,
    "network/main.tf": _NETWORK.format(size=2),
    "app/main.tf": _APP.format(replicas=2),
}
AFTER: Final = {
    "network/main.tf": _NETWORK.format(size=3),
    "app/main.tf": _APP.format(replicas=4),
}


def seed(*, bridge_url: str, hint_secret: str) -> Mapping[str, object]:
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
        for name in (*WORKSPACES, ALONE)
    ]
    hints = {"url": f"{bridge_url}/webhooks/terrakube", "secret": hint_secret}
    return {
        "organizations": [{"name": ORGANIZATION, "workspaces": workspaces, "notify": hints}],
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
        "slack": {
            "mode": "http",
            "url": f"{bridge_url}/slack/events",
            "people": [{"name": PERSON}, {"name": REVIEWER}],
            "groups": {GROUP: [PERSON, REVIEWER]},
            "channels": [{"name": CHANNEL}],
        },
    }


def access(group: str) -> Sequence[Mapping[str, object]]:
    """Say who may do what: whoever may write, in pull requests; a group of Slack's (its id) there.

    In the workspace without pull requests, whoever asks for something does not approve it.
    """
    return [
        {"who": ["*"], "may": ["plan", "apply"]},
        {
            "who": [f"slack:group:{group}"],
            "may": ["plan", "apply", "approve", "reject", "cancel"],
            "workspaces": [f"{ORGANIZATION}/{ALONE}"],
            "four_eyes": True,
        },
    ]
