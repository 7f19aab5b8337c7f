"""Cost of single changes to a project: `uv run --group profile python bench/alternatives.py`.

Serves the unchanged project, and copies with one thing changed (the server, its parts, the
pool, the engine). Loads all of them in alternating rounds, in random order. Prints the requests
per second of each and its CPU time per request, child processes included, as ratios of medians
to the unchanged project. CPU time varies less than the rate; only the rate shows the gain of
several processes.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import psutil

# `service` adds the modules of the tests to `sys.path`.
from service import apps, drive, seed  # isort: skip
from apps import App, Running, started

from combinations import DRIVERS
from conftest import on
from processes import UV
from servers import postgresql_server

USUAL = "as it is"
POOL = 5  # all services run at once, and the server allows 100 connections
SERVERS = {
    "asyncio instead of uvloop": ["-m", "uvicorn", "app.main:app", "--loop", "asyncio"],
    "h11 instead of httptools": ["-m", "uvicorn", "app.main:app", "--http", "h11"],
    "two workers": ["-m", "uvicorn", "app.main:app", "--workers", "2"],
    "granian": ["-m", "granian", "--interface", "asgi", "--loop", "uvloop", "app.main:app"],
}
SETTINGS = {"no line for a request": {"LOG_LEVEL": "WARNING"}}
CHANGES = ["no ping", "pre-ping", "no reset", "no autoflush", "no compiled cache"]
DEPENDENCIES = ["sync-dependency", "async-dependency"]


class Cost(NamedTuple):
    """The cost of one round."""

    rate: float
    """Requests answered per second."""
    cpu: float
    """Microseconds of CPU time per request."""


def alternatives(ours: App) -> list[App]:
    """Return every way to serve the project, by its name."""
    python = ours.command[0]

    def with_change(name: str, base: str = ours.base) -> App:
        command = [python, "-m", "uvicorn", "changed:app"]
        settings = ours.settings | {"CHANGE": name}
        return replace(ours, name=name, command=command, settings=settings, base=base)

    return [
        replace(ours, name=USUAL),
        *(replace(ours, name=name, command=[python, *it]) for name, it in SERVERS.items()),
        *(replace(ours, name=name, settings=ours.settings | it) for name, it in SETTINGS.items()),
        *(with_change(it) for it in CHANGES),
        *(with_change(it, f"/{it}/items") for it in DEPENDENCIES),
    ]


def cpu_seconds(running: Running) -> float:
    """Return the total CPU time of a service and its workers."""
    process = psutil.Process(running.process.pid)
    times = [it.cpu_times() for it in [process, *process.children(recursive=True)]]
    return sum(it.user + it.system for it in times)


def cost(running: Running, workload: str, options: argparse.Namespace, names: str) -> Cost:
    """Load a service for one round, and return its cost."""
    before = cpu_seconds(running)
    found = drive(running, workload, options.clients, options.seconds, names)
    if found["refused"] or found["broken"]:
        raise RuntimeError(f"{running.app.name}: {found}")
    return Cost(found["rate"], (cpu_seconds(running) - before) / found["requests"] * 1e6)


def measure(services: list[App], options: argparse.Namespace) -> None:
    """Load the services in alternating rounds, and print the cost of each."""
    with ExitStack() as stack:
        all_running = [stack.enter_context(started(it)) for it in services]
        for running in all_running:
            drive(running, "get", 8, 1, "warm")
        for workload in options.workloads:
            rounds: dict[str, list[Cost]] = {}
            for number in range(options.rounds):
                for running in random.sample(all_running, len(all_running)):
                    name = running.app.name
                    names = f"{name}-{number}-{os.getpid()}"
                    rounds.setdefault(name, []).append(cost(running, workload, options, names))
            medians = {
                name: Cost(*map(statistics.median, zip(*found, strict=True)))
                for name, found in rounds.items()
            }
            for name, found in medians.items():
                print(
                    f"{options.variant}, {workload}, {name}: {found.rate:.0f}/s, CPU {found.cpu:.0f} µs;"
                    f" {found.rate / medians[USUAL].rate:.2f} and {found.cpu / medians[USUAL].cpu:.2f}"
                    " of the project as it is",
                    flush=True,
                )


def main() -> None:
    """Render a variant, and measure its alternatives."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    variants = {f"{it.session}-{it.driver}": it for it in DRIVERS if it.database == "postgresql"}
    parser.add_argument("--variant", choices=variants, default="async-asyncpg")
    parser.add_argument("--workloads", nargs="+", choices=["get", "post"], default=["get", "post"])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2, help="of one round")
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    variant = variants[options.variant]
    with tempfile.TemporaryDirectory() as folder, postgresql_server() as server:
        url = on(f"postgresql+{variant.driver}:{server.address}", "alternatives")
        ours, *_, inlined = apps(Path(folder), variant, options.python, url, POOL)
        (ours.folder / "changed.py").write_text((inlined.folder / "changed.py").read_text())
        subprocess.run(
            [UV, "pip", "install", "--quiet", "--python", ours.command[0], "granian[uvloop]"],
            check=True,
        )
        seed(ours)
        measure(alternatives(ours), options)


if __name__ == "__main__":
    main()
