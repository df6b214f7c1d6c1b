"""Smart HTTP: git's own ``http-backend`` behind aiohttp.

Clone, fetch and push are git's; the stand-in only says who may, and looks at the refs before and
after a push.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from bridge.sandbox.forge.git import environment

SERVICES = {"git-upload-pack": False, "git-receive-pack": True}
"""What can be asked for, and whether it writes."""


async def serve_git(
    request: web.Request, *, root: Path, repository: Path, rest: str, user: str | None
) -> web.Response:
    """Answer one request of a git client.

    Args:
        request: Its body may be large: it is read as a whole.
        root: Folder that holds all repositories.
        repository: The bare repository below *root*.
        rest: What follows the repository in the path, such as ``info/refs``.
        user: Who logged in; None may only read.
    """
    body = await request.read()
    variables = {
        **environment(),
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.relative_to(root)}/{rest}",
        "QUERY_STRING": request.query_string,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        # aiohttp has undone any Content-Encoding: the length is that of the plain body.
        "CONTENT_LENGTH": str(len(body)),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
    }
    if user:
        variables["REMOTE_USER"] = user
    return _answer(await _run(variables, body))


async def _run(variables: Mapping[str, str], body: bytes) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        env=dict(variables),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate(body)
    return out


def _answer(printed: bytes) -> web.Response:
    """Turn a CGI answer into one of HTTP."""
    head, _, body = printed.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split()[0]) if head else 500
    return web.Response(status=status, headers=headers, body=body)
