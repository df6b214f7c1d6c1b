"""GitHub, as an App or with a token; github.com and Enterprise Server."""

from collections.abc import Callable
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from bridge.forges.github.api import (
    HEADERS,
    AppCredentials,
    Credentials,
    GitHubApi,
    TokenCredentials,
    refine,
)
from bridge.forges.github.deliveries import kind_of
from bridge.forges.github.forge import GitHubForge
from bridge.forges.github.receiving import DeliveryReader, Receiver, headers_of
from bridge.forges.signatures import ForgeOptions, HookSecrets, secret_of
from bridge.http import Exchange, HttpClient

__all__ = ["DeliveryReader", "GitHubForge", "GitHubOptions", "build", "headers_of", "kind_of"]

_DOT_COM = "github.com"


class GitHubOptions(ForgeOptions):
    r"""A GitHub instance: an App (*app_id* and its key) or a *token*.

    Attributes:
        url: ``https://github.com``, ``https://NAME.ghe.com`` or an Enterprise Server.
        app_id: The App's id or client id.
        private_key: PEM; newlines may be written as ``\n``, as environments need it.
    """

    url: str = "https://github.com"
    token: SecretStr | None = None
    token_file: Path | None = None
    app_id: str | None = None
    private_key: SecretStr | None = None
    private_key_file: Path | None = None

    @field_validator("app_id", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        token, key = self.token_text(), self.key_text()
        if (token is None) == (key is None):
            msg = "give either token, or app_id and private_key (or private_key_file)"
            raise ValueError(msg)
        if (key is None) != (self.app_id is None):
            msg = "app_id and private_key (or private_key_file) belong together"
            raise ValueError(msg)
        return self

    def token_text(self) -> str | None:
        """Return the token; None for an App."""
        return secret_of("token", self.token, self.token_file)

    def key_text(self) -> str | None:
        """Return the App's private key; None without one."""
        key = secret_of("private_key", self.private_key, self.private_key_file)
        return key and key.replace("\\n", "\n")

    def secrets(self) -> tuple[str, ...]:
        """Return everything that must not be shown."""
        own = [text for text in (self.token_text(), self.key_text()) if text]
        return (*own, *super().secrets())

    def base_url(self) -> str:
        """Return where the API lives (docs.github.com, "Getting started with the REST API")."""
        if self.api_url is not None:
            return self.api_url
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if self.is_dot_com():
            return "https://api.github.com"
        if host.endswith(".ghe.com"):
            return f"https://api.{host}"
        return f"{self.url.rstrip('/')}/api/v3"

    def graphql_url(self) -> str:
        """Return what ``/graphql`` lies below: beside ``v3`` on an Enterprise Server."""
        return self.base_url().rstrip("/").removesuffix("/v3")

    def is_dot_com(self) -> bool:
        """Tell github.com from everything else."""
        return urlsplit(self.url).hostname in {_DOT_COM, f"www.{_DOT_COM}", f"api.{_DOT_COM}"}


def build(
    name: str,
    options: GitHubOptions,
    secrets: HookSecrets,
    *,
    redact: Callable[[str], str],
    learned: Callable[[str], None],
    observe: Callable[[Exchange], None] | None,
) -> GitHubForge:
    """Make the driver of one configured instance.

    Raises:
        ValueError: The App's private key is none.
    """

    def client(base_url: str) -> HttpClient:
        return HttpClient(
            service=name,
            base_url=base_url,
            headers=HEADERS,
            refine=refine,
            redact=redact,
            # A renamed repository answers 307 to writes.
            follow_write_redirects=True,
            ca_file=options.ca_file,
            observe=observe,
        )

    http = client(options.base_url())
    own_place = options.graphql_url() != options.base_url().rstrip("/")
    graphql = client(options.graphql_url()) if own_place else http
    token, key = options.token_text(), options.key_text()
    credentials: Credentials
    if key is not None:
        credentials = AppCredentials(
            http, app_id=options.app_id or "", private_key=key, learned=learned
        )
    else:
        credentials = TokenCredentials(header=f"Bearer {token}")
    reader = DeliveryReader(forge=name, enterprise=False if options.is_dot_com() else None)
    return GitHubForge(
        name=name,
        receiver=Receiver(secrets=secrets, reader=reader),
        api=GitHubApi(http, credentials, graphql=graphql),
        is_app=key is not None,
    )
