"""Speed of rendered services, compared with references: `uv run python bench/service.py --help`.

Renders each variant, starts real servers and one process per app, loads them with wrk in
alternating rounds, and prints medians, their spread and ratios. All figures of a table
come from one run. References, for every workload:

- `starlette`: Starlette on the raw driver
- `fastapi`: FastAPI with a response model on the raw driver
- `inlined`: the ORM written into the endpoint, without dependencies and guarantees
- `peer`: what the generator fastapi_template renders for PostgreSQL, on its most similar endpoints

`ours` is the rendered project in production, `session` its GET through `SessionDep`.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parents[1]
BENCH = Path(__file__).parent
sys.path.insert(0, str(ROOT / "tests"))

from apps import WORKLOADS, App, Running, megabytes, started  # noqa: E402
from peer import peer  # noqa: E402

from combinations import DRIVERS, Combination  # noqa: E402
from conftest import on  # noqa: E402
from processes import UV, alembic, create_database, install, run  # noqa: E402
from servers import mariadb_server, postgresql_server  # noqa: E402

CLIENTS = [1, 64, 1000]
APPS = ["ours", "session", "starlette", "fastapi", "inlined", "peer"]
PROBE = """

@app.get("/by-session/{item_id}", response_model=ItemRead)
async def by_session(session: SessionDep, item_id: int) -> Item:
    return found(await service.get_item(session, item_id))
"""


def without_async(text: str) -> str:
    """Turn async code into sync code."""
    for word, other in (
        ("async_sessionmaker", "sessionmaker"),
        ("create_async_engine", "create_engine"),
        ("from sqlalchemy.ext.asyncio import sessionmaker, create_engine", "from sqlalchemy import create_engine"),
        ("import DeclarativeBase, Mapped, mapped_column", "import DeclarativeBase, Mapped, mapped_column, sessionmaker"),
        ("asyncio.LifoQueue", "queue.LifoQueue"),
        ("AsyncConnection", "Connection"),
        ("async def", "def"),
        ("async with", "with"),
        ("await ", ""),
    ):  # fmt: skip
        text = text.replace(word, other)
    return text


def references(folder: Path, variant: Combination) -> Path:
    """Copy the references for a variant."""
    for file in (BENCH / "references").glob("*.py"):
        text = file.read_text()
        if variant.session == "sync" and file.name != "with_starlette.py":
            text = without_async(text)
        (folder / file.name).write_text(text)
    return folder


def apps(folder: Path, variant: Combination, python: str, url: str, pool: int = 10) -> list[App]:
    """Render a variant, create its database with 1,000 rows, and list the apps to serve."""
    answers = variant.answers | {"telemetry": "no"}
    rendered = Path(
        cookiecutter(str(ROOT), no_input=True, output_dir=str(folder), extra_context=answers)
    )
    environment = install(folder / "venv", python, [rendered / "pyproject.toml"])
    uvicorn = [str(environment / "python"), "-m", "uvicorn"]
    create_database(rendered, environment, url)
    alembic(rendered, environment, url, "upgrade head")
    probe = PROBE if variant.session == "async" else without_async(PROBE)
    (rendered / "bench.py").write_text(
        "from app.dependencies import SessionDep\nfrom app.items import service\n"
        "from app.items.models import Item\nfrom app.items.router import found\n"
        "from app.items.schemas import ItemRead\nfrom app.main import app\n" + probe
    )
    shared = {"DATABASE_POOL_SIZE": str(pool)}
    ours = {
        "DATABASE_POOL_SIZE": str(2 * pool),  # half for reads and half for writes
        "DATABASE_URL": url,
        "DATABASE_MAX_WAITING": "1000",
        "ENVIRONMENT": "production",
    }
    copied = folder / "references"
    copied.mkdir()
    references(copied, variant)
    raw = shared | {"BENCH_URL": url}
    session = App("session", [*uvicorn, "bench:app"], rendered, ours, "/by-session", "/health/live")
    session.workloads = {"get": "get"}
    return [
        App("ours", [*uvicorn, "app.main:app"], rendered, ours, ready="/health/live"),
        session,
        App("starlette", [*uvicorn, "with_starlette:app"], copied, raw),
        App("fastapi", [*uvicorn, "with_fastapi:app"], copied, raw),
        App("inlined", [*uvicorn, "inlined:app"], copied, raw),
    ]


def versions(place: Path) -> str:
    """Return the versions that all variants of one run use."""
    listed = run(UV, "pip", "freeze", "--quiet", "--python", place / "venv", cwd=place).stdout
    shared = ("fastapi==", "sqlalchemy==", "uvicorn==")
    return ", ".join(it.replace("==", " ") for it in listed.split() if it.startswith(shared))


def seed(app: App) -> None:
    """Store the 1,000 rows that are read and updated."""
    with started(app) as running:
        rows = [{"name": f"Row {it}", "category": "seed", "quantity": it} for it in range(1000)]
        httpx2.post(f"{running.url}/items/bulk", json=rows, timeout=60).raise_for_status()


def drive(
    running: Running, workload: str, clients: int, seconds: int, names: str
) -> dict[str, Any]:
    """Load an app for some seconds; return the counts of wrk."""
    environment = os.environ | {
        "WORKLOAD": running.app.workloads[workload],
        "RUN": names,
        "BASE": running.app.base,
    }
    done = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "--latency",
         "-s", str(BENCH / "wrk.lua"), running.url],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout.partition("RESULT ")[2])
    result["rate"] = (result["requests"] - result["refused"]) / result["seconds"]
    return result


def measure(
    variant: Combination, services: list[App], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Load the apps in alternating rounds."""
    rounds: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    starts: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    seed(services[0])
    with ExitStack() as stack:
        for app in services:
            for _ in range(options.rounds - 1):
                with started(app) as running:
                    starts.setdefault(app.name, []).append(running.seconds_to_start)
        all_running = [stack.enter_context(started(app)) for app in services]
        for running in all_running:
            starts.setdefault(running.app.name, []).append(running.seconds_to_start)
            drive(running, "get", 8, 1, "warm")
        for workload in options.workloads:
            for clients in options.clients:
                for number in range(options.rounds):
                    # The server may still flush the writes of one app while it serves the next.
                    for running in random.sample(all_running, len(all_running)):
                        if workload in running.app.workloads:
                            names = f"{running.app.name}-{workload}-{clients}-{number}-{time.time():.0f}"
                            found = drive(running, workload, clients, options.seconds, names)
                            key = (workload, clients, running.app.name)
                            rounds.setdefault(key, []).append(found)
                show(variant, workload, clients, rounds)
        memory = {it.app.name: megabytes(it.process) for it in all_running}
    for name, seconds in starts.items():
        print(
            f"{variant.session} {variant.driver}, {name}: starts in {statistics.median(seconds):.2f} s,"
            f" {memory[name]:.0f} MB after the load"
        )
    results = [
        {
            "session": variant.session, "database": variant.database, "driver": variant.driver,
            "workload": workload, "clients": clients, "app": name, "rounds": found,
        }
        for (workload, clients, name), found in rounds.items()
    ]  # fmt: skip
    return results + [
        {
            "session": variant.session, "database": variant.database, "driver": variant.driver,
            "workload": "process", "app": name, "starts": seconds, "megabytes": memory[name],
        }
        for name, seconds in starts.items()
    ]  # fmt: skip


def show(variant: Combination, workload: str, clients: int, rounds: dict[Any, Any]) -> None:
    """Print one line per app: its median, its spread, its ratio to `inlined`."""
    names = [name for (w, c, name) in rounds if (w, c) == (workload, clients)]
    medians = {
        name: statistics.median(it["rate"] for it in rounds[workload, clients, name])
        for name in names
    }
    reference = "inlined" if "inlined" in medians else names[0]
    for name in names:
        found = rounds[workload, clients, name]
        rates = [it["rate"] for it in found]
        broken = sum(it["broken"] for it in found)
        refused = sum(it["refused"] for it in found)
        print(
            f"{variant.session} {variant.driver}, {workload}, {clients} clients, {name}:"
            f" {medians[name]:.0f}/s ({min(rates):.0f} to {max(rates):.0f}),"
            f" {medians[name] / medians[reference]:.2f} of {reference},"
            f" p99 {statistics.median(it['p99'] for it in found) * 1000:.0f} ms"
            + (f", {refused} refused" if refused else "")
            + (f", {broken} broken" if broken else ""),
            flush=True,
        )


def main() -> None:
    """Measure, print, and write the figures for `bench/plots.py`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    variants = [it for it in DRIVERS if it.database != "mysql"]
    names = [f"{it.session}-{it.driver}" for it in variants]
    parser.add_argument(
        "--variants", nargs="+", choices=names, default=names, metavar="SESSION-DRIVER"
    )
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=WORKLOADS)
    parser.add_argument("--clients", nargs="+", type=int, default=CLIENTS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of one round")
    parser.add_argument("--python", default=sys.executable, help="what all apps run on")
    parser.add_argument("--pool", type=int, default=10, help="connections of each app")
    parser.add_argument("--apps", nargs="+", default=APPS, choices=APPS)
    parser.add_argument("--output", type=Path, default=BENCH / "results.json")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit(
            "there is no wrk here: install it (Debian, Ubuntu: apt install wrk; macOS: brew install wrk)"
        )
    results: list[dict[str, Any]] = []
    measured = ""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        addresses = {"sqlite": f"///{folder}/x"}
        for variant in variants:
            if f"{variant.session}-{variant.driver}" not in options.variants:
                continue
            if variant.database not in addresses:
                given = os.environ.get(f"{variant.database.upper()}_URL")
                if given:
                    addresses[variant.database] = given.partition(":")[2]
                elif variant.database == "postgresql":
                    addresses["postgresql"] = stack.enter_context(postgresql_server()).address
                else:
                    addresses["mariadb"] = stack.enter_context(mariadb_server()).address
            name = f"bench_{variant.session}_{variant.driver}"
            scheme = f"{variant.database}+{variant.driver}"
            url = on(f"{scheme}:{addresses[variant.database]}", name)
            if variant.database == "sqlite":
                url += ".db"
            place = Path(folder, name)
            place.mkdir()
            services = apps(place, variant, options.python, url, options.pool)
            if variant.driver == "asyncpg" and "peer" in options.apps:
                services += peer(place, options.python, url, services[0].folder)
            services = [it for it in services if it.name in options.apps]
            results += measure(variant, services, options)
            measured = versions(place)
    options.output.write_text(
        json.dumps(
            {
                "date": time.strftime("%Y-%m-%d"),
                "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
                "python": subprocess.run(
                    [options.python, "-V"], capture_output=True, text=True, check=True
                ).stdout.strip(),
                "versions": measured,
                "results": results,
            }
        )
    )


if __name__ == "__main__":
    main()
