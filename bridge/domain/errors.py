"""Errors, one class per thing a caller does differently."""


class BridgeError(Exception):
    """Root of everything the bridge raises on purpose."""


class SettingsError(BridgeError):
    """The operator's mistake: shown without a traceback, exit code 2."""


class SilentDatabaseError(SettingsError):
    """Nothing answers where the database should be, perhaps only for now: exit code 6."""


class DeliveryError(BridgeError):
    """The sender's mistake."""


class SignatureError(DeliveryError):
    """The signature is absent or wrong: answered 401."""


class PayloadError(DeliveryError):
    """The body is not what the forge documents: answered 400."""


class OverloadedError(BridgeError):
    """The writer's queue is full or its commit too slow: answered 503.

    Attributes:
        retry_after: Seconds after which another try makes sense.
    """

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UserError(BridgeError):
    """Shown to whoever asked, as written; never logged as an error."""


class MissingError(UserError):
    """What somebody named does not exist here."""


class JobStateError(UserError):
    """The job is in a state in which the operation means nothing."""


class NotYetError(BridgeError):
    """What was announced is not visible yet: look again soon.

    Attributes:
        retry_after: Seconds until the next look.
        tries: How often it is worth looking again before going on with what is there.
    """

    def __init__(self, message: str, *, retry_after: float = 2.0, tries: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.tries = tries


class BudgetSpentError(BridgeError):
    """A budget that is shared is used up for now, or it was used too recently: nothing was sent.

    Attributes:
        until: Milliseconds since 1970, by the database's clock.
    """

    def __init__(self, until: int, message: str = "waits for its budget") -> None:
        super().__init__(message)
        self.until = until


class LeaseLostError(BridgeError):
    """The lease's deadline passed or its fence was refused: drop the work, another has it."""


class RemoteError(BridgeError):
    """A service we call answered badly or not at all.

    Attributes:
        service: Whom we asked, as people know it (``terrakube``, a forge's name).
        status: HTTP status; None when there was no answer.
    """

    def __init__(self, message: str, *, service: str, status: int | None = None) -> None:
        super().__init__(message)
        self.service = service
        self.status = status


class TemporaryRemoteError(RemoteError):
    """Timeout, connection trouble, 429 or 5xx: worth another try later.

    Attributes:
        retry_after: Seconds the service asked us to wait; None when it did not say.
        account_wide: Whether the service limits the whole credential, not this one request.
    """

    def __init__(
        self,
        message: str,
        *,
        service: str,
        status: int | None = None,
        retry_after: float | None = None,
        account_wide: bool = False,
    ) -> None:
        super().__init__(message, service=service, status=status)
        self.retry_after = retry_after
        self.account_wide = account_wide


class PermanentRemoteError(RemoteError):
    """Any other refusal: report it and stop."""


class MaybeDoneError(RemoteError):
    """The request may have been carried out although its answer says no, or never came."""


class ChatRefusalError(PermanentRemoteError):
    """The chat took a request for what it is, and refused it.

    Attributes:
        code: Slack's own word: ``channel_not_found``, ``message_not_found``, ``missing_scope``...
        needed: The scope that is missing; empty when it is none.
    """

    def __init__(self, message: str, *, service: str, code: str, needed: str = "") -> None:
        super().__init__(message, service=service, status=200)
        self.code = code
        self.needed = needed


class NotFoundError(PermanentRemoteError):
    """What was asked for does not exist (404, 410)."""


class TooLargeError(PermanentRemoteError):
    """The answer is larger than the bridge reads: ask for less, or do without."""


class NotAllowedError(PermanentRemoteError):
    """The credential is refused or lacks a right (401, 403)."""
