"""Gitea and Forgejo: one driver, whose few differences are options."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from pydantic import SecretStr, model_validator

from bridge.forges.gitea.api import refine
from bridge.forges.gitea.deliveries import DRAFT_PREFIXES, kind_of
from bridge.forges.gitea.forge import GiteaForge
from bridge.forges.gitea.receiving import DeliveryReader, Receiver, headers_of
from bridge.forges.signatures import ForgeOptions, HookSecrets, secret_of
from bridge.http import Exchange, HttpClient

__all__ = ["DeliveryReader", "GiteaForge", "GiteaOptions", "build", "headers_of", "kind_of"]


class GiteaOptions(ForgeOptions):
    """An instance of Gitea or Forgejo.

    Attributes:
        token: With the scopes ``write:issue``, ``write:repository``, ``read:user`` and, where
            organizations own repositories, ``read:organization``.
        draft_prefixes: The instance's WORK_IN_PROGRESS_PREFIXES.
    """

    token: SecretStr | None = None
    token_file: Path | None = None
    draft_prefixes: tuple[str, ...] = DRAFT_PREFIXES

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        if not self.token_text():
            msg = "a token (or token_file) is needed"
            raise ValueError(msg)
        if not all(self.draft_prefixes):
            msg = "an empty draft prefix would make every pull request a draft"
            raise ValueError(msg)
        return self

    def token_text(self) -> str | None:
        """Return the token."""
        return secret_of("token", self.token, self.token_file)

    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown."""
        own = [text for text in (self.token_text(),) if text]
        return (*own, *super().secrets())

    def base_url(self) -> str:
        """Return where the API lives."""
        return self.api_url or f"{self.url.rstrip('/')}/api/v1"


def build(
    name: str,
    options: GiteaOptions,
    secrets: HookSecrets,
    *,
    redact: Callable[[str], str],
    learned: Callable[[str], None],
    observe: Callable[[Exchange], None] | None,
) -> GiteaForge:
    """Make the driver of one configured instance."""
    header = f"token {options.token_text()}"

    async def authorization() -> str:
        return header

    http = HttpClient(
        service=name,
        base_url=options.base_url(),
        authorization=authorization,
        refine=refine,
        redact=redact,
        # A renamed repository answers 307, to writes, too.
        follow_write_redirects=True,
        ca_file=options.ca_file,
        observe=observe,
    )
    reader = DeliveryReader(forge=name, draft_prefixes=options.draft_prefixes)
    return GiteaForge(
        name=name,
        driver=options.driver,
        receiver=Receiver(secrets=secrets, reader=reader),
        http=http,
        web_url=options.url.rstrip("/"),
    )
