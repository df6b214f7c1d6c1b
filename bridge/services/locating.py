"""Where a workspace's code is: its repository, on whichever of the configured forges has it."""

from collections.abc import Mapping
from http import HTTPStatus

from bridge.decisions.repositories import Matcher, parse_address
from bridge.domain.errors import PermanentRemoteError, RemoteError, TemporaryRemoteError
from bridge.domain.vcs import Repository
from bridge.ports import Forge


async def repository_of(
    source: str, forges: Mapping[str, Forge], matcher: Matcher
) -> tuple[Forge, Repository] | None:
    """Find the repository behind a clone URL; None when no configured forge has it.

    Raises:
        RemoteError: No other one has it, and a forge that may have it did not say: it did not
            answer, or does not take the bridge's token any more.
    """
    address = parse_address(source)
    if address is None:
        return None
    silent: RemoteError | None = None
    for forge in forges.values():
        try:
            found = await forge.repository(address.path)
        except PermanentRemoteError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                silent = error
            continue  # another forge's, or none the bridge may see
        except TemporaryRemoteError as error:  # what is on another forge does not wait for it
            silent = error
            continue
        if matcher.feeds(found.clone_urls, source):
            return forge, found
    if silent is not None:
        raise silent
    return None
