"""Drivers for code forges: wire payloads in, forge-neutral values out.

Settings name a driver; the driver validates its own section. A forge is added as a package here
and a line in DRIVERS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import SettingsError
from bridge.domain.events import Event
from bridge.forges import gitea, github
from bridge.forges.signatures import ForgeOptions, HookSecrets
from bridge.http import Exchange
from bridge.ports import ExaminedForge, Ignored


class OptionsError(SettingsError, ValueError):
    """A forge's section of the settings is wrong.

    Attributes:
        key: Which option, as written in the section; empty when it is about several.
    """

    def __init__(self, message: str, *, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class OpenForge(ExaminedForge, Protocol):
    """A forge with connections to close."""

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class DeliveryReader(Protocol):
    """Reads deliveries without checking who sent them: for ``explain``."""

    def read_delivery(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        """Read a delivery as Forge.accept_delivery does, but trust it.

        Raises:
            PayloadError: The headers or the body are not what the forge sends.
        """
        ...

    def parse_delivery(self, delivery: Delivery) -> Event | Ignored:
        """See Forge.parse_delivery."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """How to talk to one kind of forge.

    Attributes:
        options: Model of its section of the settings.
        build: Makes the driver of a configured instance.
        reader: Makes a reader for an instance of that name.
        kind_of: Tells from a JSON body which event it was sent as; None when none fits.
        headers_of: Makes the headers a delivery of an event has.
    """

    options: type[ForgeOptions]
    build: Callable[..., OpenForge]
    reader: Callable[[str], DeliveryReader]
    kind_of: Callable[[bytes], str | None]
    headers_of: Callable[[str], dict[str, str]]


def _read_github(name: str) -> DeliveryReader:
    return github.DeliveryReader(forge=name)


def _read_gitea(name: str) -> DeliveryReader:
    return gitea.DeliveryReader(forge=name)


_GITEA = Driver(
    options=gitea.GiteaOptions,
    build=gitea.build,
    reader=_read_gitea,
    kind_of=gitea.kind_of,
    headers_of=gitea.headers_of,
)

DRIVERS: Mapping[str, Driver] = {
    "forgejo": _GITEA,
    "gitea": _GITEA,
    "github": Driver(
        options=github.GitHubOptions,
        build=github.build,
        reader=_read_github,
        kind_of=github.kind_of,
        headers_of=github.headers_of,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedForge:
    """A forge's section of the settings that will do.

    Attributes:
        secrets: Everything in it that must not be shown.
    """

    name: str
    driver: Driver
    options: ForgeOptions
    hook_secrets: HookSecrets
    secrets: tuple[str, ...] = field(repr=False)

    def build(
        self,
        *,
        redact: Callable[[str], str] = str,
        learned: Callable[[str], None] = lambda _: None,
        observe: Callable[[Exchange], None] | None = None,
    ) -> OpenForge:
        """Make the forge; close it with ``aclose``.

        Args:
            redact: Applied to every error text.
            learned: Told about every token that is minted, so that it can be redacted.
            observe: Told about every attempt of a request.

        Raises:
            OptionsError: A key cannot be used.
        """
        try:
            return self.driver.build(
                self.name,
                self.options,
                self.hook_secrets,
                redact=redact,
                learned=learned,
                observe=observe,
            )
        except ValueError as error:
            msg = f"forge {self.name!r}: {error}"
            raise OptionsError(msg) from error


def check(name: str, options: Mapping[str, Any], *, hook_key: bytes | None) -> CheckedForge:
    """Check a forge's section of the settings; opens no connection.

    Args:
        name: Of the instance; also its driver's unless *options* name one.
        options: The section as read, secrets as text or SecretStr.
        hook_key: ``BRIDGE_SECRET_KEY``, from which hooks the bridge installs get their secrets.

    Raises:
        OptionsError: An option is wrong, missing or unknown, or deliveries could not be verified.
    """
    driver_name = str(options.get("driver", name))
    driver = DRIVERS.get(driver_name)
    if driver is None:
        msg = f"forge {name!r}: there is no driver {driver_name!r}: use {', '.join(DRIVERS)}"
        raise OptionsError(msg, key="driver")
    try:
        checked = driver.options.model_validate({**options, "driver": driver_name})
        secrets = HookSecrets(forge=name, own=checked.hook_secrets(), key=hook_key)
    except ValidationError as error:
        raise _explained(name, error) from error
    except ValueError as error:
        raise OptionsError(str(error), key="webhook_secret") from error
    return CheckedForge(
        name=name,
        driver=driver,
        options=checked,
        hook_secrets=secrets,
        secrets=checked.secrets(),
    )


def build(
    name: str,
    options: Mapping[str, Any],
    *,
    hook_key: bytes | None,
    redact: Callable[[str], str] = str,
    learned: Callable[[str], None] = lambda _: None,
    observe: Callable[[Exchange], None] | None = None,
) -> OpenForge:
    """Check a section and make its forge; see check and CheckedForge.build."""
    checked = check(name, options, hook_key=hook_key)
    return checked.build(redact=redact, learned=learned, observe=observe)


def _explained(name: str, error: ValidationError) -> OptionsError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    said = {"extra_forbidden": "there is no such option", "missing": "is missing"}
    what = said.get(first["type"], first["msg"].removeprefix("Value error, "))
    return OptionsError(f"forge {name!r}: {f'{key}: ' if key else ''}{what}", key=key)
