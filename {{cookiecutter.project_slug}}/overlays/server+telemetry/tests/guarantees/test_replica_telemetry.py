"""What a service with a replica sends to a collector: here the database is its own replica."""

import time
from pathlib import Path

import httpx2

from app.settings import Settings
from tests.guarantees.test_telemetry import Collector, collector, running, wait_for

__all__ = ["collector"]  # a fixture


def test_the_lag_and_the_statements_of_a_replica_are_exported(
    own_tables: None,
    settings: Settings,
    collector: Collector,
    tmp_path: Path,
) -> None:
    service = "tests.guarantees.replicated_service:app"
    with running(settings, collector, tmp_path, service) as url:
        wait_for(lambda: collector.gauges.get("app.database.replica.lag") == 0)
        time.sleep(0.5)  # the first check may be before the tracing began
        collector.spans.clear()
        assert httpx2.get(f"{url}/test-products").is_success
        wait_for(lambda: any(span.name == "GET /test-products" for span in collector.spans))
        (request,) = [span for span in collector.spans if span.name == "GET /test-products"]
        trace = [span for span in collector.spans if span.trace_id == request.trace_id]
        assert [span for span in trace if span.name.startswith("SELECT")]
        # The check of each second is not traced.
        assert all(span.name.startswith("GET") or span in trace for span in collector.spans)
