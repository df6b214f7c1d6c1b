"""``doctor``: everything around the bridge, looked at once, from the settings on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from bridge.chat.manifest import DOOR, SCOPES
from bridge.chat.socket import ask_for_address
from bridge.decisions.examining import servers, slack
from bridge.decisions.examining.forges import wants_of
from bridge.decisions.examining.hooks import Door
from bridge.decisions.examining.workspaces import Home, places_of
from bridge.decisions.repositories import Matcher
from bridge.domain.access import SLACK
from bridge.domain.errors import RemoteError
from bridge.domain.examining import Finding
from bridge.domain.redaction import Redactor
from bridge.domain.terrakube import Workspace
from bridge.ports import Clock
from bridge.services.examining.checks import Check, run_checks
from bridge.services.examining.forges import ForgeExam, Sources
from bridge.services.examining.holdings import Holdings
from bridge.services.examining.slack import SlackExam
from bridge.services.examining.terrakube import TerrakubeExam
from bridge.settings import Settings
from bridge.store.database import SystemClock
from bridge.wiring.outside import Outside, open_outside
from bridge.wiring.surroundings import Surroundings

PATIENCE: Final = 10.0
"""Seconds a check may take."""


async def examine(
    settings: Settings, *, patience: float = PATIENCE, clock: Clock | None = None
) -> list[Finding]:
    """Look at everything the bridge works with, at once; changes nothing.

    Args:
        settings: As checked.
        patience: Seconds a check may take.
        clock: Says the time; None for that of this machine.

    Raises:
        SettingsError: A client cannot be made, as an App's private key is none.
    """
    redactor = Redactor(settings.secrets())
    key = settings.secret_key.get_secret_value().encode() if settings.secret_key else None
    async with open_outside(settings, key=key, redactor=redactor) as outside:
        exam = _Exam(settings=settings, outside=outside, patience=patience, clock=clock)
        findings = await run_checks(exam.checks())
    return [_redacted(one, redactor.redact) for one in findings]


def _redacted(finding: Finding, redact: Callable[[str], str]) -> Finding:
    return replace(finding, detail=redact(finding.detail), advice=redact(finding.advice))


async def _shut() -> Sequence[Finding]:
    return [slack.judge_shut_door()]


class _Exam:
    """The settings beside everything they name."""

    def __init__(
        self, *, settings: Settings, outside: Outside, patience: float, clock: Clock | None
    ) -> None:
        self._settings = settings
        self._outside = outside
        self._patience = patience
        self._clock = clock or SystemClock()
        self._policy = settings.policy()
        self._matcher = Matcher(ssh_hosts=self._policy.ssh_hosts)
        self._homes = [
            Home(forge=name, url=checked.options.url.rstrip("/"))
            for name, checked in settings.forges.items()
        ]
        self._holdings = Holdings(outside.server, patience)
        self._surroundings = Surroundings(settings=settings, patience=patience)

    def checks(self) -> list[Check]:
        """List every check, in the order of the table."""
        checks = self._terrakube().checks(self._patience)
        for name in self._outside.forges:
            checks += self._forge(name).checks(self._patience)
        return checks + self._slack() + self._surroundings.checks()

    def _slack(self) -> list[Check]:
        section, clients = self._settings.slack, self._outside.slack
        if section is None:
            return []
        if clients is None:
            return [Check(area=SLACK, what="door", look=_shut, patience=self._patience)]
        caller, secret = clients.app_caller, section.signing_secret
        exam = SlackExam(
            people=clients.client,
            purposes=SCOPES,
            groups=slack.groups_of(self._policy),
            ruled=self._policy.access is not None,
            channel=section.default_channel,
            signing_secret=None if caller or secret is None else secret.get_secret_value(),
            connect=partial(ask_for_address, caller) if caller else None,
            door="" if caller else self._settings.public_url.rstrip("/") + DOOR,
            look=partial(self._surroundings.look, DOOR),
        )
        return exam.checks(self._patience)

    def _terrakube(self) -> TerrakubeExam:
        terrakube = self._settings.terrakube
        return TerrakubeExam(
            url=terrakube.url,
            server=self._outside.server,
            holdings=self._holdings,
            policy=self._policy,
            homes=self._homes,
            matcher=self._matcher,
            judge_token=self._judge_token,
            wants_hints=terrakube.webhook_secret is not None,
        )

    def _forge(self, name: str) -> ForgeExam:
        checked = self._settings.forges[name]
        return ForgeExam(
            forge=self._outside.forges[name],
            door=Door(
                forge=name,
                public_url=self._settings.public_url,
                has_secret=bool(checked.hook_secrets.own),
            ),
            matcher=self._matcher,
            clock=self._clock,
            repositories=partial(self._repositories, name),
            wants=wants_of(self._policy, name),
        )

    def _judge_token(self) -> Finding:
        facts = self._outside.server.token_facts()
        if facts is None:
            return servers.judge_unread_token()
        return servers.judge_token(
            kind=facts.kind.value,
            owner=facts.owner,
            expires_at=facts.expires_at,
            groups=facts.groups,
            now=self._clock.now(),
        )

    async def _repositories(self, forge: str) -> Sources:
        """Gather what matters on a forge: workspaces' repositories, then those heard of."""
        workspaces, stored = await asyncio.gather(
            self._workspaces(), self._surroundings.known_repositories(forge)
        )
        places = places_of(workspaces, self._homes, self._matcher)
        found: dict[str, tuple[str, ...]] = {
            place.slug: tuple(dict.fromkeys(one.source for one in those))
            for place, those in places.items()
            if place.forge == forge
        }
        return found | {slug: () for slug in stored if slug not in found}

    async def _workspaces(self) -> Sequence[Workspace]:
        try:
            return await self._holdings.workspaces()
        except (TimeoutError, RemoteError):  # lines of their own say so
            return ()
