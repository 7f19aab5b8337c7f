"""A PostgreSQL primary and its standby behind one URL: failover, demotion, a silent host."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from combinations import DRIVERS, Combination
from conftest import everyday
from processes import serving, with_probe
from replication import Node, Standby, postgresql_with_standby, silent_host, wait_until

ON_POSTGRESQL = [it for it in DRIVERS if it.database == "postgresql"]
CLIENTS = 20
PORT = "/probe/reader?question=inet_server_port()"


def url_of(tried: Combination, *ports: int, **parameters: str) -> str:
    """Return a URL with several hosts."""
    hosts = "&".join(f"host=127.0.0.1:{port}" for port in ports)
    query = "".join(f"&{name}={value}" for name, value in parameters.items())
    return f"postgresql+{tried.driver}://postgres:@/my_api_hosts?{hosts}{query}"


def migrated(tried: Combination, rendered: Path, environment: Path, folder: Path, on: Node) -> None:
    """Make the project in a folder, and its database."""
    with_probe(rendered, folder, environment, url_of(tried, on.port))


@contextmanager
def with_standby(
    tried: Combination, rendered: Path, environment: Path, folder: Path
) -> Iterator[tuple[Node, Standby, httpx2.Client]]:
    """Serve a project with the hosts of a primary and a standby."""
    with postgresql_with_standby() as (primary, standby):
        migrated(tried, rendered, environment, folder, primary)
        url = url_of(tried, primary.port, standby.port, target_session_attrs="read-write")
        with serving(folder, environment, url, entrypoint="probe:app", tracebacks=True) as client:
            yield primary, standby, client


@dataclass
class Load:
    """What clients saw that write and read while something happens to the servers."""

    codes: Counter[int] = field(default_factory=Counter)
    stored: set[str] = field(default_factory=set)
    pause: float = 0.0  # seconds without a successful write
    slowest: float = 0.0  # seconds for a write and a read
    other: set[str] = field(default_factory=set)


async def under_load(client: httpx2.Client, event: Callable[[], None], seconds: float) -> Load:
    """Write and read from many clients at once, and cause an event after a second."""
    load = Load()
    numbers = itertools.count()
    until = time.monotonic() + seconds
    last = time.monotonic()
    limits = httpx2.Limits(max_connections=CLIENTS)
    async with httpx2.AsyncClient(base_url=client.base_url, limits=limits, timeout=60) as clients:

        async def client_loop() -> None:
            nonlocal last
            while time.monotonic() < until:
                name, begun = f"Item {next(numbers)}", time.monotonic()
                written = await clients.post(
                    "/items", json={"name": name, "category": "item", "quantity": 0}
                )
                read = await clients.get("/items?limit=1")
                load.slowest = max(load.slowest, time.monotonic() - begun)
                for response in (written, read):
                    load.codes[response.status_code] += 1
                    if response.status_code not in (200, 201, 503):
                        load.other.add(response.text)
                if written.status_code == 201:
                    load.stored.add(name)
                    load.pause = max(load.pause, time.monotonic() - last)
                    last = time.monotonic()

        async def cause() -> None:
            await asyncio.sleep(1)
            await asyncio.to_thread(event)

        await asyncio.gather(cause(), *(client_loop() for _ in range(CLIENTS)))
    return load


def names(client: httpx2.Client) -> set[str]:
    """Return the names of all items."""
    found: set[str] = set()
    parameters = {"limit": "100"}
    while True:
        page = client.get("/items", params=parameters).json()
        found |= {item["name"] for item in page["items"]}
        if page["next_cursor"] is None:
            return found
        parameters["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("tried", everyday(ON_POSTGRESQL, "asyncpg", "psycopg2"), ids=str)
def test_a_failover_heals_and_loses_no_write(
    tried: Combination, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    with with_standby(tried, projects[tried], environment, tmp_path) as (primary, standby, client):

        def fail_over() -> None:
            primary.stop()
            assert (
                client.post(
                    "/items", json={"name": "No", "category": "no", "quantity": 0}
                ).status_code
                == 503
            )
            time.sleep(0.5)
            standby.promote()

        load = asyncio.run(under_load(client, fail_over, 6))
        assert load.other == set()
        assert load.pause < 5, load
        assert client.get(PORT).json() == standby.port
        assert load.stored <= names(client)


@pytest.mark.parametrize("tried", everyday(ON_POSTGRESQL, "asyncpg", "psycopg2"), ids=str)
def test_readers_and_writers_leave_a_primary_that_was_demoted_and_stays_up(
    tried: Combination, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    with with_standby(tried, projects[tried], environment, tmp_path) as (primary, standby, client):

        def demote() -> None:
            standby.promote()
            primary.sql("ALTER SYSTEM SET default_transaction_read_only = on")
            primary.sql("SELECT pg_reload_conf()")

        load = asyncio.run(under_load(client, demote, 5))
        assert load.other == set()
        assert load.codes[503] < 200, load.codes
        assert load.pause < 3, load
        for number in range(10):
            assert client.get(PORT).json() == standby.port
            response = client.post(
                "/items", json={"name": f"New {number}", "category": "new", "quantity": 0}
            )
            assert response.status_code == 201


@pytest.mark.parametrize("tried", everyday(ON_POSTGRESQL, "asyncpg", "psycopg2"), ids=str)
def test_a_first_host_that_is_silent_delays_only_the_first_connection(
    tried: Combination, projects: dict[Combination, Path], environment: Path, tmp_path: Path
) -> None:
    with postgresql_with_standby() as (primary, _), silent_host() as silent:
        migrated(tried, projects[tried], environment, tmp_path, primary)
        url = url_of(
            tried, silent, primary.port, target_session_attrs="read-write", connect_timeout="2"
        )
        with serving(tmp_path, environment, url, entrypoint="probe:app") as client:
            wait_until(lambda: client.get("/health/ready").status_code == 200, "it is never ready")
            load = asyncio.run(under_load(client, lambda: None, 1.5))
            assert set(load.codes) == {200, 201}, load.codes
            assert load.slowest < 1.5, load
