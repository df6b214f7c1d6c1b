"""That the bench runs and reports what is promised; never how fast anything is."""

import pytest

from tests.bench import acknowledging, following
from tests.databases import Postgres


@pytest.mark.postgres
def test_acknowledging_reports_both_stores(postgres: Postgres) -> None:
    measured = acknowledging.measure(acknowledging.QUICK, postgres).as_json()
    assert sorted(measured) == ["postgres", "sqlite"]
    for store in measured.values():
        assert isinstance(store, dict)
        assert sorted(store) == ["p99_ms_at_200", "ratio", "rps", "sizes"]
        assert sorted(store["sizes"]) == ["12000", "26000"]
        assert 0 < store["ratio"] == min(size["ratio"] for size in store["sizes"].values())


def test_following_reports_what_so_many_jobs_cost() -> None:
    (measured,) = following.as_json(following.measure(following.QUICK)).values()
    assert isinstance(measured, dict)
    assert sorted(measured) == ["cpu_percent", "looks_per_s", "requests_per_s", "rss_mb"]
    assert measured["rss_mb"] > 10
