"""``version``: says which version of the bridge answers."""

from importlib.metadata import version as installed

from bridge.domain.commands import VersionCommand
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services

router = Router()


@router.on_command(VersionCommand)
async def version(asked: Asked, services: Services, work: Work) -> str:
    """Name the bridge's version, and the Terrakubes it is made for; anybody may ask."""
    return version_text()


def version_text() -> str:
    """Name the bridge's version, and the Terrakubes it is made for."""
    return (
        f"terrakube-bridge {installed('terrakube-bridge')}, made for Terrakube 2.32 (stable) and "
        "2.33 (beta)."
    )
