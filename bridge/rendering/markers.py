"""Hidden markers by which the bridge recognises its own comments after a crash.

``<!-- bridge:<post id>[:<part>] <HMAC> -->`` stands first in a comment. Whoever reads a comment's
source can copy it, so a marker counts only in a comment of the bridge's own account, only at the
very beginning, and only for the post and part it was made for.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from bridge.domain.posts import Post

_MARKER = re.compile(r"<!-- bridge:([0-9A-Za-z]{1,64})(?::([1-9][0-9]{0,3}))? ([0-9a-f]{32}) -->")


@dataclass(frozen=True, slots=True)
class Markers:
    """Makes and checks markers.

    Attributes:
        key: Secret the HMAC is keyed with; the same on every replica.
    """

    key: bytes = field(repr=False)

    def make(self, post: Post, part: int) -> str:
        """Write the marker of a post's comment; *part* counts from 1."""
        return self._marker(post.id, part)

    def matches(self, body: str, post: Post, part: int) -> bool:
        """Tell whether *body* begins with exactly this post's and this part's marker."""
        found = _MARKER.match(body)
        return found is not None and _equal(found[0], self._marker(post.id, part))

    def is_ours(self, body: str) -> bool:
        """Tell whether *body* begins with a marker made with our key, of whichever post."""
        found = _MARKER.match(body)
        return found is not None and _equal(found[0], self._marker(found[1], int(found[2] or 1)))

    def _marker(self, post_id: str, part: int) -> str:
        name = f"bridge:{post_id}" if part == 1 else f"bridge:{post_id}:{part}"
        digest = hmac.new(self.key, f"comment {name}".encode(), hashlib.sha256).hexdigest()
        return f"<!-- {name} {digest[:32]} -->"


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
