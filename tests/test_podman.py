"""Containers in a real engine: `docker compose up --build` works as the README says."""

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
# One for each database, alternately async and sync.
VARIANTS = [
    next(it for it in DRIVERS if (it.database, it.session) == (database, session))
    for database, session in zip(DATABASES, ["async", "sync"] * 2, strict=True)
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Podman]:
    with podman() as made:
        yield made


@pytest.mark.parametrize("composed", VARIANTS, ids=str)
def test_compose_starts_stops_and_restarts_the_service(
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
        compose.services["app"]["environment"]["MAX_BODY_SIZE"] = 2**23
        compose.up()
        with compose.client() as client:
            found = client.get("/items").json()["items"]
            assert {it["name"] for it in found} == {"Shelf", "Lamp"}
            sent = client.post("/uploads", files={"file": bytes(2**22)})
            assert (sent.status_code, sent.text) == (200, str(2**22)), compose.log("app")
    if composed.database != "sqlite":
        with running(Compose(engine, project, DATABASE_PASSWORD="letters2026")) as compose:
            assert_it_serves(compose)


def say_what_it_runs_on(
    compose: Compose, combination: Combination, capsys: pytest.CaptureFixture[str]
) -> None:
    """Print the origin of the images, and the version of the server."""
    lines = [f"{image}: {what}" for image, what in compose.bases().items()]
    lines.append(compose.inside("app", "python --version"))
    if "db" in compose.services:
        lines.append(compose.inside("db", VERSION[combination.database]))
    with capsys.disabled():
        print(f"\n{combination}:", *lines, sep="\n    ")


def assert_it_serves(compose: Compose) -> None:
    with compose.client() as client:
        answer = client.post("/items", json={"name": "Shelf", "category": "wood", "quantity": 1})
        assert answer.status_code == 201, compose.log("app")
        assert client.get(f"/items/{answer.json()['id']}").json()["name"] == "Shelf"
    assert "strict-transport-security" not in answer.headers  # only production sends it
    assert compose.inside("app", "id -u") == "10001"
    assert "Read-only" in compose.inside("app", "touch /srv/new 2>&1 || true")
    assert compose.inside("app", "df --output=size -h /tmp").split()[-1] == "256M"


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
