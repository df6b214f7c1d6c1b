"""The structured plan: rows per resource, from terraform's event stream and its JSON plan.

The shape is that of ``recordings/context``: rows appear in the order of events, refreshed
resources without a change stay ``{address, action: no-op, status: pending}``, and values marked
sensitive are null.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from bridge.sandbox.terrakube.model import Value

Row: TypeAlias = dict[str, Any]
Event: TypeAlias = Mapping[str, Any]

_ACTIONS = {"noop": "no-op"}


class Rows:
    """Rows by address, kept up to date by events."""

    def __init__(self, planned: Sequence[Row] = ()) -> None:
        self._rows: dict[str, Row] = {row["address"]: dict(row) for row in planned}
        self.diagnostics: list[Row] = []
        self.outputs: list[Row] = []

    def listed(self) -> list[Row]:
        """The rows so far."""
        return list(self._rows.values())

    def take(self, event: Event) -> None:
        """Follow one event of ``terraform -json``."""
        match event.get("type"):
            case "refresh_start":
                self._refreshed(_address(event["hook"]))
            case "planned_change":
                self._planned(event["change"])
            case "apply_start" | "provision_start":
                self._set(event, status="applying")
            case "provision_progress":
                row = self._row(event)
                row.setdefault("provisionerOutput", []).append(event["hook"]["output"])
            case "apply_complete":
                self._set(event, status="applied", elapsedSeconds=event["hook"]["elapsed_seconds"])
            case "apply_errored":
                self._set(event, status="errored", elapsedSeconds=event["hook"]["elapsed_seconds"])
            case "diagnostic":
                self._diagnosed(event["diagnostic"])
            case "outputs":
                self.outputs = _outputs(event["outputs"])
            case _:
                pass  # messages for people

    def describe(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Add what the JSON plan knows about the rows that change something."""
        for change in changes:
            row = self._rows.get(change["address"])
            if row is not None and row["action"] != "no-op":
                row |= details(change)

    def settle(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace what was unknown by the *values* in the state, by address, after an apply."""
        for row in self._rows.values():
            if row["status"] == "pending":
                row["status"] = "applied"
            after, known = row.get("after"), values.get(row["address"])
            if row["status"] in {"applied", "errored"} and isinstance(after, dict) and known:
                merged = {**after, **known}
                row["after"] = _veiled(merged, row.get("afterSensitive"))
                row["afterUnknown"] = _known(row.get("afterUnknown"))

    def _refreshed(self, address: str) -> None:
        row = {"address": address, "action": "no-op", "status": "pending"}
        self._rows.setdefault(address, row)

    def _planned(self, change: Mapping[str, Any]) -> None:
        address, action = _address(change), str(change["action"])
        row = self._rows.setdefault(address, {"address": address})
        row |= {"action": _ACTIONS.get(action, action), "status": "planned"}

    def _row(self, event: Event) -> Row:
        hook = event["hook"]
        address = _address(hook)
        fresh = {"address": address, "action": hook.get("action", "no-op"), "status": "planned"}
        return self._rows.setdefault(address, fresh)

    def _set(self, event: Event, **values: object) -> None:
        row = self._row(event)
        # A replacement is destroyed first; it is applied once its creation is.
        row |= values

    def _diagnosed(self, diagnostic: Mapping[str, Any]) -> None:
        row = self._rows.get(str(diagnostic.get("address")))
        shown = {key: diagnostic.get(key, "") for key in ("severity", "summary", "detail")}
        if row is not None:
            row.setdefault("diagnostics", []).append(shown | _location(diagnostic))
        elif diagnostic.get("severity") == "warning":
            # Errors of a plan are nowhere in the context (context/failed_plan_error).
            self.diagnostics.append(shown)


def details(change: Mapping[str, Any]) -> Row:
    """A row out of an entry of ``resource_changes`` of the JSON plan."""
    plan = change["change"]
    actions = list(plan["actions"])
    return {
        "address": change["address"],
        "moduleAddress": change.get("module_address"),
        "resourceType": change["type"],
        "resourceName": change["name"],
        "action": "replace" if len(actions) > 1 else actions[0],
        "actions": actions,
        "before": _veiled(plan["before"], plan["before_sensitive"]),
        "after": _veiled(plan["after"], plan["after_sensitive"]),
        "beforeSensitive": plan["before_sensitive"],
        "afterSensitive": plan["after_sensitive"],
        "afterUnknown": plan["after_unknown"],
    }


def state_values(shown: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The values of all resources in ``terraform show -json``, by address."""
    found: dict[str, Mapping[str, Any]] = {}
    modules = [shown.get("values", {}).get("root_module", {})]
    while modules:
        module = modules.pop()
        modules += module.get("child_modules", [])
        found |= {each["address"]: each["values"] for each in module.get("resources", [])}
    return found


def _address(holder: Mapping[str, Any]) -> str:
    return str(holder["resource"]["addr"])


def _location(diagnostic: Mapping[str, Any]) -> Row:
    place = diagnostic.get("range")
    return {"location": f"{place['filename']}:{place['start']['line']}"} if place else {}


def _outputs(outputs: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    return [
        {
            "name": name,
            "sensitive": output["sensitive"],
            "type": output.get("type"),
            "value": None if output["sensitive"] else output.get("value"),
        }
        for name, output in outputs.items()
    ]


def _veiled(value: Value, mask: Value) -> Value:
    """*value* with null wherever *mask* says sensitive."""
    if mask is True:
        return None
    if isinstance(value, dict) and isinstance(mask, dict):
        return {key: _veiled(each, mask.get(key)) for key, each in value.items()}
    if isinstance(value, list) and isinstance(mask, list):
        return [_veiled(each, hide) for each, hide in zip(value, mask, strict=False)]
    return value


def _known(mask: Value) -> Value:
    if isinstance(mask, dict):
        return {key: _known(each) for key, each in mask.items()}
    if isinstance(mask, list):
        return [_known(each) for each in mask]
    return False
