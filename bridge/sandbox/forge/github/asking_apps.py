"""What a GitHub App asks for itself: where it is installed, tokens, its hook's deliveries."""

import secrets
from datetime import timedelta
from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.github.asking_hooks import listed, sent_again
from bridge.sandbox.forge.github.people import app, installation
from bridge.sandbox.forge.model import App, Token
from bridge.sandbox.forge.routes import Answer, Api, Body
from bridge.sandbox.forge.times import stamp

api = Api(by_id=True)

LIFETIME = timedelta(hours=1)


@api.on("GET /app", app=True)
async def read(call: Call) -> Answer:
    """Show the App to itself."""
    return Answer(body=app(call.world, _app(call)))


@api.on("GET /repos/{owner}/{repo}/installation", app=True)
async def find_installation(call: Call) -> Answer:
    """Show the installation that covers a repository."""
    owner = call.repository.owner
    if owner.login.lower() not in _app(call).installations:
        raise not_found()
    return Answer(body=installation(call.world, _app(call), owner))


@api.on(
    "POST /app/installations/{id:int}/access_tokens",
    app=True,
    body=Body(optional={"repositories": list, "repository_ids": list, "permissions": dict}),
)
async def create_token(call: Call) -> Answer:
    """Mint a token for an installation; it lives for an hour."""
    one, number = _app(call), call.number("id")
    if number not in one.installations.values():
        raise not_found()
    token = Token(
        text=f"ghs_{secrets.token_hex(20)}",
        account=one.bot,
        installation=number,
        permissions=dict(one.permissions),
        expires_at=call.world.now() + LIFETIME,
    )
    call.world.tokens[token.text] = token
    return Answer(
        status=HTTPStatus.CREATED,
        body={
            "token": token.text,
            "expires_at": stamp(call.world.now() + LIFETIME),
            "permissions": token.permissions,
            "repository_selection": "all",
        },
    )


@api.on("GET /app/hook/config", app=True)
async def read_hook(call: Call) -> Answer:
    """Show where the App's hook delivers to."""
    one = _app(call).hook
    if one is None:
        raise not_found()
    return Answer(
        body={
            "content_type": one.content_type,
            "insecure_ssl": one.insecure_ssl,
            "secret": "********" if one.secret else None,
            "url": one.url,
        }
    )


@api.on("GET /app/hook/deliveries", app=True, query=["status"], paged=True)
async def list_deliveries(call: Call) -> Answer:
    """List what was sent to the App's hook, the newest first."""
    one = _app(call)
    return listed(call, [each for each in call.office.attempts if each.hook is one.hook])


@api.on("POST /app/hook/deliveries/{delivery_id:int}/attempts", app=True)
async def redeliver(call: Call) -> Answer:
    """Send a delivery of the App's hook again."""
    one = _app(call)
    return sent_again(call, [each for each in call.office.attempts if each.hook is one.hook])


def _app(call: Call) -> App:
    if call.world.app is None:
        raise not_found()
    return call.world.app
