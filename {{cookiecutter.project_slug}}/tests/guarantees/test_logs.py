"""Log lines are JSON in production, and readable text in development."""

import json
import logging
from collections.abc import Iterator

import pytest
from structlog.contextvars import bound_contextvars

from app import logs
from app.settings import Settings


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, restored after the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_production_log_line_is_a_json_object(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Settings().model_copy(update={"environment": "production"}))
    with bound_contextvars(request_id="abc"):
        bug = ValueError("a bug")
        root.error("It %s", "broke", exc_info=bug, extra={"status": 500})
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "It broke"
    assert (line["level"], line["status"], line["request_id"]) == ("error", 500, "abc")
    assert "a bug" in line["exception"]
    assert line["timestamp"].endswith("Z")


def test_a_development_log_line_is_readable(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Settings())
    root.info("It works", extra={"status": 200})
    root.debug("not at this level")
    line = capsys.readouterr().err
    assert "It works" in line
    assert "status=200" in line
    assert "not at this level" not in line
