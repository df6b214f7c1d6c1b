"""The one page people need: a pull request with its comments and statuses."""

from html import escape

from bridge.sandbox.forge.model import PullRequest


def show_pull_request(one: PullRequest) -> str:
    """Write a pull request as a page; comments are shown as they were sent."""
    statuses = "".join(
        f"<li><b>{escape(status.state)}</b> {escape(status.context)}: "
        f"{escape(status.description or '')}</li>"
        for status in one.repository.latest_statuses(one.head_sha)
    )
    comments = "".join(
        f"<h3>{escape(comment.account.login if comment.account else 'ghost')}</h3>"
        f"<pre>{escape(comment.body)}</pre>"
        for comment in one.comments
    )
    state = "merged" if one.merged_at else one.state
    title = escape(f"{one.title} · #{one.number} · {one.repository.slug}")
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1><p>{state}: {escape(one.head_branch)} "
        f"({one.head_sha}) into {escape(one.base_branch)}</p>"
        f"<ul>{statuses}</ul>{comments}</body></html>"
    )
