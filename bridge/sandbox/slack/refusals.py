"""How Slack says no."""

from enum import StrEnum, auto
from http import HTTPStatus

from bridge.sandbox.slack.checks import Json, Problem


class No(StrEnum):
    """Slack's names for what was wrong.

    Nobody has seen what Slack says to an answer in a thread that is none (``thread_not_found``) and
    to an upload of another size (``file_size_mismatch``): that they are refused is what matters.
    """

    ALREADY_REACTED = auto()
    CANNOT_DM_BOT = auto()
    CANT_DELETE_MESSAGE = auto()
    CANT_UPDATE_MESSAGE = auto()
    CHANNEL_NOT_FOUND = auto()
    DUPLICATE_EXTERNAL_ID = auto()
    EXCHANGED_TRIGGER_ID = auto()
    EXPIRED_TRIGGER_ID = auto()
    EXPIRED_URL = auto()
    FILE_NOT_FOUND = auto()
    FILE_SIZE_MISMATCH = auto()
    HASH_CONFLICT = auto()
    INVALID_ARGUMENTS = auto()
    INVALID_ATTACHMENTS = auto()
    INVALID_AUTH = auto()
    INVALID_BLOCKS = auto()
    INVALID_CURSOR = auto()
    INVALID_JSON = auto()
    INVALID_METADATA_FORMAT = auto()
    INVALID_NAME = auto()
    INVALID_POST_TYPE = auto()
    INVALID_TOKEN = auto()
    INVALID_TRIGGER_ID = auto()
    INVALID_TYPES = auto()
    IS_ARCHIVED = auto()
    JSON_NOT_OBJECT = auto()
    MESSAGE_NOT_FOUND = auto()
    METHOD_NOT_SUPPORTED_FOR_CHANNEL_TYPE = auto()
    MISSING_SCOPE = auto()
    MSG_BLOCKS_TOO_LONG = auto()
    MSG_TOO_LONG = auto()
    NOT_ALLOWED_TOKEN_TYPE = auto()
    NOT_AUTHED = auto()
    NOT_FOUND = auto()
    NOT_IN_CHANNEL = auto()
    NO_SUCH_SUBTEAM = auto()
    NO_TEXT = auto()
    PUSH_LIMIT_REACHED = auto()
    RATELIMITED = auto()
    THREAD_NOT_FOUND = auto()
    UNKNOWN_METHOD = auto()
    USED_URL = auto()
    USERS_NOT_FOUND = auto()
    USER_DISABLED = auto()
    USER_NOT_FOUND = auto()
    USER_NOT_IN_CHANNEL = auto()
    VIEW_TOO_LARGE = auto()


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of the stand-in
    """An answer that is not ok.

    Attributes:
        error: Slack's name for it.
        more: Other keys of the answer.
        surprise: Whether no careful client would have asked.
        retry_after: Seconds to wait; with it the status is 429.
    """

    def __init__(
        self,
        error: No,
        *,
        why: str = "",
        more: Json | None = None,
        surprise: bool = False,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{error}: {why}" if why else error)
        self.error = error
        self.more = more or {}
        self.surprise = surprise
        self.retry_after = retry_after

    @property
    def status(self) -> HTTPStatus:
        """The status it is answered with; Slack answers 200 to nearly everything."""
        return HTTPStatus.OK if self.retry_after is None else HTTPStatus.TOO_MANY_REQUESTS


def refuse_problems(error: No, problems: list[Problem]) -> None:
    """Refuse what has problems, with a pointer to each.

    Raises:
        Refusal: There are some.
    """
    if problems:
        told = [str(problem) for problem in problems]
        messages = {"messages": [f"[ERROR] {one}" for one in told]}
        raise Refusal(
            error,
            why="; ".join(told),
            more={"errors": told, "response_metadata": messages},
            surprise=True,
        )
