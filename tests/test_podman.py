"""Containers in a real engine: what the README promises of `docker compose up --build`."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_cookies.plugin import Result
from test_containers import BODY, begin_request, take_uploads

from combinations import DATABASES, DRIVERS, Combination
from podman import Compose, Podman, podman, running
from processes import UV, run

pytestmark = pytest.mark.full

VERSION = {
    "postgresql": "/usr/lib/postgresql/*/bin/postgres --version",
    "mysql": "mysqld --version",
    "mariadb": "mariadbd --version",
}
# One for each database, sync and async in turn.
VARIANTS = [
    next(it for it in DRIVERS if (it.database, it.session) == (database, session))
    for database, session in zip(DATABASES, ["sync", "async"] * 2, strict=True)
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Podman]:
    with podman() as made:
        yield made


@pytest.mark.parametrize("composed", VARIANTS, ids=str)
def test_what_compose_starts_serves_stops_and_comes_back(
    composed: Combination,
    bake: Callable[..., Result],
    engine: Podman,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = bake(**composed.answers | {"docker": "yes"}).project_path
    take_uploads(project)
    run(UV, "lock", "--quiet", cwd=project)
    nothing_set = Compose(engine, project)
    nothing_set.build()
    with running(nothing_set) as compose:
        say_what_it_runs_on(compose, composed, capsys)
        assert_it_serves(compose)
        assert_a_request_in_flight_is_finished(compose)
        compose.down()
        compose.up()
        with compose.client() as client:
            found = client.get("/items").json()["items"]
            assert {it["name"] for it in found} == {"Shelf", "Lamp"}
    if composed.database != "sqlite":
        with running(Compose(engine, project, DATABASE_PASSWORD="letters2026")) as compose:
            assert_it_serves(compose)


def say_what_it_runs_on(
    compose: Compose, combination: Combination, capsys: pytest.CaptureFixture[str]
) -> None:
    """Print which images these are, and the version of the server."""
    python = compose.inside("app", "python --version")
    server = compose.inside("db", VERSION[combination.database]) if "db" in compose.services else ""
    with capsys.disabled():
        print(f"\n{combination}: {compose.engine.made}; {python}; {server}")


def assert_it_serves(compose: Compose) -> None:
    with compose.client() as client:
        answer = client.post("/items", json={"name": "Shelf", "category": "wood", "quantity": 1})
        assert answer.status_code == 201, compose.log("app")
        assert client.get(f"/items/{answer.json()['id']}").json()["name"] == "Shelf"
        # The limit of bodies is that of development: an upload of more than 1 MiB is refused.
        assert client.post("/uploads", files={"file": bytes(2**21)}).status_code == 413
    assert compose.inside("app", "id -u; touch /srv/new || touch /tmp/new").split()[0] == "10001"
    assert "strict-transport-security" not in answer.headers


def assert_a_request_in_flight_is_finished(compose: Compose) -> None:
    with ThreadPoolExecutor() as pool, begin_request(compose.port) as client:
        stopping = pool.submit(compose.engine, "stop", compose.of("app"))
        compose.wait_for("app", "Shutting down")
        client.sendall(BODY)
        assert client.recv(1000).startswith(b"HTTP/1.1 201"), compose.log("app")
        stopping.result()
    assert compose.exit_code("app") == 0, compose.log("app")
    workers = compose.services["app"]["environment"].get("WEB_CONCURRENCY", 1)
    assert compose.log("app").count("Finished server process") == workers
