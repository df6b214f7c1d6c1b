"""What the tests of the client talk about: ids of the recorded servers."""

from bridge.domain.terrakube import JobRequest, Organization, WorkspaceRef

ACME = Organization(id="40f8a86b-2cde-4e37-96bc-b23b03dac40c", name="acme")
Q3 = WorkspaceRef(
    organization_id=ACME.id,
    organization=ACME.name,
    id="897bb9b3-16a1-4b5d-92fb-959010e3dc90",
    name="q3",
)
PLAN = "442caced-e78e-4011-a871-92fa725e6669"
COMMIT = "c830c975a570bf7b0d00e81d13a252588026ba80"
KEY = "bridge:01JDOCUMENTEDPATH0000000001"
A_JOB = JobRequest(workspace=Q3, comments=KEY, template_id=PLAN)

JOBS = f"GET /api/v1/organization/{ACME.id}/job"
CREATE = f"POST /api/v1/workspace/{Q3.id}/job"


def read_line(job_id: str, organization_id: str = ACME.id) -> str:
    """Return the request that reads a job."""
    return f"GET /api/v1/organization/{organization_id}/job/{job_id}"


def patch_line(job_id: str) -> str:
    """Return the request that changes a job."""
    return f"PATCH /api/v1/organization/{ACME.id}/job/{job_id}"


def delete_line(job_id: str) -> str:
    """Return the request that deletes a job."""
    return f"DELETE /api/v1/organization/{ACME.id}/job/{job_id}"
