"""The forges' APIs as far as the contract of all clients needs them: the same facts, told twice."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.domain.vcs import PullRequestRef, Repository, RepositoryRef
from tests.bridge.forges.bodies import BASE, HEAD

KEY = b"a key for everything the bridge signs"
TOKEN = "the-token-of-the-bridge"

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """How one forge tells the facts of the contract."""

    driver: str
    prefix: str
    scheme: str
    max_page: str
    head: Callable[[int | None], Json]

    @property
    def repository(self) -> RepositoryRef:
        return RepositoryRef(forge="code", id="664", slug="acme/infra")

    @property
    def ref(self) -> PullRequestRef:
        return PullRequestRef(repository=self.repository, number=12)

    def pull_request(self, **more: object) -> Json:
        head_in = more.pop("head_in", 664)
        assert head_in is None or isinstance(head_in, int)
        return {
            "number": 12,
            "state": "open",
            "title": "Change the network",
            "html_url": "https://code.example.com/acme/infra/pulls/12",
            "user": {"login": "alice", "id": 7},
            "draft": False,
            "merged": False,
            "merged_at": None,
            "merge_commit_sha": None,
            "head": self.head(head_in),
            "base": {"ref": "main", "sha": BASE, "repo_id": 664, "repo": REPOSITORY},
            "updated_at": "2026-11-03T14:29:58+02:00",
            **more,
        }

    def branch(self, name: str, sha: str) -> Json:
        return {"name": name, "commit": {"id": sha, "sha": sha}}


REPOSITORY: Json = {
    "id": 664,
    "full_name": "acme/infra",
    "clone_url": "https://code.example.com/acme/infra.git",
    "ssh_url": "git@code.example.com:acme/infra.git",
    "html_url": "https://code.example.com/acme/infra",
    "default_branch": "main",
    "empty": False,
}
VALUE = Repository(
    ref=RepositoryRef(forge="code", id="664", slug="acme/infra"),
    clone_urls=("https://code.example.com/acme/infra.git", "git@code.example.com:acme/infra.git"),
    web_url="https://code.example.com/acme/infra",
    default_branch="main",
)


def _github_head(repository: int | None) -> Json:
    repo = None if repository is None else {"id": repository, "fork": True}
    return {"ref": "feature", "sha": HEAD, "repo": repo}


def _gitea_head(repository: int | None) -> Json:
    if repository is None:
        return {"ref": "refs/pull/12/head", "sha": HEAD, "repo_id": -1, "repo": None}
    return {"ref": "feature", "sha": HEAD, "repo_id": repository, "repo": {"id": repository}}


GITHUB = Flavour(
    driver="github", prefix="/api/v3", scheme="Bearer", max_page="100", head=_github_head
)
GITEA = Flavour(driver="gitea", prefix="/api/v1", scheme="token", max_page="50", head=_gitea_head)
FORGEJO = Flavour(
    driver="forgejo", prefix="/api/v1", scheme="token", max_page="50", head=_gitea_head
)
FLAVOURS = (GITHUB, GITEA, FORGEJO)
