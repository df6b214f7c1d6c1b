"""What Terrakube refuses, and what is said about it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.http import Retries
from bridge.terrakube import JobChange, TerrakubeServer, connect
from tests.bridge.terrakube.nouns import (
    A_JOB,
    ACME,
    CREATE,
    JOBS,
    delete_line,
    patch_line,
    read_line,
)
from tests.bridge.terrakube.refusal_cases import REFUSALS, UNREADABLE, Refusal
from tests.bridge.terrakube.replay import TOKEN, Replay

Call = Callable[[TerrakubeServer], Awaitable[object]]

LINES = {
    "create": CREATE,
    "read": read_line("1"),
    "search": JOBS,
    "update": patch_line("17"),
    "approve": patch_line("659"),
    "cancel": patch_line("17"),
    "delete": delete_line("1"),
    "context": "GET /context/v1/1",
    "log": f"GET /tfoutput/v1/organization/{ACME.id}/job/1/step/s1",
}
CALLS: dict[str, Call] = {
    "create": lambda server: server.create_job(A_JOB),
    "read": lambda server: server.job(ACME.id, "1"),
    "search": lambda server: server.search_jobs(ACME.id),
    "update": lambda server: server.update_job(ACME.id, "17", JobChange(comments="x")),
    "approve": lambda server: server.approve_job(ACME.id, "659"),
    "cancel": lambda server: server.cancel_job(ACME.id, "17"),
    "delete": lambda server: server.delete_job(ACME.id, "1"),
    "context": lambda server: server.context("1"),
    "log": lambda server: server.step_log(ACME.id, "1", "s1"),
}
EACH = [(refusal, name) for refusal in REFUSALS for name in refusal.recordings]


@pytest.mark.parametrize(("refusal", "name"), EACH, ids=[name for _, name in EACH])
async def test_every_recorded_refusal_says_what_was_asked_and_what_to_do(
    refusal: Refusal, name: str, replay: Replay, server: TerrakubeServer
) -> None:
    # An open job that is old enough to be cancelled at once.
    replay.on(read_line("17"), "states/approved_after_cancelled")
    replay.on(read_line("659"), "states/waitingApproval_by_team")
    replay.on(LINES[refusal.operation], name)
    with pytest.raises(RemoteError) as caught:
        await CALLS[refusal.operation](server)
    error = caught.value
    said = f"{LINES[refusal.operation]}: answered {refusal.status}: {refusal.text}"
    assert (type(error), str(error), error.status, error.service) == (
        refusal.error,
        said,
        refusal.status,
        "terrakube",
    )


async def test_a_500_is_no_longer_the_token_s_fault_once_a_call_succeeded(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on(read_line("1"), "get/job_plain", "errors/get_garbage_token")
    await server.job(ACME.id, "1")
    with pytest.raises(TemporaryRemoteError, match=r"answered 500: Internal Server Error$"):
        await server.job(ACME.id, "1")


async def test_a_refused_creation_is_sent_once(replay: Replay, server: TerrakubeServer) -> None:
    replay.on(CREATE, "create/workspace_endpoint_no_relationship")
    with pytest.raises(TemporaryRemoteError):
        await server.create_job(A_JOB)
    assert [asked.line for asked in replay.asked] == [CREATE]


class Odd:
    """Something that is not Terrakube."""

    def __init__(self) -> None:
        self.reply = web.Response()
        self.url = ""
        self.count = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.count += 1
        if self.reply.status == 599:
            assert request.transport
            request.transport.close()
        return self.reply


@pytest.fixture
async def odd() -> AsyncIterator[Odd]:
    """A server that answers as it is told."""
    odd = Odd()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", odd.answer)
    async with TestServer(app) as running:
        odd.url = str(running.make_url("")).rstrip("/")
        yield odd


@pytest.fixture
async def lost(odd: Odd) -> AsyncIterator[TerrakubeServer]:
    """A client of that server."""
    client = connect(url=odd.url, token=TOKEN, organizations=[], retries=Retries(attempts=1))
    yield client
    await client.aclose()


def page(status: int = 200) -> web.Response:
    text = "<html><title>Sign in</title></html>"
    return web.Response(text=text, content_type="text/html", status=status)


NO_API = "answered something Terrakube does not say"
ODDITIES: list[tuple[web.Response, type[RemoteError], str]] = [
    (page(), TemporaryRemoteError, "a web page instead of JSON: is the address"),
    (page(404), TemporaryRemoteError, "404: is this the address of Terrakube's"),
    (web.Response(status=404, text="404 page not found"), TemporaryRemoteError, "404: is this"),
    (web.json_response({"error": "Not Found"}, status=404), NotFoundError, "404: Not Found: is"),
    (page(403), NotAllowedError, "403: not allowed: none of the token's"),
    (page(502), TemporaryRemoteError, "answered 502: Sign in"),
    (web.json_response([1]), PermanentRemoteError, NO_API),
    (web.json_response({}), PermanentRemoteError, f"{NO_API} .0 resources instead of one"),
    (web.json_response({"data": {"id": {}}}), PermanentRemoteError, NO_API),
    (web.json_response({"errors": ["x"]}, status=400), PermanentRemoteError, "answered 400: {"),
    (web.json_response("no", status=400), PermanentRemoteError, 'answered 400: "no"'),
    (web.Response(text="{" * 99, status=400), PermanentRemoteError, "answered 400: {{{"),
    (web.Response(status=401), NotAllowedError, "the token did not arrive"),
    (web.Response(status=204), TemporaryRemoteError, "with something that is not JSON"),
    (web.Response(status=302, headers={"Location": "https://sso.example.com"}),
     PermanentRemoteError, "redirected to https://sso.example.com"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "error", "said"), ODDITIES, ids=lambda one: str(one)[:40])
async def test_what_is_not_terrakube_is_named(
    reply: web.Response, error: type[RemoteError], said: str, odd: Odd, lost: TerrakubeServer
) -> None:
    odd.reply = reply
    with pytest.raises(RemoteError) as caught:
        await lost.job(ACME.id, "1")
    assert type(caught.value) is error
    assert said.replace(" .", " (") in str(caught.value)
    assert read_line("1") in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        page(),
        web.Response(status=201),
        web.json_response({"data": []}, status=201),
        web.json_response({"data": {"type": "job"}}, status=201),
        web.json_response({}, status=429, headers={"Retry-After": "1"}),
        web.Response(status=408),
        web.Response(status=409),
        web.Response(status=423),
        web.Response(status=500),
        web.Response(status=503),
        web.Response(status=504),
        web.Response(status=599),
    ],
    ids=lambda reply: str(reply.status),
)
async def test_a_job_may_exist_after_every_answer_that_is_no_refusal(
    reply: web.Response, odd: Odd, lost: TerrakubeServer
) -> None:
    """599 stands for a connection that breaks after the request was sent."""
    odd.reply = reply
    with pytest.raises(TemporaryRemoteError):
        await lost.create_job(A_JOB)
    assert odd.count == 1


async def test_a_page_in_front_deletes_nothing(odd: Odd, lost: TerrakubeServer) -> None:
    odd.reply = page()
    with pytest.raises(PermanentRemoteError) as caught:
        await lost.delete_job(ACME.id, "1")
    assert str(caught.value) == f"{delete_line('1')}: answered 200: Sign in"


async def test_a_limit_of_a_proxy_holds_for_the_whole_token(
    odd: Odd, lost: TerrakubeServer
) -> None:
    odd.reply = web.Response(status=429, headers={"Retry-After": "7"})
    with pytest.raises(TemporaryRemoteError) as caught:
        await lost.jobs(ACME.id, ["1"])
    assert (caught.value.account_wide, caught.value.retry_after) == (True, 7.0)


async def test_a_server_that_is_not_there_is_named() -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    client = connect(url=url, token=TOKEN, organizations=[], retries=Retries(attempts=1))
    with pytest.raises(TemporaryRemoteError, match=f"{JOBS}: no connection to {url}"):
        await client.jobs(ACME.id, ["1"])
    with pytest.raises(TemporaryRemoteError):
        await client.create_job(A_JOB)
    await client.aclose()


async def test_neither_the_token_nor_a_known_secret_is_in_an_error_text(odd: Odd) -> None:
    def redact(text: str) -> str:
        return text.replace("hunter22", "***")

    client = connect(
        url=odd.url,
        token=f" {TOKEN}\n",
        organizations=[],
        redact=redact,
        retries=Retries(attempts=1),
    )
    odd.reply = web.json_response({"error": f"{TOKEN} and hunter22"}, status=400)
    with pytest.raises(PermanentRemoteError) as caught:
        await client.job(ACME.id, "1")
    assert str(caught.value) == f"{read_line('1')}: answered 400: *** and ***"
    await client.aclose()


async def test_an_unreadable_token_is_what_the_first_question_finds(
    replay: Replay, server: TerrakubeServer
) -> None:
    replay.on("GET /api/v1/organization", "errors/get_garbage_token")
    with pytest.raises(TemporaryRemoteError) as caught:
        await server.organizations()
    assert str(caught.value).endswith(UNREADABLE)
