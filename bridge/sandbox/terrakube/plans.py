"""Made-up plans: as small, as large or as hostile as a test wants them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]

_WORDS = {"create": "create", "update": "update", "delete": "delete", "replace": "replace"}
_BODIES = {
    "create": ("will be created", "\x1b[32m+\x1b[0m\x1b[0m"),
    "update": ("will be updated in-place", "\x1b[33m~\x1b[0m\x1b[0m"),
    "delete": ("will be \x1b[1m\x1b[31mdestroyed\x1b[0m", "\x1b[31m-\x1b[0m\x1b[0m"),
    "replace": (
        "must be \x1b[1m\x1b[31mreplaced\x1b[0m",
        "\x1b[31m-\x1b[0m/\x1b[32m+\x1b[0m\x1b[0m",
    ),
}
_ACTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType({"replace": ("delete", "create")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a plan step finds.

    Attributes:
        rows: The structured plan, in the shape of ``planStructuredOutput``.
        text: The readable plan with its ANSI escapes, up to and with its ``Plan:`` line.
        error: Makes the step fail with this summary.
    """

    rows: Sequence[Row] = ()
    text: str = ""
    error: str | None = None

    @property
    def counts(self) -> tuple[int, int, int]:
        """To add, to change, to destroy; a replacement counts as one of each."""
        actions = [row["action"] for row in self.rows]
        replaced = actions.count("replace")
        return (
            actions.count("create") + replaced,
            actions.count("update"),
            actions.count("delete") + replaced,
        )

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return any(self.counts)

    @property
    def summary(self) -> str:
        """Terraform's closing line."""
        add, change, destroy = self.counts
        return f"{add} to add, {change} to change, {destroy} to destroy."


def make_plan(
    *, create: int = 1, update: int = 0, delete: int = 0, replace: int = 0, value: str = "value"
) -> Plan:
    """A plan of so many changes; *value* stands in every resource, hostile text welcome."""
    amounts = {"create": create, "update": update, "delete": delete, "replace": replace}
    rows = [
        make_row(f"{action}_{index}", action, value)
        for action, amount in amounts.items()
        for index in range(amount)
    ]
    return plan_of(rows)


def plan_of(rows: Iterable[Row]) -> Plan:
    """A plan of these rows, with the text that terraform would print for them."""
    listed = list(rows)
    bare = Plan(rows=listed)
    if not bare.changes:
        return Plan(rows=listed, text=_UNCHANGED)
    body = "\n".join(_resource(row) for row in listed if row["action"] in _BODIES)
    return Plan(rows=listed, text=f"{_INTRODUCTION}{body}\n\x1b[1mPlan:\x1b[0m {bare.summary}\n")


def destroyed(plan: Plan) -> Plan:
    """The plan of destroying everything that *plan* names."""
    rows = [make_row(row["resourceName"], "delete", "") for row in plan.rows]
    return Plan(error=plan.error) if plan.error else plan_of(rows)


def make_row(name: str, action: str, value: object) -> Row:
    """A row about ``terraform_data.<name>``."""
    old = {"id": f"id-{name}", "input": "before", "output": "before", "triggers_replace": None}
    new = {"input": value, "triggers_replace": None}
    return {
        "address": f"terraform_data.{name}",
        "moduleAddress": None,
        "resourceType": "terraform_data",
        "resourceName": name,
        "action": action,
        "actions": list(_ACTIONS.get(action, (_WORDS[action],))),
        "status": "planned",
        "before": None if action == "create" else old,
        "after": None if action == "delete" else new,
        "beforeSensitive": False if action == "create" else {},
        "afterSensitive": False if action == "delete" else {},
        "afterUnknown": {} if action == "delete" else {"id": True, "output": True},
    }


def _resource(row: Row) -> str:
    phrase, sign = _BODIES[row["action"]]
    shown = (row["after"] or row["before"])["input"]
    return (
        f"\x1b[1m  # {row['address']}\x1b[0m {phrase}\n"
        f'\x1b[0m  {sign} resource "{row["resourceType"]}" "{row["resourceName"]}" {{\n'
        f"      {sign} input = {_quoted(shown)}\n"
        "    }\n"
    )


def _quoted(value: object) -> str:
    text = str(value)
    if "\n" not in text:
        return f'"{text}"'
    lines = "".join(f"            {line}\n" for line in text.splitlines())
    return f"<<-EOT\n{lines}        EOT"


_INTRODUCTION = (
    "\nTerraform used the selected providers to generate the following execution\n"
    "plan. Resource actions are indicated with the following symbols:\n"
    "  \x1b[32m+\x1b[0m create\x1b[0m\n\n"
    "Terraform will perform the following actions:\n\n"
)
_UNCHANGED = (
    "\n\x1b[0m\x1b[1m\x1b[32mNo changes.\x1b[0m\x1b[1m "
    "Your infrastructure matches the configuration.\x1b[0m\n\n"
    "\x1b[0mTerraform has compared your real infrastructure against your configuration\n"
    "and found no differences, so no changes are needed.\n"
)
