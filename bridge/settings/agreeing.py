"""Mistakes that only show when settings are seen together."""

from collections.abc import Iterator

from bridge.domain.access import SLACK
from bridge.settings import catalog
from bridge.settings.commands import ChangeSettings, principal_of
from bridge.settings.merging import Merged
from bridge.settings.model import Settings
from bridge.settings.origins import Mistake, did_you_mean


def check_together(settings: Settings, merged: Merged) -> list[Mistake]:
    """Find what is right by itself and wrong beside the rest."""
    return [*_unknown_doors(settings, merged), *_own_statuses(settings, merged)]


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
