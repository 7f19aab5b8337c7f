"""A service behind PgBouncer in transaction mode, and its migrations beside it."""

import asyncio
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
import pytest
from test_migrations import UNTIL_TOLD, upgrade_at_once, with_revision

from combinations import DRIVERS, Combination
from conftest import everyday
from processes import create_database, execute, run, serving, with_probe
from servers import Server, pgbouncers, pooler, postgresql_server

ON_POSTGRESQL = [it for it in DRIVERS if it.database == "postgresql"]
CLIENTS, REQUESTS = 40, 1000
WORDS = ("sad", "ok", "happy")
LEFT = "/probe/ask?question=SELECT count(*) FROM pg_prepared_statements"
CHANGED = (
    "/probe/ask?question=SELECT count(*) FROM pg_settings"
    " WHERE source = 'session' AND setting <> reset_val"
    " AND name <> 'client_encoding'"  # the pooler itself sets that
)
# As docs/database.md says.
ROLE = [
    "ALTER ROLE CURRENT_USER SET statement_timeout = '30s'",
    "ALTER ROLE CURRENT_USER SET idle_in_transaction_session_timeout = '30s'",
    "ALTER ROLE CURRENT_USER SET timezone = 'UTC'",
    "ALTER ROLE CURRENT_USER SET jit = off",
]


async def load(client: httpx2.Client, *broken: Server) -> list[str]:
    """Send requests from many clients at once; return what was wrong with the responses.

    Meanwhile, some servers are killed and started again.
    """
    limits = httpx2.Limits(max_connections=CLIENTS)
    wrong = []
    async with httpx2.AsyncClient(base_url=client.base_url, limits=limits, timeout=60) as clients:

        async def one(number: int) -> None:
            item = number % 50 + 1
            paths = {
                f"/items/{item}": ("name", f"Lamp {item}"),
                f"/probe/mood?number={number}": (None, f"{WORDS[number % 3]} {number}"),
                f"/probe/ask?question=SELECT {number}": (None, number),
                f"/probe/user-by-reading?item_id={item}": (None, item),
            }
            path, (key, expected) = list(paths.items())[number % 4]
            response = await clients.get(path)
            found = response.json()
            if response.status_code == 503 and broken:
                return
            if response.status_code != 200 or (found[key] if key else found) != expected:
                wrong.append(f"{path}: {response.status_code} {response.text}")

        waiting = iter(range(REQUESTS))

        async def client_loop() -> None:
            for number in waiting:
                await one(number)

        async def break_servers() -> None:
            for server in broken:
                await asyncio.sleep(0.3)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)

        await asyncio.gather(break_servers(), *(client_loop() for _ in range(CLIENTS)))
    return wrong


@pytest.fixture(params=["oldest", "newest"])
def pgbouncer(request: pytest.FixtureRequest) -> str:
    """The oldest and the newest on the PATH: one from 1.21 on may keep prepared statements."""
    found = pgbouncers()
    if not found:
        pytest.skip("there is no pgbouncer to start: on Debian, apt install pgbouncer")
    if request.param == "newest" and len(found) == 1:
        pytest.skip(
            f"there is no pgbouncer besides {next(iter(found))}: on Debian, .ci/unstable installs"
            " a newer one than apt"
        )
    return list(found.values())[0 if request.param == "oldest" else -1]


def wait_until_ready(client: httpx2.Client) -> None:
    """Wait until the service reaches its database again."""
    deadline = time.monotonic() + 30
    while client.get("/health/ready").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("tried", everyday(ON_POSTGRESQL, "asyncpg", "psycopg2"), ids=str)
def test_every_response_through_a_pooler_is_right(
    tried: Combination,
    pgbouncer: str,
    projects: dict[Combination, Path],
    environment: Path,
    tmp_path: Path,
) -> None:
    scheme = f"postgresql+{tried.driver}"

    def serve(address: str, mode: str = "transaction") -> AbstractContextManager[httpx2.Client]:
        return serving(
            tmp_path,
            environment,
            f"{scheme}://app@{address}/pooled",
            entrypoint="probe:app",
            DATABASE_POOLER=mode,
            ENVIRONMENT="production",
        )

    def log() -> str:
        (file,) = tmp_path.glob("*.log")
        said = file.read_text()
        file.unlink()
        return said

    with postgresql_server() as server, pooler(pgbouncer, server) as first:
        direct = f"{scheme}:{server.address}".replace("/postgres?", "/pooled?")
        with_probe(projects[tried], tmp_path, environment, direct)
        execute(tmp_path, environment, direct, "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')")
        with serve(first.address, "none") as client:
            assert client.get("/items").status_code == 503
        said = log()
        assert "unsupported startup parameter" in said, said
        with serve(first.address) as client:
            assert client.get("/health/ready").status_code == 200
        assert log().count("ALTER ROLE") == 1

        execute(tmp_path, environment, direct, *ROLE)
        with pooler(pgbouncer, server) as fresh, serve(fresh.address) as client:
            rows = [
                {"name": f"Lamp {it}", "category": "light", "quantity": it} for it in range(1, 51)
            ]
            assert client.post("/items/bulk", json=rows).status_code == 201
            for _ in range(2):
                assert asyncio.run(load(client)) == []
            for _ in range(20):
                assert client.get(LEFT).json() <= 1  # the question itself
                assert client.get(CHANGED).json() == 0
            assert asyncio.run(load(client, fresh, server)) == []
            wait_until_ready(client)
            assert asyncio.run(load(client)) == []
        assert "ALTER ROLE" not in log()


def test_concurrent_upgrades_beside_a_pooler_wait_for_each_other(
    pgbouncer: str,
    projects: dict[Combination, Path],
    environment: Path,
    tmp_path: Path,
) -> None:
    tried = ON_POSTGRESQL[0]
    project = with_revision(projects[tried], tmp_path / "my-api", UNTIL_TOLD)
    with postgresql_server() as server, pooler(pgbouncer, server) as bouncer:
        direct = f"postgresql+{tried.driver}:{server.address}".replace("/postgres?", "/pooled?")
        create_database(project, environment, direct)
        upgrade_at_once(
            project, environment, f"postgresql+{tried.driver}://app@{bouncer.address}/pooled", 2,
            DATABASE_POOLER="transaction", MIGRATION_DATABASE_URL=direct,
        )  # fmt: skip
        assert "login attempt" not in bouncer.log.read_text()


def test_migrations_and_tests_do_not_pass_a_pooler(
    projects: dict[Combination, Path],
    environment: Path,
    database_url: Callable[[Combination, str], str],
    tmp_path: Path,
) -> None:
    commands = [
        ("-m", "app.commands.create_database"),
        ("-m", "alembic", "upgrade", "head"),
        ("-m", "pytest", "-q", "tests/items"),
    ]
    for tried in ON_POSTGRESQL[:1] + ON_POSTGRESQL[-1:]:
        project = shutil.copytree(projects[tried], tmp_path / str(tried))
        direct = database_url(tried, "my_api_pooled")
        behind = {
            "DATABASE_URL": f"postgresql+{tried.driver}://app@127.0.0.1:9/nowhere",
            "DATABASE_POOLER": "transaction",
        }
        for command in commands[:2]:
            refused = run(environment / "python", *command, cwd=project, check=False, **behind)
            assert refused.returncode == 1
            assert refused.stdout.strip().splitlines()[-1] == (
                "Migrations need the address of the server itself, because DATABASE_POOLER is set:"
                " set MIGRATION_DATABASE_URL"
            )
            assert "Traceback" not in refused.stdout
        for command in commands:
            run(
                environment / "python",
                *command,
                cwd=project,
                check=True,
                MIGRATION_DATABASE_URL=direct,
                **behind,
            )
