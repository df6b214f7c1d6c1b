"""What somebody does so that a run is made once more."""

from bridge.domain.access import SLACK
from bridge.domain.runs import RunRequest, Verb


def how_again(request: RunRequest, command: str) -> str:
    """Say it, as the end of a sentence.

    Args:
        request: That was made.
        command: How people address the bridge in a pull request.
    """
    if request.pull_request is not None:
        return f"say `{command} {request.verb}` again"
    if request.trigger.startswith(f"{SLACK}:"):
        return "say it again in Slack"
    if request.verb is Verb.JOB:
        return "start it again in Terrakube"
    return "push again or start the job in Terrakube"
