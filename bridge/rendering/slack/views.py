"""Modals: starting a run, and typing in the name of what is going to be destroyed."""

from typing import Any, Final

from bridge.domain.chat import ChatMessage, View
from bridge.domain.chat_controls import Control, Form, FormPlace
from bridge.domain.reports import RunReport
from bridge.domain.runs import Verb
from bridge.rendering.durations import counted
from bridge.rendering.slack.controls import deletions
from bridge.rendering.slack.degrading import degrade
from bridge.rendering.slack.escaping import bold, code, cut, one_line, prose
from bridge.rendering.slack.excerpts import listed
from bridge.rendering.slack.pieces import Block, plain, preformatted, section
from bridge.rendering.slack.words import counts

_TITLE: Final = 24
_OPTION: Final = 75
_VALUE: Final = 150
_PLACEHOLDER: Final = 150
_LABEL: Final = 300
_METADATA: Final = 3_000
_LONGEST_BRANCH: Final = 250
_LONGEST_ERROR: Final = 2_500
_VERBS: Final = {
    Verb.PLAN: "Plan: show what would change",
    Verb.APPLY: "Apply: plan, ask, then change it",
}


def render_start_view(
    place: FormPlace, *, verb: Verb = Verb.PLAN, workspace: str = "", branch: str = ""
) -> View:
    """Ask for what starts a run.

    Args:
        place: Where it is followed; see FormPlace.
        verb: Chosen at first; PLAN or APPLY.
        workspace: Chosen at first, ``organization/workspace``; empty for none.
        branch: Entered at first.
    """
    options = [_option(text, one.value) for one, text in _VERBS.items()]
    chosen = _VERBS.get(verb)
    first = _option(chosen, verb.value) if chosen else options[0]
    return _view(
        Form.START,
        place,
        title="Start a run",
        submit="Start",
        blocks=[
            _input("Workspace", _search(Control.WORKSPACE, "Type to search", workspace)),
            _input(
                "What to do",
                {**_named("static_select", Control.VERB), "options": options}
                | {"initial_option": first},
            ),
            _input(
                "Template",
                _search(Control.TEMPLATE, "As configured for the workspace"),
                optional=True,
            ),
            _input("Branch", _branch(branch), optional=True),
        ],
    )


def render_confirm_view(report: RunReport, place: FormPlace) -> View:
    """Have somebody type a workspace's name before something is destroyed for good."""
    run = report.run
    workspace = str(run.request.workspace)
    gone = deletions(report)
    what = f"*{counted(gone, 'resource')}*" if gone else "What the plan shows"
    said = f"⚠️ {what} in {bold(workspace)} will be destroyed or replaced. {counts(run)}"
    blocks = [section(said.rstrip())]
    if report.destroyed:
        blocks.append(preformatted(listed([f"- {address}" for address in report.destroyed])))
    name = one_line(run.request.workspace.name, _LABEL)
    typed = {**_named("plain_text_input", Control.NAME), "max_length": 3_000}
    blocks.append(_input(f"Type {name} to approve it", typed))
    return _view(Form.CONFIRM, place, title="Approve", submit="Approve", blocks=blocks)


def render_error(text: str, correlation_id: str) -> ChatMessage:
    """Tell somebody that something did not work; the id is what the logs know it by."""
    known = f" Ask whoever runs the bridge for {code(correlation_id)}." if correlation_id else ""
    said = f"⚠️ {cut(prose(text, _LONGEST_ERROR), _LONGEST_ERROR)}{known}"
    return degrade(ChatMessage(text=said, blocks=(section(said),)))


def _view(form: Form, place: FormPlace, *, title: str, submit: str, blocks: list[Block]) -> View:
    return {
        "type": "modal",
        "callback_id": form.value,
        "private_metadata": str(place)[:_METADATA],
        "title": plain(title, _TITLE),
        "submit": plain(submit, _TITLE),
        "close": plain("Never mind", _TITLE),
        "blocks": blocks,
    }


def _input(label: str, element: Block, *, optional: bool = False) -> Block:
    """Make a field; its block is named as what is in it, so that what is wrong is said there."""
    return {
        "type": "input",
        "block_id": element["action_id"],
        "label": plain(label, _LABEL),
        "element": element,
        "optional": optional,
    }


def _named(kind: str, control: Control) -> dict[str, Any]:
    return {"type": kind, "action_id": control.value}


def _search(control: Control, placeholder: str, chosen: str = "") -> Block:
    made = _named("external_select", control)
    made |= {"min_query_length": 0, "placeholder": plain(placeholder, _PLACEHOLDER)}
    fits = chosen.strip() and len(chosen) <= _VALUE
    return made | ({"initial_option": _option(chosen, chosen)} if fits else {})


def _branch(branch: str) -> Block:
    made = _named("plain_text_input", Control.BRANCH)
    made |= {"placeholder": plain("As configured for the workspace", _PLACEHOLDER)}
    made |= {"max_length": _LONGEST_BRANCH}
    return made | ({"initial_value": branch} if 0 < len(branch) <= _LONGEST_BRANCH else {})


def _option(text: str, value: str) -> Block:
    return {"text": plain(text, _OPTION), "value": value}
