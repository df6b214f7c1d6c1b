"""The GitHub App that a stand-in may have."""

from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.sandbox.forge.model import App, Kind
from bridge.sandbox.forge.world import World

APP_PERMISSIONS = {
    "checks": "read",
    "metadata": "read",
    "contents": "read",
    "pull_requests": "write",
    "issues": "write",
    "statuses": "write",
}


def make_app(world: World, slug: str, *, owner: str, private_key: str = "") -> App:
    """Make an App, with a new key unless one is given; it is installed nowhere yet."""
    private = private_key or make_key()
    return App(
        id=world.next_id(),
        client_id=f"Iv23{world.next_id()}",
        slug=slug,
        owner=world.owner(owner),
        bot=world.add_account(f"{slug}[bot]", kind=Kind.BOT),
        private_key=private,
        public_key=_public(private),
        permissions=dict(APP_PERMISSIONS),
        created_at=world.now(),
    )


def make_key() -> str:
    """Make an App's private key: RSA, PEM, as GitHub lets one download it."""
    key = rsa.generate_private_key(65537, 2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


@cache
def _public(private_key: str) -> str:
    key = serialization.load_pem_private_key(private_key.encode(), None).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()
