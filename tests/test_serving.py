"""A rendered service, run as its README says, in a process of its own."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from combinations import COMBINATIONS, DATABASES, Combination
from conftest import alembic, clean_environment, create_database, free_port, wait_for_port

USUAL = [it for it in COMBINATIONS if it.driver == next(iter(DATABASES[it.database][it.session]))]


@contextmanager
def serving(project: Path, environment: Path, url: str, **settings: str) -> Iterator[httpx2.Client]:
    """Keep `fastapi run` running, give a client of it, and stop it as a supervisor would."""
    port = free_port()
    log = project / "log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [environment / "fastapi", "run", "--host", "127.0.0.1", "--port", str(port)],
            cwd=project,
            env=clean_environment()
            | {
                "DATABASE_URL": url,
                "PYTHONUNBUFFERED": "1",
                "PYTHONWARNINGS": "error::ResourceWarning",
            }
            | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_port(port, process, log)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)
    if sys.platform != "win32":
        assert "Traceback" not in log.read_text(), log.read_text()
        assert "Finished server process" in log.read_text()


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


def prepare(rendered: Path, project: Path, environment: Path, url: str) -> None:
    """Copy a project, make its database, and bring that to its newest revision."""
    shutil.copytree(rendered, project, dirs_exist_ok=True)
    create_database(project, environment, url)
    alembic(project, environment, url, "upgrade head")
