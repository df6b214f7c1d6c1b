"""What somebody may do with a job that they start in Terrakube itself."""

from bridge.domain.chat import slack_user_of
from bridge.domain.work import AdoptJob
from bridge.rendering.slack.escaping import person
from bridge.store.queries.adopting_jobs import SOMEBODY, request_of
from tests.bridge.store.chats import a_job
from tests.bridge.store.rows import a_request


def test_a_token_that_is_called_like_somebody_in_slack_is_not_them() -> None:
    """Else they would be called by its jobs, and be whoever asked for them."""
    workspace = a_request("network").workspace
    for name in ("deploy (slack:U9)", "(slack:(slack:U9)", "x (slack:W0)"):
        request = request_of(AdoptJob(workspace=workspace, job=a_job(created_by=name)))
        assert slack_user_of(request.actor) == ""
        assert "<@" not in person(request.actor)
    nobody = request_of(AdoptJob(workspace=workspace, job=a_job(created_by="")))
    assert nobody.actor == SOMEBODY
