"""What was entered into a form, as the command that says the same."""

import shlex
from collections.abc import Mapping
from typing import Final

from bridge.decisions.asking import Refuse
from bridge.decisions.chat_values import check_branch, check_template
from bridge.decisions.flag_values import Refused
from bridge.domain.chat_controls import Control
from bridge.domain.commands import ApplyCommand, PlanCommand, Selection, Source
from bridge.domain.runs import Verb

_KINDS: Final[Mapping[str, type[PlanCommand | ApplyCommand]]] = {
    Verb.PLAN: PlanCommand,
    Verb.APPLY: ApplyCommand,
}


def command_of(entered: Mapping[str, str]) -> Refuse | PlanCommand | ApplyCommand:
    """Read what starts a run, by the ``action_id`` of each field; what is checked is told."""
    workspace = entered.get(Control.WORKSPACE, "")
    kind = _KINDS.get(entered.get(Control.VERB, ""))
    if not workspace or kind is None:
        return Refuse(
            text="Nothing was started: the form does not say what, or in which workspace."
        )
    branch = entered.get(Control.BRANCH, "").strip()
    template = entered.get(Control.TEMPLATE, "")
    try:
        source = Source(
            branch=check_branch(branch) if branch else "",
            template=check_template(template) if template else "",
        )
    except Refused as refused:
        return Refuse(text=f"Nothing was started: {refused.problem}.")
    parts = [entered[Control.VERB], workspace]
    parts += [f"branch={source.branch}"] if source.branch else []
    parts += [f"template={source.template}"] if source.template else []
    return kind(
        line=1,
        text=" ".join(map(shlex.quote, parts)),
        selection=Selection(workspaces=(workspace,)),
        source=source,
    )
