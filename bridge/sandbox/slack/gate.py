"""The way of a call: who asks, how often, with what, may they; do it, and remember."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from bridge.sandbox.slack.arguments import Arguments, read_arguments
from bridge.sandbox.slack.calls import Call, Method
from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.faults import Fault, Faults
from bridge.sandbox.slack.limits import Counters
from bridge.sandbox.slack.methods import METHODS
from bridge.sandbox.slack.refusals import No, Refusal
from bridge.sandbox.slack.world import World

TOO_MANY = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One call, or one use of a response_url (method ``response_url``), and its answer.

    Attributes:
        arguments: From query, form and JSON.
        status: 0 when nothing was answered.
        error: Slack's name of it; empty when the call went well.
        retry_after: Seconds to wait, of a 429; 0 otherwise.
        at: Seconds since 1970 by the stand-in's clock.
    """

    method: str
    arguments: Mapping[str, object]
    status: int
    error: str
    answer: Json = field(repr=False)
    retry_after: int
    at: float


@dataclass(slots=True, kw_only=True, eq=False)
class Gate:
    """Serves the Web API.

    Attributes:
        granted: The scopes of the bot's token.
        requests: Every call, in the order they were answered.
        surprises: What no careful client would send, in order.
    """

    world: World
    faults: Faults
    bot_token: str
    app_token: str
    granted: frozenset[str]
    requests: list[Record] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)

    async def serve(self, request: web.Request, name: str) -> web.Response:
        """Answer one call."""
        record = await self.attend(request, name, partial(self._serve, request, name))
        headers = {"X-OAuth-Scopes": ",".join(sorted(self.granted))}
        if record.status == TOO_MANY:
            headers["Retry-After"] = str(record.retry_after)
        if not record.answer:
            return broken_page(record)
        return web.json_response(record.answer, status=record.status, headers=headers)

    async def attend(
        self, request: web.Request, name: str, do: Callable[[Arguments], Json]
    ) -> Record:
        """Do what a request wants unless trouble was ordered, and remember it.

        Without an answer in the record nothing but a web page is to be answered.
        """
        at, arguments, fault = self.world.now(), Arguments({}), None
        try:
            arguments = await read_arguments(request)
            fault = self.faults.of_call(name)
            answer = do(arguments) if fault is None or fault.after else {}
            status, retry_after = 200, 0
        except Refusal as refusal:
            if refusal.surprise:
                self.surprises.append(f"{name}: {refusal}")
            fault, status, retry_after = None, int(refusal.status), refusal.retry_after or 0
            answer = {"ok": False, "error": str(refusal.error), **refusal.more}
        if fault is not None:
            answer, status, retry_after = self._broken(name, fault), fault.status, fault.retry_after
        record = Record(
            method=name,
            arguments=arguments.values,
            status=status,
            error=str(answer.get("error", "")),
            answer=answer,
            retry_after=retry_after,
            at=at,
        )
        self.requests.append(record)
        if fault is not None and fault.hang:
            await asyncio.sleep(fault.hang)
        if not status and request.transport is not None:
            request.transport.abort()
        return record

    def _serve(self, request: web.Request, name: str, arguments: Arguments) -> Json:
        method = METHODS.get(name)
        if method is None:
            raise Refusal(No.UNKNOWN_METHOD, more={"req_method": name}, surprise=True)
        self._authenticate(request, method)
        rate = getattr(self.world.limits, method.tier)
        wait = self.counters.take(name, rate, self.world.now())
        if wait is not None:
            raise Refusal(No.RATELIMITED, retry_after=wait)
        call = Call(
            world=self.world,
            arguments=arguments,
            scopes=frozenset({"connections:write"}) if method.app else self.granted,
            counters=self.counters,
        )
        if method.scope:
            call.need(method.scope)
        arguments.check(method.needed, method.more)
        return {"ok": True, **method.handler(call)}

    def _authenticate(self, request: web.Request, method: Method) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(No.NOT_AUTHED, surprise=True)
        if token not in {self.bot_token, self.app_token}:
            raise Refusal(No.INVALID_AUTH)
        if (token == self.app_token) is not method.app:
            raise Refusal(No.NOT_ALLOWED_TOKEN_TYPE)

    def _broken(self, name: str, fault: Fault) -> Json:
        if fault.status == TOO_MANY:
            self.counters.pause(name, self.world.now() + fault.retry_after)
            return {"ok": False, "error": str(No.RATELIMITED)}
        return {"ok": False, "error": fault.error} if fault.error else {}


def broken_page(record: Record) -> web.Response:
    """Answer as a server that has broken."""
    return web.Response(status=record.status or 500, text="<h1>Server Error</h1>")
