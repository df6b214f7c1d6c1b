"""Terrakube's JSON:API, every operation on jobs; the server as observed, not as documented."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import Self

from bridge.domain.examining import Health
from bridge.http import HttpClient
from bridge.terrakube.changing import JobWriter
from bridge.terrakube.health import ask_health
from bridge.terrakube.refusals import Refusals
from bridge.terrakube.tokens import TokenFacts


class TerrakubeServer(JobWriter):
    """See JobServer; safe for concurrent use. Closes its connections as a context manager.

    Args:
        http: Adapter for the API's base URL; its *refine* is that of *refusals*.
        organizations: Names that are served, in this order; none: all the token may see.
        ui_url: Base of the user interface; empty: links go through the API's redirect.
        token_facts: What the token says about itself; None when it is no JWT.
        clock: Monotonic seconds; *sleep* waits for them.
    """

    def __init__(
        self,
        http: HttpClient,
        refusals: Refusals,
        *,
        organizations: Sequence[str] = (),
        ui_url: str = "",
        token_facts: TokenFacts | None = None,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        super().__init__(
            http,
            refusals,
            organizations=organizations,
            ui_url=ui_url,
            creator=token_facts.owner if token_facts else "",
            clock=clock,
            sleep=sleep,
        )
        self._token_facts = token_facts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def health(self) -> Health:
        """See ExaminedServer.health."""
        return await ask_health(self._http)

    def token_facts(self) -> TokenFacts | None:
        """Say what the token claims about itself, without asking; None when it is no JWT."""
        return self._token_facts
