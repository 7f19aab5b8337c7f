"""A rendered service, run as its README says, in a process of its own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from combinations import USUAL, Combination
from processes import prepare, serving


@pytest.mark.parametrize("served", USUAL, ids=str)
def test_what_was_written_is_there_after_a_restart(
    served: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: Callable[[Combination, str], str],
    tmp_path: Path,
) -> None:
    project = tmp_path
    url = database_url(served, "my_api_served")
    prepare(projects[served], project, environment, url)
    with serving(project, environment, url) as client:
        assert client.get("/docs").status_code == 200
        assert client.get("/health/ready").json()["parts"] == {"database": "ok"}
        made = client.post("/items", json={"name": "Lamp é 🚀", "category": "light", "quantity": 3})
        assert made.status_code == 201
        item = made.json()
        assert client.post("/items/bulk", json=[{"name": "n", "category": "c"}]).status_code == 201
        changed = client.patch(f"/items/{item['id']}", json={"quantity": 4})
        assert changed.json() == item | {"quantity": 4}
    with serving(project, environment, url) as client:
        assert client.get(f"/items/{item['id']}").json() == item | {"quantity": 4}
        assert [it["name"] for it in client.get("/items").json()["items"]] == ["Lamp é 🚀", "n"]


@pytest.mark.parametrize("served", USUAL[:2], ids=str)
def test_production_logs_objects(
    served: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: Callable[[Combination, str], str],
    tmp_path: Path,
) -> None:
    url = database_url(served, "my_api_logged")
    prepare(projects[served], tmp_path, environment, url)
    with serving(tmp_path, environment, url, ENVIRONMENT="production") as client:
        response = client.get("/items?token=s3cret", headers={"Authorization": "Bearer s3cret"})
        assert response.is_success
    (log,) = tmp_path.glob("*.log")
    assert "s3cret" not in log.read_text()
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    told = {line["event"]: line for line in map(json.loads, lines)}
    assert "Application startup complete." in told
    request = told["GET /items"]
    assert request["request_id"] == response.headers["X-Request-ID"]
    assert request["status"] == 200
    assert request["duration_ms"] > 0
