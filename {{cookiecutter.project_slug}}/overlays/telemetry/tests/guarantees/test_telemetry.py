"""What the service sends to a collector, with a real process, protocol and database."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.settings import Settings

PATIENCE = 30.0  # seconds
PREFIX = "db.client.connection."


class Collector(ThreadingHTTPServer):
    """Collects spans and metrics that are sent over OTLP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Intake)
        self.spans: list[Span] = []
        self.metrics: dict[tuple[str, str], int] = {}
        self.gauges: dict[str, float] = {}

    def note(self, metric: Metric) -> None:
        """Note the newest value of a metric, for each pool if it is of pools."""
        for point in metric.gauge.data_points:
            self.gauges[metric.name] = point.as_double
        for pool in ("readers", "writers"):
            name = metric.name.removeprefix(PREFIX), pool
            if metric.HasField("histogram"):
                held = [it.count for it in metric.histogram.data_points if pool in str(it)]
                self.metrics[name] = sum(held)
            else:
                points = [it for it in metric.sum.data_points if pool in str(it)]
                self.metrics[name] = sum(it.as_int for it in points)


class Intake(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        collector = self.server
        assert isinstance(collector, Collector)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    collector.spans += scope.spans
        elif self.path == "/v1/metrics":
            for found in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for measured in found.scope_metrics:
                    for metric in measured.metrics:
                        collector.note(metric)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        Thread(target=collector.serve_forever, daemon=True).start()
        yield collector
        collector.shutdown()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def running(
    settings: Settings, collector: Collector, folder: Path, entrypoint: str
) -> Generator[str]:
    """Run a service in its own process that reports to the collector; yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    command = [sys.executable, "-m", "fastapi", "run", "--entrypoint", entrypoint]
    service = subprocess.Popen(  # noqa: S603  # our own command
        [*command, "--host", "127.0.0.1", "--port", port],
        cwd=folder,  # has no `.env`
        env=os.environ
        | {
            "PYTHONPATH": str(Path.cwd()),
            "DATABASE_URL": settings.database_url.render_as_string(hide_password=False),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
        },
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx2.get(f"{url}/health/live").is_success
        except httpx2.ConnectError:
            return False

    try:
        wait_for(answers)
        yield url
    finally:
        service.terminate()
        service.wait(PATIENCE)


@pytest.fixture(scope="module")
def url(
    own_tables: None,
    settings: Settings,
    collector: Collector,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of a service."""
    folder = tmp_path_factory.mktemp("service")
    with running(settings, collector, folder, "tests.guarantees.service:app") as url:
        yield url


def test_the_statement_of_a_request_is_in_its_trace(url: str, collector: Collector) -> None:
    collector.spans.clear()
    assert httpx2.get(f"{url}/test-products").is_success
    wait_for(lambda: any(span.name == "GET /test-products" for span in collector.spans))
    (request,) = [span for span in collector.spans if span.name == "GET /test-products"]
    trace = [span for span in collector.spans if span.trace_id == request.trace_id]
    (statement,) = [span for span in trace if span.name.startswith("SELECT")]
    values = {it.key: it.value.string_value for it in statement.attributes}
    assert "FROM test_products" in values["db.statement"]


def test_the_trace_of_an_error_contains_no_row_values(url: str, collector: Collector) -> None:
    collector.spans.clear()
    product = {"name": "zoe@example.com", "category": "secret"}
    made = httpx2.post(f"{url}/test-products", json=product).json()
    assert httpx2.post(f"{url}/test-products", json=product).status_code == 409
    wait_for(lambda: sum(span.name == "POST /test-products" for span in collector.spans) == 2)
    assert any(span.status.code == Status.STATUS_CODE_ERROR for span in collector.spans)
    assert "zoe@example.com" not in str(collector.spans)
    assert httpx2.delete(f"{url}/test-products/{made['id']}").is_success


def test_pool_metrics_are_exported(url: str, collector: Collector, settings: Settings) -> None:
    made = httpx2.post(f"{url}/test-products", json={"name": "Lamp", "category": "light"}).json()
    assert httpx2.delete(f"{url}/test-products/{made['id']}").is_success
    assert httpx2.get(f"{url}/test-products").is_success
    wait_for(
        lambda: all(collector.metrics.get(("count", it)) == 1 for it in ("readers", "writers"))
    )
    sizes = {
        "readers": settings.reader_connections + settings.reading_connections,
        "writers": settings.writer_connections + settings.unit_connections,
    }
    for pool, size in sizes.items():
        assert collector.metrics["idle.max", pool] == size
        assert collector.metrics["overflow", pool] == 0
        assert collector.metrics["pending_requests", pool] == 0
        assert collector.metrics["use_time", pool] >= 1
