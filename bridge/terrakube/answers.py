"""Reading Terrakube's answers: what does not read like one becomes an error that says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bridge.domain.errors import PermanentRemoteError
from bridge.domain.terrakube import Job
from bridge.http import Response
from bridge.terrakube import payloads


@contextmanager
def understood(response: Response) -> Iterator[None]:
    """Turn a ValueError about an answer's content into a PermanentRemoteError."""
    try:
        yield
    except ValueError as error:
        msg = (
            f"{response.request_line}: answered something Terrakube does not say ({error}): "
            "is this the address of its API?"
        )
        raise PermanentRemoteError(msg, service=response.service, status=response.status) from error


def document(response: Response) -> payloads.Document:
    """Read a JSON:API document; ValueError when it is none."""
    return payloads.parse(payloads.Document, response.json())


def one(found: payloads.Document) -> payloads.Resource:
    """Return the only resource of a document; ValueError when there is none, or are several."""
    if len(found.rows) != 1:
        msg = f"{len(found.rows)} resources instead of one"
        raise ValueError(msg)
    return found.rows[0]


def job(response: Response, organization_id: str) -> Job:
    """Read the answer to a question for one job, or to its creation.

    Raises:
        PermanentRemoteError: It is something else.
    """
    with understood(response):
        found = document(response)
        return payloads.job_of(one(found), found.of_type("step"), organization_id=organization_id)


def jobs(response: Response, found: payloads.Document, organization_id: str) -> list[Job]:
    """Translate a list of jobs, oldest first.

    Raises:
        PermanentRemoteError: It is something else.
    """
    with understood(response):
        listed = payloads.jobs_of(found, organization_id=organization_id)
        return sorted(listed, key=lambda job: int(job.id))


def served_at(response: Response) -> datetime:
    """Return the server's own time of an answer (aware), so that our clock does not matter."""
    try:
        moment = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
