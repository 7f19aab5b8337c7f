"""Responses of a rendered service match its schema, also for unusual requests."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from combinations import DRIVERS, Combination
from conftest import everyday
from processes import prepare, run, serving

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
]


@pytest.mark.parametrize("served", everyday(DRIVERS, "psycopg2", "mysql+asyncmy"), ids=str)
def test_schemathesis_finds_nothing(
    served: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: Callable[[Combination, str], str],
    tmp_path: Path,
) -> None:
    url = database_url(served, "my_api_schema")
    prepare(projects[served], tmp_path, environment, url)
    with serving(tmp_path, environment, url) as client:
        done = run(
            Path(sys.executable).with_name("schemathesis"), "run",
            str(client.base_url.join("/openapi.json")), "--checks", ",".join(CHECKS),
            "--max-examples", "20", "--seed", "1", "--continue-on-failure",
            cwd=tmp_path,
        )  # fmt: skip
    tried = re.search(r"(\d+) generated, \1 passed", done.stdout)
    assert tried, done.stdout
    assert int(tried[1]) > 200
