"""The bridge's own comments are found under what others wrote, however much that is."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import pytest

from bridge.domain.errors import TooLargeError
from bridge.forges.gitea import GiteaForge
from bridge.forges.gitea.searching import MOST_PIECES, PIECE, comments_since
from bridge.http import HttpClient
from tests.bridge.forges.talking import Talk

MIB = 1024 * 1024
CHUNK: Final = 64 * 1024
NOW = datetime.now(UTC).replace(microsecond=0)
OPENED = NOW - timedelta(hours=5)
PATH = "/repos/acme/infra/issues/12/comments"
OWN, OTHER = {"login": "bridge", "id": 99}, {"login": "mallory", "id": 8}


@dataclass(frozen=True, slots=True)
class Written:
    """One comment, told as long as somebody listens: nobody holds the megabytes of all."""

    number: int
    author: object
    size: int

    def told(self) -> Iterator[bytes]:
        yield f'{{"id": {self.number}, "user": {json.dumps(self.author)}, "body": "'.encode()
        for at in range(0, self.size, CHUNK):
            yield b"x" * min(CHUNK, self.size - at)
        yield b'"}'


@dataclass(slots=True)
class Wall:
    """Comments of a pull request, told by time as Gitea and Forgejo tell them."""

    comments: list[tuple[datetime, Written]] = field(default_factory=list)
    asked: list[httpx.QueryParams] = field(default_factory=list)

    def write(self, at: datetime, author: object, *, size: int = 1) -> None:
        self.comments.append((at, Written(len(self.comments) + 1, author, size)))

    def answer(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        self.asked.append(query)
        since = datetime.fromisoformat(query.get("since", "2000-01-01T00:00:00Z"))
        before = datetime.fromisoformat(query.get("before", "2100-01-01T00:00:00Z"))
        shown = [comment for at, comment in self.comments if since <= at <= before]
        return httpx.Response(200, content=_listed(shown))

    def client(self) -> HttpClient:
        return HttpClient(
            service="code",
            base_url="https://code.example.com",
            transport=httpx.MockTransport(self.answer),
            max_body=3 * PIECE,
        )


async def _listed(comments: Sequence[Written]) -> AsyncIterator[bytes]:
    for number, comment in enumerate(comments):
        yield b"," if number else b"["
        for chunk in comment.told():
            yield chunk
    yield b"]" if comments else b"null"


@pytest.fixture
def wall() -> Wall:
    """Three comments that are too large together, and one of the bridge's a second later."""
    wall = Wall()
    for minutes in (0, 70, 140):
        wall.write(OPENED + timedelta(minutes=minutes), OTHER, size=PIECE + MIB)
    wall.write(OPENED + timedelta(minutes=70, seconds=1), OWN)
    return wall


@pytest.fixture
async def http(wall: Wall) -> AsyncIterator[HttpClient]:
    async with wall.client() as http:
        yield http


async def ids(http: HttpClient) -> Sequence[int]:
    return sorted(one.id for one in await comments_since(http, PATH, OPENED))


async def test_what_is_too_large_together_is_read_in_pieces(wall: Wall, http: HttpClient) -> None:
    with pytest.raises(TooLargeError, match="the answer is larger than"):
        await http.request("GET", PATH)
    assert await ids(http) == [1, 2, 3, 4]
    assert len(wall.asked) <= 100


async def test_what_is_older_is_left_out(wall: Wall, http: HttpClient) -> None:
    wall.comments[0] = (OPENED - timedelta(hours=2), wall.comments[0][1])
    assert await ids(http) == [2, 3, 4]


async def test_a_second_that_is_too_large_hides_what_it_holds(wall: Wall, http: HttpClient) -> None:
    for _ in range(3):
        wall.write(OPENED, OTHER, size=PIECE)
    with pytest.raises(TooLargeError):
        await ids(http)


async def test_the_search_ends(wall: Wall, http: HttpClient) -> None:
    for hours in range(40):
        wall.write(OPENED + timedelta(minutes=7 * hours), OTHER, size=PIECE)
    with pytest.raises(TooLargeError, match=f"more than {MOST_PIECES} pieces"):
        await ids(http)
    assert len(wall.asked) == MOST_PIECES


async def test_own_comments_are_told_from_the_others(gitea: Talk, wall: Wall) -> None:
    gitea.script.on("GET /user", OWN)
    await gitea.forge.whoami()
    await gitea.forge.repository("acme/infra")
    assert isinstance(gitea.forge, GiteaForge)
    await gitea.forge.aclose()
    gitea.forge.http = wall.client()
    assert [one.id for one in await gitea.forge.own_comments(gitea.flavour.ref, OPENED)] == ["4"]
    with pytest.raises(TooLargeError):
        await gitea.forge.own_comments(gitea.flavour.ref)
