"""What a forge allows. Sources: forges.md sections 1-3 and forgejo.md of the project's papers."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.sandbox.forge.model import Flavour


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in characters, times in seconds; None where there is no limit.

    Attributes:
        comment: Longest comment, in UTF-16 units.
        context: Longest context of a status.
        description: Longest description of a status.
        statuses: How many there may be for one commit and context.
        files: How many files of a pull request are listed in all.
        compared_files: How many files of a comparison are listed.
        page: Most items of a page.
        default_page: Items of a page when nothing is said.
        writes_per_minute: Content an account may create; beyond it there is a secondary limit.
        writes_per_hour: Ditto.
        plain_utf8: Bytes from which a JSON body must be ASCII: beyond, it was seen corrupted.
        delivery: How long a receiver may take to answer.
        tags_per_push: A push of more tags than this is told to nobody.
    """

    comment: int | None
    context: int | None
    description: int | None
    statuses: int | None
    files: int | None
    compared_files: int | None
    page: int
    default_page: int
    writes_per_minute: int | None
    writes_per_hour: int | None
    plain_utf8: int | None
    delivery: float
    tags_per_push: int | None


LIMITS: Mapping[Flavour, Limits] = {
    Flavour.GITHUB: Limits(
        comment=65_536,
        context=255,
        description=140,
        statuses=1000,
        files=3000,
        compared_files=300,
        page=100,
        default_page=30,
        writes_per_minute=80,
        writes_per_hour=500,
        plain_utf8=None,
        delivery=10.0,
        tags_per_push=3,
    ),
    Flavour.FORGEJO: Limits(
        comment=None,
        context=None,
        description=None,
        statuses=None,
        files=None,
        compared_files=None,
        page=50,
        default_page=30,
        writes_per_minute=None,
        writes_per_hour=None,
        plain_utf8=3072,
        delivery=5.0,
        tags_per_push=None,
    ),
}
