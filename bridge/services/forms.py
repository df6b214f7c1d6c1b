"""Looking into a form of the chat before it is acknowledged: whoever sent it still has it open.

There are three seconds for everything, so Terrakube is not asked, and a forge only briefly; what
cannot be found out now is told later, by whoever carries it out.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.decisions.approving import is_name_of
from bridge.decisions.repositories import Matcher
from bridge.domain.chat_controls import Control, Form, FormPlace, RunButton
from bridge.domain.chat_events import FormSent
from bridge.domain.errors import RemoteError
from bridge.domain.runs import Run
from bridge.domain.terrakube import Workspace
from bridge.ports import Forge
from bridge.services.locating import repository_of


class Runs(Protocol):
    """The part of RunStore this needs."""

    async def run(self, run_id: str) -> Run | None:
        """See RunStore.run."""
        ...


class KnownWorkspaces(Protocol):
    """What is known of Terrakube without asking."""

    def workspaces(self) -> Sequence[Workspace]:
        """List the workspaces as they were seen last."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FormChecks:
    """Says what is wrong with a form, by the ``action_id`` it was entered in.

    Attributes:
        patience: Seconds a forge may take.
    """

    forges: Mapping[str, Forge]
    known: KnownWorkspaces
    store: Runs
    matcher: Matcher
    patience: float = 1.5

    async def check(self, form: FormSent) -> Mapping[str, str]:
        """Look into a form; nothing is wrong as far as is known when the answer is empty."""
        match form.form:
            case Form.START:
                return await self._start(form)
            case Form.CONFIRM:
                return await self._confirm(form)
            case _:
                return {}

    async def _start(self, form: FormSent) -> Mapping[str, str]:
        branch = form.values.get(Control.BRANCH, "").strip()
        chosen = form.values.get(Control.WORKSPACE, "")
        workspace = next((one for one in self.known.workspaces() if str(one.ref) == chosen), None)
        if not branch or workspace is None:
            return {}
        try:
            async with asyncio.timeout(self.patience):
                return await self._branch(branch, workspace)
        except (RemoteError, TimeoutError):
            return {}

    async def _branch(self, name: str, workspace: Workspace) -> Mapping[str, str]:
        found = await repository_of(workspace.source, self.forges, self.matcher)
        if found is None:
            return {}
        forge, repository = found
        if await forge.branch(repository.ref, name) is not None:
            return {}
        return {Control.BRANCH: f"There is no branch of this name in {repository.ref.slug}."}

    async def _confirm(self, form: FormSent) -> Mapping[str, str]:
        button = RunButton.parse(FormPlace.parse(form.metadata).button)
        run = await self.store.run(button.run_id) if button else None
        if run is None:
            return {}  # whoever carries it out says so
        workspace = run.request.workspace
        if is_name_of(form.values.get(Control.NAME, ""), workspace):
            return {}
        return {Control.NAME: f"Type the workspace's name as it is: {workspace.name}"}
