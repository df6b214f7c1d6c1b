"""Mistakes that only show when settings are seen together."""

from collections.abc import Iterator

from pydantic import SecretStr

from bridge.domain.access import SLACK
from bridge.settings import catalog
from bridge.settings.commands import ChangeSettings, principal_of
from bridge.settings.merging import Merged
from bridge.settings.model import Settings
from bridge.settings.origins import Mistake, did_you_mean


def check_together(settings: Settings, merged: Merged) -> list[Mistake]:
    """Find what is right by itself and wrong beside the rest."""
    return [
        *_unknown_doors(settings, merged),
        *_own_statuses(settings, merged),
        *_shut_door(settings, merged),
    ]


def _unknown_doors(settings: Settings, merged: Merged) -> Iterator[Mistake]:
    # A forge whose own options are wrong is known all the same.
    forges = sorted({path[1] for path in merged.given if path[0] == catalog.FORGES})
    for number, rule in enumerate(settings.access or ()):
        for place, text in enumerate(rule.who):
            principal = principal_of(text)
            door = principal.door if principal else ""
            if door and door not in (SLACK, *forges):
                hint = did_you_mean(door, forges) or f": there is {', '.join(forges)}"
                path = ("access", str(number), "who", str(place))
                yield merged.blame(path, f"there is no forge {door!r}{hint}")


def _own_statuses(settings: Settings, merged: Merged) -> Iterator[Mistake]:
    sections: dict[str, ChangeSettings | None] = {
        "apply": settings.commands.apply,
        "destroy": settings.commands.destroy,
    }
    for verb, section in sections.items():
        own = f"{settings.status_prefix}/{verb}"
        for place, name in enumerate(section.statuses if section else ()):
            if name == own or name.startswith(f"{own}: "):
                text = f"the bridge sets {name!r} after {verb} only: it would wait for itself"
                yield merged.blame(("commands", verb, "statuses", str(place)), text)


def _shut_door(settings: Settings, merged: Merged) -> Iterator[Mistake]:
    """Find what Slack's door needs in its mode; without a bot token it stays shut anyway."""
    slack = settings.slack
    if slack is None or not slack.opens:
        return
    if slack.mode == "socket":
        needed: dict[tuple[str, ...], tuple[SecretStr | str | None, str]] = {
            ("slack", "app_token"): (slack.app_token, "socket mode needs an app-level token"),
        }
    else:
        unsigned = "without it nothing that comes in http mode is believed"
        reached = "in http mode Slack reaches the bridge under it; socket mode needs none"
        needed = {
            ("slack", "signing_secret"): (slack.signing_secret, unsigned),
            ("public_url",): (settings.public_url, reached),
        }
    for path, (value, why) in needed.items():
        if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
            yield merged.blame(path, f"is missing: {why}: set {catalog.variable(path)}")
