"""The capacity model, and what a replica costs: `uv run python bench/scaling.py`.

1. Requests arrive at random times at a given rate and hold a connection for 50 ms in the
   database. Compares the rate that is served, and the mean number of connections in use, with
   the model: the limit is connections / seconds held, and the number in use is rate * seconds
   held.
2. Requests per second of eight clients with and without a replica, one process at a time.
3. Of 500 reads right after the client's own write, how many miss it.

Everything in alternating rounds; prints medians. Writes `bench/scaling.json`, from which
`plots.py` draws `docs/scaling.svg`. One PostgreSQL, one standby, and the client share the machine.
"""

import asyncio
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from processes import install, serving, with_probe  # noqa: E402
from replication import Node, Standby, postgresql_with_standby  # noqa: E402

HELD = 0.05  # seconds
POOL = 20  # connections for requests; those that are not for readers are for writers
READERS = {5: [20, 40, 60, 80, 90, 110, 150], 10: [40, 80, 120, 160, 180, 220, 260]}
FIXED = 40  # requests per second through `SessionDep`
MODEL_ROUNDS = 3
SECONDS, BEFORE = 4.0, 1.0  # of the measurement, and before it begins
SAMPLE = 0.02  # seconds between two looks at the pool
READ, WRITE = f"/probe/reader?question=pg_sleep({HELD})", f"/probe/slow?seconds={HELD}"

CLIENTS = 8
COST_ROUNDS = 9
COST_SECONDS = 2.0

OWN_WRITES = 500
OWN_CLIENTS = [1, 10]  # together they write that often
OWN_ROUNDS = 3
DELAYS = [0, 200]  # ms

POSITION = "x-database-position"
NUMBERS = itertools.count()


def item() -> str:
    """Return the body of a new item; names are unique."""
    return json.dumps({"name": f"Lamp {next(NUMBERS)}", "category": "light", "quantity": 0})


@dataclass
class Answer:
    """A response."""

    code: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Connection:
    """A persistent HTTP connection."""

    def __init__(self, port: int) -> None:
        """Connect at the first request."""
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, path: str, *, headers: dict[str, str] | None = None, body: str | None = None
    ) -> Answer:
        """Send a GET, or a POST if there is a body."""
        begun = time.perf_counter()
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        sent = {"host": "localhost"} | (headers or {})
        if body is not None:
            sent |= {"content-type": "application/json", "content-length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        method = "GET" if body is None else "POST"
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n{body or ''}".encode())
        status, *received = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        found = dict(line.lower().split(": ", 1) for line in received)
        if POSITION in found:
            found[POSITION] = found[POSITION].upper()
        content = await reader.readexactly(int(found["content-length"]))
        return Answer(int(status.split()[1]), found, content, time.perf_counter() - begun)

    def close(self) -> None:
        """Close it."""
        if self.streams is not None:
            self.streams[1].close()


@dataclass
class Offered:
    """What happened to requests that were offered at a rate."""

    served: float = 0.0  # per second
    rejected: float = 0.0  # per second
    in_use: float = 0.0  # connections
    p50: float = 0.0  # seconds
    p99: float = 0.0  # seconds


async def offer(port: int, path: str, rate: float, seed: int) -> Offered:
    """Send requests at random times, however many are under way; sample the pool meanwhile."""
    chosen = random.Random(seed)
    whole = BEFORE + SECONDS
    times = sorted(chosen.uniform(0, whole) for _ in range(round(rate * whole)))
    idle: list[Connection] = []
    answers: list[tuple[float, Answer]] = []
    begun = time.perf_counter()

    async def one(at: float) -> None:
        await asyncio.sleep(begun + at - time.perf_counter())
        connection = idle.pop() if idle else Connection(port)
        answer = await connection.ask(path)
        answers.append((time.perf_counter() - begun, answer))
        idle.append(connection)

    async def sample() -> list[int]:
        connection, found = Connection(port), []
        await asyncio.sleep(BEFORE)
        while time.perf_counter() - begun < whole:
            found.append(json.loads((await connection.ask("/probe/held")).body)[0])
            await asyncio.sleep(SAMPLE)
        connection.close()
        return found

    sampling = asyncio.create_task(sample())
    await asyncio.gather(*map(one, times))
    in_use = await sampling
    for connection in idle:
        connection.close()
    inside = [answer for at, answer in answers if BEFORE <= at < whole]
    assert {it.code for it in inside} <= {200, 503}, {it.code for it in inside}
    served = sorted(it.seconds for it in inside if it.code == 200)
    return Offered(
        served=len(served) / SECONDS,
        rejected=(len(inside) - len(served)) / SECONDS,
        in_use=statistics.mean(in_use),
        p50=statistics.median(served),
        p99=statistics.quantiles(served, n=100)[98],
    )


async def highest(port: int, path: str, clients: int) -> float:
    """Return the requests per second of clients that send one after the other."""
    begun = time.perf_counter()
    served = 0

    async def loop() -> None:
        nonlocal served
        connection = Connection(port)
        while (now := time.perf_counter() - begun) < BEFORE + SECONDS:
            answer = await connection.ask(path)
            assert answer.code == 200, answer
            served += now >= BEFORE
        connection.close()

    await asyncio.gather(*(loop() for _ in range(clients)))
    return served / SECONDS


@dataclass
class Project:
    """A rendered project with the endpoints of `probe.py`, and its servers."""

    folder: Path
    environment: Path
    primary: Node
    standby: Standby

    def url(self, server: Node) -> str:
        """Return the URL of a server."""
        return f"postgresql+asyncpg:{server.address}my_api_scaling"

    @contextmanager
    def served(self, *, replica: bool = False, readers: int = 10) -> Iterator[int]:
        """Serve it in one process; yield the port."""
        with serving(
            self.folder, self.environment, self.url(self.primary), entrypoint="probe:app",
            DATABASE_POOL_SIZE=str(POOL), DATABASE_READER_CONNECTIONS=str(readers),
            DATABASE_REPLICA_URL=self.url(self.standby) if replica else "none",
        ) as client:  # fmt: skip
            wait_until_ready(client, replica=replica)
            yield client.base_url.port or 0


def wait_until_ready(client: httpx2.Client, *, replica: bool) -> None:
    """Wait until readers use the replica, if there is one."""
    deadline = time.monotonic() + 30
    while True:
        ready = client.get("/health/ready")
        if ready.status_code == 200 and (not replica or ready.json()["parts"]["replica"] == "ok"):
            return
        assert time.monotonic() < deadline, ready.text
        time.sleep(0.1)


@contextmanager
def prepared() -> Iterator[Project]:
    """Render and install a project, and start a primary and a standby."""
    with tempfile.TemporaryDirectory() as name, postgresql_with_standby() as servers:
        rendered = Path(
            cookiecutter(
                str(ROOT),
                no_input=True,
                output_dir=name,
                extra_context={"database": "postgresql", "driver": "asyncpg"},
            )
        )
        folder = Path(name, "served")
        environment = install(Path(name, "venv"), sys.executable, [rendered / "pyproject.toml"])
        project = Project(folder, environment, *servers)
        with_probe(rendered, folder, environment, project.url(project.primary))
        yield project


def measure_model(project: Project) -> dict[str, Any]:
    """Compare the model with two services that differ in the connections of readers."""
    reading: dict[int, dict[int, list[Offered]]] = {
        readers: {rate: [] for rate in rates} for readers, rates in READERS.items()
    }
    limits: dict[int, list[float]] = {readers: [] for readers in READERS}
    writing: list[Offered] = []
    with ExitStack() as running:
        ports = {it: running.enter_context(project.served(readers=it)) for it in READERS}
        for number in range(MODEL_ROUNDS):
            for readers, port in ports.items():
                limits[readers].append(asyncio.run(highest(port, READ, 4 * readers)))
                for rate, found in reading[readers].items():
                    found.append(asyncio.run(offer(port, READ, rate, number)))
                    time.sleep(1)
            writing.append(asyncio.run(offer(ports[5], WRITE, FIXED, number)))
            print(f"round {number + 1} of the model is done", file=sys.stderr)
    for readers, rates in limits.items():
        print(
            f"{readers} connections, {4 * readers} clients: {statistics.median(rates):.1f}/s"
            f" ({min(rates):.1f} to {max(rates):.1f}), predicted {readers / HELD:.0f}"
        )
    points = []
    for readers, by_rate in reading.items():
        for rate, found in by_rate.items():
            point = middle(found) | {"readers": readers, "rate": rate}
            points.append(point)
            print_offered(f"{readers} connections, {rate}/s offered", point, rate, readers)
    session = middle(writing) | {"rate": FIXED}
    print_offered(f"SessionDep, {FIXED}/s offered", session, FIXED, POOL - 5)
    return {"held": HELD, "limits": limits, "points": points, "session": session}


def middle(found: list[Offered]) -> dict[str, Any]:
    """Return the medians, and the range of what the model predicts."""
    names = ("served", "rejected", "in_use", "p50", "p99")
    values = {name: [getattr(it, name) for it in found] for name in names}
    medians: dict[str, Any] = {name: statistics.median(each) for name, each in values.items()}
    for name in ("served", "in_use"):
        medians[f"{name}_range"] = [min(values[name]), max(values[name])]
    return medians


def print_offered(name: str, point: dict[str, Any], rate: float, connections: int) -> None:
    """Print a point, and what the model says of it."""
    low, high = point["in_use_range"]
    print(
        f"{name}: {point['served']:.1f}/s served, predicted {min(rate, connections / HELD):.0f};"
        f" {point['in_use']:.2f} in use ({low:.2f} to {high:.2f}),"
        f" predicted {min(rate * HELD, connections):.2f};"
        f" p50 {point['p50'] * 1000:.0f} ms, p99 {point['p99'] * 1000:.0f} ms,"
        f" {point['rejected']:.1f}/s rejected"
    )


async def hammer(
    port: int, path: str, *, headers: dict[str, str] | None = None, post: bool = False
) -> float:
    """Return the requests per second of a few clients."""
    until = time.perf_counter() + COST_SECONDS
    served = 0

    async def loop() -> None:
        nonlocal served
        connection = Connection(port)
        while time.perf_counter() < until:
            answer = await connection.ask(path, headers=headers, body=item() if post else None)
            assert answer.code in (200, 201), answer
            served += 1
        connection.close()

    await asyncio.gather(*(loop() for _ in range(CLIENTS)))
    return served / COST_SECONDS


async def store(port: int) -> tuple[str, str]:
    """Store an item; return its path and its position."""
    connection = Connection(port)
    answer = await connection.ask("/items", body=item())
    assert answer.code == 201, answer
    connection.close()
    return f"/items/{json.loads(answer.body)['id']}", answer.headers[POSITION]


def measure_cost(project: Project) -> dict[str, list[float]]:
    """Compare a service without a replica with one that has it."""
    found: dict[str, list[float]] = {}
    with project.served() as alone, project.served(replica=True) as replicated:
        path, position = asyncio.run(store(replicated))
        time.sleep(2)
        calls: dict[str, Callable[[], Coroutine[Any, Any, float]]] = {
            "GET, no replica": lambda: hammer(alone, path),
            "GET, replica": lambda: hammer(replicated, path),
            "GET, replica and a position": lambda: hammer(
                replicated, path, headers={POSITION: position}
            ),
            "POST, no replica": lambda: hammer(alone, "/items", post=True),
            "POST, replica": lambda: hammer(replicated, "/items", post=True),
        }
        for number in range(COST_ROUNDS):
            names = list(calls)
            random.Random(number).shuffle(names)
            for name in names:
                found.setdefault(name, []).append(asyncio.run(calls[name]()))
                time.sleep(0.5)
    for name in calls:
        rates, base = found[name], found[f"{name.split(',')[0]}, no replica"]
        ratios = [rate / other for rate, other in zip(rates, base, strict=True)]
        print(
            f"{name}: {statistics.median(rates):.0f}/s ({min(rates):.0f} to {max(rates):.0f}),"
            f" {statistics.median(rates) / statistics.median(base):.2f} of no replica"
            f" (rounds {min(ratios):.2f} to {max(ratios):.2f})"
        )
    return found


@dataclass
class OwnWrites:
    """What a client saw that read each row after writing it."""

    missed: int = 0
    seconds: list[float] = field(default_factory=list)


async def read_own_writes(port: int, *, clients: int, with_position: bool) -> OwnWrites:
    """Write rows and read each at once."""
    found = OwnWrites()

    async def loop() -> None:
        connection = Connection(port)
        for _ in range(OWN_WRITES // clients):
            written = await connection.ask("/items", body=item())
            assert written.code == 201, written
            headers = {POSITION: written.headers[POSITION]} if with_position else {}
            path = f"/items/{json.loads(written.body)['id']}"
            read = await connection.ask(path, headers=headers)
            assert read.code in (200, 404), read
            found.missed += read.code == 404
            found.seconds.append(read.seconds)
        connection.close()

    await asyncio.gather(*(loop() for _ in range(clients)))
    return found


def measure_own_writes(project: Project) -> None:
    """Read own writes with and without their positions, also on a standby that is late."""
    found: dict[str, list[OwnWrites]] = {}
    with project.served(replica=True) as port:
        for _ in range(OWN_ROUNDS):
            for delay, clients in itertools.product(DELAYS, OWN_CLIENTS):
                project.standby.delay(delay)
                time.sleep(2)
                for with_position in (False, True):
                    name = (
                        f"delay {delay} ms, {clients} clients,"
                        f" {'with' if with_position else 'without'} the position"
                    )
                    work = read_own_writes(port, clients=clients, with_position=with_position)
                    found.setdefault(name, []).append(asyncio.run(work))
        project.standby.delay(0)
    for name, rounds in found.items():
        seconds = [second for it in rounds for second in it.seconds]
        print(
            f"{name}: {[it.missed for it in rounds]} of {OWN_WRITES} missed,"
            f" a read takes {statistics.median(seconds) * 1000:.1f} ms"
            f" (p99 {statistics.quantiles(seconds, n=100)[98] * 1000:.1f})"
        )


def main() -> None:
    """Measure, print the figures, and store those that are drawn."""
    with prepared() as project:
        model = measure_model(project)
        (ROOT / "bench/scaling.json").write_text(json.dumps(model, indent=1))
        measure_cost(project)
        measure_own_writes(project)


if __name__ == "__main__":
    main()
