"""A rendered service, run as its README says, in a separate process."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from combinations import INSTALLED, USUAL, Combination
from conftest import everyday, skip_unless_installable
from processes import prepare, serving, with_probe


@pytest.mark.parametrize("served", everyday(USUAL, "pysqlite", "asyncpg"), ids=str)
def test_stored_rows_survive_a_restart(
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
        assert (
            client.post(
                "/items/bulk", json=[{"name": "n", "category": "c", "quantity": 0}]
            ).status_code
            == 201
        )
        changed = client.patch(f"/items/{item['id']}", json={"quantity": 4})
        assert changed.json() == item | {"quantity": 4}
    with serving(project, environment, url) as client:
        assert client.get(f"/items/{item['id']}").json() == item | {"quantity": 4}
        assert [it["name"] for it in client.get("/items").json()["items"]] == ["Lamp é 🚀", "n"]


@pytest.mark.parametrize("served", USUAL[:2], ids=str)
def test_production_logs_json_objects(
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


EMAIL, TOKEN, PASSWORD = "zoe@example.com", "s3cret", "hunter2"
# In an async service, a task whose exception is never retrieved: asyncio logs it.
LOST = """

@app.post("/probe/lost")
async def lost(request: Request, name: str) -> None:
    async def work() -> None:
        async with request.state.db.sessions.begin() as session:
            await duplicate(session, name)

    await asyncio.wait([asyncio.create_task(work())])
"""


@pytest.mark.parametrize(
    "served", everyday(INSTALLED, "asyncpg", "psycopg2", "asyncmy", "pysqlite"), ids=str
)
def test_secrets_are_not_in_the_log_of_a_failure(
    served: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: Callable[[Combination, str], str],
    tmp_path: Path,
) -> None:
    """Read standard error after expected and unexpected errors, in and outside requests."""
    skip_unless_installable(served)
    url = database_url(served, "my_api_secrets")
    with_probe(projects[served], tmp_path, environment, url)
    answers = {"duplicate": 409, "misfit": 422, "unexpected": 500, "bug": 500, "background": 200}
    if served.session == "async":
        answers["lost"] = 200
        with (tmp_path / "probe.py").open("a") as probe:
            probe.write(LOST)
    # An error after the response closes the connection, which must not be reused.
    headers = {"Authorization": f"Bearer {TOKEN}", "Connection": "close"}
    for kind in ("development", "production"):
        with serving(
            tmp_path, environment, url, entrypoint="probe:app", tracebacks=True, ENVIRONMENT=kind
        ) as client:
            for path, code in answers.items():
                answer = client.post(f"/probe/{path}", params={"name": EMAIL}, headers=headers)
                assert answer.status_code == code, answer.text
        (log,) = tmp_path.glob("*.log")
        said = log.read_text()
        log.unlink()
        assert said.count("INSERT INTO items") >= len(answers) - 1, said
        assert "SELECT nothing FROM nowhere" in said
        assert "a bug beside" in said
        assert ("Task exception was never retrieved" in said) == (served.session == "async")
        for secret in (EMAIL, TOKEN):
            assert secret not in said
        # A few tracebacks with their chains: with local variables there were thousands of lines.
        assert len(said.splitlines()) < 1000
    if served.database != "sqlite":
        scheme = f"{served.database}+{served.driver}"
        away = f"{scheme}://me:{PASSWORD}@127.0.0.1:9/my_api"
        with serving(tmp_path, environment, away) as client:
            assert client.get("/items", headers=headers).status_code == 503
        (log,) = tmp_path.glob("*.log")
        assert "returns 503" in log.read_text()
        assert PASSWORD not in log.read_text()
