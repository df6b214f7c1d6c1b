"""The metrics and their names."""

import re
from pathlib import Path

import bridge
from bridge.metrics import Metrics


def test_two_instances_share_no_numbers() -> None:
    one, other = Metrics(), Metrics()
    one.deliveries.labels("github", "accepted").inc()
    assert b'bridge_deliveries_total{forge="github",outcome="accepted"} 1.0' in one.exposition()
    assert b"accepted" not in other.exposition()


def test_every_metric_is_ours_says_what_it_is_and_has_a_unit_in_its_name() -> None:
    families = list(Metrics().registry.collect())
    assert len(families) > 20
    for family in families:
        assert family.name.startswith("bridge_"), family.name
        assert family.documentation.endswith("."), family.name
        if family.type == "histogram" and family.name != "bridge_writer_batch":
            assert family.name.endswith("_seconds"), family.name


def test_every_metric_is_measured_somewhere() -> None:
    """One that is declared and never set looks like a bridge in which nothing happens."""
    folder = Path(bridge.__file__).parent
    sources = [path for path in folder.rglob("*.py") if path.name != "metrics.py"]
    used = set(re.findall(r"(?:metrics|counted)\.(\w+)", "".join(map(Path.read_text, sources))))
    assert set(vars(Metrics())) - {"registry"} <= used
