"""What an overload costs the requests that succeed: `uv run python bench/overload.py`.

Clients send a slow query (50 ms in the database) for three seconds: as many clients as there
are connections and places in the queue, then 1,000, in alternating rounds. A client that gets
503 retries after the second that `Retry-After` names. Prints medians over the rounds.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from processes import install, serving, with_probe  # noqa: E402
from servers import postgresql_server  # noqa: E402

LOADS = {"110 clients": 110, "1,000 clients": 1000}
ROUNDS = 5
SECONDS = 3.0
VARIANTS = {"async": "asyncpg", "sync": "psycopg"}
REQUEST = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
) -> tuple[int, float]:
    """Send one request on an open connection; return its status code and its duration."""
    begin = time.perf_counter()
    writer.write(REQUEST.format(path).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = head.partition("content-length: ")[2].partition("\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split()[1]), time.perf_counter() - begin


async def client(port: int, path: str, until: float, pause: float) -> list[tuple[int, float]]:
    """Send requests until a time, as a client that respects `Retry-After`."""
    answers = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        code, seconds = await ask(reader, writer, path)
        answers.append((code, seconds))
        await asyncio.sleep(1 if code == 503 else pause)
    writer.close()
    return answers


async def load(port: int, count: int) -> tuple[list[tuple[int, float]], list[float]]:
    """Load the service, and request its liveness ten times a second meanwhile."""
    until = time.perf_counter() + SECONDS
    live = asyncio.create_task(client(port, "/health/live", until, 0.1))
    slow = await asyncio.gather(
        *(client(port, "/probe/slow?seconds=0.05", until, 0) for _ in range(count))
    )
    return [answer for answers in slow for answer in answers], [s for _, s in await live]


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(seconds, n=100)[98]


def measure(service: httpx2.Client) -> dict[str, list[tuple[float, float, float]]]:
    """Alternate the loads; return requests served per second, their p99 and liveness p99."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in LOADS}
    for _ in range(ROUNDS):
        for name, count in LOADS.items():
            answers, live = asyncio.run(load(service.base_url.port or 0, count))
            assert {code for code, _ in answers} <= {200, 503}
            served = [seconds for code, seconds in answers if code == 200]
            found[name].append((len(served) / SECONDS, p99(served), p99(live)))
            time.sleep(0.5)
    return found


@contextmanager
def serving_variant(folder: Path, session: str, pool_size: int = 10) -> Iterator[httpx2.Client]:
    """Render a variant for PostgreSQL, and serve it with the endpoints of `probe.py`."""
    driver = VARIANTS[session]
    rendered = cookiecutter(
        str(ROOT),
        no_input=True,
        output_dir=f"{folder}/{session}",
        extra_context={"session": session, "database": "postgresql", "driver": driver},
    )
    project = Path(folder, session, "served")
    environment = install(
        Path(folder, session, "venv"), sys.executable, [Path(rendered, "pyproject.toml")]
    )
    with postgresql_server() as server:
        url = f"postgresql+{driver}:{server.address}".replace("/postgres?", "/measured?")
        with_probe(Path(rendered), project, environment, url)
        with serving(
            project, environment, url, entrypoint="probe:app", DATABASE_POOL_SIZE=str(pool_size)
        ) as service:
            yield service


def main() -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        for session in VARIANTS:
            # Of 20 connections, 10 are for requests that may write, as the slow query does.
            with serving_variant(Path(folder), session, pool_size=20) as service:
                for name, rounds in measure(service).items():
                    served, slowest, live = map(statistics.median, zip(*rounds, strict=True))
                    print(
                        f"{session}, {name}: {served:.0f} served/s,"
                        f" p99 {slowest:.2f} s, liveness p99 {live * 1000:.0f} ms"
                    )


if __name__ == "__main__":
    main()
