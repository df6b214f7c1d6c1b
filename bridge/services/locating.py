"""Where a workspace's code is: its repository, on whichever of the configured forges has it."""

from collections.abc import Mapping

from bridge.decisions.repositories import Matcher, parse_address
from bridge.domain.errors import PermanentRemoteError, TemporaryRemoteError
from bridge.domain.vcs import Repository
from bridge.ports import Forge


async def repository_of(
    source: str, forges: Mapping[str, Forge], matcher: Matcher
) -> tuple[Forge, Repository] | None:
    """Find the repository behind a clone URL; None when no configured forge has it.

    Raises:
        TemporaryRemoteError: No other one has it, and a forge that may have it did not answer.
    """
    address = parse_address(source)
    if address is None:
        return None
    silent: TemporaryRemoteError | None = None
    for forge in forges.values():
        try:
            found = await forge.repository(address.path)
        except PermanentRemoteError:  # another forge's, or none the bridge may see
            continue
        except TemporaryRemoteError as error:  # what is on another forge does not wait for it
            silent = error
            continue
        if matcher.feeds(found.clone_urls, source):
            return forge, found
    if silent is not None:
        raise silent
    return None
