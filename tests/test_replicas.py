"""Readers on a replica: a client reads its own writes, also while the replica is late or away."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from combinations import DRIVERS, Combination
from conftest import everyday, skip_unless_installable
from processes import run, serving, with_probe
from replication import (
    Node,
    Primary,
    Replica,
    Standby,
    mariadb_with_replica,
    mysql_with_replica,
    postgresql_with_standby,
)

ON_SERVERS = [it for it in DRIVERS if it.database != "sqlite"]
PAIRS: dict[str, Callable[[], AbstractContextManager[tuple[Primary, Replica]]]] = {
    "postgresql": postgresql_with_standby,
    "mysql": mysql_with_replica,
    "mariadb": mariadb_with_replica,
}
PORT = {"postgresql": "inet_server_port()", "mysql": "@@port", "mariadb": "@@port"}
# Of a log that no server has reached.
IMPOSSIBLE = {
    "postgresql": "FFFFFFFF/FFFFFFFF",
    "mysql": "00000000-0000-4000-8000-000000000000:1-9",
    "mariadb": "0-1-999999999",
}
PATIENCE = 0.1  # seconds, the default


COMMAND = """
from app.commands import run
from app.database import Database
from app.items.models import Item
from sqlalchemy import select

async def read_own(db: Database) -> None:
    assert db.replica
    assert db.replica.checked > 0
    found = 0
    for number in range(10):
        async with db.unit() as session:
            session.add(Item(name=f"Command {number}", category="own", quantity=1))
        async with db.reading() as reader:
            found += len((await reader.scalars(
                select(Item).where(Item.name == f"Command {number}")
            )).all())
    print(f"{found} of 10")

run(read_own)
"""


@dataclass
class Pair:
    """A service with a primary and a replica."""

    database: str
    primary: Primary
    replica: Replica
    client: httpx2.Client
    folder: Path
    urls: list[str]

    def add(self, name: str) -> tuple[int, dict[str, str]]:
        """Store an item; return its id, and the header for reading it."""
        response = self.client.post(
            "/items", json={"name": name, "category": "lamp", "quantity": 0}
        )
        assert response.status_code == 201, response.text
        return response.json()["id"], {
            "X-Database-Position": response.headers["X-Database-Position"]
        }

    def port(self, headers: dict[str, str] | None = None) -> int:
        """Return the port of the server that a reader uses."""
        question = f"/probe/reader?question={PORT[self.database]}"
        response = self.client.get(question, headers=headers)
        assert response.status_code == 200, response.text
        port: int = response.json()
        return port

    def replica_part(self) -> str:
        """Return what readiness says of the replica; the service must be ready."""
        response = self.client.get("/health/ready")
        assert response.status_code == 200, response.text
        part: str = response.json()["parts"]["replica"]
        return part

    def wait_for(self, part: str) -> None:
        """Wait until readiness says this of the replica."""
        deadline = time.monotonic() + 30
        while self.replica_part() != part:
            assert time.monotonic() < deadline, part
            time.sleep(0.1)

    def log(self) -> str:
        """Return what the service has logged."""
        (file,) = self.folder.glob("*.log")
        return file.read_text()


@contextmanager
def paired(tried: Combination, rendered: Path, environment: Path, folder: Path) -> Iterator[Pair]:
    """Serve a project with a replica."""
    skip_unless_installable(tried)
    query = "" if tried.database == "postgresql" else "?charset=utf8mb4"
    with PAIRS[tried.database]() as (primary, replica):
        urls = [
            f"{tried.database}+{tried.driver}:{server.address}my_api_pair{query}"
            for server in (primary, replica)
        ]
        with_probe(rendered, folder, environment, urls[0])
        with serving(
            folder, environment, urls[0], entrypoint="probe:app", DATABASE_REPLICA_URL=urls[1]
        ) as client:
            pair = Pair(tried.database, primary, replica, client, folder, urls)
            pair.wait_for("ok")
            yield pair


@pytest.mark.parametrize(
    "tried",
    everyday(ON_SERVERS, "asyncpg", "psycopg2", "mysql+asyncmy", "mariadb+pymysql"),
    ids=str,
)
def test_a_client_reads_what_it_wrote(
    tried: Combination, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    with paired(tried, projects[tried], environment, tmp_path) as pair:
        assert pair.port() == pair.replica.port
        writes_are_visible(pair, 500, "Lamp")
        assert pair.port() == pair.replica.port
        a_request_reads_its_own_write(pair, "Own")
        positions_of_others_make_no_error(pair)
        a_replica_that_is_late_is_not_waited_for(pair)
        pair.replica.pause_replay()
        _, header = pair.add("After the pause")
        assert pair.client.get("/items", params={"category": "own"}, headers=header).json()["items"]
        writes_are_visible(pair, 20, "Paused")
        a_request_reads_its_own_write(pair, "Own and paused")
        a_command_reads_its_own_write(pair, tried, environment)
        pair.replica.resume_replay()
        pair.wait_for("ok")
        writes_are_visible(pair, 100, "Resumed")
        if isinstance(pair.primary, Node):
            pair.primary.sql("ALTER SYSTEM SET synchronous_commit = off")
            pair.primary.sql("SELECT pg_reload_conf()")
            writes_are_visible(pair, 100, "Not waiting for the disk")
        a_replica_that_is_away_has_no_readers(pair)
        if isinstance(pair.replica, Standby):
            pair.replica.promote()  # by mistake: the primary stays the primary of the service
            writes_are_visible(pair, 20, "Promoted")
    said = [line for line in pair.log().splitlines() if "[app.database.replica.watch]" in line]
    primary = [line for line in said if "Readers use the primary" in line]
    assert len(primary) == 1 + sum("replication has stopped" in line for line in said), said


def writes_are_visible(pair: Pair, count: int, name: str) -> None:
    """Read each row with the position of its write."""
    for number in range(count):
        key, header = pair.add(f"{name} {number}")
        found = pair.client.get(f"/items/{key}", headers=header)
        assert found.status_code == 200, found.text


def a_request_reads_its_own_write(pair: Pair, name: str) -> None:
    for number in range(20):
        own = pair.client.post(f"/probe/own?name={name} {number}")
        assert (own.status_code, own.json()) == (200, 1)


def a_command_reads_its_own_write(pair: Pair, tried: Combination, environment: Path) -> None:
    source = COMMAND
    if tried.session == "sync":
        source = source.replace("async ", "").replace("await ", "")
    (pair.folder / "app/commands/read_own.py").write_text(source)
    done = run(
        environment / "python", "-m", "app.commands.read_own", cwd=pair.folder,
        DATABASE_URL=pair.urls[0], DATABASE_REPLICA_URL=pair.urls[1],
    )  # fmt: skip
    assert "10 of 10" in done.stdout, done.stdout


def positions_of_others_make_no_error(pair: Pair) -> None:
    """They cost at most the patience, and then the primary serves."""
    for position in ("", "x", "0/", "0/0' OR 1=1", "9" * 500, "-", IMPOSSIBLE[pair.database]):
        begun = time.perf_counter()
        port = pair.port({"X-Database-Position": position})
        assert time.perf_counter() - begun < PATIENCE + 1.0
        late = position in ("-", IMPOSSIBLE[pair.database])
        assert port == (pair.primary.port if late else pair.replica.port), position


def a_replica_that_is_late_is_not_waited_for(pair: Pair) -> None:
    """A reader that has waited in vain spares the others the wait, until the next check."""

    def taken() -> float:
        begun = time.perf_counter()
        assert pair.port({"X-Database-Position": IMPOSSIBLE[pair.database]}) == pair.primary.port
        return time.perf_counter() - begun

    assert statistics.median(taken() for _ in range(20)) < PATIENCE
    time.sleep(2)  # the replica is checked once a second
    assert taken() >= PATIENCE


def a_replica_that_is_away_has_no_readers(pair: Pair) -> None:
    """While it stops and starts under load, at most each of its connections fails once."""

    async def load(seconds: float) -> Counter[int]:
        codes: Counter[int] = Counter()
        until = time.monotonic() + seconds
        async with httpx2.AsyncClient(base_url=pair.client.base_url, timeout=60) as clients:

            async def client_loop() -> None:
                while time.monotonic() < until:
                    codes[(await clients.get("/items/1")).status_code] += 1

            loops = [asyncio.create_task(client_loop()) for _ in range(20)]
            await asyncio.sleep(seconds / 4)
            await asyncio.to_thread(pair.replica.stop)
            await asyncio.gather(*loops)
        return codes

    codes = asyncio.run(load(4.0))
    assert set(codes) <= {200, 503}, codes
    assert codes[503] <= 7, codes
    assert codes[200] > 100, codes
    assert pair.replica_part() == "down"
    assert pair.port() == pair.primary.port
    writes_are_visible(pair, 20, "Away")
    pair.replica.start()
    pair.wait_for("ok")
    assert pair.port() == pair.replica.port
