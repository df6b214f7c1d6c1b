"""What people do with whole repositories."""

from bridge.sandbox.forge.model import Account, Repository
from bridge.sandbox.forge.world import World


async def start_repository(world: World, repository: Repository, author: Account) -> None:
    """Give an empty repository a first commit, as ``auto_init`` does."""
    sha = await repository.git.write_commit(
        None,
        {"README.md": f"# {repository.name}\n"},
        message="Initial commit",
        author=(author.login, author.email),
        when=int(world.now().timestamp()),
    )
    await repository.git.set_ref(f"refs/heads/{repository.default_branch}", sha)


async def fork(world: World, parent: Repository, owner: str, name: str) -> Repository:
    """Copy a repository to another owner.

    Raises:
        TakenError: There is one of that name.
    """
    copy = await world.add_repository(
        f"{owner}/{name}",
        private=parent.private,
        default_branch=parent.default_branch,
        parent=parent,
    )
    if await parent.git.refs():
        refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        await copy.git.fetch(parent.git.path, *refs)
    return copy
