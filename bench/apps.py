"""Apps, each in its own process."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from processes import clean_environment, free_port

WORKLOADS = ["get", "list", "post", "update", "bulk", "mixed"]
PATIENCE = 60  # seconds until an app must respond


@dataclass
class App:
    """A service to measure."""

    name: str
    command: list[str]
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    base: str = "/items"
    ready: str = "/items/1"
    workloads: dict[str, str] = field(default_factory=lambda: {it: it for it in WORKLOADS})


@dataclass
class Running:
    """An app in its process."""

    app: App
    process: subprocess.Popen[bytes]
    url: str
    seconds_to_start: float


@contextmanager
def started(app: App) -> Iterator[Running]:
    """Keep an app running in its own process, with its log in a file."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (app.folder / f"{app.name}.log").open("ab") as log:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [*app.command, "--port", str(port)],
            cwd=app.folder,
            env=clean_environment() | app.settings,
            stdout=log,
            stderr=log,
        )
    try:
        while True:
            try:
                if httpx2.get(url + app.ready, timeout=10).status_code < 500:
                    break
            except httpx2.TransportError:
                pass
            if process.poll() is not None or time.perf_counter() - begin > PATIENCE:
                raise RuntimeError(f"{app.name} does not start: see {app.folder}/{app.name}.log")
            time.sleep(0.01)
        yield Running(app, process, url, time.perf_counter() - begin)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def megabytes(process: subprocess.Popen[bytes]) -> float:
    """Read the resident memory of a process; 0 where the system has no /proc."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return 0.0
    line = next(it for it in status.read_text().splitlines() if it.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
